package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/internal/exec"
)

// request is what the middleware knows about one request. Its key is the
// manager, so that several can be stacked.
type request[T any] struct {
	session *Session[T]
	err     error // why the session could not be read, with Options.Degrade
	bearer  bool
	w       *writer
}

// Handler returns a handler that finds the session of each request before next
// and saves it after.
//
// A token in "Authorization: Bearer" is taken before the cookie, and alone: a
// request with a bearer never falls back to the cookie. Without a valid token
// the request goes on without a session. When Redis gives no answer,
// Options.ErrorHandler answers in place of next.
//
// What changed is saved before the response's header goes out; if that fails,
// Options.ErrorHandler answers in place of what next writes. What changes later
// is saved when next returns, and a failure goes to Options.OnError.
// Flushing, hijacking and http.ResponseController work as without the
// middleware. Nothing is saved when next panics.
func (m *Manager[T]) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie, Authorization")
		value, bearer := m.credential(r)
		s, err := m.loadRequest(r.Context(), value)
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		if err != nil && !(m.opt.Degrade && errors.Is(err, kit.ErrUnavailable)) {
			m.opt.ErrorHandler(w, r, err)
			return
		}
		// The cookie of an unknown session is left alone: another request may
		// have just renewed the token, and taking the cookie away would take
		// away the new one.
		q := &request[T]{session: s, err: err, bearer: bearer}
		q.w = &writer{
			ResponseWriter: w,
			save:           func() error { return q.save(r.Context()) },
			failed:         func(err error) { m.opt.ErrorHandler(w, r, err) },
		}
		next.ServeHTTP(q.w, r.WithContext(context.WithValue(r.Context(), m, q)))
		if q.w.begin() == nil {
			if err := q.save(r.Context()); err != nil {
				m.opt.OnError(err)
			}
		}
	})
}

// degradedTimeout bounds the reading of a request's session with
// Options.Degrade.
const degradedTimeout = 100 * time.Millisecond

func (m *Manager[T]) loadRequest(ctx context.Context, value string) (*Session[T], error) {
	t, ok := parseToken(value)
	if !ok {
		return nil, ErrNotFound
	}
	if !m.opt.Degrade {
		return m.read(ctx, t)
	}
	if m.breaker.Open() {
		return nil, fmt.Errorf("session: load: %w", exec.ErrOpen)
	}
	s, err := m.readWithin(ctx, t, min(m.opt.Timeout, degradedTimeout))
	m.breaker.Note(err)
	return s, err
}

// Degraded returns why the request goes on without a session although it may
// have one: Redis gave no answer, and Options.Degrade is set. Else it is nil.
func (m *Manager[T]) Degraded(ctx context.Context) error { return m.request(ctx).err }

func (q *request[T]) save(ctx context.Context) error {
	if q.session == nil {
		return nil
	}
	// The client may be gone by now, and what it asked for should be kept all
	// the same; a deadline still holds.
	kept := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		kept, cancel = context.WithDeadline(kept, deadline)
		defer cancel()
	}
	return q.session.Save(kept)
}

// credential returns what may be a token, and whether it came as a bearer.
func (m *Manager[T]) credential(r *http.Request) (value string, bearer bool) {
	if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok &&
		strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value), true
	}
	if c, err := r.Cookie(m.opt.Cookie.FullName()); err == nil {
		return c.Value, false
	}
	return "", false
}

// FromContext returns the session of the request, or nil when there is none. It
// panics without [Manager.Handler].
func (m *Manager[T]) FromContext(ctx context.Context) *Session[T] {
	return m.request(ctx).session
}

// IsBearer reports whether the request's token came as a bearer and not as a
// cookie. A browser sends cookies with forged requests too, a bearer never:
// only the former need a proof against forgery.
func (m *Manager[T]) IsBearer(ctx context.Context) bool {
	return m.request(ctx).bearer
}

// Login makes a new session for the user, sets its cookie and makes it the
// request's. The session that the request came with is destroyed: nothing that
// was known before the login opens anything after it.
func (m *Manager[T]) Login(ctx context.Context, user string, data T) (*Session[T], error) {
	return m.LoginWithin(ctx, user, data, Limits{})
}

// LoginWithin is Login for a session with limits of its own.
func (m *Manager[T]) LoginWithin(ctx context.Context, user string, data T,
	limits Limits) (*Session[T], error) {
	q := m.request(ctx)
	if q.w.began {
		return nil, ErrHeaderSent
	}
	s, err := m.CreateWithin(ctx, user, data, limits)
	if err != nil {
		return nil, err
	}
	if old := q.session; old != nil {
		if err := old.Destroy(ctx); err != nil {
			return nil, errors.Join(err, s.Destroy(ctx))
		}
	}
	q.session, q.bearer = s, false
	m.setCookie(q, s)
	return s, nil
}

// Renew renews the request's session as [Session.Renew] does and sets the new
// cookie. A client that came with a bearer has to be told the new token by the
// caller.
func (m *Manager[T]) Renew(ctx context.Context) error {
	q := m.request(ctx)
	if q.w.began {
		return ErrHeaderSent
	}
	if q.session == nil {
		return ErrNotFound
	}
	if err := q.session.Renew(ctx); err != nil {
		return err
	}
	if !q.bearer {
		m.setCookie(q, q.session)
	}
	return nil
}

// Logout destroys the request's session and takes the cookie away. Without a
// session it does the latter only. With ErrUnannounced it has done both.
func (m *Manager[T]) Logout(ctx context.Context) error {
	q := m.request(ctx)
	if q.w.began {
		return ErrHeaderSent
	}
	var err error
	if q.session != nil {
		if err = q.session.Destroy(ctx); err != nil && !errors.Is(err, ErrUnannounced) {
			return err
		}
		q.session = nil
	}
	if !q.bearer {
		m.replaceCookie(q.w.Header(), m.opt.Cookie.cookie("", 0))
	}
	return err
}

func (m *Manager[T]) setCookie(q *request[T], s *Session[T]) {
	c := m.opt.Cookie
	c.UntilClosed = c.UntilClosed || s.untilClosed
	m.replaceCookie(q.w.Header(), c.cookie(s.Token(), s.TTL()))
}

// replaceCookie sets the cookie and drops an earlier one of the same name, so
// that the last word of a handler counts.
func (m *Manager[T]) replaceCookie(h http.Header, c *http.Cookie) {
	others := h.Values("Set-Cookie")
	h.Del("Set-Cookie")
	for _, line := range others {
		if !strings.HasPrefix(line, c.Name+"=") {
			h.Add("Set-Cookie", line)
		}
	}
	h.Add("Set-Cookie", c.String())
	h.Set("Cache-Control", "no-store")
}

func (m *Manager[T]) request(ctx context.Context) *request[T] {
	q, ok := ctx.Value(m).(*request[T])
	if !ok {
		panic("session: the request did not come through Manager.Handler")
	}
	return q
}

func writeFailure(w http.ResponseWriter, _ *http.Request, err error) {
	status, title, detail := http.StatusServiceUnavailable, "Service unavailable",
		"The session could not be checked. Try again shortly."
	switch {
	case errors.Is(err, ErrConflict):
		status, title, detail = http.StatusConflict, "Conflict",
			"Another request changed the session meanwhile. Try again."
	case errors.Is(err, ErrNotFound):
		status, title, detail = http.StatusUnauthorized, "Unauthorized",
			"The session has ended. Log in again."
	default:
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is no one else to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{"title": title, "status": status, "detail": detail})
}
