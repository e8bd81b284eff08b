// Package compat is the door for clients of the well-known Redis chat demo for
// Node.js: its routes and its events of Socket.IO, on top of the same domain
// and the same hub as every other door. docs/compat.md tells operators what it
// is.
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

// Config is what the door is made of.
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

// Door serves demo clients. It is the siochat.Guests for their sockets.
type Door struct {
	cfg     Config
	actions map[string]chat.Action
	people  *people
	rooms   *rooms

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// New returns a door. Close must be called.
func New(cfg Config) *Door {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	d := &Door{
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
func (d *Door) Close() { d.cancel() }

// Handler serves the demo's routes, and all others by next.
func (d *Door) Handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	paths := []string{}
	for _, r := range d.routes() {
		mux.HandleFunc(r.method+" "+r.path, d.serve(r.do))
		if !slices.Contains(paths, r.path) {
			mux.HandleFunc("OPTIONS "+r.path, d.preflight)
			paths = append(paths, r.path)
		}
	}
	mux.Handle("/", next)
	return mux
}

// marker is the cookie that tells the sockets of demo clients from others.
func (d *Door) marker() string { return d.cfg.Policy.CookieName("-" + Name) }

// Claims reports whether a request that opens a session of Socket.IO is that of
// a demo client, by the cookie that it was given when it logged in.
func (d *Door) Claims(r *http.Request) bool {
	c, err := r.Cookie(d.marker())
	return err == nil && c.Value != ""
}

// act does an action as the other doors do it, limits included.
func act[Out any](ctx context.Context, d *Door, who chat.Caller, name string,
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
