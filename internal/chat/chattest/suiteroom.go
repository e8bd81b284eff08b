package chattest

import (
	"fmt"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

func testRooms(f *fixture) {
	c := alter(f.createRoom("a"), func(op *chat.CreateRoom) {
		op.Room.Kind, op.Room.People = chat.Direct,
			[]chat.UserID{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"}
	})
	want := c.Op.(chat.CreateRoom).Room
	e := f.event(c)
	f.same("room of the event", want, *e.Room)
	if e.Seq != 1 || e.Prev != "" {
		f.Fatalf("the first event is %d after %q", e.Seq, e.Prev)
	}
	f.same("room", want, need(f.Other.Room(f.ctx, "a")).of(f))
	f.refuse(chat.ErrConflict, f.createRoom("a"))

	up := f.inRoom("a", chat.UpdateRoom{Name: "New"})
	want.Name, want.Topic = "New", ""
	f.same("only name and topic change", want, *f.event(up).Room)
	f.same("room", want, need(f.Other.Room(f.ctx, "a")).of(f))

	up.Stream = chat.RoomStream("none")
	f.refuse(chat.ErrNotFound, up)
	_, err := f.Store.Room(f.ctx, "none")
	f.refused("unknown room", chat.ErrNotFound, err)
}

func testMembers(f *fixture) {
	f.refuse(chat.ErrNotFound, f.join("a", "u1"))
	f.room("a")
	f.commit(f.send2("a", "guest"), f.send2("a", "guest"))

	c := alter(f.join("a", "u2"), func(op *chat.AddMember) { op.Member.Role = chat.RoomModerator })
	want := c.Op.(chat.AddMember).Member
	f.same("member of the event", want, *f.event(c).Member)
	f.same("member", want, need(f.Other.Member(f.ctx, "a", "u2")).of(f))
	f.noOp(f.join("a", "u2"))
	f.same("still as before", want, need(f.Store.Member(f.ctx, "a", "u2")).of(f))
	v := need(f.Other.View(f.ctx, "a", "u2")).of(f)
	if v.ReadNo != 2 || v.Unread != 0 || v.Members != 1 || v.Role != chat.RoomModerator {
		f.Fatalf("who joins has read everything: %+v", v)
	}

	f.refuse(chat.ErrNotFound, f.role("a", "u1", chat.RoomMember))
	up := f.role("a", "u2", chat.RoomMember)
	want.Role = chat.RoomMember
	f.same("only the role changes", want, *f.event(up).Member)
	f.same("member", want, need(f.Other.Member(f.ctx, "a", "u2")).of(f))

	f.noOp(f.leave("a", "u1"))
	f.refuse(chat.ErrNotFound, f.leave("none", "u1"))
	if e := f.event(f.leave("a", "u2")); e.Member.User != "u2" || e.Member.Room != "a" {
		f.Fatalf("member who left: %+v", e.Member)
	}
	_, err := f.Other.Member(f.ctx, "a", "u2")
	f.refused("member who left", chat.ErrNotFound, err)
	_, err = f.Other.View(f.ctx, "a", "u2")
	f.refused("view of who left", chat.ErrNotFound, err)
	f.noOp(f.leave("a", "u2"))

	// Pages of members.
	var all []chat.Member
	for i := range 7 {
		c := f.join("a", chat.UserID(fmt.Sprint("p", (i*3)%7)))
		f.event(c)
		all = append(all, c.Op.(chat.AddMember).Member)
	}
	slices.SortFunc(all, func(a, b chat.Member) int { return int(a.User[1]) - int(b.User[1]) })
	f.same("all members", all, need(f.Other.Members(f.ctx, "a", "", 100)).of(f))
	f.same("first page", all[:3], need(f.Store.Members(f.ctx, "a", "", 3)).of(f))
	f.same("second page", all[3:6], need(f.Store.Members(f.ctx, "a", all[2].User, 3)).of(f))
	f.same("after the last", nil, asAny(need(f.Store.Members(f.ctx, "a", "p6", 3)).of(f)))
	_, err = f.Store.Members(f.ctx, "none", "", 3)
	f.refused("members of an unknown room", chat.ErrNotFound, err)
	if v := need(f.Store.View(f.ctx, "a", "p0")).of(f); v.Members != 7 {
		f.Fatalf("%d members, want 7", v.Members)
	}
}

// asAny is nil for an empty list, so that it can be compared with nil.
func asAny[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// send2 is a send by somebody who need not be a member.
func (f *fixture) send2(room chat.RoomID, user chat.UserID) chat.Change {
	c := f.send(room, user, "text")
	c.MustBeIn = ""
	return c
}

func testLists(f *fixture) {
	f.refuse(chat.ErrNotFound, f.list("a", "u1"))
	f.room("b", "u1")
	f.room("a")
	f.refuse(chat.ErrNotFound, f.list("a", "u1"))
	f.commit(f.send("b", "u1", "one"))
	f.commit(f.join("a", "u2"), f.join("a", "u1"))
	f.commit(f.send("a", "u2", "two"))
	e := f.event(f.list("a", "u1"))
	f.same("view of the event", need(f.Other.View(f.ctx, "a", "u1")).of(f), *e.View)
	if v := e.View; v.HeadNo != 1 || v.ReadNo != 0 || v.Unread != 1 || v.Members != 2 ||
		v.Last == nil || v.Last.Text != "two" {
		f.Fatalf("view of the event: %+v", v)
	}
	f.noOp(f.list("a", "u1"))
	views := need(f.Other.Views(f.ctx, "u1")).of(f)
	f.same("views", []chat.RoomView{need(f.Store.View(f.ctx, "a", "u1")).of(f),
		need(f.Store.View(f.ctx, "b", "u1")).of(f)}, views)
	f.same("views of nobody", nil, asAny(need(f.Store.Views(f.ctx, "nobody")).of(f)))

	f.noOp(f.unlist("a", "u2"))
	f.noOp(f.unlist("none", "u1"))
	f.commit(f.leave("a", "u1"))
	reason := "said \"so\"\\"
	unlist := f.change(chat.UserStream("u1"), chat.UnlistRoom{Room: "a", Reason: reason})
	if e := f.event(unlist); e.Left != "a" || e.Reason != reason {
		f.Fatalf("room.left of %q because of %q", e.Left, e.Reason)
	}
	f.noOp(f.unlist("a", "u1"))
	f.same("views", views[1:], need(f.Other.Views(f.ctx, "u1")).of(f))
	f.commit(f.join("a", "u1"))
	f.event(f.list("a", "u1"))
	if n := len(need(f.Other.Views(f.ctx, "u1")).of(f)); n != 2 {
		f.Fatalf("%d rooms after coming back, want 2", n)
	}
}

func testReads(f *fixture) {
	f.room("a", "u1", "u2")
	for range 4 {
		f.commit(f.send("a", "u1", "text"))
	}
	readNo := func(u chat.UserID, want int64) {
		f.Helper()
		if v := need(f.Other.View(f.ctx, "a", u)).of(f); v.ReadNo != want || v.Unread != 4-want {
			f.Fatalf("%s has read %d with %d unread, want %d and %d", u, v.ReadNo, v.Unread, want, 4-want)
		}
	}
	readNo("u1", 4)
	readNo("u2", 0)
	e := f.event(f.read("a", "u2", 3))
	f.same("read of the event", chat.Read{Room: "a", No: 3}, *e.Read)
	readNo("u2", 3)
	f.same("read positions", []chat.ReadPosition{{User: "u1", No: 4}, {User: "u2", No: 3}},
		need(f.Other.ReadPositions(f.ctx, "a", "", 10)).of(f))
	f.same("the rest of them", []chat.ReadPosition{{User: "u2", No: 3}},
		need(f.Other.ReadPositions(f.ctx, "a", "u1", 1)).of(f))
	f.noOp(f.read("a", "u2", 3))
	f.noOp(f.read("a", "u2", 1))
	f.noOp(f.read("a", "u2", 0))
	readNo("u2", 3)
	f.refuse(chat.ErrNotFound, f.read("a", "u3", 1))
	f.refuse(chat.ErrNotFound, f.read("none", "u2", 1))

	// Racing devices: the farthest wins, and events only move forward.
	f.commit(f.join("a", "u3"))
	for range 40 {
		f.commit(f.send("a", "u1", "text"))
	}
	f.parallel(8, func(i int) error {
		for no := range int64(40) {
			if _, err := f.handle(i).Commit(f.ctx, f.read("a", "u3", no+int64(i%3))); err != nil {
				return err
			}
		}
		return nil
	})
	if v := need(f.Other.View(f.ctx, "a", "u3")).of(f); v.ReadNo != 41 {
		f.Fatalf("read up to %d, want 41", v.ReadNo)
	}
	last := int64(0)
	head := need(f.Store.Heads(f.ctx, chat.UserStream("u3"))).of(f)[0]
	events, err := after(f.ctx, f.Store, chat.UserStream("u3"), chat.Position{Epoch: head.Epoch})
	f.ok(err)
	for _, e := range events {
		if e.Read.No <= last {
			f.Fatalf("read moved from %d to %d", last, e.Read.No)
		}
		last = e.Read.No
	}
}

func testDirectory(f *fixture) {
	var public []chat.Room
	for i := range 6 {
		c := alter(f.createRoom(chat.RoomID(fmt.Sprint("r", (i*5)%6))), func(op *chat.CreateRoom) {
			op.Room.CreatedBy = chat.UserID(fmt.Sprint("u", i%2))
			if i != 3 {
				op.Room.Kind = chat.Public
				public = append(public, op.Room)
			}
		})
		f.commit(c)
	}
	slices.SortFunc(public, func(a, b chat.Room) int { return int(a.ID[1]) - int(b.ID[1]) })
	f.same("public rooms", public, need(f.Other.PublicRooms(f.ctx, "", 100)).of(f))
	f.same("a page", public[2:4], need(f.Store.PublicRooms(f.ctx, public[1].ID, 2)).of(f))
	f.same("none", nil, asAny(need(f.Store.PublicRooms(f.ctx, "r9", 2)).of(f)))
	for user, want := range map[chat.UserID]int{"u0": 3, "u1": 3, "u2": 0} {
		if n := need(f.Other.CountRooms(f.ctx, user)).of(f); n != want {
			f.Fatalf("%s created %d rooms, want %d", user, n, want)
		}
	}
}

func testBadChanges(f *fixture) {
	f.room("a", "u1")
	lacks := f.inRoom("a", nil)
	stray := f.join("a", "u2")
	stray.Stream = chat.ServerStream
	nothing := f.trim("a", 0)
	nowhere := f.account("u9", "Nine", "")
	nowhere.Stream = "nowhere"
	other := f.createRoom("b")
	other.Stream = chat.RoomStream("c")
	for _, c := range []chat.Change{lacks, stray, nothing, nowhere, other} {
		f.refuse(chat.ErrInvalid, c)
	}
	if results, err := f.Store.Commit(f.ctx); err != nil || len(results) != 0 {
		f.Fatalf("an empty commit: %v, %v", results, err)
	}
}

func testAtomic(f *fixture) {
	f.room("a", "u1")
	// Changes to one stream: all or none.
	f.refuse(chat.ErrNotFound, f.join("a", "u2"), f.sendAs("a", "u2", "d", "c1"),
		f.role("a", "u9", chat.RoomMember))
	_, err := f.Store.Member(f.ctx, "a", "u2")
	f.refused("member of a refused call", chat.ErrNotFound, err)
	if v := need(f.Store.View(f.ctx, "a", "u1")).of(f); v.Members != 1 || v.HeadNo != 0 {
		f.Fatalf("a refused call left %+v", v)
	}
	// The refused send has not been remembered, though another message has
	// taken its number; and later changes see earlier ones.
	f.commit(f.sendAs("a", "u1", "d", "c0"))
	r := f.commit(f.join("a", "u2"), f.sendAs("a", "u2", "d", "c1"),
		f.role("a", "u2", chat.RoomModerator), f.join("a", "u2"))
	if r[1].Duplicate || r[1].Event.Message.No != 2 || r[2].Event.Seq != r[1].Event.Seq+1 || !r[3].NoOp {
		f.Fatalf("results %+v", r)
	}
	again := f.sendAs("a", "u2", "d", "c1")
	if r := f.commit(again)[0]; !r.Duplicate || r.Event.Message.No != 2 {
		f.Fatalf("a repeated send: %+v", r)
	}
	if !f.Spans {
		return
	}
	f.refuse(chat.ErrNotFound, f.createRoom("b"), f.join("b", "u1"), f.list("b", "u1"), f.list("b", "u2"))
	_, err = f.Store.Room(f.ctx, "b")
	f.refused("room of a refused call", chat.ErrNotFound, err)
	f.same("head of an unknown room", chat.Head{}, need(f.Store.Heads(f.ctx, chat.RoomStream("b"))).of(f)[0])
	if n := len(need(f.Store.Views(f.ctx, "u1")).of(f)); n != 1 {
		f.Fatalf("%d rooms, want 1", n)
	}
	f.room("b", "u1")
}
