package chattest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-chat/parley/internal/chat"
)

// Harness is a store under test, empty at first.
type Harness struct {
	Store chat.Store
	// Other is a second handle on the same data, as another node has; Store
	// itself where there can be only one.
	Other chat.Store
	// Reopen closes every handle and returns one on the same data; nil if there
	// is nothing to open again.
	Reopen func() chat.Store
	// Spans is whether a Commit over several streams is atomic.
	Spans bool
	// Kept is how many events, other than messages, a stream has at most; 0 if
	// that is not bounded.
	Kept int
}

// Open makes a harness for one test and cleans up after it. Ring is to be
// called for every event that is appended through either handle, from any
// goroutine. Open is called once per test and once per random history; the
// suite closes the stores of a history itself, so closing twice must do no
// harm.
type Open func(t *testing.T, ring func(*chat.Event)) Harness

// Run checks that a store does what [chat.Store] says.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"Rooms", testRooms},
		{"Members", testMembers},
		{"Lists", testLists},
		{"Reads", testReads},
		{"Directory", testDirectory},
		{"BadChanges", testBadChanges},
		{"Atomic", testAtomic},
		{"MustBeIn", testMustBeIn},
		{"MustBeInRace", testMustBeInRace},
		{"Archived", testArchived},
		{"Mute", testMute},
		{"Announce", testAnnounce},
		{"Slow", testSlow},
		{"SlowRace", testSlowRace},
		{"Notify", testNotify},
		{"Messages", testMessages},
		{"Pages", testPages},
		{"Text", testText},
		{"Dedupe", testDedupe},
		{"DedupeRace", testDedupeRace},
		{"ConcurrentSends", testConcurrentSends},
		{"QueuedSends", testQueuedSends},
		{"Trim", testTrim},
		{"Edits", testEdits},
		{"ManyEdits", testManyEdits},
		{"Deletes", testDeletes},
		{"Pins", testPins},
		{"Reactions", testReactions},
		{"Threads", testThreads},
		{"Unread", testUnread},
		{"ManyUnread", testManyUnread},
		{"Mentions", testMentions},
		{"TrimMarks", testTrimMarks},
		{"MarkRace", testMarkRace},
		{"Heads", testHeads},
		{"Events", testEvents},
		{"EventsMixed", testEventsMixed},
		{"Window", testWindow},
		{"WindowMessages", testWindowMessages},
		{"Rings", testRings},
		{"StateAndEvents", testStateAndEvents},
		{"Accounts", testAccounts},
		{"NameRace", testNameRace},
		{"Compared", testCompared},
		{"Sessions", testSessions},
		{"TouchRace", testTouchRace},
		{"Revoke", testRevoke},
		{"Invites", testInvites},
		{"InviteRace", testInviteRace},
		{"Records", testRecords},
		{"RecordRace", testRecordRace},
		{"Prune", testPrune},
		{"Reopen", testReopen},
		{"Ownership", testOwnership},
		{"Deadlines", testDeadlines},
		{"Closed", testClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, ctx: t.Context()}
			f.Harness = open(t, f.ring)
			if f.Other == nil {
				f.Other = f.Store
			}
			test.run(f)
		})
	}
	t.Run("Histories", func(t *testing.T) { testHistories(t, open) })
}

// fixture is one test's store with short ways to say what it needs.
type fixture struct {
	*testing.T
	Harness
	ctx  context.Context
	ids  atomic.Int64
	rung atomic.Pointer[func(*chat.Event)]
}

func (f *fixture) ring(e *chat.Event) {
	if hear := f.rung.Load(); hear != nil {
		(*hear)(e)
	}
}

// start is when all tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// id returns an id not used before; later ones sort later.
func (f *fixture) id() string { return fmt.Sprintf("e%08d", f.ids.Add(1)) }

// now returns a time later than all before.
func (f *fixture) now() time.Time { return start.Add(time.Duration(f.ids.Add(1)) * time.Millisecond) }

// same fails the test unless got is want. No list and an empty list are the
// same.
func (f *fixture) same(what string, want, got any) {
	f.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		f.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// refused fails the test unless err is the refusal.
func (f *fixture) refused(what string, want, err error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// need returns what a call gave, or fails the test: need(f.Store.Room(ctx,
// id)).of(f).
func need[T any](v T, err error) needed[T] { return needed[T]{v, err} }

type needed[T any] struct {
	v   T
	err error
}

func (n needed[T]) of(f *fixture) T {
	f.Helper()
	f.ok(n.err)
	return n.v
}

// commit makes changes that are to succeed.
func (f *fixture) commit(changes ...chat.Change) []chat.Result {
	f.Helper()
	results := need(f.Store.Commit(f.ctx, changes...)).of(f)
	if len(results) != len(changes) {
		f.Fatalf("%d results for %d changes", len(results), len(changes))
	}
	return results
}

// event makes a change that is to append an event, which it returns after
// checking what is true of every event.
func (f *fixture) event(c chat.Change) chat.Event {
	f.Helper()
	before := need(f.Store.Heads(f.ctx, c.Stream)).of(f)[0]
	r := f.commit(c)[0]
	if r.NoOp || r.Duplicate {
		f.Fatalf("%s: no-op %v, duplicate %v", c.Kind(), r.NoOp, r.Duplicate)
	}
	e := r.Event
	if e.Stream != c.Stream || e.Kind != c.Kind() || e.ID != c.ID || e.By != c.By || !e.At.Equal(c.At) {
		f.Fatalf("event %+v of change %+v", e, c)
	}
	if e.Seq != before.Seq+1 || e.Prev != before.ID || e.Epoch == "" {
		f.Fatalf("event %d after %q in epoch %q, but the head was %+v", e.Seq, e.Prev, e.Epoch, before)
	}
	after := need(f.Other.Heads(f.ctx, c.Stream)).of(f)[0]
	f.same("head after "+string(c.Kind()), e.Position(), after.Position)
	read := need(f.Other.Events(f.ctx, c.Stream,
		chat.Position{Epoch: e.Epoch, Seq: e.Seq - 1, ID: e.Prev}, 10)).of(f)
	f.same("event as read again", []chat.Event{e}, read)
	return e
}

// noOp makes a change that is to change nothing.
func (f *fixture) noOp(c chat.Change) {
	f.Helper()
	f.unchanged(c.Stream, func() {
		f.Helper()
		f.same(string(c.Kind()), chat.Result{NoOp: true}, f.commit(c)[0])
	})
}

// refuse makes changes that are to be refused and write nothing.
func (f *fixture) refuse(want error, changes ...chat.Change) {
	f.Helper()
	f.unchanged(changes[0].Stream, func() {
		f.Helper()
		results, err := f.Store.Commit(f.ctx, changes...)
		f.refused(string(changes[0].Kind()), want, err)
		if results != nil {
			f.Fatalf("results with a refusal: %+v", results)
		}
	})
}

func (f *fixture) unchanged(s chat.Stream, do func()) {
	f.Helper()
	before := need(f.Store.Heads(f.ctx, s)).of(f)
	do()
	f.same("head of "+string(s), before, need(f.Store.Heads(f.ctx, s)).of(f))
}

// change returns a change with the head that every change has.
func (f *fixture) change(s chat.Stream, op chat.Operation) chat.Change {
	return chat.Change{Stream: s, ID: f.id(), At: f.now(), By: "admin", Op: op}
}

// inRoom is a change of a room.
func (f *fixture) inRoom(id chat.RoomID, op chat.Operation) chat.Change {
	return f.change(chat.RoomStream(id), op)
}

// alter changes the operation of c.
func alter[O chat.Operation](c chat.Change, f func(*O)) chat.Change {
	op := c.Op.(O)
	f(&op)
	c.Op = op
	return c
}

func (f *fixture) createRoom(id chat.RoomID) chat.Change {
	return f.inRoom(id, chat.CreateRoom{Room: chat.Room{ID: id, Kind: chat.Private,
		Name: "Room " + string(id), Topic: "About", CreatedBy: "admin", CreatedAt: f.now()}})
}

func (f *fixture) join(room chat.RoomID, user chat.UserID) chat.Change {
	return f.inRoom(room, chat.AddMember{Member: chat.Member{Room: room, User: user,
		Role: chat.RoomMember, JoinedAt: f.now()}})
}

func (f *fixture) leave(room chat.RoomID, user chat.UserID) chat.Change {
	return f.inRoom(room, chat.RemoveMember{User: user})
}

func (f *fixture) role(room chat.RoomID, user chat.UserID, role chat.RoomRole) chat.Change {
	return f.inRoom(room, chat.UpdateMember{User: user, Role: role})
}

func (f *fixture) list(room chat.RoomID, user chat.UserID) chat.Change {
	return f.change(chat.UserStream(user), chat.ListRoom{Room: room})
}

func (f *fixture) unlist(room chat.RoomID, user chat.UserID) chat.Change {
	return f.change(chat.UserStream(user), chat.UnlistRoom{Room: room})
}

func (f *fixture) read(room chat.RoomID, user chat.UserID, no int64) chat.Change {
	c := f.change(chat.UserStream(user), chat.MoveRead{Read: chat.Read{Room: room, No: no}})
	c.By = user
	return c
}

func (f *fixture) send(room chat.RoomID, user chat.UserID, text string) chat.Change {
	c := f.inRoom(room, chat.CreateMessage{From: user, Text: text})
	c.By, c.MustBeIn = user, user
	return c
}

// sendAs is a send that can be repeated.
func (f *fixture) sendAs(room chat.RoomID, user chat.UserID, device, clientID string) chat.Change {
	c := f.send(room, user, "")
	c.Op = chat.CreateMessage{From: user, Text: "from " + device, Device: device, ClientID: clientID}
	return c
}

// room makes a room with its members, who have it on their lists.
func (f *fixture) room(id chat.RoomID, users ...chat.UserID) {
	f.Helper()
	f.commit(f.createRoom(id))
	for _, u := range users {
		f.commit(f.join(id, u), f.list(id, u))
	}
}

// view reads a view through the other handle.
func (f *fixture) view(room chat.RoomID, user chat.UserID) chat.RoomView {
	f.Helper()
	return need(f.Other.View(f.ctx, room, user)).of(f)
}

// eventually waits until done reports true.
func (f *fixture) eventually(what string, done func() bool) {
	f.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			f.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
