package siochat_test

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

// scenarioCount is how many testdata/client.mjs has.
const scenarioCount = 8

// TestOfficialClients has the official clients chat.
func TestOfficialClients(t *testing.T) {
	eiotest.NeedOfficialClients(t, filepath.Join("..", "socketio", "testdata"))
	for _, version := range []string{"3", "4"} {
		for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
			t.Run(version+" "+transports, func(t *testing.T) {
				f := newFixture(t, func(s *settings) {
					s.server.Heartbeat,
						s.server.PongTimeout = 500*time.Millisecond, 5*time.Second
				})
				cmd := exec.CommandContext(t.Context(), "node",
					filepath.Join("testdata", "client.mjs"), f.http.URL, version, transports)
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
}
