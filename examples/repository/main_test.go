package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/examples/internal/program"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// call answers the status, with the body in out if that is 200.
func call(t *testing.T, method, at, body string, out any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if w.StatusCode == http.StatusOK {
		if err := json.NewDecoder(w.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return w.StatusCode
}

// Two processes: each sees what the other changed, though both keep what they
// read.
func TestRepository(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		var programs []*program.Program
		var at []string
		for range 2 {
			p := program.Start(t, []string{"REDIS_URL=" + d.URL(), "LISTEN=127.0.0.1:0"})
			programs, at = append(programs, p), append(at, p.Says("listening at "))
		}
		a, b := at[0], at[1]
		// sees waits until a process, which may not yet have heard of a change,
		// answers that title; "" is none.
		sees := func(at, title string) (book Book) {
			t.Helper()
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				book = Book{}
				switch status := call(t, "GET", at+"/books/emma", "", &book); {
				case status != 200 && status != 404:
					t.Fatalf("GET: %d", status)
				case book.Title == title:
					return book
				case time.Now().After(deadline):
					t.Fatalf("still %+v, want %q", book, title)
				}
			}
		}

		sees(a, "")
		sees(b, "")
		var first Book
		if status := call(t, "PUT", a+"/books/emma",
			`{"title":"Emma","author":"Jane Austen","year":1815}`, &first); status != 200 ||
			first.Version == 0 {
			t.Fatalf("PUT: %d %+v", status, first)
		}
		if got := sees(b, "Emma"); got != first {
			t.Errorf("read back: %+v, want %+v", got, first)
		}
		second := fmt.Sprintf(`{"title":"Emma, annotated","author":"Jane Austen","year":1815,"version":%d}`, first.Version)
		for range 20 { // from the process, once that follows changes
			sees(a, "Emma")
		}
		if status := call(t, "PUT", b+"/books/emma", second, &first); status != 200 {
			t.Fatalf("PUT: %d", status)
		}
		sees(a, "Emma, annotated")
		if status := call(t, "PUT", a+"/books/emma", second, nil); status != 409 {
			t.Errorf("over a version that is not the last: %d", status)
		}
		sees(a, "Emma, annotated")
		if status := call(t, "PUT", a+"/books/emma", `{`, nil); status != 400 {
			t.Errorf("half a book: %d", status)
		}

		for i := range 24 {
			var book Book
			if status := call(t, "PUT", fmt.Sprintf("%s/books/%d", a, i),
				`{"title":"x","author":"Jane Austen"}`, &book); status != 200 {
				t.Fatalf("PUT: %d", status)
			}
		}
		seen := map[string]bool{}
		for after := ""; len(seen) < 100; {
			var page struct {
				Books []Book
				After string
			}
			if status := call(t, "GET", b+"/books?"+url.Values{"author": {"Jane Austen"},
				"after": {after}}.Encode(), "", &page); status != 200 {
				t.Fatalf("list: %d", status)
			}
			for _, book := range page.Books {
				seen[book.ID] = true
			}
			if after = page.After; after == "" {
				break
			}
		}
		if len(seen) != 25 || !seen["emma"] {
			t.Errorf("listed %d: %v", len(seen), seen)
		}

		if status := call(t, "DELETE", a+"/books/emma", "", nil); status != 204 {
			t.Errorf("DELETE: %d", status)
		}
		sees(b, "")
		for _, at := range at {
			if status := call(t, "DELETE", at+"/books/emma", "", nil); status != 404 {
				t.Errorf("DELETE of what is gone: %d", status)
			}
		}
		hits, loaded := 0, 0
		for _, p := range programs {
			var local, redis, loads int
			said := p.Interrupt()
			if _, err := fmt.Sscanf(said, "repository: interrupted; %d answers came from the process, %d from the cache in Redis, %d were loaded", &local, &redis, &loads); err != nil {
				t.Errorf("it said %q", said)
			}
			hits, loaded = hits+local+redis, loaded+loads
		}
		if hits < 20 || loaded == 0 || loaded > 10 {
			t.Errorf("%d hits, %d loads", hits, loaded)
		}
	})
}
