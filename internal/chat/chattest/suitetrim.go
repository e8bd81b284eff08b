package chattest

import (
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

func (f *fixture) trim(room chat.RoomID, to int64) chat.Change {
	return f.inRoom(room, chat.TrimMessages{To: to})
}

// testTrim deletes the oldest messages of a room: what is left reads as before,
// and what is gone is nowhere.
func testTrim(f *fixture) {
	f.refuse(chat.ErrNotFound, f.trim("none", 1))
	f.room("a", "u1", "u2")
	f.room("b", "u1")
	f.noOp(f.trim("a", 5))
	f.refuse(chat.ErrInvalid, f.trim("a", 0))
	var events []chat.Event
	var sends []chat.Change
	send := func(client string) {
		c := f.sendAs("a", "u1", "d", client)
		events, sends = append(events, f.event(c)), append(sends, c)
	}
	for i := range 10 {
		send(fmt.Sprint("c", i))
	}
	other := f.event(f.send("b", "u1", "neighbour"))
	f.event(f.read("a", "u2", 3))
	before := need(Fetch(f.ctx, f.Store, "u2")).of(f)
	late := f.list("a", "u3")
	f.commit(f.join("a", "u3"), late)

	e := f.event(f.trim("a", 4))
	if e.Trimmed != 4 {
		f.Fatalf("trimmed to %d, want 4", e.Trimmed)
	}
	f.noOp(f.trim("a", 4))
	f.noOp(f.trim("a", 2))
	page := func(p chat.Page) (numbers []int64) {
		f.Helper()
		for _, m := range need(f.Other.Messages(f.ctx, "a", p)).of(f) {
			numbers = append(numbers, m.No)
		}
		return numbers
	}
	f.same("newest", []int64{5, 6, 7, 8, 9, 10}, page(chat.Page{Limit: 100}))
	f.same("before one that is gone", nil, asAny(page(chat.Page{From: chat.Before, No: 3, Limit: 5})))
	f.same("before one that is kept", []int64{5, 6}, page(chat.Page{From: chat.Before, No: 7, Limit: 5}))
	f.same("after one that is gone", []int64{5, 6}, page(chat.Page{From: chat.After, No: 1, Limit: 2}))
	f.same("from the start", []int64{5, 6}, page(chat.Page{From: chat.After, Limit: 2}))
	f.same("around one that is gone", []int64{5, 6, 7, 8},
		page(chat.Page{From: chat.Around, No: 2, Limit: 4}))
	f.same("around one that is kept", []int64{5, 6, 7, 8},
		page(chat.Page{From: chat.Around, No: 6, Limit: 4}))

	v := need(f.Store.View(f.ctx, "a", "u2")).of(f)
	if v.Trimmed != 4 || v.ReadNo != 3 || v.Unread != 6 || v.HeadNo != 10 || v.Last == nil {
		f.Fatalf("view %+v", v)
	}
	now := need(before.CatchUp(f.ctx, f.Store)).of(f)
	f.same("state and events", need(f.Store.Views(f.ctx, "u2")).of(f), now.Sorted())

	s := chat.RoomStream("a")
	for i, gone := range events {
		got, err := f.Other.Events(f.ctx, s, gone.Position(), 1)
		switch {
		case i < 4:
			f.refused(fmt.Sprint("after message ", i+1, ", which is gone"), chat.ErrResync, err)
		case i < 9:
			f.ok(err)
			f.same("the event after", []chat.Event{events[i+1]}, got)
		}
	}
	_, err := f.Other.Events(f.ctx, s, chat.Position{Epoch: e.Epoch}, 100)
	f.refused("events of messages that are gone", chat.ErrResync, err)
	f.same("few enough events", 3,
		len(need(f.Other.Events(f.ctx, s, chat.Position{Epoch: e.Epoch}, 3)).of(f)))

	// A send that is repeated: one whose message is kept, and one whose message
	// is gone.
	f.same("repeated", chat.Result{Event: events[4], Duplicate: true}, f.commit(sends[4])[0])
	f.same("repeated", chat.Result{Event: events[9], Duplicate: true}, f.commit(sends[9])[0])
	again := sends[0]
	again.ID = f.id()
	if r := f.commit(again)[0]; r.Duplicate || r.Event.Message.No != 11 {
		f.Fatalf("a send whose message is gone: %+v", r)
	}

	// All of them, and on. (The place before this event is that of a message
	// which is gone.)
	f.commit(f.trim("a", 100))
	f.same("nothing is left", nil, asAny(page(chat.Page{Limit: 10})))
	v = need(f.Other.View(f.ctx, "a", "u3")).of(f)
	if v.Trimmed != 11 || v.Unread != 0 || v.HeadNo != 11 || v.Last != nil {
		f.Fatalf("view of a room that was emptied: %+v", v)
	}
	for _, joined := range need(f.Store.Events(f.ctx, chat.UserStream("u3"),
		chat.Position{Epoch: e.Epoch}, 10)).of(f) {
		if joined.View.Last != nil {
			f.Fatalf("a message that is gone is told again: %+v", joined.View.Last)
		}
	}
	next := f.event(f.send("a", "u1", "goes on"))
	if next.Message.No != 12 {
		f.Fatalf("the next message is %d, want 12", next.Message.No)
	}
	if r := f.commit(f.send("a", "u1", "made and gone"), f.trim("a", 13),
		f.send("a", "u1", "kept")); r[1].Event.Trimmed != 13 || r[2].Event.Message.No != 14 {
		f.Fatalf("in one call: %+v", r)
	}
	f.same("the newest", []int64{14}, page(chat.Page{Limit: 10}))
	f.same("the neighbour", []chat.Message{*other.Message},
		need(f.Other.Messages(f.ctx, "b", chat.Page{Limit: 10})).of(f))
	if f.Reopen != nil {
		f.Store = f.Reopen()
		f.Other = f.Store
		f.same("the newest", []int64{14}, page(chat.Page{Limit: 10}))
		if next := f.event(f.send("a", "u1", "goes on")); next.Message.No != 15 {
			f.Fatalf("the next message is %d, want 15", next.Message.No)
		}
	}
}
