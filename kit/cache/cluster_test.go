package cache_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// slotOf returns a key's slot, and which of the masters begins with it.
func slotOf(t *testing.T, c *redistest.Cluster, key string) (slot, master int) {
	t.Helper()
	out, err := c.Masters[0].Do("CLUSTER", "KEYSLOT", key)
	must(t, err)
	slot, err = strconv.Atoi(out)
	must(t, err)
	for slot >= (master+1)*16384/3 {
		master++
	}
	return slot, master
}

// keyAt returns a key whose entry begins on that master.
func keyAt(t *testing.T, c *redistest.Cluster, name string, master int) string {
	t.Helper()
	for i := 0; ; i++ {
		key := fmt.Sprint("k", i)
		if _, at := slotOf(t, c, name+":e:"+key); at == master {
			return key
		}
	}
}

// caches waits until a Get is served without a load.
func caches(t *testing.T, c *cache.Cache[string], s *source, key, want string) {
	t.Helper()
	eventually(t, key+" is cached", func() bool {
		before := s.loads.Load()
		v, err := c.Get(t.Context(), key, s.load)
		if err != nil || v != want {
			t.Fatalf("Get(%q) = %q, %v, want %q", key, v, err, want)
		}
		return s.loads.Load() == before
	})
}

// A master goes and comes back empty: meanwhile the loaders serve what it had,
// or everything if it had the namespace's generation, nothing old is served,
// and afterwards the cache and its local layer work as before.
func TestClusterMasterRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	cluster := redistest.StartCluster(t)
	const name = "restart"
	_, generationAt := slotOf(t, cluster, name+":g")
	opt := cache.Options[string]{Name: name, LocalSize: 10, Heartbeat: 100 * time.Millisecond,
		Timeout: 250 * time.Millisecond}
	a, b := open(t, cluster.Client(t), opt), open(t, cluster.Client(t), opt)
	mine, other := keyAt(t, cluster, name, generationAt), keyAt(t, cluster, name, (generationAt+1)%3)
	s := newSource(mine, "0", other, "0")
	for round, lost := range []string{mine, other} {
		old, fresh := fmt.Sprint(2*round), fmt.Sprint(2*round+1)
		localServes(t, a, s, mine)
		localServes(t, a, s, other)
		caches(t, b, s, lost, old)
		drops := a.Stats().LocalDropped
		_, at := slotOf(t, cluster, name+":e:"+lost)
		cluster.Masters[at].Kill()
		s.set(lost, fresh)
		if err := b.Delete(t.Context(), lost); err == nil {
			t.Error("Delete hid that the entry's master is away")
		}
		eventually(t, "the loss is noticed", func() bool { return a.Stats().LocalDropped > drops })
		for _, c := range []*cache.Cache[string]{a, b} {
			before := s.loads.Load()
			if v, err := c.Get(t.Context(), lost, s.load); v != fresh || err != nil ||
				s.loads.Load() != before+1 {
				t.Errorf("without the entry's master: %q, %v after %d loads, want %q", v, err,
					s.loads.Load()-before, fresh)
			}
		}
		m, err := a.GetMany(t.Context(), []string{mine, other}, s.loadMany)
		if err != nil || m[mine] != s.now(mine) || m[other] != s.now(other) {
			t.Errorf("GetMany without a master: %v, %v", m, err)
		}

		cluster.Masters[at].Restart()
		for _, key := range []string{mine, other} {
			caches(t, a, s, key, s.now(key))
			caches(t, b, s, key, s.now(key))
			localServes(t, a, s, key)
			want := fmt.Sprint(2*round + 2)
			s.set(key, want)
			eventually(t, "deleting works again", func() bool { return b.Delete(t.Context(), key) == nil })
			gets(t, a, s, key, want)
		}
	}
}

// A slot moves to another master while its entries are read, loaded and
// deleted. In no phase is anything lost or old.
func TestSlotMigration(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	cluster := redistest.StartCluster(t)
	const name = "move"
	opt := cache.Options[string]{Name: name, LocalSize: 10, Heartbeat: 100 * time.Millisecond}
	client := cluster.Client(t)
	plain := opt
	plain.LocalSize = 0 // it reads Redis each time
	a, b := open(t, client, opt), open(t, cluster.Client(t), plain)
	s := newSource()
	key := func(what string) string { return "{slot}" + what }
	for _, what := range []string{"kept", "deleted", "local"} {
		s.set(key(what), "old")
		wantGet(t, b, s, key(what), "old", s.loads.Load()+1)
	}
	localServes(t, a, s, key("local"))

	// Two loads that last until the slot has moved: one's lease is revoked
	// meanwhile.
	s.set(key("loading"), "old")
	s.set(key("revoked"), "old")
	loading, revoked := newGate(t, s), newGate(t, s)
	var readers sync.WaitGroup
	for what, g := range map[string]*gate{"loading": loading, "revoked": revoked} {
		readers.Go(func() { _, _ = b.Get(context.Background(), key(what), g.load) })
		<-g.loaded
	}

	slot, at := slotOf(t, cluster, name+":e:"+key(""))
	from, to := cluster.Masters[at], cluster.Masters[(at+1)%3]
	do := func(node *redistest.Server, args ...string) string {
		t.Helper()
		out, err := node.Do(args...)
		if err != nil {
			t.Fatalf("%v: %s %v", args, out, err)
		}
		return out
	}
	set := func(node *redistest.Server, how ...string) {
		t.Helper()
		if out := do(node, append([]string{"CLUSTER", "SETSLOT", strconv.Itoa(slot)},
			how...)...); out != "OK" {
			t.Fatalf("SETSLOT %v: %s", how, out)
		}
	}
	phase := func(what string) {
		t.Helper()
		loads := s.loads.Load()
		wantGet(t, b, s, key("kept"), "old", loads)
		gone := key("deleted")
		s.set(gone, what)
		must(t, b.Delete(t.Context(), gone))
		wantGet(t, b, s, gone, what, loads+1)
		wantGet(t, b, s, gone, what, loads+1)
		gets(t, a, s, gone, what)
		missing := key(what)
		s.set(missing, what)
		loads = s.loads.Load()
		wantGet(t, b, s, missing, what, loads+1)
		wantGet(t, b, s, missing, what, loads+1)
	}
	fromID, toID := do(from, "CLUSTER", "MYID"), do(to, "CLUSTER", "MYID")
	set(to, "IMPORTING", fromID)
	set(from, "MIGRATING", toID)
	phase("migration was announced") // what is missing is asked of the new master already

	host, port, err := net.SplitHostPort(to.Addr())
	must(t, err)
	keys := strings.Fields(do(from, "CLUSTER", "GETKEYSINSLOT", strconv.Itoa(slot), "100"))
	if len(keys) != 4 { // without what was deleted: that came back at the new master
		t.Fatalf("the slot holds %q", keys)
	}
	for _, full := range keys {
		if out := do(from, "MIGRATE", host, port, full, "0", "5000"); out != "OK" {
			t.Fatalf("MIGRATE: %s", out)
		}
	}
	s.set(key("revoked"), "new")
	must(t, b.Delete(t.Context(), key("revoked")))
	phase("keys were moved")

	for _, node := range []*redistest.Server{to, from, cluster.Masters[(at+2)%3]} {
		set(node, "NODE", toID)
	}
	phase("slot was handed over")

	loading.open()
	revoked.open()
	readers.Wait()
	if n := b.Stats().Refused; n != 1 {
		t.Errorf("%d results were refused, want that of the revoked lease", n)
	}
	loads := s.loads.Load()
	wantGet(t, b, s, key("loading"), "old", loads)
	wantGet(t, b, s, key("revoked"), "new", loads+1)
	// The local layer follows the new master.
	localServes(t, a, s, key("local"))
	s.set(key("local"), "new")
	must(t, b.Delete(t.Context(), key("local")))
	gets(t, a, s, key("local"), "new")
	if n := b.Stats().RedisErrors; n != 0 {
		t.Errorf("%d errors", n)
	}
}
