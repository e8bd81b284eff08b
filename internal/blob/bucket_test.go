package blob

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
)

// server stands in for an S3 service. before, if set, answers requests in its
// place by returning true.
type server struct {
	url    string
	mu     sync.Mutex
	before func(w http.ResponseWriter, r *http.Request) bool
}

func startServer(t *testing.T) *server {
	backend := s3mem.New()
	if err := backend.CreateBucket("files"); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s := &server{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/") {
			t.Errorf("%s %s is not signed with the key", r.Method, r.URL)
		}
		s.mu.Lock()
		before := s.before
		s.mu.Unlock()
		if before == nil || !before(w, r) {
			fake.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

func (s *server) answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

func (s *server) open(t *testing.T, prefix string) *Bucket {
	t.Helper()
	b, err := OpenBucket(t.Context(),
		BucketOptions{Endpoint: s.url, Region: "eu-1", Name: "files", Prefix: prefix, Key: "key",
			Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// problem answers like an S3 service in trouble.
func problem(status int, code string) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		io.WriteString(w, "<Error><Code>"+code+"</Code><Message>the server said "+code+"</Message></Error>")
		return true
	}
}

func TestOpenBucketSaysWhatIsWrong(t *testing.T) {
	s := startServer(t)
	good := BucketOptions{Endpoint: s.url, Region: "eu-1", Name: "files", Key: "key", Secret: "sesame"}
	for want, change := range map[string]func(*BucketOptions){
		"endpoint must be":    func(o *BucketOptions) { o.Endpoint = "s3.example.org" },
		"must be https://":    func(o *BucketOptions) { o.Endpoint = s.url + "/files" },
		"is missing":          func(o *BucketOptions) { o.Secret = "" },
		"no such bucket":      func(o *BucketOptions) { o.Name = "others" },
		"Bucket name":         func(o *BucketOptions) { o.Name = "a" },
		"connection refused":  func(o *BucketOptions) { o.Endpoint = "http://127.0.0.1:1" },
		"endpoint must be h":  func(o *BucketOptions) { o.Endpoint = "http://me:pass@127.0.0.1:1" },
		"endpoint must be ht": func(o *BucketOptions) { o.Endpoint = "" },
	} {
		opt := good
		change(&opt)
		_, err := OpenBucket(t.Context(), opt)
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "open bucket") {
			t.Errorf("want %q, got: %v", want, err)
		}
		if err != nil && (strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "pass@")) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	s.answer(problem(http.StatusForbidden, "AccessDenied"))
	if _, err := OpenBucket(t.Context(), good); err == nil || !strings.Contains(err.Error(), "ccess") {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestAFullBucketSaysSo(t *testing.T) {
	s := startServer(t)
	b := s.open(t, "")
	for code, status := range map[string]int{"XMinioStorageFull": http.StatusInsufficientStorage,
		"QuotaExceeded": http.StatusForbidden} {
		for _, size := range []int{10, 2 * partSize} {
			s.answer(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == "PUT" {
					return problem(status, code)(w, r)
				}
				return false
			})
			if _, err := b.Put(t.Context(), "one", bytes.NewReader(noise(size)),
				1<<30); !errors.Is(err, ErrFull) {
				t.Errorf("%s for %d bytes: %v", code, size, err)
			}
		}
	}
	s.answer(nil)
	if got := stored(t, b); len(got) != 0 {
		t.Errorf("stored: %v", got)
	}
	expectNoUploads(t, b)
}

func expectNoUploads(t *testing.T, b *Bucket) {
	t.Helper()
	page, err := b.core.ListMultipartUploads(t.Context(), b.name, "", "", "", "", 1000)
	if err != nil && !isGone(err) || len(page.Uploads) != 0 {
		t.Errorf("uploads in parts that were left behind: %v, %v", page.Uploads, err)
	}
}

func TestBrokenUploadsLeaveNoParts(t *testing.T) {
	b := startServer(t).open(t, "")
	if _, err := b.Put(t.Context(), "one", bytes.NewReader(noise(2*partSize+1)),
		2*partSize); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large in the last part: %v", err)
	}
	expectNoUploads(t, b)
}

func TestWhatACrashLeftInTheBucketGoesAfterADay(t *testing.T) {
	b := startServer(t).open(t, "p/")
	for range 3 {
		if _, err := b.core.NewMultipartUpload(t.Context(), b.name, "p/one",
			minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.clean(t.Context(), time.Now().Add(-abandoned)); err != nil {
		t.Fatal(err)
	}
	page, err := b.core.ListMultipartUploads(t.Context(), b.name, "p/", "", "", "", 1000)
	if err != nil || len(page.Uploads) != 3 {
		t.Errorf("uploads that have just begun: %d left, %v", len(page.Uploads), err)
	}
	if err := b.clean(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	expectNoUploads(t, b)
}

func TestPrefixesKeepBlobsApart(t *testing.T) {
	s := startServer(t)
	a, b := s.open(t, "a/"), s.open(t, "")
	put(t, a, "one", []byte("of a"))
	put(t, b, "one", []byte("of b"))
	if got := get(t, a, "one"); string(got) != "of a" {
		t.Errorf("a reads %q", got)
	}
	if got := stored(t, b); len(got) != 1 {
		t.Errorf("b lists %v", got)
	}
}

// A connection that breaks in the middle of a blob is an error, never a short
// blob.
func TestAShortAnswerIsAnError(t *testing.T) {
	s := startServer(t)
	b := s.open(t, "")
	put(t, b, "one", noise(100_000))
	blob, err := b.Open(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "100000")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		w.Write(make([]byte, 5000))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if data, err := io.ReadAll(blob); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d of 100000 bytes came with: %v", len(data), err)
	}
}
