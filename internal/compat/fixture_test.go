package compat_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/rest"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waiting for what is certain to come.
const patience = 20 * time.Second

// allowed is a page besides the server's own, as --origins has it.
const allowed = "http://localhost:3000"

// fixture is a whole server on the embedded store, with every transport.
type fixture struct {
	t testing.TB
	*chat.Service
	hub    *hub.Hub
	server *compat.Server
	http   *httptest.Server
	cfg    compat.Config

	mu  sync.Mutex
	ids []string // given out before made ones
}

type settings struct {
	chat   chat.Config
	server compat.Config
	live   live.Config
	io     siochat.Config
}

func newFixture(t testing.TB, change func(*settings)) *fixture {
	t.Helper()
	f := &fixture{t: t}
	bell := hub.NewLocalBell()
	quiet := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Ring: bell.Ring, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	presence := hub.NewLocalPresence(bell)
	policy := &clientinfo.Policy{Origins: []string{allowed}}
	s := settings{chat: chattest.Config(),
		server: compat.Config{Log: quiet}, io: siochat.Config{Log: quiet}, live: live.Config{Log: quiet}}
	s.chat.Store, s.chat.Bell, s.chat.Presence, s.chat.NewID = store, bell, presence, f.newID
	s.chat.SignUp, s.chat.Limits = chat.SignUpOpen, chattest.Unlimited()
	if change != nil {
		change(&s)
	}
	f.Service = chat.New(s.chat)
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.hub = hub.New(hub.Config{Log: store, Bell: bell, Presence: presence, Check: -1, Logger: quiet})
	bell.Listen(f.hub)
	s.server.Service, s.server.Policy = f.Service, policy
	s.live.Service, s.live.Hub, s.live.Policy = f.Service, f.hub, policy
	sessions := live.New(s.live)
	f.cfg = s.server
	f.server = compat.New(s.server)
	s.io.Sessions, s.io.Guests = sessions, f.server
	io := siochat.New(s.io)
	socket := ws.New(ws.Config{Sessions: sessions, Hub: f.hub, Log: quiet})
	f.http = httptest.NewServer(f.server.Handler(rest.New(rest.Config{
		Service: f.Service, Policy: policy, Socket: socket, IO: io, Log: quiet,
		Web:     fstest.MapFS{"index.html": {Data: []byte("<p>Parley's own client")}},
		Metrics: http.NotFoundHandler(),
	})))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.hub.Drain(ctx, time.Millisecond); err != nil {
			t.Error(err)
		}
		socket.Close()
		io.Close()
		sessions.Close()
		f.server.Close()
		f.hub.Close()
		presence.Close()
		f.http.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return f
}

func (f *fixture) newID() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ids) == 0 {
		return identity.NewID()
	}
	id := f.ids[0]
	f.ids = f.ids[1:]
	return id
}

// client is a demo client: it keeps cookies, and its page is the server's own.
type client struct {
	f       *fixture
	base    string
	cookies map[string]string
	user    string // the number
}

func (f *fixture) client() *client {
	return &client{f: f, base: f.http.URL, cookies: map[string]string{}}
}

// person signs somebody up whose id in Parley is the given one, unless it is
// empty.
func (f *fixture) person(name, id string) *client {
	f.t.Helper()
	if id != "" {
		f.mu.Lock()
		f.ids = []string{id}
		f.mu.Unlock()
	}
	c := f.client()
	var me struct{ ID, Username string }
	c.want("POST", "/login", map[string]string{"username": name, "password": "password123"}, 201, &me)
	if me.Username != name {
		f.t.Fatalf("%s is called %s", name, me.Username)
	}
	c.user = me.ID
	return c
}

// do makes a request as the demo's client does. Headers that are given replace
// others; an empty one is left out.
func (c *client) do(method, path string, body any, headers ...string) (*http.Response, string) {
	c.f.t.Helper()
	var in io.Reader
	if text, ok := body.(string); ok {
		in = strings.NewReader(text)
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.f.t.Fatal(err)
		}
		in = strings.NewReader(string(b))
	}
	r, err := http.NewRequestWithContext(c.f.t.Context(), method, c.base+path, in)
	if err != nil {
		c.f.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if method == "POST" {
		r.Header.Set("Origin", c.base)
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.f.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		c.f.t.Fatal(err)
	}
	for _, cookie := range res.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return res, string(out)
}

// want makes a request whose status has to be that one, and decodes the answer.
func (c *client) want(method, path string, body any, status int, into any) {
	c.f.t.Helper()
	res, out := c.do(method, path, body)
	if res.StatusCode != status {
		c.f.t.Fatalf("%s %s: %s %s, want %d", method, path, res.Status, out, status)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.f.t.Fatalf("%s %s: %v: %s", method, path, err, out)
	}
}

// who is the client's person for the domain.
func (c *client) who() chat.Caller {
	c.f.t.Helper()
	who, err := c.f.Authenticate(c.f.t.Context(), c.cookies["parley"], chat.Caller{})
	if err != nil {
		c.f.t.Fatal(err)
	}
	return who
}

// says sends a message through the domain.
func (c *client) says(room chat.RoomID, text string) chat.Message {
	c.f.t.Helper()
	m, err := c.f.Send(c.f.t.Context(), c.who(), chat.SendInput{Room: room, Text: text})
	if err != nil {
		c.f.t.Fatal(err)
	}
	return m
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
