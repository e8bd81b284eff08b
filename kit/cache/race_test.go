package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// gate is a loader that tells when it has read the source and then waits.
type gate struct {
	s      *source
	loaded chan struct{}
	shut   chan struct{}
	once   sync.Once
}

// newGate returns a gate that opens with the end of the test at the latest, so
// that the cache can be closed.
func newGate(t *testing.T, s *source) *gate {
	g := &gate{s: s, loaded: make(chan struct{}, 16), shut: make(chan struct{})}
	t.Cleanup(g.open)
	return g
}

func (g *gate) open() { g.once.Do(func() { close(g.shut) }) }

func (g *gate) load(ctx context.Context, key string) (string, error) {
	v, err := g.s.load(ctx, key)
	g.loaded <- struct{}{}
	<-g.shut
	return v, err
}

// A reader has loaded the old value; the source is written and the cache told
// of it; then the reader stores. However the cache was told, the old value must
// not be left there.
func TestOldValueIsNotStored(t *testing.T) {
	tell := map[string]func(ctx context.Context, c *cache.Cache[string]) error{
		"Delete": func(ctx context.Context, c *cache.Cache[string]) error { return c.Delete(ctx, "k") },
		"Set":    func(ctx context.Context, c *cache.Cache[string]) error { return c.Set(ctx, "k", "new") },
		"Update": func(ctx context.Context, c *cache.Cache[string]) error {
			_, err := c.Update(ctx, "k", func(context.Context) (string, error) { return "new", nil })
			return err
		},
		"InvalidateTag": func(ctx context.Context,
			c *cache.Cache[string]) error {
			return c.InvalidateTag(ctx, "tag")
		},
		"InvalidateAll": func(ctx context.Context,
			c *cache.Cache[string]) error {
			return c.InvalidateAll(ctx)
		},
	}
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		ca, cb := d.Client(t), d.Client(t)
		for name, tell := range tell {
			for _, batch := range []bool{false, true} {
				for _, same := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/batch=%v/same=%v", name, batch, same), func(t *testing.T) {
						opt := cache.Options[string]{Name: unique(t), LocalSize: 10,
							Tags: func(string) []string { return []string{"tag"} }}
						reader := open(t, ca, opt)
						writer := reader
						if !same {
							writer = open(t, cb, opt)
						}
						s := newSource("k", "old")
						g := newGate(t, s)
						got := make(chan string, 1)
						go func() {
							var v string
							if batch {
								m, _ := reader.GetMany(context.Background(), []string{"k"},
									func(ctx context.Context, keys []string) (map[string]string, error) {
										v, err := g.load(ctx, keys[0])
										return map[string]string{"k": v}, err
									})
								v = m["k"]
							} else {
								v, _ = reader.Get(context.Background(), "k", g.load)
							}
							got <- v
						}()
						<-g.loaded
						s.set("k", "new")
						must(t, tell(t.Context(), writer))

						// Who comes now gets the new value. While the old load
						// is still on its way, too, except that after an
						// invalidation of many it is waited for first.
						if name == "InvalidateTag" || name == "InvalidateAll" {
							g.open()
						}
						for _, c := range []*cache.Cache[string]{reader, writer} {
							v, err := c.Get(t.Context(), "k", s.load)
							must(t, err)
							if v != "new" {
								t.Fatalf("Get after the write = %q", v)
							}
						}
						g.open()
						// The reader's own call began before the write: it may
						// see either.
						if v := <-got; v != "old" && v != "new" {
							t.Fatalf("the reader got %q", v)
						}
						for _, c := range []*cache.Cache[string]{reader, writer} {
							v, ok, err := c.Peek(t.Context(), "k")
							must(t, err)
							if ok && v != "new" {
								t.Fatalf("the cache was left with %q", v)
							}
						}
						if n := reader.Stats().Refused; n != 1 {
							t.Fatalf("%d results were refused, want 1", n)
						}
					})
				}
			}
		}
	})
}

// Readers and writers at random; a value that is older than what was told to
// the cache before the read began is a lie.
func TestNoReadIsOlderThanATellingBeforeIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		const keys = 3
		var db, told [keys]atomic.Int64 // versions
		var writing [keys]sync.Mutex    // the source has one order of writes for each key
		key := func(i int) string { return strconv.Itoa(i) }
		load := func(_ context.Context, k string) (int64, error) {
			i, _ := strconv.Atoi(k)
			v := db[i].Load()
			runtime.Gosched()
			return v, nil
		}
		loadMany := func(ctx context.Context, ks []string) (map[string]int64, error) {
			out := make(map[string]int64)
			for _, k := range ks {
				out[k], _ = load(ctx, k)
			}
			return out, nil
		}
		advance := func(i int, v int64) {
			for {
				old := told[i].Load()
				if old >= v || told[i].CompareAndSwap(old, v) {
					return
				}
			}
		}
		opt := cache.Options[int64]{Name: unique(t), TTL: 30 * time.Millisecond, Stale: 0,
			Tags: func(k string) []string { return []string{"tag" + k} }}
		flusher := d.Client(t)
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var failed atomic.Bool
		var reads atomic.Int64
		goesOn := func() bool { // a second, and on a busy machine longer
			return !failed.Load() && (ctx.Err() == nil || reads.Load() < 100)
		}
		for range 2 {
			c := open(t, d.Client(t), opt)
			for n := range 4 {
				wg.Go(func() { // readers
					for i := n; goesOn(); i++ {
						k := i % keys
						floor := told[k].Load()
						v, err := c.Get(context.Background(), key(k), load)
						if err == nil && n == 3 {
							var m map[string]int64
							floor = told[k].Load()
							m, err = c.GetMany(context.Background(), []string{"0", "1", "2"}, loadMany)
							v = m[key(k)]
						}
						if err != nil || v < floor {
							failed.Store(true)
							t.Errorf("key %d: got version %d after %d was told, err %v", k, v, floor, err)
						}
						reads.Add(1)
					}
				})
			}
			wg.Go(func() { // a writer
				for i := 0; goesOn(); i++ {
					k := i % keys
					var v int64
					var err error
					write := func(context.Context) (int64, error) {
						writing[k].Lock()
						defer writing[k].Unlock()
						v = db[k].Add(1)
						return v, nil
					}
					switch i % 4 {
					case 0:
						_, _ = write(nil)
						err = c.Delete(context.Background(), key(k))
					case 1:
						_, err = c.Update(context.Background(), key(k), write)
					case 2:
						_, _ = write(nil)
						err = c.InvalidateTag(context.Background(), "tag"+key(k))
					case 3:
						_, _ = write(nil)
						err = c.InvalidateAll(context.Background())
					}
					if err != nil {
						failed.Store(true)
						t.Errorf("write: %v", err)
					}
					advance(k, v)
				}
			})
		}
		wg.Go(func() {
			for goesOn() {
				for _, n := range flusher.Nodes() {
					n.Do(context.Background(), n.B().ScriptFlush().Build())
				}
				runtime.Gosched()
			}
		})
		wg.Wait()
	})
}

// Whatever a loader does, its callers get an answer and the key is free for the
// next.
func TestBadLoader(t *testing.T) {
	boom := errors.New("boom")
	type bad struct {
		load func(context.Context, string) (string, error)
		want func(error) bool
	}
	bads := func(hang chan struct{}) map[string]bad {
		return map[string]bad{
			"error": {func(context.Context, string) (string, error) { return "", boom },
				func(err error) bool { return err == boom }},
			"panic": {func(context.Context, string) (string, error) { panic(boom) },
				func(err error) bool {
					var p *cache.PanicError
					return errors.As(err, &p) && p.Value == boom && errors.Is(err, boom) && len(p.Stack) > 0
				}},
			"goexit": {func(context.Context, string) (string, error) { runtime.Goexit(); return "", nil },
				func(err error) bool {
					var p *cache.PanicError
					ok := errors.As(err, &p)
					return ok &&
						p.Value == nil
				}},
			"heeds its context": {func(ctx context.Context, _ string) (string,
				error) {
				<-ctx.Done()
				return "", ctx.Err()
			},
				func(err error) bool {
					return errors.Is(err, cache.ErrLoadTimeout) || errors.Is(err, context.DeadlineExceeded)
				}},
			"outlives its context": {func(context.Context, string) (string,
				error) {
				<-hang
				return "late", nil
			},
				func(err error) bool { return errors.Is(err, cache.ErrLoadTimeout) }},
		}
	}
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		ca, cb := d.Client(t), d.Client(t)
		for name := range bads(nil) {
			for _, batch := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/batch=%v", name, batch), func(t *testing.T) {
					opt := cache.Options[string]{Name: unique(t), LoadTimeout: time.Hour}
					if name == "outlives its context" || name == "heeds its context" {
						opt.LoadTimeout = 100 * time.Millisecond
					}
					hang := make(chan struct{})
					a, b := open(t, ca, opt), open(t, cb, opt)
					t.Cleanup(func() { close(hang) }) // before the caches close
					bad := bads(hang)[name]
					var err error
					if batch {
						_, err = a.GetMany(t.Context(), []string{"k"},
							func(ctx context.Context, keys []string) (map[string]string, error) {
								v, err := bad.load(ctx, keys[0])
								return map[string]string{keys[0]: v}, err
							})
					} else {
						_, err = a.Get(t.Context(), "k", bad.load)
					}
					if !bad.want(err) {
						t.Fatalf("err = %v", err)
					}
					s := newSource("k", "v")
					wantGet(t, b, s, "k", "v", 1)
					wantGet(t, a, s, "k", "v", 1)
				})
			}
		}
	})
}

// Who gives up does not take the load with it that others wait for.
func TestCallerGivesUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		c := open(t, d.Client(t), cache.Options[string]{Name: unique(t)})
		g := newGate(t, newSource("k", "v"))
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { _, err := c.Get(ctx, "k", g.load); first <- err }()
		<-g.loaded
		second := make(chan string, 1)
		go func() { v, _ := c.Get(context.Background(), "k", g.load); second <- v }()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Fatalf("err = %v", err)
		}
		g.open()
		if v := <-second; v != "v" {
			t.Fatalf("the other caller got %q", v)
		}
		if n := g.s.loads.Load(); n != 1 {
			t.Fatalf("%d loads, want 1", n)
		}
	})
}

func TestUpdate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		a := open(t, d.Client(t), cache.Options[string]{Name: unique(t)})
		s := newSource("k", "1")
		wantGet(t, a, s, "k", "1", 1)
		v, err := a.Update(t.Context(), "k",
			func(context.Context) (string, error) { s.set("k", "2"); return "2", nil })
		if v != "2" || err != nil {
			t.Fatalf("Update = %q, %v", v, err)
		}
		wantGet(t, a, s, "k", "2", 1)
		boom := errors.New("boom")
		if _, err := a.Update(t.Context(), "k",
			func(context.Context) (string, error) { return "", boom }); err != boom {
			t.Fatalf("err = %v", err)
		}
		wantGet(t, a, s, "k", "2", 2)
		func() {
			defer func() {
				if recover() != boom {
					t.Error("the panic of write was lost")
				}
			}()
			_, _ = a.Update(t.Context(), "k", func(context.Context) (string, error) { panic(boom) })
		}()
		wantGet(t, a, s, "k", "2", 3)
		// Two at once: none of them may leave a value, for only the source
		// knows the order.
		_, err = a.Update(t.Context(), "k", func(ctx context.Context) (string, error) {
			_, err := a.Update(ctx, "k", func(context.Context) (string, error) { return "inner", nil })
			return "outer", err
		})
		must(t, err)
		if _, ok, err := a.Peek(t.Context(), "k"); ok || err != nil {
			t.Fatalf("Peek after two crossing updates = %v, %v", ok, err)
		}
	})
}

func TestRefresh(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		ca, cb := d.Client(t), d.Client(t)
		for _, local := range []int{0, 10} {
			for name, opt := range map[string]cache.Options[string]{
				"stale": {TTL: 50 * time.Millisecond, Stale: time.Minute},
				"ahead": {TTL: time.Minute, RefreshAhead: time.Minute - 50*time.Millisecond},
			} {
				t.Run(fmt.Sprintf("%s/local%d", name, local), func(t *testing.T) {
					opt.Name, opt.LocalSize, opt.RetryRefresh = unique(t), local, 50*time.Millisecond
					a, b := open(t, ca, opt), open(t, cb, opt)
					s := newSource("k", "old")
					wantGet(t, a, s, "k", "old", 1)
					s.set("k", "new")
					var failures atomic.Int64
					failing := func(context.Context, string) (string, error) {
						failures.Add(1)
						return "", errors.New("the source is away")
					}
					// A source that is away for a while does not take the value
					// away.
					eventually(t, "two refreshes fail", func() bool {
						v, err := a.Get(t.Context(), "k", failing)
						if err != nil || v != "old" {
							t.Fatalf("Get = %q, %v", v, err)
						}
						return failures.Load() == 2
					})
					g := newGate(t, s)
					eventually(t, "a refresh begins", func() bool {
						for _, c := range []*cache.Cache[string]{a, b} {
							v, err := c.Get(t.Context(), "k", g.load)
							if err != nil || v != "old" {
								t.Fatalf("Get = %q, %v", v, err)
							}
						}
						return len(g.loaded) > 0
					})
					// While one refreshes, nobody else does, and nobody waits.
					for range 20 {
						for _, c := range []*cache.Cache[string]{a, b} {
							v, err := c.Get(t.Context(), "k", g.load)
							if err != nil || v != "old" {
								t.Fatalf("Get = %q, %v", v, err)
							}
						}
					}
					if n := s.loads.Load(); n != 2 {
						t.Fatalf("%d loads, want 2", n)
					}
					g.open()
					for _, c := range []*cache.Cache[string]{a, b} {
						eventually(t, "the new value is served", func() bool {
							v, _, err := c.Peek(t.Context(), "k")
							must(t, err)
							return v == "new"
						})
					}
				})
			}
		}
	})
}
