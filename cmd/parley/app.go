package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/incoming"
	"github.com/parley-chat/parley/internal/outgoing"
	"github.com/parley-chat/parley/internal/rest"
	"github.com/parley-chat/parley/internal/siodoor"
	"github.com/parley-chat/parley/internal/ws"
	"github.com/parley-chat/parley/web"
)

// app is a running server.
type app struct {
	url     string // where people reach it
	addr    net.Addr
	core    *core
	hub     *hub.Hub
	socket  *ws.Server
	io      *siodoor.Server
	compat  *compat.Door // nil without --compat
	http    *http.Server
	control *http.Server
	drain   time.Duration
	log     *slog.Logger
	trouble *trouble // with the store; nil if it is this process' own

	wg     sync.WaitGroup
	cancel context.CancelFunc
	failed chan error // an error with which serving ended by itself
}

// tendEvery is how often what is past its time is forgotten.
const tendEvery = 10 * time.Minute

// takeOver is how often a node looks whether it is to serve the outgoing webhooks.
const takeOver = 5 * time.Second

// start brings a server up and returns when it answers. Its wait must be called.
func (s serve) start(ctx context.Context, c console) (_ *app, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &app{log: s.logger(c.err), drain: s.Drain, failed: make(chan error, 2)}
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	if s.inRedis() {
		o := newOutage(a.log.Handler())
		a.log, a.trouble = slog.New(o), o.trouble
		undo = append(undo, func() error { a.trouble.close(); return nil })
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.core, err = openCore(ctx, coreConfig{
		where: s.where, Name: s.Name, SignUp: s.signUp(), SessionIdle: s.SessionIdle, SessionMax: s.SessionMax, Limits: s.limits(), Log: a.log,
		Retain:  time.Duration(s.Retain) * 24 * time.Hour,
		Metrics: registry,
	})
	if err != nil {
		return nil, err
	}
	undo = append(undo, a.core.Close)
	files, err := a.core.keepFiles(ctx, s.shelf, s.where)
	if err != nil {
		return nil, err
	}
	if a.trouble != nil {
		a.trouble.opened(a.core.store.Ping)
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (is something else there? choose another with --listen)", s.Listen, err)
	}
	undo = append(undo, listener.Close)
	a.addr, a.url = listener.Addr(), s.reachedAt(listener.Addr())
	if s.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}})
	}
	var control net.Listener // with Redis, the operator's commands go there themselves
	if !s.inRedis() {
		if control, err = listenControl(s.Data); err != nil {
			return nil, fmt.Errorf("listen for the operator's commands: %w", err)
		}
		undo = append(undo, control.Close)
	}

	fmt.Fprintf(c.out, "Parley %s\n  open:  %s\n  data:  %s\n  files: %s\n", version(), a.url, a.core.place, files)
	if err := s.prepare(ctx, a, c); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(a.url, "https:") {
		fmt.Fprintln(c.out, "  note:  not encrypted, so cookies go without Secure. Put a TLS proxy in front (--public-url, --proxies) or use --tls-cert before strangers come.")
	}
	a.serve(s, registry, listener, control)
	return a, nil
}

// reachedAt is the address under which people reach the server.
func (s serve) reachedAt(addr net.Addr) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	host, _, _ := net.SplitHostPort(s.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(addr.String())
	return scheme + "://" + net.JoinHostPort(host, port)
}

// serve opens the doors.
func (a *app) serve(s serve, registry *prometheus.Registry, listener, control net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	visitors := s.visitors()
	a.openDoors(s, registry, visitors)
	handler := rest.New(rest.Config{
		Service: a.core.service, Visitor: visitors, Socket: a.socket, IO: a.io, Web: web.FS,
		Metrics:      promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		MetricsToken: s.MetricsToken, Version: version(), Log: a.log,
	})
	root := http.NewServeMux()
	root.Handle("/", handler)
	root.Handle("/hooks/", incoming.New(incoming.Config{Service: a.core.service, Visitor: visitors, Log: a.log}))
	handler = root
	if a.compat != nil {
		handler = a.compat.Handler(handler)
	}
	a.http = webServer(handler, a.log, usual)
	a.wg.Go(func() { a.ended(a.http.Serve(listener)) })
	if control != nil {
		a.control = controlServer(a.core.service)
		a.wg.Go(func() { a.ended(a.control.Serve(control)) })
	}
	a.wg.Go(func() { a.tend(ctx) })
	a.wg.Go(func() { a.sendOut(ctx, s.OutgoingAllow) })
}

func (a *app) ended(err error) {
	if !errors.Is(err, http.ErrServerClosed) {
		a.failed <- err
	}
}

// tend forgets, now and then, what is past its time.
func (a *app) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := a.core.alone(ctx, "tend", a.core.service.Tend); err != nil && !errors.Is(err, errElsewhere) && ctx.Err() == nil {
			a.log.Error("forgetting what is past its time", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sendOut posts what outgoing webhooks are due, on one node at a time.
func (a *app) sendOut(ctx context.Context, allow []string) {
	runner := outgoing.New(outgoing.Config{Service: a.core.service, Allow: allow, Version: version(), Log: a.log})
	tick := time.NewTicker(takeOver)
	defer tick.Stop()
	run := func(held context.Context) error { // which ends when the lock is lost, but not with ctx
		both, cancel := context.WithCancel(held)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return runner.Run(both)
	}
	for {
		if err := a.core.alone(ctx, "outgoing", run); err != nil && !errors.Is(err, errElsewhere) && ctx.Err() == nil {
			a.log.Error("serving outgoing webhooks", "error", fmt.Errorf("%w: %w", chat.ErrUnavailable, err)) // of the lock: the store is away
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// wait serves until ctx is done or serving fails, then stops in order: no new visitors, clients told to come
// back, what is under way finished, the store closed.
func (a *app) wait(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.failed:
	}
	a.log.Info("stopping", "at most", a.drain)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.drain)
	defer cancel()
	err := errors.Join(failure, a.closeDoors(ctx))
	a.cancel()
	a.wg.Wait()
	if a.trouble != nil {
		a.trouble.close()
	}
	return errors.Join(err, a.core.Close())
}

// timeouts say how slow a visitor may be: to send a request's head, all of it, and to take the answer; and to ask again.
type timeouts struct{ head, request, answer, idle time.Duration }

// usual is for slow phones. WebSockets and polls have their own.
var usual = timeouts{10 * time.Second, 30 * time.Second, 2 * time.Minute, 2 * time.Minute}

func webServer(handler http.Handler, log *slog.Logger, t timeouts) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: t.head, ReadTimeout: t.request, WriteTimeout: t.answer, IdleTimeout: t.idle, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
