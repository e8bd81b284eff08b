// Package engineio is a server of Engine.IO, protocol 4: sessions of messages,
// in text or binary, over HTTP long-polling or WebSocket, and from one to the
// other.
//
// A session has a queue of packets, and at any time one transport that empties
// it. While polling, that is whoever has the one pending GET; then the
// WebSocket, for which a few flushers copy many packets into one write. Idle
// sessions are cheap: over WebSocket one goroutine that waits for its socket to
// become readable without holding a buffer, and a timer for the heartbeat; over
// polling only the timer and the request.
//
// What a client sends is bounded everywhere: a message, a polling request and
// the queue of what it does not fetch in bytes, a request's body, a probe and a
// client that has gone silent in time. Whoever breaks the protocol loses the
// session.
package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/websocket"
)

// Config is what a server is made of.
type Config struct {
	PingInterval time.Duration // between pings, if they are answered; default 25 s
	// a client has to answer a ping, and to finish a request's body; default 20
	// s
	PingTimeout    time.Duration
	UpgradeTimeout time.Duration // a probe has to become an upgrade; default 10 s
	MaxPayload     int           // bytes of one message, and of one polling request; default 1,000,000
	// bytes that may wait for one client; more closes the session as slow;
	// larger than any packet; default 1 MiB
	MaxQueue    int
	MaxSessions int // default 100,000

	// Allow judges a handshake before there is a session. An error refuses it,
	// with the error's text and 403, or as a *Refusal says. Nil allows all.
	// Later requests are not judged: they have to come from the client that
	// opened the session, see Cookie and Identify.
	Allow func(r *http.Request) error

	// Cookie returns the cookie, but for its value, in which a client that
	// polls gets a secret at the handshake. A session's identifier counts only
	// together with that secret, as it is in URLs and so in logs. Nil makes it
	// "io", for the path of the request.
	Cookie func(r *http.Request) *http.Cookie
	// Identify says who sends a request. A client that keeps no cookies has to
	// repeat the credentials of its handshake; if it had none, it has to come
	// from the same address. Nil takes the Authorization header and RemoteAddr.
	Identify func(r *http.Request) Identity

	// Keep returns what a session keeps of the request that opens it, see
	// Session.Kept. Nil keeps a copy, an *http.Request without body and
	// context, which takes about a kilobyte.
	Keep func(r *http.Request) any

	// Accept is called with every new session, before anything is read from it,
	// and says who receives its messages. It must not wait. Sending and closing
	// is possible in it.
	Accept func(s *Session) Receiver
}

// Receiver is told what comes over a session.
type Receiver interface {
	// Text and Binary take a message; no two of them run at once. The bytes
	// belong to the session: they are valid during the call. While a call
	// waits, nothing else is read from the client, and its pongs neither. An
	// error closes the session as ReasonParse.
	Text(b []byte) error
	Binary(b []byte) error

	// Closed is called once. It must not wait. A Text or Binary under way may
	// end after it.
	Closed(why Reason)
}

// Refusal is an error of Allow that says how a handshake is answered.
type Refusal struct {
	Status  int // of HTTP
	Message string
}

func (e *Refusal) Error() string { return e.Message }

// Server is an http.Handler of all requests of its sessions, whatever their
// path. Cross-origin headers are its caller's.
type Server struct {
	cfg Config
	ws  *websocket.Server
	// sessions whose receiver is not told of the end; added to under mu while
	// not closed
	work sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*Session
	count    int // those, and those about to be
	closed   bool
}

// New returns a server. Close must be called.
func New(cfg Config) *Server {
	if cfg.PingInterval == 0 {
		cfg.PingInterval = 25 * time.Second
	}
	if cfg.PingTimeout == 0 {
		cfg.PingTimeout = 20 * time.Second
	}
	if cfg.UpgradeTimeout == 0 {
		cfg.UpgradeTimeout = 10 * time.Second
	}
	if cfg.MaxPayload == 0 {
		cfg.MaxPayload = 1_000_000
	}
	if cfg.MaxQueue == 0 {
		cfg.MaxQueue = 1 << 20
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = 100_000
	}
	if cfg.Keep == nil {
		cfg.Keep = keep
	}
	if cfg.Cookie == nil {
		cfg.Cookie = sessionCookie
	}
	if cfg.Identify == nil {
		cfg.Identify = identify
	}
	s := &Server{cfg: cfg, sessions: map[string]*Session{}}
	s.ws = websocket.New(websocket.Config{MaxMessage: cfg.MaxPayload,
		WriteTimeout: cfg.PingInterval + cfg.PingTimeout})
	return s
}

// Close closes all sessions and refuses new ones. It waits for every goroutine
// of WebSockets, and until Closed has returned for every session; requests
// under way are answered soon, and waited for by the HTTP server.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	all := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		all = append(all, session)
	}
	s.mu.Unlock()
	for _, session := range all {
		session.Close(ReasonShutdown)
		session.stopLingering()
	}
	s.ws.Close()
	s.work.Wait()
}

// Sessions is how many there are.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// refusal is what a request is refused with, as the reference server words it.
type refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *refusal) Error() string { return e.Message }

var (
	errTransport = &refusal{http.StatusBadRequest, 0, "Transport unknown"}
	errSession   = &refusal{http.StatusBadRequest, 1, "Session ID unknown"}
	errMethod    = &refusal{http.StatusBadRequest, 2, "Bad handshake method"}
	errRequest   = &refusal{http.StatusBadRequest, 3, "Bad request"}
	errVersion   = &refusal{http.StatusBadRequest, 5, "Unsupported protocol version"}
	errTooBig    = &refusal{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
	errStopping  = &refusal{http.StatusServiceUnavailable, 3, "Server is stopping"}
	errFull      = &refusal{http.StatusServiceUnavailable, 3, "Server is full"}
)

func (e *refusal) write(w http.ResponseWriter) {
	body, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	w.Write(body)
}

// ServeHTTP takes every request of Engine.IO.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		err.write(w)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) *refusal {
	q := r.URL.Query()
	transport, id := q.Get("transport"), q.Get("sid")
	switch {
	case transport != "polling" && transport != "websocket":
		return errTransport
	case q.Get("EIO") != "4":
		return errVersion
	case transport == "websocket" && r.Method != http.MethodGet:
		return errMethod
	}
	if id == "" {
		if r.Method != http.MethodGet {
			return errMethod
		}
		if err := s.allow(r); err != nil {
			return err
		}
		if transport == "websocket" {
			return s.openWebSocket(w, r)
		}
		return s.openPolling(w, r)
	}
	session := s.find(id)
	switch {
	case session == nil || !session.opened(r):
		return errSession
	case transport == "websocket":
		return session.serveProbe(w, r)
	case r.Method == http.MethodGet:
		return session.servePoll(w, r)
	case r.Method == http.MethodPost:
		return session.servePost(w, r)
	}
	return errRequest
}

func (s *Server) allow(r *http.Request) *refusal {
	if s.cfg.Allow == nil {
		return nil
	}
	err := s.cfg.Allow(r)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Refusal](err); ok {
		return &refusal{e.Status, 4, e.Message}
	}
	return &refusal{http.StatusForbidden, 4, err.Error()}
}

// reserve makes room for a session. It is given back by release, or by forget
// once the session was added.
func (s *Server) reserve() *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errStopping
	case s.count >= s.cfg.MaxSessions:
		return errFull
	}
	s.count++
	return nil
}

func (s *Server) release() {
	s.mu.Lock()
	s.count--
	s.mu.Unlock()
}

// add makes the session known, which is to end with finish; false if the server
// is stopping.
func (s *Server) add(session *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.count--
		return false
	}
	s.sessions[session.id] = session
	s.work.Add(1)
	return true
}

func (s *Server) find(id string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// forget takes the session off the list, if it is on it.
func (s *Server) forget(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.sessions[session.id]; ok {
		delete(s.sessions, session.id)
		s.count--
	}
}

func (s *Server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// hello is the open packet.
func (s *Server) hello(id string, upgrades ...string) *Packet {
	if upgrades == nil {
		upgrades = []string{}
	}
	b, err := json.Marshal(struct {
		ID           string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{id, upgrades, s.cfg.PingInterval.Milliseconds(), s.cfg.PingTimeout.Milliseconds(), s.cfg.MaxPayload})
	if err != nil {
		panic(err)
	}
	return newPacket(kindOpen, b)
}

// idSize is the length of an identifier.
const idSize = 20

// NewID returns an identifier that cannot be guessed: 20 characters, of 120
// random bits.
func NewID() string {
	var b [idSize * 6 / 8]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
