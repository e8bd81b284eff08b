package push

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
)

// Name is the follower's name.
const Name = "push"

// The follower has two kinds of queues. Of a room's, each message is queued for
// the devices of those whom it notifies. Of a device's, what is queued is sent;
// it follows its person's stream, which says what was read elsewhere and that
// the log-in is over. So a push service that is away keeps only its own devices
// waiting. Without devices there are no queues, and nothing to do.

// devicePrefix is how the ids of devices' queues begin; a room's is its stream.
const devicePrefix = "device/"

// people are those with devices, sorted, as of the last sweep.
type people struct {
	mu  sync.Mutex
	ids []chat.UserID
}

func (p *people) set(ids []chat.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids = slices.Clone(ids)
	slices.Sort(ids)
	p.ids = slices.Compact(ids)
}

func (p *people) all() []chat.UserID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids
}

// Follower returns the follower that notifies.
func (s *Sender) Follower() follow.Follower {
	return follow.Follower{
		Name: Name, Queues: s.devices, Cursors: cursors{s},
		Before: s.serve, Handle: s.handle, Parallel: parallel, Sweep: s.Sweep,
		Retry: follow.RetryPolicy{First: time.Second, Most: time.Minute},
	}.AlsoRooms(s.Service.Store, func() bool { return len(s.people.all()) == 0 })
}

func queueOf(d chat.StoredPush) follow.Queue {
	return follow.Queue{ID: devicePrefix + string(d.User) + "/" + string(d.ID),
		Stream: chat.UserStream(d.User), Due: len(d.Waiting) > 0}
}

func cursorOf(d chat.StoredPush) follow.Cursor {
	return follow.Cursor{Position: d.Position, NextAt: d.Wake()}
}

// deviceOf takes a queue's id apart.
func deviceOf(q follow.Queue) (user chat.UserID, device chat.SessionID, ok bool) {
	id, ok := strings.CutPrefix(q.ID, devicePrefix)
	u, d, _ := strings.Cut(id, "/")
	return chat.UserID(u), chat.SessionID(d), ok
}

// devices gives the devices.
func (s *Sender) devices(ctx context.Context, give func([]follow.Queue) error) error {
	var ids []chat.UserID
	for after := ""; ; {
		page, next, err := s.Service.AllPush(ctx, after)
		if err != nil {
			return err
		}
		if next == "" {
			break
		}
		after = next
		queues := make([]follow.Queue, len(page))
		s.listed = map[string]follow.Cursor{}
		for i, d := range page {
			queues[i] = queueOf(d)
			s.listed[queues[i].ID] = cursorOf(d)
			ids = append(ids, d.User)
		}
		// Told before, so that a room that is served now knows them.
		s.people.set(ids)
		if err := give(queues); err != nil {
			return err
		}
	}
	s.people.set(ids)
	return nil
}

// serve sends what a device waits for.
func (s *Sender) serve(ctx context.Context, q follow.Queue) error {
	user, device, ok := deviceOf(q)
	if !ok {
		return nil
	}
	return s.Service.ServePush(ctx, user, device,
		func(attempts int) time.Duration { return s.Retry.Pause(attempts, nil) })
}

func (s *Sender) handle(ctx context.Context, q follow.Queue, events []chat.Event) (int, error) {
	if user, device, ok := deviceOf(q); ok {
		if err := s.Service.PushEvents(ctx, user, device, events); err != nil {
			return 0, err
		}
		return len(events), nil
	}
	room, _ := q.Stream.Room()
	var messages []*chat.Message
	for _, e := range events {
		if e.Kind == chat.MessageCreated {
			messages = append(messages, e.Message)
		}
	}
	queued, err := s.Service.QueuePush(ctx, room, s.people.all(), messages)
	for _, user := range queued {
		s.Wake(chat.UserStream(user))
	}
	if err != nil {
		return 0, err
	}
	return len(events), nil
}

// cursors keeps the cursors of devices with the devices.
type cursors struct{ s *Sender }

// Load implements [follow.Cursors].
func (c cursors) Load(ctx context.Context, queues []follow.Queue) ([]follow.Cursor, error) {
	all := make([]follow.Cursor, len(queues))
	for i, q := range queues {
		if len(queues) > 1 { // a sweep, which has just listed them
			all[i] = c.s.listed[q.ID]
			continue
		}
		user, device, _ := deviceOf(q)
		d, err := c.s.Service.OnePush(ctx, user, device)
		if err != nil {
			return nil, err
		}
		all[i] = cursorOf(d)
	}
	return all, nil
}

// Save implements [follow.Cursors].
func (c cursors) Save(ctx context.Context, q follow.Queue, was chat.Position, now follow.Cursor) error {
	user, device, _ := deviceOf(q)
	further := false
	_, err := c.s.Service.ChangePush(ctx, user, device, func(d *chat.StoredPush) {
		if further = d.Position != was; !further {
			d.Position = now.Position
		}
	})
	if further && err == nil {
		err = chat.ErrConflict
	}
	return err
}
