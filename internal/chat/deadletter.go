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
	// deadKind is the kind of record of an event that an outgoing webhook gave
	// up, with the id "<room>/<webhook>/<letter>".
	deadKind = "deadletter"
	// maxDead is how many of them a webhook keeps: the newest.
	maxDead = 100
)

// DeadLetter is an event that a webhook's receiver did not accept. It holds no
// text: that is read again, as it is then.
type DeadLetter struct {
	ID       string    `json:"id" doc:"Id"`
	Event    string    `json:"event" doc:"Id of the event"`
	Kind     Kind      `json:"kind" doc:"What it tells"`
	After    Position  `json:"after" doc:"Place in the room's stream just before it"`
	Error    string    `json:"error" doc:"What the last attempt failed with"`
	Attempts int       `json:"attempts" doc:"How often it was tried"`
	At       time.Time `json:"at" doc:"When it was given up"`
}

// DeadList is the events that a webhook gave up.
type DeadList struct {
	Dead []DeadLetter `json:"dead" doc:"Oldest first; the newest 100 are kept"`
}

// RetryInput names dead letters of a webhook.
type RetryInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	Webhook string `json:"webhook" doc:"Id of the webhook"`
	Dead    string `json:"dead,omitempty" doc:"Id of a dead letter; default all of the webhook"`
}

// ListDead returns what a webhook of a room that the caller moderates gave up.
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

// RetryDead asks for one more attempt at dead letters, and at the event that
// the webhook waits to try again.
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
			Message: "the receiver has ended this webhook: make another"}
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

// AddDeadLetter keeps what is known of an event that is given up, instead of an
// earlier letter about it. The oldest letters are forgotten where there are too
// many.
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

// ForgetDeadLetter deletes a dead letter, if it is still there.
func (s *Service) ForgetDeadLetter(ctx context.Context, room RoomID, webhook, letter string) error {
	err := s.Store.DeleteRecord(ctx, deadKind, deadID(room, webhook, letter))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
