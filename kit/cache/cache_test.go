package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

type user struct {
	Name string
	Age  int
}

// open returns a cache that is closed before its client.
func open[V any](t testing.TB, client rueidis.Client, opt cache.Options[V]) *cache.Cache[V] {
	t.Helper()
	if opt.Name == "" {
		opt.Name = "test"
	}
	if opt.TTL == 0 {
		opt.TTL = time.Minute
	}
	if opt.Timeout == 0 {
		// A machine under load is no Redis in trouble; tests of that say so.
		opt.Timeout = 10 * time.Second
	}
	c, err := cache.New(client, opt)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// source is the thing that is cached.
type source struct {
	mu    sync.Mutex
	vals  map[string]string
	loads atomic.Int64
}

func newSource(kv ...string) *source {
	s := &source{vals: map[string]string{}}
	for i := 0; i < len(kv); i += 2 {
		s.vals[kv[i]] = kv[i+1]
	}
	return s
}

func (s *source) set(key, val string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vals[key] = val
}

func (s *source) now(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vals[key]
}

func (s *source) load(_ context.Context, key string) (string, error) {
	s.loads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.vals[key]
	if !ok {
		return "", fmt.Errorf("source: %s: %w", key, cache.ErrNotFound)
	}
	return v, nil
}

func (s *source) loadMany(_ context.Context, keys []string) (map[string]string, error) {
	s.loads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string)
	for _, k := range keys {
		if v, ok := s.vals[k]; ok {
			out[k] = v
		}
	}
	return out, nil
}

// wantGet gets key and checks value and the number of loads so far.
func wantGet(t *testing.T, c *cache.Cache[string], s *source, key, want string, loads int64) {
	t.Helper()
	got, err := c.Get(t.Context(), key, s.load)
	must(t, err)
	if got != want {
		t.Fatalf("Get(%q) = %q, want %q", key, got, want)
	}
	if n := s.loads.Load(); n != loads {
		t.Fatalf("the loader ran %d times, want %d", n, loads)
	}
}

// localServes waits until the local layer answers for key.
func localServes(t *testing.T, c *cache.Cache[string], s *source, key string) {
	t.Helper()
	eventually(t, "the local layer serves "+key, func() bool {
		before := c.Stats().LocalHits
		_, err := c.Get(t.Context(), key, s.load)
		must(t, err)
		return c.Stats().LocalHits > before
	})
}

// gets waits until a Get answers want, as it does once a push came.
func gets(t *testing.T, c *cache.Cache[string], s *source, key, want string) {
	t.Helper()
	eventually(t, key+" is "+want, func() bool {
		v, err := c.Get(t.Context(), key, s.load)
		must(t, err)
		return v == want
	})
}

func TestGetLoadsOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		name := unique(t)
		a := open(t, d.Client(t), cache.Options[user]{Name: name})
		b := open(t, d.Client(t), cache.Options[user]{Name: name})
		want := user{"Ada", 36}
		var loads atomic.Int64
		load := func(context.Context, string) (user, error) {
			loads.Add(1)
			return want, nil
		}
		for _, c := range []*cache.Cache[user]{a, b, a, b} {
			got, err := c.Get(t.Context(), "ada", load)
			must(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
		if n := loads.Load(); n != 1 {
			t.Fatalf("%d loads, want 1", n)
		}
		must(t, a.Delete(t.Context(), "ada"))
		if _, ok, err := b.Peek(t.Context(), "ada"); ok || err != nil {
			t.Fatalf("Peek after Delete = %v, %v", ok, err)
		}
		want.Age++
		must(t, b.Set(t.Context(), "ada", want))
		got, ok, err := a.Peek(t.Context(), "ada")
		if err != nil || !ok || got != want {
			t.Fatalf("Peek after Set = %v, %v, %v", got, ok, err)
		}
	})
}

func TestNegative(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		s := newSource()
		c := open(t, client, cache.Options[string]{Name: unique(t), NegativeTTL: 200 * time.Millisecond})
		for range 3 {
			if _, err := c.Get(t.Context(), "k", s.load); !errors.Is(err, cache.ErrNotFound) {
				t.Fatalf("err = %v, want ErrNotFound", err)
			}
		}
		if n := s.loads.Load(); n != 1 {
			t.Fatalf("%d loads, want 1", n)
		}
		s.set("k", "v")
		eventually(t, "the negative entry ends", func() bool {
			v, err := c.Get(t.Context(), "k", s.load)
			return err == nil && v == "v"
		})

		none := open(t, client, cache.Options[string]{Name: unique(t)})
		s = newSource()
		for range 2 {
			if _, err := none.Get(t.Context(), "k", s.load); !errors.Is(err, cache.ErrNotFound) {
				t.Fatalf("err = %v, want ErrNotFound", err)
			}
		}
		if n := s.loads.Load(); n != 2 {
			t.Fatalf("%d loads without NegativeTTL, want 2", n)
		}
	})
}

func TestTTLAndJitter(t *testing.T) {
	client := redistest.Single(t).Client(t)
	c := open(t, client, cache.Options[string]{TTL: 100 * time.Second, Jitter: 0.5, Stale: 10 * time.Second})
	seen := map[int64]bool{}
	for i := range 50 {
		key := fmt.Sprint(i)
		must(t, c.Set(t.Context(), key, "v"))
		ms, err := client.Do(t.Context(), client.B().Pttl().Key("test:e:"+key).Build()).AsInt64()
		must(t, err)
		if ms < 59_000 || ms > 110_000 {
			t.Fatalf("life %d ms, want 60 to 110 s", ms)
		}
		seen[ms/1000] = true
	}
	if len(seen) < 5 {
		t.Fatalf("50 lives fell into %d seconds only", len(seen))
	}
}

func TestTagsAndNamespace(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		for _, local := range []int{0, 100} {
			t.Run(fmt.Sprint("local", local), func(t *testing.T) {
				opt := cache.Options[string]{Name: unique(t), LocalSize: local,
					Tags: func(key string) []string { return []string{"all", "first:" + key[:1]} }}
				a := open(t, d.Client(t), opt)
				b := open(t, d.Client(t), opt)
				s := newSource("a1", "1", "a2", "2", "b1", "3")
				get := func(loads int64) {
					t.Helper()
					for _, k := range []string{"a1", "a2", "b1"} {
						_, err := a.Get(t.Context(), k, s.load)
						must(t, err)
					}
					if n := s.loads.Load(); n != loads {
						t.Fatalf("%d loads, want %d", n, loads)
					}
				}
				get(3)
				get(3)
				// By a itself: its own writes it must see at once, with a local
				// layer too.
				must(t, a.InvalidateTag(t.Context(), "first:a"))
				get(5)
				must(t, a.InvalidateTag(t.Context(), "all"))
				get(8)
				must(t, a.InvalidateAll(t.Context()))
				get(11)
				get(11)
				// By another: at once without a local layer, after the push
				// with one.
				must(t, b.InvalidateTag(t.Context(), "first:b"))
				if local == 0 {
					get(12)
				}
				eventually(t, "b1 is loaded anew", func() bool {
					_, err := a.Get(t.Context(), "b1", s.load)
					must(t, err)
					return s.loads.Load() == 12
				})
			})
		}
	})
}

func TestGetMany(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		for _, local := range []int{0, 1000} {
			t.Run(fmt.Sprint("local", local), func(t *testing.T) {
				c := open(t, d.Client(t), cache.Options[string]{
					Name: unique(t), NegativeTTL: time.Minute, LocalSize: local})
				s := newSource()
				var keys []string
				want := map[string]string{}
				for i := range 100 {
					k := fmt.Sprint("k", i)
					keys = append(keys, k, k) // doubled on purpose
					if i%10 != 0 {
						s.set(k, "v"+k)
						want[k] = "v" + k
					}
				}
				_, err := c.Get(t.Context(), "k5", s.load)
				must(t, err)
				for range 3 {
					got, err := c.GetMany(t.Context(), keys, s.loadMany)
					must(t, err)
					if d := cmp.Diff(want, got); d != "" {
						t.Fatal(d)
					}
				}
				if n := s.loads.Load(); n != 2 {
					t.Fatalf("%d loads, want one single and one batch", n)
				}
				must(t, c.Delete(t.Context(), "k1", "k2", "k3"))
				s.set("k2", "new")
				want["k2"] = "new"
				got, err := c.GetMany(t.Context(), keys, s.loadMany)
				must(t, err)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatal(d)
				}
				must(t, c.InvalidateAll(t.Context()))
				got, err = c.GetMany(t.Context(), keys, s.loadMany)
				must(t, err)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatal(d)
				}
				if n := s.loads.Load(); n != 4 {
					t.Fatalf("%d loads, want 4", n)
				}
			})
		}
	})
}
