package once

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// call sends a request and returns its status, its body and whether it was
// given before.
func call(t *testing.T, h http.Handler, method, key, body string) (status int, text string, replayed bool) {
	t.Helper()
	r := httptest.NewRequest(method, "/pay?a=1", strings.NewReader(body))
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header().Get(Replayed) == "true"
}

func TestHandler(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		o := open(t, d.Client(t), Options{})
		var runs atomic.Int64
		user := "ann"
		h := o.Handler(HTTP{Scope: func(*http.Request) string { return user }, MaxBody: 100},
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) == "fail" && runs.Load() == 2 {
					http.Error(w, "broken", http.StatusInternalServerError)
					runs.Add(1)
					return
				}
				w.Header().Set("X-Run", string(rune('0'+runs.Add(1))))
				w.WriteHeader(http.StatusCreated)
				w.Write([]byte("paid " + string(body)))
			}))
		expect := func(method, key, body string, status int, text string, replayed bool) {
			t.Helper()
			s, b, again := call(t, h, method, key, body)
			if s != status || !strings.Contains(b, text) || again != replayed {
				t.Errorf("%s %s %s: %d %q, replayed: %v", method, key, body, s, b, again)
			}
		}
		expect("POST", `"k1"`, "5", 201, "paid 5", false)
		expect("POST", `"k1"`, "5", 201, "paid 5", true)
		expect("POST", `k1`, "5", 201, "paid 5", true)
		expect("POST", `"k1"`, "6", 422, "another request", false)
		expect("PATCH", `"k1"`, "5", 422, "another request", false)
		expect("GET", `"k1"`, "5", 201, "paid 5", false) // not guarded
		expect("POST", `"k2"`, "fail", 500, "broken", false)
		expect("POST", `"k2"`, "fail", 201, "paid fail", false)
		expect("POST", `"k2"`, "fail", 201, "paid fail", true)
		expect("POST", "", "5", 201, "paid 5", false) // without a key
		expect("POST", `"`+strings.Repeat("x", 256)+`"`, "5", 400, "Idempotency-Key", false)
		expect("POST", `"k3"`, strings.Repeat("x", 101), 413, "100 bytes", false)
		user = "bob"
		expect("POST", `"k1"`, "7", 201, "paid 7", false)
	})
}

// TestConcurrentRequests answers one that waits too long with 409, and one that
// waits long enough like the first.
func TestConcurrentRequests(t *testing.T) {
	o := open(t, redistest.Single(t).Client(t), Options{})
	begun, goOn := make(chan bool), make(chan bool)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-goOn
		w.Write([]byte("paid"))
	})
	scope := func(*http.Request) string { return "" }
	patient := o.Handler(HTTP{Scope: scope, Required: true}, next)
	hasty := o.Handler(HTTP{Scope: scope, Wait: -1}, next)
	var all sync.WaitGroup
	all.Go(func() {
		if status, text, replayed := call(t, patient, "POST", "k", ""); status != 200 || text != "paid" || replayed {
			t.Errorf("%d %q %v", status, text, replayed)
		}
	})
	<-begun
	all.Go(func() {
		if status, text, replayed := call(t, patient, "POST", "k", ""); status != 200 || text != "paid" || !replayed {
			t.Errorf("%d %q %v", status, text, replayed)
		}
	})
	if status, _, _ := call(t, hasty, "POST", "k", ""); status != 409 {
		t.Errorf("%d", status)
	}
	time.Sleep(10 * time.Millisecond) // the other most likely waits by now; it is served either way
	close(goOn)
	all.Wait()
	if status, _, _ := call(t, patient, "POST", "", ""); status != 400 {
		t.Errorf("without a key: %d", status)
	}
}

// TestAwayOverHTTP answers 503 and does not run the handler.
func TestAwayOverHTTP(t *testing.T) {
	s := redistest.Start(t)
	o := open(t, s.Client(t), Options{Timeout: 100 * time.Millisecond, OnError: silent})
	s.Pause()
	h := o.Handler(HTTP{Scope: func(*http.Request) string { return "" }},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it ran") }))
	if status, _, _ := call(t, h, "POST", "k", ""); status != 503 {
		t.Errorf("%d", status)
	}
}
