package siochat_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/siochat"
)

// TestStolenIdentifier: whoever learns a session's identifier from a URL can
// neither read nor write as its person; the person goes on.
func TestStolenIdentifier(t *testing.T) {
	f := newFixture(t, func(s *settings) {
		s.Policy.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	token := f.Member("Pablo")
	mary := f.Member("Mary")
	from := func(addr string, h http.Header) http.Header {
		h = h.Clone()
		h.Set("X-Forwarded-For", addr)
		return h
	}
	const home = "192.0.2.1"
	connect := "40" + `{"token":"` + token + `"}`
	for name, c := range map[string]struct {
		opens   http.Header
		returns bool // the client keeps cookies
		connect string
		thief   string // address
	}{
		"a browser that logs in later":   {http.Header{}, true, connect, home},
		"a program that sends its token": {livetest.Bearer(token), false, "40", home},
		"a program that logs in later":   {http.Header{}, false, connect, "198.51.100.1"},
	} {
		res, hello := f.request("GET", polling, from(home, c.opens), "")
		sid := "&sid=" + f.opened(hello)
		cookies := res.Cookies()
		if len(cookies) != 1 || cookies[0].Name != "parley-io" || !cookies[0].HttpOnly ||
			cookies[0].Path != strings.TrimSuffix(siochat.Path, "/") ||
			cookies[0].SameSite != http.SameSiteLaxMode {
			t.Fatalf("%s: cookies %v", name, cookies)
		}
		owner := from(home, c.opens)
		if c.returns {
			owner.Set("Cookie", cookies[0].Name+"="+cookies[0].Value)
		}
		if res, body := f.request("POST", polling+sid, owner, c.connect); body != "ok" {
			t.Fatalf("%s: connecting: %s %s", name, res.Status, body)
		}
		for what, h := range map[string]http.Header{"nothing": {}, "another's token": livetest.Bearer(mary)} {
			h = from(c.thief, h)
			for _, method := range []string{"GET", "POST"} {
				res, body := f.request(method, polling+sid, h, `42["ping"]`)
				if res.StatusCode != 400 || body != `{"code":1,"message":"Session ID unknown"}` {
					t.Errorf("%s, a thief with %s: %s: %s %s", name, what, method, res.Status, body)
				}
			}
			if status, _ := f.upgrade(websocket+sid, h); status != 400 {
				t.Errorf("%s, a thief with %s: upgrade: %d", name, what, status)
			}
		}
		if res, body := f.request("GET", polling+sid, owner, ""); !strings.HasPrefix(body, `40{"sid":"`) {
			t.Errorf("%s: the owner: %s %s", name, res.Status, body)
		}
		if status, _ := f.upgrade(websocket+sid, owner); status != 101 {
			t.Errorf("%s: the owner's upgrade: %d", name, status)
		}
	}
}
