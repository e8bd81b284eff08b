package chat

import (
	"context"
	"slices"
	"time"
)

// NotifyLevel says which messages of a room notify a person.
type NotifyLevel string

const (
	NotifyUsual    NotifyLevel = ""         // all in direct rooms, mentions in others
	NotifyAll      NotifyLevel = "all"      // every message
	NotifyMentions NotifyLevel = "mentions" // those that mention them
	NotifyNone     NotifyLevel = "none"
)

func (l NotifyLevel) valid() bool {
	return slices.Contains([]NotifyLevel{NotifyUsual, NotifyAll, NotifyMentions, NotifyNone}, l)
}

// notifyWithin is how old a message may be when it is decided whom a push or a
// mail tells of it. An older one was imported, or waited for a server that was
// down for long.
const notifyWithin = 30 * time.Minute

// news returns those of the messages of which people may be told.
func (s *Service) news(messages []*Message) []*Message {
	return slices.DeleteFunc(messages, func(m *Message) bool {
		return m.Deleted() || s.now().Sub(m.At) > notifyWithin
	})
}

// Notify is a person's level for a room on their list.
type Notify struct {
	Room  RoomID      `json:"room" doc:"Room"`
	Level NotifyLevel `json:"level" enum:"all,mentions,none," doc:"Of which messages you want to be told; empty: as usual, which is all in direct rooms and mentions in others"`
}

// SetNotify sets the caller's notification level for a room.
func (s *Service) SetNotify(ctx context.Context, who Caller, in Notify) (Notify, error) {
	if !in.Level.valid() {
		return Notify{}, invalid("level", "The level must be all, mentions, none, or empty for the default.")
	}
	_, err := s.Store.Commit(ctx, s.change(who,
		Change{Stream: UserStream(who.User.ID), Op: SetNotify{Notify: in}}))
	return in, err
}
