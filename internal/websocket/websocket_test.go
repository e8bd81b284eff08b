package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/websocket"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a server that echoes.
type fixture struct {
	t      testing.TB
	server *websocket.Server
	addr   string

	mu    sync.Mutex
	conns []*echo
	gone  int
}

// echo sends back what comes.
type echo struct {
	f    *fixture
	conn *websocket.Conn

	mu    sync.Mutex
	queue []byte
	over  *websocket.CloseError // to close with
	ended error
}

func newFixture(t testing.TB, cfg websocket.Config, wrap func(net.Listener) net.Listener) *fixture {
	t.Helper()
	f := &fixture{t: t, server: websocket.New(cfg)}
	http := httptest.NewUnstartedServer(f)
	if wrap != nil {
		http.Listener = wrap(http.Listener)
	}
	http.Start()
	f.addr = http.Listener.Addr().String()
	t.Cleanup(func() {
		f.server.Close()
		http.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.conns) != f.gone {
			t.Errorf("%d of %d connections are gone", f.gone, len(f.conns))
		}
	})
	return f
}

func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Around", "set")
	conn, err := f.server.Upgrade(w, r)
	if err != nil {
		return
	}
	e := &echo{f: f, conn: conn}
	f.mu.Lock()
	f.conns = append(f.conns, e)
	f.mu.Unlock()
	conn.Serve(e)
}

func (f *fixture) dial() *wstest.Conn { return wstest.Dial(f.t, f.addr, "/", nil) }

// last returns the connection that came last.
func (f *fixture) last() *echo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conns[len(f.conns)-1]
}

func (e *echo) Frame() error { return nil }

func (e *echo) Message(binary bool, data []byte) error {
	if string(data) == "fail" {
		return errors.New("failed")
	}
	e.send(append(websocket.AppendHeader(nil, binary, len(data)), data...))
	return nil
}

func (e *echo) send(frame []byte) {
	e.mu.Lock()
	e.queue = append(e.queue, frame...)
	e.mu.Unlock()
	e.conn.Wake()
}

func (e *echo) close(code int) {
	e.mu.Lock()
	e.over = &websocket.CloseError{Code: code, Text: "over"}
	e.mu.Unlock()
	e.conn.Wake()
}

func (e *echo) Next(b []byte, _ int) ([]byte, *websocket.CloseError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 {
		b, e.queue = append(b, e.queue...), nil
		return b, nil
	}
	return b, e.over
}

func (e *echo) Closed(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended != nil {
		e.f.t.Error("Closed was called twice")
	}
	e.ended, e.queue = err, nil
}

func (e *echo) Gone() {
	e.f.mu.Lock()
	defer e.f.mu.Unlock()
	if e.f.gone++; e.ended == nil {
		e.f.t.Error("Gone was called before Closed")
	}
}

// expect reads a text.
func expect(c *wstest.Conn, what, want string) {
	c.T.Helper()
	for {
		op, payload, err := c.Next()
		if err != nil || op == 1 && string(payload) != want {
			c.T.Fatalf("%s: got %.80q, %v, want %.80q", what, payload, err, want)
		}
		if op == 1 {
			return
		}
	}
}

// TestHandshake asks for a WebSocket in ways that RFC 9110 and RFC 6455 allow
// and forbid.
func TestHandshake(t *testing.T) {
	f := newFixture(t, websocket.Config{Protocol: "echo.v1"}, nil)
	for _, c := range []struct {
		name     string
		header   http.Header
		status   int
		protocol string
	}{
		{"as usual", nil, 101, ""},
		{"Connection in one list", http.Header{"Connection": {"keep-alive, Upgrade"}}, 101, ""},
		{"Connection in two lines", http.Header{"Connection": {"keep-alive", "Upgrade"}}, 101, ""},
		{"Connection in two lines, upgrade first", http.Header{"Connection": {"upgrade", "TE"}}, 101, ""},
		{"Connection in three lines with an empty one",
			http.Header{"Connection": {"keep-alive", "", "x, UPGRADE"}}, 101, ""},
		{"Upgrade in another case", http.Header{"Upgrade": {"WebSocket"}}, 101, ""},
		{"Upgrade as a list", http.Header{"Upgrade": {"h2c, websocket"}}, 101, ""},
		{"Upgrade in two lines", http.Header{"Upgrade": {"h2c", "websocket"}}, 101, ""},
		{"the protocol", http.Header{"Sec-WebSocket-Protocol": {"echo.v1"}}, 101, "echo.v1"},
		{"one of several protocols", http.Header{"Sec-WebSocket-Protocol": {"a, echo.v1"}}, 101, "echo.v1"},
		{"another protocol", http.Header{"Sec-WebSocket-Protocol": {"a"}}, 101, ""},
		{"compression is not agreed to",
			http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate"}}, 101, ""},
		{"no Connection", http.Header{"Connection": nil}, 400, ""},
		{"another Connection", http.Header{"Connection": {"keep-alive"}}, 400, ""},
		{"something like Upgrade", http.Header{"Connection": {"keep-alive", "Upgraded"}}, 400, ""},
		{"no Upgrade", http.Header{"Upgrade": nil}, 400, ""},
		{"an upgrade to something else", http.Header{"Upgrade": {"h2c"}}, 400, ""},
		{"no key", http.Header{"Sec-Websocket-Key": nil}, 400, ""},
		{"a short key", http.Header{"Sec-Websocket-Key": {"AAAA"}}, 400, ""},
		{"two keys",
			http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="}}, 400, ""},
		{"no version", http.Header{"Sec-Websocket-Version": nil}, 400, ""},
		{"an old version", http.Header{"Sec-Websocket-Version": {"8"}}, 426, ""},
	} {
		res, conn := wstest.Upgrade(t, f.addr, "/", c.header)
		if res.StatusCode != c.status || res.Header.Get("Sec-WebSocket-Protocol") != c.protocol ||
			res.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("%s: %s %v", c.name, res.Status, res.Header)
		}
		if res.StatusCode == 101 {
			if got := res.Header.Get("Sec-Websocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("%s: accepted with %q", c.name, got)
			}
			conn.Put(wstest.Text("hello"))
			expect(conn, c.name, "hello")
			conn.Close()
			continue
		}
		if res.Header.Get("X-Around") != "set" {
			t.Errorf("%s: refused without the headers of every answer: %v", c.name, res.Header)
		}
		if _, err := io.Copy(io.Discard, conn.In); err != nil { // nothing could follow
			t.Errorf("%s: the connection is kept: %v", c.name, err)
		}
		conn.Close()
	}
}

// TestHandshakeWithBody: a body is not taken for frames.
func TestHandshakeWithBody(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	for header, value := range map[string]string{"Content-Length": "7", "Transfer-Encoding": "chunked"} {
		res, _ := wstest.Upgrade(t, f.addr, "/", http.Header{header: {value}})
		if res.StatusCode != 400 {
			t.Errorf("%s: %s", header, res.Status)
		}
	}
}

// TestEarlyFrame sends a frame together with the request.
func TestEarlyFrame(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_, c := wstest.On(t, &early{nc, wstest.Text("early")}, "/", nil)
	expect(c, "a frame in the same packet", "early")
}

// early sends something together with what is sent first.
type early struct {
	net.Conn
	more []byte
}

func (e *early) Write(b []byte) (int, error) {
	all := append(b[:len(b):len(b)], e.more...)
	e.more = nil
	_, err := e.Conn.Write(all)
	return len(b), err
}

// hiding is a listener whose connections are not known to be TCP, as those of
// TLS.
type hiding struct{ net.Listener }

func (h hiding) Accept() (net.Conn, error) {
	nc, err := h.Listener.Accept()
	return struct{ net.Conn }{nc}, err
}

// each runs a test on sockets that are used directly and on others.
func each(t *testing.T, cfg websocket.Config, run func(t *testing.T, f *fixture)) {
	t.Run("TCP", func(t *testing.T) { run(t, newFixture(t, cfg, nil)) })
	t.Run("other", func(t *testing.T) {
		run(t, newFixture(t, cfg, func(l net.Listener) net.Listener { return hiding{l} }))
	})
}

// TestWaiting: frames that come whole, in two parts and two at once are
// answered, from clients that say little, for which one goroutine after the
// other waits, and from those that say much.
func TestWaiting(t *testing.T) {
	each(t, websocket.Config{}, func(t *testing.T, f *fixture) {
		var wg sync.WaitGroup
		for i := range 20 {
			c := f.dial()
			wg.Go(func() {
				for n := range 20 {
					one, two := wstest.Text(strings.Repeat("a", n+1)), wstest.Text(strings.Repeat("b", n+1))
					cut := (n + 7*i) % len(one)
					c.Put(one[:cut])
					c.Put(one[cut:], two)
					for _, want := range []string{"a", "b"} {
						if _, got, err := c.Next(); err != nil || string(got) != strings.Repeat(want, n+1) {
							t.Errorf("connection %d, message %d: %q, %v", i, n, got, err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestLarge sends much to a client that does not read at first, and closes
// after it: everything comes, then the close frame.
func TestLarge(t *testing.T) {
	each(t, websocket.Config{MaxMessage: 1 << 20}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.Put(wstest.Text("first"))
		expect(c, "the first", "first")
		large := bytes.Repeat([]byte("x"), 1<<20)
		for range 8 {
			f.last().send(append(websocket.AppendHeader(nil, false, len(large)), large...))
		}
		f.last().close(websocket.ClosePolicy)
		for range 8 {
			expect(c, "a large one", string(large))
		}
		c.Closes("then", websocket.ClosePolicy)
	})
}

// TestStuck: a client that takes nothing loses its connection.
func TestStuck(t *testing.T) {
	each(t, websocket.Config{WriteTimeout: 50 * time.Millisecond}, func(t *testing.T, f *fixture) {
		f.dial().Put(wstest.Text("hello"))
		wstest.Eventually(t, "a connection", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.conns) == 1
		})
		large := bytes.Repeat([]byte("x"), 32<<20)
		f.last().send(append(websocket.AppendHeader(nil, false, len(large)), large...))
		wstest.Eventually(t, "the connection to be given up", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.gone == 1
		})
		e := f.last()
		_, orderly := errors.AsType[*websocket.CloseError](e.ended)
		if orderly || errors.Is(e.ended, io.EOF) {
			t.Errorf("ended with %v", e.ended)
		}
	})
}

// TestHandlerFails: an error that is no CloseError ends the connection without
// a close frame.
func TestHandlerFails(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	c := f.dial()
	c.Put(wstest.Text("fail"))
	if op, payload, err := c.Next(); err == nil {
		t.Errorf("got %d %q", op, payload)
	} else if _, said := errors.AsType[*wstest.Closed](err); said {
		t.Errorf("got %v", err)
	}
}

// TestHeartbeat: a silent client is pinged, and closed if it stays silent; one
// that answers stays.
func TestHeartbeat(t *testing.T) {
	each(t, websocket.Config{Heartbeat: 50 * time.Millisecond}, func(t *testing.T, f *fixture) {
		c := f.dial()
		for range 3 {
			if op, _, err := c.Next(); op != 9 || err != nil {
				t.Fatalf("opcode %d, %v, want a ping", op, err)
			}
			c.Put(wstest.Frame(wstest.Fin|10, nil))
		}
		c.Closes("silence", websocket.CloseRestart)
	})
}

// TestUnfinishedMessage: whoever begins a message must finish it, however much
// they send meanwhile.
func TestUnfinishedMessage(t *testing.T) {
	for name, begun := range map[string][]byte{
		"half a frame":        wstest.Text("hello")[:5],
		"a header":            wstest.Text("hello")[:1],
		"a fragment":          wstest.Frame(1, []byte("a")),
		"a fragment and ping": append(wstest.Frame(1, []byte("a")), wstest.Frame(wstest.Fin|9, nil)...),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, websocket.Config{MessageTimeout: 50 * time.Millisecond}, nil)
			c := f.dial()
			c.Put(begun)
			c.Closes(name, websocket.CloseRestart)
		})
	}
}

// TestEndlessMessage: nor may they be slow without end.
func TestEndlessMessage(t *testing.T) {
	long := wstest.Text(strings.Repeat(" ", 10_000))
	for name, piece := range map[string]func(i int) []byte{
		"a frame byte by byte": func(i int) []byte { return long[i : i+1] },
		"empty fragments":      func(i int) []byte { return wstest.Frame(byte(max(0, 1-i)), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newFixture(t, websocket.Config{MessageTimeout: 50 * time.Millisecond}, nil).dial()
			var sending sync.WaitGroup
			sending.Go(func() {
				for i := range long {
					if _, err := c.Write(piece(i)); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond) // the pace is what is tested
				}
			})
			_, _, err := c.Next()
			if e, ok := errors.AsType[*wstest.Closed](err); !ok || e.Code != websocket.CloseRestart {
				t.Error(err)
			}
			c.Close()
			sending.Wait()
		})
	}
}

// TestSteadyStream: a client whose frames never end together with what is read
// has finished each of them.
func TestSteadyStream(t *testing.T) {
	c := newFixture(t, websocket.Config{MessageTimeout: 100 * time.Millisecond}, nil).dial()
	const n = 60
	go func() {
		one := wstest.Text("hello")
		c.Write(one[:5])
		for range n {
			c.Write(append(append([]byte(nil), one[5:]...), one[:5]...))
			time.Sleep(5 * time.Millisecond) // the pace is what is tested
		}
		c.Write(one[5:])
	}()
	for i := range n + 1 {
		expect(c, fmt.Sprint("answer ", i), "hello")
	}
}

// TestServerClose closes the connections that are left, as the handler wants it
// if it has closed first.
func TestServerClose(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	served := func() *wstest.Conn { // and the last one that is
		c := f.dial()
		c.Put(wstest.Text("hello"))
		expect(c, "before", "hello")
		return c
	}
	left, closed := served(), served()
	f.last().close(websocket.CloseGoingAway)
	var done sync.WaitGroup
	done.Go(f.server.Close)
	left.Closes("a connection that is left", websocket.CloseRestart)
	closed.Closes("one that the handler has closed", websocket.CloseGoingAway)
	done.Wait()
	late := f.dial() // the upgrade is answered, and that is all
	if _, _, err := late.Next(); err == nil {
		t.Error("a closed server serves")
	}
}

// TestPongs: of many pings while the client does not read, the last is
// answered, and little is kept.
func TestPongs(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	c := f.dial()
	want := bytes.Repeat([]byte{0, 0xff, 'p'}, 41)
	c.Put(wstest.Frame(wstest.Fin|9, want))
	if op, got, err := c.Next(); op != 10 || !bytes.Equal(got, want) || err != nil {
		t.Errorf("opcode %d, % x, %v", op, got, err)
	}
	ping := wstest.Frame(wstest.Fin|9, make([]byte, 125))
	for range 1000 {
		c.Put(ping)
	}
	last := []byte("the last")
	c.Put(wstest.Frame(wstest.Fin|9, last))
	for {
		op, got, err := c.Next()
		if op != 10 || err != nil {
			t.Fatalf("opcode %d, %v", op, err)
		}
		if bytes.Equal(got, last) {
			return
		}
	}
}
