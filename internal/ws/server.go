// Package ws is the WebSocket transport: JSON-RPC 2.0 in text frames, as
// docs/protocol.md describes. It is a codec between package websocket, which
// knows nothing of chat, and package live, which knows nothing of WebSocket.
package ws

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/httperror"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/websocket"
)

// Config describes the handler.
type Config struct {
	Sessions *live.Server
	Hub      *hub.Hub // for its metrics

	// a client silent for so long is pinged, and closed after as long again;
	// default 30 s
	Heartbeat time.Duration

	Metrics prometheus.Registerer // nil for none
	Log     *slog.Logger          // default slog.Default()
}

// Server is the http.Handler for the upgrade.
type Server struct {
	cfg     Config
	sockets *websocket.Server
	slow    atomic.Int64
}

// New returns a handler. Close must be called.
func New(cfg Config) *Server {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg, sockets: websocket.New(websocket.Config{
		Protocol: "parley.v1", MaxMessage: maxMessage, TextOnly: true,
		Heartbeat: cfg.Heartbeat, MessageTimeout: cfg.Sessions.AuthTimeout(), WriteTimeout: cfg.Heartbeat,
	})}
	if cfg.Metrics != nil {
		s.register(cfg.Metrics)
	}
	return s
}

// Close closes the connections that are left, and waits for every goroutine.
// The hub should be drained before.
func (s *Server) Close() {
	s.cfg.Sessions.Stop()
	s.sockets.Close()
}

// ServeHTTP upgrades a request. A token that comes with it is judged before;
// clients without one must authenticate afterwards.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sessions := s.cfg.Sessions
	token, err := sessions.Token(r, false)
	if err != nil {
		httperror.Write(w, chat.AsError(err))
		return
	}
	handshake, err := sessions.Admit(r, token)
	if err != nil {
		httperror.Write(w, sessions.AsError(r.Context(), "upgrade", err))
		return
	}
	c := &conn{server: s}
	c.Session = handshake.NewSession(encoder{}, s.cfg.Heartbeat, c.wake)
	if token != "" {
		if err := c.Begin(r.Context()); err != nil {
			c.Gone()
			httperror.Write(w, sessions.AsError(r.Context(), "upgrade", err))
			return
		}
	}
	socket, err := s.sockets.Upgrade(w, r)
	if err != nil {
		c.Gone()
		s.cfg.Log.Debug("upgrade", "error", err)
		return
	}
	c.serve(socket)
}

// register registers the handler's and the hub's counters.
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
		func() int64 { return s.sockets.Stats().Frames })
	counter("socket_writes_total", "Writes to sockets, of one or more frames.",
		func() int64 { return s.sockets.Stats().Writes })
	counter("socket_bytes_in_total", "Bytes from clients.",
		func() int64 { return s.sockets.Stats().BytesIn })
	counter("socket_bytes_out_total", "Bytes to clients.",
		func() int64 { return s.sockets.Stats().BytesOut })
	counter("slow_closes_total", "Connections closed as too slow.", s.slow.Load)
}
