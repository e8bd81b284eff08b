package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAttackHeaders: whatever is asked for, found or not, the answer tells
// browsers what not to do with it.
func TestAttackHeaders(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), "--demo", "--compat=redis-chat-demo")
	for _, path := range []string{"/", "/sw.js", "/nothing", "/api/v1/server", "/api/v1/account",
		"/api/v1/nothing", "/api/v1/docs", "/metrics", "/healthz",
		"/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3", "/me", "/links"} {
		h := ask(t, p, "GET", path, "").header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Type") == "" {
			t.Errorf("%s: %v", path, h)
		}
		// for browsers that do not know the policy
		if strings.Contains(policy, "script-src") && h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s may be framed", path)
		}
	}
}

// TestAttackSlowHTTP: who is slow to send a request, to take its answer, or to
// ask again does not stay, and who sends a head without end is not listened to.
func TestAttackSlowHTTP(t *testing.T) {
	t.Parallel()
	const short, long = 100 * time.Millisecond, time.Hour
	answered := make(chan error, 1)
	large := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/large" {
			_, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, "took it: ", err == nil)
			return
		}
		var err error
		for range 1 << 10 { // 64 MiB: more than the network holds
			if _, err = w.Write(make([]byte, 64<<10)); err != nil {
				break
			}
		}
		answered <- err
	})
	dial := func(limits timeouts) *net.TCPConn {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := webServer(large, slog.New(slog.DiscardHandler), limits)
		over := make(chan struct{})
		go func() {
			defer close(over)
			server.Serve(l)
		}()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			conn.Close()
			server.Close()
			<-over
		})
		conn.SetDeadline(time.Now().Add(time.Minute))
		return conn.(*net.TCPConn)
	}
	all := func(conn net.Conn) string {
		b, err := io.ReadAll(conn)
		if err != nil {
			t.Errorf("the connection is kept: %v", err)
		}
		return string(b)
	}

	conn := dial(timeouts{short, long, long, long})
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Sl")
	all(conn)

	conn = dial(timeouts{long, short, long, long})
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
	if got := all(conn); strings.Contains(got, "took it: true") {
		t.Errorf("a body that does not come is answered with %q", got)
	}

	conn = dial(timeouts{long, long, long, short})
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := all(conn); !strings.Contains(got, "took it: true") {
		t.Errorf("a request is answered with %q", got)
	}

	conn = dial(timeouts{long, long, long, long})
	go fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", strings.Repeat("x", 100_000))
	buf := make([]byte, 12)
	if _, err := io.ReadFull(conn, buf); string(buf) != "HTTP/1.1 431" {
		t.Errorf("a head of 100 kB is answered with %q, %v", buf, err)
	}

	conn = dial(timeouts{long, long, short, long})
	conn.SetReadBuffer(4 << 10)
	fmt.Fprint(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
	select { // nothing is read
	case err := <-answered:
		if err == nil {
			t.Error("64 MiB went to nobody")
		}
	case <-time.After(time.Minute):
		t.Error("the server waits for ever for somebody who does not read")
	}
	if usual.head <= 0 || usual.request <= 0 || usual.answer <= 0 || usual.idle <= 0 {
		t.Errorf("the usual limits are %+v", usual)
	}
}
