package chat

import (
	"context"
	"strings"
)

// Stream names one log: "room:<RoomID>", "user:<UserID>", or [ServerStream].
type Stream string

// ServerStream holds what concerns everyone: people who arrive or change.
const ServerStream Stream = "server"

// RoomStream is the log of a room. Its members may read it.
func RoomStream(id RoomID) Stream { return Stream("room:" + id) }

// UserStream is the log of one person: rooms joined and left, read positions,
// sessions that ended. Only that person may read it.
func UserStream(id UserID) Stream { return Stream("user:" + id) }

// Room returns the room that s is the log of.
func (s Stream) Room() (RoomID, bool) {
	id, ok := strings.CutPrefix(string(s), "room:")
	return RoomID(id), ok
}

// User returns the person that s is the log of.
func (s Stream) User() (UserID, bool) {
	id, ok := strings.CutPrefix(string(s), "user:")
	return UserID(id), ok
}

// EventListInput asks for the events since a position.
type EventListInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	Epoch string `json:"epoch" doc:"Epoch of the position"`
	Seq   int64  `json:"seq" doc:"Number of the last event seen"`
	ID    string `json:"id,omitempty" doc:"Id of that event, if known"`
	Limit int    `json:"limit,omitempty" doc:"Most items to return; default 100"`
}

// EventList is what happened since.
type EventList struct {
	Events []Event `json:"events" doc:"Ascending by seq, without holes"`
	More   bool    `json:"more" doc:"Ask again from the last of these"`
}

// ListEvents returns what happened in a room since a position.
func (s *Service) ListEvents(ctx context.Context, who Caller, in EventListInput) (EventList, error) {
	limit, err := s.pageLimit(in.Limit, 100)
	if err != nil {
		return EventList{}, err
	}
	if in.Seq < 0 {
		return EventList{}, invalid("seq", "seq must not be negative.")
	}
	stream := RoomStream(in.Room)
	if err := s.MayRead(ctx, who, stream); err != nil {
		return EventList{}, err
	}
	events, err := s.Store.Events(ctx, stream, Position{Epoch: in.Epoch, Seq: in.Seq, ID: in.ID}, limit+1)
	if err != nil {
		return EventList{}, err
	}
	some := bounded(events[:min(limit, len(events))], 0, func(e *Event) int {
		if e.Message == nil {
			return itemSize
		}
		return e.Message.size()
	})
	return EventList{Events: append([]Event{}, some...), More: len(some) < len(events)}, nil
}

// MayRead returns nil if the caller may read the stream, ErrNotFound if not.
func (s *Service) MayRead(ctx context.Context, who Caller, stream Stream) error {
	if room, ok := stream.Room(); ok {
		if IsThread(room) {
			_, err := s.view(ctx, who, room)
			return err
		}
		_, err := s.Store.Member(ctx, room, who.User.ID)
		return err
	}
	if stream == UserStream(who.User.ID) || stream == ServerStream && mayBrowse(who.User) {
		return nil
	}
	return ErrNotFound
}
