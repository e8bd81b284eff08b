package eiotest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// NeedOfficialClients installs the official clients into dir, which is the
// testdata of package socketio as the test's package sees it, if they are not
// there as the lock file says. The tests of several packages may ask at the
// same time: one installs, the others wait. Without Node.js the test is
// skipped, except in CI.
func NeedOfficialClients(t *testing.T, dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("the official clients need Node.js and npm, which are not here")
		}
	}
	lock, err := os.Open(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // and with it the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	want, err := lock.Stat()
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err == nil && there.ModTime().After(want.ModTime()) {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-fund", "--no-audit")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// RunScenarios runs a script of official clients, which prints the name and the
// error, if any, of each of its scenarios. There must be that many.
func RunScenarios(t *testing.T, count int, script string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{script}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var result struct{ Name, Error string }
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			t.Errorf("%v: %s", err, lines.Text())
			continue
		}
		ran++
		if result.Error != "" {
			t.Errorf("%s: %s", result.Name, result.Error)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if ran != count {
		t.Errorf("%d scenarios were run, not %d", ran, count)
	}
}
