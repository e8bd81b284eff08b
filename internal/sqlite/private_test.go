package sqlite

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFilesArePrivate: whatever the directory's mode and the umask, only the
// owner can read the store's files, and a start mends those that others could.
func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	umask := syscall.Umask(0)
	defer syscall.Umask(umask)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		x := &annotationTest{TB: t, Store: s}
		x.fill("a")
		return s
	}
	private := func() (files int) {
		t.Helper()
		all, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has the mode %v, %v", f.Name(), info.Mode(), err)
			}
		}
		return len(all)
	}
	s := open()
	if n := private(); n != 4 {
		t.Errorf("%d files, not 4", n)
	}
	if log.Len() > 0 {
		t.Errorf("a new directory was mended: %s", &log)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "parley.db"} {
		if err := os.Chmod(filepath.Join(dir, name), fs.FileMode(0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Open(t.Context(), dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	} else {
		defer s.Close()
	}
	private()
	if !strings.Contains(log.String(), "lock parley.db") {
		t.Errorf("it did not say what it mended: %s", &log)
	}
}
