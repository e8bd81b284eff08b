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
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/rest"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// allowed is a page besides the server's own, as --origins has it.
const allowed = "http://localhost:3000"

// fixture is a whole server on the embedded store, with every transport.
type fixture struct {
	*livetest.Fixture
	http *httptest.Server
	cfg  compat.Config

	mu  sync.Mutex
	ids []string // given out before made ones
}

type settings struct {
	livetest.Config
	server compat.Config
	io     siochat.Config
}

func newFixture(t testing.TB, change func(*settings)) *fixture {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := settings{server: compat.Config{Log: quiet}, io: siochat.Config{Log: quiet}}
	f := &fixture{}
	f.Fixture = livetest.New(t, func(c *livetest.Config) {
		store, err := sqlite.Open(t.Context(), t.TempDir(),
			sqlite.Options{Ring: c.Chat.Bell.(*hub.LocalBell).Ring, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		c.Chat.Store, c.Hub.Log, c.Chat.NewID = store, store, f.newID
		c.Live.MaxFrames, c.Policy.Origins = 0, []string{allowed}
		if s.Config = *c; change != nil {
			change(&s)
		}
		*c = s.Config
	})
	s.server.Service, s.server.Policy = f.Service, f.Policy
	f.cfg = s.server
	demo := compat.New(s.server)
	s.io.Sessions, s.io.Guests = f.Sessions, demo
	io := siochat.New(s.io)
	socket := ws.New(ws.Config{Sessions: f.Sessions, Hub: f.Hub, Log: quiet})
	f.http = f.Serve(demo.Handler(rest.New(rest.Config{
		Service: f.Service, Policy: f.Policy, Socket: socket, IO: io, Log: quiet,
		Web:     fstest.MapFS{"index.html": {Data: []byte("<p>Parley's own client")}},
		Metrics: http.NotFoundHandler(),
	})), socket, io, demo)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), wstest.Patience)
		defer cancel()
		if err := f.Hub.Drain(ctx, time.Millisecond); err != nil {
			t.Error(err)
		}
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
	f.T.Helper()
	if id != "" {
		f.mu.Lock()
		f.ids = []string{id}
		f.mu.Unlock()
	}
	c := f.client()
	var me struct{ ID, Username string }
	c.want("POST", "/login", map[string]string{"username": name, "password": "password123"}, 201, &me)
	if me.Username != name {
		f.T.Fatalf("%s is called %s", name, me.Username)
	}
	c.user = me.ID
	return c
}

// do makes a request as the demo's client does. Headers that are given replace
// others; an empty one is left out.
func (c *client) do(method, path string, body any, headers ...string) (*http.Response, string) {
	c.f.T.Helper()
	var in io.Reader
	if text, ok := body.(string); ok {
		in = strings.NewReader(text)
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.f.T.Fatal(err)
		}
		in = strings.NewReader(string(b))
	}
	r, err := http.NewRequestWithContext(c.f.T.Context(), method, c.base+path, in)
	if err != nil {
		c.f.T.Fatal(err)
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
		c.f.T.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		c.f.T.Fatal(err)
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
	c.f.T.Helper()
	res, out := c.do(method, path, body)
	if res.StatusCode != status {
		c.f.T.Fatalf("%s %s: %s %s, want %d", method, path, res.Status, out, status)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.f.T.Fatalf("%s %s: %v: %s", method, path, err, out)
	}
}

// who is the client's person for the domain.
func (c *client) who() chat.Caller {
	c.f.T.Helper()
	who, err := c.f.Authenticate(c.f.T.Context(), c.cookies["parley"], chat.Caller{})
	if err != nil {
		c.f.T.Fatal(err)
	}
	return who
}

// says sends a message through the domain.
func (c *client) says(room chat.RoomID, text string) chat.Message {
	c.f.T.Helper()
	m, err := c.f.Send(c.f.T.Context(), c.who(), chat.SendInput{Room: room, Text: text})
	if err != nil {
		c.f.T.Fatal(err)
	}
	return m
}

// rename has an owner give the client's person another name.
func (f *fixture) rename(c *client, name string) {
	f.T.Helper()
	owner, err := f.AddUser(f.T.Context(), "Olga", "password123", chat.RoleOwner, "")
	if err != nil {
		f.T.Fatal(err)
	}
	if _, err := f.UpdateUser(f.T.Context(), chat.Caller{User: owner},
		chat.UpdateUserInput{User: c.who().User.ID, Name: &name}); err != nil {
		f.T.Fatal(err)
	}
}
