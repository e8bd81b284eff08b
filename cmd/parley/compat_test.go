package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestNodesServeTheDemosClients has clients of the Redis chat demo on two nodes
// do what they do on one.
func TestNodesServeTheDemosClients(t *testing.T) {
	t.Parallel()
	eiotest.NeedOfficialClients(t, filepath.Join("..", "..", "internal", "socketio", "testdata"))
	redis := redistest.StartTCP(t)
	f := startFleet(t, 2, redis.URL(), "--compat=redis-chat-demo", "--sign-up=open")
	urls := f.node(0).URL + "," + f.node(1).URL
	cmd := exec.CommandContext(t.Context(), "node",
		filepath.Join("..", "..", "internal", "compat", "testdata", "demo.mjs"), urls, "polling,websocket")
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
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil || result.Error != "" {
			t.Errorf("%s: %s %v", result.Name, result.Error, err)
		}
		count++
	}
	if err := cmd.Wait(); err != nil || count == 0 {
		t.Errorf("%d scenarios: %v", count, err)
	}
}
