package cache_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// heard collects what OnError is told.
type heard struct {
	mu   sync.Mutex
	errs []string
}

func (h *heard) on(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err.Error())
}

func (h *heard) has(part string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.errs {
		if strings.Contains(e, part) {
			return true
		}
	}
	return false
}

// Without Redis the loader serves, once for all who ask at the same time; with
// it back the cache works again.
func TestRedisDown(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	var h heard
	c := open(t, srv.Client(t), cache.Options[string]{LocalSize: 10, OnError: h.on,
		Heartbeat: 100 * time.Millisecond,
		Timeout:   2 * time.Second}) // the client tries reads again until then
	s := newSource("k", "v")
	wantGet(t, c, s, "k", "v", 1)
	localServes(t, c, s, "k")
	srv.Kill()

	eventually(t, "the loss is noticed", func() bool { return h.has("track") })
	g := newGate(t, s)
	var wg sync.WaitGroup
	var wrong atomic.Int64
	get := func() {
		if v, err := c.Get(context.Background(), "k", g.load); v != "v" || err != nil {
			wrong.Add(1)
		}
	}
	wg.Go(get)
	<-g.loaded
	before := c.Stats().Misses
	for range 50 {
		wg.Go(get)
	}
	eventually(t, "all have found Redis away", func() bool { return c.Stats().Misses == before+50 })
	g.open()
	wg.Wait()
	if n := s.loads.Load(); n > 3 || wrong.Load() != 0 {
		t.Fatalf("%d loads for 51 callers, %d wrong answers", n-1, wrong.Load())
	}
	if st := c.Stats(); st.RedisErrors == 0 || st.Unprotected == 0 {
		t.Fatalf("the stats hide it: %+v", st)
	}
	loads := s.loads.Load()
	m, err := c.GetMany(t.Context(), []string{"k", "none"}, s.loadMany)
	if err != nil || len(m) != 1 || m["k"] != "v" || s.loads.Load() != loads+1 {
		t.Fatalf("GetMany = %v, %v", m, err)
	}
	// What cannot be done without Redis is an error, and Update has not
	// written.
	if err := c.Delete(t.Context(), "k"); err == nil {
		t.Error("Delete hid that Redis is away")
	}
	if err := c.Set(t.Context(), "k", "x"); err == nil {
		t.Error("Set hid that Redis is away")
	}
	if err := c.InvalidateAll(t.Context()); err == nil {
		t.Error("InvalidateAll hid that Redis is away")
	}
	if _, _, err := c.Peek(t.Context(), "k"); err == nil {
		t.Error("Peek hid that Redis is away")
	}
	if _, err := c.Update(t.Context(), "k", func(context.Context) (string, error) {
		t.Error("Update wrote")
		return "", nil
	}); err == nil {
		t.Error("Update hid that Redis is away")
	}

	srv.Restart()
	eventually(t, "the cache caches again", func() bool {
		before := s.loads.Load()
		_, err := c.Get(t.Context(), "k", s.load)
		must(t, err)
		return s.loads.Load() == before
	})
	localServes(t, c, s, "k")
}

// A Redis that says nothing costs its time limit or the caller's deadline, not
// more.
func TestRedisHangs(t *testing.T) {
	srv := redistest.Start(t)
	c := open(t, srv.Client(t), cache.Options[string]{Timeout: 50 * time.Millisecond})
	s := newSource("k", "v")
	wantGet(t, c, s, "k", "v", 1)
	srv.Pause()
	defer srv.Resume()
	wantGet(t, c, s, "k", "v", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, "k", func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("err = %v, want the caller's deadline", err)
	}
	srv.Resume()
	eventually(t, "the cache caches again", func() bool {
		before := s.loads.Load()
		_, err := c.Get(t.Context(), "k", s.load)
		must(t, err)
		return s.loads.Load() == before
	})
}

// A process that dies while loading holds the key no longer than LoadTimeout.
func TestDeadLoader(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		c := open(t, client, cache.Options[string]{Name: "dead", LoadTimeout: 200 * time.Millisecond})
		must(t, client.Do(t.Context(), client.B().Set().Key("dead:e:k").
			Value("p0123456789abcdef").Px(200*time.Millisecond).Build()).Error())
		wantGet(t, c, newSource("k", "v"), "k", "v", 1)
	})
}

// The scripts are flushed between a lease and its store.
func TestScriptFlush(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		c := open(t, client, cache.Options[string]{Name: unique(t)})
		s := newSource("k", "v")
		_, err := c.Get(t.Context(), "k", func(ctx context.Context, key string) (string, error) {
			for _, n := range client.Nodes() {
				must(t, n.Do(ctx, n.B().ScriptFlush().Build()).Error())
			}
			return s.load(ctx, key)
		})
		must(t, err)
		wantGet(t, c, s, "k", "v", 1)
	})
}

// What stands at the key is not ours, or not readable: the loader serves, and
// where it may the cache heals itself.
func TestForeignValue(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		for i, junk := range []string{"", "x", "junk", "v0123456789abcdef",
			strings.Repeat("v", 200), strings.Repeat("\xff", 200)} {
			var h heard
			c := open(t, client, cache.Options[string]{Name: unique(t), OnError: h.on})
			name := fmt.Sprint("t", names.Load())
			s := newSource("k", "v")
			must(t, client.Do(t.Context(), client.B().Set().Key(name+":e:k").Value(junk).Build()).Error())
			wantGet(t, c, s, "k", "v", 1)
			wantGet(t, c, s, "k", "v", 1)
			if i < 4 && !h.has("malformed") {
				t.Errorf("%q was not reported", junk)
			}
		}
		var h heard
		c := open(t, client, cache.Options[string]{Name: unique(t), OnError: h.on})
		name := fmt.Sprint("t", names.Load())
		must(t, client.Do(t.Context(), client.B().Lpush().Key(name+":e:k").Element("x").Build()).Error())
		wantGet(t, c, newSource("k", "v"), "k", "v", 1)
		if !h.has("WRONGTYPE") {
			t.Error("the wrong type was not reported")
		}
	})
}

// A user who lacks a permission gets values all the same, at once, and someone
// is told.
func TestDenied(t *testing.T) {
	redistest.Since(t, "6.2") // older ones know no rules for channels
	srv := redistest.Start(t)
	admin := srv.Client(t)
	for name, rule := range map[string][]string{
		"no scripts":  {"+@all", "-@scripting"},
		"read only":   {"+@read", "+@connection"},
		"no tracking": {"+@all", "-client|tracking"},
	} {
		t.Run(name, func(t *testing.T) {
			user := strings.ReplaceAll(name, " ", "")
			args := append([]string{"SETUSER", user, "on", ">pw", "~*", "&*"}, rule...)
			must(t, admin.Do(t.Context(), admin.B().Arbitrary("ACL").Args(args...).Build()).Error())
			option := srv.Option()
			option.Username, option.Password, option.DisableCache = user, "pw", name == "no tracking"
			client, err := rueidis.NewClient(option)
			must(t, err)
			t.Cleanup(client.Close)
			var h heard
			c := open(t, client, cache.Options[string]{Name: unique(t), OnError: h.on, LocalSize: 10})
			s := newSource("k", "v")
			for range 3 {
				v, err := c.Get(t.Context(), "k", s.load)
				if v != "v" || err != nil {
					t.Fatalf("Get = %q, %v", v, err)
				}
			}
			m, err := c.GetMany(t.Context(), []string{"a", "k"}, s.loadMany)
			if err != nil || m["k"] != "v" {
				t.Fatalf("GetMany = %v, %v", m, err)
			}
			eventually(t, "someone is told", func() bool { return h.has("NOPERM") })
			switch name {
			case "no tracking":
				if n := s.loads.Load(); n > 2 || c.Stats().LocalHits != 0 {
					t.Fatalf("%d loads, %d hits of a local layer that nobody keeps right", n,
						c.Stats().LocalHits)
				}
			case "read only":
				if err := c.Delete(t.Context(), "k"); err == nil {
					t.Error("Delete hid that it is not permitted")
				}
			}
		})
	}
}

// A full Redis serves what it has, the loader the rest; writes say so, and what
// must not be served any more is gone.
func TestFull(t *testing.T) {
	srv := redistest.Start(t, "--maxmemory-policy", "noeviction")
	client := srv.Client(t)
	var h heard
	c := open(t, client, cache.Options[string]{OnError: h.on})
	s := newSource("k", "v", "other", "o")
	wantGet(t, c, s, "k", "v", 1)
	must(t, client.Do(t.Context(),
		client.B().ConfigSet().ParameterValue().ParameterValue("maxmemory", "1").Build()).Error())
	wantGet(t, c, s, "k", "v", 1)
	wantGet(t, c, s, "other", "o", 2)
	wantGet(t, c, s, "other", "o", 3)
	if !h.has("OOM") {
		t.Error("nobody was told")
	}
	s.set("k", "new")
	if err := c.Set(t.Context(), "k", "new"); err == nil {
		t.Error("Set hid that Redis is full")
	}
	wantGet(t, c, s, "k", "new", 4)
	if _, err := c.Update(t.Context(), "k",
		func(context.Context) (string, error) { s.set("k", "newer"); return "newer", nil }); err != nil {
		t.Errorf("Update = %v", err)
	}
	wantGet(t, c, s, "k", "newer", 5)
	must(t, c.InvalidateAll(t.Context()))
	must(t, c.Delete(t.Context(), "k"))
	must(t, client.Do(t.Context(),
		client.B().ConfigSet().ParameterValue().ParameterValue("maxmemory", "0").Build()).Error())
	wantGet(t, c, s, "k", "newer", 6)
	wantGet(t, c, s, "k", "newer", 6)
}

// The local layer follows every way in which the entry may change, whoever
// changes it.
func TestLocalFollows(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		ca, cb := d.Client(t), d.Client(t)
		opt := cache.Options[string]{Name: unique(t), LocalSize: 10,
			Tags: func(string) []string { return []string{"tag"} }}
		a, b := open(t, ca, opt), open(t, cb, opt)
		s := newSource("k", "0")
		change := []func() error{
			func() error { return b.Delete(t.Context(), "k") },
			func() error { return b.Set(t.Context(), "k", s.now("k")) },
			func() error { return b.InvalidateTag(t.Context(), "tag") },
			func() error { return b.InvalidateAll(t.Context()) },
			func() error { return cb.Do(t.Context(), cb.B().Del().Key(opt.Name+":e:k").Build()).Error() },
			func() error {
				for _, n := range cb.Nodes() {
					if err := n.Do(t.Context(), n.B().Flushall().Build()).Error(); err != nil {
						return err
					}
				}
				return nil
			},
		}
		for i, change := range change {
			localServes(t, a, s, "k")
			want := fmt.Sprint(i + 1)
			s.set("k", want)
			must(t, change())
			gets(t, a, s, "k", want)
		}
	})
}

// wire lets a test cut or silence the tracking connections of one client.
type wire struct {
	mu       sync.Mutex
	tracking []*tapped
	refuse   atomic.Bool // no new tracking connection
}

type tapped struct {
	net.Conn
	w      *wire
	silent chan struct{} // closed: nothing arrives any more
}

func (w *wire) dial(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	c, err := dial(ctx, addr, d, config)
	if err != nil {
		return nil, err
	}
	return &tapped{Conn: c, w: w, silent: make(chan struct{})}, nil
}

func (c *tapped) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "BCAST") {
		if c.w.refuse.Load() {
			return 0, errors.New("cut by the test")
		}
		c.w.mu.Lock()
		c.w.tracking = append(c.w.tracking, c)
		c.w.mu.Unlock()
	}
	return c.Conn.Write(b)
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.silent:
		if err == nil { // swallow, as a dead network does
			return c.Read(b)
		}
	default:
	}
	return n, err
}

func tapClient(t *testing.T, w *wire, d redistest.Deployment) rueidis.Client {
	t.Helper()
	option := d.Option()
	option.DialCtxFn = w.dial
	c, err := rueidis.NewClient(option)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// Once a tracking connection is lost, broken or silent, nothing that was
// remembered is served: every Get shows what Redis has.
func TestLocalAfterLoss(t *testing.T) {
	for _, how := range []string{"broken", "silent"} {
		redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
			t.Run(how, func(t *testing.T) {
				w := &wire{}
				client := tapClient(t, w, d)
				var h heard
				opt := cache.Options[string]{Name: unique(t), LocalSize: 10,
					Heartbeat: 50 * time.Millisecond, OnError: h.on}
				a := open(t, client, opt)
				b := open(t, d.Client(t), opt)
				s := newSource("k", "old")
				localServes(t, a, s, "k")
				w.refuse.Store(true)
				drops := a.Stats().LocalDropped
				w.mu.Lock()
				for _, c := range w.tracking {
					if how == "broken" {
						_ = c.Close()
					} else {
						close(c.silent)
					}
				}
				w.mu.Unlock()
				s.set("k", "new")
				must(t, b.Delete(t.Context(), "k"))
				// "Within three heartbeats" is a time; that it ends is what can
				// be tested exactly.
				eventually(t, "the loss is noticed", func() bool { return a.Stats().LocalDropped > drops })
				hits := a.Stats().LocalHits
				for i := range 50 {
					want := fmt.Sprint(i)
					must(t, b.Set(t.Context(), "k", want))
					v, err := a.Get(t.Context(), "k", s.load)
					must(t, err)
					if v != want {
						t.Fatalf("Get = %q after %q was stored", v, want)
					}
				}
				if n := a.Stats().LocalHits - hits; n != 0 {
					t.Fatalf("%d local hits without a tracking connection", n)
				}
				if !h.has("track") {
					t.Error("nobody was told")
				}
				w.refuse.Store(false)
				localServes(t, a, s, "k")
			})
		})
	}
}

// Close waits for what it started, and ends what is under way.
func TestClose(t *testing.T) {
	client := redistest.Single(t).Client(t)
	c, err := cache.New(client, cache.Options[string]{Name: unique(t), TTL: time.Minute})
	must(t, err)
	started := make(chan struct{})
	got := make(chan error, 1)
	go func() {
		_, err := c.Get(context.Background(), "k", func(ctx context.Context, _ string) (string, error) {
			close(started)
			<-ctx.Done()
			return "", ctx.Err()
		})
		got <- err
	}()
	<-started
	c.Close()
	if err := <-got; !errors.Is(err, cache.ErrClosed) && !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	if _, err := c.Get(t.Context(), "k", newSource("k", "v").load); !errors.Is(err, cache.ErrClosed) {
		t.Fatalf("Get after Close: %v", err)
	}
	c.Close()
}
