package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/ratelimit"
	"github.com/parley-chat/parley/kit/session"
)

// login is what a session remembers.
type login struct {
	Device string `json:"device"`
	Calls  int    `json:"calls"`
}

type api struct {
	users    map[string]string // a real one keeps slow hashes, not passwords
	sessions *session.Manager[login]
	guesses  *ratelimit.Limiter // of one user's password, from wherever
}

func newAPI(conn *connect.Conn, users map[string]string) (http.Handler, error) {
	sessions, err := session.New(conn.Client, session.Options[login]{
		Prefix:      "api:session",
		IdleTimeout: 24 * time.Hour,
		// Two requests of one session at once: none is answered with a
		// conflict, both are counted.
		Merge: func(base, mine, theirs login) (login, error) {
			theirs.Calls += mine.Calls - base.Calls
			return theirs, nil
		},
	})
	if err != nil {
		return nil, err
	}
	guesses, err := ratelimit.New(conn.Client, ratelimit.Options{Prefix: "api:guesses"},
		ratelimit.PerMinute(5))
	if err != nil {
		return nil, err
	}
	calls, err := ratelimit.New(conn.Client, ratelimit.Options{Prefix: "api:calls"},
		ratelimit.PerSecond(20), ratelimit.PerMinute(300))
	if err != nil {
		return nil, err
	}
	a := &api{users: users, sessions: sessions, guesses: guesses}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("GET /me", a.me)
	mux.HandleFunc("POST /logout", a.logout)
	// Counted by address before anything else is done. Behind a proxy, name it
	// in Clients.Trusted.
	return calls.Handler(ratelimit.HTTP{Key: ratelimit.Clients{}.Key}, sessions.Handler(mux)), nil
}

func (a *api) login(w http.ResponseWriter, r *http.Request) {
	var given struct{ User, Password string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&given); err != nil ||
		given.User == "" {
		http.Error(w, `send {"user": …, "password": …}`, http.StatusBadRequest)
		return
	}
	result, err := a.guesses.Allow(r.Context(), given.User)
	if err != nil {
		unavailable(w)
		return
	}
	if !result.Allowed {
		ratelimit.SetHeader(w.Header(), result)
		ratelimit.WriteRefusal(w, r, result)
		return
	}
	password, known := a.users[given.User]
	if !equal(given.Password, password) || !known {
		http.Error(w, "no such user and password", http.StatusUnauthorized)
		return
	}
	// A bearer token, which browsers do not send by themselves: nothing to
	// forge. For a cookie call sessions.Login.
	s, err := a.sessions.Create(r.Context(), given.User, login{Device: r.UserAgent()})
	if err != nil {
		unavailable(w)
		return
	}
	if err := a.guesses.Reset(r.Context(), given.User); err != nil {
		unavailable(w)
		return
	}
	answer(w, map[string]any{"token": s.Token(), "ends": s.ExpiresAt()})
}

func (a *api) me(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.FromContext(r.Context())
	if s == nil {
		http.Error(w, "Log in first.", http.StatusUnauthorized)
		return
	}
	s.Data.Calls++ // saved before the answer goes out
	answer(w, map[string]any{"user": s.User(), "since": s.Created(), "login": s.Data})
}

func (a *api) logout(w http.ResponseWriter, r *http.Request) {
	if err := a.sessions.Logout(r.Context()); err != nil {
		unavailable(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// equal takes the same time whatever the difference.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "try again soon", http.StatusServiceUnavailable)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
