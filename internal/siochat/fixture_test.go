package siochat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
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
	server siochat.Config
	around func(*fixture, http.Handler) http.Handler
}

func newFixture(t testing.TB, change func(*settings)) *fixture {
	t.Helper()
	s := settings{server: siochat.Config{Log: slog.New(slog.DiscardHandler)}}
	f := &fixture{Fixture: livetest.New(t, func(c *livetest.Config) {
		if s.Config = *c; change != nil {
			change(&s)
		}
		*c = s.Config
	})}
	s.server.Sessions = f.Sessions
	server := siochat.New(s.server)
	var handler http.Handler = server
	if s.around != nil {
		handler = s.around(f, handler)
	}
	f.http = f.Serve(handler, server)
	return f
}

func (f *fixture) host() string { return f.http.Listener.Addr().String() }

// request makes one request below the handler's path.
func (f *fixture) request(method, query string, header http.Header, body string) (*http.Response, string) {
	f.T.Helper()
	req, err := http.NewRequestWithContext(f.T.Context(), method, f.http.URL+siochat.Path+"?"+query,
		strings.NewReader(body))
	if err != nil {
		f.T.Fatal(err)
	}
	for k, v := range header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.T.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		f.T.Fatal(err)
	}
	return res, string(all)
}

// opened is an answer to polling's first request.
func (f *fixture) opened(body string) (sid string) {
	f.T.Helper()
	var hello struct{ SID string }
	if !strings.HasPrefix(body, "0{") || json.Unmarshal([]byte(body[1:]), &hello) != nil || hello.SID == "" {
		f.T.Fatalf("not opened: %q", body)
	}
	return hello.SID
}

// upgrade asks for a WebSocket, and returns the status and, if it is 101, the
// connection.
func (f *fixture) upgrade(query string, header http.Header) (status int, conn *wstest.Conn) {
	f.T.Helper()
	res, conn := wstest.Upgrade(f.T, f.host(), siochat.Path+"?"+query, header)
	if res.StatusCode != 101 {
		conn.Close()
		conn = nil
	}
	return res.StatusCode, conn
}

const (
	polling   = "EIO=4&transport=polling"
	websocket = "EIO=4&transport=websocket"
)

// client is one session over WebSocket.
type client struct {
	*wstest.Conn
	next int
}

// open opens a session that is not connected.
func (f *fixture) open(header http.Header) *client {
	f.T.Helper()
	status, conn := f.upgrade(websocket, header)
	if status != 101 {
		f.T.Fatalf("the upgrade was answered with %d", status)
	}
	c := &client{conn, 100}
	hello, err := c.read()
	if err != nil {
		f.T.Fatal(err)
	}
	f.opened(hello)
	return c
}

// connect opens a session and connects it, with what auth has, if anything.
func (f *fixture) connect(header http.Header, auth string) *client {
	f.T.Helper()
	c := f.open(header)
	if got := c.join(auth); !strings.HasPrefix(got, `40{"sid":"`) {
		f.T.Fatalf("connecting was answered with %s", got)
	}
	return c
}

// join connects, and returns the answer.
func (c *client) join(auth string) string {
	c.T.Helper()
	c.write("40" + auth)
	got, err := c.read()
	if err != nil {
		c.T.Fatal(err)
	}
	return got
}

// dial opens a socket, authenticated if there is a token.
func (f *fixture) dial(token string) *client {
	f.T.Helper()
	return f.connect(livetest.Bearer(token), "")
}

// synced opens a socket and syncs it.
func (f *fixture) synced(token string) *client {
	f.T.Helper()
	c := f.dial(token)
	if e := refusal(c.call("sync", map[string]any{})); e != "" {
		f.T.Fatal(e)
	}
	return c
}

// write sends one packet.
func (c *client) write(text string) { c.Put(wstest.Text(text)) }

// read returns the next packet, and answers pings.
func (c *client) read() (string, error) {
	for {
		_, payload, err := c.Next()
		if _, closed := errors.AsType[*wstest.Closed](err); closed {
			err = io.EOF
		}
		if err != nil || string(payload) != "2" {
			return string(payload), err
		}
		c.write("3")
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
		c.T.Fatalf("the server sent %q", text)
	}
	s := said{kind: text[1]}
	rest := strings.TrimLeft(text[2:], "0123456789")
	s.id = text[2 : len(text)-len(rest)]
	var args []json.RawMessage
	switch s.kind {
	case '2':
		if json.Unmarshal([]byte(rest), &args) != nil || len(args) != 2 ||
			json.Unmarshal(args[0], &s.event) != nil {
			c.T.Fatalf("the server sent %q", text)
		}
		s.body = args[1]
	case '3':
		if json.Unmarshal([]byte(rest), &args) != nil || len(args) != 1 {
			c.T.Fatalf("the server sent %q", text)
		}
		s.body = args[0]
	default:
		s.body = json.RawMessage(rest)
	}
	return s, nil
}

func (c *client) must() said {
	c.T.Helper()
	s, err := c.get()
	if err != nil {
		c.T.Fatal(err)
	}
	return s
}

// send writes an event that wants an acknowledgement, and returns its number.
func (c *client) send(event string, args ...any) string {
	c.next++
	b, err := json.Marshal(append([]any{event}, args...))
	if err != nil {
		c.T.Fatal(err)
	}
	c.write(fmt.Sprintf("42%d%s", c.next, b))
	return fmt.Sprint(c.next)
}

// call does an action and returns its answer; what else comes is passed over.
func (c *client) call(event string, args ...any) json.RawMessage {
	c.T.Helper()
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
	c.T.Helper()
	for {
		if s := c.must(); s.kind == '2' && s.event == event && (is == nil || is(s.body)) {
			return s.body
		}
	}
}

// event returns the next event of a kind.
func (c *client) event(kind chat.Kind) chat.Event {
	c.T.Helper()
	for {
		var e chat.Event
		if err := json.Unmarshal(c.until("event", nil), &e); err != nil {
			c.T.Fatal(err)
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
	c.T.Helper()
	var last farewell
	disconnected := false
	for {
		s, err := c.get()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.T.Errorf("%s: %v, want an end", what, err)
			return
		}
		switch {
		case s.kind == '2' && s.event == "goodbye":
			last = farewell{}
			if err := json.Unmarshal(s.body, &last); err != nil {
				c.T.Errorf("%s: %s: %v", what, s.body, err)
			}
		case s.kind == '1':
			disconnected = true
		}
	}
	if last.Code != code || disconnected != final || code != 0 && last.Reason == "" {
		c.T.Errorf("%s: goodbye %+v, disconnected: %v, want %d and %v", what, last, disconnected, code, final)
	}
}

// lives wants an answer.
func (c *client) lives(what string) {
	c.T.Helper()
	if r := c.call("ping"); string(r) != "{}" {
		c.T.Errorf("%s: %s", what, r)
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
