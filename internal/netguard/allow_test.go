package netguard

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestPermits(t *testing.T) {
	list, err := ParseAllow([]string{"10.0.0.0/8", "192.168.1.7", "192.168.1.8:8080",
		"172.16.5.0/24:3000", "fd00::/16", "fd01::/16:81", "[::1]:9000", "fd02::1", "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]struct{ web, anyPort bool }{
		"1.1.1.1:80": {true, true}, "1.1.1.1:443": {true, true}, "1.1.1.1:22": {false, true},
		"1.1.1.1:6379": {false, true}, "1.1.1.1:8080": {false, true},
		"1.1.1.1:65535": {false, true}, "[2606:4700::1111]:443": {true, true},
		"10.1.2.3:80": {true, true}, "10.1.2.3:443": {true, true}, "10.1.2.3:6379": {false, true},
		"11.0.0.1:80": {true, true}, "11.0.0.1:81": {false, true},
		"127.0.0.1:80": {}, "127.0.0.1:443": {}, "169.254.169.254:80": {},
		"192.168.1.7:443": {true, true}, "192.168.1.7:8080": {false, true},
		"192.168.1.8:8080": {true, true}, "192.168.1.8:80": {}, "192.168.1.9:80": {},
		"172.16.5.9:3000": {true, true}, "172.16.5.9:80": {}, "172.16.6.9:3000": {},
		"[fd00::5]:80": {true, true}, "[fd00::5]:81": {false, true},
		"[fd01::5]:81": {true, true}, "[fd01::5]:80": {},
		"[::1]:9000": {true, true}, "[::1]:80": {},
		"[fd02::1]:443": {true, true}, "[fd02::2]:443": {}, "[::ffff:10.1.2.3]:80": {},
	} {
		addr := netip.MustParseAddrPort(to)
		if got := (Guard{Allow: list}).Permits(addr); got != want.web {
			t.Errorf("%s, ports of the web: %t", to, got)
		}
		if got := (Guard{Allow: list, AnyPort: true}).Permits(addr); got != want.anyPort {
			t.Errorf("%s, any port: %t", to, got)
		}
	}
}

// A full stop at the end of a name changes nothing.
func TestNameWithFullStop(t *testing.T) {
	list, err := ParseAllow([]string{"hooks.internal"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"hooks.internal.:80": true, "hooks.internal..:80": false,
		"x.hooks.internal:80": false, "internal:80": false, "hooks.internal": false} {
		if got := (Guard{Allow: list}).allowsName(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestParseAllowRefuses(t *testing.T) {
	for _, text := range []string{"", " ", ":80", "a b", "http://hooks.internal", "hooks.internal/x",
		"user@hooks.internal", "*.internal", ".internal", "hooks.internal.", "hooks:internal",
		"hooks.internal:0", "hooks.internal:", "hooks.internal:65536", "hooks.internal:+1",
		"127.1", "0x7f.0.0.1", "2130706433", "10.0.0.256",
		"10.0.0.0/33", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:99999", "10.0.0.1:0", "10.0.0.1:x",
		"fe80::1%lo", "[fe80::1%lo]:80", "[fd00::1", "[]", "[]:80", "/8", "10.0.0.0/"} {
		if list, err := ParseAllow([]string{text}); err == nil {
			t.Errorf("%q is taken for %v", text, list)
		}
	}
}

func noNameServer(context.Context, string, string) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// TestDialContext dials a listener on the loopback under its name and its
// address.
func TestDialContext(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	at := s.Listener.Addr().String()
	_, port, _ := strings.Cut(at, ":")
	for _, c := range []struct {
		allow   string
		anyPort bool
		dial    string
		want    bool
	}{
		{"", true, at, false},
		{"", true, "localhost:" + port, false},
		{at, false, at, true},
		{at, false, "localhost:" + port, true},
		{"127.0.0.1", true, "localhost:" + port, true},
		{"127.0.0.1", false, "localhost:" + port, false},
		{"127.0.0.2", true, at, false},
		{"localhost", true, "localhost:" + port, true},
		{"LocalHost", true, "LOCALHOST:" + port, true},
		{"localhost", false, "localhost:" + port, false},
		{"localhost:" + port, false, "localhost:" + port, true},
		{"localhost:1", true, "localhost:" + port, false},
		{"localhost", true, at, false},
		{"other.internal", true, "localhost:" + port, false},
	} {
		guard := Guard{AnyPort: c.anyPort}
		if c.allow != "" {
			var err error
			if guard.Allow, err = ParseAllow([]string{c.allow}); err != nil {
				t.Fatal(err)
			}
		}
		// localhost is in the hosts file; no name server is asked.
		d := net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: noNameServer}}
		conn, err := guard.DialContext(t.Context(), d, "tcp", c.dial)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.want || !c.want && !errors.Is(err, ErrRefused) {
			t.Errorf("%q, any port %t, to %s: %v", c.allow, c.anyPort, c.dial, err)
		}
	}
}
