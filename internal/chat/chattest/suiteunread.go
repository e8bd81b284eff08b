package chattest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/parley-chat/parley/internal/chat"
)

// unread checks what a person has not read of room a, as it is fetched and as
// it follows from the state st and the events since.
func (f *fixture) unread(what string, st State, unread int64, deleted, mentions []int64) {
	f.Helper()
	v := f.view("a", st.Me)
	f.same(what+": deleted", asAny(deleted), asAny(v.Deleted))
	f.same(what+": mentions", asAny(mentions), asAny(v.Mentions))
	f.same(what+": unread", unread, v.Unread)
	now := need(st.CatchUp(f.ctx, f.Store)).of(f)
	f.same(what+": state and events", need(f.Other.Views(f.ctx, st.Me)).of(f), now.Sorted())
}

// testUnread deletes messages before, at and after the place that somebody has
// read up to.
func testUnread(f *fixture) {
	f.room("a", "u1", "u2")
	st := need(Fetch(f.ctx, f.Store, "u2")).of(f)
	for range 10 {
		f.commit(f.send("a", "u1", "text"))
	}
	f.unread("nothing read", st, 10, nil, nil)
	f.commit(f.delete("a", 10))
	f.unread("the newest deleted", st, 9, []int64{10}, nil)
	f.commit(f.delete("a", 1), f.delete("a", 4), f.delete("a", 5))
	f.unread("four deleted", st, 6, []int64{1, 4, 5, 10}, nil)
	f.commit(f.read("a", "u2", 4))
	f.unread("read up to a deleted one", st, 4, []int64{5, 10}, nil)
	f.commit(f.delete("a", 2), f.delete("a", 3))
	f.unread("deleted what was read", st, 4, []int64{5, 10}, nil)
	f.commit(f.thread("a", 5, "t", 1))
	f.unread("a thread under a deleted one", st, 4, []int64{5, 10}, nil)
	late := need(Fetch(f.ctx, f.Store, "u2")).of(f)
	f.commit(f.trim("a", 6))
	f.unread("trimmed beyond the read position", late, 3, []int64{10}, nil)
	f.refuse(chat.ErrNotFound, f.delete("a", 6))
	f.commit(f.delete("a", 7), f.delete("a", 8), f.delete("a", 9))
	f.unread("all deleted", late, 0, []int64{7, 8, 9, 10}, nil)
	f.commit(f.send("a", "u1", "next"))
	f.unread("a new one", late, 1, []int64{7, 8, 9, 10}, nil)
	f.commit(f.send("a", "u2", "own"))
	f.unread("an own one", late, 0, nil, nil)
	if f.Reopen != nil {
		f.commit(f.send("a", "u1", "one"), f.send("a", "u1", "two"), f.delete("a", 13))
		f.Store = f.Reopen()
		f.Other = f.Store
		f.unread("opened again", late, 1, []int64{13}, nil)
	}
}

// testManyUnread: someone who does not read is handed no list without end.
func testManyUnread(f *fixture) {
	f.room("a", "u1", "u2")
	const most, more = chat.MaxListed, 5
	var sends, deletes []chat.Change
	for no := int64(1); no <= most+more; no++ {
		sends, deletes = append(sends, f.calling("a", "u1", "u2")), append(deletes, f.delete("a", no))
	}
	f.commit(sends...)
	v := f.view("a", "u2")
	f.same("the newest mentions", [3]int64{most, more + 1, most + more},
		[3]int64{int64(len(v.Mentions)), v.Mentions[0], v.Mentions[most-1]})
	f.commit(deletes...)
	v = f.view("a", "u2")
	f.same("the newest deleted", [4]int64{most, more + 1, most + more, more},
		[4]int64{int64(len(v.Deleted)), v.Deleted[0], v.Deleted[most-1], v.Unread})
	f.same("mentions", 0, len(v.Mentions))
}

// testMentions calls people, and takes it back.
func testMentions(f *fixture) {
	f.room("a", "u1", "u2", "u3")
	f.room("b", "u2")
	st, other := need(Fetch(f.ctx, f.Store, "u2")).of(f), need(Fetch(f.ctx, f.Store, "u3")).of(f)
	f.commit(f.calling("a", "u1"), f.calling("a", "u1", "u2"),
		f.calling("a", "u1", chat.MentionAll), f.calling("a", "u1", "u3"),
		f.calling("a", "u1", chat.MentionAll, "u2", "u3"), f.calling("a", "u1", "u1", "u22", "nobody"))
	f.commit(f.calling("b", "u2", "u2", chat.MentionAll))
	f.unread("called", st, 6, nil, []int64{2, 3, 5})
	f.unread("another was called", other, 6, nil, []int64{3, 4, 5})
	f.same("who calls themselves", nil, asAny(f.view("b", "u2").Mentions))

	// Edits call, and no longer call.
	f.commit(f.edit("a", 1, "now calls", "u2"))
	f.unread("an edit that calls", st, 6, nil, []int64{1, 2, 3, 5})
	f.commit(f.edit("a", 1, "still calls", "u2"), f.edit("a", 2, "no longer calls"),
		f.edit("a", 6, "calls all", chat.MentionAll))
	f.unread("edits", st, 6, nil, []int64{1, 3, 5, 6})
	f.commit(f.edit("a", 3, "no longer everyone", "u3"),
		f.edit("a", 5, "everyone", chat.MentionAll), f.edit("a", 6, "two", "u2", "u3"))
	f.unread("everyone or by name", st, 6, nil, []int64{1, 5, 6})
	f.unread("everyone or by name", other, 6, nil, []int64{3, 4, 5, 6})

	f.commit(f.read("a", "u2", 1))
	f.unread("read", st, 5, nil, []int64{5, 6})
	f.commit(f.edit("a", 1, "calls again", "u2", "u3"))
	f.unread("an edit of what was read", st, 5, nil, []int64{5, 6})
	f.commit(f.delete("a", 5))
	f.unread("a deleted call", st, 4, []int64{5}, []int64{6})
	f.unread("a deleted call", other, 5, []int64{5}, []int64{1, 3, 4, 6})
	f.commit(f.pin("a", 6), f.react("a", 6, "x", "u3"))
	f.unread("other marks", st, 4, []int64{5}, []int64{6})
	st, other = need(Fetch(f.ctx, f.Store, "u2")).of(f), need(Fetch(f.ctx, f.Store, "u3")).of(f)
	f.commit(f.trim("a", 3))
	f.unread("trimmed", other, 2, []int64{5}, []int64{4, 6})

	// Who comes back has read what there is, and is called by what comes then.
	f.commit(f.leave("a", "u2"), f.unlist("a", "u2"))
	f.commit(f.calling("a", "u1", "u2"))
	list := f.list("a", "u2")
	f.commit(f.join("a", "u2"), list)
	f.unread("back", st, 0, nil, nil)
	f.commit(f.edit("a", 7, "calls again", "u2", "u3"))
	f.unread("an edit of what came before", st, 0, nil, nil)
	f.commit(f.calling("a", "u1", "u2"), f.calling("a", "u3", chat.MentionAll))
	f.unread("called again", st, 2, nil, []int64{8, 9})
	f.unread("own ones are read", other, 0, nil, nil)
	// The view of who has come shows what was unread then.
	f.commit(f.join("a", "u4"))
	f.commit(f.calling("a", "u1", "u4"), f.calling("a", "u1", "u4"), f.delete("a", 11), f.list("a", "u4"))
	fourth := need(f.Other.Events(f.ctx, chat.UserStream("u4"),
		chat.Position{Epoch: st.Position.Epoch}, 1)).of(f)[0].View
	f.same("view of a room that was listed late", f.view("a", "u4"), *fourth)
	f.same("mentions there", []int64{10}, fourth.Mentions)
	f.same("deleted there", []int64{11}, fourth.Deleted)
	f.commit(f.send("a", "u4", "own"))
	f.same("mentions of who has sent", nil, asAny(f.view("a", "u4").Mentions))
	f.unread("in the end", st, 5-1, []int64{11}, []int64{8, 9})
}

// testTrimMarks trims messages that have everything a message can have.
func testTrimMarks(f *fixture) {
	f.room("a", "u1", "u2")
	var first []chat.Event
	for no := range int64(4) {
		first = append(first, f.event(f.calling("a", "u1", "u2", chat.MentionAll)))
		no++
		f.commit(f.edit("a", no, fmt.Sprint("edited ", no), "u2"), f.pin("a", no),
			f.react("a", no, "x", "u2"), f.thread("a", no, "t", 1))
	}
	f.commit(f.delete("a", 2), f.delete("a", 3))
	kept, edits := f.message("a", 4), need(f.Store.Edits(f.ctx, "a", 4)).of(f)
	edit := f.event(f.edit("a", 2+2, kept.Text+"!", "u2"))
	gone := f.event(f.edit("a", 1, "to be gone", "u2"))
	reacted := f.event(f.react("a", 1, "y", "u2"))
	f.event(f.trim("a", 3))
	kept = f.message("a", 4)
	f.same("messages", []chat.Message{kept}, need(f.Other.Messages(f.ctx, "a", chat.Page{Limit: 10})).of(f))
	f.same("pinned", []chat.Message{kept}, need(f.Other.Pinned(f.ctx, "a")).of(f))
	for no := range int64(4) {
		f.same("edits of what is gone", nil, asAny(need(f.Other.Edits(f.ctx, "a", no)).of(f)))
	}
	f.same("edits of what is kept", len(edits)+1, len(need(f.Other.Edits(f.ctx, "a", 4)).of(f)))
	v := f.view("a", "u2")
	f.same("mentions", []int64{4}, v.Mentions)
	f.same("deleted", nil, asAny(v.Deleted))
	for no := range int64(4) {
		for _, c := range []chat.Change{f.edit("a", no, "x"), f.delete("a", no), f.pin("a", no),
			f.unpin("a", no), f.thread("a", no, "t", 9),
			f.react("a", no, "x", "u1"),
			f.unreact("a", no, "x", "u2")} {
			f.refuse(chat.ErrNotFound, c)
		}
	}
	// From before the edit of a message that is gone the way is cut; from that
	// place, and over reactions, it is not.
	_, err := f.Other.Events(f.ctx, edit.Stream, edit.Position(), 10)
	f.refused("the edit of a message that is gone", chat.ErrResync, err)
	rest := need(f.Other.Events(f.ctx, gone.Stream, gone.Position(), 10)).of(f)
	f.same("from the edit on", 2, len(rest))
	f.same("a reaction to what is gone", reacted, rest[0])
	_, err = f.Other.Events(f.ctx, edit.Stream, first[3].Position(), 10)
	f.refused("over marks of messages that are gone", chat.ErrResync, err)
	// A room that was emptied, and goes on.
	f.event(f.trim("a", 9))
	f.same("pinned", nil, asAny(need(f.Other.Pinned(f.ctx, "a")).of(f)))
	f.same("mentions", nil, asAny(f.view("a", "u2").Mentions))
	f.event(f.calling("a", "u1", "u2"))
	f.same("mentions", []int64{5}, f.view("a", "u2").Mentions)
	f.same("pinned", nil, asAny(need(f.Other.Pinned(f.ctx, "a")).of(f)))
	if m := f.message("a", 5); m.Reactions != nil || m.Thread != nil || !m.EditedAt.IsZero() {
		f.Fatalf("the next message has the marks of one before: %+v", m)
	}
}

// testMarkRace marks one message from everywhere at once: nothing is lost, and
// each change has its event.
func testMarkRace(f *fixture) {
	f.room("a", "u0", "u1", "u2", "u3")
	f.commit(f.send("a", "u0", "text"), f.send("a", "u0", "last"))
	st := need(Fetch(f.ctx, f.Store, "u0")).of(f)
	const each = 20
	var mu sync.Mutex
	events := 0
	f.parallel(4, func(i int) error {
		me := chat.UserID(fmt.Sprint("u", i))
		for k := range each {
			for _, c := range []chat.Change{
				f.react("a", 1, fmt.Sprint("e", k), me),
				f.react("a", 1, fmt.Sprint("e", k), me),
				f.edit("a", 2, fmt.Sprint(me, " ", k), "u0"),
				f.unreact("a", 1, fmt.Sprint("e", k-k%2), me),
				f.thread("a", 1, "t", int64(k)),
			} {
				r, err := f.handle(i).Commit(f.ctx, c)
				if err != nil {
					return err
				}
				mu.Lock()
				if !r[0].NoOp {
					events++
				}
				mu.Unlock()
			}
		}
		return nil
	})
	m := f.message("a", 1)
	f.same("emojis", each/2, len(m.Reactions))
	for _, g := range m.Reactions {
		f.same("who reacted with "+g.Emoji, []chat.UserID{"u0", "u1", "u2", "u3"}, g.Users)
	}
	f.same("replies", int64(each-1), m.Thread.Replies)
	f.same("edits", 4*each, len(need(f.Other.Edits(f.ctx, "a", 2)).of(f)))
	all := need(after(f.ctx, f.Other, chat.RoomStream("a"), st.Views["a"].Position)).of(f)
	f.same("events", events, len(all))
	now := need(st.CatchUp(f.ctx, f.Store)).of(f)
	f.same("state and events", need(f.Store.Views(f.ctx, "u0")).of(f), now.Sorted())

	// One of two deletions is the one.
	var deleted, noOps int
	f.parallel(4, func(i int) error {
		r, err := f.handle(i).Commit(f.ctx, f.delete("a", 1))
		if err != nil {
			return err
		}
		_, err = f.handle(i).Commit(f.ctx, f.react("a", 1, "late", "u1"))
		mu.Lock()
		defer mu.Unlock()
		if r[0].NoOp {
			noOps++
		} else {
			deleted++
		}
		if !errors.Is(err, chat.ErrNotFound) {
			return fmt.Errorf("a reaction to a deleted message: %w", err)
		}
		return nil
	})
	f.same("deletions", []int{1, 3}, []int{deleted, noOps})
}
