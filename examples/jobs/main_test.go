package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/examples/internal/program"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// receiver is whom the hooks go to. It refuses the first posts to /flaky, and
// those to /broken until it is mended.
type receiver struct {
	mu     sync.Mutex
	got    map[string][]string // bodies that were taken, by path
	seen   map[string]int      // posts, by path
	ids    map[string]bool
	mended bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, post *http.Request) {
	body, _ := io.ReadAll(post.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	path := post.URL.Path
	r.seen[path]++
	if path == "/flaky" && r.seen[path] < 3 || path == "/broken" && !r.mended {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	r.got[path] = append(r.got[path], string(body))
	r.ids[post.Header.Get("Delivery-ID")] = true
}

func (r *receiver) until(t *testing.T, path string, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		got := append([]string(nil), r.got[path]...)
		r.mu.Unlock()
		if len(got) >= n {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s got %q, want %d", path, got, n)
		}
	}
}

func TestJobs(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		r := &receiver{got: map[string][]string{}, seen: map[string]int{}, ids: map[string]bool{}}
		web := httptest.NewServer(r)
		defer web.Close()
		settings := []string{"REDIS_URL=" + d.URL()}
		jobs := func(args ...string) string {
			t.Helper()
			return program.Start(t, settings, args...).Ends()
		}
		add := func(path, body string) {
			t.Helper()
			if said := jobs("add", web.URL+path, body); !strings.Contains(said, "added") {
				t.Fatalf("add said %q", said)
			}
		}
		add("/ok", `"before anybody works"`)
		var workers []*program.Program
		for range 2 {
			w := program.Start(t, settings, "work")
			w.Says("working")
			workers = append(workers, w)
		}
		add("/broken", `"b"`)
		add("/flaky", `"f"`)
		for i := range 5 {
			add("/ok", fmt.Sprint(i))
		}
		if got := r.until(t, "/ok", 6); len(got) != 6 {
			t.Errorf("/ok got %q", got)
		}
		if got := r.until(t, "/flaky", 1); got[0] != `"f"` {
			t.Errorf("/flaky got %q", got)
		}

		var letter string
		for deadline := time.Now().Add(30 * time.Second); letter == ""; letter = jobs("dead") {
			if time.Now().After(deadline) {
				t.Fatal("no dead letter")
			}
		}
		id, rest, _ := strings.Cut(letter, "\t")
		if strings.Count(letter, "\n") != 1 || !strings.Contains(rest, "after 4 attempts") ||
			!strings.Contains(rest, "500 Internal Server Error") {
			t.Errorf("dead letters: %s", letter)
		}
		r.mu.Lock()
		r.mended = true
		if r.seen["/broken"] != 4 || r.seen["/flaky"] != 3 {
			t.Errorf("attempts: %v", r.seen)
		}
		r.mu.Unlock()
		if said := jobs("again", id); !strings.Contains(said, "again: 1") {
			t.Errorf("again said %q", said)
		}
		r.until(t, "/broken", 1)
		if left := jobs("dead"); left != "" {
			t.Errorf("left: %s", left)
		}
		if said := jobs("drop", id); !strings.Contains(said, "dropped: 0") {
			t.Errorf("drop said %q", said)
		}
		for _, w := range workers {
			if said := w.Interrupt(); !strings.Contains(said, "interrupted") {
				t.Errorf("it said %q", said)
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.ids) != 8 {
			t.Errorf("%d ids for 8 jobs: %v", len(r.ids), r.ids)
		}
	})
}
