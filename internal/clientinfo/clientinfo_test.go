package clientinfo

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

// request returns a request from an address, with headers given as names and
// values.
func request(peer string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://chat.example/", nil)
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestAddr(t *testing.T) {
	const proxy = "10.1.1.1:5"
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"plain", "192.0.2.1:5", "", "192.0.2.1"},
		{"forged by the client", "192.0.2.1:5", "198.51.100.9", "192.0.2.1"},
		{"through a trusted proxy", proxy, "198.51.100.9", "198.51.100.9"},
		{"forged before a trusted proxy", proxy, "1.1.1.1, 198.51.100.9", "198.51.100.9"},
		{"through two trusted proxies", proxy, "198.51.100.9, 10.2.2.2", "198.51.100.9"},
		{"all of them trusted", proxy, "10.3.3.3, 10.2.2.2", "10.3.3.3"},
		{"damaged", proxy, "198.51.100.9, nonsense", "10.1.1.1"},
		{"with a port", proxy, "198.51.100.9:51234", "198.51.100.9"},
		{"two with ports", proxy, "198.51.100.9:51234, 10.2.2.2:443", "198.51.100.9"},
		{"IPv6 with a port", proxy, "[2001:db8::1]:443", "2001:db8::/64"},
		{"IPv6 in brackets", proxy, "[2001:db8::1]", "2001:db8::/64"},
		{"IPv6 with a zone", proxy, "fe80::1%eth0", "fe80::/64"},
		{"a mapped one with a port", proxy, "[::ffff:198.51.100.9]:443", "198.51.100.9"},
		{"a /64 is one client", "[2001:db8:1:2:3:4:5:6]:5", "", "2001:db8:1:2::/64"},
		{"mapped", "[::ffff:192.0.2.1]:5", "", "192.0.2.1"},
	} {
		r := request(c.peer)
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := policy().Addr(r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	r := request(proxy, "X-Forwarded-For", "1.1.1.1", "X-Forwarded-For", "198.51.100.9")
	if got := policy().Addr(r); got != "198.51.100.9" {
		t.Errorf("in two headers: %q", got)
	}
}

func TestForwarded(t *testing.T) {
	for _, c := range []struct {
		name, header, addr string
		secure             bool
	}{
		{"one", "for=198.51.100.9;proto=https;by=10.1.1.1", "198.51.100.9", true},
		{"quoted, IPv6, a port", `For="[2001:db8::1]:4711"; Proto=HTTP`, "2001:db8::/64", false},
		{"two trusted", "for=198.51.100.9;proto=https, for=10.2.2.2;proto=http", "198.51.100.9", true},
		{"forged", "for=1.1.1.1;proto=https, for=198.51.100.9;proto=http", "198.51.100.9", false},
		{"hidden", "for=_secret;proto=https", "10.1.1.1", true},
	} {
		r := request("10.1.1.1:5", "Forwarded", c.header)
		if got := policy().Addr(r); got != c.addr || policy().Secure(r) != c.secure {
			t.Errorf("%s: %s, secure %v", c.name, got, policy().Secure(r))
		}
	}
	// A proxy that knows the older headers passes on what clients forge.
	r := request("10.1.1.1:5", "Forwarded", "for=1.1.1.1;proto=https", "X-Forwarded-For", "198.51.100.9")
	if got := policy().Addr(r); got != "198.51.100.9" || policy().Secure(r) {
		t.Errorf("beside X-Forwarded-For: %s, secure %v", got, policy().Secure(r))
	}
}

// TestScheme: each proxy on the way says how it was asked, in a list or alone.
func TestScheme(t *testing.T) {
	for _, c := range []struct {
		name, peer, addrs, schemes string
		want                       bool
	}{
		{"one", "10.1.1.1:5", "198.51.100.9", "https", true},
		{"upper case", "10.1.1.1:5", "198.51.100.9", "HTTPS", true},
		{"Traefik, a WebSocket", "10.1.1.1:5", "198.51.100.9", "wss", true},
		{"Traefik, a WebSocket, unencrypted", "10.1.1.1:5", "198.51.100.9", "ws", false},
		{"encrypted up to the first of two", "10.1.1.1:5", "198.51.100.9, 10.2.2.2", "https, http", true},
		{"encrypted between two", "10.1.1.1:5", "198.51.100.9, 10.2.2.2", "http, https", false},
		{"two proxies, one entry", "10.1.1.1:5", "198.51.100.9, 10.2.2.2", "https", true},
		{"two equal ones", "10.1.1.1:5", "198.51.100.9", "https,https", true},
		{"a list without addresses", "10.1.1.1:5", "", "https, http", true},
		{"forged before a proxy", "10.1.1.1:5", "1.1.1.1, 198.51.100.9", "https, http", false},
		{"from an untrusted address", "192.0.2.1:5", "198.51.100.9", "https", false},
	} {
		r := request(c.peer, "X-Forwarded-Proto", c.schemes)
		if c.addrs != "" {
			r.Header.Set("X-Forwarded-For", c.addrs)
		}
		if got := policy().Secure(r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		// A page of that scheme is ours, and one of the other is not.
		for origin, want := range map[string]bool{"https://chat.example": c.want, "http://chat.example": !c.want} {
			r.Header.Set("Origin", origin)
			if err := policy().CheckOrigin(r, true); (err == nil) != want {
				t.Errorf("%s, from %s: %v", c.name, origin, err)
			}
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, c := range []struct {
		host, origin, site string
		secure             bool
		want               bool
	}{
		{"chat.example", "http://chat.example", "", false, true},
		{"chat.example", "https://chat.example", "", true, true},
		{"chat.example:80", "http://chat.example", "", false, true},
		{"CHAT.example", "http://chat.example", "", false, true},
		{"[::1]:8080", "http://[::1]:8080", "", false, true},
		{"my_host:8080", "http://my_host:8080", "", false, true},
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
		{"chat.example", "https://sub.app.example", "", true, false},
		{"chat.example", "http://app.example", "", false, false},
		{"chat.example", "HTTPS://APP.EXAMPLE", "", true, false},
		{"chat.example:8080", "http://chat.example", "", false, false},
		{"127.0.0.1:8080", "http://localhost:8080", "", false, false},
		{"chat.example", "http://chat.example, http://evil.example", "", false, false},
	} {
		r := request("192.0.2.1:5")
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
		if err := policy().CheckOrigin(r, true); (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// What does nothing with a cookie need not say where it comes from, but a
	// foreign page is refused whenever it is one.
	if err := policy().CheckOrigin(request("192.0.2.1:5"), false); err != nil {
		t.Errorf("an app: %v", err)
	}
	r := request("192.0.2.1:5", "Origin", "https://evil.example")
	if err := policy().CheckOrigin(r, false); !errors.Is(err, chat.ErrForbidden) {
		t.Errorf("a foreign page without a cookie: %v", err)
	}
	// An empty origin, or two, is none that is allowed.
	for _, origins := range [][]string{{""}, {"http://chat.example", "https://evil.example"}} {
		r.Header["Origin"] = origins
		for _, cookie := range []bool{true, false} {
			if err := policy().CheckOrigin(r, cookie); !errors.Is(err, chat.ErrForbidden) {
				t.Errorf("origins %q, cookie %v: %v", origins, cookie, err)
			}
		}
	}
	// Browsers send an Origin with every upgrade.
	r = request("192.0.2.1:5", "Sec-Fetch-Site", "same-origin", "Upgrade", "websocket")
	if err := policy().CheckOrigin(r, true); !errors.Is(err, chat.ErrForbidden) {
		t.Errorf("an upgrade without an Origin: %v", err)
	}
}

// TestForwardedHost: a proxy that asks the server by another name says by which
// one it was asked.
func TestForwardedHost(t *testing.T) {
	for peer, want := range map[string]bool{"10.1.1.1:5": true, "192.0.2.1:5": false} {
		r := request(peer, "X-Forwarded-Host", "people.example", "Origin", "http://people.example")
		if err := policy().CheckOrigin(r, true); (err == nil) != want {
			t.Errorf("from %s: %v", peer, err)
		}
	}
}

// TestPublicURL: with a public URL the request's Host says nothing, because any
// name can be given the server's address.
func TestPublicURL(t *testing.T) {
	for _, c := range []struct {
		public, host, origin string
		want                 bool
	}{
		{"https://chat.example", "chat.example", "https://chat.example", true},
		{"https://chat.example:443", "127.0.0.1:8080", "https://chat.example", true},
		{"https://example.com/chat", "upstream", "https://example.com", true},
		{"https://Bücher.example", "x", "https://xn--bcher-kva.example", true},
		{"https://faß.example", "x", "https://xn--fa-hia.example", true},
		{"http://例え.example:8080/", "x", "http://xn--r8jz45g.example:8080", true},
		{"https://chat.example", "evil.example", "https://evil.example", false},
		{"https://chat.example", "evil.example", "http://evil.example", false},
		{"https://chat.example", "localhost:8080", "http://localhost:8080", false},
		{"https://chat.example", "chat.example", "http://chat.example", false},
	} {
		u, err := ParsePublicURL(c.public)
		if err != nil {
			t.Errorf("%s: %v", c.public, err)
			continue
		}
		r := request("192.0.2.1:5", "Origin", c.origin)
		r.Host = c.host
		if err := (&Policy{PublicURL: u}).CheckOrigin(r, true); (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, bad := range []string{" ", "chat.example", "ftp://chat.example", "https://", "https://u@chat.example",
		"https://chat.example?x", "https://chat.example#x", "https://chat.example/a;b", "https://:8080",
		"https://chat.example:"} {
		if u, err := ParsePublicURL(bad); err == nil {
			t.Errorf("%q is taken as %s", bad, u)
		}
	}
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		" https://app.example ": "https://app.example", "https://App.Example:443": "https://app.example",
		"http://app.example:80": "http://app.example", "http://app.example:443": "http://app.example:443",
		"https://münchen.example": "https://xn--mnchen-3ya.example", "https://[::1]:8443": "https://[::1]:8443",
		"capacitor://localhost": "capacitor://localhost", "https://app.example/": "",
		"https://app.example/x": "", "app.example": "", "https://xn--a.example": "",
	} {
		if got, err := ParseOrigin(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestParseProxies(t *testing.T) {
	got, err := ParseProxies([]string{" 10.0.0.1", "10.1.0.9/16", "2001:db8::1"})
	if err != nil || len(got) != 3 || got[0].String() != "10.0.0.1/32" || got[1].String() != "10.1.0.0/16" ||
		got[2].String() != "2001:db8::1/128" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "proxy", "10.0.0.1:80", "fe80::1%eth0"} {
		if got, err := ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q: %v", bad, got)
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
		{"cookie", "/", http.Header{"Cookie": {"parley-7=abc"}},
			Credentials{Token: "abc", Cookie: true}, false},
		{"bearer wins", "/", http.Header{"Cookie": {"parley-7=abc"}, "Authorization": {"Bearer x"}},
			Credentials{Token: "x"}, false},
		{"a proxy's password", "/", http.Header{"Authorization": {"Basic abc"}}, Credentials{}, false},
		{"a proxy's password, and the cookie", "/",
			http.Header{"Cookie": {"parley-7=abc"}, "Authorization": {"Basic abc"}},
			Credentials{Token: "abc", Cookie: true}, false},
		{"another scheme", "/", http.Header{"Cookie": {"parley-7=abc"}, "Authorization": {"Negotiate abc"}},
			Credentials{Token: "abc", Cookie: true}, false},
		{"a proxy's password, and bearer", "/", http.Header{"Authorization": {"Basic abc", "Bearer x"}},
			Credentials{Token: "x"}, false},
		{"bearer without a token", "/", http.Header{"Authorization": {"Bearer"}}, Credentials{}, true},
		{"in the URL", "/?access_token=abc", nil, Credentials{}, true},
		{"in the URL, disguised", "/?Token=abc", nil, Credentials{}, true},
		{"another server's cookie", "/", http.Header{"Cookie": {"parley-8=abc"}}, Credentials{}, false},
		{"the cookie of an earlier version", "/", http.Header{"Cookie": {"parley=abc"}},
			Credentials{Token: "abc", Cookie: true, Outdated: true}, false},
		{"both cookies", "/", http.Header{"Cookie": {"parley=old; parley-7=abc"}},
			Credentials{Token: "abc", Cookie: true}, false},
		{"the secure cookie counts only when encrypted", "/",
			http.Header{"Cookie": {"__Host-parley-7=abc"}}, Credentials{}, false},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		for k, v := range c.header {
			r.Header[k] = v
		}
		got, err := (&Policy{ServerID: "7"}).Credentials(r)
		if got != c.want || errors.Is(err, chat.ErrUnauthenticated) != c.refused {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestCookieFlags(t *testing.T) {
	below, err := ParsePublicURL("https://example.com/chat")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		public     bool
		scheme     string
		name, path string
	}{
		{false, "http", "parley-7", "/"}, {false, "https", "__Host-parley-7", "/"},
		{true, "http", "parley-7", "/chat/"}, {true, "wss", "__Secure-parley-7", "/chat/"},
	} {
		p := policy()
		if p.ServerID = "7"; c.public {
			p.PublicURL = below
		}
		r := request("10.1.1.1:5", "X-Forwarded-Proto", c.scheme)
		w := httptest.NewRecorder()
		p.SetCookie(w, r, Credentials{}, "abc", time.Now().Add(time.Hour))
		set := w.Result().Cookies()
		if len(set) != 1 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteLaxMode ||
			set[0].Domain != "" ||
			set[0].Name != c.name || set[0].Path != c.path || set[0].Secure != (c.scheme != "http") {
			t.Errorf("%+v: %v", c, set)
			continue
		}
		r.AddCookie(set[0])
		if got, err := p.Credentials(r); err != nil || got != (Credentials{Token: "abc", Cookie: true}) {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}

// TestOutdatedCookie: the cookie of an earlier version goes when the new one
// is set, and only then.
func TestOutdatedCookie(t *testing.T) {
	p := &Policy{ServerID: "7"}
	for _, outdated := range []bool{false, true} {
		w := httptest.NewRecorder()
		p.SetCookie(w, request("192.0.2.1:5"), Credentials{Outdated: outdated}, "abc",
			time.Now().Add(time.Hour))
		deleted := 0
		for _, c := range w.Result().Cookies() {
			if c.Name == "parley" && c.MaxAge < 0 && c.Path == "/" {
				deleted++
			}
		}
		if (deleted == 1) != outdated {
			t.Errorf("outdated %v: %v", outdated, w.Result().Cookies())
		}
	}
}

// TestWithCredentials: the program around the chat says who a request is from,
// whatever the request brings.
func TestWithCredentials(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer own")
	r.AddCookie(&http.Cookie{Name: "parley", Value: "own"})
	for token, want := range map[string]Credentials{"abc": {Token: "abc", Cookie: true}, "": {}} {
		v := WithCredentials(r, token)
		if got, err := policy().Credentials(v); err != nil || got != want {
			t.Errorf("%q: %+v, %v", token, got, err)
		}
		w := httptest.NewRecorder()
		policy().SetCookie(w, v, Credentials{}, "abc", time.Now().Add(time.Hour))
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%q: a cookie was set", token)
		}
	}
}
