package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// create makes an empty file that only its owner can read, whatever the umask
// and the directory, if there is none. SQLite gives the files that it keeps
// beside a database the mode of the database.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// keepPrivate restricts the files of the store to their owner, and logs those
// that others could access.
func keepPrivate(dir string, log *slog.Logger) error {
	var mended []string
	for _, name := range []string{"lock", "parley.db", "parley.db-wal", "parley.db-shm"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(path, 0o600)
			mended = append(mended, name)
		}
		if err != nil {
			return fmt.Errorf("keep the data directory private: %w", err)
		}
	}
	if len(mended) > 0 {
		log.Warn("other accounts of this machine could use files of the data directory; they no longer can",
			"directory", dir, "files", mended)
	}
	return nil
}
