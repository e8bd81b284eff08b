package session

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

type server struct {
	addr string
	cmd  *exec.Cmd
}

func start(t testing.TB) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	return &server{addr, cmd}
}

func (s *server) client(t testing.TB) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func eachRedis(t *testing.T, test func(*testing.T, rueidis.Client)) {
	t.Run("single", func(t *testing.T) { test(t, start(t).client(t)) })
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
		var calls int
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if ok {
			fmt.Sscanf(rest, "%d", &calls)
			counts[name] = calls
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

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

func (s *server) stop()   { s.cmd.Process.Kill(); s.cmd.Wait() }
func (s *server) pause()  { s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() { s.cmd.Process.Signal(syscall.SIGCONT) }
