package chattest

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func testReopen(f *fixture) {
	if f.Reopen == nil {
		f.Skip("nothing to open again")
	}
	f.room("a", "u1", "u2")
	account := f.account("u1", "one", "")
	f.commit(account)
	first := f.sendAs("a", "u1", "d", "c1")
	e := f.event(first)
	f.event(f.read("a", "u2", 1))
	session := f.session("s1", "u1")
	f.ok(f.Store.CreateSession(f.ctx, session))
	state := need(Fetch(f.ctx, f.Store, "u2")).of(f)
	events := need(after(f.ctx, f.Store, chat.RoomStream("a"), chat.Position{Epoch: e.Epoch})).of(f)

	for range 2 {
		f.Store = f.Reopen()
		f.Other = f.Store
		f.same("state", state, need(Fetch(f.ctx, f.Store, "u2")).of(f))
		f.same("events", events, need(after(f.ctx, f.Store, chat.RoomStream("a"),
			chat.Position{Epoch: e.Epoch})).of(f))
		f.same("a repeated send", chat.Result{Event: e, Duplicate: true}, f.commit(first)[0])
		s, a, err := f.Store.Session(f.ctx, session.TokenHash)
		f.ok(err)
		f.same("session", session, s)
		f.same("account", accountOf(account), a)
		f.refuse(chat.ErrConflict, f.createRoom("a"))
		f.refuse(chat.ErrConflict, f.account("u9", "one", ""))
	}
	f.event(f.send("a", "u1", "goes on"))
	f.event(f.send("a", "u2", "goes on"))
}

// testOwnership changes what was handed in and given back: the store must not
// notice.
func testOwnership(f *fixture) {
	var rung []*chat.Event
	var mu sync.Mutex
	hear := func(e *chat.Event) { mu.Lock(); rung = append(rung, e); mu.Unlock() }
	f.rung.Store(&hear)
	people, mentions, files := []chat.UserID{"u1", "u2"}, []chat.UserID{"u2", "u3"},
		[]chat.File{{ID: "f1", Name: "file"}}
	c := alter(f.createRoom("a"), func(op *chat.CreateRoom) { op.Room.People = people })
	send := alter(f.sendAs("a", "u1", "d", "c1"),
		func(op *chat.CreateMessage) { op.Mentions, op.Files = mentions[:1], files })
	join, list, edit := f.join("a", "u1"), f.list("a", "u1"), f.edit("a", 1, "edited", mentions...)
	react, pin, thread := f.react("a", 1, "x", "u2"), f.pin("a", 1),
		f.thread("a", 1, "t", 1)
	results := f.commit(c, join, list, send, react, pin, thread, edit)
	state := need(Fetch(f.ctx, f.Store, "u1")).of(f)
	events := need(after(f.ctx, f.Store, chat.RoomStream("a"),
		chat.Position{Epoch: results[0].Event.Epoch})).of(f)

	people[0], mentions[0], files[0].Name = "x", "x", "x"
	for _, r := range results {
		e := r.Event
		if e.Room != nil {
			e.Room.Name, e.Room.People[1] = "y", "y"
		}
		if e.Member != nil {
			e.Member.Role = "y"
		}
		if e.View != nil {
			e.View.Name, e.View.People[1] = "y", "y"
		}
		if e.Message != nil {
			spoil(e.Message)
		}
	}
	view := need(f.Store.View(f.ctx, "a", "u1")).of(f)
	view.People[0] = "z"
	spoil(view.Last)
	for _, m := range append(need(f.Store.Pinned(f.ctx, "a")).of(f),
		need(f.Store.Messages(f.ctx, "a", chat.Page{Limit: 1})).of(f)...) {
		spoil(&m)
	}
	f.same("state", state, need(Fetch(f.ctx, f.Store, "u1")).of(f))
	f.same("events", events, need(after(f.ctx, f.Store, chat.RoomStream("a"),
		chat.Position{Epoch: results[0].Event.Epoch})).of(f))
	f.eventually("rings", func() bool { mu.Lock(); defer mu.Unlock(); return len(rung) >= len(results) })
	mu.Lock()
	defer mu.Unlock()
	for _, e := range rung {
		if e.Stream == chat.RoomStream("a") {
			if e.Message != nil { // it shows an earlier state, and nothing else
				same := e.Clone()
				same.Message = events[e.Seq-1].Message
				e = &same
			}
			f.same("event as rung", events[e.Seq-1], *e)
		}
	}
}

// spoil changes whatever a message has.
func spoil(m *chat.Message) {
	m.Text, m.From = "y", "y"
	for i := range m.Mentions {
		m.Mentions[i] = "y"
	}
	for i := range m.Files {
		m.Files[i].Name = "y"
	}
	for i := range m.Reactions {
		m.Reactions[i].Emoji = "y"
		m.Reactions[i].Users[0] = "y"
	}
	if m.Thread != nil {
		m.Thread.Replies = 99
	}
}

func testDeadlines(f *fixture) {
	f.room("a", "u1")
	over, cancel := context.WithCancel(f.ctx)
	cancel()
	late, cancelLate := context.WithDeadline(f.ctx, time.Now().Add(-time.Second))
	defer cancelLate()
	for _, ctx := range []context.Context{over, late} {
		for name, call := range map[string]func() error{
			"Commit": func() error {
				_,
					err := f.Store.Commit(ctx, f.send("a", "u1", "late"))
				return err
			},
			"Heads": func() error { _, err := f.Store.Heads(ctx, chat.ServerStream); return err },
			"Views": func() error { _, err := f.Store.Views(ctx, "u1"); return err },
			"Messages": func() error {
				_,
					err := f.Store.Messages(ctx, "a", chat.Page{Limit: 1})
				return err
			},
			"CreateSession": func() error { return f.Store.CreateSession(ctx, f.session("s", "u1")) },
			"Prune":         func() error { _, err := f.Store.Prune(ctx, start); return err },
			"Ping":          func() error { return f.Store.Ping(ctx) },
		} {
			f.refused(name+" after its deadline", chat.ErrUnavailable, call())
		}
	}
	if h := need(f.Store.Heads(f.ctx, chat.RoomStream("a"))).of(f)[0]; h.No != 0 {
		f.Fatalf("a send after its deadline was written: %+v", h)
	}
	f.ok(f.Store.Ping(f.ctx))
}

func testClosed(f *fixture) {
	f.room("a", "u1")
	f.ok(f.Store.Close())
	for name, call := range map[string]func() error{
		"Commit": func() error { _, err := f.Store.Commit(f.ctx, f.send("a", "u1", "late")); return err },
		"Views":  func() error { _, err := f.Store.Views(f.ctx, "u1"); return err },
		"Ping":   func() error { return f.Store.Ping(f.ctx) },
	} {
		f.refused(name+" after Close", chat.ErrUnavailable, call())
	}
	f.ok(f.Store.Close())
}
