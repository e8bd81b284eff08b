package chat_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
)

func TestEveryoneIsInGeneral(t *testing.T) {
	f := newFixture(t, nil)
	pablo := f.person("Pablo", chat.RoleOwner)
	rooms, err := f.ListRooms(t.Context(), pablo, chat.None{})
	if err != nil || len(rooms.Rooms) != 1 || rooms.Rooms[0].ID != chat.GeneralID ||
		rooms.Rooms[0].Name != "General" {
		t.Fatalf("%+v, %v", rooms, err)
	}
	_, err = f.LeaveRoom(t.Context(), pablo, chat.RoomInput{Room: chat.GeneralID})
	refused(t, "leaving General", err, chat.ErrForbidden)
	if err := f.Setup(t.Context()); err != nil {
		t.Errorf("setting up again: %v", err)
	}
}

func TestDirectRoomIsOnePerPair(t *testing.T) {
	f := newFixture(t, nil)
	a, b, c := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember),
		f.person("Mary", chat.RoleMember)
	ids := make([]chat.RoomID, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			who, whom := a, b
			if i%2 == 1 {
				who, whom = b, a
			}
			view, err := f.OpenDirect(t.Context(), who, chat.OpenDirectInput{User: whom.User.ID})
			if err != nil {
				t.Error(err)
			}
			ids[i] = view.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("several rooms: %v", ids)
		}
	}
	for _, who := range []chat.Caller{a, b} {
		rooms, _ := f.ListRooms(t.Context(), who, chat.None{})
		if len(rooms.Rooms) != 2 {
			t.Errorf("%s has %d rooms", who.User.Name, len(rooms.Rooms))
		}
	}
	members, _ := f.ListMembers(t.Context(), a, chat.MemberPageInput{Room: ids[0]})
	if len(members.Members) != 2 {
		t.Errorf("members: %+v", members)
	}
	_, err := f.OpenDirect(t.Context(), a, chat.OpenDirectInput{User: a.User.ID})
	refused(t, "with oneself", err, chat.ErrInvalid)
	_, err = f.OpenDirect(t.Context(), a, chat.OpenDirectInput{User: "nobody"})
	refused(t, "with nobody", err, chat.ErrNotFound)
	_, err = f.GetRoom(t.Context(), c, chat.RoomInput{Room: ids[0]})
	refused(t, "looking into a pair's room", err, chat.ErrNotFound)
	_, err = f.LeaveRoom(t.Context(), a, chat.RoomInput{Room: ids[0]})
	refused(t, "leaving", err, chat.ErrForbidden)
	_, err = f.AddMember(t.Context(), a, chat.MemberInput{Room: ids[0], User: c.User.ID})
	refused(t, "adding a third", err, chat.ErrForbidden)
	name := "x"
	_, err = f.UpdateRoom(t.Context(), a, chat.UpdateRoomInput{Room: ids[0], Name: &name})
	refused(t, "renaming", err, chat.ErrForbidden)
}

// TestAccess asks for everything in a room, as people with every kind of right
// to it.
func TestAccess(t *testing.T) {
	type outcome = map[string]*chat.Error
	no, hidden := chat.ErrForbidden, chat.ErrNotFound
	for _, c := range []struct {
		kind chat.RoomKind
		want map[string]outcome // by action, then by person
	}{
		{chat.Private, map[string]outcome{
			"read":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"send":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"typing": {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"join":   {"owner outside": hidden, "outsider": hidden},
			"rename": {"moderator": nil, "member": no, "admin inside": no, "owner outside": hidden,
				"outsider": hidden},
			"add": {"moderator": nil, "member": no, "admin inside": no, "owner outside": hidden,
				"outsider": hidden},
			"role":   {"moderator": nil, "member": no, "admin inside": no, "outsider": hidden},
			"remove": {"member": no, "admin inside": no, "outsider": hidden, "moderator": nil},
		}},
		{chat.Public, map[string]outcome{
			"read":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"send":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"rename": {"moderator": nil, "member": no, "admin inside": nil, "owner outside": hidden},
			"role":   {"moderator": nil, "member": no, "admin inside": nil},
			"remove": {"member": no, "outsider": hidden, "admin inside": nil},
			"join":   {"owner outside": nil, "outsider": nil, "member": nil},
		}},
	} {
		f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Logins.Limit = -1 })
		who := map[string]chat.Caller{
			"moderator":     f.person("moderator", chat.RoleMember),
			"member":        f.person("member", chat.RoleMember),
			"admin inside":  f.person("admin", chat.RoleAdmin),
			"owner outside": f.person("owner", chat.RoleOwner),
			"outsider":      f.person("outsider", chat.RoleMember),
			"victim":        f.person("victim", chat.RoleMember),
		}
		room := f.room(who["moderator"], c.kind, who["member"], who["admin inside"], who["victim"])
		f.send(who["member"], room, "first")
		victim, name := who["victim"].User.ID, "renamed"
		try := map[string]func(chat.Caller) error{
			"read": func(w chat.Caller) error {
				_, err := f.ListMessages(t.Context(), w, chat.MessageListInput{Room: room})
				for what, other := range map[string]error{
					"get":     second(f.GetRoom(t.Context(), w, chat.RoomInput{Room: room})),
					"message": second(f.GetMessage(t.Context(), w, chat.MessageInput{Room: room, No: 1})),
					"members": second(f.ListMembers(t.Context(), w, chat.MemberPageInput{Room: room})),
					"mark":    second(f.MarkRead(t.Context(), w, chat.ReadInput{Room: room, No: 1})),
					"stream":  f.MayRead(t.Context(), w, chat.RoomStream(room)),
				} {
					if (other == nil) != (err == nil) {
						t.Errorf("reading gives %v, but %s gives %v", err, what, other)
					}
				}
				return err
			},
			"send": func(w chat.Caller) error {
				return second(f.Send(t.Context(), w, chat.SendInput{Room: room, Text: "x"}))
			},
			"typing": func(w chat.Caller) error {
				return second(f.SendTyping(t.Context(), w,
					chat.RoomInput{Room: room}))
			},
			"join": func(w chat.Caller) error {
				return second(f.JoinRoom(t.Context(), w,
					chat.RoomInput{Room: room}))
			},
			"rename": func(w chat.Caller) error {
				return second(f.UpdateRoom(t.Context(), w, chat.UpdateRoomInput{Room: room, Name: &name}))
			},
			"add": func(w chat.Caller) error {
				return second(f.AddMember(t.Context(), w, chat.MemberInput{Room: room, User: victim}))
			},
			"role": func(w chat.Caller) error {
				return second(f.UpdateMember(t.Context(), w,
					chat.UpdateMemberInput{Room: room, User: victim, Role: chat.RoomMember}))
			},
			"remove": func(w chat.Caller) error {
				return second(f.RemoveMember(t.Context(), w,
					chat.RemoveMemberInput{Room: room, User: victim}))
			},
		}
		for _, what := range []string{"read", "send", "typing", "rename", "add", "role", "remove", "join"} {
			for name, want := range c.want[what] {
				refused(t, string(c.kind)+": "+name+": "+what, try[what](who[name]), want)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestPrivateRoomKeepsAModerator(t *testing.T) {
	f := newFixture(t, nil)
	a, b := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember)
	room := f.room(a, chat.Private, b)
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

func TestRoomLimitsAndNames(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.RoomsCreated, cfg.Limits.RoomsJoined = 2, 4 })
	a, b := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember)
	for name, want := range map[string]*chat.Error{"": chat.ErrInvalid, "   ": chat.ErrInvalid,
		strings.Repeat("x", 65): chat.ErrInvalid, "a\u202eb": chat.ErrInvalid, "a\x00b": chat.ErrInvalid} {
		_, err := f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: name})
		refused(t, "name "+name, err, want)
	}
	_, err := f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: "x", Topic: strings.Repeat("x", 251)})
	refused(t, "a long topic", err, chat.ErrInvalid)
	_, err = f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: "x", Kind: chat.Direct})
	refused(t, "a direct room by hand", err, chat.ErrInvalid)
	f.room(a, chat.Public)
	second := f.room(a, chat.Public)
	_, err = f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: "third"})
	refused(t, "one room too many", err, chat.ErrForbidden)
	f.room(b, chat.Public)
	f.room(b, chat.Public)
	if _, err := f.JoinRoom(t.Context(), b, chat.RoomInput{Room: second}); err != nil {
		t.Fatal(err)
	}
	_, err = f.OpenDirect(t.Context(), a, chat.OpenDirectInput{User: b.User.ID})
	refused(t, "in one room too many", err, chat.ErrForbidden)
}

func TestRemovedPeopleSeeNothing(t *testing.T) {
	f := newFixture(t, nil)
	a, b := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember)
	room := f.room(a, chat.Private, b)
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

func TestMessages(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Sends.Limit = -1; cfg.Limits.Calls.Limit = -1 })
	a, b := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember)
	first, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "a\r\nb", ClientID: "c1"})
	if err != nil || first.No != 1 || first.Text != "a\nb" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "a\r\nb", ClientID: "c1"})
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("a retry is another message: %v %s", err, diff)
	}
	otherDevice := a
	otherDevice.Device = "phone"
	if m, err := f.Send(t.Context(), otherDevice,
		chat.SendInput{Room: chat.GeneralID, Text: "x", ClientID: "c1"}); err != nil || m.No != 2 {
		t.Errorf("the same client id on another device: %+v, %v", m, err)
	}
	for text, want := range map[string]*chat.Error{"": chat.ErrInvalid, " \n\t ": chat.ErrInvalid,
		strings.Repeat("x", 16<<10+1): chat.ErrTooLarge, "a\x00": chat.ErrInvalid,
		"\xff": chat.ErrInvalid, "\x1b[31m": chat.ErrInvalid} {
		_, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: text})
		refused(t, "text "+shortly(text), err, want)
	}
	for _, id := range []string{strings.Repeat("x", 65), "a b", "ä"} {
		_, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "x", ClientID: id})
		refused(t, "client id "+id, err, chat.ErrInvalid)
	}
	for range 8 {
		f.send(b, chat.GeneralID, "more")
	}
	zero, five := int64(0), int64(5)
	for _, c := range []struct {
		in           chat.MessageListInput
		from, to     int64
		older, newer bool
	}{
		{chat.MessageListInput{Limit: 3}, 8, 10, true, false},
		{chat.MessageListInput{Before: 8, Limit: 3}, 5, 7, true, true},
		{chat.MessageListInput{Before: 3, Limit: 3}, 1, 2, false, true},
		{chat.MessageListInput{After: &zero, Limit: 3}, 1, 3, false, true},
		{chat.MessageListInput{After: &five}, 6, 10, true, false},
		{chat.MessageListInput{Around: 5, Limit: 4}, 3, 6, true, true},
	} {
		c.in.Room = chat.GeneralID
		page, err := f.ListMessages(t.Context(), a, c.in)
		if err != nil || len(page.Messages) == 0 {
			t.Fatal(page, err)
		}
		n := len(page.Messages)
		if page.Messages[0].No != c.from || page.Messages[n-1].No != c.to ||
			page.MoreOlder != c.older || page.MoreNewer != c.newer {
			t.Errorf("%+v: %d to %d, older %v, newer %v", c.in, page.Messages[0].No,
				page.Messages[n-1].No, page.MoreOlder, page.MoreNewer)
		}
	}
	for _, in := range []chat.MessageListInput{{Before: -1}, {Limit: -1}, {Limit: 201},
		{Before: 3, Around: 4}} {
		in.Room = chat.GeneralID
		_, err := f.ListMessages(t.Context(), a, in)
		refused(t, "a bad page", err, chat.ErrInvalid)
	}
	_, err = f.GetMessage(t.Context(), a, chat.MessageInput{Room: chat.GeneralID, No: 99})
	refused(t, "a message that is not there", err, chat.ErrNotFound)
}

func TestUnreadIsDerived(t *testing.T) {
	f := newFixture(t, nil)
	a, b := f.person("Pablo", chat.RoleOwner), f.person("Joe", chat.RoleMember)
	unread := func(who chat.Caller) int64 {
		view, err := f.GetRoom(t.Context(), who, chat.RoomInput{Room: chat.GeneralID})
		if err != nil {
			t.Fatal(err)
		}
		return view.Unread
	}
	for range 3 {
		f.send(a, chat.GeneralID, "x")
	}
	if unread(a) != 0 || unread(b) != 3 {
		t.Errorf("unread: %d for the author, %d for the other", unread(a), unread(b))
	}
	for _, c := range []struct{ mark, read, unread int64 }{{2, 2, 1}, {1, 2, 1}, {99, 3, 0}} {
		out, err := f.MarkRead(t.Context(), b, chat.ReadInput{Room: chat.GeneralID, No: c.mark})
		if err != nil || out.No != c.read || out.Unread != c.unread {
			t.Errorf("mark %d: %+v, %v", c.mark, out, err)
		}
	}
	late := f.person("Mary", chat.RoleMember)
	if unread(late) != 0 {
		t.Error("somebody who joins later has unread messages from before")
	}
	f.send(b, chat.GeneralID, "an answer")
	if unread(b) != 0 || unread(late) != 1 {
		t.Errorf("after an answer: %d and %d", unread(b), unread(late))
	}
}

func TestEventsAndLimits(t *testing.T) {
	f := newFixture(t, nil)
	a := f.person("Pablo", chat.RoleOwner)
	view, _ := f.GetRoom(t.Context(), a, chat.RoomInput{Room: chat.GeneralID})
	for range 5 {
		f.send(a, chat.GeneralID, "x")
	}
	in := chat.EventListInput{Room: chat.GeneralID, Epoch: view.Position.Epoch,
		Seq: view.Position.Seq, ID: view.Position.ID, Limit: 3}
	list, err := f.ListEvents(t.Context(), a, in)
	if err != nil || len(list.Events) != 3 || !list.More || !list.Events[0].Follows(view.Position) {
		t.Errorf("%+v, %v", list, err)
	}
	in.Epoch = "another"
	_, err = f.ListEvents(t.Context(), a, in)
	refused(t, "another epoch", err, chat.ErrResync)
	in.Seq = -1
	_, err = f.ListEvents(t.Context(), a, in)
	refused(t, "a negative position", err, chat.ErrInvalid)

	for range chat.DefaultLimits.Sends.Limit - 5 {
		f.send(a, chat.GeneralID, "x")
	}
	_, err = f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "x"})
	refused(t, "sending too often", err, chat.ErrRateLimited)
	f.wait(10 * time.Second)
	f.send(a, chat.GeneralID, "x")
	if _, err := f.SendTyping(t.Context(), a, chat.RoomInput{Room: chat.GeneralID}); err != nil ||
		len(f.signals) != 1 || f.signals[0].User != a.User.ID {
		t.Errorf("%v, signals %+v", err, f.signals)
	}
}
