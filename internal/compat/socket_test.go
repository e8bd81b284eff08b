package compat_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
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
				s.io.Heartbeat,
					s.io.PongTimeout = 500*time.Millisecond, 5*time.Second
			})
			cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "demo.mjs"),
				f.http.URL, transports)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			count := 0
			lines := bufio.NewScanner(out)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				var result struct{ Name, Error string }
				if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
					t.Errorf("%v: %s", err, lines.Text())
					continue
				}
				count++
				if result.Error != "" {
					t.Errorf("%s: %s", result.Name, result.Error)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if count != scenarioCount {
				t.Errorf("%d scenarios were run, not %d", count, scenarioCount)
			}
			eventually(t, "everybody to be gone", func() bool { return f.hub.Stats().Conns == 0 })
		})
	}
}
