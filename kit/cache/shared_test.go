package cache_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// counted is a client that counts a cache's round trips, and holds back the
// answer to one.
type counted struct {
	rueidis.Client
	trips atomic.Int64
	hold  atomic.Pointer[chan struct{}]
	held  chan struct{}
}

func (c *counted) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	c.trips.Add(1)
	replies := c.Client.DoMulti(ctx, multi...)
	if release := c.hold.Swap(nil); release != nil {
		close(c.held)
		<-*release
	}
	return replies
}

// TestHitsOfOneKeyAreShared reads a hot key once for many callers, each of whom
// may change what it gets.
func TestHitsOfOneKeyAreShared(t *testing.T) {
	client := &counted{Client: redistest.Single(t).Client(t)}
	c, err := cache.New(client, cache.Options[map[string]int]{Name: "hot", TTL: time.Minute})
	must(t, err)
	t.Cleanup(c.Close)
	must(t, c.Set(t.Context(), "k", map[string]int{"n": 1}))
	before := client.trips.Load()
	const callers, each = 64, 20
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				v, err := c.Get(t.Context(), "k", nil)
				if err != nil || v["n"] != 1 {
					t.Errorf("%v, %v", v, err)
				}
				v["n"] = 2
			}
		})
	}
	all.Wait()
	if trips := client.trips.Load() - before; trips > callers*each/4 {
		t.Errorf("%d round trips for %d hits", trips, callers*each)
	}
	if n := c.Stats().Hits; n != callers*each {
		t.Errorf("%d hits are counted", n)
	}
}

// TestSharedHitIsNoOlderThanItsCall holds back the answer to one caller's read
// while the value changes. Who asks after that gets the new one, although the
// first still waits for the old.
func TestSharedHitIsNoOlderThanItsCall(t *testing.T) {
	redistest.Since(t, "7.0") // an older one is first asked in vain
	server := redistest.Single(t)
	client := &counted{Client: server.Client(t), held: make(chan struct{})}
	slow, err := cache.New(client, cache.Options[string]{Name: "hot", TTL: time.Minute})
	must(t, err)
	t.Cleanup(slow.Close)
	other, err := cache.New(server.Client(t), cache.Options[string]{Name: "hot", TTL: time.Minute})
	must(t, err)
	t.Cleanup(other.Close)
	must(t, other.Set(t.Context(), "k", "old"))

	release := make(chan struct{})
	client.hold.Store(&release)
	var all sync.WaitGroup
	get := func(want string) {
		all.Go(func() {
			if v, err := slow.Get(t.Context(), "k", nil); err != nil || v != want {
				t.Errorf("%q, %v, want %q", v, err, want)
			}
		})
	}
	get("old")
	<-client.held
	must(t, other.Set(t.Context(), "k", "new"))
	for range 8 {
		get("new")
	}
	// One of them is the next to read. It gives up, and another does.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := slow.Get(ctx, "k", nil); err == nil {
		t.Error("answered before the first read had ended")
	}
	close(release)
	all.Wait()
}

// TestNextReaderGivesUp while it waits for the read before its own: who waits
// with it reads for itself.
func TestNextReaderGivesUp(t *testing.T) {
	client := &counted{Client: redistest.Single(t).Client(t), held: make(chan struct{})}
	c, err := cache.New(client, cache.Options[string]{Name: "hot", TTL: time.Minute})
	must(t, err)
	t.Cleanup(c.Close)
	must(t, c.Set(t.Context(), "k", "v"))
	release := make(chan struct{})
	client.hold.Store(&release)
	var all sync.WaitGroup
	all.Go(func() {
		if v, err := c.Get(t.Context(), "k", nil); v != "v" {
			t.Error(v, err)
		}
	})
	<-client.held
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			if _, err := c.Get(ctx, "k", nil); err == nil {
				t.Error("answered before the first read had ended")
			}
		})
		all.Go(func() {
			if v, err := c.Get(t.Context(), "k", nil); v != "v" {
				t.Error(v, err)
			}
		})
		time.AfterFunc(time.Millisecond, cancel)
		<-ctx.Done()
	}
	close(release)
	all.Wait()
}
