package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

type login struct {
	Device string
	Views  int
	Tags   map[string]bool `json:",omitempty"`
}

func newManager(t testing.TB, client rueidis.Client, opt Options[login]) *Manager[login] {
	t.Helper()
	m, err := New(client, opt)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustCreate[T any](t testing.TB, m *Manager[T], user string, data T) *Session[T] {
	t.Helper()
	s, err := m.Create(t.Context(), user, data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustLoad[T any](t testing.TB, m *Manager[T], token string) *Session[T] {
	t.Helper()
	s, err := m.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantError(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func wantNoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func list(t testing.TB, m *Manager[login], user string) []*Session[login] {
	t.Helper()
	var found []*Session[login]
	for s, err := range m.List(t.Context(), user) {
		wantNoError(t, err)
		found = append(found, s)
	}
	return found
}

// ids are the ids of the user's listed sessions, newest first.
func ids(t testing.TB, m *Manager[login], user string) []string {
	t.Helper()
	var found []string
	for _, s := range list(t, m, user) {
		found = append(found, s.ID())
	}
	return found
}

func TestRoundTrip(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{IdleTimeout: time.Hour, Lifetime: 10 * time.Hour})
		s := mustCreate(t, m, "ada", login{Device: "laptop"})
		got := mustLoad(t, m, s.Token())
		if diff := cmp.Diff(login{Device: "laptop"}, got.Data); diff != "" {
			t.Error(diff)
		}
		if got.User() != "ada" || got.ID() != s.ID() || got.Token() != s.Token() {
			t.Errorf("got %q %q %q", got.User(), got.ID(), got.Token())
		}
		if got.ExpiresAt().Sub(got.Created()) != 10*time.Hour || got.TTL() > 10*time.Hour ||
			got.TTL() < 9*time.Hour {
			t.Errorf("created %s, ends %s, left %s", got.Created(), got.ExpiresAt(), got.TTL())
		}

		got.Data.Views = 7
		wantNoError(t, got.Save(t.Context()))
		if views := mustLoad(t, m, s.Token()).Data.Views; views != 7 {
			t.Errorf("read %d views back", views)
		}
		wantNoError(t, got.Destroy(t.Context()))
		_, err := m.Load(t.Context(), s.Token())
		wantError(t, err, ErrNotFound)
		wantError(t, m.Touch(t.Context(), s.ID()), ErrNotFound)
		wantError(t, got.Reload(t.Context()), ErrNotFound)
		wantNoError(t, got.Destroy(t.Context()))
		if left := ids(t, m, "ada"); left != nil {
			t.Errorf("still listed: %v", left)
		}
	})
}

func TestMapData(t *testing.T) {
	m, err := New(redistest.Single(t).Client(t), Options[map[string]any]{})
	wantNoError(t, err)
	s := mustCreate(t, m, "", map[string]any{"theme": "dark"})
	got := mustLoad(t, m, s.Token())
	got.Data["size"] = 3.0
	wantNoError(t, got.Save(t.Context()))
	if diff := cmp.Diff(map[string]any{"theme": "dark", "size": 3.0},
		mustLoad(t, m, s.Token()).Data); diff != "" {
		t.Error(diff)
	}
}

func TestMalformedTokensAskNothing(t *testing.T) {
	srv := redistest.Start(t)
	m := newManager(t, srv.Client(t), Options[login]{})
	good := mustCreate(t, m, "ada", login{}).Token()
	// Without its last character this one is still the beginning of valid
	// base64.
	good = good[:len(good)-2] + "AA"
	before := srv.Commands()
	for _, bad := range []string{
		"", ".", "x", good + "A", good[:len(good)-1], " " + good[1:], strings.Replace(good, ".", "_", 1),
		good[:len(good)-1] + "\n", good[:len(good)-1] + "\r", good[:21] + "\n" + good[22:],
		good[:22] + "." + strings.Repeat("=", 43), strings.Repeat("*", 22) + good[22:], "\x00" + good[1:],
	} {
		_, err := m.Load(t.Context(), bad)
		wantError(t, err, ErrNotFound)
	}
	if after := srv.Commands(); after["evalsha"] != before["evalsha"] {
		t.Error("a malformed token reached Redis")
	}
}

func TestOneWrongSecretBitIsNotFound(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{})
	s := mustCreate(t, m, "ada", login{})
	other := mustCreate(t, m, "bob", login{})
	for _, planted := range []string{
		token{s.ID(), newSecret()}.String(), // known id, guessed secret
		token{s.ID(), other.token.secret}.String(),
		newToken().String(), // well formed, made elsewhere
	} {
		_, err := m.Load(t.Context(), planted)
		wantError(t, err, ErrNotFound)
	}
}

func TestConflict(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{})
		tok := mustCreate(t, m, "ada", login{}).Token()
		first, second := mustLoad(t, m, tok), mustLoad(t, m, tok)
		first.Data.Device = "first"
		second.Data.Device = "second"
		wantNoError(t, first.Save(t.Context()))
		wantError(t, second.Save(t.Context()), ErrConflict)
		wantError(t, second.Renew(t.Context()), ErrConflict)
		if got := mustLoad(t, m, tok).Data.Device; got != "first" {
			t.Errorf("the loser wrote %q", got)
		}
		wantNoError(t, second.Reload(t.Context()))
		second.Data.Device += " then second"
		wantNoError(t, second.Save(t.Context()))
		if got := mustLoad(t, m, tok).Data.Device; got != "first then second" {
			t.Errorf("got %q", got)
		}
	})
}

func TestMergeLosesNothing(t *testing.T) {
	client := redistest.Single(t).Client(t)
	m := newManager(t, client, Options[login]{Merge: func(base, mine, theirs login) (login, error) {
		theirs.Views += mine.Views - base.Views
		return theirs, nil
	}})
	tok := mustCreate(t, m, "ada", login{}).Token()
	const requests = 8
	var all sync.WaitGroup
	for range requests {
		s := mustLoad(t, m, tok) // all of the same version
		all.Go(func() {
			s.Data.Views++
			if err := s.Save(t.Context()); err != nil {
				t.Error(err)
			}
			s.Data.Views++
			if err := s.Save(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := mustLoad(t, m, tok).Data.Views; got != 2*requests {
		t.Errorf("%d of %d views counted", got, 2*requests)
	}
}

func TestMergeRefusal(t *testing.T) {
	refusal := errors.New("cannot be joined")
	m := newManager(t, redistest.Single(t).Client(t),
		Options[login]{Merge: func(_, _, _ login) (login, error) { return login{}, refusal }})
	tok := mustCreate(t, m, "ada", login{}).Token()
	a, b := mustLoad(t, m, tok), mustLoad(t, m, tok)
	a.Data.Views, b.Data.Views = 1, 2
	wantNoError(t, a.Save(t.Context()))
	wantError(t, b.Save(t.Context()), refusal)
	if b.Data.Views != 2 || mustLoad(t, m, tok).Data.Views != 1 {
		t.Error("a refused merge changed something")
	}
}

func TestRenew(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{})
		s := mustCreate(t, m, "ada", login{})
		old := s.Token()
		slow := mustLoad(t, m, old)
		s.Data.Device = "admin"
		wantNoError(t, s.Renew(t.Context()))
		if s.Token() == old {
			t.Fatal("the token stayed")
		}
		_, err := m.Load(t.Context(), old)
		wantError(t, err, ErrNotFound)
		// A request that began with the old token has lost its rights to write
		// with it.
		slow.Data.Device = "stale"
		wantError(t, slow.Save(t.Context()), ErrNotFound)
		wantError(t, slow.Renew(t.Context()), ErrNotFound)
		got := mustLoad(t, m, s.Token())
		if got.Data.Device != "admin" || got.ID() != s.ID() {
			t.Errorf("got %+v %s", got.Data, got.ID())
		}
		if diff := cmp.Diff([]string{s.ID()}, ids(t, m, "ada")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUnchangedIsNotWritten(t *testing.T) {
	srv := redistest.Start(t)
	m := newManager(t, srv.Client(t), Options[login]{})
	tok := mustCreate(t, m, "ada", login{Tags: map[string]bool{"a": true, "b": false, "c": true}}).Token()
	before := srv.Commands()
	for range 20 {
		s := mustLoad(t, m, tok)
		wantNoError(t, s.Save(t.Context()))
	}
	after := srv.Commands()
	for _, cmd := range []string{"hset", "pexpire", "publish"} {
		if after[cmd] != before[cmd] {
			t.Errorf("%d %s for reading", after[cmd]-before[cmd], cmd)
		}
	}
	// one may be NOSCRIPT
	if n := after["evalsha"] + after["eval"] - before["evalsha"] - before["eval"]; n > 21 {
		t.Errorf("%d scripts for 20 reads", n)
	}
}

func TestLimits(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	ttl := func(s *Session[login], prefix string) time.Duration {
		t.Helper()
		n, err := client.Do(t.Context(), client.B().Pttl().Key(prefix+":id:"+s.ID()).Build()).AsInt64()
		wantNoError(t, err)
		return time.Duration(n) * time.Millisecond
	}
	waitBelow := func(s *Session[login], prefix string, d time.Duration) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ttl(s, prefix) >= d; {
			if time.Now().After(deadline) {
				t.Fatal("time stands still")
			}
		}
	}

	t.Run("use moves the idle limit", func(t *testing.T) {
		m := newManager(t, client, Options[login]{Prefix: "idle", IdleTimeout: time.Minute,
			TouchInterval: time.Millisecond})
		s := mustCreate(t, m, "ada", login{})
		waitBelow(s, "idle", time.Minute-20*time.Millisecond)
		before := ttl(s, "idle")
		mustLoad(t, m, s.Token())
		if after := ttl(s, "idle"); after <= before || after > time.Minute {
			t.Errorf("%s to live before the use, %s after", before, after)
		}
		waitBelow(s, "idle", time.Minute-20*time.Millisecond)
		before = ttl(s, "idle")
		wantNoError(t, m.Touch(t.Context(), s.ID()))
		if after := ttl(s, "idle"); after <= before {
			t.Errorf("%s to live before the touch, %s after", before, after)
		}
		waitBelow(s, "idle", time.Minute-20*time.Millisecond)
		before = ttl(s, "idle")
		ids(t, m, "ada")
		if after := ttl(s, "idle"); after > before {
			t.Errorf("listing moved the limit from %s to %s", before, after)
		}
	})
	t.Run("but not past the absolute one", func(t *testing.T) {
		m := newManager(t, client, Options[login]{Prefix: "abs", IdleTimeout: time.Hour,
			Lifetime: time.Minute, TouchInterval: time.Millisecond})
		s := mustCreate(t, m, "ada", login{})
		waitBelow(s, "abs", time.Minute-20*time.Millisecond)
		s = mustLoad(t, m, s.Token())
		s.Data.Views++
		wantNoError(t, s.Save(t.Context()))
		wantNoError(t, s.Renew(t.Context()))
		if got := ttl(s, "abs"); got > time.Minute-20*time.Millisecond {
			t.Errorf("%s to live", got)
		}
		if s.ExpiresAt().Sub(s.Created()) != time.Minute {
			t.Errorf("ends after %s", s.ExpiresAt().Sub(s.Created()))
		}
	})
	t.Run("idle", func(t *testing.T) {
		m := newManager(t, client, Options[login]{Prefix: "short", IdleTimeout: 50 * time.Millisecond})
		s := mustCreate(t, m, "ada", login{})
		for deadline := time.Now().Add(10 * time.Second); ttl(s, "short") >= 0; {
			if time.Now().After(deadline) {
				t.Fatal("does not expire")
			}
		}
		_, err := m.Load(t.Context(), s.Token())
		wantError(t, err, ErrNotFound)
		s.Data.Views++
		wantError(t, s.Save(t.Context()), ErrNotFound)
	})
	t.Run("absolute, even if Redis forgot to expire it", func(t *testing.T) {
		m := newManager(t, client, Options[login]{Prefix: "past"})
		s := mustCreate(t, m, "ada", login{})
		wantNoError(t, client.Do(t.Context(),
			client.B().Hset().Key("past:id:"+s.ID()).FieldValue().FieldValue("ends", "1000").Build()).Error())
		_, err := m.Load(t.Context(), s.Token())
		wantError(t, err, ErrNotFound)
		s.Data.Views++
		wantError(t, s.Save(t.Context()), ErrNotFound)
	})
}

// The index forgets what is older than the absolute limit, so nothing older may
// work.
func TestLoweredLimit(t *testing.T) {
	client := redistest.Single(t).Client(t)
	long := newManager(t, client, Options[login]{Lifetime: 100 * time.Hour})
	old := mustCreate(t, long, "ada", login{})
	hourAgo := fmt.Sprint(old.Created().Add(-time.Hour).UnixMilli())
	do(t, client, "HSET", long.key(old.ID()), "created", hourAgo)
	do(t, client, "ZADD", long.userKey("ada"), hourAgo, old.ID())

	short := newManager(t, client, Options[login]{Lifetime: 30 * time.Minute})
	fresh := mustCreate(t, short, "ada", login{})
	if got := ids(t, short, "ada"); !slices.Equal(got, []string{fresh.ID()}) {
		t.Errorf("listed %v", got)
	}
	_, err := short.Load(t.Context(), old.Token())
	wantError(t, err, ErrNotFound)
	wantError(t, short.Touch(t.Context(), old.ID()), ErrNotFound)
	late, err := long.Load(t.Context(), old.Token())
	wantNoError(t, err)
	late.m, late.Data.Views = short, 1
	wantError(t, late.Save(t.Context()), ErrNotFound)
}

func TestNothingUsableAtRest(t *testing.T) {
	client := redistest.Single(t).Client(t)
	m := newManager(t, client, Options[login]{})
	var tokens []token
	for range 20 {
		s := mustCreate(t, m, "ada", login{Device: "d"})
		tokens = append(tokens, s.token)
		wantNoError(t, s.Renew(t.Context()))
		tokens = append(tokens, s.token)
		s.Data.Views++
		wantNoError(t, s.Save(t.Context()))
	}
	content := everything(t, client)
	if !strings.Contains(content, tokens[0].id) || !strings.Contains(content, tokens[1].hash()) {
		t.Fatal("the scan sees nothing")
	}
	for _, tok := range tokens {
		for _, form := range secretForms(t, tok) {
			if strings.Contains(content, form) {
				t.Fatal("a secret is in Redis")
			}
		}
	}
}

func TestOptions(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for name, opt := range map[string]Options[login]{
		"negative idle":   {IdleTimeout: -1},
		"short absolute":  {Lifetime: time.Microsecond},
		"lazy touch":      {IdleTimeout: time.Minute, TouchInterval: 45 * time.Second},
		"braces":          {Prefix: "{all}"},
		"prefixed cookie": {Cookie: Cookie{Name: "__Host-session"}},
		"bad cookie":      {Cookie: Cookie{Name: "a b"}},
	} {
		if _, err := New(client, opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
