package ratelimit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestWait spreads calls as the limit says, and does not begin a wait that the
// caller's deadline would end, nor one for a Redis that is away.
func TestWait(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	l := newLimiter(t, client, Options{}, Limit{Quota: 2, Window: 50 * time.Millisecond})
	var at []time.Time
	for i := range 6 {
		r, err := l.Wait(t.Context(), "k", 1)
		if err != nil || !r.Allowed {
			t.Fatalf("%+v, %v", r, err)
		}
		at = append(at, r.At)
		if i >= 2 && at[i].Sub(at[i-2]) < 50*time.Millisecond {
			t.Errorf("three calls within %s", at[i].Sub(at[i-2]))
		}
	}

	hourly := newLimiter(t, client, Options{Prefix: "hourly"}, PerHour(1))
	mustAllow(t, hourly, "k", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	r, err := hourly.Wait(ctx, "k", 1)
	if !errors.Is(err, context.DeadlineExceeded) || r.Allowed || r.RetryAfter < 59*time.Minute {
		t.Errorf("with a deadline: %+v, %v", r, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := hourly.Wait(ctx, "k", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}

	closed := newLimiter(t, client, Options{OnFailure: FailClosed}, PerHour(1))
	srv.Kill()
	if _, err := closed.Wait(t.Context(), "k", 1); !errors.Is(err, kit.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
}
