package siochat_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// scenarioCount is how many testdata/client.mjs has.
const scenarioCount = 8

// TestOfficialClients has the official clients chat.
func TestOfficialClients(t *testing.T) {
	eiotest.NeedOfficialClients(t, filepath.Join("..", "socketio", "testdata"))
	for _, version := range []string{"3", "4"} {
		for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
			t.Run(version+" "+transports, func(t *testing.T) {
				f := newFixture(t, func(s *settings) {
					s.server.Heartbeat, s.server.PongTimeout = 500*time.Millisecond, 5*time.Second
				})
				eiotest.RunScenarios(t, scenarioCount, filepath.Join("testdata", "client.mjs"),
					f.http.URL, version, transports)
				wstest.Eventually(t, "everybody to be gone", func() bool { return f.Hub.Stats().Conns == 0 })
			})
		}
	}
}
