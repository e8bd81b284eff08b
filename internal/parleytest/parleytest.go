// Package parleytest runs the real server for tests: the binary that make
// builds, as a child, which a test can kill and start again.
package parleytest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/kit/redistest"
)

// Password is that of the people of the demo: Pablo, Joe, Mary and Alex.
const Password = "password123"

// binaryDir is where binary has put it, empty if no test has asked.
var binaryDir string

// binary builds the command once and returns its path. Where several packages
// are tested, PARLEY_TEST_BINARY may name one that was built before.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PARLEY_TEST_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "parley-test")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "parley")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path,
		"github.com/parley-chat/parley/cmd/parley")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make builds it
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// Main runs the tests of a package that uses this one: call it in TestMain. It
// returns the exit code.
func Main(m *testing.M) int {
	code := redistest.MainNoLeaks(m)
	if binaryDir != "" {
		os.RemoveAll(binaryDir)
	}
	return code
}

// Binary returns the path of the command.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Server is a running server, of whose output everything is kept.
type Server struct {
	URL string // http://127.0.0.1:port

	t      testing.TB
	args   []string
	cmd    *exec.Cmd
	output *Buffer
	ended  chan error
}

// Buffer keeps what is written to it.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start starts a server on a free port and waits until it is ready. Its data is
// in a new directory unless args say otherwise (--data, --store). It ends with
// the test.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, output: &Buffer{}}
	s.args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, args...)
	s.start()
	t.Cleanup(s.Kill)
	return s
}

// At returns a server that the test runs itself: only for its clients.
func At(t testing.TB, url string) *Server { return &Server{t: t, URL: url} }

// StartUnlimited is Start with the people of the demo, without rate limits.
func StartUnlimited(t testing.TB, args ...string) *Server {
	t.Helper()
	return Start(t, append([]string{"--demo", "--max-sends=-1", "--max-calls=-1", "--max-logins=-1"},
		args...)...)
}

// EachStore runs a test on the embedded store and, where redis-server is
// installed, on Redis. args say where the data is.
func EachStore(t *testing.T, test func(t *testing.T, args ...string)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, "--data", t.TempDir())
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, "--store", redistest.StartTCP(t).URL())
	})
}

func (s *Server) start() {
	s.t.Helper()
	s.cmd = exec.Command(Binary(s.t), s.args...)
	s.cmd.Stderr = s.output
	ended := make(chan error, 1)
	s.ended = ended
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	opened := make(chan string, 1)
	cmd := s.cmd
	go func() { // ends with the process
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(s.output, lines.Text())
			if _, at, ok := strings.Cut(lines.Text(), "open:"); ok {
				opened <- strings.TrimSpace(at)
			}
		}
		ended <- cmd.Wait()
	}()
	select {
	case s.URL = <-opened:
	case err := <-s.ended:
		s.ended <- err
		s.t.Fatalf("the server ended at its start: %v\n%s", err, s.output)
	case <-time.After(time.Minute):
		s.t.Fatalf("the server did not start within a minute\n%s", s.output)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		res, err := http.Get(s.URL + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server is not ready after a minute: %v\n%s", err, s.output)
		}
	}
}

// Kill ends the server at once, as a power cut would, and waits for it. It does
// nothing if the server has ended.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.ended <- <-s.ended
}

// Stop ends the server in good order, and returns how it ended.
func (s *Server) Stop() error {
	s.Signal(syscall.SIGTERM)
	return s.Wait()
}

// Signal sends a signal.
func (s *Server) Signal(sig os.Signal) { s.cmd.Process.Signal(sig) }

// Wait waits until the server has ended, and returns how.
func (s *Server) Wait() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(time.Minute):
		s.t.Fatalf("the server did not end within a minute\n%s", s.output)
		return nil
	}
}

// Restart starts a server that has ended again, at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	s.args = append(s.args, "--listen", strings.TrimPrefix(s.URL, "http://"))
	s.start()
}

// Output is what the server has printed and logged.
func (s *Server) Output() string { return s.output.String() }

// Client returns a client that is not logged in.
func (s *Server) Client() *client.Client {
	s.t.Helper()
	c, err := client.New(client.Config{URL: s.URL, Device: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// LogIn returns a client of a person whose password is [Password].
func (s *Server) LogIn(name string) *client.Client {
	s.t.Helper()
	c, err := s.Client().LogIn(s.t.Context(), name, Password)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}
