package redisstore

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// queue collects messages to one room, or annotations of its messages, while a
// script for earlier ones runs; then one script writes them all. A busy room
// shares the cost of a script, and a quiet room does not wait.
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

// Bounds on the changes and the bytes of text of one script, so that other
// callers do not wait long for Redis.
const (
	batchChanges = 64
	batchBytes   = 64 << 10
)

// enqueue writes one change, together with others in the same queue.
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
	if c.OnQueued != nil {
		c.OnQueued()
	}
	s.queuesMu.Unlock()
	select {
	case <-call.done:
		return call.r, call.err
	case <-ctx.Done():
		return chat.Result{}, ctx.Err()
	}
}

// runQueue writes batches until the queue is empty.
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

// runBatch writes independent changes: an error of one does not affect the
// others.
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
