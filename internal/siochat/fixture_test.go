package siochat_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/siochat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waiting for what is certain to come.
const patience = 20 * time.Second

// fixture is the handler on a real socket, over the real service, hub and bell,
// on a store in memory.
type fixture struct {
	t testing.TB
	*chat.Service
	model    *chattest.Model
	hub      *hub.Hub
	server   *siochat.Server
	sessions *live.Server
	http     *httptest.Server
	bell     *hub.LocalBell
	policy   *clientinfo.Policy
	down     atomic.Pointer[func() error] // asked before every call to the store, if set
}

type settings struct {
	server siochat.Config
	live   live.Config
	hub    hub.Config
	chat   chat.Config
	policy clientinfo.Policy
	around func(http.Handler) http.Handler
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
		chat:   chattest.Config(),
		hub:    hub.Config{Log: f.model, Bell: f.bell, Presence: presence, Check: -1, Logger: quiet},
		server: siochat.Config{Log: quiet},
		live:   live.Config{Log: quiet, MaxFrames: -1},
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
	f.policy = &s.policy
	s.live.Service, s.live.Hub, s.live.Policy = f.Service, f.hub, f.policy
	f.sessions = live.New(s.live)
	s.server.Sessions = f.sessions
	f.server = siochat.New(s.server)
	var handler http.Handler = f.server
	if s.around != nil {
		handler = s.around(handler)
	}
	f.http = httptest.NewUnstartedServer(handler)
	f.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	f.http.Config.ReadHeaderTimeout = 500 * time.Millisecond
	f.http.Start()
	t.Cleanup(func() {
		f.server.Close()
		f.sessions.Close()
		f.hub.Close()
		presence.Close()
		f.http.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return f
}

func (f *fixture) host() string { return f.http.Listener.Addr().String() }

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

func bearer(token string) http.Header {
	if token == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// request makes one request below the handler's path.
func (f *fixture) request(method, query string, header http.Header, body string) (*http.Response, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.http.URL+siochat.Path+"?"+query,
		strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res, string(all)
}

// opened is an answer to polling's first request.
func (f *fixture) opened(body string) (sid string) {
	f.t.Helper()
	var hello struct{ SID string }
	if !strings.HasPrefix(body, "0{") || json.Unmarshal([]byte(body[1:]), &hello) != nil || hello.SID == "" {
		f.t.Fatalf("not opened: %q", body)
	}
	return hello.SID
}

// upgrade asks for a WebSocket, and returns the status and, if it is 101, the
// connection.
func (f *fixture) upgrade(query string, header http.Header) (status int, conn net.Conn, in io.Reader) {
	f.t.Helper()
	d := gobwas.Dialer{Header: gobwas.HandshakeHeaderHTTP(header), Timeout: patience,
		OnStatusError: func(code int, _ []byte, _ io.Reader) { status = code }}
	conn, early, _, err := d.Dial(f.t.Context(), "ws://"+f.host()+siochat.Path+"?"+query)
	if status != 0 {
		return status, nil, nil
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if early == nil {
		return 101, conn, conn
	}
	rest, _ := early.Peek(early.Buffered())
	return 101, conn, io.MultiReader(bytes.NewReader(bytes.Clone(rest)), conn)
}

const (
	polling   = "EIO=4&transport=polling"
	websocket = "EIO=4&transport=websocket"
)

// client is one session over WebSocket.
type client struct {
	t    testing.TB
	conn net.Conn
	in   io.Reader
	next int
}

// open opens a session that is not connected.
func (f *fixture) open(header http.Header) *client {
	f.t.Helper()
	status, conn, in := f.upgrade(websocket, header)
	if status != 101 {
		f.t.Fatalf("the upgrade was answered with %d", status)
	}
	c := &client{t: f.t, conn: conn, in: in, next: 100}
	hello, err := c.read()
	if err != nil {
		f.t.Fatal(err)
	}
	f.opened(hello)
	return c
}

// connect opens a session and connects it, with what auth has, if anything.
func (f *fixture) connect(header http.Header, auth string) *client {
	f.t.Helper()
	c := f.open(header)
	if got := c.join(auth); !strings.HasPrefix(got, `40{"sid":"`) {
		f.t.Fatalf("connecting was answered with %s", got)
	}
	return c
}

// join connects, and returns the answer.
func (c *client) join(auth string) string {
	c.t.Helper()
	c.write("40" + auth)
	got, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

// dial opens a socket, authenticated if there is a token.
func (f *fixture) dial(token string) *client {
	f.t.Helper()
	return f.connect(bearer(token), "")
}

// synced opens a socket and syncs it.
func (f *fixture) synced(token string) *client {
	f.t.Helper()
	c := f.dial(token)
	if e := refusal(c.call("sync", map[string]any{})); e != "" {
		f.t.Fatal(e)
	}
	return c
}

// write sends one packet. The other end may have hung up already: what it said
// is read afterwards.
func (c *client) write(text string) {
	wsutil.WriteClientText(c.conn, []byte(text))
}

// read returns the next packet, and answers pings.
func (c *client) read() (string, error) {
	c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		h, err := gobwas.ReadHeader(c.in)
		if err != nil {
			return "", err
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(c.in, payload); err != nil {
			return "", err
		}
		switch {
		case h.OpCode == gobwas.OpClose:
			return "", io.EOF
		case string(payload) == "2":
			c.write("3")
		default:
			return string(payload), nil
		}
	}
}

// said is one packet from the server.
type said struct {
	kind  byte // '2' event, '3' acknowledgement, or what else came
	id    string
	event string
	body  json.RawMessage
}

func (c *client) get() (said, error) {
	text, err := c.read()
	if err != nil {
		return said{}, err
	}
	if len(text) < 2 || text[0] != '4' {
		c.t.Fatalf("the server sent %q", text)
	}
	s := said{kind: text[1]}
	rest := strings.TrimLeft(text[2:], "0123456789")
	s.id = text[2 : len(text)-len(rest)]
	var args []json.RawMessage
	switch s.kind {
	case '2':
		if json.Unmarshal([]byte(rest), &args) != nil || len(args) != 2 ||
			json.Unmarshal(args[0], &s.event) != nil {
			c.t.Fatalf("the server sent %q", text)
		}
		s.body = args[1]
	case '3':
		if json.Unmarshal([]byte(rest), &args) != nil || len(args) != 1 {
			c.t.Fatalf("the server sent %q", text)
		}
		s.body = args[0]
	default:
		s.body = json.RawMessage(rest)
	}
	return s, nil
}

func (c *client) must() said {
	c.t.Helper()
	s, err := c.get()
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// send writes an event that wants an acknowledgement, and returns its number.
func (c *client) send(event string, args ...any) string {
	c.next++
	b, err := json.Marshal(append([]any{event}, args...))
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(fmt.Sprintf("42%d%s", c.next, b))
	return fmt.Sprint(c.next)
}

// call does an action and returns its answer; what else comes is passed over.
func (c *client) call(event string, args ...any) json.RawMessage {
	c.t.Helper()
	id := c.send(event, args...)
	for {
		if s := c.must(); s.kind == '3' && s.id == id {
			return s.body
		}
	}
}

// refusal is the code of an answer that is a refusal, "" if it is none.
func refusal(body json.RawMessage) chat.Code {
	var out struct {
		Error struct {
			Code    chat.Code `json:"code"`
			Message string    `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &out) != nil || out.Error.Code != "" && out.Error.Message == "" {
		return "not an object with an error: " + chat.Code(body)
	}
	return out.Error.Code
}

// until returns the next event of that name that is as wanted.
func (c *client) until(event string, is func(json.RawMessage) bool) json.RawMessage {
	c.t.Helper()
	for {
		if s := c.must(); s.kind == '2' && s.event == event && (is == nil || is(s.body)) {
			return s.body
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

// farewell is a goodbye.
type farewell struct {
	Reason  string `json:"reason"`
	Code    int    `json:"code"`
	RetryMS *int64 `json:"retry_ms"`
}

// closes reads to the end of the session, wants the last goodbye to have that
// code, and a disconnection if that is final.
func (c *client) closes(what string, code int, final bool) {
	c.t.Helper()
	var last farewell
	disconnected := false
	for {
		s, err := c.get()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.t.Errorf("%s: %v, want an end", what, err)
			return
		}
		switch {
		case s.kind == '2' && s.event == "goodbye":
			last = farewell{}
			if err := json.Unmarshal(s.body, &last); err != nil {
				c.t.Errorf("%s: %s: %v", what, s.body, err)
			}
		case s.kind == '1':
			disconnected = true
		}
	}
	if last.Code != code || disconnected != final || code != 0 && last.Reason == "" {
		c.t.Errorf("%s: goodbye %+v, disconnected: %v, want %d and %v", what, last, disconnected, code, final)
	}
}

// lives wants an answer.
func (c *client) lives(what string) {
	c.t.Helper()
	if r := c.call("ping"); string(r) != "{}" {
		c.t.Errorf("%s: %s", what, r)
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

func decode[T any](t testing.TB, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

// writeBytes sends a binary frame.
func writeBytes(c *client, b []byte) {
	wsutil.WriteClientBinary(c.conn, b)
}
