// Package clientinfo reads who sent an HTTP request: the client's address, its
// credentials, whether its connection is encrypted, and whether a browser sent
// the request from one of our pages. Every HTTP handler asks here, so that all
// of them judge alike.
package clientinfo

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Policy is what the operator said about how clients reach the server. The zero
// value trusts no proxy and takes the request's Host for the server's own name.
type Policy struct {
	// PublicURL is the server's address, see [ParsePublicURL]. If it is nil,
	// the Host of each request stands for it.
	PublicURL *url.URL
	// Proxies are the reverse proxies whose forwarding headers are believed.
	Proxies []netip.Prefix
	// Origins are pages, besides the server's own, that may use a person's
	// cookie, see [ParseOrigin].
	Origins []string
	// HSTS tells browsers to use only encrypted connections from now on.
	HSTS bool
	// ServerID is a part of the cookies' names. Cookies know no ports, so two
	// servers on one host would otherwise overwrite each other's.
	ServerID string
}

// Credentials are what a request authenticates itself with.
type Credentials struct {
	Token    string
	Cookie   bool // the token came as a cookie, which a browser sends by itself
	Outdated bool // the cookie has the name from before ServerID: replace it
}

// WithCredentials returns the request with the credentials that the program
// around the chat has found: the token of a session, or "" for no one. The
// request's own credentials then no longer count. The token is judged like a
// cookie, because a browser sends by itself whatever the program knows people
// by.
func WithCredentials(r *http.Request, token string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), givenToken{}, token))
}

// givenToken is the key of WithCredentials in a request's context.
type givenToken struct{}

// Credentials returns the request's token, "" if there is none. A token in the
// URL is refused with chat.ErrUnauthenticated, because URLs end up in logs and
// histories.
func (p *Policy) Credentials(r *http.Request) (Credentials, error) {
	if r.URL.RawQuery != "" {
		for name := range r.URL.Query() {
			if slices.Contains([]string{"token", "access_token", "auth", "session", "ticket",
				"bearer", "authorization"}, strings.ToLower(name)) {
				return Credentials{}, &chat.Error{Code: chat.CodeUnauthenticated,
					Message: "a token in the URL is refused: send it as Authorization: Bearer"}
			}
		}
	}
	if token, ok := r.Context().Value(givenToken{}).(string); ok {
		return Credentials{Token: token, Cookie: token != ""}, nil
	}
	if token, ok := Bearer(r); ok {
		if token == "" {
			return Credentials{}, &chat.Error{Code: chat.CodeUnauthenticated,
				Message: "Authorization must be: Bearer <token>"}
		}
		return Credentials{Token: token}, nil
	}
	name, outdated := p.cookieNames(r)
	if c, err := r.Cookie(name); err == nil && c.Value != "" {
		return Credentials{Token: c.Value, Cookie: true}, nil
	}
	if c, err := r.Cookie(outdated); err == nil && c.Value != "" {
		return Credentials{Token: c.Value, Cookie: true, Outdated: true}, nil
	}
	return Credentials{}, nil
}

// Bearer returns the token of an Authorization header. Other schemes are not
// ours: a proxy that asks for a password has the browser send Basic with every
// request.
func Bearer(r *http.Request) (token string, ok bool) {
	for _, header := range r.Header.Values("Authorization") {
		if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token), true
		}
	}
	return "", false
}

// cookieNames returns the name of the session's cookie, and the one that it had
// in earlier versions.
func (p *Policy) cookieNames(r *http.Request) (name, outdated string) {
	outdated = "parley"
	if p.Secure(r) {
		outdated = "__Host-" + outdated
	}
	return p.HostCookieName(r, ""), outdated
}

// HostCookieName is CookieName with a prefix for which browsers take the cookie
// from this server only, where the connection is encrypted. A name with __Host-
// is only possible at the root of a host.
func (p *Policy) HostCookieName(r *http.Request, suffix string) string {
	switch name := p.CookieName(suffix); {
	case !p.Secure(r):
		return name
	case p.BasePath() == "/":
		return "__Host-" + name
	default:
		return "__Secure-" + name
	}
}

// CookieName returns the name of a cookie that belongs to this server alone.
func (p *Policy) CookieName(suffix string) string {
	name := "parley" + suffix
	if p.ServerID != "" {
		name += "-" + p.ServerID
	}
	return name
}

// NewCookie returns a cookie for the server's part of its host, until expires.
// The zero time deletes it.
func (p *Policy) NewCookie(r *http.Request, name, value string, expires time.Time) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: p.BasePath(), Expires: expires, HttpOnly: true,
		Secure: p.Secure(r), SameSite: http.SameSiteLaxMode}
	if expires.IsZero() {
		c.Value, c.MaxAge = "", -1
	}
	return c
}

// SetCookie gives the browser a session's token until expires, and deletes the
// cookie of an earlier version that the token came with. The zero time deletes
// both. A request that the program around the chat has authenticated needs no
// cookie.
func (p *Policy) SetCookie(w http.ResponseWriter, r *http.Request, cred Credentials, token string,
	expires time.Time) {
	if _, ok := r.Context().Value(givenToken{}).(string); ok {
		return
	}
	name, outdated := p.cookieNames(r)
	if cred.Outdated && outdated != name {
		c := p.NewCookie(r, outdated, "", time.Time{})
		c.Path = "/"
		http.SetCookie(w, c)
	}
	http.SetCookie(w, p.NewCookie(r, name, token, expires))
}

// BasePath is the path below which browsers see the server: "/", or that of the
// public URL, with a slash at its end.
func (p *Policy) BasePath() string {
	if p.PublicURL == nil {
		return "/"
	}
	return p.PublicURL.Path
}
