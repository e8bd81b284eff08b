package search

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-chat/parley/internal/flock"
)

// prefix is how the names of temporary directories begin.
const prefix = "parley-search-"

// lockDir makes this process the only one that uses dir, until the returned
// file is closed. The kernel lets go of it when a process dies.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "search.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the directory of the search index: %w", err)
	}
	if err := flock.Try(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("another process has its search index in %s: give each node a directory of its own (%w)",
			dir, err)
	}
	return f, nil
}

// Temporary makes a directory for an index that ends with the process, and
// removes what processes that were killed have left.
func Temporary() (string, error) {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range left {
		removeLeft(dir)
	}
	return os.MkdirTemp("", prefix)
}

// removeLeft removes a temporary directory of ours that no process uses. It may
// fail: it is tried again at the next start.
func removeLeft(dir string) {
	const lockedBy = time.Minute // after a directory was made
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < lockedBy {
		return
	}
	if !isOurs(info) {
		return
	}
	if lock, err := lockDir(dir); err == nil {
		os.RemoveAll(dir)
		lock.Close()
	}
}
