package chat_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestDirectID(t *testing.T) {
	// What rooms were called from the beginning.
	if id := chat.DirectID("01B", "01A"); id != "d-4aed601217b23975d3a6a02a7f" ||
		id != chat.DirectID("01A", "01B") {
		t.Errorf("a pair's room is %s", id)
	}
	if a, b := chat.DirectID("01A", "01B", "01C"), chat.DirectID("01C", "01A", "01B"); a != b ||
		a == chat.DirectID("01A", "01B") {
		t.Errorf("%s, %s", a, b)
	}
}

func TestDirectRoomOfMany(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits.RoomsCreated = 3 })
	ctx := t.Context()
	var all []chat.Caller
	for i := range 10 {
		all = append(all, f.Person(fmt.Sprint("Person ", i), chat.RoleMember))
	}
	ids := func(callers ...chat.Caller) (users []chat.UserID) {
		for _, c := range callers {
			users = append(users, c.User.ID)
		}
		return users
	}
	view, err := f.OpenDirect(ctx, all[0], chat.OpenDirectInput{Users: ids(all[2], all[1], all[2], all[0])})
	if err != nil || view.Members != 3 || !slices.Equal(view.People, ids(all[:3]...)) ||
		view.Kind != chat.Direct || view.Name != "" {
		t.Fatalf("%+v, %v", view, err)
	}
	for _, in := range []chat.OpenDirectInput{{Users: ids(all[0], all[2])},
		{User: all[0].User.ID, Users: ids(all[2])}} {
		if again, err := f.OpenDirect(ctx, all[1], in); err != nil || again.ID != view.ID {
			t.Errorf("another asks: %+v, %v", again, err)
		}
	}
	pair, err := f.OpenDirect(ctx, all[0], chat.OpenDirectInput{Users: ids(all[1])})
	if err != nil || pair.ID != chat.DirectID(ids(all[:2]...)...) || pair.ID == view.ID ||
		len(pair.People) != 2 {
		t.Errorf("a pair of them: %+v, %v", pair, err)
	}
	if nine, err := f.OpenDirect(ctx, all[0],
		chat.OpenDirectInput{Users: ids(all[1:9]...)}); err != nil || len(nine.People) != 9 {
		t.Errorf("nine: %+v, %v", nine, err)
	}
	_, err = f.OpenDirect(ctx, all[0], chat.OpenDirectInput{Users: ids(all[1:10]...)})
	refused(t, "ten", err, chat.ErrInvalid)
	_, err = f.OpenDirect(ctx, all[0], chat.OpenDirectInput{})
	refused(t, "alone", err, chat.ErrInvalid)
	_, err = f.OpenDirect(ctx, all[1], chat.OpenDirectInput{Users: append(ids(all[2]), "nobody")})
	refused(t, "with nobody", err, chat.ErrNotFound)
	_, err = f.GetRoom(ctx, all[3], chat.RoomInput{Room: view.ID})
	refused(t, "looking into others' room", err, chat.ErrNotFound)
	_, err = f.AddMember(ctx, all[0], chat.MemberInput{Room: view.ID, User: all[3].User.ID})
	refused(t, "adding another", err, chat.ErrForbidden)
	_, err = f.BanMember(ctx, all[0], chat.BanInput{Room: view.ID, User: all[1].User.ID})
	refused(t, "banning", err, chat.ErrForbidden)
	_, err = f.OpenDirect(ctx, all[0], chat.OpenDirectInput{Users: ids(all[3], all[4])})
	refused(t, "more sets of people than one may create rooms", err, chat.ErrForbidden)
	if _, err = f.OpenDirect(ctx, all[0], chat.OpenDirectInput{User: all[3].User.ID}); err != nil {
		t.Errorf("a pair is not bounded so: %v", err)
	}
}

func TestDirectRoomIsOnePerPair(t *testing.T) {
	f := newFixture(t, nil)
	a, b, c := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember),
		f.Person("Mary", chat.RoleMember)
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
	_, err = f.AddMember(t.Context(), a, chat.MemberInput{Room: ids[0], User: c.User.ID})
	refused(t, "adding a third", err, chat.ErrForbidden)
	name := "x"
	_, err = f.UpdateRoom(t.Context(), a, chat.UpdateRoomInput{Room: ids[0], Name: &name})
	refused(t, "renaming", err, chat.ErrForbidden)
}

// TestDirectRoomsAreClosed: whoever closes one is still in it, and has it back
// with the next message, or when they open it.
func TestDirectRoomsAreClosed(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	view, err := f.OpenDirect(t.Context(), ada, chat.OpenDirectInput{User: bob.User.ID})
	must(t, "open", err)
	room := view.ID
	f.Say(ada, room, "one")
	listed := func(what string, who chat.Caller, want bool) {
		t.Helper()
		list, err := f.ListRooms(t.Context(), who, chat.None{})
		must(t, "list", err)
		got := slices.ContainsFunc(list.Rooms, func(v chat.RoomView) bool { return v.ID == room })
		if got != want {
			t.Errorf("%s: the room of %s is listed: %v", what, who.User.Name, got)
		}
	}
	closeIt := func(who chat.Caller) {
		t.Helper()
		must(t, "close", errOf(f.LeaveRoom(t.Context(), who, chat.RoomInput{Room: room})))
	}
	closeIt(bob)
	closeIt(bob)
	listed("closed", bob, false)
	listed("closed by the other", ada, true)
	if m, err := f.ListMessages(t.Context(), bob, chat.MessageListInput{Room: room}); err != nil ||
		len(m.Messages) != 1 {
		t.Errorf("what was written: %+v, %v", m, err)
	}
	f.Say(ada, room, "two")
	listed("with another message", bob, true)
	if view, err := f.GetRoom(t.Context(), bob, chat.RoomInput{Room: room}); err != nil || view.Unread != 2 {
		t.Errorf("unread %d, %v", view.Unread, err)
	}
	closeIt(bob)
	closeIt(ada)
	must(t, "open", errOf(f.OpenDirect(t.Context(), bob, chat.OpenDirectInput{User: ada.User.ID})))
	listed("opened", bob, true)
	closeIt(bob)
	f.Say(bob, room, "three")
	listed("written in", bob, true)
	if left, err := f.Store.Records(t.Context(), "closed", "", 10); err != nil || len(left) > 0 {
		t.Errorf("%d records are left, %v", len(left), err)
	}
}

// TestOthersFillNoList: who is put into many direct rooms can still join and
// create rooms.
func TestOthersFillNoList(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.Limits = chattest.Unlimited()
		c.Limits.RoomsJoined = 10
	})
	victim := f.Person("Victim", chat.RoleMember)
	opened := 0
	for i := range 12 {
		eve := f.Person(fmt.Sprint("Eve ", i), chat.RoleMember)
		_, err := f.OpenDirect(t.Context(), eve, chat.OpenDirectInput{User: victim.User.ID})
		if err == nil {
			opened++
		} else {
			refused(t, "one more", err, chat.ErrForbidden)
		}
	}
	list, err := f.ListRooms(t.Context(), victim, chat.None{})
	if err != nil || opened != 4 || len(list.Rooms) != 5 {
		t.Errorf("%d were opened, %d are listed, %v", opened, len(list.Rooms), err)
	}
	for range 5 {
		must(t, "a room of one's own", errOf(f.CreateRoom(t.Context(), victim, chat.CreateRoomInput{Name: "mine"})))
	}
	must(t, "close", errOf(f.LeaveRoom(t.Context(), victim, chat.RoomInput{Room: list.Rooms[0].ID})))
	must(t, "and another", errOf(f.CreateRoom(t.Context(), victim, chat.CreateRoomInput{Name: "mine"})))
}
