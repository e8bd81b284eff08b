package chat_test

import (
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

func TestNotify(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	joe, mary := f.Person("Joe", chat.RoleMember), f.Person("Mary", chat.RoleMember)
	room := f.Room(joe, chat.Public)
	if _, err := f.SetNotify(ctx, joe, chat.Notify{Room: room, Level: chat.NotifyNone}); err != nil {
		t.Fatal(err)
	}
	if view, err := f.GetRoom(ctx, joe, chat.RoomInput{Room: room}); err != nil ||
		view.Notify != chat.NotifyNone {
		t.Errorf("%+v, %v", view, err)
	}
	_, err := f.SetNotify(ctx, joe, chat.Notify{Room: room, Level: "loud"})
	refused(t, "no level", err, chat.ErrInvalid)
	_, err = f.SetNotify(ctx, mary, chat.Notify{Room: room, Level: chat.NotifyAll})
	refused(t, "a room of others", err, chat.ErrNotFound)
}
