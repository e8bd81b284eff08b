package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Send appends a message to a room. The message it returns is durable and has
// its place.
func (s *Service) Send(ctx context.Context, who Caller, in SendInput) (Message, error) {
	var text string
	var err error
	if in.Text != "" || len(in.Files) == 0 {
		if text, err = s.messageText(in.Text); err != nil {
			return Message{}, err
		}
	}
	if !isClientID(in.ClientID) {
		return Message{}, invalid("client_id", "a client_id is at most 64 letters, digits and -_.:")
	}
	if err := s.limit(ctx, "send:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return Message{}, err
	}
	room := Room{ID: in.Room}
	if in.Thread != 0 || IsThread(in.Room) {
		if room, err = s.answering(ctx, who, in); err != nil {
			return Message{}, err
		}
	}
	mentions, err := s.mentions(ctx, who, room.home(), text)
	if err != nil {
		return Message{}, err
	}
	if room.Kind == ThreadRoom {
		for _, u := range mentions { // before it is sent, so that it is new to them
			if u == MentionAll {
				continue
			}
			if err := s.follow(ctx, who, room.ID, u); err != nil {
				return Message{}, err
			}
		}
	}
	files, err := s.take(ctx, who, in)
	if err != nil {
		return Message{}, err
	}
	change := s.change(who, Change{
		Stream: RoomStream(room.ID), Kind: MessageCreated, MustBeIn: who.User.ID,
		MustSpeak: room.Kind != ThreadRoom, Device: who.Device,
		Message: &Message{From: who.User.ID, Text: text, ClientID: in.ClientID, Mentions: mentions,
			Files: files},
	})
	done, err := s.Store.Commit(ctx, change)
	if errors.Is(err, ErrRateLimited) && who.User.Role.atLeast(RoleAdmin) {
		// The store knows the room's moderators; who is one by rank is asked
		// for only when it matters.
		home, homeErr := s.Store.Room(ctx, room.ID)
		if homeErr == nil && mayModerate(who.User, home, RoomMember) {
			change.Unslowed = true
			done, err = s.Store.Commit(ctx, change)
		}
	}
	if err != nil {
		return Message{}, err
	}
	message := *done[0].Event.Message
	if room.Kind == ThreadRoom {
		err = s.answered(ctx, who, room, message)
	}
	return message, err
}

func (s *Service) messageText(text string) (string, error) {
	if len(text) > s.Limits.Message {
		return "", &Error{Code: CodeTooLarge, Field: "text",
			Message: fmt.Sprintf("a message has at most %d bytes: send it in parts", s.Limits.Message)}
	}
	if !utf8.ValidString(text) {
		return "", invalid("text", "a message is UTF-8 text")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' ||
			r == 0x7f
	}) {
		return "", invalid("text", "a message has no control characters but line breaks and tabs")
	}
	if strings.TrimSpace(text) == "" {
		return "", invalid("text", "a message is not empty")
	}
	return text, nil
}

func isClientID(id string) bool {
	return len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_.:", r))
	})
}

// IsDevice reports whether id may name a device.
func IsDevice(id string) bool { return isClientID(id) }

// ListMessages returns a page of a room's messages.
func (s *Service) ListMessages(ctx context.Context, who Caller, in MessageListInput) (MessagePage, error) {
	limit, err := s.pageLimit(in.Limit, 50)
	if err != nil {
		return MessagePage{}, err
	}
	page := Page{From: Newest, Limit: limit}
	asked := 0
	if in.Before != 0 {
		page.From, page.No, asked = Before, in.Before, asked+1
	}
	if in.After != nil {
		page.From, page.No, asked = After, *in.After, asked+1
	}
	if in.Around != 0 {
		page.From, page.No, asked = Around, in.Around, asked+1
	}
	if asked > 1 || page.No < 0 {
		return MessagePage{}, invalid("before",
			"give one of before, after and around, and no negative number")
	}
	view, err := s.view(ctx, who, in.Room)
	if err != nil {
		return MessagePage{}, err
	}
	messages, err := s.Store.Messages(ctx, in.Room, page)
	if err != nil {
		return MessagePage{}, err
	}
	out := MessagePage{Messages: append([]Message{}, messages...)}
	if n := len(messages); n > 0 {
		out.MoreOlder, out.MoreNewer = messages[0].No > view.Trimmed+1, messages[n-1].No < view.HeadNo
	} else {
		out.MoreOlder, out.MoreNewer = page.From == After && view.HeadNo > view.Trimmed,
			page.From == Before && view.HeadNo > view.Trimmed
	}
	return out, nil
}

// GetMessage returns one message of a room.
func (s *Service) GetMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	if err := s.MayRead(ctx, who, RoomStream(in.Room)); err != nil {
		return Message{}, err
	}
	return s.messageAt(ctx, in)
}

// ListEvents returns what happened in a room since a position.
func (s *Service) ListEvents(ctx context.Context, who Caller, in EventListInput) (EventList, error) {
	limit, err := s.pageLimit(in.Limit, 100)
	if err != nil {
		return EventList{}, err
	}
	if in.Seq < 0 {
		return EventList{}, invalid("seq", "a position's seq is not negative")
	}
	stream := RoomStream(in.Room)
	if err := s.MayRead(ctx, who, stream); err != nil {
		return EventList{}, err
	}
	events, err := s.Store.Events(ctx, stream, Position{Epoch: in.Epoch, Seq: in.Seq, ID: in.ID}, limit+1)
	if err != nil {
		return EventList{}, err
	}
	more := len(events) > limit
	return EventList{Events: append([]Event{}, events[:min(limit, len(events))]...), More: more}, nil
}

// MarkRead moves the caller's read position forward, and no further than the
// newest message.
func (s *Service) MarkRead(ctx context.Context, who Caller, in ReadInput) (ReadOutput, error) {
	view, err := s.Store.View(ctx, in.Room, who.User.ID)
	if err != nil {
		return ReadOutput{}, err
	}
	if in.No < 0 {
		return ReadOutput{}, invalid("no", "a message's number is not negative")
	}
	no := min(in.No, view.HeadNo)
	// at the same place too: an attempt that failed may have moved it without
	// telling the other devices
	if no > 0 && no >= view.ReadNo {
		_, err := s.Store.Commit(ctx, s.change(who, Change{
			Stream: UserStream(who.User.ID), Kind: ReadMoved, Read: &Read{Room: in.Room, No: no},
		}))
		if err != nil {
			return ReadOutput{}, err
		}
		if view, err = s.Store.View(ctx, in.Room, who.User.ID); err != nil {
			return ReadOutput{}, err
		}
	}
	return ReadOutput{Read: Read{Room: in.Room, No: view.ReadNo}, Unread: view.Unread}, nil
}

// SendTyping tells the others in a room that the caller is typing.
func (s *Service) SendTyping(ctx context.Context, who Caller, in RoomInput) (None, error) {
	if err := s.mayType(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	s.Bell.Signal(ctx, Signal{Stream: RoomStream(in.Room), Kind: Typing, User: who.User.ID})
	return None{}, nil
}

// mayType returns nil if the caller may say that they type in a room: who is
// muted does not. It is asked often, and whether a room is archived is not
// worth the asking.
func (s *Service) mayType(ctx context.Context, who Caller, id RoomID) error {
	if IsThread(id) {
		view, err := s.view(ctx, who, id)
		if err == nil {
			err = s.mayWrite(ctx, who, view.Room)
		}
		return err
	}
	me, err := s.Store.Member(ctx, id, who.User.ID)
	if err == nil && me.Mute.holds(s.now()) {
		err = Muted(me.Mute.Until)
	}
	return err
}
