package outgoing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
)

// Name is the follower's name.
const Name = "outgoing"

// Follower returns the follower that serves the webhooks.
func (s *Sender) Follower() follow.Follower {
	return follow.Follower{
		Name: Name, Queues: s.queues, Cursors: s, Before: s.redeliver, Handle: s.handle,
		GiveUp: s.giveUp, Retry: s.Retry, Batch: 10, Parallel: parallel, Sweep: s.Sweep,
	}
}

func (s *Sender) now() time.Time { return s.Service.Now().UTC().Truncate(time.Millisecond) }

func queueOf(o chat.StoredOutgoing) follow.Queue {
	return follow.Queue{ID: string(o.Room) + "/" + o.ID, Stream: chat.RoomStream(o.Room),
		Due: len(o.Again) > 0}
}

// webhookOf takes a queue's id apart.
func webhookOf(q follow.Queue) (chat.RoomID, string) {
	room, id, _ := strings.Cut(q.ID, "/")
	return chat.RoomID(room), id
}

func cursorOf(o chat.StoredOutgoing) follow.Cursor {
	return follow.Cursor{Position: o.Position, Attempts: o.Attempts, NextAt: o.NextAt, Error: o.Error,
		GivenUp: o.Dead, Skipped: o.Skipped, SkippedAt: o.SkippedAt}
}

func (s *Sender) queues(ctx context.Context, give func([]follow.Queue) error) error {
	for after := ""; ; {
		page, next, err := s.Service.AllOutgoing(ctx, after)
		if err != nil || next == "" {
			return err
		}
		after = next
		if len(page) == 0 {
			continue
		}
		var queues []follow.Queue
		s.listed = map[string]follow.Cursor{}
		for _, o := range page {
			q := queueOf(o)
			queues = append(queues, q)
			s.listed[q.ID] = cursorOf(o)
		}
		if err := give(queues); err != nil {
			return err
		}
	}
}

// Load implements [follow.Cursors]. For a sweep it has what was just listed.
func (s *Sender) Load(ctx context.Context, queues []follow.Queue) ([]follow.Cursor, error) {
	cursors := make([]follow.Cursor, len(queues))
	for i, q := range queues {
		if len(queues) > 1 {
			cursors[i] = s.listed[q.ID]
			continue
		}
		room, id := webhookOf(q)
		o, err := s.Service.OneOutgoing(ctx, room, id)
		if err != nil {
			return nil, err
		}
		if !o.EndedAt.IsZero() {
			return nil, chat.ErrNotFound
		}
		cursors[i] = cursorOf(o)
	}
	return cursors, nil
}

// Save implements [follow.Cursors].
func (s *Sender) Save(ctx context.Context, q follow.Queue, was chat.Position, now follow.Cursor) error {
	room, id := webhookOf(q)
	s.sentMu.Lock()
	sentAt, sent := s.sent[q.ID]
	delete(s.sent, q.ID)
	s.sentMu.Unlock()
	further := false
	_, err := s.Service.ChangeOutgoing(ctx, room, id, func(o *chat.StoredOutgoing) {
		if further = o.Position != was; further {
			return
		}
		o.Position, o.Attempts, o.NextAt, o.Error = now.Position, now.Attempts, now.NextAt, now.Error
		o.Dead, o.Skipped, o.SkippedAt = now.GivenUp, now.Skipped, now.SkippedAt
		if sent {
			o.SentAt, o.PausedAt = sentAt, time.Time{}
		}
	})
	if further && err == nil {
		err = chat.ErrConflict
	}
	return err
}

// handle posts the first event that the webhook wants. The ones behind it are
// read anew, so that each is shown as it is when it is sent.
func (s *Sender) handle(ctx context.Context, q follow.Queue, events []chat.Event) (int, error) {
	room, id := webhookOf(q)
	o, err := s.Service.OneOutgoing(ctx, room, id)
	if errors.Is(err, chat.ErrNotFound) || err == nil && !o.EndedAt.IsZero() {
		return 0, follow.ErrPaused
	}
	if err != nil {
		return 0, err
	}
	for i, e := range events {
		if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, e.Kind) {
			continue
		}
		if ok, err := s.Service.MayDeliver(ctx, o); err != nil {
			return i, err
		} else if !ok {
			return i, follow.ErrPaused
		}
		err := s.Post(ctx, chat.Delivery{Webhook: o.Outgoing, Secret: o.Secret, Event: e})
		if ctx.Err() != nil {
			return i, ctx.Err()
		}
		failure, ours := asDelivery(err)
		switch {
		case ours != nil:
			return i, ours
		case failure == nil:
			s.sentMu.Lock()
			s.sent[q.ID] = s.now()
			s.sentMu.Unlock()
			return i + 1, nil
		case failure.Gone:
			_, err := s.Service.ChangeOutgoing(ctx, room, id,
				func(o *chat.StoredOutgoing) { end(o, s, failure) })
			if err == nil {
				err = follow.ErrPaused
			}
			return 0, err
		}
		return i, later{failure}
	}
	return len(events), nil
}

// end ends a webhook whose receiver is gone.
func end(o *chat.StoredOutgoing, s *Sender, failure *chat.DeliveryError) {
	o.EndedAt, o.Error = s.now(), failure.Reason
}

// later is a failure that may ask for a longer pause.
type later struct{ *chat.DeliveryError }

// RetryAfter implements [follow.RetryAfter].
func (l later) RetryAfter() time.Duration { return l.DeliveryError.RetryAfter }

// asDelivery tells a receiver's failure from ours.
func asDelivery(err error) (failure *chat.DeliveryError, ours error) {
	if failure, ok := errors.AsType[*chat.DeliveryError](err); ok {
		return failure, nil
	}
	return nil, err
}

// giveUp keeps an event as a dead letter.
func (s *Sender) giveUp(ctx context.Context, q follow.Queue, e chat.Event, attempts int, cause error) error {
	room, id := webhookOf(q)
	return s.Service.AddDeadLetter(ctx, room, id, chat.DeadLetter{
		ID: fmt.Sprintf("%019d-%s", e.Seq, e.ID), Event: e.ID, Kind: e.Kind,
		After: chat.Position{Epoch: e.Epoch, Seq: e.Seq - 1, ID: e.Prev},
		Error: cause.Error(), Attempts: attempts, At: s.now(),
	})
}

// redeliver tries the dead letters once more that a moderator asked for.
func (s *Sender) redeliver(ctx context.Context, q follow.Queue) error {
	room, id := webhookOf(q)
	o, err := s.Service.OneOutgoing(ctx, room, id)
	if err != nil || len(o.Again) == 0 || !o.EndedAt.IsZero() {
		return err
	}
	if ok, err := s.Service.MayDeliver(ctx, o); err != nil || !ok {
		return err
	}
	letters, err := s.Service.DeadLetters(ctx, room, id)
	if err != nil {
		return err
	}
	for _, l := range letters {
		if !slices.Contains(o.Again, l.ID) {
			continue
		}
		failure, err := s.retry(ctx, o, l)
		if err != nil {
			return err
		}
		if failure == nil {
			err = s.Service.ForgetDeadLetter(ctx, room, id, l.ID)
		} else {
			l.Error, l.Attempts, l.At = failure.Reason, l.Attempts+1,
				s.now()
			err = s.Service.AddDeadLetter(ctx, room, id, l)
		}
		if err != nil {
			return err
		}
		_, err = s.Service.ChangeOutgoing(ctx, room, id, func(now *chat.StoredOutgoing) {
			now.Again = slices.DeleteFunc(now.Again, func(id string) bool { return id == l.ID })
			switch {
			case failure == nil:
				now.SentAt, now.Error = s.now(), ""
			case failure.Gone:
				end(now, s, failure)
			}
		})
		if err != nil || failure != nil && failure.Gone {
			return err
		}
	}
	_, err = s.Service.ChangeOutgoing(ctx, room, id, func(now *chat.StoredOutgoing) { // those that are gone
		now.Again = slices.DeleteFunc(now.Again, func(id string) bool { return slices.Contains(o.Again, id) })
	})
	return err
}

// retry posts the event of a dead letter.
func (s *Sender) retry(ctx context.Context, o chat.StoredOutgoing,
	l chat.DeadLetter) (*chat.DeliveryError, error) {
	events, err := s.Service.Store.Events(ctx, chat.RoomStream(o.Room), l.After, 1)
	if errors.Is(err, chat.ErrResync) || err == nil && (len(events) == 0 || events[0].ID != l.Event) {
		return &chat.DeliveryError{Reason: "the log does not reach back to this event any more"}, nil
	}
	if err != nil {
		return nil, err
	}
	err = s.Post(ctx, chat.Delivery{Webhook: o.Outgoing, Secret: o.Secret, Event: events[0]})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return asDelivery(err)
}
