package parley

import (
	"context"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// RoomID is a room's id in the chat. Its page is at the client's address with
// #/r/ and the id behind it.
type RoomID string

// General is the room that everybody but guests is in.
const General = RoomID(chat.GeneralID)

// RoomIDFor is the id of the room that [Server.Room] makes with that key. It
// needs no look-up.
func RoomIDFor(key string) RoomID { return RoomID(chat.ExternalID("room", key)) }

// Room is what a room is made as.
type Room struct {
	Key     string // the program's name for it: there is one room of each
	Name    string // as people see it; not unique
	Topic   string
	Private bool // people come in by being added
}

// Room makes a room with nobody in it. If there is one with that key it stays
// as it is.
func (s *Server) Room(ctx context.Context, r Room) (RoomID, error) {
	kind := chat.Public
	if r.Private {
		kind = chat.Private
	}
	room, err := s.core.Service.KeyedRoom(ctx, r.Key,
		chat.CreateRoomInput{Name: r.Name, Topic: r.Topic, Kind: kind})
	return RoomID(room.ID), public(err)
}

// AddMember puts a person or a bot into a room. If they are in it they are no
// moderator then.
func (s *Server) AddMember(ctx context.Context, room RoomID, p UserID) error {
	return public(s.core.Service.PutMember(ctx, chat.RoomID(room), chat.UserID(p), chat.RoomMember))
}

// AddModerator puts a person into a room as one who looks after it, or makes
// them that.
func (s *Server) AddModerator(ctx context.Context, room RoomID, p UserID) error {
	return public(s.core.Service.PutMember(ctx, chat.RoomID(room), chat.UserID(p), chat.RoomModerator))
}

// RemoveMember takes a person out of a room, at once on all their screens. It
// is no error if they are not in it.
func (s *Server) RemoveMember(ctx context.Context, room RoomID, p UserID) error {
	return public(s.core.Service.DropMember(ctx, chat.RoomID(room), chat.UserID(p)))
}

// Post is what is to be sent.
type Post struct {
	Room RoomID
	From UserID // who is in the room: a bot, or a person on whose behalf the program sends
	Text string // markdown
	// Key makes it safe to try again: posts of one Key by the same person in
	// the same room are one message, within a day at least. At most 64 letters,
	// digits and -_.:
	Key string
}

// Message is one message, as it is.
type Message struct {
	Room RoomID
	No   int64 // its number in the room, from 1
	From UserID
	Text string // empty once it is deleted
	At   time.Time
}

func messageOf(m chat.Message) Message {
	return Message{Room: RoomID(m.Room), No: m.No, From: UserID(m.From), Text: m.Text, At: m.At}
}

// Send sends a message. When it returns, the message is durable and has its
// place. After [ErrUnavailable] it may or may not be there: try again with the
// same Key.
func (s *Server) Send(ctx context.Context, p Post) (Message, error) {
	who, err := s.core.Service.As(ctx, chat.UserID(p.From))
	if err != nil {
		return Message{}, public(err)
	}
	m, err := s.core.Service.Send(ctx, who,
		chat.SendInput{Room: chat.RoomID(p.Room), Text: p.Text, ClientID: p.Key})
	if err != nil {
		return Message{}, public(err)
	}
	return messageOf(m), nil
}
