package session

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range []*deployment{&cluster, &sentinel} {
		if d.stop != nil {
			d.stop()
		}
	}
	// The cluster client lets a goroutine sleep out its five seconds after Close.
	refresh := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2")
	if err := goleak.Find(refresh); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// server is one redis-server.
type server struct {
	addr string
	cmd  *exec.Cmd
}

// start starts a server that ends with the test.
func start(t testing.TB) *server {
	t.Helper()
	s, err := launch(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func launch(dir string, extra ...string) (*server, error) {
	return launchWith(dir, append([]string{"--save", ""}, extra...)...)
}

func launchWith(dir string, args ...string) (*server, error) {
	s := &server{addr: freeAddr()}
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, err
	}
	s.cmd = exec.Command("redis-server", append(args, "--port", port, "--bind", "127.0.0.1", "--dir", dir)...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			return s, conn.Close()
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, err
		}
	}
}

func freeAddr() string {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		addr := l.Addr().(*net.TCPAddr)
		_ = l.Close()
		if addr.Port < 55000 { // the cluster's bus has the port + 10000
			return addr.String()
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// pause makes the server neither answer nor close.
func (s *server) pause()  { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

func (s *server) client(t testing.TB) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// deployment is one that the tests of the package share.
type deployment struct {
	launch func() (addrs []string, stop func(), err error)
	once   sync.Once
	addrs  []string
	stop   func()
	err    error
}

var (
	cluster  = deployment{launch: launchCluster}  // three masters
	sentinel = deployment{launch: launchSentinel} // a sentinel of a master
)

// start empties the deployment; connect makes clients of it.
func (d *deployment) start(t testing.TB) (connect func() rueidis.Client) {
	t.Helper()
	d.once.Do(func() { d.addrs, d.stop, d.err = d.launch() })
	if d.err != nil {
		t.Fatal(d.err)
	}
	opt := rueidis.ClientOption{InitAddress: d.addrs, DisableCache: true}
	if d == &sentinel {
		opt.Sentinel = rueidis.SentinelOption{MasterSet: "main"}
	}
	connect = func() rueidis.Client {
		c, err := rueidis.NewClient(opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	for _, node := range connect().Nodes() {
		do(t, node, "FLUSHALL")
	}
	return connect
}

func launchSentinel() (addrs []string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "sentinel")
	if err != nil {
		return nil, nil, err
	}
	master, err := launch(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	servers := []*server{master}
	stop = func() {
		for _, s := range servers {
			s.stop()
		}
		_ = os.RemoveAll(dir)
	}
	_, port, _ := net.SplitHostPort(master.addr)
	file := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(file, []byte("sentinel monitor main 127.0.0.1 "+port+" 1\n"), 0o600); err != nil {
		stop()
		return nil, nil, err
	}
	watcher, err := launchWith(dir, file, "--sentinel")
	if err != nil {
		stop()
		return nil, nil, err
	}
	servers = append(servers, watcher)
	return []string{watcher.addr}, stop, nil
}

func launchCluster() (addrs []string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		return nil, nil, err
	}
	var servers []*server
	stop = func() {
		for _, s := range servers {
			s.stop()
		}
		_ = os.RemoveAll(dir)
	}
	cli := func(addr string, args ...string) (string, error) {
		host, port, _ := net.SplitHostPort(addr)
		out, err := exec.Command("redis-cli", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
		return string(out), err
	}
	for i := range 3 {
		s, err := launch(dir, "--cluster-enabled", "yes", "--cluster-config-file", fmt.Sprintf("nodes%d.conf", i))
		if err != nil {
			stop()
			return nil, nil, err
		}
		servers, addrs = append(servers, s), append(addrs, s.addr)
		first, last := strconv.Itoa(i*16384/3), strconv.Itoa((i+1)*16384/3-1)
		if out, err := cli(s.addr, "CLUSTER", "ADDSLOTSRANGE", first, last); err != nil || strings.TrimSpace(out) != "OK" {
			stop()
			return nil, nil, fmt.Errorf("add slots: %s, %v", out, err)
		}
		if out, err := cli(s.addr, "CONFIG", "SET", "cluster-announce-ip", "127.0.0.1"); err != nil {
			stop()
			return nil, nil, fmt.Errorf("announce: %s, %v", out, err)
		}
		host, port, _ := net.SplitHostPort(addrs[0])
		if out, err := cli(s.addr, "CLUSTER", "MEET", host, port); i > 0 && err != nil {
			stop()
			return nil, nil, fmt.Errorf("meet: %s, %v", out, err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ready := 0
		for _, addr := range addrs {
			out, _ := cli(addr, "CLUSTER", "INFO")
			if strings.Contains(out, "cluster_state:ok") && strings.Contains(out, "cluster_known_nodes:3") {
				ready++
			}
		}
		if ready == len(addrs) {
			return addrs, stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return nil, nil, fmt.Errorf("the cluster does not form")
		}
	}
}

// eachRedis runs a test on a single Redis, behind a sentinel and on a cluster, each empty.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	t.Run("single", func(t *testing.T) { test(t, start(t).client(t)) })
	for name, d := range map[string]*deployment{"sentinel": &sentinel, "cluster": &cluster} {
		t.Run(name, func(t *testing.T) {
			connect := d.start(t)
			test(t, connect())
		})
	}
}

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

// commands counts what the server executed, by command; what scripts call counts too.
func (s *server) commands(t testing.TB) map[string]int {
	t.Helper()
	c := s.client(t)
	info, err := c.Do(t.Context(), c.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, line := range strings.Split(info, "\r\n") {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if ok {
			calls, _, _ := strings.Cut(rest, ",")
			if counts[name], err = strconv.Atoi(calls); err != nil {
				t.Fatal(err)
			}
		}
	}
	return counts
}

// everything is all keys and values of a single Redis, one after the other.
func everything(t testing.TB, c rueidis.Client) string {
	t.Helper()
	var b strings.Builder
	var cursor uint64
	for {
		scan, err := c.Do(t.Context(), c.B().Scan().Cursor(cursor).Count(1000).Build()).AsScanEntry()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range scan.Elements {
			b.WriteString(key + "\n")
			kind, err := c.Do(t.Context(), c.B().Type().Key(key).Build()).ToString()
			if err != nil {
				t.Fatal(err)
			}
			var values []string
			switch kind {
			case "hash":
				values, err = c.Do(t.Context(), c.B().Arbitrary("HGETALL").Keys(key).Build()).AsStrSlice()
				if err != nil {
					m, err2 := c.Do(t.Context(), c.B().Hgetall().Key(key).Build()).AsStrMap()
					err = err2
					for k, v := range m {
						values = append(values, k, v)
					}
				}
			case "zset":
				values, err = c.Do(t.Context(), c.B().Zrange().Key(key).Min("0").Max("-1").Build()).AsStrSlice()
			default:
				t.Fatalf("a %s at %s", kind, key)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				b.WriteString(v + "\n")
			}
		}
		if cursor = scan.Cursor; cursor == 0 {
			return b.String()
		}
	}
}

// secretForms are the spellings in which a token's secret could have been stored.
func secretForms(t testing.TB, tok token) []string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(tok.secret)
	if err != nil {
		t.Fatal(err)
	}
	return []string{tok.secret, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)}
}

// administrative commands are the tests' own.
var administrative = map[string]bool{"info": true, "hello": true, "client|setinfo": true, "client|tracking": true, "client|id": true, "command": true, "ping": true, "config|set": true}

// RedisForExample is a client of a new, empty Redis, for the examples.
func RedisForExample() (client rueidis.Client, stop func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	s, err := launch(dir)
	if err != nil {
		panic(err)
	}
	client, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}})
	if err != nil {
		panic(err)
	}
	return client, func() {
		client.Close()
		s.stop()
		_ = os.RemoveAll(dir)
	}
}
