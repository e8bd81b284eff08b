package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"runtime"
	"time"

	"github.com/parley-chat/parley/internal/flock"
)

// Dir keeps blobs as files in a directory, spread over 256 folders. Safe for
// concurrent use, and for several processes on one machine.
type Dir struct {
	root *os.Root
}

// unfinished is the folder of files that are being written. It lies beside the
// folders of blobs, so that finishing one is a rename within a file system.
const unfinished = "unfinished"

// OpenDir opens the directory, made if it is not there, and removes what
// processes that died were writing. Files that another process writes right now
// are left alone.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open the directory of blobs: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the directory of blobs: %w", err)
	}
	d := &Dir{root: root}
	if err := d.clean(); err != nil {
		root.Close()
		return nil, fmt.Errorf("clean the directory of blobs: %w", err)
	}
	return d, nil
}

// Close lets go of the directory. Open blobs stay readable.
func (d *Dir) Close() error { return d.root.Close() }

func (d *Dir) clean() error {
	if err := d.mkdir(unfinished); err != nil {
		return err
	}
	for entry, err := range d.entries(unfinished) {
		if err != nil {
			return err
		}
		name := unfinished + "/" + entry.Name()
		f, err := d.root.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		// Who writes holds the lock; the kernel lets go of it when a process
		// dies.
		if flock.Try(f) == nil {
			err = d.root.Remove(name)
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Put stores what r gives under the id, in place of what stood there, and
// returns its size. It is durable when Put returns. More than limit bytes is
// ErrTooLarge, no room is ErrFull; an error of r is wrapped. A Put that failed
// changed nothing.
func (d *Dir) Put(ctx context.Context, id string, r io.Reader, limit int64) (int64, error) {
	if err := checkID(id); err != nil {
		return 0, err
	}
	f, temporary, err := d.create()
	if err != nil {
		return 0, failed("store", id, err)
	}
	size, err := io.Copy(f, &source{ctx, r, limit})
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = d.finish(temporary, id)
	}
	if err != nil {
		d.root.Remove(temporary)
	}
	// The lock is held until the file has its place, and everything was synced
	// before.
	f.Close()
	if err != nil {
		return 0, failed("store", id, err)
	}
	return size, nil
}

// create makes a file in the folder of unfinished ones, locked.
func (d *Dir) create() (*os.File, string, error) {
	for {
		name := unfinished + "/" + rand.Text()
		f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, "", err
		}
		if err := flock.Lock(f); err != nil {
			d.root.Remove(name)
			f.Close()
			return nil, "", err
		}
		// A process that was just starting may have taken the file for a
		// leftover before it was locked.
		if _, err := d.root.Lstat(name); err == nil {
			return f, name, nil
		}
		f.Close()
	}
}

func (d *Dir) finish(temporary, id string) error {
	folder := folderOf(id)
	if err := d.mkdir(folder); err != nil {
		return err
	}
	if err := d.root.Rename(temporary, folder+"/"+id); err != nil {
		return err
	}
	if err := d.sync(folder); err != nil {
		d.root.Remove(folder + "/" + id)
		return err
	}
	return nil
}

func (d *Dir) mkdir(name string) error {
	err := d.root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = d.sync(".")
	}
	return err
}

// sync makes the names in a folder durable. Windows has no call for that: its
// file system does it by itself.
func (d *Dir) sync(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Open opens a blob for reading from its start, or returns ErrNotFound.
func (d *Dir) Open(_ context.Context, id string) (*Blob, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	f, err := d.root.Open(pathOf(id))
	if err != nil {
		return nil, failed("open", id, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, failed("open", id, err)
	}
	return &Blob{Info{id, info.Size(), info.ModTime()}, f}, nil
}

// Stat returns what is known of a blob, or ErrNotFound.
func (d *Dir) Stat(_ context.Context, id string) (Info, error) {
	if err := checkID(id); err != nil {
		return Info{}, err
	}
	info, err := d.root.Lstat(pathOf(id))
	if err != nil {
		return Info{}, failed("look at", id, err)
	}
	return Info{id, info.Size(), info.ModTime()}, nil
}

// Delete removes a blob. It is no error if there is none. Who has it open can
// still read it.
func (d *Dir) Delete(_ context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	err := d.root.Remove(pathOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = d.sync(folderOf(id))
	}
	if err != nil {
		return failed("delete", id, err)
	}
	return nil
}

// Old walks over the blobs that were stored before the time, in no particular
// order. They may be deleted on the way. An error ends the walk.
func (d *Dir) Old(ctx context.Context, before time.Time) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for i := range 256 {
			folder := fmt.Sprintf("%02x", i)
			for entry, err := range d.entries(folder) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(Info{}, fmt.Errorf("list blobs: %w", err))
					return
				}
				info, err := entry.Info()
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					yield(Info{}, fmt.Errorf("list blobs: %w", err))
					return
				}
				if checkID(entry.Name()) != nil || !info.Mode().IsRegular() ||
					!info.ModTime().Before(before) {
					continue
				}
				if !yield(Info{entry.Name(), info.Size(), info.ModTime()}, nil) {
					return
				}
			}
		}
	}
}

// entries reads a folder a little at a time; one that is not there is empty.
func (d *Dir) entries(folder string) iter.Seq2[fs.DirEntry, error] {
	return func(yield func(fs.DirEntry, error) bool) {
		f, err := d.root.Open(folder)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for {
			some, err := f.ReadDir(256)
			for _, entry := range some {
				if !yield(entry, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// folderOf spreads ids by their hash, as those that are made of the time all
// begin alike.
func folderOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("%02x", sum[0])
}

func pathOf(id string) string { return folderOf(id) + "/" + id }
