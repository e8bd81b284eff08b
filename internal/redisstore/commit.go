package redisstore

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

var noOp = chat.Result{NoOp: true}

// Commit implements [chat.Store]. Changes to one room, or to the server's
// stream, that follow each other are one atomic step; each change to a person's
// stream is one.
func (s *Store) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	for i := range changes {
		if err := check(&changes[i]); err != nil {
			return nil, err
		}
	}
	results := make([]chat.Result, 0, len(changes))
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].Stream == changes[0].Stream {
			n++
		}
		some, err := s.commit(ctx, changes[:n])
		if err != nil {
			return nil, failed(fmt.Sprintf("%s in %s", changes[0].Kind, changes[0].Stream), err)
		}
		results = append(results, some...)
		changes = changes[n:]
	}
	return results, nil
}

// commit makes changes to one stream.
func (s *Store) commit(ctx context.Context, changes []chat.Change) ([]chat.Result, error) {
	if room, ok := changes[0].Stream.Room(); ok {
		return s.commitRoom(ctx, room, changes)
	}
	if user, ok := changes[0].Stream.User(); ok {
		return s.commitUser(ctx, user, changes)
	}
	return s.commitServer(ctx, changes)
}

// check refuses a change that its stream does not know, or that lacks its
// fields.
func check(c *chat.Change) error {
	room, inRoom := c.Stream.Room()
	_, inUser := c.Stream.User()
	var known bool
	switch c.Kind {
	case chat.RoomCreated:
		known = inRoom && c.Room != nil && c.Room.ID == room
	case chat.RoomUpdated:
		known = inRoom && c.Room != nil
	case chat.MemberJoined, chat.MemberLeft, chat.MemberUpdated:
		known = inRoom && c.Member != nil
	case chat.MessageCreated:
		known = inRoom && c.Message != nil
	case chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned:
		known = inRoom && c.Message != nil
	case chat.ThreadMoved:
		known = inRoom && c.Message != nil && c.Message.Thread != nil
	case chat.ReactionAdded, chat.ReactionRemoved:
		known = inRoom && c.Reaction != nil
	case chat.MessagesTrimmed:
		known = inRoom && c.Trimmed > 0
	case chat.RoomJoined:
		known = inUser && c.View != nil
	case chat.RoomLeft:
		known = inUser && c.Left != ""
	case chat.ReadMoved:
		known = inUser && c.Read != nil
	case chat.NotifyChanged:
		known = inUser && c.Notify != nil
	case chat.SessionRevoked:
		known = inUser
	case chat.UserCreated, chat.UserUpdated:
		known = c.Stream == chat.ServerStream && c.User != nil && c.Account != nil
	}
	if !known {
		return fmt.Errorf("%w: no such change: %s in %s", chat.ErrInvalid, c.Kind, c.Stream)
	}
	return nil
}
