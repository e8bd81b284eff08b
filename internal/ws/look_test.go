package ws

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// atRest is a connection that nothing comes from, of somebody who is logged in.
func atRest() *conn {
	s := &Server{cfg: Config{Queue: 1 << 20, Heartbeat: time.Hour, AuthTimeout: time.Hour}}
	who := chat.Caller{User: chat.User{ID: "u"}}
	who.ExpiresAt = time.Now().Add(time.Hour)
	c := newConn(s, who)
	c.setWho(who)
	return c
}

// TestLookAllocatesNothing: the sweep looks at each of thousands of connections
// every second.
func TestLookAllocatesNothing(t *testing.T) {
	c, now := atRest(), time.Now()
	if n := testing.AllocsPerRun(100, func() { c.look(now) }); n != 0 {
		t.Errorf("%v allocations at each look", n)
	}
}

func BenchmarkLook(b *testing.B) {
	c, now := atRest(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		c.look(now)
	}
}
