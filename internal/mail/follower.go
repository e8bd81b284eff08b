package mail

import (
	"context"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
)

// Name is the follower's name.
const Name = "mail"

// The follower has two kinds of queues. Of a room's, each message is queued in
// the mail of those whom it concerns. A person's has no events: it is there as
// long as they have something to send, and is served when that is due. So an
// address that does not work keeps no one else waiting.

// personPrefix is how the ids of people's queues begin; a room's is its stream.
const personPrefix = "person/"

// parallel is how many people and rooms are served at the same time.
const parallel = 4

// Follower returns the follower that sends.
func (s *Sender) Follower() follow.Follower {
	return follow.Follower{
		Name: Name, Queues: s.people, Cursors: cursors{s},
		Before: s.serve, Handle: s.handle, Parallel: parallel, Sweep: s.Sweep,
		Retry: follow.RetryPolicy{First: time.Second, Most: time.Minute},
	}.AlsoRooms(s.Service.Store, nil)
}

func personOf(q follow.Queue) (chat.UserID, bool) {
	id, ok := strings.CutPrefix(q.ID, personPrefix)
	return chat.UserID(id), ok
}

// people gives those who have something to send.
func (s *Sender) people(ctx context.Context, give func([]follow.Queue) error) error {
	if err := s.Service.ServeResets(ctx); err != nil { // which gives some something to send
		return err
	}
	for after := ""; ; {
		busy, next, err := s.Service.MailQueues(ctx, after)
		if err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		after = next
		queues := make([]follow.Queue, len(busy))
		for i, user := range busy {
			queues[i] = follow.Queue{ID: personPrefix + string(user), Stream: chat.UserStream(user),
				Due: true}
		}
		if len(queues) > 0 {
			if err := give(queues); err != nil {
				return err
			}
		}
	}
}

// serve sends what is due to a person.
func (s *Sender) serve(ctx context.Context, q follow.Queue) error {
	user, ok := personOf(q)
	if !ok {
		return nil
	}
	next, err := s.Service.ServeMail(ctx, user,
		func(attempts int) time.Duration { return s.Retry.Pause(attempts, nil) })
	if err == nil && next.IsZero() {
		err = follow.ErrPaused // until a sweep finds that there is something
	}
	return err
}

// handle queues what happened in a room. A person's queue has only a time.
func (s *Sender) handle(ctx context.Context, q follow.Queue, events []chat.Event) (int, error) {
	room, ok := q.Stream.Room()
	if !ok {
		return 0, follow.ErrPaused
	}
	var messages []*chat.Message
	for _, e := range events {
		if e.Kind == chat.MessageCreated {
			messages = append(messages, e.Message)
		}
	}
	if err := s.Service.QueueMail(ctx, room, messages); err != nil {
		return 0, err
	}
	return len(events), nil
}

// cursors of people are when they are served next, which their mail says.
type cursors struct{ s *Sender }

// Load implements [follow.Cursors].
func (c cursors) Load(ctx context.Context, queues []follow.Queue) ([]follow.Cursor, error) {
	all := make([]follow.Cursor, len(queues))
	for i, q := range queues {
		user, _ := personOf(q)
		var err error
		if all[i].NextAt, err = c.s.Service.MailDue(ctx, user); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Save implements [follow.Cursors].
func (cursors) Save(context.Context, follow.Queue, chat.Position, follow.Cursor) error { return nil }
