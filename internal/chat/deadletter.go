package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// deadKind is the kind of record of a dead letter, with the id
	// "<room>/<webhook>/<letter>".
	deadKind = "deadletter"
	// maxDead is how many dead letters a webhook keeps: the newest.
	maxDead = 100
)

// DeadLetter is an event that could not be delivered. It does not contain the
// event's payload, which is read again for a retry.
type DeadLetter struct {
	ID       string    `json:"id" doc:"Id"`
	Event    string    `json:"event" doc:"Id of the event"`
	Kind     Kind      `json:"kind" doc:"Kind of the event"`
	After    Position  `json:"after" doc:"Position just before the event"`
	Error    string    `json:"error" doc:"Error of the last attempt"`
	Attempts int       `json:"attempts" doc:"Number of attempts"`
	At       time.Time `json:"at" doc:"When delivery was given up"`
}

// DeadList lists the dead letters of a webhook.
type DeadList struct {
	Dead []DeadLetter `json:"dead" doc:"Oldest first; the newest 100 are kept"`
}

// RetryInput names dead letters of a webhook.
type RetryInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	Webhook string `json:"webhook" doc:"Id of the webhook"`
	Dead    string `json:"dead,omitempty" doc:"Id of a dead letter; default all of the webhook"`
}

// ListDead returns the dead letters of a webhook in a room that the caller
// moderates.
func (s *Service) ListDead(ctx context.Context, who Caller, in OutgoingIDInput) (DeadList, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return DeadList{}, err
	}
	if _, _, err := s.outgoing(ctx, in.Room, in.Webhook); err != nil {
		return DeadList{}, err
	}
	letters, err := s.DeadLetters(ctx, in.Room, in.Webhook)
	return DeadList{Dead: append([]DeadLetter{}, letters...)}, err
}

// RetryDead schedules another attempt for dead letters, and retries the current
// event at once.
func (s *Service) RetryDead(ctx context.Context, who Caller, in RetryInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	o, _, err := s.outgoing(ctx, in.Room, in.Webhook)
	if err != nil {
		return None{}, err
	}
	if !o.EndedAt.IsZero() {
		return None{}, &Error{Code: CodeConflict,
			Message: "The receiver ended this webhook. Create another one."}
	}
	letters, err := s.DeadLetters(ctx, in.Room, in.Webhook)
	if err != nil {
		return None{}, err
	}
	var again []string
	for _, l := range letters {
		if in.Dead == "" || in.Dead == l.ID {
			again = append(again, l.ID)
		}
	}
	if in.Dead != "" && again == nil {
		return None{}, ErrNotFound
	}
	_, err = s.ChangeOutgoing(ctx, in.Room, in.Webhook, func(o *StoredOutgoing) {
		o.NextAt = time.Time{}
		for _, id := range again {
			if !slices.Contains(o.Again, id) {
				o.Again = append(o.Again, id)
			}
		}
		slices.Sort(o.Again)
		o.Again = o.Again[max(0, len(o.Again)-maxDead):]
	})
	s.outgoingChanged()
	return None{}, err
}

func deadID(room RoomID, webhook, letter string) string {
	return outgoingID(room, webhook) + "/" + letter
}

// DeadLetters returns the dead letters of a webhook, oldest first.
func (s *Service) DeadLetters(ctx context.Context, room RoomID, webhook string) ([]DeadLetter, error) {
	prefix := deadID(room, webhook, "")
	records, err := s.Store.Records(ctx, deadKind, prefix, maxDead+10)
	if err != nil {
		return nil, err
	}
	var letters []DeadLetter
	for _, r := range records {
		if !strings.HasPrefix(r.ID, prefix) {
			break
		}
		var l DeadLetter
		if err := json.Unmarshal(r.Value, &l); err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", r.ID, err)
		}
		letters = append(letters, l)
	}
	return letters, nil
}

// AddDeadLetter stores a dead letter, in place of an earlier one for the same
// event. If there are too many, the oldest are deleted.
func (s *Service) AddDeadLetter(ctx context.Context, room RoomID, webhook string, l DeadLetter) error {
	letters, err := s.DeadLetters(ctx, room, webhook)
	if err != nil {
		return err
	}
	for ; len(letters) >= maxDead; letters = letters[1:] {
		if err := s.ForgetDeadLetter(ctx, room, webhook, letters[0].ID); err != nil {
			return err
		}
	}
	value, err := json.Marshal(l)
	if err != nil {
		return err
	}
	for {
		r, err := s.Store.Record(ctx, deadKind, deadID(room, webhook, l.ID))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, err = s.Store.PutRecord(ctx, deadKind, deadID(room, webhook, l.ID), r.Version,
			value); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// ForgetDeadLetter deletes a dead letter if it exists.
func (s *Service) ForgetDeadLetter(ctx context.Context, room RoomID, webhook, letter string) error {
	err := s.Store.DeleteRecord(ctx, deadKind, deadID(room, webhook, letter))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
