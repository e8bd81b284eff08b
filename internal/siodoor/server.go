// Package siodoor is the Socket.IO door: the chat for whoever has a Socket.IO
// client, as docs/protocol.md describes. An event from a client is an action,
// its acknowledgement the result; what happens arrives as events.
//
// A session of Socket.IO begins with an HTTP request, whose origin and token
// are judged like those of the other doors. What is known of it is kept as a
// visit until the client connects to the namespace, and from then on in a conn.
// What the hub has for a connection is moved by one goroutine into its socket;
// heartbeats and the writing are package socketio's.
package siodoor

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
)

// Config is what the door is made of.
type Config struct {
	Service *chat.Service
	Hub     *hub.Hub
	Policy  *clientinfo.Policy

	Heartbeat   time.Duration // a client is pinged so long after its last pong; default 25 s
	PongTimeout time.Duration // and has so long to answer; default 20 s
	AuthTimeout time.Duration // to connect and to authenticate; default 10 s
	MaxConns    int           // sessions, logged in or not; default 100,000
	// those that have not authenticated; default 1,000, and of one address a
	// tenth of it
	MaxStrangers int
	// events that one client may send in 10 seconds; default 2,000, -1 for no
	// limit
	MaxFrames int
	Queue     int // bytes that may wait for one client; default 1 MiB

	Guests Guests // clients that speak otherwise, on the same path; nil for none

	Metrics prometheus.Registerer // nil for none
	Log     *slog.Logger          // default slog.Default()
}

// Guests are clients of another contract, known by something that only their
// requests bring, and by bringing nothing in auth.
type Guests interface {
	// Claims reports whether a request is such a client's.
	Claims(r *http.Request) bool
	// Connect takes a socket of theirs, as socketio.ConnectFunc does; the token
	// is the one that the session's first request has brought, "" if none, and
	// who says from where.
	Connect(s *socketio.Socket, token string, who chat.Caller) error
}

const (
	// Path is where the door is to be mounted.
	Path = "/socket.io/"
	// namespace is the one that there is.
	namespace = "/"
	// maxMessage bounds an event from a client, in bytes.
	maxMessage = 64 << 10
	// maxPayload bounds what comes at once: polling, a client sends many events
	// in one request.
	maxPayload = 4 * maxMessage
	// maxQueue bounds what waits in a session, in bytes. It is for one large
	// answer; the hub's queue bounds the rest.
	maxQueue = 64 << 20
)

// Server is the door. It is an http.Handler for everything below Path.
type Server struct {
	cfg     Config
	io      *socketio.Server
	actions map[string]chat.Action
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup // the mover, the sweep, and what it starts
	dirty   dirty

	mu      sync.Mutex
	visits  map[*visit]struct{} // of sessions that are not connected
	conns   map[*conn]struct{}
	pending map[string]int // visits that have not authenticated as a conn, by owner
	strange int            // those of strangers
	closed  bool

	leaving  atomic.Bool // requests are no longer taken
	underWay atomic.Int64

	eventsIn, slow atomic.Int64
}

// New returns a door. Close must be called.
func New(cfg Config) *Server {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 25 * time.Second
	}
	if cfg.PongTimeout == 0 {
		cfg.PongTimeout = 20 * time.Second
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
	s := &Server{cfg: cfg, actions: map[string]chat.Action{}, visits: map[*visit]struct{}{},
		conns: map[*conn]struct{}{}, pending: map[string]int{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, a := range chat.Actions() {
		s.actions[a.Name] = a
	}
	s.io = socketio.New(socketio.Options{
		Path: Path, PingInterval: cfg.Heartbeat, PingTimeout: cfg.PongTimeout,
		UpgradeTimeout: cfg.AuthTimeout, ConnectTimeout: cfg.AuthTimeout,
		MaxPayload: maxPayload, MaxQueue: maxQueue, MaxSessions: cfg.MaxConns,
		Keep: func(r *http.Request) any { return r.Context().Value(visitKey{}) },
	})
	s.io.OnConnect(namespace, s.connect)
	s.dirty.init()
	s.workers.Go(s.move)
	s.workers.Go(s.sweep)
	cfg.Hub.BeforeClosing(s.finish)
	if cfg.Metrics != nil {
		s.register(cfg.Metrics)
	}
	return s
}

// Close closes what sessions are left, and waits for every goroutine. The hub
// should be drained before.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.io.Close()
	s.cancel()
	s.dirty.close()
	s.workers.Wait()
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

// sweep looks at every connection and visit, often enough for the time-outs:
// once a second, unless they are shorter than usual.
func (s *Server) sweep() {
	tick := time.NewTicker(min(time.Second, max(5*time.Millisecond, s.cfg.AuthTimeout/8)))
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
			for v := range s.visits {
				if now.After(v.until) {
					delete(s.visits, v)
					s.uncount(v)
				}
			}
			s.mu.Unlock()
		}
	}
}

// register makes the door's counters known. Those of the hub are the WebSocket
// door's to tell.
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

// asError tells apart what a client may see.
func (s *Server) asError(ctx context.Context, event string, err error) *chat.Error {
	e := chat.AsError(err)
	if e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable && e != hub.ErrStopping {
		s.cfg.Log.ErrorContext(ctx, "request failed", "event", event, "error", err)
	}
	return e
}

var _ http.Handler = (*Server)(nil)
