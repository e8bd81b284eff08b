package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/certs"
)

// tlsFlags say how the server encrypts by itself.
type tlsFlags struct {
	TLSCert string `help:"PEM file with a certificate. The server then serves HTTPS itself." placeholder:"FILE"`
	TLSKey  string `help:"PEM file with the key of the certificate." placeholder:"FILE"`

	TLSDomain     []string `help:"Host names for which the server gets certificates by ACME and renews them, e.g. chat.example.com. By this you agree to the authority's terms. It then listens on :443 unless --listen says otherwise." placeholder:"NAME"`
	ListenHTTP    string   `help:"With --tls-domain, the address that answers the authority and sends everyone else to https; off for none." default:":80" placeholder:"ADDRESS"`
	ACMEDirectory string   `help:"ACME directory of the certificate authority. Default: Let's Encrypt." placeholder:"URL"`
	ACMERoots     string   `help:"PEM file with roots that --acme-directory is trusted by, besides the system's: for an authority of your own." placeholder:"FILE"`
	ACMEMail      string   `help:"Address of yours that the certificate authority is told." placeholder:"MAIL"`
}

// encrypts reports whether the server serves HTTPS itself.
func (f tlsFlags) encrypts() bool { return f.TLSCert != "" || len(f.TLSDomain) > 0 }

// check returns an error that names each setting that cannot be.
func (f tlsFlags) check() error {
	var bad []error
	wrong := func(name, format string, args ...any) {
		bad = append(bad, fmt.Errorf("--"+name+": "+format, args...))
	}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		wrong("tls-cert", "needs --tls-key, and the other way round")
	}
	if f.TLSCert != "" && len(f.TLSDomain) > 0 {
		wrong("tls-domain", "gets certificates by itself: leave out --tls-cert")
	}
	for _, domain := range f.TLSDomain {
		if err := certs.CheckDomain(domain); err != nil {
			wrong("tls-domain", "%v", err)
		}
	}
	if len(f.TLSDomain) == 0 {
		for name, value := range map[string]string{"acme-directory": f.ACMEDirectory, "acme-roots": f.ACMERoots,
			"acme-mail": f.ACMEMail} {
			if value != "" {
				wrong(name, "is for --tls-domain")
			}
		}
	}
	if u, err := url.Parse(f.ACMEDirectory); f.ACMEDirectory != "" &&
		(err != nil || u.Scheme != "https" || u.Host == "") {
		wrong("acme-directory", "must be an https:// address")
	}
	if f.ACMEMail != "" && (!strings.Contains(f.ACMEMail, "@") || strings.ContainsAny(f.ACMEMail, " ,?<>:")) {
		wrong("acme-mail", "must be one mail address")
	}
	return errors.Join(bad...)
}

// certificates returns what the server encrypts with. The manager is nil with
// files.
func (f tlsFlags) certificates(b *backend.Backend, a *app) (*tls.Config, *certs.Manager, error) {
	if f.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
		if err != nil {
			return nil, nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}, nil, nil
	}
	cfg := certs.Config{
		Store: b.Store, Domains: slices.Compact(slices.Clone(f.TLSDomain)), Directory: f.ACMEDirectory,
		Mail: f.ACMEMail, HTTP: f.ListenHTTP != "off", Exclusive: b.Exclusive, Elsewhere: backend.ErrElsewhere,
		Now: time.Now, Log: a.log,
	}
	if cfg.Directory == "" {
		cfg.Directory = certs.LetsEncrypt
	}
	if f.ACMERoots != "" {
		text, err := os.ReadFile(f.ACMERoots)
		if err != nil {
			return nil, nil, fmt.Errorf("--acme-roots: %w", err)
		}
		if cfg.Roots, err = x509.SystemCertPool(); err != nil {
			cfg.Roots = x509.NewCertPool()
		}
		if !cfg.Roots.AppendCertsFromPEM(text) {
			return nil, nil, fmt.Errorf("--acme-roots: %s has no certificate in PEM", f.ACMERoots)
		}
	}
	manager := certs.New(cfg)
	return manager.TLSConfig(), manager, nil
}

// openCertificates listens for the authority and for people who come without
// https.
func (a *app) openCertificates(ctx context.Context, f tlsFlags, m *certs.Manager,
	registry *prometheus.Registry) error {
	if f.ListenHTTP != "off" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", f.ListenHTTP)
		if err != nil {
			return fmt.Errorf("listen on %s for the certificate authority: %w (is another web server there? stop it, or choose another address with --listen-http, or off)",
				f.ListenHTTP, err)
		}
		port := ""
		if u, err := url.Parse(a.url); err == nil {
			port = u.Port()
		}
		a.plain = webServer(m.HTTPHandler(port), a.log, usual)
		a.wg.Go(func() { a.ended(a.plain.Serve(l)) })
	}
	for _, domain := range f.TLSDomain {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "parley", Name: "certificate_not_after_seconds", ConstLabels: prometheus.Labels{"domain": domain},
			Help: "When the certificate of a domain ends, in seconds since 1970; 0 while there is none.",
		}, func() float64 {
			if at := m.NotAfter(domain); !at.IsZero() {
				return float64(at.Unix())
			}
			return 0
		}))
	}
	a.certificates = m
	return nil
}

// runCertificates has the manager work until the server stops.
func (a *app) runCertificates() {
	if a.certificates == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.http.RegisterOnShutdown(cancel)
	a.wg.Go(func() {
		defer cancel()
		a.certificates.Run(ctx)
	})
}

// closePlain is for a server that stops, or has not started.
func (a *app) closePlain(ctx context.Context) error {
	if a.plain == nil {
		return nil
	}
	if err := a.plain.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
