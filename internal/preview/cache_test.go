package preview

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	ttl    time.Duration
	err    error
}

func (m *memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return v, ok, m.err
}

func (m *memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.values[key], m.ttl = value, ttl
	}
	return m.err
}

func TestAnswersAreKept(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			page("<title>T</title>")(w, r)
		case "/inside":
			http.Redirect(w, r, "ftp://x/", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	now := time.Unix(1_000_000, 0)
	m := &memory{values: map[string][]byte{}}
	f := fetcher(t, Options{Cache: m, TTL: time.Hour, NegativeTTL: time.Minute,
		Now: func() time.Time { return now }})
	for _, c := range []struct {
		path string
		want error
		ttl  time.Duration
	}{{"/good", nil, time.Hour}, {"/none", ErrNone, time.Minute}, {"/inside", ErrRefused, time.Minute}} {
		before := s.hits.Load()
		for range 3 {
			p, err := f.Preview(t.Context(), s.URL+c.path+"#part")
			if !errors.Is(err, c.want) || (err == nil && p.Title != "T") {
				t.Errorf("%s: %+v, %v", c.path, p, err)
			}
		}
		if m.ttl != c.ttl || s.hits.Load() != before+1 {
			t.Errorf("%s: kept for %v, asked for %d times", c.path, m.ttl, s.hits.Load()-before)
		}
		// A cache may keep longer than it was told.
		now = now.Add(c.ttl)
		if f.Preview(t.Context(), s.URL+c.path); s.hits.Load() != before+2 {
			t.Errorf("%s: served after its time", c.path)
		}
	}
	for key := range m.values {
		if strings.Contains(key, "good") || len(key) != 64 {
			t.Errorf("key %q", key)
		}
	}
}

func TestACacheInTroubleHidesNothing(t *testing.T) {
	s := serve(t, page("<title>T</title>"))
	told := make(chan error, 10)
	m := &memory{values: map[string][]byte{}, err: errors.New("the cache is away")}
	f := fetcher(t, Options{Cache: m, OnError: func(err error) { told <- err }})
	if p, err := f.Preview(t.Context(), s.URL); err != nil || p.Title != "T" {
		t.Errorf("%+v, %v", p, err)
	}
	for range 2 {
		if err := <-told; !errors.Is(err, m.err) {
			t.Errorf("told: %v", err)
		}
	}
}

func TestOneFetchForAllWhoAsk(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		page("<title>T</title>")(w, r)
	})
	f := fetcher(t, Options{Cache: &memory{values: map[string][]byte{}}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := f.Preview(ctx, s.URL); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
	})
	<-arrived
	for range 10 {
		wg.Go(func() {
			if p, err := f.Preview(t.Context(), s.URL); err != nil || p.Title != "T" {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	cancel()
	close(release)
	wg.Wait()
	if n := s.hits.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestFetchesAreBounded(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		page("<title>T</title>")(w, r)
	})
	f := fetcher(t, Options{Parallel: 1})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := f.Preview(t.Context(), s.URL+"/1"); err != nil {
			t.Error(err)
		}
	})
	<-arrived
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.fetchPage(short, s.parse(t)); !errors.Is(err, ErrBusy) {
		t.Errorf("with all slots taken: %v", err)
	}
	close(release)
	wg.Wait()
}

func TestCloseEndsWhatRuns(t *testing.T) {
	arrived := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	m := &memory{values: map[string][]byte{}}
	f := New(Options{Cache: m, Timeout: time.Hour, Guard: loopback})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := f.Preview(t.Context(), s.URL); err == nil {
			t.Error("a preview came")
		}
	})
	<-arrived
	f.Close()
	wg.Wait()
	if len(m.values) != 0 {
		t.Error("a fetch that was ended is remembered as nothing to show")
	}
}
