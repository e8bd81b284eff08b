package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/blob"
)

// Place keeps backups under names.
type Place interface {
	fmt.Stringer // for people, without secrets
	// Put keeps what write writes, whole or not at all. [ErrThere] if the name
	// is taken.
	Put(ctx context.Context, name string, write func(io.Writer) error) error
	// Open opens a backup. One that is not there is an fs.ErrNotExist.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Names are those of all that is whole, in no order. Of others' files there
	// may be some, too.
	Names(ctx context.Context) ([]string, error)
	// Unfinished are the names of what a Put that was killed has left.
	Unfinished(ctx context.Context) ([]string, error)
	// Delete removes a backup, and what is left of an unfinished one.
	Delete(ctx context.Context, name string) error
	Close() error
}

// ErrThere is returned for a name that is taken.
var ErrThere = errors.New("it is there already: choose another name")

// partial is behind the name of a file that is not whole.
const partial = ".partial"

// Folder is a directory, which is made when it is needed.
type Folder string

var _ Place = Folder("")

func (f Folder) String() string { return string(f) }

// Close implements [Place].
func (f Folder) Close() error { return nil }

// Put implements [Place].
func (f Folder) Put(_ context.Context, name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	return WriteFile(filepath.Join(string(f), name), func(file *os.File) error { return write(file) })
}

// WriteFile writes a new file beside its place, and gives it its name when it
// is whole and on the disk. ErrThere if there is one.
func WriteFile(path string, write func(f *os.File) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, ErrThere)
	}
	part := path + partial // of one that was killed, too
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable, which Windows does by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Open implements [Place].
func (f Folder) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	return os.Open(filepath.Join(string(f), name))
}

// Names implements [Place].
func (f Folder) Names(context.Context) ([]string, error) { return f.list(false) }

// Unfinished implements [Place].
func (f Folder) Unfinished(context.Context) ([]string, error) { return f.list(true) }

func (f Folder) list(unfinished bool) (names []string, err error) {
	all, err := os.ReadDir(string(f))
	for _, e := range all {
		name, part := strings.CutSuffix(e.Name(), partial)
		if e.Type().IsRegular() && part == unfinished {
			names = append(names, name)
		}
	}
	return names, err
}

// Delete implements [Place].
func (f Folder) Delete(_ context.Context, name string) error {
	path := filepath.Join(string(f), name)
	for _, p := range []string{path, path + partial} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Bucket is a part of an S3-compatible bucket, opened with Dots.
type Bucket struct {
	*blob.Bucket
	Name string // for people
}

var _ Place = Bucket{}

// maxObject is what 10,000 parts hold, which is all that a bucket takes.
const maxObject = 10_000 * 5 << 20

func (b Bucket) String() string { return b.Name }

// Put implements [Place].
func (b Bucket) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	if _, err := b.Stat(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s in %s: %w", name, b, ErrThere)
		}
		return err
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := b.Bucket.Put(ctx, name, r, maxObject)
		r.CloseWithError(err) // nobody reads any more
		done <- err
	}()
	err := write(w)
	if err == nil {
		w.Close()
	} else {
		w.CloseWithError(err)
	}
	if put := <-done; put != nil {
		return put // which is the writer's error, too, if that came first
	}
	return err
}

// Open implements [Place].
func (b Bucket) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	return b.Bucket.Open(ctx, name)
}

// Names implements [Place].
func (b Bucket) Names(ctx context.Context) (names []string, err error) {
	for info, err := range b.Old(ctx, time.Now().Add(24*time.Hour)) {
		if err != nil {
			return nil, err
		}
		names = append(names, info.ID)
	}
	return names, nil
}

// Unfinished implements [Place]: opening a bucket drops the parts of uploads
// that were begun a day ago.
func (b Bucket) Unfinished(context.Context) ([]string, error) { return nil, nil }
