package ratelimit

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// The master behind Sentinels is lost: until it is replaced each limiter
// answers by its policy, and nothing is counted. The new master goes on with
// the count as it stood.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	set := redistest.StartSentinel(t)
	client := set.Client(t)
	limits := []Limit{{Name: "log", Quota: 10, Window: time.Hour},
		{Name: "counter", Quota: 12, Window: 24 * time.Hour, Approximate: true}}
	limiters := map[OnFailure]*Limiter{}
	for _, away := range []OnFailure{ReturnError, FailOpen, FailClosed} {
		limiters[away] = newLimiter(t, client, Options{OnFailure: away, Timeout: 100 * time.Millisecond},
			limits...)
	}
	l := limiters[ReturnError]
	mustAllow(t, l, "k", 4)

	replace := set.Lose(t)
	for range 3 {
		r, err := l.Allow(t.Context(), "k")
		wantAway(t, "allow", err)
		if r.Allowed {
			t.Error("allowed without knowing the count")
		}
		_, err = l.Peek(t.Context(), "k")
		wantAway(t, "peek", err)
		if r := mustAllow(t, limiters[FailOpen], "k", 1); !r.Allowed || r.Err == nil {
			t.Errorf("allow: %+v", r)
		}
		if r := mustAllow(t, limiters[FailClosed], "k", 1); r.Allowed || r.Err == nil {
			t.Errorf("refuse: %+v", r)
		}
	}

	replace()
	l = newLimiter(t, client, Options{}, limits...) // with time to answer
	r, err := l.Peek(t.Context(), "k")
	for deadline := time.Now().Add(20 * time.Second); err != nil; r, err = l.Peek(t.Context(), "k") {
		wantAway(t, "peek until the new master is found", err)
		if time.Now().After(deadline) {
			t.Fatalf("the new master was not found: %v", err)
		}
	}
	if r.Limits[0].Remaining != 6 || r.Limits[1].Remaining != 8 {
		t.Errorf("after 4 calls before and none during the failover: %+v", r)
	}
	for i := range int64(8) {
		if r := mustAllow(t, l, "k", 1); r.Allowed != (i < 6) || r.Limits[0].Remaining != max(5-i, 0) {
			t.Errorf("call %d on the new master: %+v", i, r)
		}
	}
}
