package live

import (
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/hub"
)

// Handshake is the request that opened a connection. It counts against the
// limits until it is released.
type Handshake struct {
	Token string // that came with the request, "" for none
	// Tag is the transport's: what kind of client it is.
	Tag any

	s           *Server
	addr, agent string
	known       *chat.Caller // whom Token belongs to, for Session.Begin
	since       time.Time

	// Guarded by the server's lock.
	owner    string // counted for; "" if it has authenticated
	until    time.Time
	joins    uint8 // sessions that it has begun
	released bool
}

// maxJoins bounds the sessions of one handshake, as starting a session costs
// more than a frame.
const maxJoins = 20

// Policy says how clients reach the server.
func (s *Server) Policy() *clientinfo.Policy { return s.cfg.Policy }

// Token checks the origin of a request and returns its token, "" for none. With
// trusted, a cookie is accepted from any origin.
func (s *Server) Token(r *http.Request, trusted bool) (string, error) {
	cred, err := s.cfg.Policy.Credentials(r)
	if err != nil {
		return "", err
	}
	return cred.Token, s.cfg.Policy.CheckOrigin(r, cred.Cookie && !trusted)
}

// Admit counts a connection or returns an error if a limit is reached. A token
// is checked at once; connections without one have a lower limit.
func (s *Server) Admit(r *http.Request, token string) (*Handshake, error) {
	agent := r.UserAgent()
	// Cloned: a part of a header keeps all of them in memory.
	who := chat.Caller{Addr: s.cfg.Policy.Addr(r), Agent: strings.Clone(agent[:min(len(agent), 200)])}
	h := &Handshake{s: s, Token: strings.Clone(token), addr: who.Addr, agent: who.Agent,
		since: time.Now(), owner: "address " + who.Addr}
	limit := max(1, s.cfg.MaxUnauthenticated/10)
	if token != "" {
		known, err := s.cfg.Service.Authenticate(r.Context(), token, who)
		if err != nil {
			return nil, err
		}
		h.known, h.owner, limit = &known, ownerOf(known), maxPending
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.draining.Load():
		return nil, hub.ErrStopping
	case s.conns >= s.cfg.MaxConns, s.pending[h.owner] >= limit,
		token == "" && s.anonymous >= s.cfg.MaxUnauthenticated:
		return nil, hub.ErrFull
	}
	s.conns++
	h.count()
	return h, nil
}

func ownerOf(who chat.Caller) string { return "person " + string(who.User.ID) }

func (h *Handshake) isAnonymous() bool { return strings.HasPrefix(h.owner, "address ") }

// count counts a handshake for its owner. The server's lock is held.
func (h *Handshake) count() {
	h.s.pending[h.owner]++
	if h.isAnonymous() {
		h.s.anonymous++
	}
}

// authenticated ends counting the handshake as pending. The server's lock is
// held.
func (h *Handshake) authenticated() {
	if h.owner == "" {
		return
	}
	if h.s.pending[h.owner]--; h.s.pending[h.owner] == 0 {
		delete(h.s.pending, h.owner)
	}
	if h.isAnonymous() {
		h.s.anonymous--
	}
	h.owner = ""
}

// Release stops counting the connection.
func (h *Handshake) Release() {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.release()
}

// release is Release with the server's lock held.
func (h *Handshake) release() {
	if !h.released {
		h.released = true
		h.authenticated()
		h.s.conns--
		delete(h.s.handshakes, h)
	}
}

// Wait releases the handshake later unless it gets a session in time.
func (h *Handshake) Wait() {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.wait()
}

func (h *Handshake) wait() {
	if !h.released {
		h.until = time.Now().Add(h.s.cfg.AuthTimeout + time.Second)
		h.s.handshakes[h] = struct{}{}
	}
}

// errOver is for a handshake that was released.
var errOver = &chat.Error{Code: chat.CodeUnavailable, Message: "This session has ended. Open another one."}

// Join must come before NewSession if the handshake waits. It fails if the
// handshake was released, or has begun too many sessions.
func (h *Handshake) Join() error {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	switch {
	case h.released:
		return errOver
	case h.s.closed || h.s.draining.Load():
		return hub.ErrStopping
	}
	delete(h.s.handshakes, h)
	if h.joins++; h.joins > maxJoins {
		h.release()
		return errOver
	}
	return nil
}

func (h *Handshake) caller() chat.Caller { return chat.Caller{Addr: h.addr, Agent: h.agent} }
