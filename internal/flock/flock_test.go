package flock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	one, other := open(), open()
	if err := Lock(one); err != nil {
		t.Fatal(err)
	}
	if err := Try(other); !errors.Is(err, ErrHeld) {
		t.Errorf("a second lock: %v", err)
	}
	if err := TryShared(other); !errors.Is(err, ErrHeld) {
		t.Errorf("a shared lock beside one that is held alone: %v", err)
	}
	if _, err := one.WriteString("who"); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "who" {
		t.Errorf("what is locked reads as %q, %v", text, err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(TryShared(other), TryShared(open())); err != nil {
		t.Errorf("shared by two: %v", err)
	}
	if err := Try(open()); !errors.Is(err, ErrHeld) {
		t.Errorf("alone beside two that share it: %v", err)
	}
}
