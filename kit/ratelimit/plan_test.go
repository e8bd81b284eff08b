package ratelimit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// TestLimitsPerCall takes by the caller's plan, of which a change forgets
// nothing.
func TestLimitsPerCall(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		l := newLimiter(t, d.Client(t), Options{}, PerHour(1))
		take := func(count int64, limits ...Limit) Result {
			t.Helper()
			r, err := l.AllowLimits(t.Context(), "ada", count, limits...)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		mustAllow(t, l, "ada", 1)
		if r := take(1, PerHour(1)); r.Allowed {
			t.Error("the plan of the limiter is not that of the call")
		}
		if r := take(9, PerHour(10), Limit{Name: "pace", Quota: 100, Window: time.Hour, Burst: 9}); !r.Allowed ||
			r.Limits[0].Remaining != 0 || r.Limits[1].Remaining != 0 {
			t.Errorf("%+v", r)
		}
		if r := take(1, PerHour(10)); r.Allowed || r.Limits[0].Limit.Quota != 10 {
			t.Errorf("%+v", r)
		}
		if _, err := l.AllowLimits(t.Context(), "ada", 11, PerHour(10)); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
		for _, bad := range [][]Limit{nil, {PerHour(0)}, {PerHour(1), PerHour(2)}} {
			if _, err := l.AllowLimits(t.Context(), "ada", 1, bad...); err == nil {
				t.Errorf("%v is taken", bad)
			}
		}
	})
}

// TestHandlerLimits serves each caller by a plan of its own.
func TestHandlerLimits(t *testing.T) {
	l := newLimiter(t, redistest.Single(t).Client(t), Options{}, PerHour(1))
	quota := int64(0)
	handler := l.Handler(HTTP{
		Key:    func(*http.Request) string { return "ada" },
		Limits: func(*http.Request) []Limit { return []Limit{PerHour(quota)} },
	}, nothing)
	for _, c := range []struct {
		quota  int64
		status int
	}{{2, 200}, {2, 200}, {2, 429}, {3, 200}, {0, 503}} {
		quota = c.quota
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != c.status {
			t.Errorf("quota %d: %d, want %d", c.quota, w.Code, c.status)
		}
	}
}

// TestPaceIsKept admits no more than the burst and the pace in any stretch of
// time, and holds a key of constant size.
func TestPaceIsKept(t *testing.T) {
	client := redistest.Single(t).Client(t)
	limit := Limit{Quota: 1000, Window: time.Second, Burst: 5}
	l := newLimiter(t, client, Options{}, limit)
	var at []time.Time
	for len(at) < 100 {
		if r := mustAllow(t, l, "k", 1); r.Allowed {
			at = append(at, r.At)
		}
	}
	for i := range at {
		for j := i; j < len(at); j++ {
			if most := 5 + int(at[j].Sub(at[i])/time.Millisecond) + 1; j-i+1 > most {
				t.Fatalf("%d calls in %s", j-i+1, at[j].Sub(at[i]))
			}
		}
	}
	size, err := client.Do(t.Context(), client.B().Strlen().Key(l.keys(l.limits, "k")[0]).Build()).AsInt64()
	if err != nil || size > 40 {
		t.Errorf("%d bytes, %v", size, err)
	}
	for _, bad := range []Limit{{Quota: 5, Window: time.Second, Burst: 6},
		{Quota: 5, Window: time.Second, Burst: -1},
		{Quota: 5, Window: time.Second, Burst: 1, Approximate: true}} {
		if _, err := New(client, Options{}, bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestPaceChanges keeps what was taken when the quota or the window changes,
// and drops a state from far ahead of the clock.
func TestPaceChanges(t *testing.T) {
	client := redistest.Single(t).Client(t)
	c := newClocked(t, client, "pace", Limit{Quota: 10, Window: 10 * time.Second, Burst: 10})
	c.take(10)
	c.limits[0].Window, c.args[2] = 20*time.Second, "20000000"
	if r := c.take(1); r.Allowed || r.RetryAfter != 2*time.Second {
		t.Errorf("half as fast: %+v", r)
	}
	c.advance(-5 * time.Second)
	if r := c.take(1); r.Allowed || r.RetryAfter != 2*time.Second {
		t.Errorf("a clock that went back a little: %+v", r)
	}
	c.advance(-time.Hour)
	if r := c.take(10); !r.Allowed {
		t.Errorf("a clock that went back far: %+v", r)
	}
}

// TestFailLocal limits in the process while Redis is away, and its part only.
func TestFailLocal(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	limits := []Limit{{Name: "hour", Quota: 10, Window: time.Hour},
		{Name: "pace", Quota: 8, Window: time.Hour, Burst: 8}}
	opt := Options{OnFailure: FailLocal, Timeout: 50 * time.Millisecond}
	alone := newLimiter(t, client, opt, limits...)
	opt.Processes = 4
	shared := newLimiter(t, client, opt, limits...)
	mustAllow(t, alone, "ada", 1)
	srv.Kill()
	for l, want := range map[*Limiter]int{alone: 8, shared: 2} {
		for range 2 {
			passed := 0
			var last Result
			for range 12 {
				r := mustAllow(t, l, "ada", 1)
				if !errors.Is(r.Err, kit.ErrUnavailable) {
					t.Fatalf("%+v", r)
				}
				if r.Allowed {
					passed++
				}
				last = r
			}
			if passed != want || len(last.Limits) != 2 || last.Limits[1].Remaining != 0 {
				t.Errorf("%d passed, want %d: %+v", passed, want, last)
			}
			if wait := last.RetryAfter; wait < 7*time.Minute || wait > 30*time.Minute {
				t.Errorf("to wait for %s", wait)
			}
			if r, err := l.Peek(t.Context(), "bob"); err != nil || !r.Allowed {
				t.Errorf("another: %+v, %v", r, err)
			}
			w := httptest.NewRecorder()
			l.Handler(HTTP{Key: func(*http.Request) string { return "ada" }},
				nothing).
				ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != 429 || w.Header().Get("Retry-After") == "" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			if err := l.Reset(t.Context(), "ada"); !errors.Is(err, kit.ErrUnavailable) {
				t.Error(err)
			}
		}
	}
}

// TestInsuranceForgets what is used least, beyond so many keys.
func TestInsuranceForgets(t *testing.T) {
	var in insurance
	now := time.Now()
	limits := []Limit{PerHour(1)}
	key := make([]byte, 3)
	for i := range 3 * localKeys {
		key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
		in.take(now, []string{string(key)}, limits, 1, 1, true)
		if i%1000 == 0 {
			if r := in.take(now, []string{"used"}, limits, 1, 1, true); r.Allowed != (i == 0) {
				t.Fatalf("after %d keys: %+v", i, r)
			}
		}
	}
	if n := len(in.young) + len(in.grown); n > 2*localKeys {
		t.Errorf("%d keys are kept", n)
	}
	if r := in.take(now.Add(time.Hour), []string{"used"}, limits, 1, 1, true); !r.Allowed {
		t.Errorf("an hour later: %+v", r)
	}
}
