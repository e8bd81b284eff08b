package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is what both kinds do alike.
type store interface {
	Put(ctx context.Context, id string, r io.Reader, limit int64) (int64, error)
	Open(ctx context.Context, id string) (*Blob, error)
	Stat(ctx context.Context, id string) (Info, error)
	Delete(ctx context.Context, id string) error
	Old(ctx context.Context, before time.Time) iter.Seq2[Info, error]
	Close() error
}

// both runs a test on a directory and on a bucket.
func both(t *testing.T, test func(t *testing.T, s store)) {
	t.Run("directory", func(t *testing.T) {
		d, err := OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		test(t, d)
	})
	t.Run("bucket", func(t *testing.T) {
		server := startServer(t)
		b := server.open(t, "blobs/")
		defer b.Close()
		test(t, b)
	})
}

func put(t *testing.T, s store, id string, data []byte) {
	t.Helper()
	n, err := s.Put(t.Context(), id, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(len(data)) {
		t.Fatalf("Put returned %d for %d bytes", n, len(data))
	}
}

func get(t *testing.T, s store, id string) []byte {
	t.Helper()
	b, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	if b.Size != int64(len(data)) || b.ID != id {
		t.Errorf("Open says %+v of %d bytes under %s", b.Info, len(data), id)
	}
	return data
}

// stored returns the sizes of all blobs by id.
func stored(t *testing.T, s store) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for info, err := range s.Old(t.Context(), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := all[info.ID]; twice {
			t.Errorf("%s was listed twice", info.ID)
		}
		all[info.ID] = info.Size
	}
	return all
}

// noise returns n bytes that repeat only after a prime number of them. They may
// not be changed.
func noise(n int) []byte { return allNoise()[:n:n] }

var allNoise = sync.OnceValue(func() []byte {
	b := make([]byte, 65_537)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return bytes.Repeat(b, (2*partSize+100_000)/len(b)+1)
})

func TestWhatIsPutIsRead(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		for _, size := range []int{0, 1, 100_000, partSize, partSize + 1, 2*partSize + 17} {
			data := noise(size)
			put(t, s, "one", data)
			if got := get(t, s, "one"); !bytes.Equal(got, data) {
				t.Errorf("%d bytes came back as %d others", size, len(got))
			}
			info, err := s.Stat(t.Context(), "one")
			if err != nil || info.Size != int64(size) || info.ID != "one" ||
				time.Since(info.Modified).Abs() > time.Minute {
				t.Errorf("Stat of %d bytes: %+v, %v", size, info, err)
			}
		}
		if got := stored(t, s); !maps.Equal(got, map[string]int64{"one": 2*partSize + 17}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestRanges(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		data := noise(300_000)
		put(t, s, "film", data)
		serve := func(asked string) *httptest.ResponseRecorder {
			b, err := s.Open(t.Context(), "film")
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			r := httptest.NewRequest("GET", "/", nil)
			if asked != "" {
				r.Header.Set("Range", asked)
			}
			w := httptest.NewRecorder()
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(w, r, "", b.Modified, b)
			return w
		}
		for asked, want := range map[string][]byte{
			"":                    data,
			"bytes=0-0":           data[:1],
			"bytes=100-199":       data[100:200],
			"bytes=299999-":       data[299_999:],
			"bytes=-10":           data[299_990:],
			"bytes=250000-400000": data[250_000:],
		} {
			if w := serve(asked); !bytes.Equal(w.Body.Bytes(), want) {
				t.Errorf("%q: status %d, %d bytes, want %d", asked, w.Code, w.Body.Len(), len(want))
			}
		}
		if w := serve("bytes=300000-"); w.Code != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("past the end: %d", w.Code)
		}

		b, err := s.Open(t.Context(), "film")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var piece [10]byte
		for _, at := range []int64{5000, 5010, 100, 299_990} {
			if _, err := b.Seek(at, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(b, piece[:]); err != nil || !bytes.Equal(piece[:], data[at:at+10]) {
				t.Errorf("10 bytes at %d: %v", at, err)
			}
		}
		if n, err := b.Read(piece[:]); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
		if at, err := b.Seek(-20, io.SeekCurrent); at != 299_980 || err != nil {
			t.Errorf("20 back: %d, %v", at, err)
		}
		if _, err := b.Seek(-1, io.SeekStart); err == nil {
			t.Error("a place before the start was accepted")
		}
	})
}

func TestReadsAsReadersShould(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		data := noise(2000)
		put(t, s, "small", data)
		b, err := s.Open(t.Context(), "small")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if err := iotest.TestReader(b, data); err != nil {
			t.Error(err)
		}
	})
}

func TestLimitIsExact(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		for _, limit := range []int64{0, 1000, partSize, partSize + 1} {
			put(t, s, "fits", noise(int(limit)))
			n, err := s.Put(t.Context(), "more", bytes.NewReader(noise(int(limit)+1)), limit)
			if !errors.Is(err, ErrTooLarge) || n != 0 {
				t.Errorf("%d bytes of at most %d: %d, %v", limit+1, limit, n, err)
			}
		}
		// A source without an end is read no further than it must be.
		read := &counter{}
		if _, err := s.Put(t.Context(), "more", read, 100_000); !errors.Is(err, ErrTooLarge) {
			t.Errorf("an endless source: %v", err)
		}
		if read.n > 200_000 {
			t.Errorf("%d bytes were read for a limit of 100,000", read.n)
		}
		if _, ok := stored(t, s)["more"]; ok {
			t.Error("what was too large is stored")
		}
	})
}

type counter struct{ n int }

func (c *counter) Read(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

func TestAFailedPutChangesNothing(t *testing.T) {
	broken := errors.New("the client left")
	both(t, func(t *testing.T, s store) {
		put(t, s, "kept", []byte("as it was"))
		for _, size := range []int{10, 2*partSize + 5} {
			for _, id := range []string{"kept", "new"} {
				_, err := s.Put(t.Context(), id,
					io.MultiReader(bytes.NewReader(noise(size)), iotest.ErrReader(broken)), 100<<20)
				if !errors.Is(err, broken) {
					t.Errorf("a source that broke after %d bytes: %v", size, err)
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Put(ctx, "new", io.MultiReader(bytes.NewReader(noise(partSize+10)),
			readerFunc(func([]byte) (int, error) {
				cancel()
				return 0, nil
			}), bytes.NewReader(noise(10))), 100<<20)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a context that ended on the way: %v", err)
		}
		if got := get(t, s, "kept"); string(got) != "as it was" {
			t.Errorf("what was there is now %d bytes", len(got))
		}
		if got := stored(t, s); len(got) != 1 {
			t.Errorf("stored: %v", got)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNothingThere(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		if _, err := s.Open(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) ||
			!errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open: %v", err)
		}
		if _, err := s.Stat(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Stat: %v", err)
		}
		if err := s.Delete(t.Context(), "nobody"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if got := stored(t, s); len(got) != 0 {
			t.Errorf("stored: %v", got)
		}
		put(t, s, "somebody", []byte("x"))
		if err := s.Delete(t.Context(), "somebody"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if _, err := s.Open(t.Context(), "somebody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Open after Delete: %v", err)
		}
	})
}

func TestIDsAreNoPaths(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc/passwd", "a.b",
			"a b", "a%2fb", "é", "a\x00", "a\n", "~", "a?b", strings.Repeat("a", 81)} {
			if _, err := s.Put(t.Context(), id, strings.NewReader("x"), 10); err != ErrID {
				t.Errorf("Put %q: %v", id, err)
			}
			if _, err := s.Open(t.Context(), id); err != ErrID {
				t.Errorf("Open %q: %v", id, err)
			}
			if _, err := s.Stat(t.Context(), id); err != ErrID {
				t.Errorf("Stat %q: %v", id, err)
			}
			if err := s.Delete(t.Context(), id); err != ErrID {
				t.Errorf("Delete %q: %v", id, err)
			}
		}
		put(t, s, strings.Repeat("a", 80), []byte("x"))
		put(t, s, "-_09azAZ", []byte("x"))
	})
}

func TestOldOnesAreFoundAndDeletedOnTheWay(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		before := time.Now().Add(-time.Minute)
		for i := range 300 {
			put(t, s, "blob-"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("x"))
		}
		for info, err := range s.Old(t.Context(), before) {
			t.Errorf("stored just now, listed as old: %v, %v", info, err)
		}
		n := 0
		for info, err := range s.Old(t.Context(), time.Now().Add(time.Hour)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if err := s.Delete(t.Context(), info.ID); err != nil {
				t.Fatal(err)
			}
		}
		if n != 300 {
			t.Errorf("%d of 300 were listed", n)
		}
		if left := stored(t, s); len(left) != 0 {
			t.Errorf("%d are left", len(left))
		}
		put(t, s, "a", nil)
		put(t, s, "b", nil)
		for range s.Old(t.Context(), time.Now().Add(time.Hour)) {
			break // the walk lets go of what it holds: goleak sees it
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var last error
		for _, err := range s.Old(ctx, time.Now().Add(time.Hour)) {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("a walk in a context that ended: %v", last)
		}
	})
}

// Whoever reads while others write sees one of the writings, whole.
func TestReadersSeeWholeBlobs(t *testing.T) {
	both(t, func(t *testing.T, s store) {
		put(t, s, "one", bytes.Repeat([]byte{'a'}, 50_000))
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range 10 {
					data := bytes.Repeat([]byte{byte('b' + i)}, 50_000)
					if _, err := s.Put(t.Context(), "one", bytes.NewReader(data), 50_000); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for range 10 {
					b, err := s.Open(t.Context(), "one")
					if err != nil {
						t.Error(err)
						return
					}
					data, err := io.ReadAll(b)
					b.Close()
					// A bucket may say that the object was replaced after it
					// was opened.
					if err == nil && (len(data) != 50_000 || bytes.Count(data, data[:1]) != 50_000) {
						t.Errorf("%d bytes of several writings", len(data))
					}
				}
			})
		}
		wg.Wait()
	})
}
