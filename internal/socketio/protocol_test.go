package socketio_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// The cases of the official test suite of Socket.IO 5, by their names there.
// Those about Engine.IO are shorter than in package engineio, which has them
// too.
func TestProtocol(t *testing.T) {
	const two = `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`
	sendTwo := func(s *eiotest.Socket, head string) {
		s.Send(head)
		s.SendBytes(1, 2, 3)
		s.SendBytes(4, 5, 6)
	}
	expectTwo := func(s *eiotest.Socket, head string) {
		s.Expect(head)
		s.ExpectBytes(1, 2, 3)
		s.ExpectBytes(4, 5, 6)
	}
	greeted := func(f *fixture) *eiotest.Socket {
		s, _ := f.connect("/", "")
		s.Expect(`42["auth",{}]`)
		return s
	}
	connects := func(namespace, auth, want string) func(*fixture) {
		return func(f *fixture) {
			s, _ := f.connect(namespace, auth)
			s.Expect(want)
		}
	}
	closes := func(packet string) func(*fixture) {
		return func(f *fixture) {
			s := greeted(f)
			s.Send(packet)
			if code := s.ExpectClose(); code != 1002 {
				f.T.Errorf("closed with %d", code)
			}
		}
	}
	refuses := func(method string, queries ...string) func(*fixture) {
		return func(f *fixture) {
			for _, q := range queries {
				if status, _ := f.Do(f.T.Context(), method, q, nil); status != 400 {
					f.T.Errorf("%s %s was answered with %d", method, q, status)
				}
			}
		}
	}
	refusesSocket := func(queries ...string) func(*fixture) {
		return func(f *fixture) {
			for _, q := range queries {
				if _, err := f.Dial(q); err == nil {
					f.T.Errorf("%s was not refused", q)
				}
			}
		}
	}
	cases := []struct {
		name string
		run  func(*fixture)
	}{
		{"Engine.IO protocol/handshake/HTTP long-polling/should successfully open a session",
			func(f *fixture) {
				_, body := f.Do(f.T.Context(), "GET", "EIO=4&transport=polling", nil)
				if h := eiotest.ReadHello(f.T, body); !slices.Equal(h.Upgrades,
					[]string{"websocket"}) || h.PingInterval != 300 || h.PingTimeout != 200 ||
					h.MaxPayload != 1_000_000 {
					f.T.Errorf("%+v", h)
				}
			}},
		{"Engine.IO protocol/handshake/HTTP long-polling/should fail with an invalid 'EIO' query parameter", refuses("GET", "transport=polling", "EIO=abc&transport=polling")},
		{"Engine.IO protocol/handshake/HTTP long-polling/should fail with an invalid 'transport' query parameter", refuses("GET", "EIO=4", "EIO=4&transport=abc")},
		{"Engine.IO protocol/handshake/HTTP long-polling/should fail with an invalid request method", func(f *fixture) {
			refuses("POST", "EIO=4&transport=polling")(f)
			refuses("PUT", "EIO=4&transport=polling")(f)
		}},
		{"Engine.IO protocol/handshake/WebSocket/should successfully open a session", func(f *fixture) {
			if _, h := f.OpenWebSocket(); h.Upgrades == nil || len(h.Upgrades) != 0 ||
				h.PingInterval != 300 || h.PingTimeout != 200 || h.MaxPayload != 1_000_000 {
				f.T.Errorf("%+v", h)
			}
		}},
		{"Engine.IO protocol/handshake/WebSocket/should fail with an invalid 'EIO' query parameter",
			refusesSocket("transport=websocket", "EIO=abc&transport=websocket")},
		{"Engine.IO protocol/handshake/WebSocket/should fail with an invalid 'transport' query parameter", refusesSocket("EIO=4", "EIO=4&transport=abc")},
		{"Engine.IO protocol/heartbeat/HTTP long-polling/should send ping/pong packets", func(f *fixture) {
			id := f.Open()
			for range 3 {
				f.MustPoll(id, "2")
				f.MustPost(id, "3")
			}
		}},
		{"Engine.IO protocol/heartbeat/HTTP long-polling/should close the session upon ping timeout", func(f *fixture) {
			id := f.Open()
			wstest.Eventually(f.T, "the session is gone", func() bool { return f.Sessions() == 0 })
			f.MustBeGone(id)
		}},
		{"Engine.IO protocol/heartbeat/WebSocket/should send ping/pong packets", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			for range 3 {
				s.Expect("2")
				s.Send("3")
			}
		}},
		{"Engine.IO protocol/heartbeat/WebSocket/should close the session upon ping timeout",
			func(f *fixture) {
				s, _ := f.OpenWebSocket()
				s.ExpectClose()
			}},
		{"Engine.IO protocol/close/HTTP long-polling/should forcefully close the session", func(f *fixture) {
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
		}},
		{"Engine.IO protocol/close/WebSocket/should forcefully close the session", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.Send("1")
			s.ExpectClose()
		}},
		{"Engine.IO protocol/upgrade/should successfully upgrade from HTTP long-polling to WebSocket", func(f *fixture) {
			s := f.Upgrade(f.Open())
			f.join(s, "/", "")
		}},
		{"Engine.IO protocol/upgrade/should ignore HTTP requests with same sid after upgrade",
			func(f *fixture) {
				id := f.Open()
				s := f.Upgrade(id)
				f.MustBeGone(id)
				f.join(s, "/", "")
			}},
		{"Engine.IO protocol/upgrade/should ignore WebSocket connection with same sid after upgrade", func(f *fixture) {
			id := f.Open()
			s := f.Upgrade(id)
			f.MustDial("EIO=4&transport=websocket&sid=" + id).ExpectClose()
			f.join(s, "/", "")
		}},
		{"connect/should allow connection to the main namespace", connects("/", "", `42["auth",{}]`)},
		{"connect/should allow connection to the main namespace with a payload",
			connects("/", `{"token":"123"}`, `42["auth",{"token":"123"}]`)},
		{"connect/should allow connection to a custom namespace",
			connects("/custom", "", `42/custom,["auth",{}]`)},
		{"connect/should allow connection to a custom namespace with a payload",
			connects("/custom", `{"token":"abc"}`, `42/custom,["auth",{"token":"abc"}]`)},
		{"connect/should disallow connection to an unknown namespace", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.Send("40/random")
			s.Expect(`44/random,{"message":"Invalid namespace"}`)
		}},
		{"connect/should disallow connection with an invalid handshake", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.Send("4abc")
			s.ExpectClose()
		}},
		{"connect/should close the connection if no handshake is received", func(f *fixture) {
			s, _ := f.OpenWebSocket()
			s.ExpectClose()
		}},
		{"disconnect/should disconnect from the main namespace", func(f *fixture) {
			s := greeted(f)
			s.Send("41")
			s.Expect("2")
		}},
		{"disconnect/should connect then disconnect from a custom namespace", func(f *fixture) {
			s := greeted(f)
			s.Expect("2")
			s.Send("3")
			s.Send("40/custom")
			readConnected(f.T, s.Next(), "40/custom,")
			s.Expect(`42/custom,["auth",{}]`)
			s.Send("41/custom")
			s.Send(`42["message","message to main namespace"]`)
			s.Expect(`42["message-back","message to main namespace"]`)
		}},
		{"message/should send a plain-text packet", func(f *fixture) {
			s := greeted(f)
			s.Send(`42["message",1,"2",{"3":[true]}]`)
			s.Expect(`42["message-back",1,"2",{"3":[true]}]`)
		}},
		{"message/should send a packet with binary attachments", func(f *fixture) {
			s := greeted(f)
			sendTwo(s, `452-["message",`+two+`]`)
			expectTwo(s, `452-["message-back",`+two+`]`)
		}},
		{"message/should send a plain-text packet with an ack", func(f *fixture) {
			s := greeted(f)
			s.Send(`42456["message-with-ack",1,"2",{"3":[false]}]`)
			s.Expect(`43456[1,"2",{"3":[false]}]`)
		}},
		{"message/should send a packet with binary attachments and an ack", func(f *fixture) {
			s := greeted(f)
			sendTwo(s, `452-789["message-with-ack",`+two+`]`)
			expectTwo(s, `462-789[`+two+`]`)
		}},
		{"message/should close the connection upon invalid format (unknown packet type)", closes("4abc")},
		{"message/should close the connection upon invalid format (invalid payload format)", closes("42{}")},
		{"message/should close the connection upon invalid format (invalid ack id)",
			closes(`42abc["message-with-ack",1,"2",{"3":[false]}]`)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(serve(t, newSuiteServer(suiteOptions())))
		})
	}
}
