package session

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Cookie says how browsers hold the token. The zero value is the strictest:
// "__Host-session", Secure, HttpOnly, SameSite=Lax, kept as long as the session
// can live.
type Cookie struct {
	// Name without prefix. Default: "session".
	Name string

	// Plain is for a site without TLS, where browsers keep neither a Secure
	// cookie nor the __Host- prefix. See Weaknesses.
	Plain bool

	// Domain lets subdomains have the cookie too, which costs the __Host-
	// prefix. Default: this host alone.
	Domain string

	// SameSite is Lax by default; Strict also hides the cookie from requests
	// that follow a link from elsewhere. None is refused without TLS, as
	// browsers do.
	SameSite http.SameSite

	// UntilClosed lets the browser forget the cookie when it closes.
	UntilClosed bool
}

// FullName is the name with the prefix that its settings earn: "__Host-",
// "__Secure-" or none.
func (c Cookie) FullName() string {
	name := c.Name
	if name == "" {
		name = "session"
	}
	switch {
	case c.Plain:
		return name
	case c.Domain != "":
		return "__Secure-" + name
	default:
		return "__Host-" + name
	}
}

// Weaknesses says in whole sentences, to print at start, what the settings give
// away and how to mend that. It is empty for the zero value.
func (c Cookie) Weaknesses() []string {
	var found []string
	if c.Plain {
		found = append(found, fmt.Sprintf(
			"The session cookie %q is neither Secure nor has the __Host- prefix, because TLS is off: "+
				"whoever is on the network path can read it, and can plant one. Serve over TLS.",
			c.FullName()))
	}
	if c.Domain != "" {
		found = append(found, fmt.Sprintf(
			"The session cookie %q has no __Host- prefix, because it is meant for all of %s: "+
				"every subdomain can read and plant it. Leave the domain empty.", c.FullName(), c.Domain))
	}
	if c.SameSite == http.SameSiteNoneMode {
		found = append(found, fmt.Sprintf(
			"The session cookie %q is sent with requests from other sites, because SameSite is None: "+
				"every change needs a proof against request forgery. Use Lax or Strict.", c.FullName()))
	}
	return found
}

func (c Cookie) check() error {
	if strings.HasPrefix(c.Name, "__Host-") || strings.HasPrefix(c.Name, "__Secure-") {
		return fmt.Errorf("session: the cookie's prefix follows from its settings; call it %q without", c.Name)
	}
	if c.Plain && c.SameSite == http.SameSiteNoneMode {
		return fmt.Errorf("session: browsers drop a cookie with SameSite=None that is not Secure")
	}
	if err := c.cookie("value", time.Hour).Valid(); err != nil {
		return fmt.Errorf("session: cookie: %w", err)
	}
	return nil
}

// cookie is what to set for a token that lives for so long; without life it is
// what makes a browser forget.
func (c Cookie) cookie(value string, life time.Duration) *http.Cookie {
	cookie := &http.Cookie{
		Name: c.FullName(), Value: value, Path: "/", Domain: c.Domain,
		Secure: !c.Plain, HttpOnly: true, SameSite: c.SameSite,
	}
	if cookie.SameSite == 0 || cookie.SameSite == http.SameSiteDefaultMode {
		cookie.SameSite = http.SameSiteLaxMode
	}
	switch {
	case life <= 0:
		cookie.MaxAge = -1
	case !c.UntilClosed:
		cookie.MaxAge = max(1, int(life/time.Second))
	}
	return cookie
}
