//go:build !race

package socketio_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

const (
	idleCount = 2000
	idleMax   = 12_000 // bytes; it is about 7,400
)

// TestIdleMemory measures what an idle client costs the server: heap and
// stacks, of a client over WebSocket that is connected and in a room. The
// clients are another process.
func TestIdleMemory(t *testing.T) {
	if addr := os.Getenv("SOCKETIO_IDLE"); addr != "" {
		beIdle(t, addr)
		return
	}
	server := socketio.New(patient())
	server.OnConnect("/", func(s *socketio.Socket, _ json.RawMessage, _ *http.Request) error {
		s.On("message", func(*socketio.Event) {})
		s.OnDisconnect(func(socketio.Reason) {})
		s.Join("room")
		return nil
	})
	f := serve(t, server)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestIdleMemory$")
	cmd.Env = append(os.Environ(),
		"SOCKETIO_IDLE="+strings.TrimSuffix(strings.TrimPrefix(f.URL, "http://"), "/socket.io/"))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	before := used()
	goroutines := runtime.NumGoroutine()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("the clients say %q: %v", line, err)
	}
	wstest.Eventually(t, "one goroutine a client",
		func() bool { return runtime.NumGoroutine() <= goroutines+idleCount+10 })
	if n := len(f.To("/", "room").Sockets()); n != idleCount {
		t.Fatalf("%d sockets", n)
	}
	each := (used() - before) / idleCount
	t.Logf("%d bytes each of %d idle clients", each, idleCount)
	if each > idleMax {
		t.Errorf("an idle client costs %d bytes, more than %d", each, idleMax)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// used is the memory in use, once what is not needed is collected.
func used() int64 {
	for range 3 { // what pools hold goes with the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// beIdle is the other process: clients that do nothing, until its input ends.
func beIdle(t *testing.T, addr string) {
	for range idleCount {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		// A request as a browser makes it, and a masked frame of 40.
		fmt.Fprintf(nc, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Origin: http://%s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n"+
			"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCache-Control: no-cache\r\nCookie: session=%s\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\x00\x00\x00\x0040", addr, addr, strings.Repeat("x", 40))
		var got []byte
		for buf := make([]byte, 1024); !strings.Contains(string(got), `40{"sid"`); {
			n, err := nc.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
