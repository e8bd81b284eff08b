// Package redistest starts real redis-server processes for tests: one alone, a
// master with a replica and Sentinels, or a cluster of three masters. They
// listen on unix sockets or free loopback ports, keep their data in temporary
// directories, and are gone when the test ends, also if the test's process
// dies.
//
//	func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) } // looks for goroutines left behind
//
//	func TestCache(t *testing.T) {
//		redistest.Each(t, func(t *testing.T, d redistest.Deployment) { // on one server, behind Sentinels, on a cluster
//			client := d.Client(t)
//			…
//
// Start, StartTCP, StartSentinel and StartCluster give a test servers of its
// own, to be killed, stopped, paused and started again; Sentinel.Lose is a
// failover in which the master had not passed everything on.
//
// Where there is no redis-server, tests are skipped and say so; with
// PARLEY_TEST_REDIS=require they fail instead. REDISTEST_SERVER names the
// program to start in place of redis-server: another version, or Valkey.
package redistest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// startTimeout bounds how long a server may take to answer.
const startTimeout = 30 * time.Second

// Need skips the test, or fails it if the environment has
// PARLEY_TEST_REDIS=require, where redis-server is not installed.
func Need(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath(program()); err != nil {
		text := program() + " is not installed: install it (on Debian: apt-get install redis-server) to run this test"
		if os.Getenv("PARLEY_TEST_REDIS") == "require" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
}

// program is what is started as a server.
func program() string { return cmp.Or(os.Getenv("REDISTEST_SERVER"), "redis-server") }

// Server is one redis-server process.
type Server struct {
	t    testing.TB
	dir  string
	port int // 0 on a unix socket
	args []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts a server on a unix socket, without persistence unless args say
// otherwise. Args are settings as redis-server takes them: "--appendonly",
// "yes".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	Need(t)
	return start(t, 0, args)
}

// StartTCP starts a server on a free loopback port.
func StartTCP(t testing.TB, args ...string) *Server {
	t.Helper()
	Need(t)
	for range 10 {
		s := newServer(t, freePort(t), append([]string{}, args...))
		if s.launch() == nil {
			return s
		}
		s.Kill() // someone took the port in between
	}
	t.Fatal("redistest: no free port could be had in ten attempts")
	return nil
}

func start(t testing.TB, port int, args []string) *Server {
	t.Helper()
	s := newServer(t, port, args)
	if err := s.launch(); err != nil {
		t.Fatal(err)
	}
	return s
}

func newServer(t testing.TB, port int, args []string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt") // short: the path of a unix socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, dir: dir, port: port}
	s.args = []string{"--dir", dir, "--save", "", "--daemonize", "no", "--logfile",
		filepath.Join(dir, "log"), "--bind", "127.0.0.1", "--port", strconv.Itoa(port)}
	if port == 0 {
		s.args = append(s.args, "--unixsocket", s.socket())
	}
	s.args = append(s.args, args...)
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	return s
}

func (s *Server) socket() string { return filepath.Join(s.dir, "s") }

// Addr is where the server listens: host:port, or the path of a unix socket.
func (s *Server) Addr() string {
	if s.port == 0 {
		return s.socket()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// URL is the address as a URL: redis://host:port or unix:///path.
func (s *Server) URL() string {
	if s.port == 0 {
		return "unix://" + s.socket()
	}
	return "redis://" + s.Addr()
}

// Option is what rueidis needs to connect to the server.
func (s *Server) Option() rueidis.ClientOption {
	o := rueidis.ClientOption{InitAddress: []string{s.Addr()}, ForceSingleClient: true}
	if s.port == 0 {
		o.DialCtxFn = dialUnix
	}
	return o
}

// Client returns a client that is closed with the test.
func (s *Server) Client(t testing.TB) rueidis.Client {
	t.Helper()
	return open(t, s.Option())
}

func open(t testing.TB, o rueidis.ClientOption) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Commands returns how many commands the server has processed, by their names
// in lower case, without HELLO, with which each connection begins.
func (s *Server) Commands() map[string]int {
	s.t.Helper()
	out, err := s.Do("INFO", "commandstats")
	if err != nil {
		s.t.Fatal(err)
	}
	calls := map[string]int{}
	for line := range strings.Lines(out) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if n, _, _ := strings.Cut(rest, ","); ok && name != "hello" {
			calls[name], _ = strconv.Atoi(n)
		}
	}
	return calls
}

// Kill ends the server at once, as a power cut would for the process.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server in good order.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(with syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(with)
	s.cmd.Process.Signal(syscall.SIGCONT) // a paused one cannot end
	<-s.exited
	s.cmd = nil
}

// Restart starts the server again, on the same address and data. It is stopped
// first if it runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.launch(); err != nil {
		s.t.Fatal(err)
	}
}

// Pause stops the process without ending it: connections stay open and nothing
// answers.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(n syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.cmd.Process.Signal(n)
	}
}

// launch starts the process and waits until it answers.
func (s *Server) launch() error {
	s.mu.Lock()
	cmd := exec.Command(program(), s.command()...)
	cmd.SysProcAttr = dieWithParent()
	started, exited := make(chan error, 1), make(chan struct{})
	go func() { // ends with the process, which end waits for
		// The system ends the process with the thread that started it: it stays
		// until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		s.mu.Unlock()
		return fmt.Errorf("redistest: start redis-server: %w", err)
	}
	s.cmd, s.exited = cmd, exited
	s.mu.Unlock()
	for deadline := time.Now().Add(startTimeout); ; {
		if s.answers() {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("redistest: redis-server ended at its start: %s", s.lastLog())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("redistest: redis-server did not answer within %v: %s", startTimeout,
				s.lastLog())
		}
	}
}

// command is the arguments to start with. A Sentinel rewrites its file, so that
// it is only given that.
func (s *Server) command() []string {
	if len(s.args) > 0 && s.args[len(s.args)-1] == "--sentinel" {
		return s.args[len(s.args)-2:]
	}
	return s.args
}

// answers reports whether the server takes commands: it may ask for a password,
// but no longer loads its data.
func (s *Server) answers() bool {
	_, err := s.do(time.Second, "PING")
	var refusal *rueidis.RedisError
	return err == nil || errors.As(err, &refusal) && !refusal.IsLoading()
}

func (s *Server) lastLog() string {
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-500):])
}

func dialUnix(ctx context.Context, path string, d *net.Dialer, _ *tlsConfig) (net.Conn, error) {
	return d.DialContext(ctx, "unix", path)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
