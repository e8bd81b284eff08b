package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	gobwas "github.com/gobwas/ws"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waiting for what is certain to come.
const patience = 20 * time.Second

// fixture is the handler on a real socket, over the real service, hub and bell,
// on a store in memory.
type fixture struct {
	t testing.TB
	*chat.Service
	model  *chattest.Model
	hub    *hub.Hub
	server *ws.Server
	http   *httptest.Server
	bell   *hub.LocalBell
	down   atomic.Pointer[func() error] // asked before every call to the store, if set
}

type settings struct {
	ws     ws.Config
	live   live.Config
	hub    hub.Config
	chat   chat.Config
	tls    bool
	policy clientinfo.Policy
}

func newFixture(t testing.TB, change func(*settings)) *fixture {
	t.Helper()
	f := &fixture{t: t, bell: hub.NewLocalBell()}
	f.model = chattest.NewModel(f.bell.Ring)
	f.model.Down = func() error {
		if down := f.down.Load(); down != nil {
			return (*down)()
		}
		return nil
	}
	presence := hub.NewLocalPresence(f.bell)
	quiet := slog.New(slog.DiscardHandler)
	s := settings{
		chat: chattest.Config(),
		hub:  hub.Config{Log: f.model, Bell: f.bell, Presence: presence, Check: -1, Logger: quiet},
		ws:   ws.Config{Log: quiet},
		live: live.Config{Log: quiet, MaxFrames: -1},
	}
	s.chat.Store, s.chat.Bell, s.chat.Presence = f.model, f.bell, presence
	s.chat.SignUp, s.chat.Limits = chat.SignUpOpen, chattest.Unlimited()
	if change != nil {
		change(&s)
	}
	f.Service = chat.New(s.chat)
	if err := f.Setup(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.hub = hub.New(s.hub)
	f.bell.Listen(f.hub)
	s.live.Service, s.live.Hub, s.live.Policy = f.Service, f.hub, &s.policy
	sessions := live.New(s.live)
	s.ws.Sessions, s.ws.Hub = sessions, f.hub
	f.server = ws.New(s.ws)
	f.http = httptest.NewUnstartedServer(f.server)
	f.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	f.http.Config.ReadHeaderTimeout = 500 * time.Millisecond
	if s.tls {
		f.http.StartTLS()
	} else {
		f.http.Start()
	}
	t.Cleanup(func() {
		f.server.Close()
		sessions.Close()
		f.hub.Close()
		presence.Close()
		f.http.Close()
	})
	return f
}

// person signs somebody up and returns their token.
func (f *fixture) person(name string) string {
	f.t.Helper()
	out, err := f.SignUpAccount(context.Background(), chat.Caller{Addr: "192.0.2.1"},
		chat.SignUpInput{Name: name, Password: "password123"})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Token
}

// who is the caller that a token stands for.
func (f *fixture) who(token string) chat.Caller {
	f.t.Helper()
	who, err := f.Authenticate(context.Background(), token, chat.Caller{})
	if err != nil {
		f.t.Fatal(err)
	}
	return who
}

// client is one socket, as raw as a test wants it.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	next int
}

// upgrade makes the request for a WebSocket and returns the answer. The
// connection is the caller's to close.
func (f *fixture) upgrade(path string, header http.Header) (*http.Response, net.Conn, *bufio.Reader) {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.http.Listener.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	h := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	for k, v := range header {
		if v == nil {
			h.Del(k)
		} else {
			h[http.CanonicalHeaderKey(k)] = v
		}
	}
	host := f.http.Listener.Addr().String()
	if h.Get("Host") != "" {
		host = h.Get("Host")
		h.Del("Host")
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	h.Write(conn)
	io.WriteString(conn, "\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		conn.Close()
		f.t.Fatal(err)
	}
	return res, conn, in
}

func bearer(token string) http.Header {
	if token == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// dial opens a socket, authenticated if there is a token.
func (f *fixture) dial(token string) *client {
	f.t.Helper()
	res, conn, in := f.upgrade("/api/v1/ws", bearer(token))
	if res.StatusCode != http.StatusSwitchingProtocols {
		conn.Close()
		f.t.Fatalf("the upgrade was answered with %s", res.Status)
	}
	c := &client{t: f.t, conn: conn, in: in, next: 100}
	f.t.Cleanup(func() { conn.Close() })
	return c
}

// synced opens a socket and syncs it.
func (f *fixture) synced(token string) *client {
	f.t.Helper()
	c := f.dial(token)
	c.call("sync", map[string]any{})
	return c
}

// frame makes one client frame, header bits as given.
func frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0xa1, 0x02, 0xff, 0x00}
	b = append(b, mask[:]...)
	at := len(b)
	b = append(b, payload...)
	gobwas.Cipher(b[at:], mask, 0)
	return b
}

const fin = 0x80

func text(s string) []byte { return frame(fin|1, []byte(s)) }

// write sends bytes as they are. The other end may have hung up already: what
// it said is read afterwards.
func (c *client) write(b ...[]byte) {
	c.conn.Write(bytes.Join(b, nil))
}

// closeError is the server's close frame.
type closeError struct {
	code   int
	reason string
}

func (e *closeError) Error() string { return fmt.Sprintf("closed: %d %s", e.code, e.reason) }

// read returns the next frame, checked strictly.
func (c *client) read() (op byte, payload []byte, err error) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(patience))
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0x70 != 0 || head[0]&fin == 0 || head[1]&0x80 != 0 {
		c.t.Fatalf("the server sent a frame that begins with % x", head)
	}
	length := uint64(head[1])
	switch length {
	case 126:
		var b [2]byte
		io.ReadFull(c.in, b[:])
		length = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		io.ReadFull(c.in, b[:])
		length = binary.BigEndian.Uint64(b[:])
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return 0, nil, err
	}
	op = head[0] & 0x0f
	if op == 8 {
		if len(payload) < 2 {
			return op, payload, &closeError{code: 1005}
		}
		return op, payload, &closeError{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
	}
	return op, payload, nil
}

// reply is a frame of the protocol.
type reply struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Code chat.Code `json:"code"`
		} `json:"data"`
	} `json:"error"`
}

// get returns the next text frame, and answers pings.
func (c *client) get() (reply, error) {
	c.t.Helper()
	for {
		op, payload, err := c.read()
		if err != nil {
			return reply{}, err
		}
		switch op {
		case 9:
			c.write(frame(fin|10, payload))
		case 1:
			var r reply
			if err := json.Unmarshal(payload, &r); err != nil {
				c.t.Fatalf("%s: %v", payload, err)
			}
			return r, nil
		}
	}
}

func (c *client) must() reply {
	c.t.Helper()
	r, err := c.get()
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// send writes a request and returns its id.
func (c *client) send(method string, params any) string {
	c.next++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(text(string(b)))
	return fmt.Sprint(c.next)
}

// call does a request and returns its answer; what else comes is passed over.
func (c *client) call(method string, params any) reply {
	c.t.Helper()
	id := c.send(method, params)
	for {
		if r := c.must(); string(r.ID) == id {
			return r
		}
	}
}

// until returns the next notification of a method that is as wanted.
func (c *client) until(method string, is func(json.RawMessage) bool) json.RawMessage {
	c.t.Helper()
	for {
		if r := c.must(); r.Method == method && (is == nil || is(r.Params)) {
			return r.Params
		}
	}
}

// event returns the next event of a kind.
func (c *client) event(kind chat.Kind) chat.Event {
	c.t.Helper()
	for {
		var e chat.Event
		if err := json.Unmarshal(c.until("event", nil), &e); err != nil {
			c.t.Fatal(err)
		}
		if e.Kind == kind {
			return e
		}
	}
}

// closes reads to the server's close frame and wants that code; after it the
// connection ends.
func (c *client) closes(what string, code int) {
	c.t.Helper()
	for {
		_, err := c.get()
		if e, ok := errors.AsType[*closeError](err); ok {
			if e.code != code {
				c.t.Errorf("%s: closed with %d %q, want %d", what, e.code, e.reason, code)
			}
			break
		}
		if err != nil {
			c.t.Errorf("%s: %v, want a close with %d", what, err, code)
			return
		}
	}
	c.write(frame(fin|8, binary.BigEndian.AppendUint16(nil, uint16(code)))) // a client answers
	c.conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, c.in); n > 0 || err != nil && strings.Contains(err.Error(), "timeout") {
		c.t.Errorf("%s: after the close came %d bytes, then %v", what, n, err)
	}
}

// lives wants an answer.
func (c *client) lives(what string) {
	c.t.Helper()
	if r := c.call("ping", map[string]any{}); r.Error != nil {
		c.t.Errorf("%s: %+v", what, r.Error)
	}
}

// eventually waits for a state that is certain to come.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func newBuffered(conn net.Conn) *bufio.Reader { return bufio.NewReader(conn) }
