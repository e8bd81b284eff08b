package chat_test

import (
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

func TestWhoIsTakenOutIsToldWhy(t *testing.T) {
	f := newFixture(t, nil)
	owner, mary := f.person("Pablo", chat.RoleOwner), f.person("Mary", chat.RoleMember)
	room := f.room(owner, chat.Public)
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
