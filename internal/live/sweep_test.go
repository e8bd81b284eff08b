package live

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// TestSweepAllocatesNothing: the sweep checks each of thousands of connections
// every second.
func TestSweepAllocatesNothing(t *testing.T) {
	s := &Server{cfg: Config{Queue: 1 << 20, AuthTimeout: time.Hour}, sessions: map[*Session]struct{}{}}
	h := &Handshake{s: s, since: time.Now()}
	c := h.NewSession(nil, 0, func() {})
	now := time.Now()
	for _, who := range []chat.Caller{{}, {User: chat.User{ID: "u"}, ExpiresAt: now.Add(time.Hour)}} {
		c.who = who
		if n := testing.AllocsPerRun(100, func() { c.checkTimeouts(now) }); n != 0 {
			t.Errorf("%v allocations at each check of %q", n, who.User.ID)
		}
	}
}
