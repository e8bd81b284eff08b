package chat_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// late is a store that is asked for a new session when something has happened
// meanwhile.
type late struct {
	chat.Store
	before func()
}

func (s *late) CreateSession(ctx context.Context, x chat.Session) error {
	if s.before != nil {
		s.before()
	}
	return s.Store.CreateSession(ctx, x)
}

// TestDisabledWhileLoggingIn: who is disabled after their password was found
// right has a session, of which nobody was told that it ended. It opens
// nothing.
func TestDisabledWhileLoggingIn(t *testing.T) {
	store := &late{}
	f := newFixture(t, func(cfg *chat.Config) { store.Store = cfg.Store; cfg.Store = store })
	f.Person("Joe", chat.RoleMember)
	store.before = func() {
		account, err := f.UserNamed(t.Context(), "joe")
		if err == nil {
			err = f.Disable(t.Context(), account, true)
		}
		if err != nil {
			t.Error(err)
		}
	}
	in, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Authenticate(t.Context(), in.Token, nobody)
	refused(t, "the session of a disabled person", err, chat.ErrUnauthenticated)
}

func TestLogInTellsNothing(t *testing.T) {
	hasher := new(chattest.Hasher)
	f := newFixture(t, func(cfg *chat.Config) { cfg.Hasher = hasher })
	f.Person("Pablo", chat.RoleOwner)
	f.Person("Joe", chat.RoleMember)
	account, _ := f.UserNamed(t.Context(), "joe")
	if err := f.Disable(t.Context(), account, true); err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, in := range []chat.LogInInput{{Name: "Pablo", Password: "wrong"},
		{Name: "Nobody", Password: "wrong"}, {Name: "Joe", Password: "wrong"},
		{Name: "\x00", Password: "x"}} {
		before := hasher.Verified.Load()
		_, err := f.LogIn(t.Context(), nobody, in)
		refused(t, in.Name, err, chat.ErrUnauthenticated)
		answers = append(answers, err.Error())
		if hasher.Verified.Load() != before+1 {
			t.Errorf("%q costs %d verifications", in.Name, hasher.Verified.Load()-before)
		}
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("answers differ: %q", answers)
		}
	}
	_, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: "password123"})
	refused(t, "who is disabled and knows the password", err, chat.ErrForbidden)
	if because := chat.AsError(err).Details; because == nil || because.Kind != chat.IsDisabled {
		t.Errorf("because of %+v", because)
	}
}

func TestLogInIsLimited(t *testing.T) {
	f := newFixture(t, nil)
	f.Person("Pablo", chat.RoleOwner)
	f.Wait(time.Hour)
	attempt := func(addr, name string) error {
		_, err := f.LogIn(t.Context(), chat.Caller{Addr: addr},
			chat.LogInInput{Name: name, Password: "wrong"})
		return err
	}
	for i := range chat.DefaultLimits.Guesses.Limit {
		refused(t, "a guess", attempt("192.0.2."+string(rune('a'+i)), "Pablo"), chat.ErrUnauthenticated)
	}
	err := attempt("192.0.2.x", "pablo")
	refused(t, "one guess too many for the account", err, chat.ErrRateLimited)
	if e, _ := errors.AsType[*chat.Error](err); e == nil || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Errorf("retry after %v", e)
	}
	for i := range chat.DefaultLimits.Logins.Limit {
		refused(t, "an attempt", attempt("198.51.100.1", "user"+string(rune('a'+i))), chat.ErrUnauthenticated)
	}
	refused(t, "one attempt too many for the address", attempt("198.51.100.1", "other"), chat.ErrRateLimited)
	f.Wait(time.Minute)
	f.Again("Pablo") // never a permanent lock-out
}

// TestWrongTokens: who guesses tokens waits, but nobody with a valid one at the
// same address.
func TestWrongTokens(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Calls = chat.Rate{Limit: 3, Window: time.Minute} })
	f.Person("Pablo", chat.RoleOwner)
	in, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Pablo", Password: "password123"})
	must(t, "log in", err)
	for i := range 3 {
		refused(t, "a wrong token", errOf(f.Authenticate(t.Context(), "wrong"+strconv.Itoa(i), nobody)),
			chat.ErrUnauthenticated)
	}
	for _, wrong := range []string{"wrong", "", strings.Repeat("x", 257), in.Token + "x"} {
		refused(t, "one too many", errOf(f.Authenticate(t.Context(), wrong, nobody)), chat.ErrRateLimited)
	}
	refused(t, "a valid token", errOf(f.Authenticate(t.Context(), in.Token, nobody)), nil)
	refused(t, "from elsewhere", errOf(f.Authenticate(t.Context(), "wrong", chat.Caller{Addr: "192.0.2.2"})),
		chat.ErrUnauthenticated)
	f.Wait(time.Minute)
	refused(t, "later", errOf(f.Authenticate(t.Context(), "wrong", nobody)), chat.ErrUnauthenticated)
}

func TestSessions(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SessionIdle, cfg.SessionMax = time.Hour, 3*time.Hour })
	f.Person("Pablo", chat.RoleOwner)
	in, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.9", Agent: "curl\r\nX: y"},
		chat.LogInInput{Name: "Pablo", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := f.Authenticate(t.Context(), in.Token, nobody)
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.ListSessions(t.Context(), who, chat.None{})
	if err != nil || len(list.Sessions) != 2 || !list.Sessions[0].Current ||
		list.Sessions[1].Current || list.Sessions[0].Agent != "curlX: y" {
		t.Errorf("sessions: %+v, %v", list, err)
	}
	// Used often enough it lives on, until it is too old.
	for range 5 {
		f.Wait(35 * time.Minute)
		if _, err = f.Authenticate(t.Context(), in.Token, nobody); err != nil {
			t.Fatal(err)
		}
	}
	f.Wait(5 * time.Minute)
	_, err = f.Authenticate(t.Context(), in.Token, nobody)
	refused(t, "after the absolute limit", err, chat.ErrUnauthenticated)

	idle := f.Again("Pablo")
	list, _ = f.ListSessions(t.Context(), idle, chat.None{})
	if len(list.Sessions) != 1 {
		t.Errorf("expired sessions are listed: %+v", list)
	}
	other := f.Person("Joe", chat.RoleMember)
	_, err = f.RevokeSession(t.Context(), other, chat.SessionInput{Session: idle.Session})
	refused(t, "somebody else's session", err, chat.ErrNotFound)
	if _, err := f.LogOut(t.Context(), idle, chat.None{}); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "x", in.Token + "x", strings.Repeat("x", 10_000)} {
		_, err := f.Authenticate(t.Context(), token, nobody)
		refused(t, "token "+shortly(token), err, chat.ErrUnauthenticated)
	}
}

func shortly(s string) string { return s[:min(len(s), 10)] }

// TestLogInsAreBounded: the oldest end, tokens stay, and nobody is kept out.
func TestLogInsAreBounded(t *testing.T) {
	f := boundless(t, nil)
	first := f.Person("Ada", chat.RoleMember)
	token, err := f.CreateToken(t.Context(), first, chat.TokenInput{Name: "bot", Scopes: []string{"read"}})
	refused(t, "a token", err, nil)
	f.Wait(time.Second)
	second := f.Again("Ada")
	var last chat.Caller
	for range 99 {
		f.Wait(time.Second)
		last = f.Again("Ada")
	}
	list, err := f.ListSessions(t.Context(), last, chat.None{})
	if err != nil || len(list.Sessions) != 101 {
		t.Fatalf("%d sessions, %v", len(list.Sessions), err)
	}
	there := map[chat.SessionID]bool{}
	for _, x := range list.Sessions {
		there[x.ID] = true
	}
	if there[first.Session] || !there[second.Session] || !there[last.Session] || !there[token.Session.ID] {
		t.Errorf("the first is there: %v, the second: %v, the last: %v, the token: %v",
			there[first.Session], there[second.Session], there[last.Session], there[token.Session.ID])
	}
}

// TestRehash logs in with a hash of an older kind, once: then it is one of
// today's.
func TestRehash(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("ada", chat.RoleMember)
	account, err := f.Store.Account(t.Context(), ada.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	fresh := account.Password
	account.Password = "old " + fresh
	if _, err := f.Store.Commit(t.Context(), chat.Change{
		Stream: chat.UserStream(ada.User.ID), ID: "x1", At: f.Now(),
		Op: chat.RevokeSessions{Password: account.Password, Sessions: []chat.SessionID{"none"}},
	}); err != nil {
		t.Fatal(err)
	}
	_, err = f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "ada", Password: "password124"})
	refused(t, "a wrong password", err, chat.ErrUnauthenticated)
	if a, _ := f.Store.Account(t.Context(), ada.User.ID); a.Password != account.Password {
		t.Errorf("a wrong password changed the hash to %q", a.Password)
	}
	f.Again("ada")
	if a, _ := f.Store.Account(t.Context(), ada.User.ID); a.Password != fresh {
		t.Errorf("hash %q, want %q", a.Password, fresh)
	}
	sessions, err := f.ListSessions(t.Context(), ada, chat.None{})
	if err != nil || len(sessions.Sessions) != 2 {
		t.Errorf("%d sessions, want the old and the new one: %v", len(sessions.Sessions), err)
	}
}

// TestGuessersKeepNobodyOut: whoever guesses at a password uses up nobody's
// right to log in from where they have before.
func TestGuessersKeepNobodyOut(t *testing.T) {
	f := newFixture(t, nil)
	f.Person("Olga", chat.RoleMember)
	logIn := func(addr, device, password string) error {
		return errOf(f.LogIn(t.Context(), chat.Caller{Addr: addr, Device: device},
			chat.LogInInput{Name: "Olga", Password: password}))
	}
	must(t, "with a device", logIn("198.51.100.1", "phone", chattest.Password))
	f.Wait(time.Minute)
	for range chat.DefaultLimits.Guesses.Limit {
		refused(t, "a guess", logIn("203.0.113.9", "", "wrong password"), chat.ErrUnauthenticated)
	}
	refused(t, "one too many", logIn("203.0.113.9", "", "wrong password"), chat.ErrRateLimited)
	refused(t, "the right password from elsewhere", logIn("203.0.113.9", "", chattest.Password),
		chat.ErrRateLimited)
	must(t, "from an address that is known", logIn("198.51.100.1", "", chattest.Password))
	must(t, "from a device that is known", logIn("203.0.113.77", "phone", chattest.Password))

	// From a known address guesses are limited all the same.
	for range chat.DefaultLimits.Guesses.Limit - 1 {
		refused(t, "a guess", logIn("198.51.100.1", "", "wrong password"), chat.ErrUnauthenticated)
	}
	refused(t, "one too many", logIn("198.51.100.1", "", "wrong password"), chat.ErrRateLimited)
	// A guesser behind the same address does not know the device.
	must(t, "the device behind that address", logIn("198.51.100.1", "phone", chattest.Password))
	refused(t, "a device that nobody knows", logIn("203.0.113.9", "tablet", chattest.Password),
		chat.ErrRateLimited)
}

// TestFailedLogInsAreLogged with what fail2ban needs, and nothing more.
func TestFailedLogInsAreLogged(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(c *chat.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	f.Person("Olga", chat.RoleMember)
	for _, name := range []string{"Olga", "nobody\nlevel=ERROR"} {
		refused(t, name, errOf(f.LogIn(t.Context(), chat.Caller{Addr: "203.0.113.9"},
			chat.LogInInput{Name: name, Password: "secret guess"})), chat.ErrUnauthenticated)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `msg="log-in failed" name=Olga address=203.0.113.9`) ||
		!strings.Contains(lines[1], `name="" address=203.0.113.9`) || strings.Contains(log.String(), "secret") {
		t.Errorf("logged:\n%s", log.String())
	}
}
