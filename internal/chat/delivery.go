package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// Parcel is an event on its way to the receiver of an outgoing webhook.
type Parcel struct {
	Webhook Outgoing
	Secret  string // key of the signature
	Event   Event
}

// DeliveryError says why a receiver did not accept an event, in words that may
// be shown to people.
type DeliveryError struct {
	Reason     string
	Gone       bool          // the receiver wants nothing any more
	RetryAfter time.Duration // what the receiver asked for, 0 if nothing
}

func (e *DeliveryError) Error() string { return e.Reason }

// Patience says how often and when an event is tried.
type Patience struct {
	Attempts       int           // then it is given up
	First, Longest time.Duration // the wait after the first failure doubles with each, up to the longest
}

// after is how long to wait after that many failures: somewhere in the upper
// half, so that not all come back at once.
func (p Patience) after(failures int, asked time.Duration) time.Duration {
	wait := p.Longest
	if n := failures - 1; n < 30 && p.First<<n < p.Longest {
		wait = p.First << n
	}
	wait = wait/2 + rand.N(wait/2+1)
	return max(wait, min(asked, p.Longest))
}

const (
	// maxPass is how many events one webhook is given before others have their
	// turn.
	maxPass = 100
	// maxUnwanted is how many events that it does not want are passed over at
	// once.
	maxUnwanted = 1000
)

// DueOutgoing returns the webhooks that there is something to do for now.
func (s *Service) DueOutgoing(ctx context.Context) ([]Outgoing, error) {
	var due []Outgoing
	for after := ""; ; {
		records, err := s.Store.Records(ctx, outgoingKind, after, s.Limits.PageMax)
		if err != nil || len(records) == 0 {
			return due, err
		}
		after = records[len(records)-1].ID
		var waiting []outgoing
		var streams []Stream
		for _, r := range records {
			o, err := readOutgoing(r)
			if err != nil {
				return nil, err
			}
			if o.EndedAt.IsZero() && !s.now().Before(o.NextAt) {
				waiting, streams = append(waiting, o), append(streams, RoomStream(o.Room))
			}
		}
		if len(waiting) == 0 {
			continue
		}
		heads, err := s.Store.Heads(ctx, streams...)
		if err != nil {
			return nil, err
		}
		for i, o := range waiting {
			if h := heads[i]; h.Epoch != "" &&
				(h.Seq != o.Position.Seq || h.Epoch != o.Position.Epoch) || len(o.Again) > 0 {
				due = append(due, o.Outgoing)
			}
		}
	}
}

// Deliver hands the events that a webhook has not had yet to deliver, in the
// order of the room and one after the other, until one fails, none is left or
// others should have their turn. Each is shown as it is at that moment. It may
// be handed over again if the server stops before it has kept that it was
// accepted. deliver returns nil if the event was accepted, otherwise a
// [DeliveryError]. Deliver is to be called by one node at a time.
func (s *Service) Deliver(ctx context.Context, webhook Outgoing, p Patience,
	deliver func(context.Context, Parcel) error) error {
	err := s.deliverAgain(ctx, webhook, deliver)
	for n := 0; err == nil && n < maxPass; n++ {
		var more bool
		if more, err = s.deliverNext(ctx, webhook, p, deliver); !more {
			break
		}
	}
	if errors.Is(err, ErrNotFound) { // deleted meanwhile
		return nil
	}
	return err
}

// deliverNext hands over one event, and reports whether there may be another.
func (s *Service) deliverNext(ctx context.Context, webhook Outgoing, p Patience,
	deliver func(context.Context, Parcel) error) (more bool, err error) {
	o, _, err := s.outgoing(ctx, webhook.Room, webhook.ID)
	if err != nil || !o.EndedAt.IsZero() || s.now().Before(o.NextAt) {
		return false, err
	}
	from := o.Position
	event, found, err := s.nextFor(ctx, &o)
	if err != nil {
		return false, err
	}
	var failure *DeliveryError
	if found {
		if ok, err := s.mayDeliver(ctx, o); !ok {
			return false, err
		}
		o.PausedAt = time.Time{}
		err := deliver(ctx, Parcel{Webhook: o.Outgoing, Secret: o.Secret, Event: event})
		if ctx.Err() != nil {
			return false, ctx.Err() // nobody's failure
		}
		if failure, err = asDelivery(err); err != nil {
			return false, err
		}
		switch {
		case failure == nil:
			o.Position, o.Attempts, o.NextAt, o.Error, o.SentAt = event.Position(), 0, time.Time{},
				"", s.now()
		case failure.Gone:
			o.EndedAt, o.Error = s.now(), failure.Reason
		case o.Attempts+1 >= p.Attempts:
			letter := DeadLetter{
				ID: fmt.Sprintf("%019d-%s", event.Seq, event.ID), Event: event.ID, Kind: event.Kind,
				After: Position{Epoch: event.Epoch, Seq: event.Seq - 1, ID: event.Prev},
				Error: failure.Reason, Attempts: o.Attempts + 1, At: s.now(),
			}
			if err := s.bury(ctx, o.Room, o.ID, letter); err != nil {
				return false, err
			}
			o.Position, o.Attempts, o.NextAt, o.Error = event.Position(), 0, time.Time{}, failure.Reason
			o.Dead++
		default:
			o.Attempts++
			o.NextAt, o.Error = s.now().Add(p.after(o.Attempts, failure.RetryAfter)), failure.Reason
		}
	} else if o.Position == from {
		return false, nil
	}
	_, err = s.changeOutgoing(ctx, o.Room, o.ID, func(now *outgoing) {
		if now.Position == from { // else another node, which was thought to be dead, is further
			again := now.Again
			*now = o
			now.Again = again
		}
	})
	return found && err == nil, err
}

// asDelivery tells a receiver's failure from ours.
func asDelivery(err error) (*DeliveryError, error) {
	if err == nil {
		return nil, nil
	}
	if failure, ok := errors.AsType[*DeliveryError](err); ok {
		return failure, nil
	}
	return nil, err
}

// nextFor finds the next event that the webhook wants, and moves its position
// up to it.
func (s *Service) nextFor(ctx context.Context, o *outgoing) (Event, bool, error) {
	for range maxUnwanted {
		events, err := s.Store.Events(ctx, RoomStream(o.Room), o.Position, 1)
		if errors.Is(err, ErrResync) {
			if err := s.skip(ctx, o); err != nil {
				return Event{}, false, err
			}
			continue
		}
		if err != nil || len(events) == 0 {
			return Event{}, false, err
		}
		if len(o.Kinds) == 0 || slices.Contains(o.Kinds, events[0].Kind) {
			return events[0], true, nil
		}
		o.Position = events[0].Position()
	}
	return Event{}, false, nil
}

// skip moves a webhook, whose position the log does not reach back to, as
// little as is needed for going on. What the log has lost is its oldest part,
// mostly, so that the place is found by halving.
func (s *Service) skip(ctx context.Context, o *outgoing) error {
	heads, err := s.Store.Heads(ctx, RoomStream(o.Room))
	if err != nil {
		return err
	}
	head, was := heads[0].Position, o.Position
	o.Position, o.SkippedAt, o.Attempts, o.NextAt = head, s.now(), 0, time.Time{}
	if head.Epoch != was.Epoch || head.Seq <= was.Seq {
		return nil
	}
	var failure error
	at := func(i int) Position { return Position{Epoch: was.Epoch, Seq: was.Seq + 1 + int64(i)} }
	n := sort.Search(int(head.Seq-was.Seq-1), func(i int) bool {
		_, err := s.Store.Events(ctx, RoomStream(o.Room), at(i), 1)
		if err != nil && !errors.Is(err, ErrResync) {
			failure = err
		}
		return err == nil
	})
	if failure != nil {
		return failure
	}
	if p := at(n); p.Seq < head.Seq {
		o.Position = p
	}
	o.Skipped += o.Position.Seq - was.Seq
	return nil
}

// deliverAgain tries the dead letters once more that somebody asked for.
func (s *Service) deliverAgain(ctx context.Context, webhook Outgoing,
	deliver func(context.Context, Parcel) error) error {
	o, _, err := s.outgoing(ctx, webhook.Room, webhook.ID)
	if err != nil || len(o.Again) == 0 || !o.EndedAt.IsZero() {
		return err
	}
	letters, err := s.deadLetters(ctx, o.Room, o.ID)
	if err != nil {
		return err
	}
	if ok, err := s.mayDeliver(ctx, o); !ok {
		return err
	}
	for _, l := range letters {
		if !slices.Contains(o.Again, l.ID) {
			continue
		}
		failure, err := s.redeliver(ctx, o, l, deliver)
		if err != nil {
			return err
		}
		if failure == nil {
			err = s.forgetDead(ctx, o.Room, o.ID, l.ID)
		} else {
			l.Error, l.Attempts, l.At = failure.Reason, l.Attempts+1, s.now()
			err = s.putDead(ctx, o.Room, o.ID, l)
		}
		if err != nil {
			return err
		}
		_, err = s.changeOutgoing(ctx, o.Room, o.ID, func(now *outgoing) {
			now.Again = slices.DeleteFunc(now.Again, func(id string) bool { return id == l.ID })
			switch {
			case failure == nil:
				now.SentAt, now.Error = s.now(), ""
			case failure.Gone:
				now.EndedAt, now.Error = s.now(), failure.Reason
			}
		})
		if err != nil || failure != nil && failure.Gone {
			return err
		}
	}
	_, err = s.changeOutgoing(ctx, o.Room, o.ID, func(now *outgoing) { // those that are no more
		now.Again = slices.DeleteFunc(now.Again, func(id string) bool { return slices.Contains(o.Again, id) })
	})
	return err
}

func (s *Service) redeliver(ctx context.Context, o outgoing, l DeadLetter,
	deliver func(context.Context, Parcel) error) (*DeliveryError, error) {
	events, err := s.Store.Events(ctx, RoomStream(o.Room), l.After, 1)
	if errors.Is(err, ErrResync) || err == nil && (len(events) == 0 || events[0].ID != l.Event) {
		return &DeliveryError{Reason: "the log does not reach back to this event any more"}, nil
	}
	if err != nil {
		return nil, err
	}
	err = deliver(ctx, Parcel{Webhook: o.Outgoing, Secret: o.Secret, Event: events[0]})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return asDelivery(err)
}
