package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is all transports on one server of sessions, over the real service,
// hub and bell.
type fixture struct {
	t testing.TB
	*chat.Service
	hub  *hub.Hub
	addr string

	down     atomic.Pointer[func() error] // asked before every call to the store, if set
	lookedUp atomic.Pointer[func()]       // called after each look-up of a session, if set
}

type settings struct {
	live live.Config
	chat chat.Config
}

// spy is a store that tells of the look-ups of sessions.
type spy struct {
	chat.Store
	f *fixture
}

func (s spy) Session(ctx context.Context, hash string) (chat.Session, chat.Account, error) {
	session, account, err := s.Store.Session(ctx, hash)
	if f := s.f.lookedUp.Load(); f != nil {
		(*f)()
	}
	return session, account, err
}

func newFixture(t testing.TB, change func(*settings)) *fixture {
	t.Helper()
	f := &fixture{t: t}
	bell := hub.NewLocalBell()
	model := chattest.NewModel(bell.Ring)
	model.Down = func() error {
		if down := f.down.Load(); down != nil {
			return (*down)()
		}
		return nil
	}
	presence := hub.NewLocalPresence(bell)
	quiet := slog.New(slog.DiscardHandler)
	s := settings{live: live.Config{Log: quiet, MaxFrames: -1, Policy: &clientinfo.Policy{}},
		chat: chattest.Config()}
	s.chat.Store, s.chat.Bell, s.chat.Presence = spy{model, f}, bell, presence
	s.chat.SignUp, s.chat.Limits = chat.SignUpOpen, chattest.Unlimited()
	if change != nil {
		change(&s)
	}
	f.Service = chat.New(s.chat)
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.hub = hub.New(hub.Config{Log: model, Bell: bell, Presence: presence, Check: -1, Logger: quiet})
	bell.Listen(f.hub)
	s.live.Service, s.live.Hub = f.Service, f.hub
	sessions := live.New(s.live)
	demo := compat.New(compat.Config{Service: f.Service, Policy: s.live.Policy, Log: quiet})
	sockets := ws.New(ws.Config{Sessions: sessions, Hub: f.hub, Log: quiet})
	io := siochat.New(siochat.Config{Sessions: sessions, Guests: demo, Log: quiet})
	mux := http.NewServeMux()
	mux.Handle("/api/v1/ws", sockets)
	mux.Handle(siochat.Path, io)
	server := httptest.NewServer(mux)
	f.addr = server.Listener.Addr().String()
	t.Cleanup(func() {
		f.down.Store(nil)
		sockets.Close()
		io.Close()
		sessions.Close()
		demo.Close()
		if n := f.hub.Stats().Conns; n != 0 {
			t.Errorf("the hub still has %d connections", n)
		}
		f.hub.Close()
		presence.Close()
		server.Close()
	})
	return f
}

// person makes an account and returns its token.
func (f *fixture) person(name string, role chat.Role) (token string, who chat.Caller) {
	f.t.Helper()
	if _, err := f.AddUser(f.t.Context(), name, "password123", role, ""); err != nil {
		f.t.Fatal(err)
	}
	out, err := f.Service.LogIn(f.t.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: name, Password: "password123"})
	if err == nil {
		who, err = f.Authenticate(f.t.Context(), out.Token, chat.Caller{})
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Token, who
}

// each runs a test over all transports, or those that are as wanted.
func each(t *testing.T, wanted func(transport) bool, run func(t *testing.T, over transport)) {
	for _, tr := range transports {
		if wanted == nil || wanted(tr) {
			t.Run(tr.name, func(t *testing.T) { run(t, tr) })
		}
	}
}

// native are the transports on which every action can be called.
func native(t transport) bool { return t.lateLogIn }

// dial connects, which must succeed.
func (f *fixture) dial(over transport, token string) client {
	f.t.Helper()
	c, refused := over.open(f, token)
	if refused != nil {
		f.t.Fatalf("refused: %+v", *refused)
	}
	return c
}

// wantEnd reads to the end, which must be that one; the code only where it is
// told.
func (f *fixture) wantEnd(over transport, c client, code int, comeBack bool) {
	f.t.Helper()
	if !over.tells {
		code = 0
	}
	if got := c.ends(); got != (end{code, comeBack}) {
		f.t.Errorf("ended with %+v, want code %d, coming back: %v", got, code, comeBack)
	}
}

// wantLife wants an answer, where every method can be called.
func (f *fixture) wantLife(over transport, c client, who string) {
	f.t.Helper()
	if !native(over) {
		return
	}
	if _, code := c.call("ping", map[string]any{}); code != "" {
		f.t.Errorf("%s: %q", who, code)
	}
}

// eventually polls for a state that is certain to come.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(wstest.Patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestWrongToken(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		if _, refused := over.open(f, "wrong"); refused == nil || refused.comeBack {
			t.Errorf("a wrong token: %+v", refused)
		}
		if !over.lateLogIn {
			return
		}
		c := f.dial(over, "")
		if _, code := c.call("room.list", map[string]any{}); code != chat.CodeUnauthenticated {
			t.Errorf("a call before logging in: %q", code)
		}
		if _, code := c.call("authenticate", map[string]any{"token": "wrong"}); code != chat.CodeUnauthenticated {
			t.Errorf("a wrong token later: %q", code)
		}
		token, _ := f.person("Ada", chat.RoleMember)
		if _, code := c.call("authenticate", map[string]any{"token": token}); code != "" {
			t.Errorf("the right one after it: %q", code)
		}
		if _, code := c.call("room.list", map[string]any{}); code != "" {
			t.Errorf("a call: %q", code)
		}
	})
}

func TestHandshakeTimeout(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, func(s *settings) { s.live.AuthTimeout = 200 * time.Millisecond })
		token, _ := f.person("Ada", chat.RoleMember)
		silent, busy, known := f.dial(over, ""), f.dial(over, ""), f.dial(over, token)
		f.wantLife(over, busy, "a stranger")
		f.wantEnd(over, silent, live.CodeNoAuth, false)
		f.wantEnd(over, busy, live.CodeNoAuth, false) // who only pings
		f.wantLife(over, known, "who brought a token")
	})
}

// TestSessionExpires: who may no longer come in does not stay in.
func TestSessionExpires(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, expireSoon)
		token, _ := f.person("Ada", chat.RoleMember)
		f.wantEnd(over, f.dial(over, token), 1008, false)
	})
}

// TestSessionProlonged: a session that was used elsewhere has not expired.
func TestSessionProlonged(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, expireSoon)
		token, who := f.person("Ada", chat.RoleMember)
		if err := f.Store.TouchSession(t.Context(), who.Session, who.User.ID, time.Now(),
			time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		c := f.dial(over, token)
		eventually(t, "the first expiry to pass", func() bool {
			f.wantLife(over, c, "a prolonged session")
			return time.Now().After(who.ExpiresAt.Add(100 * time.Millisecond))
		})
	})
}

// expireSoon ends sessions that are not used. They are looked at eight times in
// the time to log in.
func expireSoon(s *settings) {
	s.chat.SessionIdle, s.live.AuthTimeout = 300*time.Millisecond, 400*time.Millisecond
}

// TestRevoked: whatever ends a session ends its connections, at once, and no
// others.
func TestRevoked(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*fixture, chat.Caller) error
		both bool // the person's other session ends too
	}{
		"log-out": {func(f *fixture, who chat.Caller) error {
			_, err := f.LogOut(f.t.Context(), who, chat.None{})
			return err
		}, false},
		"password": {func(f *fixture, who chat.Caller) error {
			_, err := f.ChangePassword(f.t.Context(), who,
				chat.PasswordInput{Old: "password123", New: "another password"})
			return err
		}, true},
		"disabled": {func(f *fixture, who chat.Caller) error {
			account, err := f.UserNamed(f.t.Context(), who.User.Name)
			if err != nil {
				return err
			}
			return f.Disable(f.t.Context(), account, true)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, nil, func(t *testing.T, over transport) {
				f := newFixture(t, nil)
				token, who := f.person("Ada", chat.RoleMember)
				out, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.2"},
					chat.LogInInput{Name: "Ada", Password: "password123"})
				if err != nil {
					t.Fatal(err)
				}
				mary, _ := f.person("Mary", chat.RoleMember)
				synced, fresh := f.dial(over, token), f.dial(over, token)
				other, stranger := f.dial(over, out.Token), f.dial(over, mary)
				if native(over) {
					synced.call("sync", map[string]any{})
				}
				if err := c.end(f, who); err != nil {
					t.Fatal(err)
				}
				f.wantEnd(over, synced, live.CodeRevoked, false)
				f.wantEnd(over, fresh, live.CodeRevoked, false)
				if c.both {
					f.wantEnd(over, other, live.CodeRevoked, false)
				} else {
					f.wantLife(over, other, "the other session")
				}
				f.wantLife(over, stranger, "another person")
				if _, refused := over.open(f, token); refused == nil || refused.comeBack {
					t.Errorf("the token opens a connection: %+v", refused)
				}
			})
		})
	}
}

// TestEndsItself: a call that ends its own session is answered first.
func TestEndsItself(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		for method, in := range map[string]func(chat.Caller) any{
			"session.delete": func(chat.Caller) any { return map[string]any{} },
			"session.revoke": func(w chat.Caller) any { return map[string]any{"session": w.Session} },
			"account.password": func(chat.Caller) any {
				return map[string]any{"old": "password123", "new": "password456"}
			},
		} {
			token, who := f.person(strings.ReplaceAll(method, ".", "-"), chat.RoleMember)
			c := f.dial(over, token)
			c.call("sync", map[string]any{})
			body, code := c.call(method, in(who))
			var out chat.LoggedInOutput
			if err := json.Unmarshal(body, &out); code != "" || err != nil ||
				method == "account.password" && out.Token == "" {
				t.Errorf("%s: %s %q", method, body, code)
			}
			f.wantEnd(over, c, live.CodeRevoked, false)
		}
	})
}

// TestStoreAwayWhileLoggingIn: whichever call to the store fails, the client
// is told that it is unavailable, and comes back.
func TestStoreAwayWhileLoggingIn(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, _ := f.person("Ada", chat.RoleMember)
		fail := func(nth int64) (failed func() bool) {
			var n atomic.Int64
			down := func() error {
				if n.Add(1) == nth {
					return chat.ErrUnavailable
				}
				return nil
			}
			f.down.Store(&down)
			return func() bool { return n.Load() >= nth }
		}
		failures := 0
		for nth := int64(1); nth <= 12; nth++ {
			failed := fail(nth)
			c, refused := over.open(f, token)
			f.down.Store(nil)
			switch {
			case refused != nil && (refused.code != chat.CodeUnavailable || !refused.comeBack):
				t.Errorf("call %d fails: refused with %+v", nth, *refused)
			case refused == nil && failed() && over.lateLogIn:
				t.Errorf("call %d fails: logged in all the same", nth)
			}
			if refused != nil {
				failures++
			}
			if c != nil {
				c.close()
			}
			if !over.lateLogIn {
				continue
			}
			late := f.dial(over, "")
			failed = fail(nth)
			_, code := late.call("authenticate", map[string]any{"token": token})
			f.down.Store(nil)
			switch {
			case failed() && code != chat.CodeUnavailable:
				t.Errorf("call %d fails: authenticate is answered with %q", nth, code)
			case failed():
				f.wantEnd(over, late, live.CodeRestart, true)
			}
			late.close()
		}
		if failures == 0 {
			t.Error("nothing has failed")
		}
	})
}

// TestDemotedWhileLoggingIn demotes somebody after each look-up of their
// session: the connection never keeps the old rights.
func TestDemotedWhileLoggingIn(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		for nth := range int64(4) {
			f := newFixture(t, nil)
			_, owner := f.person("Olga", chat.RoleOwner)
			token, ada := f.person("Ada", chat.RoleAdmin)
			var n atomic.Int64
			demote := func() {
				if n.Add(1) == nth+1 {
					guest := chat.RoleGuest
					if _, err := f.UpdateUser(context.Background(), owner,
						chat.UpdateUserInput{User: ada.User.ID, Role: &guest}); err != nil {
						t.Error(err)
					}
				}
			}
			f.lookedUp.Store(&demote)
			c, refused := over.open(f, token)
			f.lookedUp.Store(nil)
			switch {
			case refused != nil && (refused.code != chat.CodeUnavailable || !refused.comeBack):
				t.Errorf("after look-up %d: refused with %+v", nth+1, *refused)
			case refused == nil && over.lateLogIn:
				f.wantGuest(c, fmt.Sprint("after look-up ", nth+1), n.Load() > nth)
			}
			if !over.lateLogIn {
				continue
			}
			f = newFixture(t, nil)
			_, owner = f.person("Olga", chat.RoleOwner)
			token, ada = f.person("Ada", chat.RoleAdmin)
			late := f.dial(over, "")
			n.Store(0)
			f.lookedUp.Store(&demote)
			late.send("authenticate", map[string]any{"token": token})
			s, ended := late.next()
			f.lookedUp.Store(nil)
			if ended != nil || s.code == chat.CodeUnavailable {
				f.wantEnd(over, late, live.CodeRestart, true)
			} else {
				f.wantGuest(late, fmt.Sprint("authenticate, after look-up ", nth+1), n.Load() > nth)
			}
		}
	})
}

// wantGuest wants a connection to have no rights of an admin, if somebody was
// demoted, or to end.
func (f *fixture) wantGuest(c client, what string, demoted bool) {
	f.t.Helper()
	c.send("invite.create", map[string]any{"role": "member"})
	for {
		s, over := c.next()
		if over != nil && !over.comeBack {
			f.t.Errorf("%s: ended with %+v", what, *over)
		}
		if over == nil && s.method != "" {
			continue
		}
		if over == nil && demoted && s.code != chat.CodeForbidden {
			f.t.Errorf("%s: an admin's call is answered with %s %q", what, s.body, s.code)
		}
		return
	}
}

func TestTooManyFrames(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, func(s *settings) { s.live.MaxFrames = 50 })
		token, _ := f.person("Ada", chat.RoleMember)
		c := f.dial(over, token)
		for range 120 { // a new window may begin meanwhile
			c.send("ping", map[string]any{})
		}
		f.wantEnd(over, c, live.CodeTooMany, false)
	})
}

// TestTooManyCalls: some calls are under way at once, the next wait, and all
// are answered.
func TestTooManyCalls(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, _ := f.person("Ada", chat.RoleMember)
		c := f.dial(over, token)
		const all, most = 40, 16
		var busy, peak atomic.Int64
		gate := make(chan struct{})
		down := func() error {
			if n := busy.Add(1); n > peak.Load() {
				peak.Store(n)
			}
			<-gate
			busy.Add(-1)
			return nil
		}
		f.down.Store(&down)
		for range all {
			c.send("session.list", map[string]any{})
		}
		eventually(t, "calls to wait for the store", func() bool { return busy.Load() == most })
		close(gate)
		for range all {
			if _, code := answer(t, c, "session.list"); code != "" {
				t.Errorf("refused: %s", code)
			}
		}
		if peak.Load() > most {
			t.Errorf("%d calls were under way", peak.Load())
		}
	})
}

// TestCallsAreCounted: what is not an action costs as much, and counts against
// the same limit.
func TestCallsAreCounted(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		for _, method := range []string{"ping", "sync", "authenticate"} {
			f := newFixture(t, func(s *settings) {
				s.chat.Limits.Calls = chat.Rate{Limit: 5, Window: time.Hour}
			})
			token, _ := f.person("Ada", chat.RoleMember)
			if method == "authenticate" {
				token = ""
			}
			c := f.dial(over, token)
			in := map[string]any{}
			if method == "authenticate" {
				in["token"] = "wrong"
			}
			last := chat.Code("")
			for range 6 {
				_, last = c.call(method, in)
			}
			if last != chat.CodeRateLimited {
				t.Errorf("the sixth %s: %q", method, last)
			}
		}
	})
}

// TestDrain: clients are told, and come back by themselves; new ones are told
// to try again.
func TestDrain(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, _ := f.person("Ada", chat.RoleMember)
		c := f.dial(over, token)
		ctx, cancel := context.WithTimeout(t.Context(), wstest.Patience)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- f.hub.Drain(ctx, time.Second) }()
		goodbye := false
		for {
			s, over := c.next()
			if over != nil {
				if !over.comeBack {
					t.Errorf("ended with %+v", *over)
				}
				break
			}
			goodbye = goodbye || s.method == "goodbye"
		}
		if over.tells && !goodbye {
			t.Error("no goodbye")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, refused := over.open(f, token); refused == nil || refused.code != chat.CodeUnavailable ||
			!refused.comeBack {
			t.Errorf("a new client: %+v", refused)
		}
	})
}

// TestResume: after an absence a client gets what it has missed, or is told to
// fetch anew.
func TestResume(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, who := f.person("Ada", chat.RoleMember)
		c := f.dial(over, token)
		body, code := c.call("sync", map[string]any{})
		var state struct{ Rooms []chat.RoomView }
		if err := json.Unmarshal(body, &state); code != "" || err != nil || len(state.Rooms) != 1 {
			t.Fatalf("sync: %s %q", body, code)
		}
		c.close()
		for _, text := range []string{"one", "two"} {
			in := chat.SendInput{Room: chat.GeneralID, Text: text}
			if _, err := f.Send(t.Context(), who, in); err != nil {
				t.Fatal(err)
			}
		}
		at, stream := state.Rooms[0].Position, chat.RoomStream(chat.GeneralID)
		elsewhere := at
		elsewhere.Epoch = "another"
		for _, c := range []struct {
			from   chat.Position
			events int
			last   string
		}{{at, 2, "resumed"}, {elsewhere, 0, "resync"}} {
			again := f.dial(over, token)
			if body, code := again.call("sync", map[string]any{
				"positions": map[chat.Stream]chat.Position{stream: c.from}}); code != "" {
				t.Fatalf("sync: %s %q", body, code)
			}
			events := 0
			for {
				s, over := again.next()
				if over != nil {
					t.Fatalf("ended with %+v", *over)
				}
				if s.method == "event" {
					events++
				}
				if s.method == "resumed" || s.method == "resync" {
					if s.method != c.last || events != c.events {
						t.Errorf("%d events, then %s, want %d and %s", events, s.method, c.events, c.last)
					}
					break
				}
			}
		}
	})
}

// TestMissingFields: a field that is not there, or null, is refused instead of
// taken for its zero value, as over HTTP.
func TestMissingFields(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, _ := f.person("Ada", chat.RoleMember)
		c := f.dial(over, token)
		type in = map[string]any
		for _, bad := range []struct {
			method string
			params in
		}{
			{"room.notify", in{"room": "general"}},
			{"room.notify", in{"room": "general", "level": nil}},
			{"read.mark", in{"room": "general"}},
			{"read.mark", in{"room": "general", "no": nil}},
			{"read.mark", in{}},
			{"message.send", in{"room": "general"}},
			{"message.send", in{"text": "x"}},
			{"message.send", in{"room": "general", "text": nil}},
			{"room.create", in{"name": "x", "kind": nil}},
			{"room.get", in{}},
		} {
			if out, code := c.call(bad.method, bad.params); code != chat.CodeInvalid {
				t.Errorf("%s %v: %q %s", bad.method, bad.params, code, out)
			}
		}
		for _, good := range []struct {
			method string
			params in
		}{{"read.mark", in{"room": "general", "no": 0}}, {"room.list", in{}}, {"sync", in{}}, {"ping", in{}}} {
			if _, code := c.call(good.method, good.params); code != "" {
				t.Errorf("%s %v: %q", good.method, good.params, code)
			}
		}
	})
}
