package engineio

import (
	"crypto/sha256"
	"net"
	"net/http"
)

// Identity is what a request says of its client.
type Identity struct {
	Credentials string // what it authenticates itself with; "" for nothing
	Address     string // where it comes from
}

// identify is the default of Config.Identify.
func identify(r *http.Request) Identity {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return Identity{Credentials: r.Header.Get("Authorization"), Address: host}
}

// sessionCookie is the default of Config.Cookie.
func sessionCookie(r *http.Request) *http.Cookie {
	return &http.Cookie{Name: "io", Path: r.URL.Path, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode}
}

// proof tells the client that opened a session from others who have learned its
// identifier, which is in the URL of every request and so in logs. It holds
// hashes. The session's lock guards it.
//
// The cookie's secret always counts. Without it, the credentials of the
// handshake have to come again. A client that has shown neither has to come
// from the same address; once it returns the cookie, only the cookie counts.
type proof struct {
	secret, credentials, address [sha256.Size]byte

	hasCredentials bool
	keepsCookies   bool
}

// newProof is the proof for the session that a handshake opens. All sessions of
// a browser share one secret, so that they do not overwrite each other's
// cookie: a handshake that brings one is not given another.
func (s *Server) newProof(w http.ResponseWriter, r *http.Request) *proof {
	cookie, who := s.cfg.Cookie(r), s.cfg.Identify(r)
	p := &proof{credentials: hash(who.Credentials), address: hash(who.Address),
		hasCredentials: who.Credentials != ""}
	for _, c := range r.CookiesNamed(cookie.Name) {
		if len(c.Value) == idSize {
			p.secret, p.keepsCookies = hash(c.Value), true
			return p
		}
	}
	cookie.Value, cookie.HttpOnly = NewID(), true
	p.secret = hash(cookie.Value)
	http.SetCookie(w, cookie)
	return p
}

// opened reports whether a request comes from the client that opened the
// session. Of one that began as a WebSocket no other request may come.
func (s *Session) opened(r *http.Request) bool {
	if s.proof == nil {
		return false
	}
	name, who := s.srv.cfg.Cookie(r).Name, s.srv.cfg.Identify(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.proof
	for _, c := range r.CookiesNamed(name) {
		if hash(c.Value) == p.secret {
			p.keepsCookies = true
			return true
		}
	}
	switch {
	case p.hasCredentials:
		return hash(who.Credentials) == p.credentials
	case p.keepsCookies:
		return false
	}
	return hash(who.Address) == p.address
}

func hash(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
