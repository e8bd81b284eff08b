package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/wire"
	"github.com/parley-chat/parley/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is all transports on one server of sessions.
type fixture struct {
	*livetest.Fixture
	t    testing.TB
	addr string
}

func newFixture(t testing.TB, change func(*livetest.Config)) *fixture {
	t.Helper()
	f := &fixture{livetest.New(t, change), t, ""}
	quiet := slog.New(slog.DiscardHandler)
	demo := compat.New(compat.Config{Service: f.Service, Policy: f.Policy, Log: quiet})
	sockets := ws.New(ws.Config{Sessions: f.Sessions, Hub: f.Hub, Log: quiet})
	io := siochat.New(siochat.Config{Sessions: f.Sessions, Guests: demo, Log: quiet})
	mux := http.NewServeMux()
	mux.Handle("/api/v1/ws", sockets)
	mux.Handle(siochat.Path, io)
	f.addr = f.Serve(mux, sockets, io, demo).Listener.Addr().String()
	return f
}

// person makes an account and returns its token.
func (f *fixture) person(name string, role chat.Role) (token string, who chat.Caller) {
	f.t.Helper()
	token = f.Person(name, role)
	return token, f.Who(token)
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

// TestAuthenticate: with a token from the start, or on the connection later,
// even without an account before.
func TestAuthenticate(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		if _, refused := over.open(f, "wrong"); refused == nil || refused.comeBack {
			t.Errorf("a wrong token: %+v", refused)
		}
		if !over.lateLogIn {
			return
		}
		c := f.dial(over, "")
		for _, method := range []string{"sync", "account.get", "message.send", "room.list"} {
			if _, code := c.call(method, map[string]any{}); code != chat.CodeUnauthenticated {
				t.Errorf("%s before logging in: %q", method, code)
			}
		}
		must(t, c, "server.info", map[string]any{})
		f.wantLife(over, c, "before logging in")
		token := f.Member("Ada")
		for want, in := range map[chat.Code]map[string]any{
			chat.CodeUnauthenticated: {"token": "wrong"},
			chat.CodeInvalid:         {"token": token, "more": 1},
		} {
			if _, code := c.call("authenticate", in); code != want {
				t.Errorf("authenticate with %v: %q, want %q", in, code, want)
			}
		}
		in := map[string]any{"token": token}
		if me := decode[chat.MeOutput](t, must(t, c, "authenticate", in)); me.User.Name != "Ada" ||
			me.Session.ID == "" {
			t.Errorf("authenticate: %+v", me)
		}
		if _, code := c.call("authenticate", in); code != chat.CodeConflict {
			t.Errorf("authenticate again: %q", code)
		}
		must(t, c, "sync", map[string]any{})

		c = f.dial(over, "")
		out := decode[chat.LoggedInOutput](t, must(t, c, "account.create",
			map[string]any{"name": "Mary", "password": "password123"}))
		must(t, c, "authenticate", map[string]any{"token": out.Token})
	})
}

// TestEveryAction: each action can be called over every transport.
func TestEveryAction(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		c := f.dial(over, f.Member("Ada"))
		for _, a := range chat.Actions() {
			if a.Name == "session.delete" || a.Name == "account.password" {
				continue // they end the session, see TestEndsItself
			}
			if body, code := c.call(a.Name, map[string]any{}); code == chat.CodeNotFound {
				t.Errorf("%s: %s", a.Name, body)
			}
		}
		if _, code := c.call("room.explode", map[string]any{}); code != chat.CodeNotFound {
			t.Errorf("an unknown action: %q", code)
		}
	})
}

// TestPanic: one call's fault is not everyone's.
func TestPanic(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		c := f.dial(over, f.Member("Ada"))
		boom := func() error { panic("boom") }
		f.Down.Store(&boom)
		for _, method := range []string{"message.send", "room.list"} {
			body, code := c.call(method, map[string]any{"room": "general", "text": "x"})
			if code == "" || strings.Contains(string(body), "boom") {
				t.Errorf("%s: %s", method, body)
			}
		}
		if _, code := c.call("room.list", map[string]any{}); code != chat.CodeInternal {
			t.Errorf("room.list: %q", code)
		}
		f.Down.Store(nil)
		f.wantLife(over, c, "after panics")
	})
}

func TestHandshakeTimeout(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, func(s *livetest.Config) { s.Live.AuthTimeout = 200 * time.Millisecond })
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
		wstest.Eventually(t, "the first expiry to pass", func() bool {
			f.wantLife(over, c, "a prolonged session")
			return time.Now().After(who.ExpiresAt.Add(100 * time.Millisecond))
		})
	})
}

// expireSoon ends sessions that are not used. They are looked at eight times in
// the time to log in.
func expireSoon(s *livetest.Config) {
	s.Chat.SessionIdle, s.Live.AuthTimeout = 300*time.Millisecond, 400*time.Millisecond
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
				mary, _ := f.person("Mary", chat.RoleMember)
				synced, fresh := f.dial(over, token), f.dial(over, token)
				other, stranger := f.dial(over, f.Again("Ada")), f.dial(over, mary)
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
			f.Down.Store(&down)
			return func() bool { return n.Load() >= nth }
		}
		failures := 0
		for nth := int64(1); nth <= 12; nth++ {
			failed := fail(nth)
			c, refused := over.open(f, token)
			f.Down.Store(nil)
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
			f.Down.Store(nil)
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
			f.LookedUp.Store(&demote)
			c, refused := over.open(f, token)
			f.LookedUp.Store(nil)
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
			f.LookedUp.Store(&demote)
			late.send("authenticate", map[string]any{"token": token})
			s, ended := late.next()
			f.LookedUp.Store(nil)
			if ended != nil || s.code == chat.CodeUnavailable {
				f.wantEnd(over, late, live.CodeRestart, true)
			} else {
				f.wantGuest(late, fmt.Sprint("authenticate, after look-up ", nth+1), n.Load() > nth)
			}
		}
	})
}

// TestLoggedOutWhileLoggingIn ends a session after each look-up of it, the
// first of which is before the hub knows of the connection, which then does not
// hear of it: nobody stays in all the same.
func TestLoggedOutWhileLoggingIn(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		for nth := range int64(3) {
			f := newFixture(t, nil)
			out := func(token string) (ended func() bool) {
				var n atomic.Int64
				who := f.Who(token)
				end := func() {
					if n.Add(1) != nth+1 {
						return
					}
					if _, err := f.LogOut(context.Background(), who, chat.None{}); err != nil {
						t.Error(err)
					}
				}
				f.LookedUp.Store(&end)
				return func() bool {
					f.LookedUp.Store(nil)
					return n.Load() > nth
				}
			}
			token := f.Member("Ada")
			ended := out(token)
			c, refused := over.open(f, token)
			switch {
			case !ended() && refused != nil, refused != nil && refused.comeBack:
				t.Errorf("after look-up %d: refused with %+v", nth+1, *refused)
			case refused == nil && nth == 0:
				t.Error("let in after the first look-up")
			case refused == nil && ended():
				f.wantEnd(over, c, live.CodeRevoked, false)
			case refused == nil:
				c.close()
			}
			if over.lateLogIn {
				token, late := f.Member("Mary"), f.dial(over, "")
				ended = out(token)
				late.send("authenticate", map[string]any{"token": token})
				late.next()
				if ended() {
					f.wantEnd(over, late, live.CodeRevoked, false)
				}
				late.close()
			}
			wstest.Eventually(t, "all connections to be forgotten",
				func() bool { return f.Hub.Stats().Conns == 0 })
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
		go func() { done <- f.Hub.Drain(ctx, time.Second) }()
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

// TestDrainFinishesCalls: the others are told when to come back, what is under
// way is answered, and nothing new is begun.
func TestDrainFinishesCalls(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		c, idle := f.synced(over, f.Member("Ada")), f.synced(over, f.Member("Mary"))
		waiting := f.dial(over, "")
		entered, slow := make(chan struct{}, 1), make(chan struct{})
		wait := func() error {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-slow
			return nil
		}
		f.Down.Store(&wait)
		id := c.send("message.send", map[string]any{"room": "general", "text": "under way"})
		<-entered
		drained := make(chan error, 1)
		go func() { drained <- f.Hub.Drain(context.Background(), 100*time.Millisecond) }()
		hint := decode[wire.Farewell](t, until(t, idle, "goodbye", func(json.RawMessage) bool { return true }))
		if hint.Reason == "" || hint.RetryMS < 50 || hint.RetryMS > 150 {
			t.Errorf("goodbye %+v", hint)
		}
		wstest.Eventually(t, "new calls to be refused", func() bool {
			_, code := waiting.call("server.info", map[string]any{})
			return code == chat.CodeUnavailable
		})
		close(slow)
		s := get(t, c)
		for s.method != "" || s.id != id {
			s = get(t, c)
		}
		if s.code != "" {
			t.Errorf("what was under way: %q", s.code)
		}
		for _, c := range []client{c, idle} {
			if end := c.ends(); !end.comeBack {
				t.Errorf("ended with %+v", end)
			}
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
		list, err := f.ListMessages(t.Context(), f.Who(f.Again("Ada")),
			chat.MessageListInput{Room: chat.GeneralID})
		if err != nil || len(list.Messages) != 1 {
			t.Errorf("in the room are %+v, %v", list.Messages, err)
		}
	})
}
