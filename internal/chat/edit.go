package chat

import (
	"context"
	"fmt"
	"slices"
)

const (
	maxPins      = 100   // in a room
	maxEmojis    = 50    // different ones on a message
	maxReactions = 2_000 // on a message
)

// message returns a message of one of the caller's rooms, and the room.
// ErrNotFound for a deleted message.
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

// writable is like message, and checks for threads that the caller may write.
// In other rooms the store checks it.
func (s *Service) writable(ctx context.Context, who Caller, in MessageInput) (Message, RoomView, error) {
	m, view, err := s.message(ctx, who, in)
	if err == nil && view.Kind == ThreadRoom {
		err = s.mayWrite(ctx, who, view.Room)
	}
	return m, view, err
}

// annotate commits a change to one message and returns the changed message.
// Deleting does not need the permission to write.
func (s *Service) annotate(ctx context.Context, who Caller, in MessageInput, c Change) (Message, error) {
	if err := s.limit(ctx, "mark:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return Message{}, err
	}
	c.Stream = RoomStream(in.Room)
	if !IsThread(in.Room) { // reacting in a thread does not require following it
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

// EditMessage changes the text of one of the caller's messages.
func (s *Service) EditMessage(ctx context.Context, who Caller, in EditInput) (Message, error) {
	at := MessageInput{Room: in.Room, No: in.No}
	m, view, err := s.writable(ctx, who, at)
	if err != nil {
		return Message{}, err
	}
	if m.From != who.User.ID {
		return Message{}, &Error{Code: CodeForbidden, Message: "Only the author can edit a message."}
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
	return s.annotate(ctx, who, at, Change{
		Op: EditMessage{No: in.No, Text: text, Mentions: mentions}})
}

// DeleteMessage removes the content of a message.
func (s *Service) DeleteMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	view, err := s.view(ctx, who, in.Room)
	if err != nil {
		return Message{}, err
	}
	m, err := s.messageAt(ctx, in)
	if err != nil {
		return m, err
	}
	if m.Deleted() {
		if view.Kind == ThreadRoom { // the deletion may have been interrupted
			if err = s.limit(ctx, "mark:"+string(who.User.ID), s.Limits.Sends); err == nil {
				err = s.countReplies(ctx, who, view.Room)
			}
		}
		return m, err
	}
	if mayModerate(who.User, view.Room, view.Role) {
		return s.remove(ctx, who, view, m)
	}
	if m.From != who.User.ID {
		return Message{}, &Error{Code: CodeForbidden,
			Message: "Only the author and the room's moderators can delete a message."}
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
		Room: view.home(), Detail: describeMessage(view.Room, m.No)}); err != nil {
		return Message{}, err
	}
	err = s.discard(ctx, []Message{m}, func() error {
		gone, err = s.annotate(ctx, who, MessageInput{Room: m.Room, No: m.No},
			Change{Op: DeleteMessage{No: m.No}})
		return err
	})
	if err == nil && view.Kind == ThreadRoom {
		err = s.countReplies(ctx, who, view.Room)
	}
	return gone, err
}

// describeMessage names a message for the audit log.
func describeMessage(r Room, no int64) string {
	if r.Kind == ThreadRoom {
		return fmt.Sprintf("message %d in the thread %s", no, r.ID)
	}
	return fmt.Sprintf("message %d", no)
}

// PinMessage pins a message in its room.
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
			Message: "This room has reached the limit of pinned messages. Unpin one first."}
	}
	return s.annotate(ctx, who, in, Change{Op: PinMessage{No: in.No}})
}

// UnpinMessage unpins a message.
func (s *Service) UnpinMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	if err := s.mayPin(ctx, who, in); err != nil {
		return Message{}, err
	}
	return s.annotate(ctx, who, in, Change{Op: UnpinMessage{No: in.No}})
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

// ListPins returns a room's pinned messages, as many as fit into a page.
func (s *Service) ListPins(ctx context.Context, who Caller, in PinListInput) (MessageList, error) {
	if _, err := s.view(ctx, who, in.Room); err != nil {
		return MessageList{}, err
	}
	pins, err := s.Store.Pinned(ctx, in.Room)
	if err != nil {
		return MessageList{}, err
	}
	if in.After != 0 {
		i := slices.IndexFunc(pins, func(m Message) bool { return m.No == in.After })
		if i < 0 {
			return MessageList{}, ErrResync // unpinned meanwhile
		}
		pins = pins[i+1:]
	}
	some := bounded(pins, 0, (*Message).size)
	return MessageList{Messages: append([]Message{}, some...), More: len(some) < len(pins)}, nil
}

// ListEdits returns the earlier versions of a message, as many as fit into a
// page.
func (s *Service) ListEdits(ctx context.Context, who Caller, in EditListInput) (EditList, error) {
	after, err := searchTime("after", in.After)
	if err != nil {
		return EditList{}, err
	}
	if _, _, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No}); err != nil {
		return EditList{}, err
	}
	edits, err := s.Store.Edits(ctx, in.Room, in.No)
	if err != nil {
		return EditList{}, err
	}
	if i := slices.IndexFunc(edits, func(e Edit) bool { return e.At.After(after) }); i >= 0 {
		edits = edits[i:]
	} else {
		edits = nil
	}
	n := len(bounded(edits, 0, func(e *Edit) int { return itemSize + textSize(e.Text) }))
	for n > 0 && n < len(edits) && edits[n].At.Equal(edits[n-1].At) {
		n++ // the next answer begins after this time
	}
	return EditList{Edits: append([]Edit{}, edits[:n]...), More: n < len(edits)}, nil
}

// AddReaction adds the caller's reaction to a message.
func (s *Service) AddReaction(ctx context.Context, who Caller, in ReactionInput) (Message, error) {
	emoji, err := s.emoji(ctx, in.Emoji)
	if err != nil {
		return Message{}, err
	}
	if emoji == "" {
		return Message{}, errNoEmoji
	}
	at := MessageInput{Room: in.Room, No: in.No}
	m, _, err := s.writable(ctx, who, at)
	if err != nil {
		return Message{}, err
	}
	reactions := 0
	for _, r := range m.Reactions {
		reactions += len(r.Users)
	}
	same := m.reacted(emoji)
	if !slices.Contains(same.Users, who.User.ID) &&
		(reactions >= maxReactions || len(same.Users) == 0 && len(m.Reactions) >= maxEmojis) {
		return Message{}, &Error{Code: CodeConflict, Message: "This message has reached the reaction limit."}
	}
	return s.annotate(ctx, who, at, Change{
		Op: AddReaction{Reaction: Reaction{No: in.No, Emoji: same.Emoji, User: who.User.ID}}})
}

var errNoEmoji = invalid("emoji", "A reaction is a single emoji.")

// RemoveReaction removes the caller's reaction from a message.
func (s *Service) RemoveReaction(ctx context.Context, who Caller, in ReactionInput) (Message, error) {
	emoji, err := s.emoji(ctx, in.Emoji)
	if err != nil {
		return Message{}, err
	}
	at := MessageInput{Room: in.Room, No: in.No}
	m, _, err := s.writable(ctx, who, at)
	if err != nil {
		return Message{}, err
	}
	if emoji == "" { // a custom emoji that is no more can be taken back
		if emoji = in.Emoji; len(m.reacted(emoji).Users) == 0 {
			return Message{}, errNoEmoji
		}
	}
	return s.annotate(ctx, who, at, Change{
		Op: RemoveReaction{Reaction: Reaction{No: in.No, Emoji: m.reacted(emoji).Emoji, User: who.User.ID}}})
}
