// Package visitor tells who stands at an HTTP door: from which address, with
// which credentials, and whether a browser came from a page of ours. All doors
// ask here, so that they judge alike.
package visitor

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

// Policy is what the operator said about the way to the server.
type Policy struct {
	// Proxies are the reverse proxies whose X-Forwarded-For and
	// X-Forwarded-Proto are believed.
	Proxies []netip.Prefix
	// Origins are the pages, besides the server's own, that may use a person's
	// cookie: scheme://host[:port], exactly.
	Origins []string
}

// Credentials are what a request proves itself with.
type Credentials struct {
	Token  string
	Cookie bool // it came as a cookie, which a browser sends by itself
}

// Names of the session's cookie: the first where the connection is encrypted.
const (
	secureCookie = "__Host-parley"
	plainCookie  = "parley"
)

// Vouch returns the request with the credentials that a program which serves us
// has found out by itself: the token of a session, or "" for nobody. What the
// request brings of its own does not count then. It is judged as one with a
// cookie, as a browser sends by itself whatever that program knows people by.
func Vouch(r *http.Request, token string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), vouched{}, token))
}

type vouched struct{}

// Credentials returns the request's token, "" if there is none. A token in the
// URL is refused with chat.ErrUnauthenticated: URLs end up in logs and
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
	if token, ok := r.Context().Value(vouched{}).(string); ok {
		return Credentials{Token: token, Cookie: token != ""}, nil
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return Credentials{}, &chat.Error{Code: chat.CodeUnauthenticated,
				Message: "Authorization must be: Bearer <token>"}
		}
		return Credentials{Token: strings.TrimSpace(token)}, nil
	}
	name := plainCookie
	if p.Secure(r) {
		name = secureCookie
	}
	if c, err := r.Cookie(name); err == nil && c.Value != "" {
		return Credentials{Token: c.Value, Cookie: true}, nil
	}
	return Credentials{}, nil
}

// SetCookie gives the browser a session's token until expires; an empty token
// takes it back. One who is vouched for needs none.
func (p *Policy) SetCookie(w http.ResponseWriter, r *http.Request, token string, expires time.Time) {
	if _, ok := r.Context().Value(vouched{}).(string); ok {
		return
	}
	c := &http.Cookie{Name: plainCookie, Value: token, Path: "/", Expires: expires, HttpOnly: true,
		SameSite: http.SameSiteLaxMode}
	if p.Secure(r) {
		c.Name, c.Secure = secureCookie, true
	}
	if token == "" {
		c.MaxAge, c.Expires = -1, time.Time{}
	}
	http.SetCookie(w, c)
}

// Secure reports whether the visitor's connection is encrypted, up to the first
// trusted proxy.
func (p *Policy) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	return p.trusts(peer(r)) && strings.EqualFold(lastOf(r.Header.Values("X-Forwarded-Proto")), "https")
}

// FromOurPage reports whether a browser says that the request comes from a page
// of this server, or of an allowed origin. A request that says nothing does
// not. If unsafe requests with cookies and WebSocket upgrades are refused
// without it, no foreign page can act as the person.
func (p *Policy) FromOurPage(r *http.Request) bool {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		return len(origins) == 1 && p.isOurs(origins[0], r)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

func (p *Policy) isOurs(origin string, r *http.Request) bool {
	if slices.Contains(p.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false
	}
	scheme := "http"
	if p.Secure(r) {
		scheme = "https"
	}
	return u.Scheme == scheme && strings.EqualFold(withPort(u.Host, scheme), withPort(r.Host, scheme))
}

func withPort(host, scheme string) string {
	if u, err := url.Parse("//" + host); err == nil && u.Port() == "" {
		if scheme == "https" {
			return host + ":443"
		}
		return host + ":80"
	}
	return host
}

// Addr returns the visitor's address for limits: the IPv4 address, or the /64
// that an IPv6 address lies in, as one party usually has all of it.
// X-Forwarded-For is followed from the right through trusted proxies only.
func (p *Policy) Addr(r *http.Request) string {
	at := peer(r)
	if p.trusts(at) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			next, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil {
				break
			}
			if at = next.Unmap(); !p.trusts(at) {
				break
			}
		}
	}
	if at.Is6() {
		net, _ := at.WithZone("").Prefix(64)
		return net.String()
	}
	return at.String()
}

func (p *Policy) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.Proxies, func(net netip.Prefix) bool { return net.Contains(a) })
}

func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

func lastOf(values []string) string {
	parts := strings.Split(strings.Join(values, ","), ",")
	return strings.TrimSpace(parts[len(parts)-1])
}
