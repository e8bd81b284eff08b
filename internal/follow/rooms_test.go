package follow_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/server"
	"github.com/parley-chat/parley/kit/redistest"
)

// ear passes what a bell says to a runner.
type ear struct {
	r     *follow.Runner
	heard chan chat.Stream // gaps
}

func (e ear) Event(event *chat.Event) { e.r.Wake(event.Stream) }
func (ear) Signal(chat.Signal)        {}
func (e ear) Gap(s chat.Stream) {
	e.r.Gap(s)
	select {
	case e.heard <- s:
	default:
	}
}

// followed runs a follower of rooms that sweeps only once, and returns what
// waits for a text to be handled.
func followed(t *testing.T, d *data) (e ear, wait func(text string)) {
	got := make(chan string, 100)
	f := follower(d.core.Store, func(_ chat.RoomID, text string) error {
		got <- text
		return nil
	})
	f = follow.Follower{Name: f.Name, Handle: f.Handle, Cursors: none{}, Sweep: time.Hour,
		Queues: func(context.Context, func([]follow.Queue) error) error { return nil },
	}.AlsoRooms(d.core.Store, nil)
	if err := f.Start(t.Context()); err != nil { // what is said from now on is handled
		t.Fatal(err)
	}
	var bell chat.Bell
	if d.core.Shared {
		bell = d.core.Bell
	}
	r := follow.New(follow.Config{Log: d.core.Store, Bell: bell, Followers: []follow.Follower{f}})
	e = ear{r, make(chan chat.Stream, 1000)}
	d.core.Bell.Listen(e)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return e, func(text string) {
		t.Helper()
		for said := ""; said != text; {
			select {
			case said = <-got:
			case <-time.After(time.Minute):
				t.Fatalf("not followed: %s", text)
			}
		}
	}
}

// none are the cursors of a follower that has no queues but rooms.
type none struct{}

func (none) Load(context.Context, []follow.Queue) ([]follow.Cursor, error) {
	panic("asked for a room's")
}

func (none) Save(context.Context, follow.Queue, chat.Position, follow.Cursor) error {
	panic("asked for a room's")
}

// TestNewRoomsAreFollowed: of a room that is made, on this node or on another,
// a follower of rooms hears at once, without a sweep, and of all that is said
// there later.
func TestNewRoomsAreFollowed(t *testing.T) {
	onBothStores(t, 1, func(t *testing.T, d *data) {
		_, wait := followed(t, d)
		makers := []*data{d}
		if d.core.Shared {
			other := &data{t: t, cfg: d.cfg, owner: d.owner}
			other.open()
			t.Cleanup(other.close)
			makers = append(makers, other)
		}
		d.send(d.rooms[0], "the first sweep is over")
		wait("the first sweep is over")
		for _, m := range makers {
			for _, name := range []string{"a", "b"} {
				room := m.room(name)
				m.send(room, "first in "+name)
				wait("first in " + name)
				m.send(room, "second in "+name)
				wait("second in " + name)
			}
		}
	})
}

// TestRoomsMadeUnheard: a room that was made while the connection was away on
// which the bell would have told is found when it is back.
func TestRoomsMadeUnheard(t *testing.T) {
	redis := redistest.Start(t, "--appendonly", "yes")
	d := newData(t, server.StoreConfig{Store: redis.URL(), RedisPrefix: "parley"}, 1)
	e, wait := followed(t, d)
	d.send(d.rooms[0], "the first sweep is over")
	wait("the first sweep is over")
	deaf := d.room("deaf")
	gap := func(s chat.Stream) {
		t.Helper()
		for deadline := time.After(time.Minute); ; {
			select {
			case heard := <-e.heard:
				if heard == s {
					return
				}
			case <-deadline:
				t.Fatalf("no gap in %s", s)
			}
		}
	}
	gap(chat.RoomStream(deaf))
	// The bell is deaf for a while: it hears nothing of what is made.
	d.core.Bell.Listen(ear{follow.New(follow.Config{Log: d.core.Store}), e.heard})
	lost := d.room("lost")
	d.send(lost, "nobody told")
	gap(chat.RoomStream(lost))
	d.core.Bell.Listen(e)
	if _, err := redis.Do("CLIENT", "KILL", "TYPE", "PUBSUB"); err != nil {
		t.Fatal(err)
	}
	wait("nobody told")
	// And it is followed from then on.
	d.send(lost, "and more")
	wait("and more")
}
