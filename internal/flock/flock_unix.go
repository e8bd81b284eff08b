//go:build unix

package flock

import (
	"errors"
	"os"
	"syscall"
)

// Lock waits until f holds the lock alone.
func Lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

// Try makes f hold the lock alone, or returns [ErrHeld].
func Try(f *os.File) error { return try(f, syscall.LOCK_EX) }

// TryShared makes f hold the lock together with others that share it, or
// returns [ErrHeld].
func TryShared(f *os.File) error { return try(f, syscall.LOCK_SH) }

func try(f *os.File, how int) error {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}
