package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/migrate"
)

// Files are the files that people have uploaded: a [blob.Dir] or a
// [blob.Bucket].
type Files interface {
	Open(ctx context.Context, id string) (*blob.Blob, error)
	Put(ctx context.Context, id string, r io.Reader, limit int64) (int64, error)
	Old(ctx context.Context, before time.Time) iter.Seq2[blob.Info, error]
}

// Options of [Write].
type Options struct {
	Version    string          // of Parley
	Recipients []age.Recipient // none: not encrypted
	Now        func() time.Time
	Batch      int // as in [migrate.Options]
	// Records is called with the progress after each batch, and File after each
	// file.
	Records func(migrate.Progress)
	File    func(count, bytes int64)
}

// clockSkew is how far the clock of the files' store may be ahead.
const clockSkew = time.Minute

// Write writes all of a source, and then its files, to w. Files may be nil for
// none. The source must have been opened just before: files that were uploaded
// later are left out, as nothing in the source names them.
func Write(ctx context.Context, w io.Writer, from migrate.Source, files Files, o Options) (Manifest, error) {
	a := archive{kinds: map[string]*sum{}, files: map[string]bool{}}
	made := o.Now().UTC()
	err := a.open(w, o.Recipients)
	if err != nil {
		return Manifest{}, err
	}
	err = a.putJSON(headerName, Header{Format: formatVersion, ID: rand.Text(), Made: made, By: o.Version})
	if err != nil {
		return Manifest{}, err
	}
	err = migrate.Read(ctx, from, migrate.Options{Report: o.Records, Now: o.Now, Batch: o.Batch}, a.batch)
	if err == nil && files != nil {
		err = a.allFiles(ctx, files, made.Add(clockSkew), o.File)
	}
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{Kinds: map[string]Summary{}}
	for kind, s := range a.kinds {
		m.Kinds[kind] = s.summary()
	}
	m.Missing = a.missing()
	return m, errors.Join(a.putJSON(manifestName, m), a.close())
}

// archive is a backup that is being written.
type archive struct {
	tar     *tar.Writer
	closers []io.Closer // what the tar goes through, the last first
	number  int         // of the batch
	kinds   map[string]*sum
	files   map[string]bool // that are named, and whether they are there
}

func (a *archive) open(w io.Writer, to []age.Recipient) error {
	if len(to) > 0 {
		sealed, err := age.Encrypt(w, to...)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		a.closers, w = append(a.closers, sealed), sealed
	}
	packed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return err
	}
	a.closers, a.tar = append(a.closers, packed), tar.NewWriter(packed)
	return nil
}

// window is that of the compression, in bytes.
const window = 4 << 20

func (a *archive) close() error {
	err := a.tar.Close()
	for i := len(a.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closers[i].Close())
	}
	return err
}

// put writes an entry.
func (a *archive) put(name string, size int64, r io.Reader) error {
	err := a.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: size})
	if err == nil {
		_, err = io.CopyN(a.tar, r, size)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (a *archive) putJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.put(name, int64(len(data)), bytes.NewReader(data))
}

// sum gathers a [Summary].
type sum struct {
	hash.Hash
	count, bytes int64
}

func newSum() *sum { return &sum{Hash: sha256.New()} }

func (s *sum) add(count int64, data []byte) {
	s.count += count
	s.Write(data)
}

func (s *sum) Write(data []byte) (int, error) {
	s.bytes += int64(len(data))
	return s.Hash.Write(data)
}

func (s *sum) summary() Summary {
	return Summary{s.count, s.bytes, hex.EncodeToString(s.Sum(nil))}
}

func (a *archive) kind(kind string) *sum {
	if a.kinds[kind] == nil {
		a.kinds[kind] = newSum()
	}
	return a.kinds[kind]
}

func (a *archive) batch(b *migrate.Batch) error {
	a.number++
	for _, p := range parts {
		var data bytes.Buffer
		e := json.NewEncoder(&data)
		e.SetEscapeHTML(false)
		if err := p.encode(b, e); err != nil {
			return fmt.Errorf("encode %s: %w", p.kind, err)
		}
		if data.Len() == 0 {
			continue
		}
		a.kind(p.kind).add(int64(bytes.Count(data.Bytes(), []byte("\n"))), data.Bytes())
		name := fmt.Sprintf("%s%08d-%s.jsonl", recordsDir, a.number, p.kind)
		if err := a.put(name, int64(data.Len()), &data); err != nil {
			return err
		}
	}
	for id := range named(b) {
		a.files[id] = false
	}
	return nil
}

// missing counts the files that are named and not there.
func (a *archive) missing() (n int64) {
	for _, there := range a.files {
		if !there {
			n++
		}
	}
	return n
}

// named are the files that a batch names.
func named(b *migrate.Batch) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range b.Messages {
			for _, f := range b.Messages[i].Files {
				if !yield(f.ID) {
					return
				}
			}
		}
		for i := range b.People {
			if id := b.People[i].Account.Picture; id != "" && !yield(id) {
				return
			}
		}
	}
}

// allFiles writes the files that are older than a time.
func (a *archive) allFiles(ctx context.Context, files Files, before time.Time,
	report func(count, bytes int64)) error {
	s := a.kind(filesKind)
	for info, err := range files.Old(ctx, before) {
		if err != nil {
			return err
		}
		if err := a.file(ctx, files, info.ID, s); errors.Is(err, blob.ErrNotFound) {
			continue // deleted since
		} else if err != nil {
			return err
		}
		if _, ok := a.files[info.ID]; ok {
			a.files[info.ID] = true
		}
		if report != nil {
			report(s.count, s.bytes)
		}
	}
	return nil
}

func (a *archive) file(ctx context.Context, files Files, id string, s *sum) error {
	f, err := files.Open(ctx, id)
	if err != nil {
		return err
	}
	defer f.Close()
	s.count++
	s.Hash.Write([]byte(id + "\n"))
	return a.put(filesDir+id, f.Size, io.TeeReader(f, s))
}
