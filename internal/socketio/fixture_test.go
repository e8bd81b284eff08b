package socketio_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/socketio/eiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// suiteOptions are those of the official suites, except for the time to
// connect: their second leaves a busy machine too little for three pings to a
// session that never connects.
func suiteOptions() socketio.Options {
	return socketio.Options{PingInterval: 300 * time.Millisecond,
		PingTimeout: 200 * time.Millisecond, ConnectTimeout: 5 * time.Second}
}

// newSuiteServer is the server that the official suite is written for.
func newSuiteServer(opt socketio.Options) *socketio.Server {
	server := socketio.New(opt)
	greet := func(s *socketio.Socket, auth json.RawMessage) {
		if auth == nil {
			auth = json.RawMessage("{}")
		}
		s.Emit("auth", auth)
	}
	server.OnConnect("/", func(s *socketio.Socket, auth json.RawMessage, r *http.Request) error {
		greet(s, auth)
		s.On("message", func(e *socketio.Event) {
			if args, err := e.Values(); err == nil {
				s.Emit("message-back", args...)
			}
		})
		s.On("message-with-ack", func(e *socketio.Event) {
			if args, err := e.Values(); err == nil {
				e.Ack(args...)
			}
		})
		return nil
	})
	server.OnConnect("/custom", func(s *socketio.Socket, auth json.RawMessage, r *http.Request) error {
		greet(s, auth)
		return nil
	})
	return server
}

// fixture is a server on a real socket.
type fixture struct {
	*eiotest.Client
	*socketio.Server
}

func serve(t testing.TB, server *socketio.Server) *fixture {
	t.Helper()
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Close()
		web.Close()
		if n := server.Sessions(); n != 0 {
			t.Errorf("%d sessions were left", n)
		}
	})
	return &fixture{eiotest.New(t, web.URL+"/socket.io/"), server}
}

// patient are options with which nothing ends by itself.
func patient() socketio.Options {
	return socketio.Options{PingInterval: time.Minute, PingTimeout: time.Minute, ConnectTimeout: time.Minute}
}

// connect opens a WebSocket and connects it to a namespace.
func (f *fixture) connect(namespace, auth string) (s *eiotest.Socket, id string) {
	f.T.Helper()
	s, _ = f.OpenWebSocket()
	return s, f.join(s, namespace, auth)
}

// join connects a session to a namespace.
func (f *fixture) join(s *eiotest.Socket, namespace, auth string) (id string) {
	f.T.Helper()
	head := "40"
	if namespace != "/" {
		head += namespace + ","
	}
	s.Send(head + auth)
	return readConnected(f.T, s.Next(), head)
}

func readConnected(t testing.TB, packet, head string) string {
	t.Helper()
	var hello map[string]string
	if len(packet) < len(head) || packet[:len(head)] != head ||
		json.Unmarshal([]byte(packet[len(head):]), &hello) != nil || len(hello) != 1 ||
		len(hello["sid"]) < 20 {
		t.Fatalf("not connected: %q", packet)
	}
	return hello["sid"]
}
