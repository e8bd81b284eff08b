package chat_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// cutOff is a store that, when told to, dies between the two places that one
// action writes.
type cutOff struct {
	chat.Store
	dies atomic.Bool
}

func (s *cutOff) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if !s.dies.Swap(false) {
		return s.Store.Commit(ctx, changes...)
	}
	if _, err := s.Store.Commit(ctx, changes[0]); err != nil {
		return nil, err
	}
	return nil, chat.ErrUnavailable
}

// heard returns the kinds of the events after a place of a person's own stream.
func heard(t *testing.T, s chat.Store, who chat.Caller, after chat.Position) (kinds []chat.Kind) {
	t.Helper()
	events, err := s.Events(t.Context(), chat.UserStream(who.User.ID), after, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// TestTriedAgainIsWhole: what was cut off between a room and a person's list is
// done when it is tried again, and the person's other devices are told.
func TestTriedAgainIsWhole(t *testing.T) {
	store := &cutOff{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store = store })
	keeper, guest := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember)
	room := f.room(keeper, chat.Public)
	in := chat.RoomInput{Room: room}
	join := func() error { _, err := f.JoinRoom(t.Context(), guest, in); return err }
	leave := func() error { _, err := f.LeaveRoom(t.Context(), guest, in); return err }
	remove := func() error {
		_, err := f.RemoveMember(t.Context(), keeper, chat.RemoveMemberInput{Room: room, User: guest.User.ID})
		return err
	}
	for _, c := range []struct {
		what string
		do   func() error
		tell chat.Kind
		last error // of doing it a third time
	}{
		{"joining", join, chat.RoomJoined, nil},
		{"leaving", leave, chat.RoomLeft, chat.ErrNotFound},
		{"joining", join, chat.RoomJoined, nil},
		{"removing", remove, chat.RoomLeft, chat.ErrNotFound},
	} {
		heads, err := store.Heads(t.Context(), chat.UserStream(guest.User.ID))
		if err != nil {
			t.Fatal(err)
		}
		store.dies.Store(true)
		if err := c.do(); !errors.Is(err, chat.ErrUnavailable) {
			t.Fatalf("%s, cut off: %v", c.what, err)
		}
		if err := c.do(); err != nil {
			t.Errorf("%s again: %v", c.what, err)
		}
		if err := c.do(); !errors.Is(err, c.last) {
			t.Errorf("%s a third time: %v, want %v", c.what, err, c.last)
		}
		if kinds := heard(t, store, guest, heads[0].Position); len(kinds) != 1 || kinds[0] != c.tell {
			t.Errorf("%s: their devices are told %v, want one %s", c.what, kinds, c.tell)
		}
	}
}
