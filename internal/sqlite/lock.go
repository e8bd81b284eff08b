package sqlite

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/internal/flock"
)

// lock makes this process the only one that uses dir, until the returned file
// is closed.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := flock.Try(f); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		f.Close()
		who := "another process"
		if pid, _, _ := strings.Cut(string(holder), "\n"); pid != "" {
			who = "process " + pid
		}
		return nil, fmt.Errorf("the data directory %s is in use by %s: stop it first, or choose another directory (%w)", dir, who, err)
	}
	// The pid is only for people; the lock is what counts.
	text := strconv.Itoa(os.Getpid()) + "\n"
	if hasDatabase(dir) {
		text += madeDatabase
	}
	writeLock(f, text)
	return f, nil
}

// madeDatabase is the line in the lock file of a directory that has had a
// database.
const madeDatabase = "parley.db\n"

func hasDatabase(dir string) bool {
	text, _ := os.ReadFile(filepath.Join(dir, "lock"))
	return strings.HasSuffix(string(text), "\n"+madeDatabase)
}

// noteDatabase notes in the lock file that the directory has a database.
func noteDatabase(f *os.File) { writeLock(f, strconv.Itoa(os.Getpid())+"\n"+madeDatabase) }

// writeLock is only a help if it fails.
func writeLock(f *os.File, text string) {
	if err := f.Truncate(0); err == nil {
		f.WriteAt([]byte(text), 0)
	}
}
