package socketio_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/socketio/eiotest"
)

// newScenarioServer has what testdata/client.mjs asks for.
func newScenarioServer(t *testing.T) *socketio.Server {
	server := socketio.New(socketio.Options{PingInterval: 150 * time.Millisecond,
		PingTimeout: 5 * time.Second})
	reasons := &ends{by: map[string]chan socketio.Reason{}}
	server.OnConnect("/", func(s *socketio.Socket, _ json.RawMessage, _ *http.Request) error {
		ended := reasons.of(s.ID())
		s.OnDisconnect(func(why socketio.Reason) { ended <- why })
		s.On("id", func(e *socketio.Event) { e.Ack(s.ID()) })
		s.On("echo", func(e *socketio.Event) { s.Emit("echo", values(t, e)...) })
		s.On("ack", func(e *socketio.Event) { e.Ack(values(t, e)...) })
		s.On("burst", func(e *socketio.Event) {
			for i := range decode[int](t, e.Args, 0) {
				s.Emit("burst", i)
			}
		})
		s.On("file", func(e *socketio.Event) {
			file := decode[struct {
				Name  string
				Parts [][]byte
			}](t, e.Args, 0)
			var whole []byte
			sizes := []any{}
			for _, part := range file.Parts {
				whole = append(whole, part...)
				sizes = append(sizes, len(part))
			}
			e.Ack(map[string]any{"name": file.Name, "whole": whole, "sizes": sizes})
		})
		s.On("ask", func(e *socketio.Event) {
			n := decode[int](t, e.Args, 0)
			patience := 10 * time.Second
			if n == 1 {
				patience = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(s.Context(), patience)
			defer cancel()
			answer, err := s.EmitWithAck(ctx, "question", n)
			if err != nil {
				e.Ack(err.Error())
				return
			}
			b, _ := answer.Bytes(1)
			if len(b) != 1 {
				t.Errorf("answered with the bytes %v", b)
				return
			}
			e.Ack(answer.JSON[0], len(b), b[0])
		})
		s.On("silence", func(*socketio.Event) {})
		s.On("join", func(e *socketio.Event) { s.Join(decode[string](t, e.Args, 0)); e.Ack() })
		s.On("leave", func(e *socketio.Event) { s.Leave(decode[string](t, e.Args, 0)); e.Ack() })
		s.On("say", func(e *socketio.Event) {
			server.To("/", decode[string](t, e.Args, 0)).Except(s).Emit("said", e.JSON[1])
			e.Ack()
		})
		s.On("kick", func(*socketio.Event) { s.Disconnect() })
		s.On("drop", func(*socketio.Event) { s.CloseSession() })
		s.On("reason", func(e *socketio.Event) {
			select {
			case why := <-reasons.of(decode[string](t, e.Args, 0)):
				e.Ack(why)
			case <-s.Context().Done():
			}
		})
		return nil
	})
	server.OnConnect("/other", func(s *socketio.Socket, _ json.RawMessage, _ *http.Request) error {
		s.On("where", func(e *socketio.Event) { e.Ack(s.Namespace()) })
		return nil
	})
	server.OnConnect("/secret", func(s *socketio.Socket, auth json.RawMessage, _ *http.Request) error {
		var who struct{ Token string }
		if err := json.Unmarshal(auth, &who); err != nil {
			return err
		}
		if who.Token != "right" {
			return &socketio.ConnectError{Message: "not authorized", Data: map[string]int{"status": 401}}
		}
		return s.Emit("hello", who.Token)
	})
	return server
}

// ends is why sockets were disconnected.
type ends struct {
	mu sync.Mutex
	by map[string]chan socketio.Reason
}

func (e *ends) of(id string) chan socketio.Reason {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by[id] == nil {
		e.by[id] = make(chan socketio.Reason, 1)
	}
	return e.by[id]
}

func values(t *testing.T, e *socketio.Event) []any {
	v, err := e.Values()
	if err != nil {
		t.Error(err)
	}
	return v
}

func decode[T any](t *testing.T, a socketio.Args, i int) T {
	var v T
	if err := a.Decode(i, &v); err != nil {
		t.Error(err)
	}
	return v
}

// scenarioCount is how many scenarios testdata/client.mjs has.
const scenarioCount = 20

func TestOfficialClients(t *testing.T) {
	eiotest.NeedOfficialClients(t, "testdata")
	for _, version := range []string{"3", "4"} {
		for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
			t.Run("version "+version+", "+transports, func(t *testing.T) {
				t.Parallel()
				f := serve(t, newScenarioServer(t))
				eiotest.RunScenarios(t, scenarioCount, filepath.Join("testdata", "client.mjs"),
					strings.TrimSuffix(f.URL, "/socket.io/"), version, transports)
			})
		}
	}
}
