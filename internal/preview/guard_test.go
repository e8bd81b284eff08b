package preview

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/netguard"
)

// Nothing of this reaches the server that listens there.
func TestWaysInside(t *testing.T) {
	inside := serve(t, page("<title>inside</title>"))
	port := inside.addr.Port()
	// Each port is permitted, so that it is the address that is refused.
	f := fetcher(t, Options{
		Guard: netguard.Guard{AnyPort: true},
		Resolver: resolver(t, map[string][]string{
			"mapped.test": {"::ffff:127.0.0.1"}, "ten.test": {"10.1.2.3"},
			"link.test": {"169.254.169.254"}, "zero.test": {"0.0.0.0"},
			"ula.test": {"fd00::1"}, "six.test": {"::1"}, "nat64.test": {"64:ff9b::7f00:1"},
			"shared.test": {"100.64.0.1"}, "all.test": {"255.255.255.255"},
		}),
	})
	for _, host := range []string{
		"127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "0177.0.0.1", "0x7f.0.0.1",
		"0x7f000001", "2130706433", "017700000001", "0", "0.0.0.0",
		"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[::127.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]", "[2002:7f00:1::]",
		"localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "loop.test", "127。0。0。1", "①②⑦.⓪.⓪.①",
		"mapped.test", "ten.test", "link.test", "zero.test", "ula.test", "six.test", "nat64.test",
		"shared.test", "all.test",
		"10.0.0.1", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
		"255.255.255.255",
	} {
		for _, scheme := range []string{"http", "https"} {
			link := fmt.Sprintf("%s://%s:%d/", scheme, host, port)
			_, err := f.Preview(t.Context(), link)
			if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrNone) {
				t.Errorf("%s: %v", link, err)
			}
			if _, err := f.Image(t.Context(), link); err == nil {
				t.Errorf("%s: a picture came", link)
			}
		}
	}
	if n := inside.hits.Load(); n != 0 {
		t.Errorf("%d requests got inside", n)
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "loop.test", "mapped.test", "ten.test",
		"10.0.0.1", "169.254.169.254"} {
		if _, err := f.Preview(t.Context(),
			fmt.Sprintf("http://%s:%d/", host, port)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s is not refused for its address: %v", host, err)
		}
	}
}

func TestLinksThatAreNone(t *testing.T) {
	f := fetcher(t, Options{Resolver: &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			t.Error("a name was looked up")
			return nil, errors.ErrUnsupported
		}}})
	for _, link := range []string{
		"", "example.org", "//example.org", "/etc/passwd", "file:///etc/passwd",
		"ftp://example.org/", "gopher://example.org/", "javascript:alert(1)", "data:text/html,x",
		"unix:///run/x.sock",
		"http:", "http://", "http:///x", "http:example.org", "http://user@example.org/",
		"http://user:pass@example.org/", "http://[::1", "http://exa mple.org/", "http://example.org\r\nX: y/",
		"http://example.org:99999999/\x00", "http://%31%32%37.0.0.1/", "http://a%00b/",
		"https://" + strings.Repeat("a", 2100),
	} {
		if _, err := f.Preview(t.Context(), link); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", link, err)
		}
	}
}

// By default only the web's ports are dialled.
func TestPorts(t *testing.T) {
	inside := serve(t, page("<title>inside</title>"))
	f := New(Options{})
	defer f.Close()
	for _, link := range []string{inside.URL, "http://1.1.1.1:22/", "https://1.1.1.1:8443/",
		"http://1.1.1.1:6379/", "http://1.1.1.1:0/", "http://1.1.1.1:65536/"} {
		if _, err := f.Preview(t.Context(), link); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestRedirectsAreJudgedAnew(t *testing.T) {
	inside := serve(t, page("<title>inside</title>"))
	var target string
	outside := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Location", target)
			status, _ := strconv.Atoi(r.URL.Query().Get("status"))
			w.WriteHeader(status)
			return
		}
		page("<title>outside</title>")(w, r)
	})
	f := fetcher(t, Options{Guard: allow(outside.addr.String()),
		Resolver: resolver(t, nil)})
	port := strconv.Itoa(int(inside.addr.Port()))
	for _, to := range []string{inside.URL, "http://loop.test:" + port + "/",
		"http://2130706433:" + port, "http://[::ffff:127.0.0.1]:" + port, "file:///etc/passwd",
		"gopher://" + inside.addr.String(), "//" + inside.addr.String(),
		"http://u:p@" + outside.addr.String() + "/x", "", strings.Repeat("a", 3000)} {
		target = to
		for _, status := range []int{301, 302, 303, 307, 308} {
			_, err := f.Preview(t.Context(), fmt.Sprintf("%s/?status=%d", outside.URL, status))
			if to == "" { // it leads to itself, without the query
				if err == nil {
					t.Error("no Location led somewhere")
				}
				continue
			}
			// Go asks nobody for a number's address
			if !errors.Is(err, ErrRefused) &&
				!(strings.Contains(to, "2130706433") && errors.Is(err, ErrNone)) {
				t.Errorf("%d to %q: %v", status, to, err)
			}
		}
	}
	if n := inside.hits.Load(); n != 0 {
		t.Errorf("%d requests got inside", n)
	}
	target = "/page"
	if p, err := f.Preview(t.Context(), outside.URL+"/?status=302"); err != nil ||
		p.Title != "outside" || p.URL != outside.URL+"/page" {
		t.Errorf("a redirect on the same site: %+v, %v", p, err)
	}
}

// A name that leads outside when it is first asked for and inside later is
// judged each time, at the dial.
func TestNamesThatChangeTheirMind(t *testing.T) {
	site := serve(t, page("<title>there</title>"))
	f := fetcher(t, Options{
		Guard:    allow(site.addr.String()),
		Resolver: resolver(t, map[string][]string{"rebind.test": {"127.0.0.1", "127.0.0.2", "127.0.0.1"}}),
	})
	link := fmt.Sprintf("http://rebind.test:%d/", site.addr.Port())
	for i, want := range []error{nil, ErrRefused, nil} {
		if _, err := f.Preview(t.Context(), link); !errors.Is(err, want) {
			t.Errorf("look-up %d: %v, want %v", i, err, want)
		}
	}
	if n := site.hits.Load(); n != 2 {
		t.Errorf("%d visits", n)
	}
}
