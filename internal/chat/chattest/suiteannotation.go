package chattest

import (
	"fmt"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

func (f *fixture) edit(room chat.RoomID, no int64, text string, mentions ...chat.UserID) chat.Change {
	return f.inRoom(room, chat.EditMessage{No: no, Text: text, Mentions: mentions})
}

func (f *fixture) delete(room chat.RoomID, no int64) chat.Change {
	return f.inRoom(room, chat.DeleteMessage{No: no})
}

func (f *fixture) pin(room chat.RoomID, no int64) chat.Change {
	return f.inRoom(room, chat.PinMessage{No: no})
}

func (f *fixture) unpin(room chat.RoomID, no int64) chat.Change {
	return f.inRoom(room, chat.UnpinMessage{No: no})
}

func (f *fixture) thread(room chat.RoomID, no int64, in chat.RoomID, replies int64) chat.Change {
	return f.inRoom(room, chat.MoveThread{No: no,
		Thread: chat.Thread{Room: in, Replies: replies, LastAt: f.now()}})
}

func (f *fixture) react(room chat.RoomID, no int64, emoji string, user chat.UserID) chat.Change {
	c := f.inRoom(room, chat.AddReaction{Reaction: chat.Reaction{No: no, Emoji: emoji, User: user}})
	c.By = user
	return c
}

func (f *fixture) unreact(room chat.RoomID, no int64, emoji string, user chat.UserID) chat.Change {
	c := f.inRoom(room, chat.RemoveReaction{Reaction: chat.Reaction{No: no, Emoji: emoji, User: user}})
	c.By = user
	return c
}

// threadOf is what a MoveThread shows of the thread.
func threadOf(c chat.Change) *chat.Thread {
	t := c.Op.(chat.MoveThread).Thread
	return &t
}

// calling is a send that mentions people.
func (f *fixture) calling(room chat.RoomID, user chat.UserID, who ...chat.UserID) chat.Change {
	return alter(f.send(room, user, fmt.Sprint("calls ", who)),
		func(op *chat.CreateMessage) { op.Mentions = who })
}

// message reads one message through the other handle.
func (f *fixture) message(room chat.RoomID, no int64) chat.Message {
	f.Helper()
	page := need(f.Other.Messages(f.ctx, room, chat.Page{From: chat.After, No: no - 1, Limit: 1})).of(f)
	if len(page) != 1 || page[0].No != no {
		f.Fatalf("message %d of %s: %+v", no, room, page)
	}
	return page[0]
}

// wantAnnotated makes a change of a message that is to leave it as wanted,
// wherever it is shown.
func (f *fixture) wantAnnotated(c chat.Change, want chat.Message) chat.Event {
	f.Helper()
	e := f.event(c)
	if e.Reaction == nil {
		f.same("message of "+string(c.Kind()), &want, e.Message)
	} else {
		f.same("message of the reaction", c.Op.(chat.Annotation).Target(), e.Reaction.No)
	}
	f.same("message after "+string(c.Kind()), want, f.message(want.Room, want.No))
	return e
}

// testEdits changes texts, and reads what they were.
func testEdits(f *fixture) {
	f.refuse(chat.ErrNotFound, f.edit("none", 1, "text"))
	_, err := f.Store.Edits(f.ctx, "none", 1)
	f.refused("edits in an unknown room", chat.ErrNotFound, err)
	f.room("a", "u1", "u2")
	f.refuse(chat.ErrNotFound, f.edit("a", 1, "text"))
	files := []chat.File{{ID: "f1", Name: "日本.png", Type: "image/png", Size: 5 << 30, Width: 640,
		Height: 480, FileDetails: chat.FileDetails{Alt: "日没"}},
		{ID: "f2", FileDetails: chat.FileDetails{Voice: true, Duration: 1 << 20}}}
	send := alter(f.sendAs("a", "u1", "d", "c1"), func(op *chat.CreateMessage) {
		op.Mentions, op.Files = []chat.UserID{"u2"}, slices.Clone(files)
	})
	created := f.event(send)
	m := *created.Message
	f.same("files", files, m.Files)
	f.same("mentions", []chat.UserID{"u2"}, m.Mentions)
	f.event(f.send("a", "u1", "neighbour"))
	for _, no := range []int64{-1, 0, 3, 1 << 40} {
		f.refuse(chat.ErrNotFound, f.edit("a", no, "text"))
	}
	f.same("no edits", nil, asAny(need(f.Other.Edits(f.ctx, "a", 1)).of(f)))
	f.same("no edits of what is not there", nil, asAny(need(f.Other.Edits(f.ctx, "a", 9)).of(f)))

	f.noOp(f.edit("a", 1, m.Text, "u2"))
	was := []chat.Edit{{Text: m.Text, At: m.At}}
	c := f.edit("a", 1, "second", "u2")
	m.Text, m.EditedAt = "second", c.At
	edited := f.wantAnnotated(c, m)
	if edited.Message.Seq != created.Seq || edited.ID == m.ID {
		f.Fatalf("the edit %+v took the message's place in the log", edited)
	}
	f.same("edits", was, need(f.Other.Edits(f.ctx, "a", 1)).of(f))
	f.noOp(f.edit("a", 1, "second", "u2"))

	// The mentions alone, and all of them.
	was = append(was, chat.Edit{Text: m.Text, At: m.EditedAt})
	c = f.edit("a", 1, "second")
	m.Mentions, m.EditedAt = nil, c.At
	f.wantAnnotated(c, m)
	was = append(was, chat.Edit{Text: m.Text, At: m.EditedAt})
	c = f.edit("a", 1, "", "*", "u1")
	m.Text, m.Mentions, m.EditedAt = "", []chat.UserID{"*", "u1"}, c.At
	f.wantAnnotated(c, m)
	f.same("edits", was, need(f.Other.Edits(f.ctx, "a", 1)).of(f))
	f.same("edits of the neighbour", nil, asAny(need(f.Other.Edits(f.ctx, "a", 2)).of(f)))

	// Who was there before sees the message as it is now, and so does who sends
	// it again.
	events := need(f.Other.Events(f.ctx, created.Stream,
		chat.Position{Epoch: created.Epoch, Seq: created.Seq - 1}, 10)).of(f)
	for _, e := range events {
		if e.Message.No == 1 {
			f.same("message of an earlier event", &m, e.Message)
		}
	}
	created.Message = &m
	f.same("the event of the send", created, events[0])
	f.unchanged(created.Stream, func() {
		f.same("a repeated send", chat.Result{Event: created, Duplicate: true}, f.commit(send)[0])
	})
	// Each result shows the message as that change left it.
	r := f.commit(f.send("a", "u1", "one"), f.edit("a", 3, "two"), f.edit("a", 3, "three"), f.delete("a", 3))
	for i, want := range []string{"one", "two", "three", ""} {
		f.same("text in the result", want, r[i].Event.Message.Text)
	}
	f.same("head", int64(3), f.view("a", "u1").HeadNo)
}

// testManyEdits: of a message that is edited again and again the newest texts
// are kept, and nothing when it is deleted.
func testManyEdits(f *fixture) {
	f.room("a", "u1")
	f.event(f.send("a", "u1", "c1"))
	var was []chat.Edit
	for n := 1; n <= chat.MaxEdits+3; n++ {
		m := f.message("a", 1)
		at := m.At
		if n > 1 {
			at = m.EditedAt
		}
		was = append(was, chat.Edit{Text: m.Text, At: at})
		f.event(f.edit("a", 1, fmt.Sprint(n)))
		if n == chat.MaxEdits {
			f.same("as many as are kept", was, need(f.Other.Edits(f.ctx, "a", 1)).of(f))
		}
	}
	f.same("edits", was[3:], need(f.Other.Edits(f.ctx, "a", 1)).of(f))
	last := f.edit("a", 1, "last")
	f.same("two changes at once", 2,
		len(need(f.Store.Commit(f.ctx, last, f.edit("a", 1, "very last"))).of(f)))
	if edits := need(f.Other.Edits(f.ctx, "a", 1)).of(f); len(edits) != chat.MaxEdits ||
		edits[0] != was[5] || edits[chat.MaxEdits-1].Text != "last" {
		f.Fatalf("%d edits: %+v", len(edits), edits)
	}
	f.event(f.delete("a", 1))
	f.same("edits of what was deleted", nil, asAny(need(f.Other.Edits(f.ctx, "a", 1)).of(f)))
}

// testDeletes takes messages away: their places stay, and of the rest nothing
// is anywhere.
func testDeletes(f *fixture) {
	f.refuse(chat.ErrNotFound, f.delete("none", 1))
	f.room("a", "u1", "u2", "u3")
	f.refuse(chat.ErrNotFound, f.delete("a", 1))
	before := need(Fetch(f.ctx, f.Store, "u2")).of(f)
	send := alter(f.sendAs("a", "u1", "d", "c1"), func(op *chat.CreateMessage) {
		op.Mentions, op.Files = []chat.UserID{"u2"}, []chat.File{{ID: "f1", Name: "secret.txt", Size: 5}}
	})
	created := f.event(send)
	late := f.list("a", "u4")
	f.commit(f.join("a", "u4"), late)
	f.commit(f.edit("a", 1, "other secret", "u2", "u3"), f.pin("a", 1),
		f.react("a", 1, "👍", "u2"), f.unreact("a", 1, "👍", "u2"),
		f.react("a", 1, "🎉", "u3"), f.thread("a", 1, "t", 4))
	full := f.message("a", 1)
	c := f.delete("a", 1)
	tomb := chat.Message{Room: "a", No: 1, ID: full.ID, Seq: full.Seq, From: "u1", ClientID: "c1",
		At: full.At, Thread: full.Thread, DeletedAt: c.At}
	f.wantAnnotated(c, tomb)
	f.noOp(f.delete("a", 1))
	f.refuse(chat.ErrNotFound, f.edit("a", 1, "again"))
	f.refuse(chat.ErrNotFound, f.pin("a", 1))
	f.refuse(chat.ErrNotFound, f.unpin("a", 1))
	f.refuse(chat.ErrNotFound, f.react("a", 1, "👍", "u2"))
	f.refuse(chat.ErrNotFound, f.unreact("a", 1, "🎉", "u3"))
	f.same("edits", nil, asAny(need(f.Other.Edits(f.ctx, "a", 1)).of(f)))
	f.same("pinned", nil, asAny(need(f.Other.Pinned(f.ctx, "a")).of(f)))
	c = f.thread("a", 1, "t", 5)
	tomb.Thread = threadOf(c)
	f.wantAnnotated(c, tomb)
	f.noOp(f.thread("a", 1, "t", 5))

	// Nothing in the log tells what it said.
	events := need(after(f.ctx, f.Other, created.Stream, chat.Position{Epoch: created.Epoch})).of(f)
	n := 0
	for _, e := range events {
		if e.Message != nil {
			n++
			f.same("message of "+string(e.Kind), &tomb, e.Message)
		}
	}
	f.same("events of the message", 6, n)
	for _, e := range need(f.Other.Events(f.ctx, late.Stream, chat.Position{Epoch: created.Epoch}, 5)).of(f) {
		f.same("last of the view of one who came before", &tomb, e.View.Last)
	}
	for _, u := range []chat.UserID{"u1", "u2", "u3", "u4"} {
		v := f.view("a", u)
		f.same("last", &tomb, v.Last)
		f.same("mentions of "+string(u), nil, asAny(v.Mentions))
		f.same("unread of "+string(u), int64(0), v.Unread)
	}
	now := need(before.CatchUp(f.ctx, f.Store)).of(f)
	f.same("state and events", need(f.Store.Views(f.ctx, "u2")).of(f), now.Sorted())
	created.Message = &tomb
	f.unchanged(created.Stream, func() {
		f.same("a repeated send", chat.Result{Event: created, Duplicate: true}, f.commit(send)[0])
	})
	f.same("the next message", int64(2), f.event(f.send("a", "u1", "next")).Message.No)
}

// testPins pins messages.
func testPins(f *fixture) {
	f.refuse(chat.ErrNotFound, f.pin("none", 1))
	_, err := f.Store.Pinned(f.ctx, "none")
	f.refused("pins of an unknown room", chat.ErrNotFound, err)
	f.room("a", "u1")
	f.room("b", "u1")
	f.same("no pins", nil, asAny(need(f.Store.Pinned(f.ctx, "a")).of(f)))
	f.commit(f.send("a", "u1", "one"), f.send("a", "u1", "two"), f.send("a", "u1", "three"),
		f.send("b", "u1", "neighbour"))
	for _, no := range []int64{-1, 0, 4} {
		f.refuse(chat.ErrNotFound, f.pin("a", no))
		f.refuse(chat.ErrNotFound, f.unpin("a", no))
	}
	f.noOp(f.unpin("a", 2))
	pin := func(room chat.RoomID, no int64) chat.Message {
		f.Helper()
		c, m := f.pin(room, no), f.message(room, no)
		m.PinnedAt, m.PinnedBy = c.At, c.By
		f.wantAnnotated(c, m)
		f.noOp(f.pin(room, no))
		return m
	}
	two, three, one := pin("a", 2), pin("a", 3), pin("a", 1)
	neighbour := pin("b", 1)
	f.same("pinned", []chat.Message{one, three, two}, need(f.Other.Pinned(f.ctx, "a")).of(f))
	three.PinnedAt, three.PinnedBy = chat.Message{}.PinnedAt, ""
	f.wantAnnotated(f.unpin("a", 3), three)
	f.noOp(f.unpin("a", 3))
	f.same("pinned", []chat.Message{one, two}, need(f.Other.Pinned(f.ctx, "a")).of(f))
	// A pinned message is edited as others are, and found by its pin as it is
	// now.
	c := f.edit("a", 1, "uno")
	one.Text, one.EditedAt = "uno", c.At
	f.wantAnnotated(c, one)
	three = pin("a", 3)
	f.same("pinned", []chat.Message{three, one, two}, need(f.Other.Pinned(f.ctx, "a")).of(f))
	f.event(f.delete("a", 1))
	f.event(f.trim("a", 2))
	f.same("pinned", []chat.Message{three}, need(f.Other.Pinned(f.ctx, "a")).of(f))
	f.same("pinned in the neighbour", []chat.Message{neighbour}, need(f.Other.Pinned(f.ctx, "b")).of(f))
	// Two of one time.
	f.commit(f.send("a", "u1", "four"))
	c = f.pin("a", 4)
	c.At = three.PinnedAt
	f.event(c)
	f.same("pinned at the same time", []chat.Message{f.message("a", 4), three},
		need(f.Other.Pinned(f.ctx, "a")).of(f))
}

// testReactions reacts, with several emoji and as several people.
func testReactions(f *fixture) {
	f.refuse(chat.ErrNotFound, f.react("none", 1, "x", "u1"))
	f.room("a", "u1", "u2")
	f.commit(f.send("a", "u1", "one"), f.send("a", "u1", "two"))
	for _, no := range []int64{-1, 0, 3} {
		f.refuse(chat.ErrNotFound, f.react("a", no, "x", "u1"))
		f.refuse(chat.ErrNotFound, f.unreact("a", no, "x", "u1"))
	}
	m := f.message("a", 2)
	for _, step := range []struct {
		react func(chat.RoomID, int64, string, chat.UserID) chat.Change
		emoji string
		user  chat.UserID
		want  []chat.Reacted // nil for a no-op
	}{
		{f.unreact, "👍", "u1", nil},
		{f.react, "👍", "u2", []chat.Reacted{{Emoji: "👍", Users: []chat.UserID{"u2"}}}},
		{f.react, "👍", "u2", nil},
		{f.react, "👍", "u1", []chat.Reacted{{Emoji: "👍", Users: []chat.UserID{"u1", "u2"}}}},
		{f.react, "🎉", "u3",
			[]chat.Reacted{{Emoji: "🎉", Users: []chat.UserID{"u3"}},
				{Emoji: "👍", Users: []chat.UserID{"u1", "u2"}}}},
		{f.unreact, "🎉", "u1", nil},
		{f.react, "a'\"\\ b", "u1",
			[]chat.Reacted{{Emoji: "a'\"\\ b", Users: []chat.UserID{"u1"}},
				{Emoji: "🎉", Users: []chat.UserID{"u3"}}, {Emoji: "👍", Users: []chat.UserID{"u1", "u2"}}}},
		{f.unreact, "🎉", "u3",
			[]chat.Reacted{{Emoji: "a'\"\\ b", Users: []chat.UserID{"u1"}},
				{Emoji: "👍", Users: []chat.UserID{"u1", "u2"}}}},
		{f.unreact, "👍", "u1",
			[]chat.Reacted{{Emoji: "a'\"\\ b", Users: []chat.UserID{"u1"}},
				{Emoji: "👍", Users: []chat.UserID{"u2"}}}},
	} {
		c := step.react("a", 2, step.emoji, step.user)
		if step.want == nil {
			f.noOp(c)
			continue
		}
		m.Reactions = step.want
		f.wantAnnotated(c, m)
		f.same("last", &m, f.view("a", "u2").Last)
	}
	f.same("reactions of the neighbour", nil, asAny(f.message("a", 1).Reactions))
	// They outlive an edit.
	c := f.edit("a", 2, "zwei")
	m.Text, m.EditedAt = "zwei", c.At
	f.wantAnnotated(c, m)
}

// testThreads shows threads under messages, and makes their rooms.
func testThreads(f *fixture) {
	f.refuse(chat.ErrNotFound, f.thread("none", 1, "t", 1))
	f.room("a", "u1")
	f.commit(f.send("a", "u1", "root"), f.send("a", "u1", "other"))
	c := alter(f.createRoom("t"), func(op *chat.CreateRoom) {
		op.Room.Kind, op.Room.Parent, op.Room.Root = chat.ThreadRoom, "a", 1
	})
	room := c.Op.(chat.CreateRoom).Room
	f.same("the thread's room", room, *f.event(c).Room)
	f.same("the thread's room", room, need(f.Other.Room(f.ctx, "t")).of(f))
	f.commit(f.join("t", "u1"), f.list("t", "u1"))
	v := f.view("t", "u1")
	f.same("view of the thread's room", room, v.Room)
	all := need(f.Other.Rooms(f.ctx, "", 10)).of(f)
	f.same("rooms", room, all[len(all)-1])
	e := f.event(f.inRoom("t", chat.UpdateRoom{Name: "renamed"}))
	if e.Room.Parent != "a" || e.Room.Root != 1 || e.Room.Kind != chat.ThreadRoom {
		f.Fatalf("renamed: %+v", e.Room)
	}

	for _, no := range []int64{-1, 0, 3} {
		f.refuse(chat.ErrNotFound, f.thread("a", no, "t", 1))
	}
	m := f.message("a", 1)
	move := func(replies int64) {
		f.Helper()
		c := f.thread("a", 1, "t", replies)
		m.Thread = threadOf(c)
		f.wantAnnotated(c, m)
		for no := range replies + 1 {
			f.noOp(f.thread("a", 1, "t", no))
		}
	}
	move(0)
	move(1)
	move(3)
	update := func(newest, deleted int64, want chat.Thread) {
		f.Helper()
		c := alter(f.thread("a", 1, "t", newest-deleted),
			func(op *chat.MoveThread) { op.Thread.Deleted = deleted })
		if want.LastAt.IsZero() {
			want.LastAt = threadOf(c).LastAt
		}
		want.Room, m.Thread = "t", &want
		f.wantAnnotated(c, m)
		f.noOp(c)
	}
	third := m.Thread.LastAt
	update(3, 1, chat.Thread{Replies: 2, Deleted: 1, LastAt: third}) // a reply is deleted
	update(2, 2, chat.Thread{Replies: 1, Deleted: 2, LastAt: third}) // counted before the third
	update(4, 0, chat.Thread{Replies: 2, Deleted: 2})                // a new reply
	f.noOp(f.thread("a", 1, "t", 4))
	if m := f.message("a", 2); m.Thread != nil {
		f.Fatalf("the other message has the thread %+v", m.Thread)
	}
}
