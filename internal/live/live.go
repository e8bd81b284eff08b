// Package live implements a live session for all transports: admission,
// authentication, sync, calls, limits, and the end. The transports (WebSocket,
// Socket.IO, and the Redis chat demo's) are codecs on it: they turn bytes into
// a [Call] and a [Closing] into bytes.
package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/hub"
)

// Config describes a server of sessions.
type Config struct {
	Service *chat.Service
	Hub     *hub.Hub
	Policy  *clientinfo.Policy

	AuthTimeout time.Duration // to connect and to authenticate; default 10 s
	MaxConns    int           // connections, authenticated or not; default 100,000
	// connections that have not authenticated; default 1,000, and a tenth of it
	// from one address
	MaxUnauthenticated int
	// frames that one connection may send in 10 seconds; default 2,000, -1 for
	// no limit
	MaxFrames int
	Queue     int // bytes that may wait for one connection; default 1 MiB

	Log *slog.Logger // default slog.Default()
}

// Server manages the sessions of one or more transports.
type Server struct {
	cfg     Config
	actions map[string]chat.Action
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu         sync.Mutex
	sessions   map[*Session]struct{}
	handshakes map[*Handshake]struct{} // that wait for their session
	conns      int                     // handshakes that are not released
	pending    map[string]int          // those that have not authenticated, by owner
	anonymous  int                     // those of nobody known
	closed     bool

	draining atomic.Bool  // calls are no longer taken
	calls    atomic.Int64 // under way
}

const (
	// callTimeout bounds the work on one call.
	callTimeout = 10 * time.Second
	// maxCalls bounds the concurrent calls of one connection; the reader waits
	// for a slot.
	maxCalls = 16
	// maxPending bounds one person's connections that have not authenticated
	// yet.
	maxPending = 50
)

// New returns a server. Close must be called after the transports are closed.
func New(cfg Config) *Server {
	if cfg.AuthTimeout == 0 {
		cfg.AuthTimeout = 10 * time.Second
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 100_000
	}
	if cfg.MaxUnauthenticated == 0 {
		cfg.MaxUnauthenticated = 1000
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
	s := &Server{cfg: cfg, actions: map[string]chat.Action{}, sessions: map[*Session]struct{}{},
		handshakes: map[*Handshake]struct{}{}, pending: map[string]int{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, a := range chat.Actions() {
		s.actions[a.Name] = a
	}
	s.workers.Go(s.sweep)
	cfg.Hub.BeforeClosing(s.drain)
	return s
}

// Close refuses new connections, and waits for every goroutine of its own.
func (s *Server) Close() {
	s.Stop()
	s.cancel()
	s.workers.Wait()
}

// Stop refuses new connections.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// AuthTimeout is how long a client has to connect and to authenticate.
func (s *Server) AuthTimeout() time.Duration { return s.cfg.AuthTimeout }

// drain is called by the hub before it closes connections. It refuses new calls
// and waits for running ones.
func (s *Server) drain(ctx context.Context) {
	s.draining.Store(true)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.calls.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep checks the time-outs once a second, or more often if they are short.
func (s *Server) sweep() {
	tick := time.NewTicker(min(time.Second, max(5*time.Millisecond, s.cfg.AuthTimeout/8)))
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			for c := range s.sessions {
				c.checkTimeouts(now)
			}
			for h := range s.handshakes {
				if now.After(h.until) {
					h.release()
				}
			}
			s.mu.Unlock()
		}
	}
}

// AsError converts an error for the client, and logs it unless the client
// caused it.
func (s *Server) AsError(ctx context.Context, what string, err error) *chat.Error {
	e := chat.AsError(err)
	gone := errors.Is(err, context.Canceled) // the client has hung up
	if !gone && (e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable && !ours(e)) {
		s.cfg.Log.ErrorContext(ctx, "request failed", "method", what, "error", err)
	}
	return e
}

func ours(e *chat.Error) bool { return e == hub.ErrStopping || e == errChanged || e == errOver }
