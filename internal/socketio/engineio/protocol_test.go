package engineio_test

import (
	"context"
	"io"
	"net/http/httptrace"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// The cases of the official test suite of Engine.IO 4, by their names there.
func TestProtocol(t *testing.T) {
	cases := []struct {
		name string
		run  func(*fixture)
	}{
		{"handshake/HTTP long-polling/successfully opens a session", func(f *fixture) {
			status, body := f.Do(f.T.Context(), "GET", "EIO=4&transport=polling", nil)
			hello := eiotest.ReadHello(f.T, body)
			if status != 200 || !slices.Equal(hello.Upgrades, []string{"websocket"}) {
				f.T.Errorf("%d %+v", status, hello)
			}
			checkHello(f, hello)
		}},
		{"handshake/HTTP long-polling/fails with an invalid 'EIO' query parameter", func(f *fixture) {
			f.refuses("GET", "transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling")
		}},
		{"handshake/HTTP long-polling/fails with an invalid 'transport' query parameter", func(f *fixture) {
			f.refuses("GET", "EIO=4", "EIO=4&transport=abc")
		}},
		{"handshake/HTTP long-polling/fails with an invalid request method", func(f *fixture) {
			f.refuses("POST", "EIO=4&transport=polling")
			f.refuses("PUT", "EIO=4&transport=polling")
		}},
		{"handshake/WebSocket/successfully opens a session", func(f *fixture) {
			_, hello := f.OpenWebSocket()
			if hello.Upgrades == nil || len(hello.Upgrades) != 0 {
				f.T.Errorf("%+v", hello)
			}
			checkHello(f, hello)
		}},
		{"handshake/WebSocket/fails with an invalid 'EIO' query parameter", func(f *fixture) {
			f.refusesSocket("transport=websocket", "EIO=abc&transport=websocket")
		}},
		{"handshake/WebSocket/fails with an invalid 'transport' query parameter", func(f *fixture) {
			f.refusesSocket("EIO=4", "EIO=4&transport=abc")
		}},
		{"message/HTTP long-polling/sends and receives a payload containing one plain text packet",
			func(f *fixture) {
				id := f.Open()
				f.MustPost(id, "4hello")
				f.MustPoll(id, "4hello")
			}},
		{"message/HTTP long-polling/sends and receives a payload containing several plain text packets", func(f *fixture) {
			id := f.Open()
			f.MustPost(id, "4test1\x1e4test2\x1e4test3")
			f.MustPoll(id, "4test1\x1e4test2\x1e4test3")
		}},
		{"message/HTTP long-polling/sends and receives a payload containing plain text and binary packets", func(f *fixture) {
			id := f.Open()
			f.MustPost(id, "4hello\x1ebAQIDBA==")
			f.MustPoll(id, "4hello\x1ebAQIDBA==")
		}},
		{"message/HTTP long-polling/closes the session upon invalid packet format", func(f *fixture) {
			id := f.Open()
			if status, _ := f.Post(id, "abc"); status != 400 {
				f.T.Errorf("status %d", status)
			}
			f.MustBeGone(id)
			f.ended(engineio.ReasonParse)
		}},
		{"message/HTTP long-polling/closes the session upon duplicate poll requests", func(f *fixture) {
			id := f.Open()
			polls := map[int]string{}
			var mu sync.Mutex
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() {
					status, body := f.Poll(id)
					mu.Lock()
					defer mu.Unlock()
					polls[status] = body
				})
			}
			both.Wait()
			if polls[200] != "1" || polls[400] == "" {
				f.T.Errorf("%v", polls)
			}
			f.MustBeGone(id)
			f.ended(engineio.ReasonTransport)
		}},
		{"message/HTTP long-polling/closes the session upon cancelled polling request", func(f *fixture) {
			id := f.Open()
			ctx, cancel := context.WithCancel(f.T.Context())
			ctx = httptrace.WithClientTrace(ctx,
				&httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }})
			f.Do(ctx, "GET", "EIO=4&transport=polling&sid="+id, nil)
			f.ended(engineio.ReasonTransport)
			f.MustBeGone(id)
		}},
		{"message/WebSocket/sends and receives a plain text packet", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.Send("4hello")
			s.Expect("4hello")
		}},
		{"message/WebSocket/sends and receives a binary packet", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.SendBytes(1, 2, 3, 4)
			s.ExpectBytes(1, 2, 3, 4)
		}},
		{"message/WebSocket/closes the session upon invalid packet format", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.Send("abc")
			s.ExpectClose()
			f.ended(engineio.ReasonParse)
		}},
		{"heartbeat/HTTP long-polling/sends ping/pong packets", func(f *fixture) {
			id := f.Open()
			for range 3 {
				f.MustPoll(id, "2")
				f.MustPost(id, "3")
			}
		}},
		{"heartbeat/HTTP long-polling/closes the session upon ping timeout", func(f *fixture) {
			start := time.Now()
			id := f.Open()
			f.ended(engineio.ReasonPingTimeout)
			if took := time.Since(start); took < 500*time.Millisecond {
				f.T.Errorf("after %v", took)
			}
			f.MustBeGone(id)
		}},
		{"heartbeat/WebSocket/sends ping/pong packets", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			for range 3 {
				s.Expect("2")
				s.Send("3")
			}
		}},
		{"heartbeat/WebSocket/closes the session upon ping timeout", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.ExpectClose()
			f.ended(engineio.ReasonPingTimeout)
		}},
		{"close/HTTP long-polling/forcefully closes the session", func(f *fixture) {
			id := f.Open()
			var poll sync.WaitGroup
			poll.Go(func() {
				if status, body := f.Poll(id); status != 200 || body != "6" {
					f.T.Errorf("polled %d %q", status, body)
				}
			})
			f.MustPost(id, "1")
			poll.Wait()
			f.MustBeGone(id)
			f.ended(engineio.ReasonClient)
		}},
		{"close/WebSocket/forcefully closes the session", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.Send("1")
			s.ExpectClose()
			f.ended(engineio.ReasonClient)
		}},
		{"upgrade/successfully upgrades from HTTP long-polling to WebSocket", func(f *fixture) {
			id := f.Open()
			s := f.MustDial("EIO=4&transport=websocket&sid=" + id)
			s.Send("2probe")
			s.Expect("3probe")
			f.MustPoll(id, "6")
			s.Send("5")
			s.Send("4hello")
			s.Expect("4hello")
		}},
		{"upgrade/ignores HTTP requests with same sid after upgrade", func(f *fixture) {
			id := f.Open()
			s := f.Upgrade(id)
			if status, _ := f.Poll(id); status != 400 {
				f.T.Errorf("a poll was answered with %d", status)
			}
			if status, _ := f.Post(id, "4lost"); status != 400 {
				f.T.Errorf("a payload was answered with %d", status)
			}
			s.Send("4hello")
			s.Expect("4hello")
		}},
		{"upgrade/ignores WebSocket connection with same sid after upgrade", func(f *fixture) {
			id := f.Open()
			s := f.Upgrade(id)
			f.MustDial("EIO=4&transport=websocket&sid=" + id).ExpectClose()
			s.Send("4hello")
			s.Expect("4hello")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newFixture(t, nil))
		})
	}
}

func checkHello(f *fixture, h eiotest.Hello) {
	f.T.Helper()
	if h.PingInterval != 300 || h.PingTimeout != 200 || h.MaxPayload != 1_000_000 {
		f.T.Errorf("%+v", h)
	}
}

func (f *fixture) refuses(method string, queries ...string) {
	f.T.Helper()
	for _, q := range queries {
		var body io.Reader
		if status, _ := f.Do(f.T.Context(), method, q, body); status != 400 {
			f.T.Errorf("%s %s was answered with %d", method, q, status)
		}
	}
}

func (f *fixture) refusesSocket(queries ...string) {
	f.T.Helper()
	for _, q := range queries {
		if _, err := f.Dial(q); err == nil {
			f.T.Errorf("%s was not refused", q)
		}
	}
}
