package socketio_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

type engineEcho struct{ s *engineio.Session }

func (e engineEcho) Text(b []byte) error    { return e.s.Send(engineio.Text(b)) }
func (e engineEcho) Binary(b []byte) error  { return e.s.Send(engineio.Binary(b)) }
func (e engineEcho) Closed(engineio.Reason) {}

// TestOfficialSuites serves what the official protocol suites
// (docs/*-protocol/*-test-suite of github.com/socketio/socket.io) want to find,
// for as long as the test may run:
//
//	SOCKETIO_SUITES=localhost:3000 go test -race -timeout 10m -run TestOfficialSuites ./internal/socketio
func TestOfficialSuites(t *testing.T) {
	addr := os.Getenv("SOCKETIO_SUITES")
	if addr == "" {
		t.Skip("SOCKETIO_SUITES does not say where to listen: the cases of the suites are tested by TestProtocol")
	}
	engine := engineio.New(engineio.Config{PingInterval: 300 * time.Millisecond,
		PingTimeout: 200 * time.Millisecond,
		Accept:      func(s *engineio.Session) engineio.Receiver { return engineEcho{s} }})
	defer engine.Close()
	server := newSuiteServer(suiteOptions())
	defer server.Close()
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", engine)
	mux.Handle("/socket.io/", server)
	t.Fatal(http.ListenAndServe(addr, mux))
}
