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

// eventKinds returns the kinds of the events after a place of a person's own
// stream.
func eventKinds(t *testing.T, s chat.Store, who chat.Caller, after chat.Position) (kinds []chat.Kind) {
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
	keeper, guest := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	room := f.Room(keeper, chat.Public)
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
		if kinds := eventKinds(t, store, guest, heads[0].Position); len(kinds) != 1 || kinds[0] != c.tell {
			t.Errorf("%s: their devices are told %v, want one %s", c.what, kinds, c.tell)
		}
	}
}

func TestWhoIsTakenOutIsToldWhy(t *testing.T) {
	f := newFixture(t, nil)
	owner, mary := f.Person("Pablo", chat.RoleOwner), f.Person("Mary", chat.RoleMember)
	room := f.Room(owner, chat.Public)
	heads, err := f.Store.Heads(t.Context(), chat.UserStream(mary.User.ID))
	if err != nil {
		t.Fatal(err)
	}
	join := func() {
		t.Helper()
		if _, err := f.JoinRoom(t.Context(), mary, chat.RoomInput{Room: room}); err != nil {
			t.Fatal(err)
		}
	}
	join()
	if _, err := f.RemoveMember(t.Context(), owner,
		chat.RemoveMemberInput{Room: room, User: mary.User.ID, Reason: "off topic"}); err != nil {
		t.Fatal(err)
	}
	join()
	if _, err := f.LeaveRoom(t.Context(), mary, chat.RoomInput{Room: room}); err != nil {
		t.Fatal(err)
	}
	join()
	if _, err := f.BanMember(t.Context(), owner,
		chat.BanInput{Room: room, User: mary.User.ID, Seconds: 60, Reason: "again"}); err != nil {
		t.Fatal(err)
	}
	events, err := f.Store.Events(t.Context(), chat.UserStream(mary.User.ID), heads[0].Position, 100)
	if err != nil {
		t.Fatal(err)
	}
	type left struct {
		by     chat.UserID
		reason string
	}
	var got []left
	for _, e := range events {
		if e.Kind == chat.RoomLeft {
			got = append(got, left{e.By, e.Reason})
		}
	}
	want := []left{{owner.User.ID, "off topic"}, {mary.User.ID, ""}, {owner.User.ID, "again"}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestPrivateRoomKeepsAModerator(t *testing.T) {
	f := newFixture(t, nil)
	a, b := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	room := f.Room(a, chat.Private, b)
	_, err := f.LeaveRoom(t.Context(), a, chat.RoomInput{Room: room})
	refused(t, "the only moderator leaves", err, chat.ErrConflict)
	_, err = f.UpdateMember(t.Context(), a,
		chat.UpdateMemberInput{Room: room, User: a.User.ID, Role: chat.RoomMember})
	refused(t, "the only moderator steps down", err, chat.ErrConflict)
	if _, err := f.UpdateMember(t.Context(), a,
		chat.UpdateMemberInput{Room: room, User: b.User.ID, Role: chat.RoomModerator}); err != nil {
		t.Fatal(err)
	}
	for _, who := range []chat.Caller{a, b} {
		if _, err := f.LeaveRoom(t.Context(), who, chat.RoomInput{Room: room}); err != nil {
			t.Errorf("%s leaves: %v", who.User.Name, err)
		}
	}
}

func TestRemovedPeopleSeeNothing(t *testing.T) {
	f := newFixture(t, nil)
	a, b := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	room := f.Room(a, chat.Private, b)
	if _, err := f.RemoveMember(t.Context(), a,
		chat.RemoveMemberInput{Room: room, User: b.User.ID}); err != nil {
		t.Fatal(err)
	}
	refused(t, "after removal", f.MayRead(t.Context(), b, chat.RoomStream(room)), chat.ErrNotFound)
	_, err := f.Send(t.Context(), b, chat.SendInput{Room: room, Text: "x"})
	refused(t, "sending after removal", err, chat.ErrNotFound)
	rooms, _ := f.ListRooms(t.Context(), b, chat.None{})
	if len(rooms.Rooms) != 1 {
		t.Errorf("rooms: %+v", rooms)
	}
}
