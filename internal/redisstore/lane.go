package redisstore

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// lane is where sends to one room wait while the script of those before them is
// under way: then they go together, in one script. A busy room so pays once for
// what a script costs, and a quiet one waits for nobody.
type lane struct {
	waiting []*send // guarded by Store.lanesMu
}

// send is one message that waits for its number.
type send struct {
	ctx  context.Context
	c    *chat.Change
	done chan struct{} // closed when r and err are set
	r    chat.Result
	err  error
}

// A script takes at most so many messages, or so many bytes of text, that Redis
// is not kept from others.
const (
	laneMessages = 64
	laneBytes    = 64 << 10
)

// commitMessage sends one message, together with those that wait for the same
// room.
func (s *Store) commitMessage(ctx context.Context, room chat.RoomID, c *chat.Change) (chat.Result, error) {
	call := &send{ctx: ctx, c: c, done: make(chan struct{})}
	s.lanesMu.Lock()
	if s.closed.Load() {
		s.lanesMu.Unlock()
		return chat.Result{}, fmt.Errorf("%w: the store is closed", chat.ErrUnavailable)
	}
	l := s.lanes[room]
	if l == nil {
		l = &lane{}
		s.lanes[room] = l
		s.running.Go(func() { s.runLane(room, l) })
	}
	l.waiting = append(l.waiting, call)
	s.lanesMu.Unlock()
	select {
	case <-call.done:
		return call.r, call.err
	case <-ctx.Done():
		return chat.Result{}, ctx.Err()
	}
}

// runLane sends what waits, until nothing does.
func (s *Store) runLane(room chat.RoomID, l *lane) {
	for {
		s.lanesMu.Lock()
		n, bytes := 0, 0
		for n < len(l.waiting) && n < laneMessages && bytes < laneBytes {
			bytes += len(l.waiting[n].c.Op.(chat.CreateMessage).Text)
			n++
		}
		batch := l.waiting[:n:n]
		l.waiting = l.waiting[n:]
		if n == 0 {
			delete(s.lanes, room)
			s.lanesMu.Unlock()
			return
		}
		s.lanesMu.Unlock()
		s.sendBatch(room, batch)
	}
}

// sendBatch has each message judged by itself: one that is refused keeps none
// of the others.
func (s *Store) sendBatch(room chat.RoomID, batch []*send) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	var changes []chat.Change
	var live []*send
	for _, call := range batch {
		if call.ctx.Err() == nil { // nobody waits for the others any more
			changes, live = append(changes, *call.c), append(live, call)
		}
	}
	if len(live) == 0 {
		return
	}
	results, errs, err := s.runRoom(ctx, room, changes, true)
	for i, call := range live {
		if err != nil {
			call.err = err
		} else {
			call.r, call.err = results[i], errs[i]
		}
		close(call.done)
	}
}
