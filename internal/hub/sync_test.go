package hub_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// TestOwnNewsBeforeTheRooms: a person leaves a room and comes back while they
// are away, and the bell is late with what it tells of that. Coming back they
// must hear of it before they hear what happened in the room since: a client
// forgets the room when it hears room.left, and takes the view of room.joined,
// after which the room's events follow.
func TestOwnNewsBeforeTheRooms(t *testing.T) {
	f := newFixture(t, 1, func(c *hub.Config) { c.Check, c.Linger = -1, time.Hour })
	f.bell.set(false, true)
	f.create("a", "u")
	stays := f.connect("u", "s1") // keeps the node listening to their stream
	stays.mustSync(nil)
	c := f.connect("u", "s2")
	c.mustSync(nil)
	f.send("a", "bot", "before")
	c.reaches("room:a")
	positions := c.positions()
	c.close()

	f.bell.set(true, false)
	f.exit("a", "u")
	f.enter("a", "u")
	f.send("a", "bot", "after")

	back := f.connect("u", "s2")
	back.mustSync(positions)
	back.reaches("room:a")
	back.mu.Lock()
	heard := map[string]int{} // where in what was said
	for i, s := range back.frames {
		switch {
		case s.Event == nil:
		case s.Event.Kind == chat.RoomJoined, s.Event.Kind == chat.RoomLeft:
			heard[string(s.Event.Kind)] = i + 1
		case s.Event.Message != nil:
			heard[s.Event.Message.Text] = i + 1
		}
	}
	back.mu.Unlock()
	if heard["room.joined"] == 0 || heard["room.joined"] < heard["room.left"] ||
		heard["after"] < heard["room.joined"] {
		t.Errorf("heard at these places: %v", heard)
	}
	back.noFaults()
	back.close()
	stays.close()
}

// obeys follows one room as docs/protocol.md says, through all that was said to
// a client: it forgets the room when it hears room.left, takes the view of
// room.joined if it does not hold the room, and drops what it has. It returns
// where it is.
func (c *client) obeys(room chat.RoomID, at *chat.Position) chat.Position {
	c.f.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.frames {
		switch {
		case s.Answer != nil:
			for _, v := range s.Answer.Rooms {
				if v.ID == room {
					at = &v.Position
				}
			}
		case s.Event == nil:
		case s.Event.Kind == chat.RoomLeft && s.Event.Left == room:
			at = nil
		case s.Event.Kind == chat.RoomJoined && s.Event.View.ID == room && at == nil:
			at = &s.Event.View.Position
		case s.Event.Stream == chat.RoomStream(room) && at != nil && s.Event.Seq > at.Seq:
			if !s.Event.Follows(*at) {
				c.f.t.Errorf("%s: event %d comes after %d", c.me, s.Event.Seq, at.Seq)
			}
			p := s.Event.Position()
			at = &p
		}
	}
	if at == nil {
		return chat.Position{}
	}
	return *at
}

// TestComesBackToRoomJoinedMeanwhile: the view in the answer, or the position
// that the client gave, is ahead of the room.joined that follows in its own
// stream. What follows that must follow.
func TestComesBackToRoomJoinedMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name     string
		listened bool // the node has the own stream, and its bell is late
		room     bool // the client gives a position for the room, that is ahead
	}{{"of a view", false, false}, {"of a view, the bell late", true, false},
		{"of a position", false, true}, {"of a position, the bell late", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, 1, func(c *hub.Config) { c.Check, c.Linger = -1, time.Hour })
			f.bell.set(false, true)
			f.create("a", "u")
			var stays *client
			if c.listened {
				stays = f.connect("u", "s1")
				stays.mustSync(nil)
			}
			head := func(s chat.Stream) chat.Position {
				heads, err := f.model.Heads(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				return heads[0].Position
			}
			given := map[chat.Stream]chat.Position{chat.UserStream("u"): head(chat.UserStream("u"))}
			f.bell.set(true, false)
			f.exit("a", "u")
			f.enter("a", "u")
			for range 3 {
				f.send("a", "bot", "after")
			}
			var at *chat.Position
			if c.room {
				p := head(chat.RoomStream("a"))
				at, given[chat.RoomStream("a")] = &p, p
			}
			f.bell.set(false, true)
			back := f.connect("u", "s2")
			back.mustSync(given)
			last := f.send("a", "bot", "last")
			back.reaches("room:a")
			if p := back.obeys("a", at); p.Seq != last.Seq {
				t.Errorf("it is at %d of %d", p.Seq, last.Seq)
			}
			back.close()
			if stays != nil {
				stays.close()
			}
		})
	}
}

// TestSecondSyncAfterComingBack: that somebody left and came back before a sync
// does not keep a later one, on the same connection and from before they left,
// from following the room.
func TestSecondSyncAfterComingBack(t *testing.T) {
	f := newFixture(t, 1, func(c *hub.Config) { c.Check, c.Linger = -1, time.Hour })
	f.bell.set(false, true)
	f.create("a", "u")
	c := f.connect("u", "s1")
	c.mustSync(nil)
	before := c.positions()
	f.exit("a", "u")
	f.enter("a", "u")
	f.send("a", "bot", "welcome back")
	c.reaches("room:a")
	room := chat.RoomStream("a")
	c.mustSync(map[chat.Stream]chat.Position{room: before[room]})
	f.send("a", "bot", "news")
	c.reaches("room:a")
	c.close()
}

// TestSyncAfterOneThatFailed: what a failed sync had kept back does not come
// with the next.
func TestSyncAfterOneThatFailed(t *testing.T) {
	f := newFixture(t, 1, func(c *hub.Config) { c.Check, c.Linger = -1, time.Hour })
	f.bell.set(false, true)
	f.create("a", "u")
	c := f.connect("u", "s1")
	c.mustSync(nil)
	before := c.positions()
	f.create("b", "u")
	c.reaches("room:b")
	away := errors.New("the store is away")
	err := f.Sync(t.Context(), c.conn, hub.Sync{Positions: before,
		Views:  func(context.Context) ([]chat.RoomView, error) { return nil, away },
		Answer: func(hub.Synced) hub.Frame { return nil }})
	if !errors.Is(err, away) {
		t.Fatalf("a sync without views: %v", err)
	}
	c.mustSync(before)
	f.send("b", "bot", "news")
	c.reaches("room:b")
	c.close()
	c.noFaults()
}

// TestSyncAfterFailedSync: what a sync that failed had kept back for after its
// answer is not sent after the next one's.
func TestSyncAfterFailedSync(t *testing.T) {
	f := newFixture(t, 1, func(c *hub.Config) { c.Check, c.Linger = -1, time.Hour })
	f.bell.set(false, true)
	f.create("first", "u") // so that the own stream has a position
	c := f.connect("u", "s1")
	c.mustSync(nil)
	c.reaches("user:u")
	positions := c.positions()
	f.create("a", "u") // room.joined comes to the own stream
	c.reaches("user:u")
	for range 2 {
		err := f.Sync(t.Context(), c.conn, hub.Sync{
			Positions: positions, Server: true,
			Views: func(context.Context) ([]chat.RoomView, error) { return nil, chat.ErrUnavailable },
			Answer: func(hub.Synced) hub.Frame {
				t.Error("a sync without rooms is answered")
				return line(said{})
			},
		})
		if !errors.Is(err, chat.ErrUnavailable) {
			t.Fatalf("sync: %v", err)
		}
	}
	c.mustSync(positions)
	f.send("a", "bot", "after")
	c.reaches("room:a")
	c.mu.Lock()
	joined := 0
	for _, s := range c.frames {
		if s.Event != nil && s.Event.Kind == chat.RoomJoined {
			joined++
		}
	}
	c.mu.Unlock()
	if joined != 2 { // as it happened, and after the sync that succeeded
		t.Errorf("room.joined came %d times", joined)
	}
	c.noFaults()
	c.close()
}
