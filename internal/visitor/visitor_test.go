package visitor

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func policy() *Policy {
	return &Policy{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Origins: []string{"https://app.example"}}
}

func TestAddr(t *testing.T) {
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"plain", "192.0.2.1:5", "", "192.0.2.1"},
		{"forged by the visitor", "192.0.2.1:5", "198.51.100.9", "192.0.2.1"},
		{"through a trusted proxy", "10.1.1.1:5", "198.51.100.9", "198.51.100.9"},
		{"forged before a trusted proxy", "10.1.1.1:5", "1.1.1.1, 198.51.100.9", "198.51.100.9"},
		{"through two trusted proxies", "10.1.1.1:5", "198.51.100.9, 10.2.2.2", "198.51.100.9"},
		{"damaged", "10.1.1.1:5", "198.51.100.9, nonsense", "10.1.1.1"},
		{"a /64 is one visitor", "[2001:db8:1:2:3:4:5:6]:5", "", "2001:db8:1:2::/64"},
		{"mapped", "[::ffff:192.0.2.1]:5", "", "192.0.2.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := policy().Addr(r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFromOurPage(t *testing.T) {
	for _, c := range []struct {
		host, origin, site string
		secure             bool
		want               bool
	}{
		{"chat.example", "http://chat.example", "", false, true},
		{"chat.example", "https://chat.example", "", true, true},
		{"chat.example:80", "http://chat.example", "", false, true},
		{"chat.example", "https://app.example", "", true, true},
		{"chat.example", "", "same-origin", false, true},
		{"chat.example", "", "", false, false},
		{"chat.example", "", "cross-site", false, false},
		{"chat.example", "null", "same-origin", false, false},
		{"chat.example", "http://chat.example.evil", "", false, false},
		{"chat.example", "http://evil-chat.example", "", false, false},
		{"chat.example", "https://chat.example", "", false, false},
		{"chat.example", "http://chat.example:8080", "", false, false},
		{"chat.example", "http://chat.example/", "", false, false},
		{"chat.example", "http://user@chat.example", "", false, false},
		{"chat.example", "file://", "", false, false},
		{"chat.example", "https://app.example.evil", "", true, false},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Host = c.host
		if c.secure {
			r.TLS = &tls.ConnectionState{}
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if got := policy().FromOurPage(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		name    string
		url     string
		header  http.Header
		want    Credentials
		refused bool
	}{
		{"none", "/", nil, Credentials{}, false},
		{"bearer", "/", http.Header{"Authorization": {"bearer abc"}}, Credentials{Token: "abc"}, false},
		{"cookie", "/", http.Header{"Cookie": {"parley=abc"}},
			Credentials{Token: "abc", Cookie: true}, false},
		{"bearer wins", "/", http.Header{"Cookie": {"parley=abc"}, "Authorization": {"Bearer x"}},
			Credentials{Token: "x"}, false},
		{"other scheme", "/", http.Header{"Authorization": {"Basic abc"}}, Credentials{}, true},
		{"in the URL", "/?access_token=abc", nil, Credentials{}, true},
		{"in the URL, disguised", "/?Token=abc", nil, Credentials{}, true},
		{"the secure cookie counts only when encrypted", "/",
			http.Header{"Cookie": {"__Host-parley=abc"}}, Credentials{}, false},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		for k, v := range c.header {
			r.Header[k] = v
		}
		got, err := policy().Credentials(r)
		if got != c.want || errors.Is(err, chat.ErrUnauthenticated) != c.refused {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestCookieFlags(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = "10.1.1.1:5"
		if encrypted {
			r.Header.Set("X-Forwarded-Proto", "https")
		}
		w := httptest.NewRecorder()
		policy().SetCookie(w, r, "abc", time.Now().Add(time.Hour))
		c := w.Result().Cookies()[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" ||
			c.Secure != encrypted || (c.Name == "__Host-parley") != encrypted {
			t.Errorf("encrypted %v: %v", encrypted, c)
		}
	}
}

// TestForgedProto: that a connection is encrypted is believed of those who
// encrypt.
func TestForgedProto(t *testing.T) {
	for peer, want := range map[string]bool{"10.1.1.1:5": true, "192.0.2.1:5": false} {
		r := httptest.NewRequest("GET", "http://chat.example/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("Origin", "https://chat.example")
		if got := policy().Secure(r); got != want {
			t.Errorf("from %s: %v", peer, got)
		}
		if got := policy().FromOurPage(r); got != want {
			t.Errorf("an encrypted page, from %s: %v", peer, got)
		}
	}
}

// TestVouched: who serves us says who it is, whatever the request brings.
func TestVouched(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Basic abc")
	r.AddCookie(&http.Cookie{Name: "parley", Value: "own"})
	for token, want := range map[string]Credentials{"abc": {Token: "abc", Cookie: true}, "": {}} {
		v := Vouch(r, token)
		if got, err := policy().Credentials(v); err != nil || got != want {
			t.Errorf("%q: %+v, %v", token, got, err)
		}
		w := httptest.NewRecorder()
		policy().SetCookie(w, v, "abc", time.Now().Add(time.Hour))
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%q: a cookie was set", token)
		}
	}
}
