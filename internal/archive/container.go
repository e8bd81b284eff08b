package archive

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
)

// Container is the files of an export: a zip file or a directory. Nothing
// outside of it can be named, also not by a path that climbs or by a link.
type Container struct {
	fs.FS
	close func() error
}

// OpenContainer opens a zip file or a directory.
func OpenContainer(path string) (*Container, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, err
		}
		return &Container{root.FS(), root.Close}, nil
	}
	z, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("%s is neither a zip file nor a directory", path)
	}
	if err != nil {
		return nil, err
	}
	return &Container{z, z.Close}, nil
}

// OpenExport opens a zip file or a directory in which all may be in one folder,
// as after somebody has unpacked it and packed it again.
func OpenExport(path string) (*Container, error) {
	c, err := OpenContainer(path)
	for err == nil {
		var inside []fs.DirEntry
		inside, err = fs.ReadDir(c.FS, ".")
		inside = slices.DeleteFunc(inside, func(e fs.DirEntry) bool {
			return strings.HasPrefix(e.Name(), ".") || e.Name() == "__MACOSX" // of the system that packed it
		})
		if err != nil || len(inside) != 1 || !inside[0].IsDir() {
			break
		}
		c.FS, err = fs.Sub(c.FS, inside[0].Name())
	}
	if err != nil && c != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, err
}

// Close closes the files.
func (c *Container) Close() error { return c.close() }

// Open opens a file. A path that is not below the top is [fs.ErrNotExist].
func (c *Container) Open(path string) (io.ReadCloser, error) {
	if !fs.ValidPath(path) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	f, err := c.FS.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}, f.Close())
	}
	return f, nil
}

// MaxRecord is how many bytes one record, or one element of an array, may have.
// What has more is no chat: it is there to fill the memory.
const MaxRecord = 16 << 20

// ErrTooLong ends a file in which one record is larger than [MaxRecord].
var ErrTooLong = fmt.Errorf("a record in it has more than %d MiB", MaxRecord>>20)

// budget is a reader that fails when too much is read at a time.
type budget struct {
	r    io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLong
	}
	// Reads are whole: a decoder looks again at what it has after each.
	n, err := io.ReadFull(b.r, p[:min(len(p), b.left)])
	b.left -= n
	if errors.Is(err, io.ErrUnexpectedEOF) && n > 0 {
		err = nil // what ended it comes again with the next
	}
	return n, err
}

// Values reads JSON values one after the other, without holding more than one:
// the elements of an array, or values that follow each other, such as lines. An
// element of another form than T comes with an [Odd] error, and reading goes
// on; every other error is the last.
func Values[T any](r io.Reader) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		b := &budget{r: r, left: MaxRecord}
		d := json.NewDecoder(withoutMark(b))
		array := false
		if first, err := peek(d); err != nil {
			yield(zero, err)
			return
		} else if array = first == '['; array {
			if _, err := d.Token(); err != nil {
				yield(zero, err)
				return
			}
		}
		if array {
			values(d, b, yield)
			return
		}
		for {
			var v T
			err := d.Decode(&v)
			if err == io.EOF {
				return
			}
			if err = odd(err); !yield(v, err) || err != nil && !IsOdd(err) {
				return
			}
			b.left = MaxRecord
		}
	}
}

// values reads an array, up to its end. What it opens with is read.
func values[T any](d *json.Decoder, b *budget, yield func(T, error) bool) {
	for d.More() {
		var v T
		err := odd(d.Decode(&v))
		if !yield(v, err) || err != nil && !IsOdd(err) {
			return
		}
		b.left = MaxRecord
	}
	if _, err := d.Token(); err != nil {
		var zero T
		yield(zero, readable(err))
	}
}

// odd is the error for what cannot be decoded, in plain words.
func odd(err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return &Odd{wrong}
	}
	return readable(err)
}

// Odd is the error for a value of another form than was expected.
type Odd struct{ err error }

func (o *Odd) Error() string { return "it has another form than expected" }
func (o *Odd) Unwrap() error { return o.err }

// IsOdd reports whether an error is of one value only.
func IsOdd(err error) bool {
	_, ok := errors.AsType[*Odd](err)
	return ok
}

// readable is an error in plain words.
func readable(err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) ||
		errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return fmt.Errorf("the JSON is broken: %w", err)
	}
	return err
}

// peek returns the first character of the JSON that follows, 0 at the end.
func peek(d *json.Decoder) (byte, error) {
	// More looks at the next character and takes nothing but white space.
	d.More()
	head, err := io.ReadAll(d.Buffered())
	if head = bytes.TrimLeft(head, " \t\r\n"); err != nil || len(head) == 0 {
		return 0, err
	}
	return head[0], nil
}

// withoutMark takes off the mark that some programs begin UTF-8 with.
func withoutMark(r io.Reader) io.Reader {
	head := make([]byte, 3)
	n, err := io.ReadFull(r, head)
	if head = head[:n]; err == nil && string(head) == "\uFEFF" {
		head = nil
	}
	return io.MultiReader(bytes.NewReader(head), r)
}

// Elements reads the elements of the array in one field of an object, like
// [Values]. Fields before it that others names are decoded into what others has
// for them; all else is passed over.
func Elements[T any](r io.Reader, field string, others map[string]any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		b := &budget{r: r, left: MaxRecord}
		d := json.NewDecoder(withoutMark(b))
		if start, err := d.Token(); err != nil || start != json.Delim('{') {
			yield(zero, readable(cmp.Or(err, io.ErrUnexpectedEOF)))
			return
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				yield(zero, readable(err))
				return
			}
			if name == field {
				if start, err := d.Token(); err != nil || start != json.Delim('[') {
					yield(zero, readable(cmp.Or(err, io.ErrUnexpectedEOF)))
					return
				}
				values(d, b, yield)
				return
			}
			var other any = new(json.RawMessage)
			if known, ok := others[fmt.Sprint(name)]; ok {
				other = known
			}
			if err := d.Decode(other); err != nil && !IsOdd(odd(err)) {
				yield(zero, readable(err))
				return
			}
			b.left = MaxRecord
		}
	}
}
