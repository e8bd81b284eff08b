package chat_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
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
	_, err = f.LeaveRoom(ctx, all[0], chat.RoomInput{Room: view.ID})
	refused(t, "leaving", err, chat.ErrForbidden)
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
	_, err = f.LeaveRoom(t.Context(), a, chat.RoomInput{Room: ids[0]})
	refused(t, "leaving", err, chat.ErrForbidden)
	_, err = f.AddMember(t.Context(), a, chat.MemberInput{Room: ids[0], User: c.User.ID})
	refused(t, "adding a third", err, chat.ErrForbidden)
	name := "x"
	_, err = f.UpdateRoom(t.Context(), a, chat.UpdateRoomInput{Room: ids[0], Name: &name})
	refused(t, "renaming", err, chat.ErrForbidden)
}
