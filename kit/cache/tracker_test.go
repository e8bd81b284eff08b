package cache_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// Caches that share a tracker take one connection to each node, hear of their
// own keys, and go on when one of them is closed. Names may begin each other.
func TestSharedTracker(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		tracking := func() (n int) {
			for _, node := range client.Nodes() {
				out, err := node.Do(t.Context(), node.B().Info().Section("clients").Build()).ToString()
				must(t, err)
				var tracked int
				for line := range strings.Lines(out) {
					_, _ = fmt.Sscanf(line, "tracking_clients:%d", &tracked)
				}
				n += tracked
			}
			return n
		}
		tracker := cache.NewTracker(client, 50*time.Millisecond)
		t.Cleanup(tracker.Close)
		other := d.Client(t)
		base := unique(t)
		s := newSource("k", "0")
		before := tracking()
		var all []*cache.Cache[string]
		for _, name := range []string{base + ":long:er", base + ":long", base, base + "x"} {
			all = append(all, open(t, client,
				cache.Options[string]{Name: name, LocalSize: 10, Tracker: tracker}))
			localServes(t, all[len(all)-1], s, "k")
		}
		// The client's own connections are in its default tracking mode.
		if n := tracking() - before; n > 2*len(client.Nodes()) {
			t.Errorf("%d caches take %d tracking connections on %d nodes", len(all), n, len(client.Nodes()))
		}
		writers := map[*cache.Cache[string]]*cache.Cache[string]{}
		for i, name := range []string{base + ":long:er", base + ":long", base, base + "x"} {
			writers[all[i]] = open(t, other, cache.Options[string]{Name: name})
		}
		for round := range 3 {
			want := fmt.Sprint(round + 1)
			s.set("k", want)
			for _, c := range all {
				must(t, writers[c].Delete(t.Context(), "k"))
				gets(t, c, s, "k", want)
				localServes(t, c, s, "k")
			}
			all[0].Close()
			all = all[1:]
		}
	})
}

// A tracker is for caches on its own client, and keeps the heartbeat.
func TestTrackerOfAnother(t *testing.T) {
	srv := redistest.Start(t)
	tracker := cache.NewTracker(srv.Client(t), 0)
	t.Cleanup(tracker.Close)
	opt := cache.Options[string]{Name: "n", TTL: time.Minute, Tracker: tracker}
	if _, err := cache.New(srv.Client(t), opt); err == nil {
		t.Error("a tracker of another client is taken")
	}
}
