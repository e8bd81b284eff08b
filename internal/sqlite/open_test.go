package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refuseOpen opens dir, which must fail with a message that tells all of the
// given.
func refuseOpen(t *testing.T, dir string, tells ...string) {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{})
	if err == nil {
		s.Close()
		t.Fatal("opened")
	}
	for _, part := range tells {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not tell %q", err, part)
		}
	}
}

func TestOpenLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "of parley?#%20")
	s := openTest(t, dir, Options{})
	refuseOpen(t, dir, dir, fmt.Sprint("process ", os.Getpid()))
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "parley.db")); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir, Options{})
}

func TestOpenNewer(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Options{})
	if err := s.write(t.Context(),
		func(c *conn) error { return c.script("PRAGMA user_version = 99") }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	refuseOpen(t, dir, filepath.Join(dir, "parley.db"), "newer version", "99")
	refuseOpen(t, dir, "newer version") // and not because it was left locked
}

func TestOpenForeign(t *testing.T) {
	dir := t.TempDir()
	c, err := open(filepath.Join(dir, "parley.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.script("CREATE TABLE t (x); PRAGMA user_version = 1"), c.close()); err != nil {
		t.Fatal(err)
	}
	refuseOpen(t, dir, dir, "another program")
}

func TestOpenDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "parley.db"),
		[]byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	refuseOpen(t, dir, dir, "damaged", "backup")
}

func TestOpenNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuseOpen(t, file, file)
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := Open(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	openTest(t, dir, Options{})
}
