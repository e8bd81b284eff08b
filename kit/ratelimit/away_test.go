package ratelimit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

func wantAway(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, ErrCount) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrKey) {
		t.Errorf("%s: error %v", what, err)
	}
}

// breakages are the ways in which a Redis can be there and not answer.
var breakages = map[string]func(t *testing.T, s *redistest.Server, admin rueidis.Client){
	"down":  func(_ *testing.T, s *redistest.Server, _ rueidis.Client) { s.Kill() },
	"hangs": func(t *testing.T, s *redistest.Server, _ rueidis.Client) { s.Pause(); t.Cleanup(s.Resume) },
	"denied": func(t *testing.T, _ *redistest.Server, admin rueidis.Client) {
		do(t, admin, "ACL", "SETUSER", "default", "-evalsha")
	},
	"denied inside": func(t *testing.T, _ *redistest.Server, admin rueidis.Client) {
		do(t, admin, "ACL", "SETUSER", "default", "-lrange")
	},
	"wrong type": func(t *testing.T, _ *redistest.Server, admin rueidis.Client) {
		do(t, admin, "SET", "ratelimit:{k}:second", "x")
	},
}

func TestAway(t *testing.T) {
	t.Parallel()
	for name, breakIt := range breakages {
		t.Run(name, func(t *testing.T) {
			srv := redistest.Start(t)
			client := srv.Client(t)
			limiters := map[OnFailure]*Limiter{}
			for _, away := range []OnFailure{ReturnError, FailOpen, FailClosed} {
				limiters[away] = newLimiter(t, client,
					Options{OnFailure: away, Timeout: 200 * time.Millisecond}, PerSecond(10))
				mustAllow(t, limiters[away], "k", 1)
			}
			breakIt(t, srv, srv.Client(t))

			call := func(away OnFailure) (Result, error) {
				type answer struct {
					r   Result
					err error
				}
				done := make(chan answer, 1)
				go func() {
					r, err := limiters[away].Allow(context.Background(), "k")
					done <- answer{r, err}
				}()
				select {
				case a := <-done:
					return a.r, a.err
				case <-time.After(10 * time.Second):
					t.Fatal("hangs")
					return Result{}, nil
				}
			}
			r, err := call(ReturnError)
			wantAway(t, "default", err)
			if r.Allowed {
				t.Error("default: allowed")
			}
			if r, err := call(FailOpen); err != nil || !r.Allowed || r.Err == nil {
				t.Errorf("allow: %+v, %v", r, err)
			}
			if r, err := call(FailClosed); err != nil || r.Allowed || r.Err == nil {
				t.Errorf("refuse: %+v, %v", r, err)
			}
			_, err = limiters[ReturnError].Peek(t.Context(), "k")
			wantAway(t, "peek", err)

			serve := func(away OnFailure) *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				limiters[away].Handler(HTTP{Key: func(*http.Request) string { return "k" }},
					http.HandlerFunc(func(w http.ResponseWriter,
						_ *http.Request) {
						w.WriteHeader(http.StatusNoContent)
					})).
					ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				return w
			}
			for away, status := range map[OnFailure]int{ReturnError: 503, FailOpen: 204, FailClosed: 429} {
				if w := serve(away); w.Code != status || w.Header().Get("RateLimit") != "" {
					t.Errorf("policy %d: %d %v", away, w.Code, w.Header())
				}
			}
		})
	}
}

// The caller's deadline and cancellation hold, and a caller who gave up gets no
// policy's answer.
func TestContext(t *testing.T) {
	srv := redistest.Start(t)
	l := newLimiter(t, srv.Client(t), Options{OnFailure: FailOpen, Timeout: time.Minute}, PerSecond(10))
	mustAllow(t, l, "k", 1)
	srv.Pause()
	t.Cleanup(srv.Resume)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := l.Allow(ctx, "k"); err != nil || !r.Allowed ||
		!errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("deadline: %+v, %v", r, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if r, err := l.Allow(ctx, "k"); !errors.Is(err, context.Canceled) || r.Allowed {
		t.Errorf("cancelled: %+v, %v", r, err)
	}
}

func TestScriptFlush(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		l := newLimiter(t, client, Options{}, PerHour(100))
		for i := range int64(10) {
			if r := mustAllow(t, l, "k", 1); r.Limits[0].Remaining != 99-i {
				t.Errorf("call %d: %+v", i, r)
			}
			for _, node := range client.Nodes() {
				do(t, node, "SCRIPT", "FLUSH")
			}
		}
	})
}

// A full Redis cannot take a call and says so; it still refuses exactly,
// because a refusal writes nothing.
func TestFull(t *testing.T) {
	client := redistest.Start(t).Client(t)
	l := newLimiter(t, client, Options{}, Limit{Name: "log", Quota: 2, Window: time.Hour},
		Limit{Name: "counter", Quota: 3, Window: time.Hour, Approximate: true})
	mustAllow(t, l, "used", 2)
	do(t, client, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	do(t, client, "CONFIG", "SET", "maxmemory", "1")
	if r := mustAllow(t, l, "used", 1); r.Allowed || r.Limits[1].Remaining != 1 {
		t.Errorf("%+v", r)
	}
	_, err := l.Allow(t.Context(), "new")
	wantAway(t, "full", err)
	do(t, client, "CONFIG", "SET", "maxmemory", "0")
	if r := mustAllow(t, l, "new", 1); r.Limits[0].Remaining != 1 || r.Limits[1].Remaining != 2 {
		t.Errorf("the call that failed was counted: %+v", r)
	}
}

// TestFailOpenDoesNotWait makes 100 calls while Redis is silent: the first
// wait, the others do not.
func TestFailOpenDoesNotWait(t *testing.T) {
	srv := redistest.Start(t)
	told := 0
	opt := Options{OnFailure: FailOpen, OnError: func(error) { told++ }}
	l := newLimiter(t, srv.Client(t), opt, PerSecond(10))
	mustAllow(t, l, "k", 1)
	srv.Pause()
	for range 100 {
		r, err := l.Allow(t.Context(), "k")
		if err != nil || !r.Allowed || !errors.Is(r.Err, kit.ErrUnavailable) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if !l.breaker.Open() || told != 100 {
		t.Errorf("every call waits for Redis, or %d errors were told", told)
	}
	srv.Resume()
	for {
		if r, err := l.Allow(t.Context(), "other"); err == nil && r.Err == nil {
			break
		}
	}
}
