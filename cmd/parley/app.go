package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/parley-chat/parley/internal/certs"
	"github.com/parley-chat/parley/internal/mail"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/internal/oidc"
	"github.com/parley-chat/parley/internal/server"
)

// app is a running server.
type app struct {
	url     string // where people reach it
	addr    net.Addr
	core    *server.Core
	server  *server.Server
	http    *http.Server
	control *http.Server
	plain   *http.Server // for the certificate authority, and who comes without https; nil for none
	drain   time.Duration
	log     *slog.Logger

	certificates *certs.Manager // nil if there is none

	wg     sync.WaitGroup
	failed chan error // an error with which serving ended by itself
}

// start brings a server up and returns when it answers. Its wait must be
// called.
func (s serve) start(ctx context.Context, c console) (_ *app, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	logIn, err := s.logIn()
	if err != nil {
		return nil, err
	}
	a := &app{log: s.logger(c.err), drain: s.Drain, failed: make(chan error, 3)}
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.core, err = server.OpenCore(ctx, server.CoreConfig{
		Store: s.storeFlags.config(), Name: s.Name, SignUp: s.signUp(), SessionIdle: s.SessionIdle,
		SessionMax: s.SessionMax, Limits: s.limits(), Log: a.log,
		Retain:  time.Duration(s.Retain) * 24 * time.Hour,
		LogIn:   logIn,
		Metrics: registry,
	})
	if err != nil {
		return nil, flagged(err)
	}
	undo = append(undo, a.core.Close)
	a.log = a.core.Log
	files, err := a.core.OpenFiles(ctx, server.FilesConfig(s.ownFiles()))
	if err != nil {
		return nil, flagged(err)
	}
	if err := a.core.OpenBackups(ctx, s.backups()); err != nil {
		return nil, fmt.Errorf("--backup-dir: %w", err)
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listenAddress())
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (is something else there? choose another with --listen)", s.listenAddress(), err)
	}
	undo = append(undo, listener.Close)
	a.addr, a.url = listener.Addr(), s.reachedAt(listener.Addr())
	if s.encrypts() {
		encrypted, manager, err := s.certificates(a.core.Backend, a)
		if err != nil {
			return nil, err
		}
		listener = tls.NewListener(listener, encrypted)
		if manager != nil {
			if err := a.openCertificates(ctx, s.tlsFlags, manager, registry); err != nil {
				return nil, err
			}
			undo = append(undo, func() error { return a.closePlain(ctx) })
		}
	}
	if err := a.core.OpenPreviews(server.PreviewConfig(s.previewFlags), a.url); err != nil {
		return nil, flagged(err)
	}
	outgoing, err := netguard.ParseAllow(s.OutgoingAllow)
	if err != nil {
		return nil, fmt.Errorf("--outgoing-allow: %w", err)
	}
	mail, err := s.serverMailFlags.config(s.Name, a.url)
	if err != nil {
		return nil, err
	}
	driver, err := server.Driver(s.storeFlags.config())
	if err != nil {
		return nil, flagged(err)
	}
	var control net.Listener // where the operator's commands cannot open the data themselves
	if driver.Control != nil {
		if control, err = listenControl(driver.Control(s.storeFlags.config())); err != nil {
			return nil, fmt.Errorf("listen for the operator's commands: %w", err)
		}
		undo = append(undo, control.Close)
	}

	fmt.Fprintf(c.out, "Parley %s\n  open:  %s\n  data:  %s\n  files: %s\n", server.Version(),
		a.url, a.core.Where, strings.Replace(files, "the same Files", "the same --files", 1))
	if err := a.core.Prepare(ctx, func(ctx context.Context) error { return s.fill(ctx, a, c) }); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	index, err := a.core.OpenSearch(ctx, server.SearchConfig(s.searchFlags), program, "extract")
	if err != nil {
		return nil, flagged(err)
	}
	if s.Search == "off" || a.core.Shared {
		fmt.Fprintf(c.out, "  search: %s\n", asFlags.Replace(index))
	}
	if a.certificates != nil {
		fmt.Fprintf(c.out, "  tls:   certificates for %s, by itself\n", strings.Join(s.TLSDomain, ", "))
	}
	if !strings.HasPrefix(a.url, "https:") {
		fmt.Fprintln(c.out, "  note:  not encrypted, so cookies go without Secure. Put a TLS proxy in front (--public-url, --proxies) or use --tls-domain before strangers come.")
	}
	a.serve(s, logIn.Providers, outgoing, mail, registry, listener, control)
	return a, nil
}

// listenAddress is where the server listens.
func (s serve) listenAddress() string {
	switch {
	case s.Listen != "":
		return s.Listen
	case len(s.TLSDomain) > 0:
		return ":443"
	case os.Getenv("PORT") != "": // as platforms tell it to a container
		return ":" + os.Getenv("PORT")
	}
	return "localhost:8080"
}

// reachedAt is the address under which people reach the server.
func (s serve) reachedAt(addr net.Addr) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	scheme := "http"
	if s.encrypts() {
		scheme = "https"
	}
	host, _, _ := net.SplitHostPort(s.listenAddress())
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(addr.String())
	if len(s.TLSDomain) > 0 {
		if host = s.TLSDomain[0]; port == "443" {
			return scheme + "://" + host
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// serve starts to serve.
func (a *app) serve(s serve, providers []oidc.Provider, outgoing netguard.AllowList, mail *mail.Config,
	registry *prometheus.Registry, listener, control net.Listener) {
	a.server = server.New(a.core, server.Config{
		Policy: s.clientPolicy(), MaxSockets: s.MaxSockets, MaxUserSockets: s.MaxUserSockets,
		MaxSocketFrames: s.MaxSocketFrames, Providers: providers, Address: a.url,
		Compat: s.Compat, OutgoingAllow: outgoing, Metrics: registry,
		MetricsToken: s.MetricsToken, Push: s.Push, Contact: s.PublicURL,
		Mail: mail, MailAfter: s.MailAfter,
	})
	a.http = webServer(a.server, a.log, usual)
	a.wg.Go(func() { a.ended(a.http.Serve(listener)) })
	a.runCertificates()
	if control != nil {
		a.control = controlServer(a.core.Service, a.url)
		a.wg.Go(func() { a.ended(a.control.Serve(control)) })
	}
}

func (a *app) ended(err error) {
	if !errors.Is(err, http.ErrServerClosed) {
		a.failed <- err
	}
}

// wait serves until ctx is done or serving fails, then stops in order: it
// takes no new connections, tells clients to come back, finishes open requests
// and closes the store.
func (a *app) wait(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.failed:
	}
	a.log.Info("stopping", "at most", a.drain)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.drain)
	defer cancel()
	err := errors.Join(failure, a.stopServing(ctx))
	a.wg.Wait()
	return errors.Join(err, a.server.Close(ctx))
}

// stopServing lets nobody in any more, sends clients away, and finishes what is
// under way until ctx is done.
func (a *app) stopServing(ctx context.Context) error {
	drained := a.server.Drain(ctx)
	if a.control != nil {
		if err := a.control.Shutdown(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(a.http.Shutdown(ctx), a.closePlain(ctx)); err != nil {
		return err
	}
	return drained
}

// timeouts say how slow a client may be: to send a request's head, all of it,
// and to take the answer; and to ask again.
type timeouts struct{ head, request, answer, idle time.Duration }

// usual is for slow phones. WebSockets and polls have their own.
var usual = timeouts{10 * time.Second, 30 * time.Second, 2 * time.Minute, 2 * time.Minute}

func webServer(handler http.Handler, log *slog.Logger, t timeouts) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: t.head, ReadTimeout: t.request, WriteTimeout: t.answer,
		IdleTimeout: t.idle, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
