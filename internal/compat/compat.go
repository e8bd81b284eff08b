// Package compat serves clients of the well-known Redis chat demo for Node.js:
// its routes and its events of Socket.IO, on top of the same domain and the
// same hub as every other transport. docs/compat.md describes it for operators.
//
// The demo knows people by numbers, a pair's room by the two numbers, and
// General as "0". These are derived from Parley's ids and never stored: a hash
// cannot be turned round, so an index of the people is kept in memory, which
// follows the server's log. Rooms are found among those of whoever asks.
//
// What its clients are told live comes from the hub, through an encoder of this
// package. A frame is rendered when the first connection sends it, outside of
// the hub's locks, and then sent to all as it is.
package compat

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
)

// Name is what the operator calls this contract.
const Name = "redis-chat-demo"

// Config is what the server is made of.
type Config struct {
	Service *chat.Service
	Policy  *clientinfo.Policy

	Log *slog.Logger // default slog.Default()
}

const (
	// callTimeout bounds the work on one request or event.
	callTimeout = 10 * time.Second
	// maxBody bounds a request's body, in bytes.
	maxBody = 64 << 10
)

// Server serves demo clients. It is the siochat.Guests for their sockets.
type Server struct {
	cfg     Config
	actions map[string]chat.Action
	people  *people
	rooms   *rooms

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// New returns a server. Close must be called.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	d := &Server{
		cfg: cfg, actions: map[string]chat.Action{},
		people: newPeople(cfg.Service.Store), rooms: newRooms(cfg.Service.Store),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	for _, a := range chat.Actions() {
		d.actions[a.Name] = a
	}
	return d
}

// Close ends what is being looked up. The sockets should be closed before.
func (s *Server) Close() { s.cancel() }

// Handler serves the demo's routes, and all others by next.
func (s *Server) Handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	paths := []string{}
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, s.serve(r.do))
		if !slices.Contains(paths, r.path) {
			mux.HandleFunc("OPTIONS "+r.path, s.preflight)
			paths = append(paths, r.path)
		}
	}
	mux.Handle("/", next)
	return mux
}

// marker is the cookie that tells the sockets of demo clients from others.
func (s *Server) marker() string { return s.cfg.Policy.CookieName("-" + Name) }

// Claims reports whether a request that opens a session of Socket.IO is that of
// a demo client, by the cookie that it was given when it logged in.
func (s *Server) Claims(r *http.Request) bool {
	c, err := r.Cookie(s.marker())
	return err == nil && c.Value != ""
}

// act does an action as the other transports do it, limits included.
func act[Out any](ctx context.Context, d *Server, who chat.Caller, name string,
	fill func(in any)) (Out, error) {
	out, err := d.actions[name].Call(ctx, d.cfg.Service, who, func(in any) error {
		if fill != nil {
			fill(in)
		}
		return nil
	})
	if err != nil {
		var none Out
		return none, err
	}
	return out.(Out), nil
}

// with fills an action's input.
func with[In any](in In) func(any) { return func(p any) { *p.(*In) = in } }
