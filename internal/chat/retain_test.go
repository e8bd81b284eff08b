package chat_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func TestRetain(t *testing.T) {
	const day = 24 * time.Hour
	f := newFixture(t, func(cfg *chat.Config) { cfg.Retain = 30 * day })
	owner, ada := f.Person("owner", chat.RoleOwner), f.Person("ada", chat.RoleMember)
	rooms := map[string]chat.RoomID{}
	for name, days := range map[string]int{"as the server does": 0, "for ever": -1, "a week": 7} {
		rooms[name] = f.Room(owner, chat.Public, ada)
		if _, err := f.UpdateRoom(t.Context(), owner,
			chat.UpdateRoomInput{Room: rooms[name], Retain: &days}); err != nil {
			t.Fatal(err)
		}
	}
	mine := f.Room(ada, chat.Private, owner)
	days, wrong := 1, 100_000
	_, err := f.UpdateRoom(t.Context(), ada, chat.UpdateRoomInput{Room: mine, Retain: &days})
	refused(t, "a member sets how long a room keeps its messages", err, chat.ErrForbidden)
	_, err = f.UpdateRoom(t.Context(), owner, chat.UpdateRoomInput{Room: mine, Retain: &days})
	refused(t, "an owner sets it where they do not moderate", err, chat.ErrForbidden)
	_, err = f.UpdateRoom(t.Context(), owner, chat.UpdateRoomInput{Room: rooms["a week"], Retain: &wrong})
	refused(t, "too many days", err, chat.ErrInvalid)

	left := func(room chat.RoomID) (n int) {
		t.Helper()
		if err := f.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		for after := int64(0); ; {
			page, err := f.ListMessages(t.Context(), ada,
				chat.MessageListInput{Room: room, After: &after, Limit: 200})
			if err != nil {
				t.Fatal(err)
			}
			if n += len(page.Messages); !page.MoreNewer {
				return n
			}
			after = page.Messages[len(page.Messages)-1].No
		}
	}
	for i := range 2100 { // more than one step of trimming
		if i%40 == 0 {
			f.Wait(chat.DefaultLimits.Sends.Window)
		}
		f.Say(owner, rooms["a week"], fmt.Sprint("old ", i))
	}
	for _, room := range rooms {
		f.Say(ada, room, "old")
	}
	f.Wait(8 * day)
	for _, room := range rooms {
		f.Say(ada, room, "new")
	}
	for name, want := range map[string]int{"as the server does": 2, "for ever": 2, "a week": 1} {
		if n := left(rooms[name]); n != want {
			t.Errorf("%s, after 8 days: %d messages, want %d", name, n, want)
		}
	}
	f.Wait(29 * day)
	ada, owner = f.Again("ada"), f.Again("owner")
	for name, want := range map[string]int{"as the server does": 1, "for ever": 2, "a week": 0} {
		if n := left(rooms[name]); n != want {
			t.Errorf("%s, after 37 days: %d messages, want %d", name, n, want)
		}
	}
	view, err := f.GetRoom(t.Context(), owner, chat.RoomInput{Room: rooms["a week"]})
	if err != nil || view.HeadNo != 2102 || view.Trimmed != 2102 || view.Unread != 0 || view.Last != nil {
		t.Errorf("view of a room whose messages are gone: %+v, %v", view, err)
	}
	if m := f.Say(ada, rooms["a week"], "goes on"); m.No != 2103 {
		t.Errorf("the next message is %d, want 2103", m.No)
	}
}
