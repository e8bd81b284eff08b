package hub_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/hub"
)

// otherLog is a log in whose place another can be put, as a failover does.
type otherLog struct {
	now atomic.Pointer[chattest.Model]
}

func (l *otherLog) Heads(ctx context.Context, s ...chat.Stream) ([]chat.Head, error) {
	return l.now.Load().Heads(ctx, s...)
}

func (l *otherLog) Events(ctx context.Context, s chat.Stream, after chat.Position,
	limit int) ([]chat.Event, error) {
	return l.now.Load().Events(ctx, s, after, limit)
}

func (l *otherLog) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Member, error) {
	return l.now.Load().Member(ctx, room, user)
}

// TestRollBackIsNoticed puts an older state of the log in its place, in which
// nobody writes: nothing rings, and everyone is told all the same.
func TestRollBackIsNoticed(t *testing.T) {
	log := &otherLog{}
	f := newFixture(t, 1, func(c *hub.Config) { c.Log = log })
	f.bell.set(false, true)
	old := chattest.NewModel(nil)
	newest := f.model
	log.now.Store(newest)
	both := func(do func()) {
		n := f.n
		f.model = old
		do()
		f.n, f.model = n, newest
		do()
	}
	both(func() {
		f.create("a", "u")
		f.create("b", "u")
		f.send("a", "bot", "kept")
	})
	c := f.connect("u", "s")
	if err := c.sync(nil); err != nil {
		t.Fatal(err)
	}
	f.send("a", "bot", "lost")
	f.send("a", "bot", "lost as well")
	is := func(text string) func() bool {
		return func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			w := c.streams["room:a"]
			return w != nil && w.last != nil && w.last.Message != nil && w.last.Message.Text == text
		}
	}
	eventually(t, "the newest to arrive", is("lost as well"))
	log.now.Store(old)
	heads, err := old.Heads(t.Context(), "room:a")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the roll-back to be told", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.frames {
			if s.Resync != nil && s.Resync.Stream == "room:a" && s.Resync.Position == heads[0].Position {
				return true
			}
		}
		return false
	})
	f.model = old
	e := f.send("a", "bot", "afterwards") // does not ring: the model has none
	f.Event(&e)
	eventually(t, "what comes afterwards", is("afterwards"))
	if why := c.conn.Closed(); why != hub.Open {
		t.Errorf("the connection was closed: %v", why)
	}
	c.conn.Close(hub.Finished)
	<-c.done
	for _, s := range c.frames {
		if s.Resync != nil && s.Resync.Stream != "room:a" {
			t.Errorf("resync of %s", s.Resync.Stream)
		}
	}
}

// TestRollBackBeforeTheRoom puts a log in place that has never heard of the
// room.
func TestRollBackBeforeTheRoom(t *testing.T) {
	log := &otherLog{}
	f := newFixture(t, 1, func(c *hub.Config) { c.Log = log })
	f.bell.set(false, true)
	log.now.Store(f.model)
	f.create("a", "u")
	c := f.connect("u", "s")
	if err := c.sync(nil); err != nil {
		t.Fatal(err)
	}
	f.send("a", "bot", "lost")
	log.now.Store(chattest.NewModel(nil))
	// The person's own stream is behind too: the connection is closed, and its
	// client syncs.
	eventually(t, "the connection to be closed", func() bool { return c.conn.Closed() == hub.Changed })
	<-c.done
	eventually(t, "repairs to end", func() bool { return f.Stats().Topics == 0 })
}

// forgetful is a log that denies who is in a room, as a Redis that is just
// being replaced may.
type forgetful struct {
	*otherLog
	denies atomic.Bool
}

func (l *forgetful) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Member, error) {
	if l.denies.Load() {
		return chat.Member{}, chat.ErrNotFound
	}
	return l.otherLog.Member(ctx, room, user)
}

// TestRollBackWithoutTheMember: whose room was rolled back and who is said not
// to be in it any more has to sync. Nothing else would tell them if they are,
// and they would hear nothing of the room for ever.
func TestRollBackWithoutTheMember(t *testing.T) {
	log := &forgetful{otherLog: &otherLog{}}
	f := newFixture(t, 1, func(c *hub.Config) { c.Log = log })
	f.bell.set(false, true)
	old, newest := chattest.NewModel(nil), f.model
	log.now.Store(newest)
	f.create("a", "u")
	f.model, f.n = old, 0
	f.create("a", "u")
	f.model = newest
	c := f.connect("u", "s")
	c.mustSync(nil)
	f.send("a", "bot", "lost")
	c.reaches("room:a")
	log.denies.Store(true)
	log.now.Store(old)
	eventually(t, "the connection to be closed", func() bool { return c.conn.Closed() == hub.Changed })
	<-c.done
}
