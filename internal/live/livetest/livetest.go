// Package livetest serves sessions over the real service, hub and bell, on a
// store in memory, for the tests of the transports.
package livetest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// Config is what a test may change.
type Config struct {
	Chat   chat.Config
	Hub    hub.Config
	Live   live.Config
	Policy clientinfo.Policy
	TLS    bool // of Serve
}

// Fixture is a server of sessions.
type Fixture struct {
	*chat.Service
	T        testing.TB
	Hub      *hub.Hub
	Sessions *live.Server
	Policy   *clientinfo.Policy

	Down     atomic.Pointer[func() error] // called before every call to the store, if set
	LookedUp atomic.Pointer[func()]       // called after each look-up of a session, if set

	tls bool
}

// spy is a store that reports the look-ups of sessions.
type spy struct {
	chat.Store
	f *Fixture
}

func (s spy) Session(ctx context.Context, hash string) (chat.Session, chat.Account, error) {
	session, account, err := s.Store.Session(ctx, hash)
	if f := s.f.LookedUp.Load(); f != nil {
		(*f)()
	}
	return session, account, err
}

// New returns a fixture that anyone may sign up to, without limits over time.
// When the test ends, no connection may be left.
func New(t testing.TB, change func(*Config)) *Fixture {
	t.Helper()
	f := &Fixture{T: t}
	bell := hub.NewLocalBell()
	model := chattest.NewModel(bell.Ring)
	model.Down = func() error {
		if down := f.Down.Load(); down != nil {
			return (*down)()
		}
		return nil
	}
	presence := hub.NewLocalPresence(bell)
	quiet := slog.New(slog.DiscardHandler)
	c := Config{
		Chat: chattest.Config(),
		Hub:  hub.Config{Log: model, Bell: bell, Presence: presence, Check: -1, Logger: quiet},
		Live: live.Config{Log: quiet, MaxFrames: -1},
	}
	c.Chat.Store, c.Chat.Bell, c.Chat.Presence = spy{model, f}, bell, presence
	c.Chat.SignUp, c.Chat.Limits = chat.SignUpOpen, chattest.Unlimited()
	if change != nil {
		change(&c)
	}
	f.Service, f.Policy, f.tls = chat.New(c.Chat), &c.Policy, c.TLS
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Hub = hub.New(c.Hub)
	bell.Listen(f.Hub)
	c.Live.Service, c.Live.Hub, c.Live.Policy = f.Service, f.Hub, f.Policy
	f.Sessions = live.New(c.Live)
	t.Cleanup(func() {
		f.Sessions.Close()
		// A request whose client has gone may not have been served yet.
		wstest.Eventually(t, "all connections to be gone", func() bool { return f.Hub.Stats().Conns == 0 })
		f.Hub.Close()
		presence.Close()
	})
	return f
}

// Serve serves a handler until the test ends. The transports behind it are
// closed before it.
func (f *Fixture) Serve(handler http.Handler, transports ...interface{ Close() }) *httptest.Server {
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Config.ReadHeaderTimeout = 500 * time.Millisecond
	if f.tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	f.T.Cleanup(func() {
		f.Down.Store(nil)
		for _, transport := range transports {
			transport.Close()
		}
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// Person adds someone and returns a token of theirs.
func (f *Fixture) Person(name string, role chat.Role) string {
	f.T.Helper()
	if _, err := f.AddUser(f.T.Context(), name, chattest.Password, role, ""); err != nil {
		f.T.Fatal(err)
	}
	return f.Again(name)
}

// Again returns another token of someone whom Person has added.
func (f *Fixture) Again(name string) string {
	f.T.Helper()
	out, err := f.LogIn(f.T.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: name, Password: chattest.Password})
	if err != nil {
		f.T.Fatal(err)
	}
	return out.Token
}

// Member adds a member and returns a token of theirs.
func (f *Fixture) Member(name string) string {
	f.T.Helper()
	return f.Person(name, chat.RoleMember)
}

// Who is the person of a token.
func (f *Fixture) Who(token string) chat.Caller {
	f.T.Helper()
	who, err := f.Authenticate(f.T.Context(), token, chat.Caller{})
	if err != nil {
		f.T.Fatal(err)
	}
	return who
}

// Say sends a message to a room.
func (f *Fixture) Say(who chat.Caller, room chat.RoomID, text string) {
	f.T.Helper()
	if _, err := f.Send(f.T.Context(), who, chat.SendInput{Room: room, Text: text}); err != nil {
		f.T.Fatal(err)
	}
}

// Outrun sends more than the buffers of sockets take, 15 MB to General, each
// message when the one before has come to a client that reads: next returns the
// next that comes to it.
func (f *Fixture) Outrun(next func() chat.Event) {
	f.T.Helper()
	who, big := f.Who(f.Member("Sender")), strings.Repeat("x", 15_000)
	for no := range int64(1000) {
		f.Say(who, chat.GeneralID, big)
		if e := next(); e.Message.No != no+1 {
			f.T.Fatalf("message %d came, want %d", e.Message.No, no+1)
		}
	}
}

// Metric returns the value of a counter or gauge.
func Metric(t testing.TB, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	all, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == name {
			return m.GetMetric()[0].GetCounter().GetValue() + m.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// Bearer is the header that brings a token, which may be "".
func Bearer(token string) http.Header {
	if token == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}
