package redisstore

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// queue is where messages to one room, or annotations of its messages, wait
// while the script for those before them runs; then they go together, in one
// script. A busy room pays once for what a script costs, and a quiet one waits
// for no one.
type queue struct {
	waiting []*queued // guarded by Store.queuesMu
}

type queueKey struct {
	room        chat.RoomID
	annotations bool // messages otherwise
}

// queued is one change that waits.
type queued struct {
	ctx  context.Context
	c    *chat.Change
	done chan struct{} // closed when r and err are set
	r    chat.Result
	err  error
}

// A script takes at most so many changes, or so many bytes of text, so that
// other callers need not wait long for Redis.
const (
	batchChanges = 64
	batchBytes   = 64 << 10
)

// enqueue makes one change, together with those that wait in the same queue.
func (s *Store) enqueue(ctx context.Context, key queueKey, c *chat.Change) (chat.Result, error) {
	call := &queued{ctx: ctx, c: c, done: make(chan struct{})}
	s.queuesMu.Lock()
	if s.closed.Load() {
		s.queuesMu.Unlock()
		return chat.Result{}, fmt.Errorf("%w: the store is closed", chat.ErrUnavailable)
	}
	q := s.queues[key]
	if q == nil {
		q = &queue{}
		s.queues[key] = q
		s.running.Go(func() { s.runQueue(key, q) })
	}
	q.waiting = append(q.waiting, call)
	s.queuesMu.Unlock()
	select {
	case <-call.done:
		return call.r, call.err
	case <-ctx.Done():
		return chat.Result{}, ctx.Err()
	}
}

// runQueue makes what waits, until nothing does.
func (s *Store) runQueue(key queueKey, q *queue) {
	for {
		s.queuesMu.Lock()
		n, bytes := 0, 0
		for n < len(q.waiting) && n < batchChanges && bytes < batchBytes {
			switch op := q.waiting[n].c.Op.(type) {
			case chat.CreateMessage:
				bytes += len(op.Text)
			case chat.EditMessage:
				bytes += len(op.Text)
			}
			n++
		}
		batch := q.waiting[:n:n]
		q.waiting = q.waiting[n:]
		if n == 0 {
			delete(s.queues, key)
			s.queuesMu.Unlock()
			return
		}
		s.queuesMu.Unlock()
		s.runBatch(key, batch)
	}
}

// runBatch has each change judged by itself: a refused one does not keep the
// others back.
func (s *Store) runBatch(key queueKey, batch []*queued) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	var changes []chat.Change
	var live []*queued
	for _, call := range batch {
		if call.ctx.Err() == nil { // no one waits for the others any more
			changes, live = append(changes, *call.c), append(live, call)
		}
	}
	if len(live) == 0 {
		return
	}
	run := s.runRoom
	if key.annotations {
		run = s.annotate
	}
	results, errs, err := run(ctx, key.room, changes, true)
	for i, call := range live {
		if err != nil {
			call.err = err
		} else {
			call.r, call.err = results[i], errs[i]
		}
		close(call.done)
	}
}
