package ws_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// TestErrorCodes: what the table of actions does not have is no method.
func TestErrorCodes(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.Member("Pablo"))
	for method, want := range map[string]int{"room.explode": -32601, "message.send": -32602,
		"room.get": -32004} {
		r := c.call(method, map[string]any{"room": "none"})
		if r.Error == nil || r.Error.Code != want {
			t.Errorf("%s: %+v, want %d", method, r.Error, want)
		}
	}
}

// TestDeepJSON: work on it is bounded, and the connection lives.
func TestDeepJSON(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.Member("Pablo"))
	for _, bad := range []string{strings.Repeat("[", 60000), strings.Repeat(`{"a":`, 10000),
		`{"jsonrpc":"2.0","id":1,"method":"message.send","params":` + strings.Repeat(`{"a":`,
			5000) + strings.Repeat("}", 5000) + `}`} {
		c.Put(wstest.Text(bad))
		if r := c.must(); r.Error == nil || r.Error.Code != -32700 && r.Error.Code != -32600 {
			t.Errorf("%.20s…: %+v", bad, r)
		}
	}
	c.lives("after deep JSON")
}

// TestSlowClient is closed, and nobody waits for it.
func TestSlowClient(t *testing.T) {
	metrics := prometheus.NewRegistry()
	f := newFixture(t, func(s *settings) {
		s.Live.Queue, s.ws.Metrics = 64<<10, metrics
		s.ws.Heartbeat = time.Hour // it answers no ping, either
	})
	slow, fast := f.synced(f.Member("Slow")), f.synced(f.Member("Fast"))
	f.Outrun(func() (e chat.Event) {
		for e.Kind != chat.MessageCreated {
			if r := fast.must(); r.Method == "event" {
				if err := json.Unmarshal(r.Params, &e); err != nil {
					t.Fatal(err)
				}
			}
		}
		return e
	})
	slow.Closes("a client that does not read", 4008)
	if n := livetest.Metric(t, metrics, "parley_slow_closes_total"); n != 1 {
		t.Errorf("%v slow closes", n)
	}
	fast.Close()
	for _, name := range []string{"parley_socket_frames_in_total", "parley_socket_writes_total",
		"parley_socket_bytes_in_total", "parley_socket_bytes_out_total", "parley_events_total"} {
		if livetest.Metric(t, metrics, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
