package hub_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// TestOwnNewsBeforeTheRooms: a person leaves a room and comes back while they are away, and the bell is late with what it tells
// of that. Coming back they must hear of it before they hear what happened in the room since: a client forgets the room when it hears
// room.left, and takes the view of room.joined, after which the room's events follow.
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
	positions := c.held()
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
	if heard["room.joined"] == 0 || heard["room.joined"] < heard["room.left"] || heard["after"] < heard["room.joined"] {
		t.Errorf("heard at these places: %v", heard)
	}
	back.noFaults()
	back.close()
	stays.close()
}
