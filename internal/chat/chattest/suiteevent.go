package chattest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func testHeads(f *fixture) {
	heads := need(f.Store.Heads(f.ctx, chat.ServerStream, chat.UserStream("u1"),
		chat.RoomStream("a"), chat.UserStream("nobody"))).of(f)
	for i, h := range heads {
		if h.Seq != 0 || h.ID != "" || h.No != 0 || (h.Epoch == "") != (i == 2) {
			f.Fatalf("head %d of an empty store: %+v", i, h)
		}
	}
	f.room("a", "u1")
	f.commit(f.send("a", "u1", "text"))
	last := f.commit(f.join("a", "u2"))[0].Event
	heads = need(f.Other.Heads(f.ctx, chat.RoomStream("a"), chat.UserStream("u1"))).of(f)
	f.same("head of the room", chat.Head{Position: last.Position(), No: 1}, heads[0])
	if heads[1].Seq != 1 || heads[1].No != 0 {
		f.Fatalf("head of the person: %+v", heads[1])
	}
	f.same("no streams", nil, asAny(need(f.Store.Heads(f.ctx)).of(f)))
}

func testEvents(f *fixture) {
	s := chat.RoomStream("a")
	f.room("a", "u1")
	var all []chat.Event
	first := need(f.Store.Heads(f.ctx, s)).of(f)[0]
	events, err := after(f.ctx, f.Store, s, chat.Position{Epoch: first.Epoch})
	f.ok(err)
	all = append(all, events...)
	for i := range 12 {
		c := f.send("a", "u1", fmt.Sprint("text ", i))
		if i%4 == 3 {
			c = f.join("a", chat.UserID(fmt.Sprint("p", i)))
		}
		all = append(all, f.event(c))
	}
	at := func(seq int64) chat.Position {
		p := chat.Position{Epoch: first.Epoch, Seq: seq}
		if seq > 0 && seq <= int64(len(all)) {
			p.ID = all[seq-1].ID
		}
		return p
	}
	head := int64(len(all))
	for seq := range head + 1 {
		for _, limit := range []int64{0, 1, 3, 100} {
			want := all[seq:min(seq+limit, head)]
			f.same(fmt.Sprint("after ", seq), want, need(f.Other.Events(f.ctx, s, at(seq), int(limit))).of(f))
			bare := at(seq)
			bare.ID = ""
			f.same(fmt.Sprint("after ", seq, " without an id"), want,
				need(f.Other.Events(f.ctx, s, bare, int(limit))).of(f))
		}
	}
	resync := func(what string, s chat.Stream, p chat.Position) {
		f.Helper()
		events, err := f.Other.Events(f.ctx, s, p, 10)
		f.refused(what, chat.ErrResync, err)
		f.same(what, nil, asAny(events))
	}
	resync("beyond the head", s, at(head+1))
	resync("far beyond the head", s, at(1<<40))
	resync("a negative place", s, at(-1))
	for seq := range head + 1 {
		p := at(seq)
		p.ID = "somebody else's"
		resync(fmt.Sprint("wrong id at ", seq), s, p)
		p = at(seq)
		p.Epoch = "another"
		resync("another epoch", s, p)
		p.Epoch = ""
		resync("no epoch", s, p)
	}
	swapped := at(3)
	swapped.ID = all[3].ID
	resync("the id of the next event", s, swapped)

	// A person's stream and an empty one.
	me := chat.UserStream("nobody")
	epoch := need(f.Store.Heads(f.ctx, me)).of(f)[0].Epoch
	f.same("an empty stream", nil,
		asAny(need(f.Store.Events(f.ctx, me, chat.Position{Epoch: epoch}, 10)).of(f)))
	resync("beyond an empty stream", me, chat.Position{Epoch: epoch, Seq: 1})
	_, err = f.Store.Events(f.ctx, chat.RoomStream("none"), chat.Position{Epoch: first.Epoch}, 10)
	f.refused("events of an unknown room", chat.ErrNotFound, err)
}

// testEventsMixed reads a stream with messages and other events in every
// pattern from every place.
func testEventsMixed(f *fixture) {
	s := chat.RoomStream("a")
	f.room("a", "u1")
	f.room("b", "u1") // a neighbour whose events must not be seen
	r := rand.New(rand.NewPCG(1, 2))
	var changes []chat.Change
	for range 120 {
		if r.IntN(2) == 0 {
			changes = append(changes, f.send("a", "u1", "text"))
		} else {
			changes = append(changes, f.role("a", "u1", chat.RoomModerator))
		}
		f.commit(f.send("b", "u1", "text"))
	}
	f.commit(changes...)
	epoch := need(f.Store.Heads(f.ctx, s)).of(f)[0].Epoch
	all, err := after(f.ctx, f.Store, s, chat.Position{Epoch: epoch})
	f.ok(err)
	if len(all) != 122 {
		f.Fatalf("%d events, want 122", len(all))
	}
	for i := range all {
		limit := 1 + r.IntN(20)
		want := all[i+1 : min(i+1+limit, len(all))]
		f.same(fmt.Sprint("after ", i+1), want,
			need(f.Other.Events(f.ctx, s, all[i].Position(), limit)).of(f))
	}
}

func testWindow(f *fixture) {
	s := chat.RoomStream("a")
	f.room("a", "u1")
	var all []chat.Event
	total := max(f.Kept, 2*chat.Window) + 10
	for len(all) < total {
		var changes []chat.Change
		for i := range 250 {
			changes = append(changes, f.role("a", "u1",
				[]chat.RoomRole{chat.RoomModerator, chat.RoomMember}[i%2]))
		}
		for _, r := range f.commit(changes...) {
			all = append(all, r.Event)
		}
	}
	f.prune(start)
	n := len(all)
	kept := n
	for i := range all {
		events, err := f.Other.Events(f.ctx, s, all[i].Position(), 3)
		if errors.Is(err, chat.ErrResync) {
			kept = n - i - 1
			continue
		}
		f.ok(err)
		f.same(fmt.Sprint("after ", all[i].Seq), all[i+1:min(i+4, n)], events)
	}
	if kept < chat.Window {
		f.Fatalf("only the newest %d events can be resumed", kept)
	}
	if f.Kept > 0 && kept > f.Kept {
		f.Fatalf("%d events are kept, want at most %d", kept, f.Kept)
	}
	_, err := f.Store.Events(f.ctx, s, chat.Position{Epoch: all[0].Epoch}, 10)
	if f.Kept > 0 {
		f.refused("from the start", chat.ErrResync, err)
	}
	// Messages stay findable behind what was forgotten.
	e := f.event(f.send("a", "u1", "text"))
	f.same("message", []chat.Message{*e.Message},
		need(f.Other.Messages(f.ctx, "a", chat.Page{Limit: 3})).of(f))
}

// testWindowMessages fills the window with messages and forgets what stood
// before them.
func testWindowMessages(f *fixture) {
	s := chat.RoomStream("a")
	f.room("a", "u1")
	var all []chat.Event
	write := func(n int, change func() chat.Change) {
		for n > 0 {
			var changes []chat.Change
			for range min(n, 200) {
				changes = append(changes, change())
			}
			for _, r := range f.commit(changes...) {
				all = append(all, r.Event)
			}
			n -= len(changes)
		}
	}
	write(10, func() chat.Change { return f.role("a", "u1", chat.RoomModerator) })
	write(chat.Window+300, func() chat.Change { return f.send("a", "u1", "text") })
	write(200, func() chat.Change { return f.role("a", "u1", chat.RoomModerator) })
	f.prune(start)
	window := all[len(all)-chat.Window:]
	for i := 0; i < len(window); i += 13 {
		events := need(f.Other.Events(f.ctx, s, window[i].Position(), 3)).of(f)
		f.same(fmt.Sprint("after ", window[i].Seq), window[i+1:min(i+4, len(window))], events)
	}
	events := need(f.Other.Events(f.ctx, s, window[0].Position(), 2*chat.Window)).of(f)
	f.same("the window", window[1:], events)
}

// testRings listens while several streams are written: every event rings once
// it can be read, in order.
func testRings(f *fixture) {
	var mu sync.Mutex
	heard := map[chat.Stream][]chat.Event{}
	early := []string{}
	hear := func(e *chat.Event) {
		mu.Lock()
		heard[e.Stream] = append(heard[e.Stream], *e)
		mu.Unlock()
	}
	f.rung.Store(&hear)
	f.room("a", "u1", "u2")
	f.room("b", "u1", "u2")
	f.parallel(4, func(i int) error {
		for k := range 50 {
			room := []chat.RoomID{"a", "b"}[(i+k)%2]
			user := chat.UserID(fmt.Sprint("u", 1+i%2))
			c := f.sendAs(room, user, "d", fmt.Sprint(i, "-", k))
			for range 2 { // the duplicate does not ring
				if _, err := f.handle(i).Commit(f.ctx, c); err != nil {
					return err
				}
			}
			if _, err := f.handle(i).Commit(f.ctx, f.read(room, user, int64(k))); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := f.Store.Commit(f.ctx, f.send("a", "nobody", "refused")); !errors.Is(err, chat.ErrNotFound) {
		f.Fatal(err)
	}
	for _, s := range []chat.Stream{chat.RoomStream("a"), chat.RoomStream("b"),
		chat.UserStream("u1"), chat.UserStream("u2")} {
		epoch := need(f.Store.Heads(f.ctx, s)).of(f)[0].Epoch
		want, err := after(f.ctx, f.Store, s, chat.Position{Epoch: epoch})
		f.ok(err)
		distinct := func() (events []chat.Event) {
			mu.Lock()
			defer mu.Unlock()
			seen := map[int64]bool{}
			for _, e := range heard[s] {
				if !seen[e.Seq] {
					events = append(events, e)
				}
				seen[e.Seq] = true
			}
			return events
		}
		f.eventually("all rings of "+string(s), func() bool { return len(distinct()) >= len(want) })
		f.same("rings of "+string(s), want, distinct())
	}
	// What rings can be read at once.
	check := make(chan chat.Event, 100)
	ask := func(e *chat.Event) {
		select {
		case check <- *e:
		default:
		}
	}
	f.rung.Store(&ask)
	for range 30 {
		f.commit(f.send("a", "u1", "text"))
		e := <-check
		if h := need(f.Other.Heads(f.ctx, e.Stream)).of(f)[0]; h.Seq < e.Seq {
			early = append(early, e.ID)
		}
	}
	f.same("rings before the event could be read", nil, asAny(early))
}

// testStateAndEvents fetches states in the middle of everything and brings them
// up to date by events alone: they must become what a fresh fetch shows.
func testStateAndEvents(f *fixture) {
	rooms := []chat.RoomID{"a", "b", "c"}
	users := []chat.UserID{"u0", "u1", "u2", "u3"}
	for _, r := range rooms {
		f.room(r, users[:2]...)
	}
	var mu sync.Mutex
	var states []State
	writers := len(users)
	busy := make(chan struct{})
	var working sync.WaitGroup
	working.Add(writers)
	go func() { working.Wait(); close(busy) }()
	f.parallel(writers+2, func(i int) error {
		if i >= writers {
			for n := 0; ; n++ {
				st, err := Fetch(f.ctx, f.handle(i), users[n%len(users)])
				if err != nil {
					return err
				}
				mu.Lock()
				states = append(states, st)
				mu.Unlock()
				select {
				case <-busy:
					return nil
				case <-time.After(time.Millisecond):
				}
			}
		}
		defer working.Done()
		r := rand.New(rand.NewPCG(uint64(i), 7))
		me := users[i] // comes and goes by their own hand only, as each person's changes are in one order
		for range 120 {
			room := rooms[r.IntN(len(rooms))]
			var changes []chat.Change
			no := func() int64 { // mostly one that is there
				h, err := f.Store.Heads(f.ctx, chat.RoomStream(room))
				if err != nil {
					return 1
				}
				return max(1, h[0].No-r.Int64N(6))
			}
			emoji := []string{"👍", "🎉"}[r.IntN(2)]
			switch r.IntN(17) {
			case 0:
				changes = []chat.Change{f.join(room, me), f.list(room, me)}
			case 1:
				changes = []chat.Change{f.leave(room, me), f.unlist(room, me)}
			case 2:
				changes = []chat.Change{f.role(room, users[r.IntN(len(users))],
					[]chat.RoomRole{chat.RoomMember, chat.RoomModerator}[r.IntN(2)])}
			case 15:
				changes = []chat.Change{f.mute(room, users[r.IntN(len(users))],
					chat.Mute{Until: f.now(), By: me, Reason: fmt.Sprint(r.IntN(3))})}
			case 16:
				changes = []chat.Change{f.notify(room, me,
					[]chat.NotifyLevel{chat.NotifyUsual, chat.NotifyAll, chat.NotifyNone}[r.IntN(3)])}
			case 3:
				name := f.id()
				changes = []chat.Change{f.inRoom(room, chat.UpdateRoom{Name: "Renamed " + name,
					Topic: name, Archived: r.IntN(2) == 0, Announce: r.IntN(4) == 0,
					Slow: r.IntN(3)})}
			case 4:
				h, err := f.Store.Heads(f.ctx, chat.RoomStream(room))
				if err != nil {
					return err
				}
				changes = []chat.Change{f.read(room, me, r.Int64N(h[0].No+1))}
			case 5:
				changes = []chat.Change{f.edit(room, no(), fmt.Sprint("text ", r.IntN(3)),
					users[r.IntN(len(users))])}
			case 6:
				changes = []chat.Change{f.delete(room, no())}
			case 7:
				changes = []chat.Change{f.pin(room, no()), f.unpin(room, no())}
			case 8, 9:
				changes = []chat.Change{f.react(room, no(), emoji, me)}
			case 10:
				changes = []chat.Change{f.unreact(room, no(), emoji, me)}
			case 11:
				changes = []chat.Change{f.thread(room, no(), "t", int64(r.IntN(5)))}
			case 12:
				changes = []chat.Change{f.calling(room, me, chat.MentionAll)}
			case 13:
				changes = []chat.Change{f.calling(room, me, users[r.IntN(len(users))])}
			default:
				changes = []chat.Change{f.send(room, me, "text")}
			}
			if _, err := f.handle(i).Commit(f.ctx, changes...); err != nil &&
				!errors.Is(err, chat.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	for _, st := range states {
		now, err := st.CatchUp(f.ctx, f.Store)
		f.ok(err)
		f.same("views of "+string(st.Me), need(f.Store.Views(f.ctx, st.Me)).of(f), now.Sorted())
	}
	f.Logf("%d states", len(states))
}
