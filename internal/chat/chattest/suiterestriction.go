package chattest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func (f *fixture) updateRoom(id chat.RoomID, change func(*chat.UpdateRoom)) chat.Change {
	return alter(f.inRoom(id, chat.UpdateRoom{Name: "Room " + string(id)}), change)
}

func (f *fixture) mute(room chat.RoomID, user chat.UserID, m chat.Mute) chat.Change {
	return f.inRoom(room, chat.UpdateMember{User: user, Mute: &m})
}

// speak is a send of somebody who must be allowed to, at a time after all else.
func (f *fixture) speak(room chat.RoomID, user chat.UserID, at time.Duration, clientID string) chat.Change {
	c := f.sendAs(room, user, "device", clientID)
	c.At, c.MustSpeak = start.Add(time.Hour+at), true
	return c
}

// speaking makes a change of the user's that must be allowed to.
func speaking(c chat.Change, user chat.UserID) chat.Change {
	c.MustBeIn, c.MustSpeak = user, true
	return c
}

// refusedWith fails the test unless a change is refused with that very refusal,
// and nothing is written.
func (f *fixture) refusedWith(want *chat.Error, c chat.Change) {
	f.Helper()
	f.unchanged(c.Stream, func() {
		f.Helper()
		_, err := f.Store.Commit(f.ctx, c)
		if got, ok := errors.AsType[*chat.Error](err); !ok || got.Code != want.Code ||
			got.Message != want.Message || got.RetryAfter != want.RetryAfter {
			f.Fatalf("%s: got %#v, want %#v", c.Kind(), err, want)
		}
	})
}

func testArchived(f *fixture) {
	f.room("a", "u1", "u2")
	f.event(f.speak("a", "u1", 0, "c1"))
	archived := f.event(f.updateRoom("a", func(r *chat.UpdateRoom) { r.Archived = true }))
	if !archived.Room.Archived || !f.view("a", "u1").Archived ||
		!need(f.Other.Room(f.ctx, "a")).of(f).Archived {
		f.Fatal("nobody is told that it is archived")
	}
	f.refusedWith(chat.ErrArchived, f.speak("a", "u1", 0, "c2"))
	if r := f.commit(f.speak("a", "u1", time.Second, "c1"))[0]; !r.Duplicate {
		f.Fatalf("a repeated send: %+v", r)
	}
	f.refusedWith(chat.ErrArchived, speaking(f.edit("a", 1, "other text"), "u1"))
	f.refusedWith(chat.ErrArchived, speaking(f.react("a", 1, "👍", "u2"), "u2"))
	c := f.join("a", "u3")
	c.MustSpeak = true
	f.refusedWith(chat.ErrArchived, c)
	f.event(f.leave("a", "u2"))
	f.event(f.delete("a", 1))
	// Earlier changes of the same call count.
	back := f.updateRoom("a", func(r *chat.UpdateRoom) {})
	f.commit(back, f.speak("a", "u1", 2*time.Second, "c3"))
	if f.view("a", "u1").Archived {
		f.Fatal("it is still archived")
	}
	f.refuse(chat.ErrForbidden, f.updateRoom("a", func(r *chat.UpdateRoom) { r.Archived = true }),
		f.speak("a", "u1", 3*time.Second, "c4"))
	f.event(f.speak("a", "u1", 4*time.Second, "c4"))
}

func testMute(f *fixture) {
	f.room("a", "u1", "u2")
	f.event(f.speak("a", "u1", 0, "c1"))
	until := start.Add(2 * time.Hour)
	mute := chat.Mute{Until: until, Reason: `"loud", he said`, By: "u2"}
	e := f.event(f.mute("a", "u1", mute))
	f.same("mute of the event", mute, e.Member.Mute)
	if e.Member.Role != chat.RoomMember {
		f.Fatalf("the role became %q", e.Member.Role)
	}
	f.same("mute of the view", mute, f.view("a", "u1").Mute)
	f.same("mute of another's view", chat.Mute{}, f.view("a", "u2").Mute)
	f.same("mute of the member", mute, need(f.Other.Member(f.ctx, "a", "u1")).of(f).Mute)
	f.refusedWith(chat.Muted(until), f.speak("a", "u1", 59*time.Minute, "c2"))
	f.refusedWith(chat.Muted(until), speaking(f.edit("a", 1, "other text"), "u1"))
	if r := f.commit(f.speak("a", "u1", time.Second, "c1"))[0]; !r.Duplicate {
		f.Fatalf("a repeated send: %+v", r)
	}
	f.event(f.speak("a", "u2", time.Second, "c2"))
	f.event(f.send("a", "u1", "which need not be allowed"))
	// A new role keeps the mute, and the other way round.
	e = f.event(f.role("a", "u1", chat.RoomModerator))
	f.same("mute after a role", mute, e.Member.Mute)
	f.refusedWith(chat.Muted(until), f.speak("a", "u1", 59*time.Minute, "c2"))
	f.event(f.speak("a", "u1", time.Hour, "c2")) // over
	f.same("a mute that is over", mute, f.view("a", "u1").Mute)
	e = f.event(f.mute("a", "u1", chat.Mute{}))
	if e.Member.Role != chat.RoomModerator || e.Member.Mute != (chat.Mute{}) {
		f.Fatalf("unmuted: %+v", e.Member)
	}
	f.event(f.speak("a", "u1", time.Minute, "c4"))
	f.refuse(chat.ErrNotFound, f.mute("a", "u9", mute))
	// Who joins may be muted from the start.
	c := alter(f.join("a", "u3"), func(op *chat.AddMember) { op.Member.Mute = mute })
	f.same("mute of who joined", mute, f.event(c).Member.Mute)
	f.refusedWith(chat.Muted(until), f.speak("a", "u3", 0, "c5"))
	f.commit(f.list("a", "u3"))
	f.same("mute of the first view", mute, need(Fetch(f.ctx, f.Store, "u3")).of(f).Views["a"].Mute)
	f.event(f.leave("a", "u3"))
	f.same("mute of who comes again", chat.Mute{}, f.event(f.join("a", "u3")).Member.Mute)
}

func testAnnounce(f *fixture) {
	f.room("a", "u1", "u2", "u3")
	f.event(f.role("a", "u2", chat.RoomModerator))
	f.event(f.speak("a", "u1", 0, "c1"))
	announce := func(r *chat.UpdateRoom) { r.Announce = true }
	if e := f.event(f.updateRoom("a", announce)); !e.Room.Announce || !f.view("a", "u1").Announce {
		f.Fatalf("for announcements: %+v", e.Room)
	}
	f.refusedWith(chat.ErrAnnounce, f.speak("a", "u1", 0, "c2"))
	f.refusedWith(chat.ErrAnnounce, f.speak("a", "u3", 0, "c2"))
	if r := f.commit(f.speak("a", "u1", 0, "c1"))[0]; !r.Duplicate {
		f.Fatalf("a repeated send: %+v", r)
	}
	f.event(f.speak("a", "u2", 0, "c2"))
	f.event(speaking(f.edit("a", 1, "other text"), "u1"))
	f.event(speaking(f.react("a", 2, "👍", "u3"), "u3"))
	until := start.Add(2 * time.Hour)
	f.event(f.mute("a", "u3", chat.Mute{Until: until, By: "u2"}))
	f.refusedWith(chat.Muted(until), f.speak("a", "u3", 0, "c3"))
	// Rank gives nobody a private room, but the public ones.
	byAdmin := func(room chat.RoomID, id string) chat.Change {
		c := f.speak(room, "u1", 0, id)
		c.ByAdmin = true
		return c
	}
	f.refusedWith(chat.ErrAnnounce, byAdmin("a", "c4"))
	f.commit(f.inRoom("open", chat.CreateRoom{Room: chat.Room{ID: "open", Kind: chat.Public,
		Name: "Open", Announce: true, CreatedBy: "u1", CreatedAt: f.now()}}), f.join("open", "u1"))
	f.refusedWith(chat.ErrAnnounce, f.speak("open", "u1", 0, "c1"))
	f.event(byAdmin("open", "c1"))
	// Archived, and for announcements again.
	f.event(f.updateRoom("a", func(r *chat.UpdateRoom) { r.Archived, r.Announce = true, true }))
	f.refusedWith(chat.ErrArchived, f.speak("a", "u2", 0, "c5"))
	f.refusedWith(chat.ErrArchived, speaking(f.edit("a", 1, "text"), "u1"))
	f.event(f.updateRoom("a", func(*chat.UpdateRoom) {}))
	f.event(f.speak("a", "u1", 0, "c6"))
}

func testSlow(f *fixture) {
	f.room("a", "u1", "u2")
	f.event(f.role("a", "u2", chat.RoomModerator))
	f.event(f.speak("a", "u1", 0, "c0"))
	if e := f.event(f.updateRoom("a", func(r *chat.UpdateRoom) { r.Slow = 30 })); e.Room.Slow != 30 ||
		f.view("a", "u1").Slow != 30 {
		f.Fatalf("slow: %+v", e.Room)
	}
	f.event(f.speak("a", "u1", time.Second, "c1")) // what was sent before it was slow does not count
	f.refusedWith(chat.TooSoon(29_999*time.Millisecond), f.speak("a", "u1", 1001*time.Millisecond, "c2"))
	f.refusedWith(chat.TooSoon(time.Millisecond), f.speak("a", "u1", 30_999*time.Millisecond, "c2"))
	if r := f.commit(f.speak("a", "u1", 2*time.Second, "c1"))[0]; !r.Duplicate {
		f.Fatalf("a repeated send: %+v", r)
	}
	f.event(f.speak("a", "u1", 31*time.Second, "c2"))
	// Everything but messages, moderators, and who is let are not slowed down.
	f.event(speaking(f.edit("a", 1, "other text"), "u1"))
	f.event(f.speak("a", "u2", 31*time.Second, "m1"))
	f.event(f.speak("a", "u2", 31*time.Second, "m2"))
	// Rank gives nobody a private room, but the public ones.
	byAdmin := func(room chat.RoomID, at time.Duration, id string) chat.Change {
		c := f.speak(room, "u1", at, id)
		c.ByAdmin = true
		return c
	}
	f.refusedWith(chat.TooSoon(29*time.Second), byAdmin("a", 32*time.Second, "c3"))
	f.commit(f.inRoom("open", chat.CreateRoom{Room: chat.Room{ID: "open", Kind: chat.Public,
		Name: "Open", Slow: 30, CreatedBy: "u1", CreatedAt: f.now()}}), f.join("open", "u1"))
	f.event(f.speak("open", "u1", 62*time.Second, "c1"))
	f.refusedWith(chat.TooSoon(29*time.Second), f.speak("open", "u1", 63*time.Second, "c2"))
	f.event(byAdmin("open", 63*time.Second, "c2"))
	f.refusedWith(chat.TooSoon(30*time.Second), f.speak("open", "u1", 63*time.Second, "c3"))
	// Two in one call: none, as with every refusal.
	two := f.speak("a", "u1", 90*time.Second, "c4")
	f.refuse(chat.ErrRateLimited, two, f.speak("a", "u1", 90*time.Second, "c5"))
	// A mute, a role and the other way round keep each other.
	f.event(f.speak("a", "u1", 90*time.Second, "c6"))
	f.event(f.mute("a", "u1", chat.Mute{Until: start.Add(time.Hour + 95*time.Second), By: "u2"}))
	f.refusedWith(chat.Muted(start.Add(time.Hour+95*time.Second)), f.speak("a", "u1", 91*time.Second, "c7"))
	f.refusedWith(chat.TooSoon(20*time.Second), f.speak("a", "u1", 100*time.Second, "c7"))
	f.event(f.role("a", "u1", chat.RoomMember))
	f.event(f.mute("a", "u1", chat.Mute{}))
	f.refusedWith(chat.TooSoon(20*time.Second), f.speak("a", "u1", 100*time.Second, "c7"))
	f.event(f.updateRoom("a", func(*chat.UpdateRoom) {}))
	f.event(f.speak("a", "u1", 100*time.Second, "c7"))
	if m := need(f.Other.Member(f.ctx, "a", "u1")).of(f); m.Role != chat.RoomMember ||
		m.Mute != (chat.Mute{}) || m.JoinedAt.IsZero() {
		f.Fatalf("member %+v", m)
	}
}

// testSlowRace has one person send at once from many places: one message stands
// for each time that was waited for.
func testSlowRace(f *fixture) {
	f.room("a", "u1", "u2")
	f.commit(f.updateRoom("a", func(r *chat.UpdateRoom) { r.Slow = 60 }))
	for round := range 5 {
		at := time.Duration(round) * time.Minute
		var sent atomic.Int64
		f.parallel(12, func(i int) error {
			user := chat.UserID("u1")
			if i%3 == 2 {
				user = "u2"
			}
			_, err := f.handle(i).Commit(f.ctx, f.speak("a", user, at, fmt.Sprint("c", round, " ", i)))
			if err == nil {
				sent.Add(1)
			} else if refusal := chat.AsError(err); refusal.Code != chat.CodeRateLimited ||
				refusal.RetryAfter != time.Minute {
				return err
			}
			return nil
		})
		if sent.Load() != 2 {
			f.Fatalf("round %d: %d messages of 2 people", round, sent.Load())
		}
	}
	if head := need(f.Store.Heads(f.ctx, chat.RoomStream("a"))).of(f)[0]; head.No != 10 {
		f.Fatalf("%d messages", head.No)
	}
}

func (f *fixture) notify(room chat.RoomID, user chat.UserID, level chat.NotifyLevel) chat.Change {
	c := f.change(chat.UserStream(user), chat.SetNotify{Notify: chat.Notify{Room: room, Level: level}})
	c.By = user
	return c
}

func testNotify(f *fixture) {
	f.room("a", "u1", "u2")
	f.room("b", "u1")
	f.noOp(f.notify("a", "u1", chat.NotifyUsual))
	e := f.event(f.notify("a", "u1", chat.NotifyNone))
	f.same("level of the event", chat.Notify{Room: "a", Level: chat.NotifyNone}, *e.Notify)
	f.noOp(f.notify("a", "u1", chat.NotifyNone))
	f.event(f.notify("b", "u1", chat.NotifyAll))
	levels := map[chat.RoomID]chat.NotifyLevel{}
	for _, v := range need(f.Other.Views(f.ctx, "u1")).of(f) {
		levels[v.ID] = v.Notify
		f.same("a view alone", v, f.view(v.ID, "u1"))
	}
	f.same("levels", map[chat.RoomID]chat.NotifyLevel{"a": chat.NotifyNone, "b": chat.NotifyAll}, levels)
	f.same("level of another", chat.NotifyUsual, f.view("a", "u2").Notify)
	f.event(f.notify("b", "u1", chat.NotifyUsual))
	f.same("as usual", chat.NotifyUsual, f.view("b", "u1").Notify)
	f.refuse(chat.ErrNotFound, f.notify("a", "u3", chat.NotifyAll))
	f.refuse(chat.ErrNotFound, f.notify("none", "u1", chat.NotifyAll))
	// It goes with the room.
	f.commit(f.leave("a", "u1"), f.unlist("a", "u1"))
	f.refuse(chat.ErrNotFound, f.notify("a", "u1", chat.NotifyAll))
	f.commit(f.join("a", "u1"))
	f.same("level of a room that is not listed", chat.NotifyUsual, f.view("a", "u1").Notify)
	f.commit(f.list("a", "u1"))
	f.same("level of a room that is listed again", chat.NotifyUsual, f.view("a", "u1").Notify)
}
