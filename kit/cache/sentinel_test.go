package cache_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
)

// After a failover the cache works on the new master, and the local layer follows that one.
func TestSentinelFailover(t *testing.T) {
	master := startServer(t)
	host, port, err := net.SplitHostPort(master.addr)
	must(t, err)
	replica := startServer(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	must(t, os.WriteFile(conf, []byte(strings.Join([]string{
		"sentinel monitor m " + host + " " + port + " 1",
		"sentinel down-after-milliseconds m 1000",
		"sentinel failover-timeout m 5000",
	}, "\n")), 0o600))
	sentinelPort, err := freePort()
	must(t, err)
	sentinel := &server{addr: net.JoinHostPort("127.0.0.1", sentinelPort),
		args: []string{conf, "--sentinel", "--port", sentinelPort, "--bind", "127.0.0.1"}}
	sentinel.start(t)
	t.Cleanup(sentinel.stop)

	admin, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{sentinel.addr}, ForceSingleClient: true, DisableCache: true})
	must(t, err)
	t.Cleanup(admin.Close)
	ask := func(args ...string) (string, error) {
		return admin.Do(t.Context(), admin.B().Arbitrary("SENTINEL").Args(args...).Build()).ToString()
	}
	direct := newClient(t, master.addr)
	eventually(t, "the replica is in step", func() bool {
		info, err := direct.Do(t.Context(), direct.B().Info().Section("replication").Build()).ToString()
		return err == nil && strings.Contains(info, "state=online")
	})

	sentinelClient := func() rueidis.Client {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{sentinel.addr},
			Sentinel: rueidis.SentinelOption{MasterSet: "m"}})
		must(t, err)
		t.Cleanup(c.Close)
		return c
	}
	opt := cache.Options[string]{LocalSize: 10, Heartbeat: 100 * time.Millisecond}
	a, b := open(t, sentinelClient(), opt), open(t, sentinelClient(), opt)
	s := newSource("k", "old")
	localServes(t, a, s, "k")
	must(t, b.Delete(t.Context(), "k"))
	s.set("k", "new")
	eventually(t, "the push arrives", func() bool {
		v, err := a.Get(t.Context(), "k", s.load)
		must(t, err)
		return v == "new"
	})

	drops := a.Stats().LocalDropped
	eventually(t, "the failover begins", func() bool {
		_, err := ask("FAILOVER", "m")
		return err == nil
	})
	after := newClient(t, replica.addr)
	eventually(t, "the replica is master", func() bool {
		info, err := after.Do(t.Context(), after.B().Info().Section("replication").Build()).ToString()
		return err == nil && strings.Contains(info, "role:master")
	})
	eventually(t, "the local layer was dropped", func() bool { return a.Stats().LocalDropped > drops })
	eventually(t, "writing works again", func() bool { return b.Set(t.Context(), "k", "newer") == nil })
	s.set("k", "newer")
	eventually(t, "the new master is read", func() bool {
		v, err := a.Get(t.Context(), "k", s.load)
		must(t, err)
		return v == "newer"
	})
	localServes(t, a, s, "k")
	s.set("k", "newest")
	must(t, b.Delete(t.Context(), "k"))
	eventually(t, "its pushes arrive", func() bool {
		v, err := a.Get(t.Context(), "k", s.load)
		must(t, err)
		return v == "newest"
	})
}
