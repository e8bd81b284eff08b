package cache_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// server is one redis-server of a test.
type server struct {
	addr string
	cmd  *exec.Cmd
	args []string
}

func startServer(t testing.TB, extra ...string) *server {
	t.Helper()
	port := freePort(t)
	dir := t.TempDir()
	s := &server{addr: net.JoinHostPort("127.0.0.1", port)}
	s.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}, extra...)
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func freePort(t testing.TB) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port < 55000 { // a cluster's bus wants the port + 10000
			return strconv.Itoa(port)
		}
	}
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "redis-server answers", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// startCluster starts three masters and returns their addresses.
func startCluster(t testing.TB) []string {
	t.Helper()
	var addrs []string
	for range 3 {
		addrs = append(addrs, startServer(t, "--cluster-enabled", "yes").addr)
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
	return addrs
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

func sharedAddrs(t testing.TB, kind string) []string {
	t.Helper()
	if kind == "single" {
		return []string{startServer(t).addr}
	}
	return startCluster(t)
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

var _ = fmt.Sprint
