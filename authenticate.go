package parley

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
)

// authMiddleware asks the program who a request is from, and passes it on with
// a session of that person.
//
// Each person has one session on a node, whose token stays in the process:
// there is no cookie of the chat that could outlive the program's own log-in,
// or be somebody else's in the same browser. What a request may do is judged
// anew with each.
type authMiddleware struct {
	ask    func(*http.Request) (User, error)
	logIn  string
	renew  time.Duration // the age at which a session is no longer given to new connections
	chat   *chat.Service
	policy *clientinfo.Policy
	log    *slog.Logger
	next   http.Handler

	mu       sync.Mutex
	sessions map[string]*session // by the user's id in the program
	sweep    int                 // remove expired sessions when the map reaches this size
}

// session is the one session of a person on this node.
type session struct {
	turn chan struct{} // holds one while a session is opened

	mu      sync.Mutex
	as      User // as the account is known to be
	token   string
	expires time.Time
}

func newAuthMiddleware(o Options, service *chat.Service, policy *clientinfo.Policy, log *slog.Logger,
	next http.Handler) *authMiddleware {
	return &authMiddleware{
		ask: o.Authenticate, logIn: o.LogIn, renew: o.Recheck / 2, chat: service, policy: policy,
		log: log, next: next,
		sessions: map[string]*session{}, sweep: 1024,
	}
}

func (u *authMiddleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := r.URL.Path == "/" || r.URL.Path == "/index.html"
	if page && (u.logIn == "" || r.Method != http.MethodGet) || !page && !judged(r.URL.Path) {
		u.next.ServeHTTP(w, clientinfo.WithCredentials(r, ""))
		return
	}
	if _, ok := clientinfo.Bearer(r); ok {
		u.next.ServeHTTP(w, r) // a token for programs, which the chat knows itself
		return
	}
	token, err := u.admit(r)
	switch {
	case err != nil:
		u.refuse(w, r, err)
	case page && token == "":
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, u.logIn, http.StatusSeeOther)
	default:
		u.next.ServeHTTP(w, clientinfo.WithCredentials(r, token))
	}
}

// judged reports whether what is served at a path depends on who asks. The
// other paths are the client's files.
func judged(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/socket.io/") || path == "/metrics"
}

// admit returns the token of the session of whoever the request is from, "" for
// nobody.
func (u *authMiddleware) admit(r *http.Request) (string, error) {
	v, err := u.who(r)
	if err != nil || v.ID == "" {
		return "", err
	}
	g := u.session(v.ID)
	token, as, err := u.current(r.Context(), g)
	if err != nil || token != "" && as == v {
		return token, err
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-r.Context().Done():
		return "", r.Context().Err()
	}
	token, as, err = u.current(r.Context(), g) // somebody else may have opened it meanwhile
	if err != nil || token != "" && as == v {
		return token, err
	}
	return u.open(r, g, v, token)
}

func (u *authMiddleware) who(r *http.Request) (User, error) {
	v, err := u.ask(r)
	if err != nil {
		return User{}, &unknown{err}
	}
	return v, nil
}

// unknown is an error of the program's.
type unknown struct{ err error }

func (e *unknown) Error() string { return "who a request is from: " + e.err.Error() }
func (e *unknown) Unwrap() error { return e.err }

func (u *authMiddleware) session(id string) *session {
	u.mu.Lock()
	defer u.mu.Unlock()
	g := u.sessions[id]
	if g == nil {
		if len(u.sessions) >= u.sweep {
			now := time.Now()
			for id, g := range u.sessions {
				g.mu.Lock()
				if now.After(g.expires) {
					delete(u.sessions, id)
				}
				g.mu.Unlock()
			}
			u.sweep = max(1024, 2*len(u.sessions))
		}
		g = &session{turn: make(chan struct{}, 1)}
		u.sessions[id] = g
	}
	return g
}

// current returns the token of a person's session that new connections can use,
// "" if there is none, and as whom the account is known.
func (u *authMiddleware) current(ctx context.Context, g *session) (string, User, error) {
	g.mu.Lock()
	token, as := g.token, g.as
	if time.Until(g.expires) < u.renew {
		token = ""
	}
	g.mu.Unlock()
	if token == "" {
		return "", as, nil
	}
	_, err := u.chat.Authenticate(ctx, token, chat.Caller{})
	if errors.Is(err, chat.ErrUnauthenticated) { // it was ended
		return "", as, nil
	}
	return token, as, err
}

// open brings the account up to date, and opens a session unless there is one.
func (u *authMiddleware) open(r *http.Request, g *session, v User, token string) (string, error) {
	ctx := r.Context()
	user, err := u.chat.UpsertUser(ctx, v.external())
	if err != nil {
		return "", err
	}
	if user.Disabled {
		return "", &chat.Error{Code: chat.CodeForbidden, Message: "this account is disabled"}
	}
	if token != "" {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.as = v
		return token, nil
	}
	out, err := u.chat.OpenSession(ctx, chat.Caller{Addr: u.policy.Addr(r), Agent: r.UserAgent()}, user)
	if err != nil {
		return "", err
	}
	// Who has logged out between the first answer and here was not found by
	// Revoke, which ends the sessions that there are. The second answer comes
	// after the session was there: either Revoke has ended it, or this says so.
	again, err := u.who(r)
	if err != nil || again.ID != v.ID {
		return "", errors.Join(err, u.chat.EndSessions(context.WithoutCancel(ctx), user.ID, out.Session.ID))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.as, g.token, g.expires = v, out.Token, out.Session.ExpiresAt
	return out.Token, nil
}

// refuse answers a request that is not let in.
func (u *authMiddleware) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := &chat.Error{Code: chat.CodeUnavailable, RetryAfter: 2 * time.Second,
		Message: "who you are cannot be found out now: try again in a moment"}
	if _, theirs := errors.AsType[*unknown](err); !theirs {
		e = chat.AsError(err)
	}
	if e.Code != chat.CodeForbidden && !errors.Is(err, context.Canceled) {
		u.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path,
			"error", err)
	}
	status := httperror.SetHeader(w, e)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "about:blank",
		"title": http.StatusText(status), "status": status, "detail": e.Message, "code": e.Code})
}
