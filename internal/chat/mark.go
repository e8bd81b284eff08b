package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPins      = 100   // in a room
	maxEmojis    = 50    // different ones on a message
	maxReactions = 2_000 // on a message
)

// message returns a message of a room that the caller is in, and the room as
// they see it. Deleted ones are not found.
func (s *Service) message(ctx context.Context, who Caller, in MessageInput) (Message, RoomView, error) {
	view, err := s.view(ctx, who, in.Room)
	if err != nil {
		return Message{}, RoomView{}, err
	}
	m, err := s.messageAt(ctx, in)
	if err == nil && m.Deleted() {
		err = ErrNotFound
	}
	return m, view, err
}

func (s *Service) messageAt(ctx context.Context, in MessageInput) (Message, error) {
	messages, err := s.Store.Messages(ctx, in.Room, Page{From: After, No: in.No - 1, Limit: 1})
	if err != nil {
		return Message{}, err
	}
	if len(messages) == 0 || messages[0].No != in.No {
		return Message{}, ErrNotFound
	}
	return messages[0], nil
}

// writable is message, if the caller may write in the room. Of rooms that are
// no threads the store judges that.
func (s *Service) writable(ctx context.Context, who Caller, in MessageInput) (Message, RoomView, error) {
	m, view, err := s.message(ctx, who, in)
	if err == nil && view.Kind == ThreadRoom {
		err = s.mayWrite(ctx, who, view.Room)
	}
	return m, view, err
}

// mark commits a change to one message, and returns the message as it is then.
// Who may not write in the room can only delete.
func (s *Service) mark(ctx context.Context, who Caller, in MessageInput, c Change) (Message, error) {
	if err := s.limit(ctx, "mark:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return Message{}, err
	}
	c.Stream = RoomStream(in.Room)
	if !IsThread(in.Room) { // one need not follow a thread to react in it
		c.MustBeIn, c.MustSpeak = who.User.ID, c.Kind() != MessageDeleted
	}
	done, err := s.Store.Commit(ctx, s.change(who, c))
	if err != nil {
		return Message{}, err
	}
	if m := done[0].Event.Message; m != nil {
		return *m, nil
	}
	return s.messageAt(ctx, in)
}

// EditMessage gives one of the caller's messages another text.
func (s *Service) EditMessage(ctx context.Context, who Caller, in EditInput) (Message, error) {
	at := MessageInput{Room: in.Room, No: in.No}
	m, view, err := s.writable(ctx, who, at)
	if err != nil {
		return Message{}, err
	}
	if m.From != who.User.ID {
		return Message{}, &Error{Code: CodeForbidden, Message: "only its author can edit a message"}
	}
	var text string
	if in.Text != "" || len(m.Files) == 0 {
		if text, err = s.messageText(in.Text); err != nil {
			return Message{}, err
		}
	}
	mentions, err := s.mentions(ctx, who, view.home(), text)
	if err != nil {
		return Message{}, err
	}
	return s.mark(ctx, who, at, Change{
		Op: EditMessage{No: in.No, Text: text, Mentions: mentions}})
}

// DeleteMessage leaves nothing of a message but its place.
func (s *Service) DeleteMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	view, err := s.view(ctx, who, in.Room)
	if err != nil {
		return Message{}, err
	}
	m, err := s.messageAt(ctx, in)
	if err != nil || m.Deleted() {
		return m, err
	}
	if mayModerate(who.User, view.Room, view.Role) {
		return s.remove(ctx, who, view, m)
	}
	if m.From != who.User.ID {
		return Message{}, &Error{Code: CodeForbidden,
			Message: "only its author and the room's moderators can delete a message"}
	}
	home := view.Room
	if home.Kind == ThreadRoom {
		if home, err = s.Store.Room(ctx, home.Parent); err != nil {
			return Message{}, err
		}
	}
	if home.Archived {
		return Message{}, ErrArchived
	}
	return s.remove(ctx, who, view, m)
}

func (s *Service) remove(ctx context.Context, who Caller, view RoomView, m Message) (gone Message,
	err error) {
	if err := s.audit(ctx, who, AuditEntry{Action: "message.delete", User: m.From,
		Room: view.home(), Detail: placed(view.Room, m.No)}); err != nil {
		return Message{}, err
	}
	err = s.discard(ctx, []Message{m}, func() error {
		gone, err = s.mark(ctx, who, MessageInput{Room: m.Room, No: m.No},
			Change{Op: DeleteMessage{No: m.No}})
		return err
	})
	return gone, err
}

// placed says in words which message of a room is meant.
func placed(r Room, no int64) string {
	if r.Kind == ThreadRoom {
		return fmt.Sprintf("message %d in the thread %s", no, r.ID)
	}
	return fmt.Sprintf("message %d", no)
}

// PinMessage puts a message among the room's pinned ones.
func (s *Service) PinMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	if err := s.mayPin(ctx, who, in); err != nil {
		return Message{}, err
	}
	pinned, err := s.Store.Pinned(ctx, in.Room)
	if err != nil {
		return Message{}, err
	}
	again := slices.ContainsFunc(pinned, func(m Message) bool { return m.No == in.No })
	if len(pinned) >= maxPins && !again {
		return Message{}, &Error{Code: CodeConflict,
			Message: "this room has as many pinned messages as it can have: unpin one first"}
	}
	return s.mark(ctx, who, in, Change{Op: PinMessage{No: in.No}})
}

// UnpinMessage takes it off them.
func (s *Service) UnpinMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	if err := s.mayPin(ctx, who, in); err != nil {
		return Message{}, err
	}
	return s.mark(ctx, who, in, Change{Op: UnpinMessage{No: in.No}})
}

func (s *Service) mayPin(ctx context.Context, who Caller, in MessageInput) error {
	if _, _, err := s.writable(ctx, who, in); err != nil {
		return err
	}
	if !mayPin(who.User) {
		return ErrForbidden
	}
	return nil
}

// ListPins returns a room's pinned messages.
func (s *Service) ListPins(ctx context.Context, who Caller, in RoomInput) (MessageList, error) {
	if _, err := s.view(ctx, who, in.Room); err != nil {
		return MessageList{}, err
	}
	messages, err := s.Store.Pinned(ctx, in.Room)
	return MessageList{Messages: append([]Message{}, messages...)}, err
}

// ListEdits returns the earlier texts of a message.
func (s *Service) ListEdits(ctx context.Context, who Caller, in MessageInput) (EditList, error) {
	if _, _, err := s.message(ctx, who, in); err != nil {
		return EditList{}, err
	}
	edits, err := s.Store.Edits(ctx, in.Room, in.No)
	return EditList{Edits: append([]Edit{}, edits...)}, err
}

// AddReaction adds the caller's reaction to a message.
func (s *Service) AddReaction(ctx context.Context, who Caller, in ReactionInput) (Message, error) {
	if !isEmoji(in.Emoji) {
		return Message{}, invalid("emoji", "a reaction is one emoji")
	}
	at := MessageInput{Room: in.Room, No: in.No}
	m, _, err := s.writable(ctx, who, at)
	if err != nil {
		return Message{}, err
	}
	reactions, known, again := 0, false, false
	for _, r := range m.Reactions {
		reactions += len(r.Users)
		if r.Emoji == in.Emoji {
			known, again = true, slices.Contains(r.Users, who.User.ID)
		}
	}
	if !again && (reactions >= maxReactions || !known && len(m.Reactions) >= maxEmojis) {
		return Message{}, &Error{Code: CodeConflict,
			Message: "this message has as many reactions as it can have"}
	}
	return s.mark(ctx, who, at, Change{
		Op: AddReaction{Reaction: Reaction{No: in.No, Emoji: in.Emoji, User: who.User.ID}}})
}

// RemoveReaction takes the caller's reaction back.
func (s *Service) RemoveReaction(ctx context.Context, who Caller, in ReactionInput) (Message, error) {
	at := MessageInput{Room: in.Room, No: in.No}
	if _, _, err := s.writable(ctx, who, at); err != nil {
		return Message{}, err
	}
	return s.mark(ctx, who, at, Change{
		Op: RemoveReaction{Reaction: Reaction{No: in.No, Emoji: in.Emoji, User: who.User.ID}}})
}

// isEmoji reports whether the text is made of what emoji are made of. Which
// sequences are shown as one picture changes every year and is the clients' to
// know.
func isEmoji(text string) bool {
	if text == "" || len(text) > 64 || !utf8.ValidString(text) {
		return false
	}
	pictures := 0
	for _, r := range text {
		switch {
		// joiner, variation, keycap, tags of flags
		case r == 0x200d, r == 0xfe0f, r == 0x20e3, 0xe0020 <= r && r <= 0xe007f:
		case strings.ContainsRune("#*0123456789", r):
			if !strings.ContainsRune(text, 0x20e3) {
				return false
			}
			pictures++
		case unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r) && r >= 0x1f000,
			strings.ContainsRune("‼⁉〰〽↔↕↖↗↘↙↩↪▪▫▶◀◻◼◽◾⤴⤵⬅⬆⬇", r):
			pictures++
		default:
			return false
		}
	}
	return pictures > 0
}
