// Package files keeps the files that people send with their messages. It
// implements [chat.FileStore] with storage for bytes (internal/blob) and with
// what makes pictures safe (internal/picture).
//
// Pictures are read whole, and kept without their metadata, as id, and smaller
// as id-480 and id-1280. All other files pass through as they are, in one piece
// of memory. What a file is, its bytes say, when it comes and when it is asked
// for.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/picture"
)

// Blobs stores the bytes: [blob.Dir] or [blob.Bucket].
type Blobs interface {
	Put(ctx context.Context, id string, r io.Reader, limit int64) (int64, error)
	Open(ctx context.Context, id string) (*blob.Blob, error)
	Delete(ctx context.Context, id string) error
	Old(ctx context.Context, before time.Time) iter.Seq2[blob.Info, error]
	Close() error
}

const (
	// maxPicture bounds a picture's file, in bytes: it is read into memory.
	maxPicture = 20 << 20
	// maxReading bounds the memory of all pictures that are arriving, in bytes.
	maxReading = 256 << 20
	// maxSaving bounds how many files arrive at a time. One on its way into a
	// bucket takes 5 MiB.
	maxSaving = 64
	// avatarSide is the side of pictures of people, in pixels.
	avatarSide = 256
	// headSize is how many bytes tell what a file is.
	headSize = 512
	// tryAgain is when somebody who found no room may come back.
	tryAgain = 5 * time.Second
)

// sizes are the longer sides of the smaller pictures.
var sizes = []int{480, 1280}

// Store implements [chat.FileStore]. Safe for concurrent use.
type Store struct {
	blobs  Blobs
	maker  *picture.Maker
	saving *semaphore.Weighted // files
	memory *semaphore.Weighted // bytes
}

// New returns a store that keeps its bytes in blobs, which it closes.
func New(blobs Blobs) *Store {
	return &Store{
		blobs: blobs, maker: picture.New(picture.Options{Sizes: sizes}),
		saving: semaphore.NewWeighted(maxSaving), memory: semaphore.NewWeighted(maxReading),
	}
}

// Close closes what keeps the bytes. Files that are open stay readable.
func (s *Store) Close() error { return s.blobs.Close() }

var _ chat.FileStore = (*Store)(nil)

// ErrStorage is in every error whose reason is the storage for bytes, besides
// the message for people.
var ErrStorage = errors.New("files cannot be kept or read")

var errBusy = &chat.Error{Code: chat.CodeRateLimited, RetryAfter: tryAgain,
	Message: "too many files arrive at the moment: try again in a few seconds"}

// Save implements [chat.FileStore].
func (s *Store) Save(ctx context.Context, id string, r io.Reader, most int64) (chat.File, error) {
	if !s.saving.TryAcquire(1) { // whoever waits would hold a connection and a body
		return chat.File{}, errBusy
	}
	defer s.saving.Release(1)
	head := make([]byte, min(headSize, most+1))
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return chat.File{}, judged(err, most)
	}
	head = head[:n]
	kind := picture.Type(head)
	all := io.MultiReader(bytes.NewReader(head), r)
	if strings.HasPrefix(kind, "image/") {
		return s.savePicture(ctx, id, all, most)
	}
	return s.savePlain(ctx, id, all, kind, most)
}

// savePlain keeps a file as it is. A picture that cannot be decoded is one too.
func (s *Store) savePlain(ctx context.Context, id string, r io.Reader, kind string,
	most int64) (chat.File, error) {
	size, err := s.blobs.Put(ctx, id, r, most)
	if err != nil {
		return chat.File{}, judged(err, most)
	}
	return chat.File{Type: kind, Size: size}, nil
}

// savePicture keeps a picture and the smaller ones. The picture comes last, so
// that what is there is whole.
func (s *Store) savePicture(ctx context.Context, id string, r io.Reader, most int64) (chat.File, error) {
	data, held, err := s.read(r, min(most, maxPicture))
	defer func() { s.memory.Release(held) }()
	if err != nil {
		return chat.File{}, judged(err, min(most, maxPicture))
	}
	p, err := s.maker.Make(ctx, data)
	if errors.Is(err, picture.ErrBroken) || errors.Is(err, picture.ErrNotPicture) {
		return s.savePlain(ctx, id, bytes.NewReader(data), "application/octet-stream", most)
	}
	if err != nil {
		return chat.File{}, refusal(err)
	}
	err = s.keep(ctx, id, p)
	if err != nil {
		// The caller may be gone, and what was kept must go all the same.
		return chat.File{}, errors.Join(judged(err, most), s.Remove(context.WithoutCancel(ctx), id))
	}
	return chat.File{Type: p.Type, Size: int64(len(p.Data)), Width: p.Width, Height: p.Height}, nil
}

// SaveAvatar implements [chat.FileStore].
func (s *Store) SaveAvatar(ctx context.Context, id string, r io.Reader, most int64) error {
	if !s.saving.TryAcquire(1) {
		return errBusy
	}
	defer s.saving.Release(1)
	most = min(most, maxPicture)
	data, held, err := s.read(r, most)
	defer func() { s.memory.Release(held) }()
	if err != nil {
		return judged(err, most)
	}
	face, err := s.maker.Square(ctx, data, avatarSide)
	if errors.Is(err, picture.ErrNotPicture) {
		return &chat.Error{Code: chat.CodeInvalid, Message: "a picture is a JPEG, PNG, GIF or WebP"}
	}
	if err != nil {
		return refusal(err)
	}
	_, err = s.blobs.Put(ctx, id, bytes.NewReader(face.Data), int64(len(face.Data)))
	if err != nil {
		return errors.Join(judged(err, most), s.Remove(context.WithoutCancel(ctx), id))
	}
	return nil
}

func (s *Store) keep(ctx context.Context, id string, p *picture.Picture) error {
	put := func(id string, data []byte) error {
		_, err := s.blobs.Put(ctx, id, bytes.NewReader(data), int64(len(data)))
		return err
	}
	for i, t := range p.Thumbnails {
		if err := put(smaller(id, sizes[i]), t.Data); err != nil {
			return err
		}
	}
	return put(id, p.Data)
}

func smaller(id string, size int) string { return fmt.Sprintf("%s-%d", id, size) }

// read reads r to its end into memory that grows with what has come, so that
// nobody holds more than they sent. The caller gives back what was held, also
// with an error: [blob.ErrTooLarge] over most bytes.
func (s *Store) read(r io.Reader, most int64) (data []byte, held int64, err error) {
	for {
		if len(data) == cap(data) {
			more := min(max(64<<10, int64(len(data))), most+1-int64(len(data)))
			if more == 0 {
				return nil, held, blob.ErrTooLarge
			}
			if !s.memory.TryAcquire(more) {
				return nil, held, errBusy
			}
			held += more
			grown := make([]byte, len(data), held)
			copy(grown, data)
			data = grown
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > most:
			return nil, held, blob.ErrTooLarge
		case err == io.EOF:
			return data, held, nil
		case err != nil:
			return nil, held, err
		}
	}
}

// judged turns the error of a place for bytes, or of who sends them, into what
// people are told; the cause stays with it for the log.
func judged(err error, most int64) error {
	switch {
	case errors.Is(err, blob.ErrTooLarge):
		return &chat.Error{Code: chat.CodeTooLarge, Message: "a file has at most " + inUnits(most)}
	case errors.Is(err, blob.ErrFull):
		return failed("there is no space for files: tell whoever runs this server", err)
	}
	if _, ours := errors.AsType[*chat.Error](err); ours {
		return err
	}
	return failed("the file could not be kept: try again", err)
}

func failed(message string, err error) error {
	return fmt.Errorf("%w: %w: %w", &chat.Error{Code: chat.CodeUnavailable, Message: message}, ErrStorage, err)
}

// refusal is what people are told of a picture that is not safe to show.
func refusal(err error) error {
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return &chat.Error{Code: chat.CodeTooLarge,
			Message: "this picture has too many pixels or frames: make it smaller, or send it in an archive"}
	case errors.Is(err, picture.ErrBroken), errors.Is(err, picture.ErrNotPicture):
		return &chat.Error{Code: chat.CodeInvalid,
			Message: "this picture is damaged: save it anew, or send it in an archive"}
	}
	return err
}

// inUnits is a size for people to read.
func inUnits(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}

// Open implements [chat.FileStore].
func (s *Store) Open(ctx context.Context, id string, width int) (chat.Content, error) {
	b, err := (*blob.Blob)(nil), error(blob.ErrNotFound)
	if i, _ := slices.BinarySearch(sizes, width); width > 0 && i < len(sizes) {
		b, err = s.blobs.Open(ctx, smaller(id, sizes[i]))
	}
	if errors.Is(err, blob.ErrNotFound) {
		b, err = s.blobs.Open(ctx, id)
	}
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrID) {
		return chat.Content{}, chat.ErrNotFound
	}
	var p *peeked
	if err == nil {
		if p, err = peek(b); err != nil {
			b.Close()
		}
	}
	if err != nil {
		return chat.Content{}, failed("the file cannot be reached: try again", err)
	}
	kind := picture.Type(p.head)
	return chat.Content{ReadSeekCloser: p, Type: kind, Size: b.Size, Inline: picture.Inline(kind)}, nil
}

// Remove implements [chat.FileStore]. The file itself goes last, so that what
// is left of a try is found by the next one.
func (s *Store) Remove(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		for _, size := range sizes {
			if err := s.blobs.Delete(ctx, smaller(id, size)); err != nil {
				return err
			}
		}
		if err := s.blobs.Delete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Usage implements [chat.FileStore].
func (s *Store) Usage(ctx context.Context) (total int64, err error) {
	// all of them, whatever the clock of their place says
	for info, err := range s.blobs.Old(ctx, time.Now().Add(24*time.Hour)) {
		if err != nil {
			return 0, failed("the files cannot be reached: try again", err)
		}
		total += info.Size
	}
	return total, nil
}
