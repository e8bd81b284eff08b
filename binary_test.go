package parley_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxBinary is in bytes, without symbols; the goal. The client, plain
// and in brotli, is 4 MB of it, backups (zstd and age) are 1 MB, logging in at
// providers and mail are 0.6 MB each.
const maxBinary = 40_000_000

// TestBinaryIsSmall builds the binary and asks the linker why it keeps what it
// keeps. As soon as anything that can be reached looks up methods by a name
// that the linker does not know, as text/template does, every exported method
// of every type that can be reached stays in: above all rueidis' thousands of
// builders of commands, 12 MB. See docs/adr/0006-no-reflected-methods.md.
func TestBinaryIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("links the binary")
	}
	path := filepath.Join(t.TempDir(), "parley")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath",
		"-ldflags=-s -w -dumpdep", "-o", path, "./cmd/parley")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make builds it
	var dump bytes.Buffer
	build.Stderr = &dump
	if err := build.Run(); err != nil {
		t.Fatalf("%v\n%s", err, tail(dump.String(), 2000))
	}
	// A line is "who -> what", with a mark behind the name of a function that
	// looks up methods.
	var culprits []string
	edges := 0
	for line := range strings.Lines(dump.String()) {
		who, _, ok := strings.Cut(line, " -> ")
		if !ok {
			continue
		}
		edges++
		if name, marked := strings.CutSuffix(who, " <ReflectMethod>"); marked &&
			!slices.Contains(culprits, name) {
			culprits = append(culprits, name)
		}
	}
	if edges < 10_000 {
		t.Fatalf("the linker told only %d edges: has its output changed?\n%s", edges,
			tail(dump.String(), 2000))
	}
	for _, name := range culprits {
		t.Errorf("%s looks up methods by name: do without what calls it (go build -ldflags=-dumpdep ./cmd/parley 2>&1 | grep -F '%s' shows who does)", name, name)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("%d bytes, want at most %d", info.Size(), maxBinary)
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
