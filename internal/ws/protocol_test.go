package ws_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/parley-chat/parley/internal/chat"
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
	who := f.Who(f.Member("Mary"))
	big := strings.Repeat("x", 15000)
	value := func(name string) float64 {
		all, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.GetName() == name {
				return m.GetMetric()[0].GetCounter().GetValue() + m.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatalf("there is no metric %s", name)
		return 0
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	got := make(chan chat.Event, 100000)
	reading.Go(func() {
		for {
			r, err := fast.get()
			if err != nil {
				close(got)
				return
			}
			var e chat.Event
			if r.Method == "event" && json.Unmarshal(r.Params, &e) == nil && e.Kind == chat.MessageCreated {
				got <- e
			}
		}
	})
	const count = 1000 // 15 MB: more than the sockets' buffers take
	for no := range count {
		f.Say(who, chat.GeneralID, big)
		if e := <-got; e.Message.No != int64(no+1) { // one at a time: the fast one keeps up
			t.Fatalf("the fast one got %d, want %d", e.Message.No, no+1)
		}
	}
	slow.Closes("a client that does not read", 4008)
	if n := value("parley_slow_closes_total"); n != 1 {
		t.Errorf("%v slow closes", n)
	}
	fast.Close()
	for _, name := range []string{"parley_socket_frames_in_total", "parley_socket_writes_total",
		"parley_socket_bytes_in_total", "parley_socket_bytes_out_total", "parley_events_total"} {
		if value(name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
