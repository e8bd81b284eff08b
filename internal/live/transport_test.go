package live_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// client is the client's side of one connection, the same for every transport.
type client interface {
	// call calls a method and returns its result, or its refusal.
	call(method string, params any) (json.RawMessage, chat.Code)
	// send calls a method and returns the call's id.
	send(method string, params any) int
	// next returns what comes next: the answer to a call, or a notification
	// with its method. After the end it returns how that was told.
	next() (said, *end)
	// ends reads to the end.
	ends() end
	close()
}

// said is one thing that the server says.
type said struct {
	method string // of a notification; "" for an answer
	id     int    // of the call that is answered
	body   json.RawMessage
	code   chat.Code // of a refusal
}

// end is how a connection ends.
type end struct {
	code     int  // that was told, 0 for none
	comeBack bool // an official client connects again by itself
}

// transport is one way to be connected.
type transport struct {
	name string
	// open connects with a token, "" for none, and reports whether that was
	// refused.
	open func(f *fixture, token string) (client, *refused)
	// lateLogIn is whether clients can authenticate once they are connected.
	lateLogIn bool
	// tells is whether the end is told with a code.
	tells     bool
	heartbeat int // seconds, as told with the state
}

// refused is how a client is told that it cannot connect.
type refused struct {
	code     chat.Code
	comeBack bool
}

var transports = []transport{
	{"WebSocket", openWebSocket, true, true, 30},
	{"Socket.IO", openSocketIO, true, true, 25},
	{"demo", openDemo, false, false, 0},
}

// rpc is JSON-RPC over WebSocket.
type rpc struct {
	c    *wstest.Conn
	id   int
	over *end
}

func openWebSocket(f *fixture, token string) (client, *refused) {
	res, conn := wstest.Upgrade(f.t, f.addr, "/api/v1/ws", livetest.Bearer(token))
	if res.StatusCode == http.StatusSwitchingProtocols {
		return &rpc{c: conn}, nil
	}
	if res.StatusCode == 429 && res.Header.Get("Retry-After") == "" {
		f.t.Error("429 without Retry-After")
	}
	for code, status := range map[chat.Code]int{chat.CodeUnauthenticated: 401, chat.CodeUnavailable: 503,
		chat.CodeRateLimited: 429, chat.CodeForbidden: 403} {
		if status == res.StatusCode {
			return nil, &refused{code, code == chat.CodeUnavailable}
		}
	}
	f.t.Fatalf("the upgrade was answered with %s", res.Status)
	return nil, nil
}

func (c *rpc) close() { c.c.Close() }

func (c *rpc) send(method string, params any) int {
	c.id++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": params})
	if err != nil {
		c.c.T.Fatal(err)
	}
	c.c.Put(wstest.Text(string(b)))
	return c.id
}

func (c *rpc) call(method string, params any) (json.RawMessage, chat.Code) {
	c.c.T.Helper()
	c.send(method, params)
	return answer(c.c.T, c, method)
}

func (c *rpc) next() (said, *end) {
	c.c.T.Helper()
	for c.over == nil {
		op, payload, err := c.c.Next()
		if e, ok := errors.AsType[*wstest.Closed](err); ok {
			c.c.Put(wstest.Close(e.Code, ""))
			comeBack := e.Code == 1012 || e.Code == 4008 // as docs/protocol.md says
			c.over = &end{e.Code, comeBack}
		} else if err != nil {
			c.over = &end{}
		}
		if op != 1 || err != nil {
			continue
		}
		var r struct {
			ID             int
			Method         string
			Params, Result json.RawMessage
			Error          struct{ Data struct{ Code chat.Code } }
		}
		if err := json.Unmarshal(payload, &r); err != nil {
			c.c.T.Fatalf("%s: %v", payload, err)
		}
		if r.Method != "" {
			return said{method: r.Method, body: r.Params}, nil
		}
		return said{id: r.ID, body: r.Result, code: r.Error.Data.Code}, nil
	}
	return said{}, c.over
}

func (c *rpc) ends() end { return readToEnd(c) }

// answer reads to the answer of a call.
func answer(t testing.TB, c client, what string) (json.RawMessage, chat.Code) {
	t.Helper()
	for {
		s, over := c.next()
		if over != nil {
			t.Fatalf("%s: no answer but an end: %+v", what, *over)
		}
		if s.method == "" {
			return s.body, s.code
		}
	}
}

func readToEnd(c client) end {
	for {
		if _, over := c.next(); over != nil {
			return *over
		}
	}
}

// packets is Socket.IO over WebSocket.
type packets struct {
	c     *wstest.Conn
	id    int
	told  end
	final bool
	over  *end
}

func openSocketIO(f *fixture, token string) (client, *refused) {
	return f.connect("/socket.io/?EIO=4&transport=websocket", livetest.Bearer(token))
}

// openDemo connects as a client of the Redis chat demo, which is known by its
// cookies.
func openDemo(f *fixture, token string) (client, *refused) {
	return f.connect("/socket.io/?EIO=4&transport=websocket", http.Header{
		"Cookie": {"parley=" + token + "; parley-redis-chat-demo=1"}, "Origin": {"http://" + f.addr}})
}

func (f *fixture) connect(path string, header http.Header) (client, *refused) {
	res, conn := wstest.Upgrade(f.t, f.addr, path, header)
	if res.StatusCode != http.StatusSwitchingProtocols {
		code := map[int]chat.Code{401: chat.CodeUnauthenticated, 503: chat.CodeUnavailable,
			429: chat.CodeRateLimited}[res.StatusCode]
		return nil, &refused{code, code == chat.CodeUnavailable}
	}
	c := &packets{c: conn}
	c.read() // the open packet
	c.c.Put(wstest.Text("40"))
	got, err := c.read()
	switch {
	case err != nil:
		return nil, &refused{chat.CodeUnavailable, true}
	case strings.HasPrefix(got, "40"):
		return c, nil
	}
	var e struct {
		Data struct {
			Code    chat.Code
			RetryMS int `json:"retry_after_ms"`
		}
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got, "44")), &e); err != nil ||
		e.Data.Code == chat.CodeRateLimited && e.Data.RetryMS == 0 {
		f.t.Fatalf("connecting was answered with %s", got)
	}
	return nil, &refused{e.Data.Code, false}
}

func (c *packets) close() { c.c.Close() }

// read returns the next packet, and answers pings.
func (c *packets) read() (string, error) {
	for {
		op, payload, err := c.c.Next()
		if err != nil {
			return "", err
		}
		if op != 1 {
			continue
		}
		if string(payload) == "2" {
			c.c.Put(wstest.Text("3"))
			continue
		}
		return string(payload), nil
	}
}

func (c *packets) send(method string, params any) int {
	c.id++
	b, err := json.Marshal([]any{method, params})
	if err != nil {
		c.c.T.Fatal(err)
	}
	c.c.Put(wstest.Text(fmt.Sprintf("42%d%s", c.id, b)))
	return c.id
}

func (c *packets) call(method string, params any) (json.RawMessage, chat.Code) {
	c.c.T.Helper()
	c.send(method, params)
	return answer(c.c.T, c, method)
}

func (c *packets) next() (said, *end) {
	c.c.T.Helper()
	for c.over == nil {
		text, err := c.read()
		if err != nil {
			if _, closed := errors.AsType[*wstest.Closed](err); !closed && !errors.Is(err, io.EOF) {
				c.c.T.Fatal(err)
			}
			c.over = &end{c.told.code, !c.final}
			break
		}
		rest := strings.TrimLeft(text[2:], "0123456789")
		var args []json.RawMessage
		switch text[:2] {
		case "41":
			c.final = true
			continue
		case "42", "43":
			if err := json.Unmarshal([]byte(rest), &args); err != nil {
				c.c.T.Fatalf("%s: %v", text, err)
			}
		default:
			c.c.T.Fatalf("the server sent %q", text)
		}
		if text[1] == '3' {
			s := said{}
			s.id, _ = strconv.Atoi(text[2 : len(text)-len(rest)])
			var out struct{ Error struct{ Code chat.Code } }
			if len(args) > 0 {
				s.body = args[0]
				json.Unmarshal(args[0], &out)
				s.code = out.Error.Code
			}
			return s, nil
		}
		s := said{body: args[1]}
		json.Unmarshal(args[0], &s.method)
		if s.method == "goodbye" {
			var g struct{ Code int }
			json.Unmarshal(s.body, &g)
			if g.Code != 0 {
				c.told.code = g.Code
				continue
			}
		}
		return s, nil
	}
	return said{}, c.over
}

func (c *packets) ends() end { return readToEnd(c) }
