package websocket_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/websocket"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// TestParked: connections that are quiet have no goroutine, and end and answer
// as others do.
func TestParked(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	before := runtime.NumGoroutine()
	conns := make([]*wstest.Conn, 50)
	served := make([]*echo, len(conns))
	for i := range conns {
		conns[i] = f.dial()
		conns[i].Put(wstest.Text("hello"))
		expect(conns[i], "echo", "hello")
		served[i] = f.last()
	}
	quiet := func() {
		t.Helper()
		wstest.Eventually(t, "they wait without goroutines", func() bool { return runtime.NumGoroutine() <= before+5 })
	}
	ends := func(t *testing.T, c *wstest.Conn) {
		t.Helper()
		if op, payload, err := c.Next(); err == nil {
			t.Errorf("got %d %q", op, payload)
		}
	}
	for turn := range 3 {
		quiet()
		for i, c := range conns {
			text := fmt.Sprintf("%d in turn %d", i, turn)
			c.Put(wstest.Text(text))
			expect(c, "echo", text)
		}
	}
	quiet()

	t.Run("what was cut is put together", func(t *testing.T) {
		frame := wstest.Text("in pieces")
		for i := range frame {
			conns[0].Put(frame[i : i+1])
			quiet()
		}
		expect(conns[0], "echo", "in pieces")
	})
	t.Run("a deadline ends it", func(t *testing.T) {
		quiet()
		served[1].conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		ends(t, conns[1])
	})
	t.Run("a deadline that is lifted does not", func(t *testing.T) {
		served[2].conn.SetReadDeadline(time.Now().Add(time.Hour))
		served[2].conn.SetReadDeadline(time.Time{})
		conns[2].Put(wstest.Text("still here"))
		expect(conns[2], "echo", "still here")
		quiet()
	})
	t.Run("giving up ends it", func(t *testing.T) {
		served[3].conn.Abort()
		ends(t, conns[3])
	})
	t.Run("a client that is gone ends it", func(t *testing.T) {
		conns[4].Close()
		wstest.Eventually(t, "somebody notices", func() bool {
			served[4].mu.Lock()
			defer served[4].mu.Unlock()
			return served[4].ended != nil
		})
	})
}
