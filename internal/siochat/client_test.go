package siochat_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// scenarioCount is how many testdata/client.mjs has.
const scenarioCount = 8

// needClients installs the official clients, which package socketio keeps,
// where they are not. Without Node.js the test is skipped, except in CI.
func needClients(t *testing.T) {
	t.Helper()
	dir := filepath.Join("..", "socketio", "testdata")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
		return
	}
	npm, err := exec.LookPath("npm")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("the official clients need Node.js and npm, which are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--no-fund", "--no-audit")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// TestOfficialClients has the official clients chat.
func TestOfficialClients(t *testing.T) {
	needClients(t)
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
