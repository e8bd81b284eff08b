package redistest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

type tlsConfig = tls.Config

// MasterSet is the name of the master that Sentinels watch.
const MasterSet = "mymaster"

// Sentinel is a master with a replica, watched by three Sentinels of which two
// decide.
type Sentinel struct {
	Servers   []*Server // the first master, and its replica
	Sentinels []*Server
}

// StartSentinel starts such a set, in which a master that does not answer for a
// second is replaced.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	atOnce := []string{"--repl-diskless-sync-delay", "0"} // a master waits 5 s for more replicas otherwise
	master := StartTCP(t, atOnce...)
	replica := StartTCP(t, append(atOnce, "--replicaof", "127.0.0.1", strconv.Itoa(master.port))...)
	set := &Sentinel{Servers: []*Server{master, replica}}
	eventually(t, "the replica to follow its master", func() error { return counts(master, 1) })
	set.Sentinels = startSentinels(t, master, replica)
	for _, s := range set.Sentinels {
		eventually(t, "the Sentinels to reach each other", func() error {
			out, err := s.Do("SENTINEL", "CKQUORUM", MasterSet)
			if err == nil && !strings.HasPrefix(out, "OK 3 usable") {
				err = errors.New(out)
			}
			return err
		})
		eventually(t, "the Sentinels to know the replica", func() error {
			out, err := s.Do("SENTINEL", "replicas", MasterSet)
			if err == nil && !strings.Contains(out, "master-link-status\nok") {
				err = errors.New(out)
			}
			return err
		})
	}
	return set
}

// startSentinels starts three that are told of each other: finding out by
// themselves takes seconds.
func startSentinels(t testing.TB, master, replica *Server) []*Server {
	t.Helper()
next:
	for range 10 {
		var all []*Server
		for range 3 {
			all = append(all, newServer(t, freePort(t), nil))
		}
		for i, s := range all {
			config := filepath.Join(s.dir, "sentinel.conf")
			s.args = []string{config, "--sentinel"}
			text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\n", s.port, s.dir, filepath.Join(s.dir, "log"))
			tell := func(format string, args ...any) { text += "sentinel " + fmt.Sprintf(format, args...) + "\n" }
			tell("myid %040x", i+1)
			tell("monitor %s 127.0.0.1 %d 2", MasterSet, master.port)
			tell("down-after-milliseconds %s 1000", MasterSet)
			tell("failover-timeout %s 5000", MasterSet)
			tell("known-replica %s 127.0.0.1 %d", MasterSet, replica.port)
			for j, other := range all {
				if j != i {
					tell("known-sentinel %s 127.0.0.1 %d %040x", MasterSet, other.port, j+1)
				}
			}
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range all {
			if s.launch() != nil { // someone took the port in between
				for _, s := range all {
					s.Kill()
				}
				continue next
			}
		}
		return all
	}
	t.Fatal("redistest: no Sentinels could be started")
	return nil
}

// Option is what rueidis needs to connect to whichever server is the master.
func (s *Sentinel) Option() rueidis.ClientOption {
	o := rueidis.ClientOption{Sentinel: rueidis.SentinelOption{MasterSet: MasterSet}}
	for _, w := range s.Sentinels {
		o.InitAddress = append(o.InitAddress, w.Addr())
	}
	return o
}

// URL is the Sentinels' addresses and the master's name:
// redis+sentinel://host:port,…/name.
func (s *Sentinel) URL() string {
	return "redis+sentinel://" + strings.Join(s.Option().InitAddress, ",") + "/" + MasterSet
}

// Client returns a client that is closed with the test.
func (s *Sentinel) Client(t testing.TB) rueidis.Client {
	t.Helper()
	return open(t, s.Option())
}

// Master returns the address of the master, as the first Sentinel that runs
// sees it.
func (s *Sentinel) Master() (string, error) {
	var err error
	for _, w := range s.Sentinels {
		var out string
		if out, err = w.Do("SENTINEL", "get-master-addr-by-name", MasterSet); err == nil {
			if host, port, ok := strings.Cut(out, "\n"); ok {
				return net.JoinHostPort(host, port), nil
			}
		}
	}
	return "", err
}

// Lose kills the master, once its replica has all that it has, and keeps the
// Sentinels from replacing it until replace is called, which returns when they
// did.
func (s *Sentinel) Lose(t testing.TB) (replace func()) {
	t.Helper()
	master, replica := s.Servers[0], s.Servers[1]
	s.replaceAfter(t, time.Hour)
	eventually(t, "the replica to have everything", func() error {
		has, want := offset(replica, "slave_repl_offset:"), offset(master, "master_repl_offset:")
		if has != want || want == "" {
			return fmt.Errorf("%s of %s", has, want)
		}
		return nil
	})
	master.Kill()
	return func() {
		t.Helper()
		s.replaceAfter(t, time.Second)
		eventually(t, "the replica to take over", func() error {
			at, err := s.Master()
			if err == nil && at != replica.Addr() {
				err = fmt.Errorf("the master is %s", at)
			}
			return err
		})
	}
}

// replaceAfter has Sentinels wait that long for a master that does not answer.
func (s *Sentinel) replaceAfter(t testing.TB, d time.Duration) {
	t.Helper()
	for _, w := range s.Sentinels {
		must(t, w, "SENTINEL", "SET", MasterSet, "down-after-milliseconds", strconv.FormatInt(d.Milliseconds(), 10))
	}
}

func offset(s *Server, name string) string {
	out, _ := s.Do("INFO", "replication") // without an answer there is none
	_, rest, _ := strings.Cut(out, name)
	n, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(n)
}

// Cluster is a cluster of three masters.
type Cluster struct {
	Masters []*Server
}

// StartCluster starts one that covers all slots.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	Need(t)
	c := &Cluster{}
	for range 3 {
		c.Masters = append(c.Masters, startNode(t))
	}
	const slots = 16384
	for i, s := range c.Masters {
		add := []string{"CLUSTER", "ADDSLOTS"} // ADDSLOTSRANGE needs Redis 7.0
		for slot := i * slots / 3; slot < (i+1)*slots/3; slot++ {
			add = append(add, strconv.Itoa(slot))
		}
		must(t, s, add...)
		must(t, s, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i > 0 {
			must(t, s, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(c.Masters[0].port),
				strconv.Itoa(c.Masters[0].port+10000))
		}
	}
	for _, s := range c.Masters {
		eventually(t, "the cluster to be whole", func() error {
			out, err := s.Do("CLUSTER", "INFO")
			if err == nil && (!strings.Contains(out, "cluster_state:ok") ||
				!strings.Contains(out, "cluster_known_nodes:3")) {
				err = fmt.Errorf("%s", out)
			}
			return err
		})
	}
	return c
}

// startNode takes a port whose bus port, 10,000 above, is free too.
func startNode(t testing.TB) *Server {
	t.Helper()
	for range 50 {
		port := freePort(t)
		if port > 55000 {
			port -= 20000
		}
		s := newServer(t, port, []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000"})
		if s.launch() == nil {
			return s
		}
		s.Kill()
	}
	t.Fatal("redistest: no two free ports could be had")
	return nil
}

// AddReplica adds a replica of one master to the cluster, and waits until the
// masters know it. It is not among Masters.
func (c *Cluster) AddReplica(t testing.TB, of int) *Server {
	t.Helper()
	master, replica := c.Masters[of], startNode(t)
	before, err := master.Do("INFO", "replication")
	if err != nil {
		t.Fatal(err)
	}
	replicas := strings.Count(before, "state=online") + 1
	must(t, replica, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(master.port), strconv.Itoa(master.port+10000))
	id, err := master.Do("CLUSTER", "MYID")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica to follow", func() error {
		_, err := replica.Do("CLUSTER", "REPLICATE", id)
		return err
	})
	eventually(t, "the cluster to know the replica", func() error {
		for _, m := range c.Masters {
			if out, err := m.Do("CLUSTER", "NODES"); err != nil || !strings.Contains(out, "slave "+id) {
				return fmt.Errorf("%s %w", out, err)
			}
		}
		return counts(master, replicas)
	})
	return replica
}

// counts returns an error unless the master has so many replicas that WAIT
// counts. A replica says up to a second before that it follows.
func counts(master *Server, replicas int) error {
	out, err := master.Do("INFO", "replication")
	if err == nil && strings.Count(out, "state=online") < replicas {
		err = fmt.Errorf("%s", out)
	}
	return err
}

// Option is what rueidis needs to connect to the cluster.
func (c *Cluster) Option() rueidis.ClientOption {
	var o rueidis.ClientOption
	for _, s := range c.Masters {
		o.InitAddress = append(o.InitAddress, s.Addr())
	}
	return o
}

// URL is the masters' addresses: redis+cluster://host:port,…
func (c *Cluster) URL() string { return "redis+cluster://" + strings.Join(c.Option().InitAddress, ",") }

// Client returns a client that is closed with the test.
func (c *Cluster) Client(t testing.TB) rueidis.Client {
	t.Helper()
	return open(t, c.Option())
}

func must(t testing.TB, s *Server, args ...string) {
	t.Helper()
	if out, err := s.Do(args...); err != nil || out != "OK" {
		t.Fatalf("redistest: %v: %s %v", args, out, err)
	}
}

func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("redistest: waited %v for %s: %v", startTimeout, what, err)
		}
	}
}
