package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/parley-chat/parley/internal/migrate"
)

// Errors of backups that cannot be used.
var (
	ErrOther     = errors.New("this is not a backup of Parley")
	ErrDamaged   = errors.New("the backup is damaged: use another copy")
	ErrShort     = errors.New("the backup is not whole, its end is missing: use another copy")
	ErrNewer     = errors.New("the backup was made by a newer version of Parley: use that one")
	ErrEncrypted = errors.New("the backup is encrypted: give the file with its age identity (--identity FILE)")
	ErrKey       = errors.New("the backup is encrypted for another key: none of the given identities opens it")
)

// File is a backup that can be read again and again.
type File struct {
	Header Header
	data   io.ReadSeeker
	keys   []age.Identity
}

// Open looks at the beginning of a backup. Keys open one that is encrypted.
func Open(data io.ReadSeeker, keys ...age.Identity) (*File, error) {
	f := &File{data: data, keys: keys}
	s, err := f.start()
	if err != nil {
		return nil, err
	}
	defer s.close()
	f.Header = s.header
	return f, nil
}

// stream is one pass over a backup.
type stream struct {
	header Header
	tar    *tar.Reader
	packed *zstd.Decoder
}

func (s *stream) close() { s.packed.Close() }

// start begins a pass, and reads the header.
func (f *File) start() (*stream, error) {
	if _, err := f.data.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r, err := f.opened()
	if err != nil {
		return nil, err
	}
	packed, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(4*window))
	if err != nil {
		return nil, judged(err)
	}
	s := &stream{tar: tar.NewReader(packed), packed: packed}
	name, size, err := s.next()
	if errors.Is(err, ErrDamaged) || err == nil && name != headerName {
		err = ErrOther
	}
	if err == nil {
		err = s.readJSON(name, size, &s.header)
	}
	if err == nil && s.header.Format > formatVersion {
		err = ErrNewer
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// opened returns the data without their encryption.
func (f *File) opened() (io.Reader, error) {
	const intro = "age-encryption.org/v1\n"
	head := make([]byte, len(intro))
	n, err := io.ReadFull(f.data, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, err := f.data.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if string(head[:n]) != intro {
		if !bytes.HasPrefix(head[:n], []byte("\x28\xb5\x2f\xfd")) {
			return nil, ErrOther
		}
		return f.data, nil
	}
	if len(f.keys) == 0 {
		return nil, ErrEncrypted
	}
	r, err := age.Decrypt(f.data, f.keys...)
	if wrong := (*age.NoIdentityMatchError)(nil); errors.As(err, &wrong) {
		return nil, ErrKey
	} else if err != nil {
		return nil, judged(err)
	}
	return r, nil
}

// next returns the next entry; io.EOF at the end, ErrShort if that is too
// early.
func (s *stream) next() (name string, size int64, err error) {
	h, err := s.tar.Next()
	if err == io.EOF {
		return "", 0, io.EOF
	}
	if err != nil {
		return "", 0, judged(err)
	}
	return h.Name, h.Size, nil
}

// read reads an entry into memory.
func (s *stream) read(name string, size int64) ([]byte, error) {
	if size > maxEntry {
		return nil, fmt.Errorf("%w (%s has %d bytes)", ErrDamaged, name, size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(s.tar, data); err != nil {
		return nil, judged(err)
	}
	return data, nil
}

func (s *stream) readJSON(name string, size int64, v any) error {
	data, err := s.read(name, size)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %s cannot be read (%w)", ErrDamaged, name, err)
	}
	return nil
}

// judged says what an error of the layers below means.
func judged(err error) error {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return err // of the disk
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return ErrShort
	}
	return fmt.Errorf("%w (%w)", ErrDamaged, err)
}

// recordsOf splits the name of an entry with records.
func recordsOf(name string) (number int, kind string, ok bool) {
	name, ok = strings.CutPrefix(name, recordsDir)
	digits, kind, dash := strings.Cut(name, "-")
	kind, ext := strings.CutSuffix(kind, ".jsonl")
	number, err := strconv.Atoi(digits)
	return number, kind, ok && dash && ext && err == nil
}

// Verify reads the whole backup, checks it against its manifest, and sees that
// the files are in it that its messages and people name. Read is called with
// the bytes of records and files up to now.
func (f *File) Verify(ctx context.Context, read func(bytes int64)) (Manifest, error) {
	s, err := f.start()
	if err != nil {
		return Manifest{}, err
	}
	defer s.close()
	a := archive{kinds: map[string]*sum{}, files: map[string]bool{}}
	for total := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return Manifest{}, err
		}
		name, size, err := s.next()
		if err == io.EOF {
			return Manifest{}, ErrShort // the manifest is the end
		}
		if err != nil {
			return Manifest{}, err
		}
		if name == manifestName {
			return a.end(s, size)
		}
		if err := a.verifyEntry(s, name, size); err != nil {
			return Manifest{}, err
		}
		if total += size; read != nil {
			read(total)
		}
	}
}

// end reads the manifest, and what may come after it.
func (a *archive) end(s *stream, size int64) (m Manifest, err error) {
	if err := s.readJSON(manifestName, size, &m); err != nil {
		return Manifest{}, err
	}
	if _, err := io.Copy(io.Discard, s.packed); err != nil { // there is a checksum
		return Manifest{}, judged(err)
	}
	return m, a.compare(m)
}

// verifyEntry adds an entry with records or a file to the sums.
func (a *archive) verifyEntry(s *stream, name string, size int64) error {
	if id, ok := strings.CutPrefix(name, filesDir); ok {
		sum := a.kind(filesKind)
		sum.count++
		sum.Hash.Write([]byte(id + "\n"))
		if _, err := io.Copy(sum, s.tar); err != nil {
			return judged(err)
		}
		if _, ok := a.files[id]; ok {
			a.files[id] = true
		}
		return nil
	}
	_, kind, ok := recordsOf(name)
	p := partOf(kind)
	if !ok || p == nil {
		return fmt.Errorf("%w (it has an entry %q)", ErrDamaged, name)
	}
	data, err := s.read(name, size)
	if err != nil {
		return err
	}
	a.kind(kind).add(int64(bytes.Count(data, []byte("\n"))), data)
	var b migrate.Batch
	if err := p.decodeInto(&b, data); err != nil {
		return err
	}
	for id := range named(&b) {
		a.files[id] = false
	}
	return nil
}

// compare compares what was read with the manifest.
func (a *archive) compare(m Manifest) error {
	for kind, want := range m.Kinds {
		if got := a.kind(kind).summary(); got != want {
			return fmt.Errorf("%w (%d %s of %d bytes, where its manifest says %d of %d, or others)", ErrDamaged, got.Count, kind, got.Bytes, want.Count, want.Bytes)
		}
	}
	for kind := range a.kinds {
		if _, ok := m.Kinds[kind]; !ok {
			return fmt.Errorf("%w (its manifest knows no %s)", ErrDamaged, kind)
		}
	}
	if n := a.missing(); n != m.Missing {
		return fmt.Errorf("%w (%d files are missing, and its manifest says %d)", ErrDamaged, n, m.Missing)
	}
	return nil
}

// EachFile calls put with each file.
func (f *File) EachFile(ctx context.Context, put func(id string, size int64, r io.Reader) error) error {
	s, err := f.start()
	if err != nil {
		return err
	}
	defer s.close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		name, size, err := s.next()
		if err == io.EOF || name == manifestName {
			return nil
		}
		if err != nil {
			return err
		}
		id, ok := strings.CutPrefix(name, filesDir)
		if !ok {
			continue
		}
		if err := put(id, size, s.tar); err != nil {
			return err
		}
	}
}
