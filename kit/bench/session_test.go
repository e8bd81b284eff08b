package bench

import (
	"context"
	"encoding/gob"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/session"
)

// goRedis is the peers' client of a server, with as many connections as there
// are callers at once.
func goRedis(b testing.TB, s *redistest.Server) *redis.Client {
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: s.Addr(), PoolSize: 64})
	b.Cleanup(func() { _ = c.Close() })
	return c
}

type visit struct {
	Device string
	Views  int
}

// A request with a session cookie through each middleware: one that only reads
// the session, and one that also changes it. scs has a whole value that the
// last writer wins, and no list of a user's sessions; ours has versions, a list
// and hashed tokens.
func BenchmarkSession(b *testing.B) {
	gob.Register(visit{})
	type site struct {
		handler http.Handler
		cookie  *http.Cookie
	}
	sites := []struct {
		name  string
		setup func(b *testing.B, change bool) site
	}{
		{"kit", func(b *testing.B, change bool) site {
			m, err := session.New(redistest.Start(b).Client(b), session.Options[visit]{})
			if err != nil {
				b.Fatal(err)
			}
			s, err := m.Create(b.Context(), "ada", visit{Device: "browser"})
			if err != nil {
				b.Fatal(err)
			}
			return site{
				m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s := m.FromContext(r.Context())
					if s == nil {
						b.Error("no session")
						return
					}
					if change {
						s.Data.Views++
					}
					w.WriteHeader(http.StatusNoContent)
				})),
				&http.Cookie{Name: "__Host-session", Value: s.Token()},
			}
		}},
		{"scs", func(b *testing.B, change bool) site {
			m := scs.New()
			m.Store = goredisstore.New(goRedis(b, redistest.Start(b)))
			m.HashTokenInStore = true
			ctx, err := m.Load(context.Background(), "")
			if err != nil {
				b.Fatal(err)
			}
			m.Put(ctx, "visit", visit{Device: "browser"})
			m.Put(ctx, "user", "ada")
			token, _, err := m.Commit(ctx)
			if err != nil {
				b.Fatal(err)
			}
			return site{
				m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					v, ok := m.Get(r.Context(), "visit").(visit)
					if !ok {
						b.Error("no session")
						return
					}
					if change {
						v.Views++
						m.Put(r.Context(), "visit", v)
					}
					w.WriteHeader(http.StatusNoContent)
				})),
				&http.Cookie{Name: "session", Value: token},
			}
		}},
	}
	for _, change := range []bool{false, true} {
		name := "read"
		if change {
			name = "change"
		}
		for _, s := range sites {
			b.Run(name+"/"+s.name, func(b *testing.B) {
				at := s.setup(b, change)
				for b.Loop() {
					r := httptest.NewRequest("GET", "/", nil)
					r.AddCookie(at.cookie)
					w := httptest.NewRecorder()
					at.handler.ServeHTTP(w, r)
					if w.Code != http.StatusNoContent {
						b.Fatal(w.Code, w.Body)
					}
				}
			})
		}
		if change {
			continue // parallel changes of one session are conflicts
		}
		for _, s := range sites {
			b.Run(name+"-parallel-64/"+s.name, func(b *testing.B) {
				at := s.setup(b, change)
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						r := httptest.NewRequest("GET", "/", nil)
						r.AddCookie(at.cookie)
						w := httptest.NewRecorder()
						at.handler.ServeHTTP(w, r)
						if w.Code != http.StatusNoContent {
							b.Error(w.Code, w.Body)
							return
						}
					}
				})
			})
		}
	}
}
