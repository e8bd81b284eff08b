// Package blob keeps the bytes of uploads: in a directory ([Dir]) or in an
// S3-compatible bucket ([Bucket]). Both hold the same contract and pass the
// same suite.
//
// A blob is written once, under an id that the server made, and is there whole
// or not at all: a Put that fails, for whatever reason, leaves nothing behind
// under that id. What a process that died in the middle left elsewhere is
// removed when the store is opened next.
//
// The package knows nothing of who may read a blob or what it is called: a name
// that a person gave never reaches it. Blobs that no message speaks of are
// found with Old, by whoever knows the messages.
//
//	size, err := store.Put(ctx, id, body, 25<<20)
//	blob, err := store.Open(ctx, id)
//	defer blob.Close()
//	http.ServeContent(w, r, "", blob.Modified, blob) // ranges and all
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"
)

var (
	// ErrNotFound is returned for an id under which nothing is stored. It is an
	// fs.ErrNotExist.
	ErrNotFound = fmt.Errorf("no such blob: %w", fs.ErrNotExist)
	// ErrTooLarge is returned by Put for more bytes than the limit.
	ErrTooLarge = errors.New("the blob is larger than allowed")
	// ErrFull is returned by Put where there is no room left: the disk, a
	// quota.
	ErrFull = errors.New("there is no space left to store the blob")
	// ErrID is returned for an id that is not 1 to 80 ASCII letters, digits,
	// dashes and underscores.
	ErrID = errors.New("not the id of a blob")
)

// Info is what the store knows of a blob.
type Info struct {
	ID       string
	Size     int64     // bytes
	Modified time.Time // when it was stored, by the store's clock
}

// Blob is an open blob. Reading and seeking are for one goroutine at a time;
// Close must be called. The context that it was opened with bounds reading too.
type Blob struct {
	Info
	io.ReadSeekCloser
}

// checkID keeps anything that could be a path, a hidden file or a query out of
// the stores.
func checkID(id string) error {
	if len(id) == 0 || len(id) > 80 {
		return ErrID
	}
	for i := range len(id) {
		c := id[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return ErrID
		}
	}
	return nil
}

// source reads what is to be stored: at most limit bytes, after which it fails
// with ErrTooLarge, and nothing once ctx has ended.
type source struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	// One byte more than allowed is asked for, so that exactly the limit still
	// ends with io.EOF.
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	n, err := s.r.Read(p)
	if int64(n) > s.left {
		return int(s.left), ErrTooLarge
	}
	s.left -= int64(n)
	return n, err
}

// failed says what was tried, and of a full disk that it is full.
func failed(op, id string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrNotFound) {
		err = ErrNotFound
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return fmt.Errorf("%s blob %s: %w", op, id, err)
}
