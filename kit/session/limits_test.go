package session

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestLimitsOfOneSession logs in with and without "remember me".
func TestLimitsOfOneSession(t *testing.T) {
	srv := redistest.Single(t)
	m := newManager(t, srv.Client(t), Options[login]{IdleTimeout: 24 * time.Hour, Lifetime: 240 * time.Hour})
	short := Limits{IdleTimeout: time.Hour, Lifetime: 12 * time.Hour, UntilClosed: true}

	var s *Session[login]
	cookie := func(handler http.HandlerFunc) string {
		return serve(m, s.Token(), handler).Header().Get("Set-Cookie")
	}
	s = mustCreate(t, m, "", login{})
	in := func(limits Limits) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var err error
			s, err = m.LoginWithin(r.Context(), "ada", login{}, limits)
			wantNoError(t, err)
		}
	}
	if c := cookie(in(Limits{})); !strings.Contains(c, "Max-Age=864000") {
		t.Errorf("remembered: %s", c)
	}
	if c := cookie(in(short)); c == "" || strings.Contains(c, "Max-Age") {
		t.Errorf("not remembered: %s", c)
	}
	s = mustLoad(t, m, s.Token())
	r := serve(m, s.Token(), func(w http.ResponseWriter, r *http.Request) {
		wantNoError(t, m.Renew(r.Context()))
		s = m.FromContext(r.Context())
	})
	if c := r.Header().Get("Set-Cookie"); c == "" || strings.Contains(c, "Max-Age") {
		t.Errorf("not remembered, renewed: %s", c)
	}

	left := func(s *Session[login]) time.Duration {
		n, err := srv.Client(t).Do(t.Context(), srv.Client(t).B().Pttl().Key(m.key(s.ID())).Build()).AsInt64()
		wantNoError(t, err)
		return time.Duration(n) * time.Millisecond
	}
	within := func(what string, got, want time.Duration) {
		t.Helper()
		if got > want || got < want-time.Minute {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	s.Data.Views = 1
	wantNoError(t, s.Save(t.Context()))
	within("unused, after a save", left(s), time.Hour)
	within("at most", mustLoad(t, m, s.Token()).TTL(), 12*time.Hour)
	within("unused, remembered", left(mustCreate(t, m, "ada", login{})), 24*time.Hour)
	if len(ids(t, m, "ada")) != 2 {
		t.Error("not both are listed")
	}

	for _, beyond := range []Limits{{Lifetime: 241 * time.Hour}, {IdleTimeout: 25 * time.Hour},
		{Lifetime: -1}, {IdleTimeout: time.Microsecond}} {
		if _, err := m.CreateWithin(t.Context(), "ada", login{}, beyond); err == nil {
			t.Errorf("%+v is allowed", beyond)
		}
	}
}

// TestIdleLimitOfOneSession ends a session that is not used for its own limit,
// and not one that is: the interval between two touches shrinks with it.
func TestIdleLimitOfOneSession(t *testing.T) {
	srv := redistest.Single(t)
	client := srv.Client(t)
	m := newManager(t, client, Options[login]{})
	s, err := m.CreateWithin(t.Context(), "ada", login{}, Limits{IdleTimeout: 10 * time.Second})
	wantNoError(t, err)
	key := m.key(s.ID())
	wantNoError(t, client.Do(t.Context(), client.B().Pexpire().Key(key).Milliseconds(5000).Build()).Error())
	// As if the last use were two seconds ago, below the manager's minute.
	seen := s.LastSeen().Add(-2 * time.Second).UnixMilli()
	wantNoError(t, client.Do(t.Context(),
		client.B().Arbitrary("HSET").Keys(key).Args("seen", ms(time.Duration(seen)*time.Millisecond)).Build()).Error())
	mustLoad(t, m, s.Token())
	left, err := client.Do(t.Context(), client.B().Pttl().Key(key).Build()).AsInt64()
	if err != nil || left < 9000 || left > 10_000 {
		t.Errorf("%d ms left, %v", left, err)
	}
}
