package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestTTLOf gives each value a life of its own, however it is stored, and
// stores none without.
func TestTTLOf(t *testing.T) {
	client := redistest.Single(t).Client(t)
	c := open(t, client, cache.Options[time.Duration]{Name: "ttl", TTL: time.Hour, RefreshAhead: 30 * time.Minute,
		TTLOf: func(key string, v time.Duration) time.Duration {
			if key == "none" {
				return 0
			}
			return v
		}})
	left := func(key string) time.Duration {
		ms, err := client.Do(t.Context(), client.B().Pttl().Key("ttl:e:"+key).Build()).AsInt64()
		must(t, err)
		return time.Duration(ms) * time.Millisecond
	}
	want := func(key string, d time.Duration) {
		t.Helper()
		if l := left(key); l > d || l < d-time.Minute {
			t.Errorf("%s lives for %s, want %s", key, l, d)
		}
	}
	var loads atomic.Int64
	load := func(v time.Duration) cache.Loader[time.Duration] {
		return func(context.Context, string) (time.Duration, error) { loads.Add(1); return v, nil }
	}
	get := func(key string, v time.Duration) {
		_, err := c.Get(t.Context(), key, load(v))
		must(t, err)
	}
	get("short", 2*time.Minute)
	get("long", 100*time.Hour)
	must(t, c.Set(t.Context(), "set", 5*time.Minute))
	_, err := c.Update(t.Context(), "updated",
		func(context.Context) (time.Duration, error) { return 7 * time.Minute, nil })
	must(t, err)
	want("short", 2*time.Minute)
	want("long", 100*time.Hour)
	want("set", 5*time.Minute)
	want("updated", 7*time.Minute)

	// One that lives less than RefreshAhead is not refreshed at once.
	before := loads.Load()
	for range 20 {
		get("short", 2*time.Minute)
	}
	if n := c.Stats().Refreshes; loads.Load() != before || n != 0 {
		t.Errorf("%d loads and %d refreshes of a new value", loads.Load()-before, n)
	}

	get("none", time.Hour)
	get("none", time.Hour)
	must(t, c.Set(t.Context(), "none", time.Hour))
	if loads.Load() != before+2 || left("none") > 0 {
		t.Errorf("%d loads, and it lives for %s", loads.Load()-before, left("none"))
	}
}
