package hub_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// TestWhatWasDeletedIsNotToldAgain: who comes back is told from the ring, which
// must not know what was edited away or deleted.
func TestWhatWasDeletedIsNotToldAgain(t *testing.T) {
	f := newFixture(t, 1, func(c *hub.Config) { c.Check, c.Linger = -1, time.Hour })
	f.bell.set(false, true)
	f.create("a", "u")
	stays := f.connect("u", "s1") // keeps the ring
	stays.mustSync(nil)
	c := f.connect("u", "s2")
	c.mustSync(nil)
	c.reaches("room:a")
	positions := c.positions()
	c.close()

	f.send("a", "u", "first secret")
	f.send("a", "u", "second secret")
	f.commit(f.change("room:a", chat.EditMessage{No: 1, Text: "harmless"}))
	f.commit(f.change("room:a", chat.DeleteMessage{No: 2}))
	stays.reaches("room:a")

	resumes := f.Stats().Repairs
	back := f.connect("u", "s2")
	back.mustSync(positions)
	back.reaches("room:a")
	back.mu.Lock()
	told, err := json.Marshal(back.frames)
	back.mu.Unlock()
	if err != nil || bytes.Contains(told, []byte("secret")) || !bytes.Contains(told, []byte("harmless")) {
		t.Errorf("who comes back is told %s, %v", told, err)
	}
	if f.Stats().Repairs != resumes {
		t.Error("the log was asked, not the ring")
	}
	back.noFaults()
	back.close()
	stays.close()
}
