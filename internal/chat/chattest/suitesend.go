package chattest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// parallel runs do n times at once and fails the test with what they return.
func (f *fixture) parallel(n int, do func(i int) error) {
	f.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	f.ok(errors.Join(errs...))
}

// handle spreads work over both handles.
func (f *fixture) handle(i int) chat.Store {
	if i%2 == 0 {
		return f.Store
	}
	return f.Other
}

func testMustBeIn(f *fixture) {
	f.room("a", "u1")
	f.room("b", "u2")
	f.refuse(chat.ErrNotFound, f.send("a", "u2", "text"))
	f.refuse(chat.ErrNotFound, f.send("none", "u1", "text"))
	f.event(f.send("a", "u1", "text"))
	first := f.sendAs("a", "u1", "d", "c1")
	f.event(first)
	f.commit(f.leave("a", "u1"))
	f.refuse(chat.ErrNotFound, f.send("a", "u1", "text"))
	f.refuse(chat.ErrNotFound, f.sendAs("a", "u1", "d", "c1")) // a repeated one, too
	c := f.join("a", "u3")
	c.MustBeIn = "u2"
	f.refuse(chat.ErrNotFound, c)
	f.event(f.send2("a", "u2")) // nobody asked
}

// testMustBeInRace removes a member who keeps sending: nothing of theirs stands
// after their leaving.
func testMustBeInRace(f *fixture) {
	f.room("a", "u1", "u2")
	var sent sync.WaitGroup
	sent.Add(4)
	gone := make(chan struct{})
	f.parallel(5, func(i int) error {
		if i == 4 {
			defer close(gone)
			sent.Wait()
			_, err := f.Store.Commit(f.ctx, f.leave("a", "u2"))
			return err
		}
		first := sync.OnceFunc(sent.Done)
		defer first()
		for {
			_, err := f.handle(i).Commit(f.ctx, f.send("a", "u2", "text"))
			first()
			if errors.Is(err, chat.ErrNotFound) {
				<-gone
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	head := need(f.Store.Heads(f.ctx, chat.RoomStream("a"))).of(f)[0]
	last := need(f.Other.Events(f.ctx, chat.RoomStream("a"),
		chat.Position{Epoch: head.Epoch, Seq: head.Seq - 1}, 1)).of(f)
	if last[0].Kind != chat.MemberLeft {
		f.Fatalf("%s stands after the leaving", last[0].Kind)
	}
}

func testMessages(f *fixture) {
	f.room("a", "u1", "u2")
	c := f.sendAs("a", "u1", "d", "c1")
	c.At = start.Add(90*time.Minute + 7*time.Millisecond)
	e := f.event(c)
	want := chat.Message{Room: "a", No: 1, ID: c.ID, Seq: e.Seq, From: "u1", Text: "from d",
		ClientID: "c1", At: c.At}
	f.same("message of the event", want, *e.Message)
	f.same("message", []chat.Message{want}, need(f.Other.Messages(f.ctx, "a", chat.Page{Limit: 5})).of(f))

	byBot := f.send("a", "u2", "for somebody")
	byBot.By = "bot"
	if e := f.event(byBot); e.By != "bot" || e.Message.From != "u2" || e.Message.No != 2 {
		f.Fatalf("by %q from %q", e.By, e.Message.From)
	}
	f.event(f.join("a", "u3"))
	if e := f.event(f.send("a", "u2", "after a join")); e.Message.No != 3 || e.Message.Seq != e.Seq {
		f.Fatalf("message %+v of event %d", e.Message, e.Seq)
	}
	v := need(f.Other.View(f.ctx, "a", "u2")).of(f)
	if v.ReadNo != 3 || v.Unread != 0 || v.Last.Text != "after a join" {
		f.Fatalf("view of the author: %+v", v)
	}
	if v := need(f.Other.View(f.ctx, "a", "u1")).of(f); v.ReadNo != 1 || v.Unread != 2 {
		f.Fatalf("view of another: %+v", v)
	}
	_, err := f.Store.Messages(f.ctx, "none", chat.Page{Limit: 5})
	f.refused("messages of an unknown room", chat.ErrNotFound, err)
}

func testPages(f *fixture) {
	f.room("a", "u1")
	f.room("b", "u1")
	for _, room := range []chat.RoomID{"a", "b"} {
		f.same("an empty room", nil, asAny(need(f.Store.Messages(f.ctx, room, chat.Page{Limit: 5})).of(f)))
		f.same("around in an empty room", nil,
			asAny(need(f.Store.Messages(f.ctx, room, chat.Page{From: chat.Around, No: 3, Limit: 5})).of(f)))
	}
	const n = 10
	for range n {
		f.commit(f.send("a", "u1", "text"))
		f.commit(f.send("b", "u1", "text"))
	}
	for _, test := range []struct {
		page        chat.Page
		first, last int64 // 0, 0 for none
	}{
		{chat.Page{Limit: 3}, 8, 10},
		{chat.Page{Limit: 10}, 1, 10},
		{chat.Page{Limit: 50}, 1, 10},
		{chat.Page{Limit: 0}, 0, 0},
		{chat.Page{From: chat.Before, No: 11, Limit: 3}, 8, 10},
		{chat.Page{From: chat.Before, No: 10, Limit: 3}, 7, 9},
		{chat.Page{From: chat.Before, No: 3, Limit: 3}, 1, 2},
		{chat.Page{From: chat.Before, No: 2, Limit: 3}, 1, 1},
		{chat.Page{From: chat.Before, No: 1, Limit: 3}, 0, 0},
		{chat.Page{From: chat.Before, No: 0, Limit: 3}, 0, 0},
		{chat.Page{From: chat.Before, No: -4, Limit: 3}, 0, 0},
		{chat.Page{From: chat.Before, No: 1 << 60, Limit: 3}, 8, 10},
		{chat.Page{From: chat.After, No: -1, Limit: 3}, 1, 3},
		{chat.Page{From: chat.After, No: 0, Limit: 3}, 1, 3},
		{chat.Page{From: chat.After, No: 1, Limit: 3}, 2, 4},
		{chat.Page{From: chat.After, No: 8, Limit: 3}, 9, 10},
		{chat.Page{From: chat.After, No: 9, Limit: 3}, 10, 10},
		{chat.Page{From: chat.After, No: 10, Limit: 3}, 0, 0},
		{chat.Page{From: chat.After, No: 1 << 60, Limit: 3}, 0, 0},
		{chat.Page{From: chat.Around, No: 5, Limit: 4}, 3, 6},
		{chat.Page{From: chat.Around, No: 5, Limit: 5}, 3, 7},
		{chat.Page{From: chat.Around, No: 1, Limit: 4}, 1, 4},
		{chat.Page{From: chat.Around, No: 2, Limit: 4}, 1, 4},
		{chat.Page{From: chat.Around, No: 0, Limit: 4}, 1, 4},
		{chat.Page{From: chat.Around, No: -7, Limit: 4}, 1, 4},
		{chat.Page{From: chat.Around, No: 10, Limit: 4}, 8, 10},
		{chat.Page{From: chat.Around, No: 11, Limit: 4}, 9, 10},
		{chat.Page{From: chat.Around, No: 99, Limit: 4}, 9, 10},
		{chat.Page{From: chat.Around, No: 1 << 60, Limit: 4}, 9, 10},
		{chat.Page{From: chat.Around, No: 5, Limit: 1}, 5, 5},
		{chat.Page{From: chat.Around, No: 5, Limit: 100}, 1, 10},
	} {
		messages := need(f.Other.Messages(f.ctx, "a", test.page)).of(f)
		var want, got []int64
		for no := test.first; no > 0 && no <= test.last; no++ {
			want = append(want, no)
		}
		for _, m := range messages {
			if m.Room != "a" {
				f.Fatalf("%+v gave a message of another room", test.page)
			}
			got = append(got, m.No)
		}
		f.same(fmt.Sprintf("%+v", test.page), want, got)
	}
}

func testText(f *fixture) {
	f.room("a", "u1")
	for _, text := range []string{
		"", " ", "plain", "line\nbreak\r\n\ttab", `quotes " ' \ and $1 ? ;--`, "zero \x00 byte",
		"日本語 🎉 e\u0301 \u202e", strings.Repeat("long ", 4<<10),
	} {
		if e := f.event(f.send("a", "u1", text)); e.Message.Text != text {
			f.Fatalf("%q became %q", text, e.Message.Text)
		}
		if v := need(f.Other.View(f.ctx, "a", "u1")).of(f); v.Last.Text != text {
			f.Fatalf("%q became %q", text, v.Last.Text)
		}
	}
}

func testDedupe(f *fixture) {
	f.room("a", "u1", "u2")
	f.room("b", "u1")
	first := f.sendAs("a", "u1", "d1", "c1")
	e := f.event(first)
	again := alter(f.sendAs("a", "u1", "d1", "c1"), func(op *chat.CreateMessage) { op.Text = "changed" })
	again.At = start.Add(23 * time.Hour)
	for i, c := range []chat.Change{again, again, first} {
		f.unchanged(c.Stream, func() {
			r := need(f.handle(i).Commit(f.ctx, c)).of(f)[0]
			f.same("a repeated send", chat.Result{Event: e, Duplicate: true}, r)
		})
	}
	// Whatever differs makes another send.
	for i, c := range []chat.Change{
		f.sendAs("a", "u1", "d1", "c2"), f.sendAs("a", "u1", "d2", "c1"),
		f.sendAs("a", "u2", "d1", "c1"), f.sendAs("b", "u1", "d1", "c1"),
		f.sendAs("a", "u1", "", "c1"), f.sendAs("a", "u1", "d1", ""), f.sendAs("a", "u1", "d1", ""),
		f.sendAs("a", "u1", "d1c", "1"), f.sendAs("a", "u1", "d", "1c1"),
	} {
		if r := f.commit(c)[0]; r.Duplicate {
			f.Fatalf("send %d is no duplicate", i)
		}
	}
	// The first event stays known however much comes after it.
	for range 3 {
		var changes []chat.Change
		for i := range 200 {
			changes = append(changes, f.role("a", "u2",
				[]chat.RoomRole{chat.RoomModerator, chat.RoomMember}[i%2]))
		}
		f.commit(changes...)
	}
	f.same("a repeated send", chat.Result{Event: e, Duplicate: true}, f.commit(again)[0])
	// Within one call.
	r := f.commit(f.sendAs("a", "u1", "d1", "c9"), f.sendAs("a", "u1", "d1", "c9"))
	if r[0].Duplicate || !r[1].Duplicate || r[1].Event.Seq != r[0].Event.Seq {
		f.Fatalf("twice in one call: %+v", r)
	}
}

func testDedupeRace(f *fixture) {
	f.room("a", "u1")
	const sends, tries = 40, 6
	var mu sync.Mutex
	numbers, firsts := map[string]map[int64]bool{}, map[string]int{}
	f.parallel(tries, func(i int) error {
		for k := range sends {
			id := fmt.Sprint("c", k)
			r, err := f.handle(i).Commit(f.ctx, f.sendAs("a", "u1", "d", id))
			if err != nil {
				return err
			}
			mu.Lock()
			if numbers[id] == nil {
				numbers[id] = map[int64]bool{}
			}
			numbers[id][r[0].Event.Message.No] = true
			if !r[0].Duplicate {
				firsts[id]++
			}
			mu.Unlock()
		}
		return nil
	})
	for id, n := range numbers {
		if len(n) != 1 || firsts[id] != 1 {
			f.Fatalf("%s has %d numbers and was new %d times", id, len(n), firsts[id])
		}
	}
	if h := need(f.Store.Heads(f.ctx, chat.RoomStream("a"))).of(f)[0]; h.No != sends {
		f.Fatalf("%d messages, want %d", h.No, sends)
	}
}

// testQueuedSends hands in a message as soon as the one before has its place,
// while others send, too: they are stored in that order, and a refused one
// holds up nobody.
func testQueuedSends(f *fixture) {
	f.room("a", "u0", "u1", "u2")
	const each = 100
	f.parallel(3, func(i int) error {
		user, store := chat.UserID(fmt.Sprint("u", i)), f.handle(i)
		results := make(chan error, each)
		nos := make([]int64, each)
		for k := range each {
			c := f.sendAs("a", user, "d", fmt.Sprint(k))
			if k%10 == 9 {
				c.MustBeIn = "u9" // nobody
			}
			queued := make(chan struct{})
			c.OnQueued = func() { close(queued) }
			go func() {
				r, err := store.Commit(f.ctx, c)
				switch {
				case k%10 == 9 && errors.Is(err, chat.ErrNotFound):
					err = nil
				case err == nil:
					nos[k] = r[0].Event.Message.No
				}
				results <- err
			}()
			<-queued
		}
		for range each {
			if err := <-results; err != nil {
				return err
			}
		}
		sent := slices.DeleteFunc(nos, func(no int64) bool { return no == 0 })
		if len(sent) != each*9/10 || !slices.IsSorted(sent) {
			return fmt.Errorf("messages of %s, as they were handed in: %v", user, sent)
		}
		return nil
	})
}

func testConcurrentSends(f *fixture) {
	rooms := []chat.RoomID{"a", "b", "c"}
	for _, r := range rooms {
		f.room(r, "u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7")
	}
	const each = 60
	var mu sync.Mutex
	acked := map[string]chat.Event{}
	f.parallel(8, func(i int) error {
		last := map[chat.RoomID]int64{}
		for k := range each {
			room := rooms[(i+k)%len(rooms)]
			c := f.sendAs(room, chat.UserID(fmt.Sprint("u", i)), "d", fmt.Sprint(i, "-", k))
			r, err := f.handle(i).Commit(f.ctx, c)
			if err != nil {
				return err
			}
			e := r[0].Event
			if e.Message.No <= last[room] {
				return fmt.Errorf("own message %d after %d", e.Message.No, last[room])
			}
			last[room] = e.Message.No
			mu.Lock()
			acked[e.ID] = e
			mu.Unlock()
		}
		return nil
	})
	total := 0
	for _, room := range rooms {
		head := need(f.Store.Heads(f.ctx, chat.RoomStream(room))).of(f)[0]
		events, err := after(f.ctx, f.Other, chat.RoomStream(room), chat.Position{Epoch: head.Epoch})
		f.ok(err)
		no := int64(0)
		for _, e := range events {
			if e.Kind != chat.MessageCreated {
				continue
			}
			if no++; e.Message.No != no {
				f.Fatalf("message %d stands where %d should", e.Message.No, no)
			}
			f.same("event as it was acknowledged", acked[e.ID], e)
			total++
		}
		if head.No != no || int64(len(events)) != head.Seq {
			f.Fatalf("head %+v with %d messages in %d events", head, no, len(events))
		}
	}
	if total != len(acked) || total != 8*each {
		f.Fatalf("%d messages, %d acknowledged, %d sent", total, len(acked), 8*each)
	}
}
