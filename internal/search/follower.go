package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
)

const (
	// delay is how long after a message its indexing begins, so that many go
	// together.
	delay = 200 * time.Millisecond
	// buildPage is how many messages are read and indexed at once while a room
	// is built.
	buildPage = 500
	// reportEvery is how often a build tells the log how far it is.
	reportEvery = 10 * time.Second
)

// Follower returns what keeps the index. Again asks its runner for a sweep.
func (x *Index) Follower(again func()) follow.Follower {
	x.again = again
	return follow.Follower{
		Name: Name, Queues: x.queues, Follows: follow.IsRoom, Cursors: x,
		Before: x.build, Handle: x.handle, EveryNode: true, Delay: delay, Parallel: 4, Batch: 500,
		Sweep: time.Minute,
	}
}

// queues gives all rooms, and notes which are not built. Afterwards it forgets
// the rooms that are gone.
func (x *Index) queues(ctx context.Context, give func([]follow.Queue) error) error {
	there := map[chat.RoomID]bool{}
	err := follow.Rooms(x.Store)(ctx, func(queues []follow.Queue) error {
		cursors, err := x.Load(ctx, queues)
		if err != nil {
			return err
		}
		var unbuilt []chat.Stream
		for i, q := range queues {
			id, _ := q.Stream.Room()
			there[id] = true
			if cursors[i].Position.Epoch == "" {
				unbuilt = append(unbuilt, q.Stream)
			}
		}
		if len(unbuilt) == 0 {
			return give(queues)
		}
		heads, err := x.Store.Heads(ctx, unbuilt...)
		if err != nil {
			return err
		}
		x.mu.Lock()
		for i, s := range unbuilt {
			id, _ := s.Room()
			x.state.wait(id, heads[i].No)
		}
		x.mu.Unlock()
		return give(queues)
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	if first := !x.state.listed; first && len(x.state.waiting) > 0 {
		x.Log.Info("building the search index", "rooms", len(x.state.waiting))
		x.state.began, x.state.reported = time.Now(), time.Now()
	}
	x.state.listed = true
	var gone []*room
	for id, r := range x.rooms {
		if !there[id] {
			gone = append(gone, r)
		}
	}
	x.mu.Unlock()
	for _, r := range gone {
		if _, err := x.Store.Room(ctx, r.id); !errors.Is(err, chat.ErrNotFound) {
			continue // made since, or it cannot be known now
		}
		if err := x.forget(ctx, r); err != nil {
			return err
		}
	}
	return x.pruneVocabulary(ctx)
}

func (x *Index) forget(ctx context.Context, r *room) error {
	err := x.change(ctx, x.Rest, func() error {
		if err := x.removeAll(r, 0, math.MaxInt64); err != nil {
			return err
		}
		return x.exec("DELETE FROM rooms WHERE num = ?", r.num)
	})
	if err == nil {
		x.mu.Lock()
		delete(x.rooms, r.id)
		delete(x.numbers, r.num)
		x.state.done(r.id)
		x.mu.Unlock()
	}
	return err
}

// Load implements [follow.Cursors]. A room that is not built has none.
func (x *Index) Load(ctx context.Context, queues []follow.Queue) ([]follow.Cursor, error) {
	cursors := make([]follow.Cursor, len(queues))
	err := x.whole(func() error {
		s, err := x.read.PrepareContext(ctx, "SELECT cursor FROM rooms WHERE id = ? AND built = -1")
		if err != nil {
			return err
		}
		defer s.Close()
		for i, q := range queues {
			id, _ := q.Stream.Room()
			rows, err := s.QueryContext(ctx, string(id))
			if err != nil {
				return err
			}
			var text string
			if rows.Next() {
				err = rows.Scan(&text)
			}
			if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
				return err
			}
			if text == "" {
				continue
			}
			if err := json.Unmarshal([]byte(text), &cursors[i]); err != nil {
				return fmt.Errorf("position of %s: %w", id, err)
			}
		}
		return nil
	})
	return cursors, err
}

// Save implements [follow.Cursors]. Positions are saved by handle, with what it
// indexes. If events were skipped, the room is read again.
func (x *Index) Save(ctx context.Context, q follow.Queue, was chat.Position, now follow.Cursor) error {
	id, _ := q.Stream.Room()
	r, err := x.known(ctx, id)
	if err != nil {
		return err
	}
	skipped := false
	if err := x.change(ctx, 0, func() error {
		var text string
		if ok, err := x.one("SELECT cursor FROM rooms WHERE num = ?", []any{r.num}, &text); err != nil || !ok {
			return err
		}
		var kept follow.Cursor
		if text != "" {
			if err := json.Unmarshal([]byte(text), &kept); err != nil {
				return err
			}
		}
		skipped = !now.SkippedAt.Equal(kept.SkippedAt)
		if skipped {
			return x.exec("UPDATE rooms SET cursor = '', built = 0 WHERE num = ?", r.num)
		}
		return x.keep(r, now)
	}); err != nil || !skipped {
		return err
	}
	x.Log.Info("the search index reads a room again", "room", id, "reason", "its log does not reach back")
	return x.build(ctx, q)
}

// keep saves a cursor. The lane is held.
func (x *Index) keep(r *room, c follow.Cursor) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return x.exec("UPDATE rooms SET cursor = ? WHERE num = ?", string(text), r.num)
}

// known returns what the index knows of a room, and begins to know it if it
// does not.
func (x *Index) known(ctx context.Context, id chat.RoomID) (*room, error) {
	x.mu.RLock()
	r := x.rooms[id]
	x.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	var home *room
	if chat.IsThread(id) {
		in, err := x.Store.Room(ctx, id)
		if err != nil {
			return nil, err
		}
		if home, err = x.known(ctx, in.Parent); err != nil {
			return nil, err
		}
	}
	r = &room{id: id}
	err := x.change(ctx, 0, func() error {
		if err := x.exec("INSERT INTO rooms (id, home) VALUES (?, 0) ON CONFLICT DO NOTHING",
			string(id)); err != nil {
			return err
		}
		if _, err := x.one("SELECT num FROM rooms WHERE id = ?", []any{string(id)}, &r.num); err != nil {
			return err
		}
		if r.home = r.num; home != nil {
			r.home = home.num
		}
		return x.exec("UPDATE rooms SET home = ? WHERE num = ?", r.home, r.num)
	})
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if other := x.rooms[id]; other != nil {
		return other, nil
	}
	x.rooms[id], x.numbers[r.num] = r, r
	return r, nil
}

// build reads a room through that has no position yet. It goes on where it was
// interrupted; what happened since the beginning is in the events that follow.
func (x *Index) build(ctx context.Context, q follow.Queue) error {
	id, _ := q.Stream.Room()
	r, err := x.known(ctx, id)
	if err != nil {
		return err
	}
	var built int64
	var begun string
	if err := x.whole(func() error {
		return x.read.QueryRowContext(ctx, "SELECT built, cursor FROM rooms WHERE num = ?",
			r.num).Scan(&built, &begun)
	}); err != nil || built < 0 {
		return err
	}
	if begun == "" {
		heads, err := x.Store.Heads(ctx, q.Stream)
		if err != nil {
			return err
		}
		head := heads[0]
		if head.Epoch == "" {
			return chat.ErrNotFound
		}
		if err := x.change(ctx, 0, func() error {
			if err := x.removeAll(r, head.No, math.MaxInt64); err != nil { // rolled back
				return err
			}
			return x.keep(r, follow.Cursor{Position: head.Position})
		}); err != nil {
			return err
		}
	}
	for built >= 0 {
		page, err := x.Store.Messages(ctx, id, chat.Page{From: chat.After, No: built, Limit: buildPage})
		if err != nil {
			return err
		}
		after := built
		if err := x.change(ctx, min(x.Rest, 1), func() error {
			for i := range page {
				m := &page[i]
				if m.No > after+1 { // trimmed
					if err := x.removeAll(r, after, m.No-1); err != nil {
						return err
					}
				}
				if err := x.put(r, m); err != nil {
					return err
				}
				after = m.No
			}
			if built = after; len(page) < buildPage {
				built = -1
			}
			return x.exec("UPDATE rooms SET built = ? WHERE num = ?", built, r.num)
		}); err != nil {
			return err
		}
		x.report(id, len(page), built < 0)
	}
	return nil
}

// handle indexes what events say of messages, and saves the position with it.
func (x *Index) handle(ctx context.Context, q follow.Queue, events []chat.Event) (int, error) {
	id, _ := q.Stream.Room()
	r, err := x.known(ctx, id)
	if err != nil {
		return 0, err
	}
	err = x.change(ctx, x.Rest, func() error {
		for i := range events {
			switch e := &events[i]; {
			case e.Kind == chat.MessagesTrimmed:
				err = x.removeAll(r, 0, e.Trimmed)
			case e.Message != nil && e.Kind != chat.ThreadMoved:
				err = x.put(r, e.Message)
			}
			if err != nil {
				return err
			}
		}
		return x.keep(r, follow.Cursor{Position: events[len(events)-1].Position()})
	})
	if err != nil {
		return 0, err
	}
	return len(events), nil
}
