package cache_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// After a failover the cache works on the new master, and the local layer
// follows that one.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t)
	opt := cache.Options[string]{LocalSize: 10, Heartbeat: 100 * time.Millisecond}
	a, b := open(t, set.Client(t), opt), open(t, set.Client(t), opt)
	s := newSource("k", "old")
	localServes(t, a, s, "k")
	must(t, b.Delete(t.Context(), "k"))
	s.set("k", "new")
	gets(t, a, s, "k", "new")

	drops := a.Stats().LocalDropped
	eventually(t, "the failover begins", func() bool {
		out, err := set.Sentinels[0].Do("SENTINEL", "FAILOVER", redistest.MasterSet)
		return err == nil && out == "OK"
	})
	eventually(t, "the replica is master", func() bool {
		at, err := set.Master()
		return err == nil && at == set.Servers[1].Addr()
	})
	eventually(t, "the local layer was dropped", func() bool { return a.Stats().LocalDropped > drops })
	eventually(t, "writing works again", func() bool { return b.Set(t.Context(), "k", "newer") == nil })
	s.set("k", "newer")
	gets(t, a, s, "k", "newer")
	localServes(t, a, s, "k")
	s.set("k", "newest")
	must(t, b.Delete(t.Context(), "k"))
	gets(t, a, s, "k", "newest")
}
