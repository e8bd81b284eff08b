// Package ws is the WebSocket door: JSON-RPC 2.0 in text frames, as
// docs/protocol.md describes.
//
// Idle connections are cheap. Each has one goroutine that waits for its socket
// to become readable without holding a buffer, and nothing else: no writer, no
// timer. What is to be written goes to a few flushers, which copy many frames
// into one write; a connection whose socket is full gets a goroutine of its own
// until it is drained. One sweep a second looks after heartbeats, log-ins that
// do not come, and sessions that expire.
package ws

import (
	"context"
	"errors"
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
	"github.com/parley-chat/parley/internal/websocket"
)

// Config is what the door is made of.
type Config struct {
	Service *chat.Service
	Hub     *hub.Hub
	Policy  *clientinfo.Policy

	// a client silent for so long is pinged, and closed after as long again;
	// default 30 s
	Heartbeat   time.Duration
	AuthTimeout time.Duration // to authenticate, and to finish a message once begun; default 10 s
	MaxConns    int           // connections, logged in or not; default 100,000
	// connections that have not authenticated; default 1,000, and of one
	// address a tenth of it
	MaxStrangers int
	// frames that one connection may send in 10 seconds; default 2,000, -1 for
	// no limit
	MaxFrames int
	Queue     int // bytes that may wait for one connection; default 1 MiB

	Metrics prometheus.Registerer // nil for none
	Log     *slog.Logger          // default slog.Default()
}

// Server is the door. It is an http.Handler for the upgrade.
type Server struct {
	cfg     Config
	actions map[string]chat.Action
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	ws      *websocket.Server
	readers sync.WaitGroup // one for each connection that is counted
	workers sync.WaitGroup // the sweep and what it starts

	mu        sync.Mutex
	conns     map[*conn]struct{}
	strangers map[string]int // connections that have not authenticated, by address
	strange   int            // all of them
	closed    bool

	leaving  atomic.Bool // requests are no longer taken
	underWay atomic.Int64

	slow atomic.Int64
}

// New returns a door. Close must be called.
func New(cfg Config) *Server {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 30 * time.Second
	}
	if cfg.AuthTimeout == 0 {
		cfg.AuthTimeout = 10 * time.Second
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 100_000
	}
	if cfg.MaxStrangers == 0 {
		cfg.MaxStrangers = 1000
	}
	if cfg.MaxFrames == 0 {
		cfg.MaxFrames = 2000
	}
	if cfg.Queue == 0 {
		cfg.Queue = 1 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg, actions: map[string]chat.Action{}, conns: map[*conn]struct{}{},
		strangers: map[string]int{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, a := range chat.Actions() {
		s.actions[a.Name] = a
	}
	s.ws = websocket.New(websocket.Config{
		Protocol: "parley.v1", MaxMessage: maxMessage, TextOnly: true,
		Heartbeat: cfg.Heartbeat, MessageTimeout: cfg.AuthTimeout, WriteTimeout: cfg.Heartbeat,
	})
	s.workers.Go(s.sweep)
	cfg.Hub.BeforeClosing(s.finish)
	if cfg.Metrics != nil {
		s.register(cfg.Metrics)
	}
	return s
}

// Close closes what connections are left, and waits for every goroutine. The
// hub should be drained before.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.end(websocket.CloseRestart, "the server is stopping")
	}
	s.mu.Unlock()
	s.ws.Close()
	s.readers.Wait()
	s.cancel()
	s.workers.Wait()
}

// ServeHTTP upgrades a request. Whoever brings a token is looked up before;
// others have AuthTimeout to authenticate.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := s.admit(r)
	if err != nil {
		if c != nil {
			s.drop(c)
		}
		httperror.Write(w, chat.AsError(err))
		return
	}
	socket, err := s.ws.Upgrade(w, r)
	if err != nil {
		s.drop(c)
		s.cfg.Log.Debug("upgrade", "error", err)
		return
	}
	c.serve(socket)
}

// admit judges a request, and counts a connection for it. A connection that is
// returned has to be dropped in the end, also if there is an error.
func (s *Server) admit(r *http.Request) (*conn, error) {
	agent := r.UserAgent()
	// Cloned: a part of a header keeps all of them in memory.
	who := chat.Caller{Addr: s.cfg.Policy.Addr(r), Agent: strings.Clone(agent[:min(len(agent), 200)])}
	cred, err := s.cfg.Policy.Credentials(r)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Policy.CheckOrigin(r, cred.Cookie); err != nil {
		return nil, err
	}
	c := newConn(s, who)
	if err := s.count(c, cred.Token == ""); err != nil || cred.Token == "" {
		return c, err
	}
	return c, s.logIn(r.Context(), c, who, cred.Token)
}

// count takes a connection in, if there is room for it. Strangers, who bring no
// token, have less of it.
func (s *Server) count(c *conn, stranger bool) error {
	addr := c.caller().Addr
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.leaving.Load():
		return hub.ErrStopping
	case len(s.conns) >= s.cfg.MaxConns, stranger &&
		(s.strange >= s.cfg.MaxStrangers || s.strangers[addr] >= max(1, s.cfg.MaxStrangers/10)):
		return hub.ErrFull
	}
	s.conns[c] = struct{}{}
	s.readers.Add(1)
	if stranger {
		s.strange++
		s.strangers[addr]++
		c.stranger = true
	}
	return nil
}

// met takes a connection off the strangers. The lock is held.
func (s *Server) met(c *conn) {
	if !c.stranger {
		return
	}
	c.stranger = false
	s.strange--
	addr := c.caller().Addr
	if s.strangers[addr]--; s.strangers[addr] == 0 {
		delete(s.strangers, addr)
	}
}

// logIn makes the connection that of the token's person. The session is looked
// up again once the hub knows the connection: one that ended in between was not
// heard of.
func (s *Server) logIn(ctx context.Context, c *conn, who chat.Caller, token string) error {
	who, err := s.cfg.Service.Authenticate(ctx, token, who)
	if err != nil {
		return err
	}
	if err := s.cfg.Hub.Register(ctx, c.out, who); err != nil {
		return err
	}
	if _, err := s.cfg.Service.Authenticate(ctx, token, chat.Caller{}); err != nil {
		if errors.Is(err, chat.ErrUnauthenticated) {
			c.end(closeRevoked, "the session was ended")
		} else {
			c.end(websocket.CloseRestart, "come back")
		}
		s.cfg.Hub.Unregister(c.out) // a connection is registered once: this one is over
		return err
	}
	c.setWho(who)
	s.mu.Lock()
	s.met(c)
	s.mu.Unlock()
	return nil
}

// drop forgets a connection.
func (s *Server) drop(c *conn) {
	if c.loggedIn() {
		s.cfg.Hub.Unregister(c.out)
	}
	s.mu.Lock()
	if _, counted := s.conns[c]; counted {
		delete(s.conns, c)
		s.met(c)
		s.readers.Done()
	}
	s.mu.Unlock()
}

// finish is the hub's call when it drains: new requests are refused, and those
// under way are answered.
func (s *Server) finish(ctx context.Context) {
	s.leaving.Store(true)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.underWay.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep looks at every connection, often enough for the time-outs: once a
// second, unless they are shorter than usual.
func (s *Server) sweep() {
	every := min(time.Second, max(5*time.Millisecond, s.cfg.AuthTimeout/8))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			for c := range s.conns {
				c.look(now)
			}
			s.mu.Unlock()
		}
	}
}

// register makes the door's and the hub's counters known.
func (s *Server) register(r prometheus.Registerer) {
	gauge := func(name, help string, f func() int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "parley", Name: name,
			Help: help}, func() float64 { return float64(f()) }))
	}
	counter := func(name, help string, f func() int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "parley",
			Name: name, Help: help}, func() float64 { return float64(f()) }))
	}
	h := s.cfg.Hub
	gauge("connections", "Open connections of people.", func() int64 { return h.Stats().Conns })
	gauge("topics", "Streams that somebody here follows.", func() int64 { return h.Stats().Topics })
	counter("events_total", "Events that came to topics, each counted once.",
		func() int64 { return h.Stats().Delivered })
	counter("repairs_total", "Gaps that were read from the store.", func() int64 { return h.Stats().Repairs })
	counter("resumes_total", "Streams resumed after an absence.", func() int64 { return h.Stats().Resumes })
	counter("resyncs_total", "Streams that clients had to fetch anew.",
		func() int64 { return h.Stats().Resyncs })
	counter("socket_frames_in_total", "Frames from clients.",
		func() int64 { return s.ws.Stats().Frames })
	counter("socket_writes_total", "Writes to sockets, of one or more frames.",
		func() int64 { return s.ws.Stats().Writes })
	counter("socket_bytes_in_total", "Bytes from clients.",
		func() int64 { return s.ws.Stats().BytesIn })
	counter("socket_bytes_out_total", "Bytes to clients.",
		func() int64 { return s.ws.Stats().BytesOut })
	counter("slow_closes_total", "Connections closed as too slow.", s.slow.Load)
}

// asError tells apart what a client may see.
func (s *Server) asError(ctx context.Context, method string, err error) *chat.Error {
	e := chat.AsError(err)
	gone := errors.Is(err, context.Canceled) // the client has hung up
	if !gone && (e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable && e != hub.ErrStopping) {
		s.cfg.Log.ErrorContext(ctx, "request failed", "method", method, "error", err)
	}
	return e
}
