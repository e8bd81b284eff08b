// Package certs gets certificates by ACME (RFC 8555) and renews them.
//
// Certificates, the account's key and the answers to challenges are records of
// the store. So all nodes have the same, whichever of them asked, and any of
// them can answer the authority. One node at a time asks. A failure is kept
// there too, so that nodes do not ask in turn for what has just failed.
//
// Challenges are answered on the port of HTTPS (TLS-ALPN-01) or, if that fails,
// on port 80 (HTTP-01). Errors say which of the two the authority could not
// reach, and what to do.
package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/parley-chat/parley/internal/chat"
)

// LetsEncrypt is the directory of Let's Encrypt.
const LetsEncrypt = acme.LetsEncryptURL

// Config is what a manager needs. All but Mail, Roots, HTTP and Log is
// required.
type Config struct {
	Store     chat.Store
	Domains   []string       // as CheckDomain accepts them; the first is for clients that name none
	Directory string         // URL of the authority's directory
	Mail      string         // address of the operator that the authority is told; may be empty
	Roots     *x509.CertPool // of the directory's own certificate; nil for the system's
	// HTTP says that HTTPHandler is served on port 80 of the domains.
	HTTP bool
	// Exclusive runs a job unless another node runs it now; then it returns
	// Elsewhere.
	Exclusive func(ctx context.Context, job string, do func(context.Context) error) error
	Elsewhere error
	Now       func() time.Time
	Log       *slog.Logger
	// Retry is how soon a failed attempt is repeated. It doubles with each
	// failure in a row, up to 72 times as long. Default 5 minutes.
	Retry time.Duration
}

const (
	checkEvery   = time.Minute     // whether another node has renewed one, and whether to
	checkMissing = 5 * time.Second // the same while there is none
	maxRetry     = 72              // times Retry: 6 hours
	atMost       = 5 * time.Minute // for one attempt
)

// Manager has the certificates of some domains.
type Manager struct {
	cfg Config

	mu     sync.Mutex
	loaded map[string]*loaded
}

// loaded is a certificate in memory.
type loaded struct {
	version int64 // of its record; 0 for none
	cert    *tls.Certificate
	looked  time.Time // when the store was last asked for it by a handshake
	tried   bool      // by this node: then a failure counts that is in the store
}

// New returns a manager. Run must be called for it to get certificates.
func New(cfg Config) *Manager {
	if cfg.Retry == 0 {
		cfg.Retry = 5 * time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{cfg: cfg, loaded: map[string]*loaded{}}
	for _, domain := range cfg.Domains {
		m.loaded[domain] = &loaded{}
	}
	return m
}

// CheckDomain returns why there can be no certificate for a name.
func CheckDomain(domain string) error {
	switch {
	case domain != strings.ToLower(domain):
		return fmt.Errorf("%q must be in lower case", domain)
	case strings.Contains(domain, "*"):
		return fmt.Errorf("%q is a wildcard: name each host, or use --tls-cert", domain)
	case net.ParseIP(domain) != nil:
		return fmt.Errorf("%q is an address: a certificate needs a name", domain)
	case strings.ContainsAny(domain, ":/@ "):
		return fmt.Errorf("%q must be a host name, like chat.example.com", domain)
	case strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") ||
		strings.Contains(domain, "..") || domain == "" || len(domain) > 253:
		return fmt.Errorf("%q is not a host name", domain)
	}
	for _, r := range domain {
		if r > 0x7e {
			return fmt.Errorf("%q has letters beyond ASCII: give its form that begins with xn--", domain)
		}
	}
	return nil
}

// Run gets what is missing and renews what is due, until ctx is done.
func (m *Manager) Run(ctx context.Context) {
	for {
		pause := checkEvery
		for _, domain := range m.cfg.Domains {
			if err := m.tend(ctx, domain); err != nil && ctx.Err() == nil &&
				!errors.Is(err, m.cfg.Elsewhere) {
				m.cfg.Log.Error("no new certificate", "domain", domain, "error", err)
			}
			if m.certificate(domain) == nil {
				pause = checkMissing
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// tend loads a domain's certificate, and gets a new one if that is due.
func (m *Manager) tend(ctx context.Context, domain string) error {
	if err := m.load(ctx, domain); err != nil {
		return err
	}
	if due, err := m.due(ctx, domain); !due || err != nil {
		return err
	}
	return m.cfg.Exclusive(ctx, "certificates", func(ctx context.Context) error {
		err := m.load(ctx, domain) // another node may have got it meanwhile
		due := false
		if err == nil {
			due, err = m.due(ctx, domain)
		}
		if !due || err != nil {
			return err
		}
		m.mu.Lock()
		m.loaded[domain].tried = true
		m.mu.Unlock()
		m.cfg.Log.Info("asking for a certificate", "domain", domain, "directory", m.cfg.Directory)
		limited, cancel := context.WithTimeout(ctx, atMost)
		defer cancel()
		if err := m.obtain(limited, domain); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			again, kept := m.putFailure(ctx, domain, err)
			return errors.Join(fmt.Errorf("%w (next attempt at %s)", err, again.Format(time.RFC3339)), kept)
		}
		m.cfg.Log.Info("there is a new certificate", "domain", domain,
			"until", m.certificate(domain).Leaf.NotAfter.Format(time.RFC3339))
		return nil
	})
}

// due reports whether a domain needs a new certificate now: if a third of the
// time of the one that it has is left, and the last failure is long ago. What
// failed before this node started does not count: the operator may have mended
// it.
func (m *Manager) due(ctx context.Context, domain string) (bool, error) {
	m.mu.Lock()
	l := *m.loaded[domain]
	m.mu.Unlock()
	now := m.cfg.Now()
	if l.cert != nil {
		leaf := l.cert.Leaf
		if third := leaf.NotAfter.Sub(leaf.NotBefore) / 3; now.Before(leaf.NotAfter.Add(-third)) {
			return false, nil
		}
	}
	f, err := m.failure(ctx, domain)
	if err != nil {
		return false, err
	}
	if !l.tried {
		return now.Sub(f.At) > min(time.Minute, m.cfg.Retry), nil
	}
	return !now.Before(f.Next), nil
}

// certificate returns what is loaded, nil for none.
func (m *Manager) certificate(domain string) *tls.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.loaded[domain]; l != nil {
		return l.cert
	}
	return nil
}

// NotAfter returns when a domain's certificate ends, and the zero time if there
// is none.
func (m *Manager) NotAfter(domain string) time.Time {
	if cert := m.certificate(domain); cert != nil {
		return cert.Leaf.NotAfter
	}
	return time.Time{}
}

// TLSConfig serves the certificates, and answers challenges.
func (m *Manager) TLSConfig() *tls.Config {
	return &tls.Config{GetCertificate: m.getCertificate, NextProtos: []string{"http/1.1", acme.ALPNProto}}
}

func (m *Manager) getCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return m.certificateFor(hello.Context(), hello.ServerName, hello.SupportedProtos)
}

// certificateFor returns what is shown to a client that asks for a name.
func (m *Manager) certificateFor(ctx context.Context, name string,
	protocols []string) (*tls.Certificate, error) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if slices.Equal(protocols, []string{acme.ALPNProto}) {
		return m.challengeCert(ctx, name)
	}
	if !slices.Contains(m.cfg.Domains, name) {
		if name != "" && net.ParseIP(name) == nil {
			return nil, fmt.Errorf("there is no certificate for %q: it is not one of --tls-domain", name)
		}
		name = m.cfg.Domains[0]
	}
	if cert := m.certificate(name); cert != nil {
		return cert, nil
	}
	// Another node may have got one since it was looked for.
	m.mu.Lock()
	now := m.cfg.Now()
	l := m.loaded[name]
	look := now.Sub(l.looked) > time.Second
	if look {
		l.looked = now
	}
	m.mu.Unlock()
	if look {
		if err := m.load(ctx, name); err != nil {
			return nil, err
		}
	}
	if cert := m.certificate(name); cert != nil {
		return cert, nil
	}
	return nil, fmt.Errorf("there is no certificate for %q yet", name)
}

// challengePath is where the authority asks over HTTP.
const challengePath = "/.well-known/acme-challenge/"

// HTTPHandler answers challenges, and sends everyone else to the same address
// with https. Port is that of HTTPS if it is not 443.
func (m *Manager) HTTPHandler(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token, ok := strings.CutPrefix(r.URL.Path, challengePath); ok {
			answer, err := m.challengeAnswer(r.Context(), token)
			switch {
			case errors.Is(err, chat.ErrNotFound):
				http.NotFound(w, r)
			case err != nil:
				http.Error(w, "try again", http.StatusServiceUnavailable)
			default:
				w.Header().Set("Content-Type", "text/plain")
				w.Write(answer)
			}
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "Use https.", http.StatusBadRequest)
			return
		}
		host := strings.ToLower(r.Host)
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !slices.Contains(m.cfg.Domains, host) { // never to where a stranger says
			host = m.cfg.Domains[0]
		}
		if port != "" && port != "443" {
			host = net.JoinHostPort(host, port)
		}
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusMovedPermanently)
	})
}
