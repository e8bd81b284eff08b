// Package follow runs everything that is derived from the log: webhooks,
// search, push, and later mail. A [Follower] is a name, the streams that it
// reads, and a handler. The handler gets each stream's events in order and at
// least once, so some may be repeated. A feature of this kind needs no change
// of a store:
//
//	push := follow.Follower{
//		Name:    "push",
//		Queues:  follow.Rooms(store),
//		Follows: follow.IsRoom,
//		Cursors: follow.Records(store, "push"),
//		Handle: func(ctx context.Context, q follow.Queue, events []chat.Event) (int, error) {
//			return notifier.Notify(ctx, events) // how many it handled, in order
//		},
//	}
//	runner := follow.New(follow.Config{Log: store, Followers: []follow.Follower{push}, Exclusive: exclusive})
//	go runner.Run(ctx)
//
// # How it works
//
// A follower reads a stream as a [Queue], and keeps a [Cursor] for each: the
// position up to which everything was handled. The cursor is saved after the
// handler returns, so an event is handled again after a crash between the two,
// and none is lost. Events are always read from the log. [Runner.Wake] only
// says that a stream has moved on; it may be repeated, early, or missing.
//
// A queue whose handler fails is retried after a pause that doubles, up to a
// limit. Other queues do not wait. A follower may give up an event after a
// number of attempts and continue with the next.
//
// By default one node runs a follower, and another takes over when that node
// stops or dies. A follower with EveryNode runs on each node, with Cursors that
// are the node's own.
//
// # What it costs
//
// An idle runner does nothing for a room: it neither polls rooms nor holds
// memory for them. Woken queues, and queues that failed, take memory until they
// are done. A sweep compares every cursor with its stream's head, a page of
// streams at a time. It finds what moved while no one was listening: at the
// start of Run, when announcements of another node may have been lost, and
// every [Follower.Sweep]. Over 10,000 rooms with nothing new it takes about 0.4
// s on either store, on two cores (BenchmarkSweep).
package follow

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Log is where events are read, such as a [chat.Store].
type Log interface {
	Heads(ctx context.Context, streams ...chat.Stream) ([]chat.Head, error)
	Events(ctx context.Context, s chat.Stream, after chat.Position, limit int) ([]chat.Event, error)
}

// Queue is a stream as one follower reads it. A stream may have several queues,
// each with its own cursor.
type Queue struct {
	ID     string
	Stream chat.Stream
	Due    bool // there is something to do besides events
}

// Cursor is the position of a queue.
type Cursor struct {
	Position chat.Position `json:"position"`           // everything up to it was handled or given up
	Attempts int           `json:"attempts,omitempty"` // how often the event after it failed
	NextAt   time.Time     `json:"next_at,omitzero"`   // when it is tried again
	Error    string        `json:"error,omitempty"`    // why the last attempt failed

	GivenUp   int       `json:"given_up,omitempty"`  // events given up so far
	Skipped   int64     `json:"skipped,omitempty"`   // events that the log had lost already
	SkippedAt time.Time `json:"skipped_at,omitzero"` // when that was noticed last
}

// Cursors stores cursors.
type Cursors interface {
	// Load returns the cursors of queues, in their order. A queue that has none
	// gets the zero Cursor: it begins at the start of its stream.
	Load(ctx context.Context, queues []Queue) ([]Cursor, error)
	// Save keeps a cursor if the one that is kept still has the position was.
	// Otherwise it returns [chat.ErrConflict]: another node is further.
	// [chat.ErrNotFound] says that the queue is gone.
	Save(ctx context.Context, q Queue, was chat.Position, now Cursor) error
}

// Follower is something that is derived from the log.
type Follower struct {
	Name string // of letters; also the name of its lock and of its metrics
	// Queues gives all queues, some at a time. It is used by sweeps.
	Queues func(ctx context.Context, give func([]Queue) error) error
	// Follows, if not nil, reports whether a stream is a queue whose ID is the
	// stream's name, so that a new one is found when it is woken. All others
	// are found by the next sweep.
	Follows func(chat.Stream) bool
	Cursors Cursors
	// Start, if not nil, runs before anything else.
	Start func(context.Context) error
	// Before, if not nil, runs before a queue's events are read.
	Before func(context.Context, Queue) error
	// Handle handles the first of the events, in order, and returns how many
	// are done. The error concerns the event after those. [ErrPaused] leaves it
	// until the queue is woken again; [chat.ErrUnavailable] is no failure of
	// the event, which is tried again soon.
	Handle func(ctx context.Context, q Queue, events []chat.Event) (done int, err error)
	// GiveUp is called with an event that has failed Retry.Attempts times. If
	// it is nil, events are retried forever.
	GiveUp func(ctx context.Context, q Queue, e chat.Event, attempts int, err error) error

	Retry     RetryPolicy   // default forever, 1 s to 10 min apart
	Batch     int           // events handed over at once; default 100
	Parallel  int           // queues at once; default 16
	Sweep     time.Duration // between sweeps; default 10 min
	EveryNode bool          // each node runs it
	// Delay is how long after the first announcement a queue is served, so
	// that many events are handled together; default at once.
	Delay time.Duration
}

// ErrPaused means that a queue pauses until it is woken.
var ErrPaused = errors.New("paused")

// RetryPolicy says how often and when an event is retried.
type RetryPolicy struct {
	Attempts    int           // then it is given up; 0 for never
	First, Most time.Duration // the pause after the first failure doubles with each, up to Most
}

// RetryAfter is an error that asks for a longer pause.
type RetryAfter interface {
	error
	RetryAfter() time.Duration
}

// Pause is the delay after a number of failures, with jitter so that retries
// spread.
func (p RetryPolicy) Pause(failures int, err error) time.Duration {
	wait := p.Most
	if n := failures - 1; n < 30 && p.First<<n < p.Most {
		wait = p.First << n
	}
	wait = wait/2 + rand.N(wait/2+1)
	if asked, ok := errors.AsType[RetryAfter](err); ok {
		wait = max(wait, min(asked.RetryAfter(), p.Most))
	}
	return wait
}

// IsRoom reports whether a stream is a room's.
func IsRoom(s chat.Stream) bool {
	_, ok := s.Room()
	return ok
}

// AlsoRooms has a follower with queues of its own follow all rooms too, from
// when it first runs on. Rooms are left out as long as idle, if not nil, says
// so; then it is asked after the follower's own queues.
func (f Follower) AlsoRooms(store chat.Store, idle func() bool) Follower {
	own, rooms := f.Queues, Rooms(store)
	positions := Records(store, f.Name)
	follows := func() bool { return idle == nil || !idle() }
	f.Start = func(ctx context.Context) error {
		return StartNow(ctx, store, Follower{Name: f.Name, Queues: rooms, Cursors: positions})
	}
	f.Follows = func(s chat.Stream) bool { return IsRoom(s) && follows() }
	f.Queues = func(ctx context.Context, give func([]Queue) error) error {
		if err := own(ctx, give); err != nil || !follows() {
			return err
		}
		return rooms(ctx, give)
	}
	f.Cursors = withRooms{f.Cursors, positions}
	return f
}

// withRooms keeps the cursors of rooms apart from a follower's own.
type withRooms struct{ own, rooms Cursors }

func (c withRooms) of(q Queue) Cursors {
	if q.ID == string(q.Stream) {
		return c.rooms
	}
	return c.own
}

// Load implements [Cursors].
func (c withRooms) Load(ctx context.Context, queues []Queue) ([]Cursor, error) {
	return c.of(queues[0]).Load(ctx, queues)
}

// Save implements [Cursors].
func (c withRooms) Save(ctx context.Context, q Queue, was chat.Position, now Cursor) error {
	return c.of(q).Save(ctx, q, was, now)
}

// sweepPage is how many streams are compared at once.
const sweepPage = 1000

// Rooms gives every room as a queue.
func Rooms(store chat.Store) func(context.Context, func([]Queue) error) error {
	return func(ctx context.Context, give func([]Queue) error) error {
		for after := chat.RoomID(""); ; {
			rooms, err := store.Rooms(ctx, after, sweepPage)
			if err != nil || len(rooms) == 0 {
				return err
			}
			after = rooms[len(rooms)-1].ID
			queues := make([]Queue, len(rooms))
			for i, r := range rooms {
				s := chat.RoomStream(r.ID)
				queues[i] = Queue{ID: string(s), Stream: s}
			}
			if err := give(queues); err != nil {
				return err
			}
		}
	}
}
