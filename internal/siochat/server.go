// Package siochat serves chat over Socket.IO, as docs/protocol.md describes. An
// event from a client is an action, its acknowledgement the result; what
// happens arrives as events. It is a codec between package socketio, which
// knows nothing of chat, and package live, which knows nothing of Socket.IO.
//
// A session of Socket.IO begins with an HTTP request, which is judged like
// those of other transports and kept as a handshake. Each connection to the
// namespace is a live session. One goroutine moves what there is for a session
// into its socket; heartbeats and the writing are package socketio's.
package siochat

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/wire"
)

// Config describes the handler.
type Config struct {
	Sessions *live.Server

	Heartbeat   time.Duration // a client is pinged so long after its last pong; default 25 s
	PongTimeout time.Duration // and has so long to answer; default 20 s
	MaxConns    int           // sessions of Socket.IO; default 100,000

	Guests Guests // clients of another contract on the same path; nil for none

	Metrics prometheus.Registerer // nil for none
	Log     *slog.Logger          // default slog.Default()
}

// Guests are clients of another contract, recognized by something that only
// their requests bring, and by sending no auth.
type Guests interface {
	// Claims reports whether a request is such a client's.
	Claims(r *http.Request) bool
	// Encoder encodes what happens for them.
	Encoder() hub.Encoder
	// Connect begins a session that is authenticated.
	Connect(ctx context.Context, session *live.Session, socket *socketio.Socket) (Dialect, error)
}

// Dialect is what one socket speaks.
type Dialect interface {
	Event(e *socketio.Event)    // handles an event
	Send(frame hub.Frame) error // sends what the encoder made, or an answer
	Goodbye(c live.Closing)     // says why the session is closed
}

const (
	// Path is where the handler is to be mounted.
	Path = "/socket.io/"
	// namespace is the only one.
	namespace = "/"
	// maxMessage bounds an event from a client, in bytes.
	maxMessage = 64 << 10
	// maxPayload bounds what comes at once: when polling, a client sends many
	// events in one request.
	maxPayload = 4 * maxMessage
	// maxQueue bounds what waits in a session, in bytes. It is for one large
	// answer; the hub's queue bounds the rest.
	maxQueue = 64 << 20
	// connectTimeout bounds the work on one connection to the namespace.
	connectTimeout = 10 * time.Second
)

// Server is an http.Handler for everything below Path.
type Server struct {
	cfg     Config
	io      *socketio.Server
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup // the mover, and what closes sessions
	dirty   dirty

	eventsIn, slow atomic.Int64
}

// New returns a handler. Close must be called.
func New(cfg Config) *Server {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 25 * time.Second
	}
	if cfg.PongTimeout == 0 {
		cfg.PongTimeout = 20 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.io = socketio.New(socketio.Options{
		Path: Path, PingInterval: cfg.Heartbeat, PingTimeout: cfg.PongTimeout,
		UpgradeTimeout: cfg.Sessions.AuthTimeout(), ConnectTimeout: cfg.Sessions.AuthTimeout(),
		MaxPayload: maxPayload, MaxQueue: maxQueue, MaxSessions: cfg.MaxConns,
		Keep:   func(r *http.Request) any { return r.Context().Value(handshakeKey{}) },
		Cookie: s.cookie, Identify: s.identify,
	})
	s.io.OnConnect(namespace, s.connect)
	s.dirty.init()
	s.workers.Go(s.move)
	if cfg.Metrics != nil {
		s.register(cfg.Metrics)
	}
	return s
}

// Close closes the sessions that are left, and waits for every goroutine. The
// hub should be drained before.
func (s *Server) Close() {
	s.cfg.Sessions.Stop()
	s.io.Close()
	s.cancel()
	s.dirty.close()
	s.workers.Wait()
}

// handshakeKey is the key, in the context of a request that is to open a
// session, of its handshake.
type handshakeKey struct{}

// guest tags the handshake of a client that Guests claims.
type guest struct{}

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
		handshake, err := s.cfg.Sessions.Admit(r, token)
		if err != nil {
			httperror.Write(w, s.cfg.Sessions.AsError(r.Context(), "handshake", err))
			return
		}
		if s.claimed(r) {
			handshake.Tag = guest{}
		}
		handshake.Wait()
		r = r.WithContext(context.WithValue(r.Context(), handshakeKey{}, handshake))
	}
	s.io.ServeHTTP(w, r)
}

// judge tells whether a request may come from where it comes from, and returns
// its token.
//
// Guests have nothing but their cookie. They are apps too, or browsers that
// reach the server unencrypted by a name other than localhost and then say
// nothing of their page when they poll: that is allowed. A foreign page can
// neither read the answer, which has the session's identifier, nor send
// anything without an Origin.
func (s *Server) judge(r *http.Request) (token string, err error) {
	return s.cfg.Sessions.Token(r, clientinfo.Silent(r) && s.claimed(r))
}

// cookie returns the cookie that belongs to a browser's sessions, until it is
// closed.
func (s *Server) cookie(r *http.Request) *http.Cookie {
	policy := s.cfg.Sessions.Policy()
	return &http.Cookie{Name: policy.CookieName("-io"), Secure: policy.Secure(r),
		Path: policy.BasePath() + strings.Trim(Path, "/"), SameSite: http.SameSiteLaxMode}
}

// identify says who sends a request that was found to be allowed.
func (s *Server) identify(r *http.Request) socketio.Identity {
	policy := s.cfg.Sessions.Policy()
	cred, _ := policy.Credentials(r)
	return socketio.Identity{Credentials: cred.Token, Address: policy.Addr(r)}
}

func (s *Server) claimed(r *http.Request) bool { return s.cfg.Guests != nil && s.cfg.Guests.Claims(r) }

// connect is called for a client that connects to the namespace. A token in
// auth counts, or else what the first request brought, or else the client must
// authenticate.
func (s *Server) connect(socket *socketio.Socket, auth json.RawMessage, _ *http.Request) error {
	h := socket.Kept().(*live.Handshake)
	if err := h.Join(); err != nil {
		return s.refused(socket, err)
	}
	c := &conn{s: s, socket: socket}
	wake := func() { s.dirty.add(c) }
	ctx, cancel := context.WithTimeout(s.ctx, connectTimeout)
	defer cancel()
	var err error
	if h.Tag == (guest{}) && auth == nil {
		c.Session = h.NewSession(s.cfg.Guests.Encoder(), s.cfg.Heartbeat, wake)
		if err = c.LogIn(ctx, h.Token); err == nil {
			c.dialect, err = s.cfg.Guests.Connect(ctx, c.Session, socket)
		}
	} else {
		c.Session = h.NewSession(encoder{}, s.cfg.Heartbeat, wake)
		c.dialect = native{c}
		err = c.begin(ctx, h.Token, auth)
	}
	if err != nil {
		c.abandon()
		c.End(true)
		return s.refused(socket, err)
	}
	c.ready.Store(true)
	s.dirty.add(c) // there may be something from before
	socket.OnAny(c.take)
	socket.OnDisconnect(c.gone)
	return nil
}

// refused is how a client that connects is refused. One that is to try again is
// not refused in words, which official clients take as final, but loses the
// connection.
func (s *Server) refused(socket *socketio.Socket, err error) error {
	e := s.cfg.Sessions.AsError(s.ctx, "connect", err)
	if e.Code == chat.CodeUnavailable {
		socket.CloseSession()
	}
	return &socketio.ConnectError{Message: e.Message, Data: newFailure(e)}
}

func (c *conn) begin(ctx context.Context, token string, auth json.RawMessage) error {
	if auth != nil {
		var in wire.AuthenticateInput
		if err := wire.Decode(auth, &in); err != nil {
			return err
		}
		if in.Token != "" {
			token = in.Token
		}
	}
	if token == "" {
		return nil
	}
	return c.LogIn(ctx, token)
}

// register registers the counters. Package
// ws registers those of the hub.
func (s *Server) register(r prometheus.Registerer) {
	name := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "parley", Subsystem: "socketio", Name: name, Help: help}
	}
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(name("sessions",
			"Open sessions of Socket.IO, logged in or not.")),
			func() float64 { return float64(s.io.Sessions()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts(name("events_in_total",
			"Events from clients of Socket.IO.")), func() float64 { return float64(s.eventsIn.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts(name("slow_closes_total",
			"Sessions of Socket.IO closed as too slow.")), func() float64 { return float64(s.slow.Load()) }),
	)
}

var _ http.Handler = (*Server)(nil)
