package siodoor

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
	"github.com/parley-chat/parley/internal/hub"
)

// visit is what the request that opened a session has told.
type visit struct {
	addr    string
	agent   string // the client's program
	token   string // "" if none was brought
	owner   string // whom it is counted for while nobody has authenticated with it, "" if it is not counted
	since   time.Time
	until   time.Time // when it is forgotten, while it is in the server's list
	strange bool
	guest   bool  // see Config.Guests
	joins   uint8 // how often the session has connected
}

func (v *visit) caller() chat.Caller { return chat.Caller{Addr: v.addr, Agent: v.agent} }

// visitKey is the key, in the context of a request that is to open a session,
// of its visit.
type visitKey struct{}

// maxPending bounds the sessions that one person has opened and not yet
// connected: as many as they may have sockets.
const maxPending = 50

// maxJoins bounds how often one session connects: a client that leaves and
// comes back asks more of the server than its events show.
const maxJoins = 20

// ServeHTTP judges each request, and has the session opened or go on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	token, err := s.judge(r)
	if err != nil {
		httperror.Write(w, chat.AsError(err))
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" { // it was found to be allowed
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.URL.Query().Get("sid") == "" {
		v, err := s.admit(r, token)
		if err != nil {
			httperror.Write(w, chat.AsError(err))
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	}
	s.io.ServeHTTP(w, r)
}

// judge tells whether a request may come from where it comes from, and returns
// the token it brings.
//
// Guests have nothing but their cookie, and are programs too, or browsers that
// reach the server unencrypted by another name than localhost, and say nothing
// then when they poll: that is let pass. A foreign page can neither read the
// answer, which has the session's identifier, nor send anything without an
// Origin.
func (s *Server) judge(r *http.Request) (token string, err error) {
	cred, err := s.cfg.Policy.Credentials(r)
	if err != nil {
		return "", err
	}
	needed := cred.Cookie && !(clientinfo.Silent(r) && s.claimed(r))
	if err := s.cfg.Policy.CheckOrigin(r, needed); err != nil {
		return "", err
	}
	return cred.Token, nil
}

func (s *Server) claimed(r *http.Request) bool { return s.cfg.Guests != nil && s.cfg.Guests.Claims(r) }

// admit takes a visit in, if there is room for it. Whoever brings a token is
// looked up before; others have less room.
func (s *Server) admit(r *http.Request, token string) (*visit, error) {
	agent := r.UserAgent()
	// Cloned: a part of a header keeps all of it in memory.
	who := chat.Caller{Addr: s.cfg.Policy.Addr(r), Agent: strings.Clone(agent[:min(len(agent), 200)])}
	now := time.Now()
	v := &visit{addr: who.Addr, agent: who.Agent, token: strings.Clone(token),
		owner: "address " + who.Addr, since: now, strange: true, guest: s.claimed(r)}
	limit := max(1, s.cfg.MaxStrangers/10)
	if token != "" {
		known, err := s.cfg.Service.Authenticate(r.Context(), token, who)
		if err != nil {
			return nil, err
		}
		v.owner, v.strange, limit = ownerOf(known), false, maxPending
	}
	full := s.io.Sessions() >= s.cfg.MaxConns
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.leaving.Load():
		return nil, hub.ErrStopping
	case full || s.pending[v.owner] >= limit || v.strange && s.strange >= s.cfg.MaxStrangers:
		return nil, hub.ErrFull
	}
	s.count(v)
	s.wait(v)
	return v, nil
}

func ownerOf(who chat.Caller) string { return "person " + string(who.User.ID) }

// count counts a visit for its owner. The lock is held.
func (s *Server) count(v *visit) {
	s.pending[v.owner]++
	if v.strange {
		s.strange++
	}
}

// uncount is for a visit that has become somebody's connection, or has ended.
// The lock is held.
func (s *Server) uncount(v *visit) {
	if v.owner == "" {
		return
	}
	if s.pending[v.owner]--; s.pending[v.owner] == 0 {
		delete(s.pending, v.owner)
	}
	if v.strange {
		s.strange--
	}
	v.owner, v.strange = "", false
}

// wait keeps a visit until its session connects, or has ended for not
// connecting. The lock is held.
func (s *Server) wait(v *visit) {
	v.until = time.Now().Add(s.cfg.AuthTimeout + time.Second)
	s.visits[v] = struct{}{}
}

// arrived takes the visit of a session that connects off the list; false if it
// is not there, or the session did so too often.
func (s *Server) arrived(v *visit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.visits[v]; !ok {
		return false
	}
	delete(s.visits, v)
	if v.joins++; v.joins > maxJoins {
		s.uncount(v)
		return false
	}
	return true
}
