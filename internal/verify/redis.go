package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// redisServer is a redis-server process, or a Sentinel.
type redisServer struct {
	process
	dir  string
	port int
}

// redisData is a Redis in one of its shapes.
type redisData struct {
	shape     Store
	servers   []*redisServer // those with data
	sentinels []*redisServer
}

const masterSet = "mymaster" // what the Sentinels call their master

// url is where nodes find it.
func (d *redisData) url() string {
	list := func(all []*redisServer) string {
		var at []string
		for _, s := range all {
			at = append(at, s.addr())
		}
		return strings.Join(at, ",")
	}
	switch d.shape {
	case Sentinel:
		return "redis+sentinel://" + list(d.sentinels) + "/" + masterSet
	case Cluster:
		return "redis+cluster://" + list(d.servers)
	default:
		return "redis://" + list(d.servers)
	}
}

// startRedis starts a Redis of a shape: one server, a master with two replicas
// and three Sentinels, or three masters of a cluster.
func startRedis(ctx context.Context, shape Store, dir string, settings ...string) (d *redisData, err error) {
	d = &redisData{shape: shape}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	switch shape {
	case Sentinel:
		// a master waits 5 s for more replicas otherwise
		settings = append(settings, "--repl-diskless-sync-delay", "0")
		if err = d.add(ctx, dir, settings...); err != nil {
			return nil, err
		}
		for range 2 {
			if err = d.add(ctx, dir, append(settings, "--replicaof",
				"127.0.0.1 "+strconv.Itoa(d.servers[0].port))...); err != nil {
				return nil, err
			}
		}
		if err = d.startSentinels(ctx, dir); err != nil {
			return nil, err
		}
	case Cluster:
		for range 3 {
			if err = d.add(ctx, dir, append(settings, "--cluster-enabled", "yes",
				"--cluster-node-timeout", "5000")...); err != nil {
				return nil, err
			}
		}
		if err = d.join(ctx); err != nil {
			return nil, err
		}
	default:
		if err = d.add(ctx, dir, settings...); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// add starts one more server with data.
func (d *redisData) add(ctx context.Context, dir string, settings ...string) error {
	s, err := startServer(ctx, filepath.Join(dir, fmt.Sprintf("redis-%d", len(d.servers))),
		func(s *redisServer) ([]string, error) {
			args := []string{"--dir", s.dir, "--save", "", "--daemonize", "no", "--bind", "127.0.0.1",
				"--port", strconv.Itoa(s.port)}
			if d.shape == Cluster {
				args = append(args, "--cluster-port", strconv.Itoa(s.port+10000))
			}
			return append(args, settings...), nil
		})
	if err == nil {
		d.servers = append(d.servers, s)
	}
	return err
}

// startServer starts a redis-server on a free port.
func startServer(ctx context.Context, dir string,
	args func(*redisServer) ([]string, error)) (*redisServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	for range 20 { // somebody may take the port in between
		s := &redisServer{dir: dir}
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if s.port > 55000 { // a cluster's bus is 10,000 above
			s.port -= 20000
		}
		s.process = process{path: "redis-server", log: filepath.Join(dir, "log")}
		if s.args, err = args(s); err != nil {
			return nil, err
		}
		if err = s.launch(ctx); err == nil {
			return s, nil
		}
		s.kill()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// launch starts the process and waits until it answers and has loaded its data.
func (s *redisServer) launch(ctx context.Context) error {
	if err := s.start(); err != nil {
		return err
	}
	return s.until(ctx, func() bool {
		_, err := s.do("PING")
		return err == nil || strings.HasPrefix(err.Error(), "MASTERDOWN")
	})
}

func (s *redisServer) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// startSentinels starts three Sentinels, of which two decide that a master is
// gone when it does not answer for a second.
func (d *redisData) startSentinels(ctx context.Context, dir string) error {
	for i := range 3 {
		s, err := startServer(ctx, filepath.Join(dir, fmt.Sprintf("sentinel-%d", i)),
			func(s *redisServer) ([]string, error) {
				file := filepath.Join(s.dir, "sentinel.conf")
				text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d 2\nsentinel down-after-milliseconds %s 1000\nsentinel failover-timeout %s 4000\n",
					s.port, s.dir, masterSet, d.servers[0].port, masterSet, masterSet)
				return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text), 0o600)
			})
		if err != nil {
			return err
		}
		d.sentinels = append(d.sentinels, s)
	}
	for _, s := range d.sentinels {
		if err := eventually(ctx, startTimeout, "the Sentinels to know each other", func() bool {
			out, err := s.do("SENTINEL", "master", masterSet)
			return err == nil && strings.Contains(out, "num-other-sentinels\n2") &&
				strings.Contains(out, "num-slaves\n2")
		}); err != nil {
			return err
		}
	}
	return d.replicated(ctx)
}

// replicated waits until each replica follows, and every Sentinel knows.
func (d *redisData) replicated(ctx context.Context) error {
	return eventually(ctx, startTimeout, "the replicas to follow", func() bool {
		up := 0
		for _, s := range d.servers {
			if out, err := s.do("INFO", "replication"); err == nil &&
				strings.Contains(out, "master_link_status:up") {
				up++
			}
		}
		for _, w := range d.sentinels {
			out, err := w.do("SENTINEL", "replicas", masterSet)
			if err != nil || strings.Count(out, "flags\nslave\n") != len(d.servers)-1 {
				return false
			}
		}
		return up == len(d.servers)-1
	})
}

// agreedOn reports whether every Sentinel has ended its failover to that
// master: they name it before.
func (d *redisData) agreedOn(now *redisServer) bool {
	for _, w := range d.sentinels {
		out, err := w.do("SENTINEL", "master", masterSet)
		if err != nil || !strings.Contains(out, "port\n"+strconv.Itoa(now.port)+"\n") ||
			!strings.Contains(out, "flags\nmaster\n") {
			return false
		}
	}
	return true
}

// master is the one that the Sentinels agree on.
func (d *redisData) master() (*redisServer, error) {
	at := ""
	for _, w := range d.sentinels {
		out, err := w.do("SENTINEL", "get-master-addr-by-name", masterSet)
		if err != nil {
			return nil, err
		}
		if at != "" && at != out {
			return nil, errors.New("the Sentinels do not agree")
		}
		at = out
	}
	_, port, _ := strings.Cut(at, "\n")
	for _, s := range d.servers {
		if strconv.Itoa(s.port) == port {
			return s, nil
		}
	}
	return nil, fmt.Errorf("the Sentinels name %q", at)
}

// join makes a cluster of the servers.
func (d *redisData) join(ctx context.Context) error {
	const slots = 16384
	n := len(d.servers)
	for i, s := range d.servers {
		steps := [][]string{
			{"CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i * slots / n), strconv.Itoa((i+1)*slots/n - 1)},
			{"CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i + 1)},
		}
		if i > 0 {
			steps = append(steps, []string{"CLUSTER", "MEET", "127.0.0.1",
				strconv.Itoa(d.servers[0].port), strconv.Itoa(d.servers[0].port + 10000)})
		}
		for _, step := range steps {
			if _, err := s.do(step...); err != nil {
				return fmt.Errorf("%v: %w", step, err)
			}
		}
	}
	return d.waitClusterOK(ctx)
}

// waitClusterOK waits until every master sees the whole cluster.
func (d *redisData) waitClusterOK(ctx context.Context) error {
	return eventually(ctx, startTimeout, "the cluster to be whole", func() bool {
		for _, s := range d.servers {
			out, err := s.do("CLUSTER", "INFO")
			if err != nil || !strings.Contains(out, "cluster_state:ok") ||
				!strings.Contains(out, "cluster_known_nodes:3") {
				return false
			}
		}
		return true
	})
}

func (d *redisData) close() {
	for _, s := range append(d.sentinels, d.servers...) {
		s.kill()
	}
}

// do asks one command on a connection of its own. Arrays come as lines.
func (s *redisServer) do(args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.addr(), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	ask := fmt.Sprintf("*%d\r\n", len(args))
	for _, a := range args {
		ask += fmt.Sprintf("$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(conn, ask); err != nil {
		return "", err
	}
	return reply(bufio.NewReader(conn))
}

func reply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, rest := line[0], strings.TrimSpace(line[1:])
	switch kind {
	case '-':
		return "", errors.New(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err
		}
		text := make([]byte, n+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return "", err
		}
		return string(text[:n]), nil
	case '*':
		n, err := strconv.Atoi(rest)
		if err != nil {
			return "", err
		}
		var all []string
		for range n {
			one, err := reply(r)
			if err != nil {
				return "", err
			}
			all = append(all, one)
		}
		return strings.Join(all, "\n"), nil
	default:
		return rest, nil
	}
}

// eventually polls until check holds.
func eventually(ctx context.Context, most time.Duration, what string, check func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for !check() {
		if ctx.Err() != nil {
			return fmt.Errorf("waited %v for %s", most, what)
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}
