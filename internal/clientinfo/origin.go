package clientinfo

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/parley-chat/parley/internal/chat"
)

var errOrigin = &chat.Error{Code: chat.CodeForbidden,
	Message: "this page may not use this server: see --public-url and --origins"}

// CheckOrigin refuses a request that a browser sends for a page that is not
// ours. Needed says that the request must come from one of our pages, because
// it does something with a cookie, which a browser also sends for foreign
// pages.
//
// Browsers send an Origin with every WebSocket, every request to another origin
// and every unsafe one; with the others, newer ones say in Sec-Fetch-Site where
// the request comes from. Apps send neither, and no cookie.
func (p *Policy) CheckOrigin(r *http.Request, needed bool) error {
	ours := !needed ||
		r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.Header.Get("Upgrade") == ""
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		ours = len(origins) == 1 && p.isOurs(r, origins[0])
	}
	if !ours {
		return errOrigin
	}
	return nil
}

// isOurs reports whether a browser's Origin is that of the server or of an
// allowed page. With a public URL no other name of the server counts: a foreign
// page can give its own name the server's address.
func (p *Policy) isOurs(r *http.Request, origin string) bool {
	if slices.Contains(p.Origins, origin) {
		return true
	}
	if p.PublicURL != nil {
		return origin == p.PublicURL.Scheme+"://"+p.PublicURL.Host
	}
	scheme, host := "http", p.via(r).host
	if p.Secure(r) {
		scheme = "https"
	}
	own, err := ParseOrigin(scheme + "://" + host)
	return err == nil && origin == own
}

// Silent reports whether the request says nothing about the page it comes from.
func Silent(r *http.Request) bool {
	return len(r.Header.Values("Origin")) == 0 && len(r.Header.Values("Sec-Fetch-Site")) == 0
}

// ParseOrigins reads a list of origins, see [ParseOrigin].
func ParseOrigins(texts []string) (all []string, err error) {
	for _, text := range texts {
		origin, err := ParseOrigin(text)
		if err != nil {
			return nil, err
		}
		all = append(all, origin)
	}
	return all, nil
}

// ParseOrigin returns an origin, scheme://host[:port], as browsers write it:
// lower case, without the scheme's usual port, and with the ASCII form of names
// in other scripts.
func ParseOrigin(text string) (string, error) {
	u, err := parse(text)
	if err != nil || u.Path != "" {
		return "", fmt.Errorf("%q is not like https://chat.example.com", text)
	}
	return u.Scheme + "://" + u.Host, nil
}

// ParsePublicURL reads the address under which people reach the server. It may
// have a path, below which a proxy serves the chat. The result is written as
// browsers do, and its path ends in a slash. It is nil for no text.
func ParsePublicURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.Path, "//") ||
		strings.ContainsAny(u.Path, `;,\"`) {
		return nil, fmt.Errorf("%q is not like https://chat.example.com or https://example.com/chat", text)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	u.RawPath = ""
	return u, nil
}

// names are mapped as browsers do, which take underscores and any hyphens.
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false),
	idna.StrictDomainName(false), idna.CheckHyphens(false))

func parse(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	if u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery ||
		u.Fragment != "" || u.Opaque != "" || strings.HasSuffix(u.Host, ":") {
		return nil, errors.New("not an origin")
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	} else if host, err = names.ToASCII(host); err != nil {
		return nil, err
	}
	port := u.Port()
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	u.Host = host
	return u, nil
}
