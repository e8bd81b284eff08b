package live_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// TestFull: a person, a server and its hub take so many connections and no
// more, and others take the places of those that go.
func TestFull(t *testing.T) {
	for name, c := range map[string]struct {
		limit func(*livetest.Config)
		one   bool // of one person
	}{
		"a person":   {func(s *livetest.Config) { s.Hub.MaxUserConns = 3 }, true},
		"the server": {func(s *livetest.Config) { s.Live.MaxConns = 3 }, false},
		"the hub":    {func(s *livetest.Config) { s.Hub.MaxConns = 3 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, nil, func(t *testing.T, over transport) {
				f := newFixture(t, c.limit)
				late := f.Member("Ada")
				var inside []client
				for _, person := range []string{"Ann", "Bob", "Cid"} {
					token := late
					if !c.one {
						token = f.Member(person)
					}
					inside = append(inside, f.dial(over, token))
				}
				if _, refused := over.open(f, late); refused == nil ||
					refused.code != chat.CodeRateLimited {
					t.Errorf("a fourth: %+v", refused)
				}
				if c.one {
					f.wantLife(over, f.dial(over, f.Member("Mary")), "another person")
				}
				if c.one && over.lateLogIn {
					c := f.dial(over, "")
					if _, code := c.call("authenticate",
						map[string]any{"token": late}); code != chat.CodeRateLimited {
						t.Errorf("a fourth that authenticates later: %q", code)
					}
				}
				inside[0].close()
				wstest.Eventually(t, "a place to come free", func() bool {
					_, refused := over.open(f, late)
					return refused == nil
				})
				f.wantLife(over, inside[1], "one who was there")
			})
		})
	}
}

// TestUnauthenticatedAreFew: those of one address have a bound of their own.
func TestUnauthenticatedAreFew(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, func(s *livetest.Config) { s.Live.MaxUnauthenticated = 50 })
		for range 5 {
			f.dial(over, "")
		}
		if _, refused := over.open(f, ""); refused == nil || refused.code != chat.CodeRateLimited {
			t.Errorf("a sixth: %+v", refused)
		}
		f.dial(over, f.Member("Ada"))
	})
}

func TestTooManyFrames(t *testing.T) {
	each(t, nil, func(t *testing.T, over transport) {
		f := newFixture(t, func(s *livetest.Config) { s.Live.MaxFrames = 50 })
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
		f.Down.Store(&down)
		for range all {
			c.send("session.list", map[string]any{})
		}
		wstest.Eventually(t, "calls to wait for the store", func() bool { return busy.Load() == most })
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
		for _, c := range []struct {
			method string
			in     map[string]any
		}{
			{"ping", map[string]any{}}, {"sync", map[string]any{}}, {"authenticate", map[string]any{"token": "wrong"}},
			{"presence.watch", map[string]any{"users": []string{}}}, {"presence.watch", map[string]any{"nothing": 1}},
			// Decoding what is refused is work, too.
			{"ping", map[string]any{"nothing": 1}}, {"sync", map[string]any{"nothing": 1}},
			{"authenticate", map[string]any{"nothing": 1}}, {"message.send", map[string]any{"nothing": 1}},
		} {
			f := newFixture(t, func(s *livetest.Config) {
				s.Chat.Limits.Calls = chat.Rate{Limit: 5, Window: time.Hour}
			})
			token, _ := f.person("Ada", chat.RoleMember)
			if c.method == "authenticate" {
				token = ""
			}
			conn := f.dial(over, token)
			last := chat.Code("")
			for range 6 {
				_, last = conn.call(c.method, c.in)
			}
			if last != chat.CodeRateLimited {
				t.Errorf("the sixth %s of %v: %q", c.method, c.in, last)
			}
		}
	})
}
