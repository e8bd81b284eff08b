package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/limit"
)

const (
	// askTimeout bounds each request to a provider.
	askTimeout = 10 * time.Second
	// maxAnswer bounds each answer of a provider, in bytes.
	maxAnswer = 1 << 20
	// connectionFor is how long what a provider says of itself is believed, so
	// that keys that it has withdrawn are forgotten.
	connectionFor = time.Hour
	// failureFor is how long a provider that does not answer is left alone.
	failureFor = 3 * time.Second
)

// keyFetches bounds how often a provider's keys are fetched: tokens that name
// unknown keys, which anyone can send, make us look.
var keyFetches = chat.Rate{Limit: 20, Window: time.Minute}

// client asks a provider.
type client struct {
	Provider
	redirect string // where the provider sends people back to
	now      func() time.Time
	http     *http.Client
	bounds   *bounded

	turn   chan struct{} // held while what follows is used
	ready  *connection
	failed error
	since  time.Time // of ready or failed
}

// connection is a provider as it describes itself.
type connection struct {
	provider   *oidc.Provider
	oauth      oauth2.Config
	verifier   *oidc.IDTokenVerifier
	endSession string // "" for none
	saysIssuer bool   // each answer of its log-in page names the issuer
}

func newClient(p Provider, redirect string, now func() time.Time) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: p.roots}
	transport.MaxResponseHeaderBytes = 64 << 10
	bounds := &bounded{next: transport, fetches: limit.New(now)}
	return &client{Provider: p, redirect: redirect, now: now, bounds: bounds,
		turn: make(chan struct{}, 1), http: &http.Client{
			Timeout: askTimeout, Transport: bounds,
			// A redirect could take the secret and the code elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
}

// bounded bounds answers, and how often keys are fetched.
type bounded struct {
	next    *http.Transport
	keys    atomic.Pointer[string] // address of the keys; nil until it is known
	fetches *limit.Memory
}

func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if keys := b.keys.Load(); keys != nil && r.URL.String() == *keys {
		allowed, err := b.fetches.Take(r.Context(), "keys", 1, keyFetches)
		if err != nil {
			return nil, err
		}
		if !allowed.OK {
			return nil, errors.New("its keys were fetched too often in the last minute")
		}
	}
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

func (c *client) close() { c.bounds.next.CloseIdleConnections() }

// connect returns the provider as it describes itself, which it is asked now if
// it was not lately. A *fault if it does not answer, or describes another.
func (c *client) connect(ctx context.Context) (*connection, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	age := c.now().Sub(c.since)
	switch {
	case c.ready != nil && age < connectionFor:
		return c.ready, nil
	case c.failed != nil && age < failureFor:
		return nil, c.failed
	}
	c.ready, c.failed = c.discover()
	c.since = c.now()
	return c.ready, c.failed
}

// discover asks the provider to describe itself.
func (c *client) discover() (*connection, error) {
	// What is made here outlives the request that asked first.
	p, err := oidc.NewProvider(oidc.ClientContext(context.Background(), c.http), c.Issuer)
	if _, mismatch := errors.AsType[*oidc.IssuerMismatchError](err); mismatch {
		return nil, &fault{misconfigured, err}
	}
	if err != nil {
		return nil, &fault{unavailable, err}
	}
	var m struct {
		EndSession  string   `json:"end_session_endpoint"`
		Keys        string   `json:"jwks_uri"`
		SaysIssuer  bool     `json:"authorization_response_iss_parameter_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&m); err != nil {
		return nil, &fault{misconfigured, err}
	}
	end := p.Endpoint()
	for what, address := range map[string]string{"authorization_endpoint": end.AuthURL,
		"token_endpoint": end.TokenURL, "jwks_uri": m.Keys} {
		if err := checkEndpoint(address); err != nil {
			return nil, &fault{misconfigured, fmt.Errorf("%s: %w", what, err)}
		}
	}
	if checkEndpoint(m.EndSession) != nil {
		m.EndSession = ""
	}
	end.AuthStyle = oauth2.AuthStyleInHeader
	if c.secret == "" || len(m.AuthMethods) > 0 && !slices.Contains(m.AuthMethods, "client_secret_basic") {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	c.bounds.keys.Store(&m.Keys)
	return &connection{
		provider: p, endSession: m.EndSession, saysIssuer: m.SaysIssuer,
		verifier: p.Verifier(&oidc.Config{ClientID: c.ClientID, Now: c.now}),
		oauth: oauth2.Config{ClientID: c.ClientID, ClientSecret: c.secret, Endpoint: end,
			RedirectURL: c.redirect, Scopes: append([]string{oidc.ScopeOpenID}, c.Scopes...)},
	}, nil
}

func checkEndpoint(address string) error {
	u, err := url.Parse(address)
	if err == nil && (u.Host == "" || !safeScheme(u)) {
		err = fmt.Errorf("%q is not encrypted", address)
	}
	return err
}
