package files

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is what no picture may carry outside.
const secret = "47.3769N 8.5417E"

// photo is a JPEG with a comment that tells where it was made.
func photo(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), uint8(x ^ y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	comment := append([]byte{0xff, 0xfe, 0, byte(len(secret) + 2)}, secret...)
	return bytes.Join([][]byte{b.Bytes()[:2], comment, b.Bytes()[2:]}, nil)
}

// open returns a store in a directory.
func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	blobs, err := blob.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := New(blobs)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

// files are the names of what lies in the directory.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, e.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, d *Store, id string, width int) ([]byte, chat.Content) {
	t.Helper()
	c, err := d.Open(t.Context(), id, width)
	if err != nil {
		t.Fatalf("%s, %d: %v", id, width, err)
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil || int64(len(b)) != c.Size {
		t.Fatalf("%s, %d: %d bytes of %d, %v", id, width, len(b), c.Size, err)
	}
	if _, err := c.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(c, b); err != nil { // seeks too
		t.Errorf("%s, %d: %v", id, width, err)
	}
	return b, c
}

func TestAnyFilePassesThrough(t *testing.T) {
	d, dir := open(t)
	for _, c := range []struct{ data, kind string }{
		{"", "application/octet-stream"},
		{"x", "text/plain; charset=utf-8"},
		{strings.Repeat("words and more words\n", 5000), "text/plain; charset=utf-8"},
		{"<!doctype html><script>alert(1)</script>", "application/octet-stream"},
		{`<svg xmlns="http://www.w3.org/2000/svg"/>`, "application/octet-stream"},
		{"%PDF-1.7\n" + strings.Repeat("\x00\xff", 600), "application/pdf"},
	} {
		f, err := d.Save(t.Context(), "a1", iotest.OneByteReader(strings.NewReader(c.data)), 200_000)
		if want := (chat.File{Type: c.kind, Size: int64(len(c.data))}); err != nil || f != want {
			t.Errorf("%.20q: %+v, %v", c.data, f, err)
		}
		got, content := read(t, d, "a1", 480) // a width asks nothing of what is no picture
		if string(got) != c.data || content.Type != c.kind {
			t.Errorf("%.20q: comes back as %.20q, %s", c.data, got, content.Type)
		}
	}
	if err := d.Remove(t.Context(), "a1", "a1", "b2"); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("left: %v, %v", files(t, dir), err)
	}
	if _, err := d.Open(t.Context(), "a1", 0); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("what was removed: %v", err)
	}
	if _, err := d.Open(t.Context(), "../a1", 0); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("a path: %v", err)
	}
}

// TestWeigh: all that lies there counts, smaller pictures too.
func TestWeigh(t *testing.T) {
	d, dir := open(t)
	if n, err := d.Usage(t.Context()); err != nil || n != 0 {
		t.Fatalf("nothing weighs %d, %v", n, err)
	}
	for id, body := range map[string][]byte{"a": []byte("text"), "b": photo(t, 2000, 1000)} {
		if _, err := d.Save(t.Context(), id, bytes.NewReader(body), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	var want int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			want += info.Size()
		}
		return err
	})
	if n, bad := d.Usage(t.Context()); err != nil || bad != nil || n != want || n < 1000 {
		t.Errorf("it weighs %d, %v; on the disk it is %d, %v", n, bad, want, err)
	}
}

func TestPicturesAreMadeSafe(t *testing.T) {
	d, dir := open(t)
	data := photo(t, 1600, 1000)
	f, err := d.Save(t.Context(), "p", bytes.NewReader(data), 50<<20)
	if err != nil || f.Type != "image/jpeg" || f.Width != 1600 || f.Height != 1000 ||
		f.Size >= int64(len(data)) {
		t.Fatalf("%+v, %v", f, err)
	}
	for width, side := range map[int]int{0: 1600, 1: 480, 480: 480, 481: 1280, 1280: 1280,
		1281: 1600, 1 << 40: 1600, -5: 1600} {
		b, c := read(t, d, "p", width)
		m, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil || m.Width != side || c.Type != "image/jpeg" || bytes.Contains(b, []byte(secret)) {
			t.Errorf("width %d: %d wide, %s, tells the place: %v, %v", width, m.Width, c.Type,
				bytes.Contains(b, []byte(secret)), err)
		}
	}
	if names := files(t, dir); len(names) != 3 {
		t.Errorf("kept: %v", names)
	}
	small, err := d.Save(t.Context(), "q", bytes.NewReader(photo(t, 30, 20)), 50<<20)
	if err != nil || small.Width != 30 {
		t.Errorf("%+v, %v", small, err)
	}
	if b, _ := read(t, d, "q", 480); int64(len(b)) != small.Size {
		t.Error("a small picture has another smaller one")
	}
	if err := d.Remove(t.Context(), "p", "q"); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("left: %v, %v", files(t, dir), err)
	}
}

func TestWhatIsRefusedLeavesNothing(t *testing.T) {
	d, dir := open(t)
	cut := photo(t, 700, 400)[:5000]
	broken := errors.New("the line is cut")
	mine := &chat.Error{Code: chat.CodeInvalid, Message: "the body did not arrive whole"}
	for name, c := range map[string]struct {
		r    io.Reader
		most int64
		want *chat.Error
		says string
	}{
		"a file over the limit": {strings.NewReader(strings.Repeat("x", 1001)), 1000,
			chat.ErrTooLarge, "1000 bytes"},
		"one far over it": {iotest.OneByteReader(
			strings.NewReader(strings.Repeat("x", 5000))), 1000, chat.ErrTooLarge, "1000 bytes"},
		"a picture over the limit": {bytes.NewReader(photo(t, 300, 300)), 1000,
			chat.ErrTooLarge, "1000 bytes"},
		"a picture over that for those": {io.MultiReader(bytes.NewReader(photo(t, 30, 30)),
			bytes.NewReader(make([]byte, maxPicture))), 50 << 20, chat.ErrTooLarge, "20 MiB"},
		"a body that breaks off": {io.MultiReader(
			strings.NewReader(strings.Repeat("x", 2000)), iotest.ErrReader(broken)), 1 << 20,
			chat.ErrUnavailable, "try again"},
		"at once": {iotest.ErrReader(broken), 1 << 20, chat.ErrUnavailable,
			"try again"},
		"in a picture": {io.MultiReader(bytes.NewReader(cut),
			iotest.ErrReader(broken)), 1 << 20, chat.ErrUnavailable, "try again"},
		"with the handler's own words": {io.MultiReader(bytes.NewReader(make([]byte, 2000)),
			iotest.ErrReader(mine)), 1 << 20, chat.ErrInvalid, "whole"},
	} {
		f, err := d.Save(t.Context(), "a", c.r, c.most)
		if !errors.Is(err, c.want) || !strings.Contains(chat.AsError(err).Message, c.says) ||
			f != (chat.File{}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if left := files(t, dir); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	if !d.memory.TryAcquire(maxReading) || !d.saving.TryAcquire(maxSaving) {
		t.Error("room that was taken is not given back")
	}
}

// TestDamagedPicturesAreFiles: what cannot be decoded is kept as it came.
func TestDamagedPicturesAreFiles(t *testing.T) {
	d, dir := open(t)
	cut := photo(t, 700, 400)[:5000]
	f, err := d.Save(t.Context(), "a", bytes.NewReader(cut), 1<<20)
	if want := (chat.File{Type: "application/octet-stream", Size: 5000}); err != nil || f != want {
		t.Errorf("%+v, %v", f, err)
	}
	if got, _ := read(t, d, "a", 480); !bytes.Equal(got, cut) || len(files(t, dir)) != 1 {
		t.Errorf("%d bytes come back, of %v", len(got), files(t, dir))
	}
}

// TestNoRoom fills what bounds files on their way.
func TestNoRoom(t *testing.T) {
	d, _ := open(t)
	d.memory.TryAcquire(maxReading)
	if _, err := d.Save(t.Context(), "p", bytes.NewReader(photo(t, 30, 30)), 1<<20); !errors.Is(err,
		chat.ErrRateLimited) || chat.AsError(err).RetryAfter == 0 {
		t.Errorf("a picture without memory for it: %v", err)
	}
	if _, err := d.Save(t.Context(), "a", strings.NewReader("text needs none"), 1<<20); err != nil {
		t.Error(err)
	}
	d.saving.TryAcquire(maxSaving)
	if _, err := d.Save(t.Context(), "b", strings.NewReader("x"), 1<<20); !errors.Is(err,
		chat.ErrRateLimited) || chat.AsError(err).RetryAfter == 0 {
		t.Errorf("one too many: %v", err)
	}
}

// full is a place that has room for a number of blobs.
type full struct {
	Blobs
	room int
}

func (f *full) Put(ctx context.Context, id string, r io.Reader, limit int64) (int64, error) {
	if f.room--; f.room < 0 {
		return 0, blob.ErrFull
	}
	return f.Blobs.Put(ctx, id, r, limit)
}

func TestFullDisk(t *testing.T) {
	d, dir := open(t)
	place := &full{Blobs: d.blobs, room: 2}
	d.blobs = place
	_, err := d.Save(t.Context(), "p", bytes.NewReader(photo(t, 1600, 1000)), 50<<20) // three blobs
	if !errors.Is(err, chat.ErrUnavailable) || !errors.Is(err, ErrStorage) ||
		!errors.Is(err, blob.ErrFull) || !strings.Contains(chat.AsError(err).Message, "no space") {
		t.Errorf("%v", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
