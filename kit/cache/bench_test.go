package cache_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// Benchmark sets the paths of Get beside a bare GET with the same decoding, in
// one run.
func Benchmark(b *testing.B) {
	client := redistest.Start(b).Client(b)
	want := user{"Ada", 36}
	load := func(context.Context, string) (user, error) { return want, nil }
	plain := open(b, client, cache.Options[user]{Name: unique(b)})
	local := open(b, client, cache.Options[user]{Name: unique(b), LocalSize: 1000, Heartbeat: time.Minute})
	get := func(c *cache.Cache[user], key string) {
		if u, err := c.Get(b.Context(), key, load); err != nil || u != want {
			b.Fatal(u, err)
		}
	}
	data, err := json.Marshal(want)
	must(b, err)
	must(b, client.Do(b.Context(), client.B().Set().Key("bare").Value(string(data)).Build()).Error())
	b.Run("bare GET", func(b *testing.B) {
		for b.Loop() {
			var u user
			must(b, client.Do(b.Context(), client.B().Get().Key("bare").Build()).DecodeJSON(&u))
		}
	})
	b.Run("hit", func(b *testing.B) {
		for b.Loop() {
			get(plain, "k")
		}
	})
	b.Run("local hit", func(b *testing.B) {
		get(local, "k")
		eventually(b, "the local layer serves",
			func() bool { get(local, "k"); return local.Stats().LocalHits > 0 })
		for b.Loop() {
			get(local, "k")
		}
	})
	n := 0
	b.Run("miss", func(b *testing.B) {
		for b.Loop() {
			n++
			get(plain, fmt.Sprint("miss", n))
		}
	})
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprint("b", i)
	}
	b.Run("batch of 100", func(b *testing.B) {
		for b.Loop() {
			m, err := plain.GetMany(b.Context(), keys,
				func(_ context.Context, keys []string) (map[string]user, error) {
					m := make(map[string]user, len(keys))
					for _, k := range keys {
						m[k] = want
					}
					return m, nil
				})
			if err != nil || len(m) != len(keys) {
				b.Fatal(len(m), err)
			}
		}
	})
}
