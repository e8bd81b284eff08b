//go:build !race

package siochat_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/ws"
)

const (
	idlePeople = 100
	idleEach   = 20      // connections of one person
	idleMax    = 5 << 10 // bytes
)

// TestIdleMemory measures what an idle connection that has synced costs the
// server, in heap and stacks, here and at the WebSocket handler. The clients
// are another process.
func TestIdleMemory(t *testing.T) {
	if addr := os.Getenv("SIOCHAT_IDLE"); addr != "" {
		beIdle(t, addr, strings.Split(os.Getenv("SIOCHAT_TOKENS"), " "))
		return
	}
	f := newFixture(t, func(s *settings) {
		s.server.Heartbeat = 10 * time.Minute
		s.around = func(f *fixture, handler http.Handler) http.Handler {
			native := ws.New(ws.Config{Sessions: f.Sessions, Hub: f.Hub, Heartbeat: 10 * time.Minute})
			t.Cleanup(native.Close)
			mux := http.NewServeMux()
			mux.Handle(siochat.Path, handler)
			mux.Handle("/api/v1/ws", native)
			return mux
		}
	})
	tokens := make([]string, idlePeople)
	for i := range tokens {
		tokens[i] = f.Member(fmt.Sprint("user ", i))
	}
	warm := f.idle(t, "/api/v1/ws", tokens[:1]) // streams that stay open, pools
	t.Logf("to begin with: %d", warm)
	here, there := f.idle(t, siochat.Path, tokens), f.idle(t, "/api/v1/ws", tokens)
	t.Logf("%d bytes each of %d idle connections, %d at the WebSocket handler: %.2f times as much",
		here, idlePeople*idleEach, there, float64(here)/float64(there))
	if here > idleMax {
		t.Errorf("%d bytes each are more than %d", here, idleMax)
	}
}

// idle has so many clients connect and sync, and returns the bytes that each
// costs.
func (f *fixture) idle(t *testing.T, path string, tokens []string) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestIdleMemory$")
	cmd.Env = append(os.Environ(), "SIOCHAT_IDLE="+f.host()+path, "SIOCHAT_TOKENS="+strings.Join(tokens, " "))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	before, goroutines := used(), runtime.NumGoroutine()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("the clients say %q: %v", line, err)
	}
	count := len(tokens) * idleEach
	wstest.Eventually(t, "one goroutine a client",
		func() bool { return runtime.NumGoroutine() <= goroutines+count+10 })
	if n := f.Hub.Stats().Conns; n != int64(count) {
		t.Fatalf("%d connections", n)
	}
	each := (used() - before) / count
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	wstest.Eventually(t, "the clients to be gone", func() bool { return f.Hub.Stats().Conns == 0 })
	return each
}

// used is what the heap and stacks take.
func used() int {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what the first one has put into pools' victims
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// beIdle is the other process: clients that sync and then do nothing, until its
// input ends.
func beIdle(t *testing.T, where string, tokens []string) {
	addr, path, _ := strings.Cut(where, "/")
	query, hello, sync, done := "", "", wstest.Text(`{"jsonrpc":"2.0","id":1,"method":"sync"}`), `"id":1,`
	if "/"+path == siochat.Path {
		query, hello, sync, done = "?"+websocket, `40{"sid"`, wstest.Text(`421["sync"]`), "431["
	}
	for _, token := range tokens {
		for range idleEach {
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			// A request as a browser makes it.
			fmt.Fprintf(nc, "GET /%s%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Origin: http://%s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n"+
				"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCache-Control: no-cache\r\nCookie: parley=%s\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
				path, query, addr, addr, token)
			if hello != "" {
				nc.Write(wstest.Text("40"))
			}
			until(t, nc, hello)
			nc.Write(sync)
			until(t, nc, done)
		}
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// until reads until what came contains want.
func until(t *testing.T, nc net.Conn, want string) {
	var got []byte
	for buf := make([]byte, 4<<10); !bytes.Contains(got, []byte(want)) || len(got) == 0; {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatalf("%v, after %s", err, got)
		}
		got = append(got, buf[:n]...)
	}
}
