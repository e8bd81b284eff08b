package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	gocache "github.com/go-redis/cache/v9"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// The peer does less: go-redis/cache has no lease, so that a race can leave an
// old value and each process loads, and its local layer hears of no change made
// elsewhere.

type profile struct {
	ID, Name, Mail string
	Age            int
}

var sample = profile{"01HZX3V8", "Ada Lovelace", "ada@example.org", 36}

// subject is one cache behind the calls that are compared.
type subject struct {
	name string
	get  func(key string) error
	many func(keys []string) error
}

// subjects are ours and the peer, both with a local layer or both without.
func subjects(b *testing.B, s *redistest.Server, local bool) []subject {
	b.Helper()
	ctx := context.Background()
	size := 0
	peer := &gocache.Options{Redis: goRedis(b, s)}
	if local {
		size, peer.LocalCache = 100_000, gocache.NewTinyLFU(100_000, time.Hour)
	}
	c, err := cache.New(s.Client(b), cache.Options[profile]{Name: "kit", TTL: time.Hour, LocalSize: size,
		Heartbeat: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	load := func(context.Context, string) (profile, error) { return sample, nil }
	loadMany := func(_ context.Context, keys []string) (map[string]profile, error) {
		m := make(map[string]profile, len(keys))
		for _, k := range keys {
			m[k] = sample
		}
		return m, nil
	}
	theirs := gocache.New(peer)
	once := func(key string) error {
		var p profile
		return theirs.Once(&gocache.Item{Ctx: ctx, Key: "peer" + key, Value: &p, TTL: time.Hour,
			Do: func(*gocache.Item) (any, error) { return sample, nil }})
	}
	return []subject{
		{"kit", func(key string) error { _, err := c.Get(ctx, key, load); return err },
			func(keys []string) error { _, err := c.GetMany(ctx, keys, loadMany); return err }},
		// It has no batches, so that its users ask key by key.
		{"go-redis-cache", once, func(keys []string) error {
			for _, k := range keys {
				if err := once(k); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// compare has both caches do the same by turns, without a local layer and with.
func compare(b *testing.B, do func(c subject, i int) error) {
	for _, local := range []bool{false, true} {
		b.Run(fmt.Sprintf("local=%v", local), func(b *testing.B) {
			s := redistest.Start(b)
			var all []work
			for _, c := range subjects(b, s, local) {
				all = append(all, work{c.name, func(i int) error { return do(c, i) }})
			}
			beside(b, s, all[0], all[1:]...)
		})
	}
}

func BenchmarkCacheHit(b *testing.B) {
	compare(b, func(c subject, _ int) error { return c.get("hot") })
}

func BenchmarkCacheMiss(b *testing.B) {
	compare(b, func(c subject, i int) error { return c.get(fmt.Sprint("miss", i)) })
}

func BenchmarkCacheBatch100(b *testing.B) {
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprint("b", i)
	}
	compare(b, func(c subject, _ int) error { return c.many(keys) })
}

func BenchmarkCacheHitParallel(b *testing.B) {
	for _, local := range []bool{false, true} {
		for _, c := range subjects(b, redistest.Start(b), local) {
			b.Run(fmt.Sprintf("%s/local=%v", c.name, local), func(b *testing.B) {
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := c.get("hot"); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}
