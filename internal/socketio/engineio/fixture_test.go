package engineio_test

import (
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/internal/socketio/engineio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is an engine that echoes, on a real socket.
type fixture struct {
	*eiotest.Client
	engine *engineio.Server

	mu      sync.Mutex
	ends    []engineio.Reason
	session *engineio.Session // the last one opened
}

func newFixture(t testing.TB, change func(*engineio.Config)) *fixture {
	t.Helper()
	return newFixtureOn(t, nil, change)
}

// hiding is a listener whose connections are not known to be TCP, as those of
// TLS.
type hiding struct{ net.Listener }

func (h hiding) Accept() (net.Conn, error) {
	nc, err := h.Listener.Accept()
	return struct{ net.Conn }{nc}, err
}

func newFixtureOn(t testing.TB, wrap func(net.Listener) net.Listener,
	change func(*engineio.Config)) *fixture {
	t.Helper()
	f := &fixture{}
	cfg := engineio.Config{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond}
	cfg.Accept = func(s *engineio.Session) engineio.Receiver {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.session = s
		return echo{f, s}
	}
	if change != nil {
		change(&cfg)
	}
	f.engine = engineio.New(cfg)
	server := httptest.NewUnstartedServer(f.engine)
	if wrap != nil {
		server.Listener = wrap(server.Listener)
	}
	server.Start()
	t.Cleanup(func() {
		f.engine.Close()
		server.Close()
		if n := f.engine.Sessions(); n != 0 {
			t.Errorf("%d sessions were left", n)
		}
	})
	f.Client = eiotest.New(t, server.URL+"/engine.io/")
	return f
}

type echo struct {
	f *fixture
	s *engineio.Session
}

func (e echo) Text(b []byte) error   { return e.s.Send(engineio.Text(b)) }
func (e echo) Binary(b []byte) error { return e.s.Send(engineio.Binary(b)) }
func (e echo) Closed(why engineio.Reason) {
	e.f.mu.Lock()
	defer e.f.mu.Unlock()
	e.f.ends = append(e.f.ends, why)
}

// last returns the session that was opened last.
func (f *fixture) last() *engineio.Session {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.session
}

// eventually waits for what is certain to become true.
func (f *fixture) eventually(what string, is func() bool) {
	f.T.Helper()
	for end := time.Now().Add(eiotest.Patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.T.Fatalf("still not so: %s", what)
		}
	}
}

// ended waits for one session's end and its reason.
func (f *fixture) ended(want engineio.Reason) {
	f.T.Helper()
	f.eventually("a session has ended", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.ends) > 0
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ends) != 1 || f.ends[0] != want {
		f.T.Fatalf("ends %q, not %q", f.ends, want)
	}
}
