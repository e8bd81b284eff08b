package compat_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// scenarioCount is how many testdata/demo.mjs has.
const scenarioCount = 6

// TestDemoClients has two clients like the demo's, with the library that it
// used, beside one of Parley's own.
func TestDemoClients(t *testing.T) {
	eiotest.NeedOfficialClients(t, filepath.Join("..", "socketio", "testdata"))
	for _, transports := range []string{"polling,websocket", "polling", "websocket"} {
		t.Run(transports, func(t *testing.T) {
			f := newFixture(t, func(s *settings) {
				s.io.Heartbeat, s.io.PongTimeout = 500*time.Millisecond, 5*time.Second
			})
			eiotest.RunScenarios(t, scenarioCount, filepath.Join("testdata", "demo.mjs"), f.http.URL, transports)
			wstest.Eventually(t, "everybody to be gone", func() bool { return f.Hub.Stats().Conns == 0 })
		})
	}
}
