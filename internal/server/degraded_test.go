package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/kit/redistest"
)

// lockedLog collects what is logged.
type lockedLog struct {
	mu sync.Mutex
	strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func (l *lockedLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.Builder.String(), text)
}

// TestReadingGoesOn: a Redis that is full, read-only or denies commands cannot
// be written. What only reads goes on, with its limits, and everyone who can do
// something about it is told. It ends by itself.
func TestReadingGoesOn(t *testing.T) {
	for _, c := range []struct {
		name, part, reason, people string
		harm, mend                 []string
	}{
		{"full", "store", "full: ", "full", []string{"CONFIG", "SET", "maxmemory", "1"},
			[]string{"CONFIG", "SET", "maxmemory", "0"}},
		{"read-only", "store", "read-only: ", "read-only", []string{"REPLICAOF", "127.0.0.1", "1"},
			[]string{"REPLICAOF", "NO", "ONE"}},
		{"denied", "limits", "denied: ", "not set up right",
			[]string{"ACL", "SETUSER", "default", "-rpush", "-xadd"},
			[]string{"ACL", "SETUSER", "default", "+@all"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			redis := redistest.Start(t)
			log := &lockedLog{}
			limits := chat.DefaultLimits
			limits.Calls = chat.Rate{Limit: 30, Window: time.Minute}
			core, err := OpenCore(t.Context(), CoreConfig{
				Store: StoreConfig{Store: redis.URL(), RedisPrefix: "parley"}, Limits: limits,
				Log: slog.New(slog.NewTextHandler(log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			registry := prometheus.NewRegistry()
			server := New(core, Config{Policy: &clientinfo.Policy{}, MaxSockets: 10, MaxUserSockets: 10,
				MaxSocketFrames: -1, Metrics: registry, MetricsToken: "operator"})
			t.Cleanup(func() {
				if err := errors.Join(server.Drain(t.Context()), server.Close(t.Context())); err != nil {
					t.Error(err)
				}
			})
			must := func(_ any, err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			service := core.Service
			must(nil, service.Setup(t.Context()))
			must(service.AddUser(t.Context(), "Pablo", "password123", chat.RoleOwner, ""))
			in, err := service.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
				chat.LogInInput{Name: "Pablo", Password: "password123"})
			must(nil, err)
			get := func(path string) (int, string) {
				r := httptest.NewRequest("GET", path, nil)
				token := in.Token
				if path == "/metrics" {
					token = "operator"
				}
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				return w.Code, w.Body.String()
			}
			send := func(text string) (int, string) {
				r := httptest.NewRequest("POST", "/api/v1/rooms/general/messages",
					strings.NewReader(fmt.Sprintf(`{"text":%q}`, text)))
				r.Header.Set("Authorization", "Bearer "+in.Token)
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				return w.Code, w.Body.String()
			}
			const page = "/api/v1/rooms/general/messages"
			if status, body := send("before"); status != http.StatusOK && status != http.StatusCreated {
				t.Fatalf("before: %d %s", status, body)
			}

			must(redis.Do(c.harm...))
			if status, body := send("not now"); status != http.StatusServiceUnavailable ||
				!strings.Contains(body, c.people) || !strings.Contains(body, "you can read") {
				t.Errorf("sending: %d %s", status, body)
			}
			if status, body := get(page); status != http.StatusOK || !strings.Contains(body, "before") {
				t.Errorf("reading: %d %s", status, body)
			}
			if status, body := get("/readyz"); status != http.StatusOK || !strings.Contains(body,
				`"status":"degraded"`) || !strings.Contains(body, `"`+c.part+`":"`+c.reason) {
				t.Errorf("/readyz: %d %s", status, body)
			}
			if _, body := get("/api/v1/server"); !strings.Contains(body, c.reason) {
				t.Errorf("/server: %s", body)
			}
			if _, body := get("/metrics"); !strings.Contains(body,
				fmt.Sprintf("parley_degraded{part=%q} 1", c.part)) {
				t.Errorf("/metrics:\n%s", body)
			}
			refused := 0 // limits still count, on this node
			for range 35 {
				if status, _ := get(page); status == http.StatusTooManyRequests {
					refused++
				}
			}
			if refused == 0 {
				t.Error("nothing is limited any more")
			}
			if n := log.count("limits are counted on this node alone"); n != 1 {
				t.Errorf("it was logged %d times:\n%s", n, log.String())
			}

			must(redis.Do(c.mend...))
			for i := 0; ; i++ { // the connection may need a moment
				status, body := send("afterwards")
				_, ready := get("/readyz")
				if status < 300 && strings.HasPrefix(ready, "ready") {
					break
				}
				if i == 20 {
					t.Fatalf("afterwards: %d %s, ready: %s", status, body, ready)
				}
				time.Sleep(200 * time.Millisecond) // Redis is asked once a second at most
			}
		})
	}
}
