// Package server puts a chat together: the domain on its store, the hub, every
// door, and the jobs beside them. Programs that serve chat differ in where they
// listen and what they tell people; what they serve is made here, once.
//
// A program opens a [Core], prepares it, and makes a [Server] of it, which is
// an [http.Handler]. In the end it drains the server, stops listening, and
// closes it. Nothing is global: a process can have several.
package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/incoming"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/mail"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/internal/oidc"
	"github.com/parley-chat/parley/internal/passkey"
	"github.com/parley-chat/parley/internal/rest"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/ws"
	"github.com/parley-chat/parley/web"
)

// Config is what a server is made of.
type Config struct {
	Policy          *clientinfo.Policy
	MaxSockets      int    // open connections in all
	MaxUserSockets  int    // of one person
	MaxSocketFrames int    // that one connection may send in 10 seconds; -1 for no limit
	Compat          string // clients of which other chat are served too; "" for none
	OutgoingAllow   netguard.AllowList
	Providers       []oidc.Provider
	Address         string        // of the server in browsers, for the providers
	Push            string        // PushContent, PushSender or PushOff; default PushContent
	Contact         string        // address of the server that push services are told; "" for none
	Mail            *mail.Config  // how mail is sent; nil for none. Service and Log are the core's
	MailAfter       time.Duration // how long a message is unread before it is mailed
	Metrics         *prometheus.Registry
	MetricsToken    string // bearer token for /metrics, besides the sessions of admins; "" for none
}

const (
	PushContent = "content" // notifications on devices show the beginning of a message
	PushSender  = "sender"  // they only say from whom it is
	PushOff     = "off"     // there are none
)

// comeBack is about when clients of a stopping server try again.
const comeBack = 2 * time.Second

// Server is the handlers of a core, and the jobs beside them. It is an
// http.Handler for the root of a host.
type Server struct {
	core    *Core
	handler http.Handler
	hub     *hub.Hub
	live    *live.Server
	socket  *ws.Server
	io      *siochat.Server
	compat  *compat.Server // nil without
	oidc    *oidc.Handler

	requests inFlight
	jobs     sync.WaitGroup
	stopJobs context.CancelFunc
}

// New opens the handlers of a core, which is the server's from then on. Drain
// and Close must be called.
func New(core *Core, cfg Config) *Server {
	s := &Server{core: core}
	policy := *cfg.Policy
	policy.ServerID = core.id
	cfg.Policy = &policy
	site, err := passkey.New(cfg.Address)
	if err != nil { // an address that browsers do not take
		core.Log.Warn("no passkeys", "address", cfg.Address, "error", err)
	}
	if site != nil {
		core.Service.Passkeys = site
	}
	runner, mailer, closeSender := core.followers(cfg)
	seen := newLastSeen(core.Service, core.Log)
	s.open(cfg, seen)
	core.Service.Node = (&status{core: core, hub: s.hub, runner: runner, started: time.Now()}).node
	core.Bell.Listen(bellHandlers{s.hub, runner})
	var mailPages http.Handler
	if mailer != nil {
		mailPages = mailer.Handler(cfg.Policy)
	}
	s.oidc = oidc.New(oidc.Config{Service: core.Service, Policy: cfg.Policy, Providers: cfg.Providers,
		Address: cfg.Address, Now: time.Now, Log: core.Log})
	s.handler = rest.New(rest.Config{
		Service: core.Service, Policy: cfg.Policy, Socket: s.socket, IO: s.io, Web: web.FS, LogIn: s.oidc,
		Mail:         mailPages,
		Hooks:        incoming.New(incoming.Config{Service: core.Service, Policy: cfg.Policy, Log: core.Log}),
		Metrics:      promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{}),
		MetricsToken: cfg.MetricsToken, Version: Version(), Log: core.Log,
	})
	if core.Health != nil {
		for _, part := range []string{"store", "limits"} {
			cfg.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Namespace: "parley", Name: "degraded", ConstLabels: prometheus.Labels{"part": part},
				Help: "Whether this part does not work although the store can be read.",
			}, func() float64 {
				if core.Health(context.Background())[part] != "" {
					return 1
				}
				return 0
			}))
		}
	}
	if s.compat != nil {
		s.handler = s.compat.Handler(s.handler)
	}
	s.handler = rest.Protect(cfg.Policy, core.Log, s.handler)
	ctx, cancel := context.WithCancel(context.Background())
	s.stopJobs = cancel
	s.jobs.Go(func() { core.every(ctx, maintainEvery, "maintain", core.Service.Maintain) })
	s.jobs.Go(func() { core.every(ctx, sendDueEvery, "schedule", core.Service.SendDue) })
	if core.backups != nil {
		s.jobs.Go(func() { core.every(ctx, backupsLook, "backup", core.backups.run) })
	}
	s.jobs.Go(func() { seen.run(ctx) })
	if core.search != nil && core.search.Read != nil {
		s.jobs.Go(func() { core.search.ReadFiles(ctx) })
	}
	s.jobs.Go(func() {
		defer closeSender()
		runner.Run(ctx)
	})
	return s
}

// open makes the hub and the handlers for what happens live.
func (s *Server) open(cfg Config, seen *lastSeen) {
	core := s.core
	s.hub = hub.New(hub.Config{
		Log: core.Store, Bell: core.Bell, Presence: core.Presence,
		Check: core.Check, Left: seen.Left,
		MaxConns: cfg.MaxSockets, MaxUserConns: cfg.MaxUserSockets, Logger: core.Log,
	})
	s.live = live.New(live.Config{
		Service: core.Service, Hub: s.hub, Policy: cfg.Policy,
		MaxConns: cfg.MaxSockets, MaxFrames: cfg.MaxSocketFrames, Log: core.Log,
	})
	s.socket = ws.New(ws.Config{Sessions: s.live, Hub: s.hub, Metrics: cfg.Metrics, Log: core.Log})
	io := siochat.Config{Sessions: s.live, MaxConns: cfg.MaxSockets, Metrics: cfg.Metrics, Log: core.Log}
	if cfg.Compat == compat.Name {
		s.compat = compat.New(compat.Config{
			Service: core.Service, Policy: cfg.Policy, Log: core.Log,
		})
		io.Guests = s.compat
	}
	s.io = siochat.New(io)
}

// ServeHTTP serves a request. Once the server is closed, it answers 503.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.requests.enter() {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "The server is restarting. Try again in a moment.", http.StatusServiceUnavailable)
		return
	}
	defer s.requests.leave()
	s.handler.ServeHTTP(w, r)
}

// Hub is where what happens can be listened to, until Drain.
func (s *Server) Hub() *hub.Hub { return s.hub }

// Drain lets no connection in any more, sends clients away, and finishes what
// is under way there until ctx is done. Requests are still served.
func (s *Server) Drain(ctx context.Context) error {
	err := s.hub.Drain(ctx, comeBack)
	s.socket.Close()
	s.io.Close()
	s.live.Close()
	if s.compat != nil {
		s.compat.Close()
	}
	s.hub.Close()
	return err
}

// Close takes no request any more, waits for those under way until ctx is done,
// ends the jobs and closes the core.
func (s *Server) Close(ctx context.Context) error {
	err := s.requests.close(ctx)
	s.stopJobs()
	s.jobs.Wait()
	s.oidc.Close()
	return errors.Join(err, s.core.Close())
}

// inFlight counts the requests that are being served.
type inFlight struct {
	mu     sync.Mutex
	open   int
	closed bool
	empty  chan struct{} // made by close if a request is open
}

func (t *inFlight) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.open++
	return true
}

func (t *inFlight) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open--; t.open == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
	}
}

// close refuses further requests, and returns when the open ones have ended or
// ctx is done. Call it once.
func (t *inFlight) close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	var empty chan struct{}
	if t.open > 0 {
		empty = make(chan struct{})
		t.empty = empty
	}
	t.mu.Unlock()
	if empty == nil {
		return nil
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
