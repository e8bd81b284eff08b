package ratelimit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

func newConcurrent(t *testing.T, client rueidis.Client, opt ConcurrentOptions) *Concurrent {
	t.Helper()
	c, err := NewConcurrent(client, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestConcurrent never has more under way than may be, and none of the places
// is lost.
func TestConcurrent(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		var under, most, entered atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			c := newConcurrent(t, d.Client(t), ConcurrentOptions{})
			for range 3 {
				all.Go(func() {
					for entered.Load() < 200 {
						leave, err := c.Enter(t.Context(), "ada", 3)
						if errors.Is(err, ErrBusy) {
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						entered.Add(1)
						if n := under.Add(1); n > most.Load() {
							most.Store(n)
						}
						under.Add(-1)
						leave()
						leave()
					}
				})
			}
		}
		all.Wait()
		if most.Load() > 3 || entered.Load() < 200 {
			t.Errorf("%d at a time, %d in all", most.Load(), entered.Load())
		}
		client := d.Client(t)
		n, err := client.Do(t.Context(), client.B().Zcard().Key("concurrent:{ada}").Build()).AsInt64()
		if err != nil || n != 0 {
			t.Errorf("%d are left, %v", n, err)
		}
	})
}

// TestConcurrentLease counts those who live, however long, and no longer those
// who died; and who was forgotten is counted again.
func TestConcurrentLease(t *testing.T) {
	client := redistest.Single(t).Client(t)
	const key = "concurrent:{ada}"
	living := newConcurrent(t, client, ConcurrentOptions{Lease: 600 * time.Millisecond})
	do(t, client, "ZADD", key, "1", "one who died")
	leave, err := living.Enter(t.Context(), "ada", 1)
	if err != nil {
		t.Fatal("the dead still counts: ", err)
	}
	defer leave()
	ends := func() float64 {
		list := client.B().Zrange().Key(key).Min("0").Max("-1").Withscores().Build()
		entered, err := client.Do(t.Context(), list).AsZScores()
		if err != nil {
			t.Fatal(err)
		}
		if len(entered) == 0 {
			return 0
		}
		return entered[0].Score
	}
	first := ends()
	for ends() == first { // until it is renewed
	}
	other := newConcurrent(t, client, ConcurrentOptions{})
	if _, err := other.Enter(t.Context(), "ada", 1); !errors.Is(err, ErrBusy) {
		t.Fatalf("the living does not count any more: %v", err)
	}
	do(t, client, "DEL", key)
	for ends() == 0 { // until it enters again
	}
	for _, bad := range []struct {
		key  string
		most int
		want error
	}{{"", 1, ErrKey}, {"k", 0, ErrCount}} {
		if _, err := other.Enter(t.Context(), bad.key, bad.most); !errors.Is(err, bad.want) {
			t.Error(err)
		}
	}
}

func TestConcurrentAway(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	var told atomic.Int64
	enter := map[OnFailure]*Concurrent{}
	for _, f := range []OnFailure{ReturnError, FailOpen, FailClosed} {
		enter[f] = newConcurrent(t, client, ConcurrentOptions{OnFailure: f, Timeout: 100 * time.Millisecond,
			OnError: func(error) { told.Add(1) }})
	}
	leave, err := enter[ReturnError].Enter(t.Context(), "k", 1)
	if err != nil {
		t.Fatal(err)
	}
	handler := func(f OnFailure) int {
		w := httptest.NewRecorder()
		enter[f].Handler(1, HTTP{Key: func(*http.Request) string { return "k" }},
			nothing).
			ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Code
	}
	if got := handler(FailOpen); got != 429 {
		t.Errorf("busy: %d", got)
	}
	srv.Kill()
	leave()
	if told.Load() != 1 {
		t.Errorf("told %d times that leaving failed", told.Load())
	}
	if _, err := enter[ReturnError].Enter(t.Context(), "k", 1); !errors.Is(err, kit.ErrUnavailable) {
		t.Error(err)
	}
	for f, want := range map[OnFailure]int{ReturnError: 503, FailOpen: 200, FailClosed: 429} {
		for range 5 { // the breaker answers too
			if got := handler(f); got != want {
				t.Errorf("%d: %d, want %d", f, got, want)
			}
		}
	}
	if _, err := NewConcurrent(client, ConcurrentOptions{OnFailure: FailLocal}); err == nil {
		t.Error("FailLocal is taken")
	}
}
