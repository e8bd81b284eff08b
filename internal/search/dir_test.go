package search_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/search"
)

func TestOneNodePerDirectory(t *testing.T) {
	f := newFixture(t, 100)
	_, err := search.Open(t.Context(), search.Config{Dir: f.dir, ID: "one", Store: f.Store, Log: slog.Default()})
	if err == nil || !strings.Contains(err.Error(), "another process has its search index in "+f.dir) {
		t.Fatal(err)
	}
}

// TestTemporaryDirectories: those of processes that were killed go; those in
// use, and those that somebody is about to use, stay.
func TestTemporaryDirectories(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	old := time.Now().Add(-time.Hour)
	make := func() string {
		t.Helper()
		dir, err := search.Temporary()
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	used, left, young := make(), make(), make()
	f := newFixture(t, 100)
	x, err := search.Open(t.Context(), search.Config{Dir: used, ID: "one", Store: f.Store, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	aside := t.TempDir()
	link := filepath.Join(temp, "parley-search-link")
	for _, err := range []error{os.WriteFile(left+"/search.db", nil, 0o600), os.Symlink(aside, link),
		os.Chtimes(used, old, old), os.Chtimes(left, old, old)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fresh := make()
	for _, dir := range []string{used, left, young, fresh, link, aside} {
		if _, err := os.Lstat(dir); (err == nil) != (dir != left) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
