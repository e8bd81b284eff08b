package object

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

// server is one redis-server of the tests, on a socket and, in a cluster, on a port.
type server struct {
	dir  string
	port int
	args []string
	cmd  *exec.Cmd
}

func (s *server) socket() string { return filepath.Join(s.dir, "redis.sock") }

// monitor answers a client that asks a sentinel, started for it, where the master is.
func monitor() rueidis.Client {
	master := must(boot(freePort()))
	stops = append(stops, master.remove)
	dir := must(os.MkdirTemp("", "object"))
	port, config := freePort(), filepath.Join(dir, "sentinel.conf")
	must(0, os.WriteFile(config, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n", port, dir, master.port), 0o600))
	sentinel := &server{dir: dir, cmd: exec.Command("redis-server", config, "--sentinel")}
	must(0, sentinel.cmd.Start())
	stops = append(stops, sentinel.remove)
	client := must(patiently(func() (rueidis.Client, error) {
		return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{fmt.Sprint("127.0.0.1:", port)}, Sentinel: rueidis.SentinelOption{MasterSet: "main"}})
	}))
	stops = append(stops, client.Close)
	return client
}

// boot starts a redis-server and waits until it answers.
func boot(port int, args ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "object")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, port: port, args: args}
	return s, s.start()
}

func (s *server) start() error {
	s.cmd = exec.Command("redis-server", append([]string{"--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--unixsocket", s.socket(), "--save", "", "--appendonly", "no"}, s.args...)...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	client, err := s.dial()
	if err != nil {
		return err
	}
	client.Close()
	return nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) remove() {
	s.stop()
	_ = os.RemoveAll(s.dir)
}

func (s *server) dial() (rueidis.Client, error) {
	return patiently(func() (rueidis.Client, error) {
		return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.socket()}, DialCtxFn: dialUnix, ForceSingleClient: true})
	})
}

func dialUnix(ctx context.Context, socket string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	return d.DialContext(ctx, "unix", socket)
}

func patiently[T any](try func() (T, error)) (T, error) {
	for deadline := time.Now().Add(20 * time.Second); ; {
		v, err := try()
		if err == nil || time.Now().After(deadline) {
			return v, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What the tests share; started when first asked for, stopped by TestMain.
var (
	stops []func()

	sharedSingle = sync.OnceValue(func() rueidis.Client {
		s := must(boot(0))
		client := must(s.dial())
		stops = append(stops, s.remove, client.Close)
		return client
	})

	sharedSentinel = sync.OnceValue(monitor)

	sharedCluster = sync.OnceValue(func() rueidis.Client {
		var nodes []*server
		var clients []rueidis.Client
		for range 3 {
			port := freePort()
			s := must(boot(port, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000"))
			stops = append(stops, s.remove)
			nodes, clients = append(nodes, s), append(clients, must(s.dial()))
		}
		ctx := context.Background()
		for i, c := range clients {
			low, high := i*16384/3, (i+1)*16384/3-1
			must(0, c.Do(ctx, c.B().ClusterAddslotsrange().StartSlotEndSlot().StartSlotEndSlot(int64(low), int64(high)).Build()).Error())
			must(0, c.Do(ctx, c.B().Arbitrary("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(nodes[0].port)).Build()).Error())
		}
		for _, c := range clients {
			must(patiently(func() (int, error) {
				info, err := c.Do(ctx, c.B().ClusterInfo().Build()).ToString()
				if err == nil && !(strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")) {
					err = fmt.Errorf("cluster is not ready: %s", info)
				}
				return 0, err
			}))
			c.Close()
		}
		client := must(patiently(func() (rueidis.Client, error) {
			return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{fmt.Sprint("127.0.0.1:", nodes[0].port)}})
		}))
		stops = append(stops, client.Close)
		return client
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
	// A closed rueidis cluster client still sleeps out the pause before its next look at the slots.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// freePort answers a port whose cluster bus, 10,000 above it, exists too.
func freePort() int {
	for {
		l := must(net.Listen("tcp", "127.0.0.1:0"))
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port < 55000 {
			return port
		}
	}
}

// single answers the tests' shared server, empty.
func single(t testing.TB) rueidis.Client { return emptied(t, sharedSingle()) }

// servers answers what a test that must hold everywhere runs on.
func servers(t testing.TB) map[string]rueidis.Client {
	all := map[string]rueidis.Client{"single": single(t)}
	if !testing.Short() {
		all["sentinel"] = emptied(t, sharedSentinel())
		all["cluster"] = emptied(t, sharedCluster())
	}
	return all
}

func emptied(t testing.TB, client rueidis.Client) rueidis.Client {
	t.Helper()
	for _, node := range client.Nodes() {
		if err := node.Do(context.Background(), node.B().Flushall().Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

// own answers a server of the test's own, and a client of it.
func own(t testing.TB) (*server, rueidis.Client) {
	t.Helper()
	s := must(boot(0))
	t.Cleanup(s.remove)
	client := must(s.dial())
	t.Cleanup(client.Close)
	return s, client
}

// as dials the server as a user of its ACL, with the password "pw".
func (s *server) as(t testing.TB, user string) rueidis.Client {
	t.Helper()
	return must(rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.socket()}, DialCtxFn: dialUnix, ForceSingleClient: true, Username: user, Password: "pw",
	}))
}

// Connect is for the examples, which are outside of the package.
func Connect() (client rueidis.Client, done func()) {
	client = sharedSingle()
	must(0, client.Do(context.Background(), client.B().Flushall().Build()).Error())
	return client, func() {}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
