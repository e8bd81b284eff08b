package socketio_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/parley-chat/parley/internal/socketio"
)

// What Keep returns is at hand in place of the request, however the session
// begins.
func TestKeep(t *testing.T) {
	t.Parallel()
	opt := patient()
	opt.Keep = func(r *http.Request) any { return "by " + r.URL.Query().Get("transport") }
	server := socketio.New(opt)
	server.OnConnect("/", func(s *socketio.Socket, _ json.RawMessage, r *http.Request) error {
		if r != nil {
			t.Error("the request was kept too")
		}
		return s.Emit("kept", s.Kept())
	})
	f := serve(t, server)
	s, _ := f.OpenWebSocket()
	f.join(s, "/", "")
	s.Expect(`42["kept","by websocket"]`)
	s = f.Upgrade(f.Open())
	f.join(s, "/", "")
	s.Expect(`42["kept","by polling"]`)
}
