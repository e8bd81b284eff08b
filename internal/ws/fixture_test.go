package ws_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the handler on a real socket. What every transport does is tested
// in package live.
type fixture struct {
	*livetest.Fixture
	http *httptest.Server
}

type settings struct {
	livetest.Config
	ws ws.Config
}

func newFixture(t testing.TB, change func(*settings)) *fixture {
	t.Helper()
	s := settings{ws: ws.Config{Log: slog.New(slog.DiscardHandler)}}
	f := &fixture{Fixture: livetest.New(t, func(c *livetest.Config) {
		if s.Config = *c; change != nil {
			change(&s)
		}
		*c = s.Config
	})}
	s.ws.Sessions, s.ws.Hub = f.Sessions, f.Hub
	server := ws.New(s.ws)
	f.http = f.Serve(server, server)
	return f
}

// client is one socket, as raw as a test wants it.
type client struct {
	*wstest.Conn
	next int
}

// upgrade makes the request for a WebSocket and returns the answer.
func (f *fixture) upgrade(path string, header http.Header) (*http.Response, *wstest.Conn) {
	f.T.Helper()
	return wstest.Upgrade(f.T, f.http.Listener.Addr().String(), path, header)
}

// dial opens a socket, authenticated if there is a token.
func (f *fixture) dial(token string) *client {
	f.T.Helper()
	return &client{wstest.Dial(f.T, f.http.Listener.Addr().String(), "/api/v1/ws", livetest.Bearer(token)), 100}
}

// synced opens a socket and syncs it.
func (f *fixture) synced(token string) *client {
	f.T.Helper()
	c := f.dial(token)
	c.call("sync", map[string]any{})
	return c
}

// reply is a frame of the protocol.
type reply struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Error  *struct{ Code int }
}

// get returns the next text frame, and answers pings.
func (c *client) get() (reply, error) {
	c.T.Helper()
	for {
		op, payload, err := c.Next()
		if err != nil {
			return reply{}, err
		}
		switch op {
		case 9:
			c.Put(wstest.Frame(wstest.Fin|10, payload))
		case 1:
			var r reply
			if err := json.Unmarshal(payload, &r); err != nil {
				c.T.Fatalf("%s: %v", payload, err)
			}
			return r, nil
		}
	}
}

func (c *client) must() reply {
	c.T.Helper()
	r, err := c.get()
	if err != nil {
		c.T.Fatal(err)
	}
	return r
}

// send writes a request and returns its id.
func (c *client) send(method string, params any) string {
	c.next++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	if err != nil {
		c.T.Fatal(err)
	}
	c.Put(wstest.Text(string(b)))
	return fmt.Sprint(c.next)
}

// call does a request and returns its answer; what else comes is passed over.
func (c *client) call(method string, params any) reply {
	c.T.Helper()
	id := c.send(method, params)
	for {
		if r := c.must(); string(r.ID) == id {
			return r
		}
	}
}

// lives wants an answer.
func (c *client) lives(what string) {
	c.T.Helper()
	if r := c.call("ping", map[string]any{}); r.Error != nil {
		c.T.Errorf("%s: %+v", what, r.Error)
	}
}
