package cache_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// server is one redis-server of a test.
type server struct {
	addr string
	dir  string
	cmd  *exec.Cmd
	args []string
}

// startServer starts a server that ends with the test.
func startServer(t testing.TB, extra ...string) *server {
	t.Helper()
	s := launch(t, extra...)
	t.Cleanup(s.remove)
	return s
}

func launch(t testing.TB, extra ...string) *server {
	t.Helper()
	redistest.Need(t)
	s, err := boot(extra...)
	must(t, err)
	return s
}

func boot(extra ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cachetest")
	if err != nil {
		return nil, err
	}
	s := &server{addr: net.JoinHostPort("127.0.0.1", port), dir: dir}
	s.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}, extra...)
	return s, s.run()
}

func (s *server) remove() {
	s.stop()
	_ = os.RemoveAll(s.dir)
}

func freePort() (string, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port < 55000 { // a cluster's bus wants the port + 10000
			return strconv.Itoa(port), nil
		}
	}
}

func (s *server) start(t testing.TB) {
	t.Helper()
	must(t, s.run())
}

func (s *server) run() error {
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when the test is killed
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			s.stop()
			return fmt.Errorf("redis-server at %s: %w", s.addr, err)
		}
	}
}

func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// launchCluster starts three masters.
func launchCluster(t testing.TB) (servers []*server, addrs []string) {
	t.Helper()
	for range 3 {
		s := launch(t, "--cluster-enabled", "yes")
		servers = append(servers, s)
		addrs = append(addrs, s.addr)
	}
	one := func(i int) rueidis.Client {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs[i : i+1], ForceSingleClient: true})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for i := range 3 {
		c := one(i)
		lo, hi := 16384*i/3, 16384*(i+1)/3-1
		must(t, c.Do(t.Context(), c.B().Arbitrary("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(lo), strconv.Itoa(hi)).Build()).Error())
		must(t, c.Do(t.Context(), c.B().Arbitrary("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)).Build()).Error())
		if i > 0 {
			host, port, _ := net.SplitHostPort(addrs[0])
			must(t, c.Do(t.Context(), c.B().Arbitrary("CLUSTER", "MEET", host, port).Build()).Error())
		}
		c.Close()
	}
	for i := range 3 {
		c := one(i)
		eventually(t, "the cluster is whole", func() bool {
			info, err := c.Do(t.Context(), c.B().ClusterInfo().Build()).ToString()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
		c.Close()
	}
	return servers, addrs
}

func newClient(t testing.TB, addrs ...string) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs, Dialer: net.Dialer{Timeout: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// onEach runs a test on one Redis and on a cluster of three masters.
func onEach(t *testing.T, test func(t *testing.T, addrs []string)) {
	t.Run("single", func(t *testing.T) { test(t, sharedAddrs(t, "single")) })
	t.Run("cluster", func(t *testing.T) { test(t, sharedAddrs(t, "cluster")) })
}

// shared are servers for the tests that leave them as they are.
var shared struct {
	sync.Mutex
	single, cluster []string
	servers         []*server
}

func sharedAddrs(t testing.TB, kind string) []string {
	t.Helper()
	redistest.Need(t)
	if kind == "single" {
		addrs, err := sharedSingle()
		must(t, err)
		return addrs
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		var servers []*server
		servers, shared.cluster = launchCluster(t)
		shared.servers = append(shared.servers, servers...)
	}
	return shared.cluster
}

func sharedSingle() ([]string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.single == nil {
		s, err := boot()
		if err != nil {
			return nil, err
		}
		shared.servers = append(shared.servers, s)
		shared.single = []string{s.addr}
	}
	return shared.single, nil
}

func stopShared() {
	for _, s := range shared.servers {
		s.remove()
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within 10 s: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

var names atomic.Int64

// unique returns a namespace of a test's own.
func unique(testing.TB) string { return fmt.Sprint("t", names.Add(1)) }
