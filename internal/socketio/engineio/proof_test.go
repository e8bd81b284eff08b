package engineio_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
)

const handshake = "EIO=4&transport=polling"

// shake opens a session that polls, and returns its identifier and the cookie
// that came with it, "" if none.
func (f *fixture) shake(header http.Header) (id, cookie string) {
	f.T.Helper()
	w := f.ask("GET", handshake, "127.0.0.1:1", header)
	for _, c := range w.Result().Cookies() {
		if c.Name != "io" || c.Path != "/engine.io/" || !c.HttpOnly ||
			c.SameSite != http.SameSiteLaxMode || c.MaxAge != 0 || !c.Expires.IsZero() {
			f.T.Errorf("the cookie is %s", c)
		}
		cookie = "io=" + c.Value
	}
	return eiotest.ReadHello(f.T, w.Body.String()).ID, cookie
}

// ask makes a request from an address.
func (f *fixture) ask(method, query, addr string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(f.T.Context(), method, "/engine.io/?"+query,
		strings.NewReader("4stolen"))
	r.RemoteAddr = addr
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	f.engine.ServeHTTP(w, r)
	return w
}

// isUnknown has a thief, who knows the identifier, try all that it can be used
// for.
func (f *fixture) isUnknown(what, id, addr string, header http.Header) {
	f.T.Helper()
	upgrade := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	for k, v := range header {
		upgrade[k] = v
	}
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	for name, w := range map[string]*httptest.ResponseRecorder{
		"GET":     f.ask("GET", handshake+"&sid="+id, addr, header),
		"POST":    f.ask("POST", handshake+"&sid="+id, addr, header),
		"upgrade": f.ask("GET", "EIO=4&transport=websocket&sid="+id, addr, upgrade),
	} {
		if w.Code != 400 || w.Body.String() != unknown {
			f.T.Errorf("%s: %s: %d %s", what, name, w.Code, w.Body)
		}
	}
}

// TestStolenIdentifier: an identifier counts only together with what opened the
// session; another client gets the answer for an unknown one, and the owner
// goes on.
func TestStolenIdentifier(t *testing.T) {
	t.Parallel()
	const here, elsewhere = "127.0.0.1:2", "192.0.2.1:1"
	other := "io=" + strings.Repeat("x", 20)
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	for name, c := range map[string]struct {
		opens   http.Header
		returns bool // the owner returns the cookie of the handshake
		goesOn  http.Header
		thieves []http.Header // at the owner's address
	}{
		"a browser": {nil, true, http.Header{}, []http.Header{nil, {"Cookie": {other}}, bearer("a")}},
		"a browser with other sessions": {http.Header{"Cookie": {other}}, false,
			http.Header{"Cookie": {other}}, []http.Header{nil, {"Cookie": {"io=y"}}, bearer("a")}},
		"a browser with credentials, whose WebSocket cannot repeat them": {bearer("a"), true, http.Header{},
			[]http.Header{nil, {"Cookie": {other}}, bearer("b")}},
		"a program with credentials": {bearer("a"), false, bearer("a"),
			[]http.Header{nil, {"Cookie": {other}}, bearer("b")}},
		"a program with nothing": {nil, false, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, patient)
			id, cookie := f.shake(c.opens)
			if fresh := c.opens.Get("Cookie") == ""; fresh != (cookie != "") {
				t.Errorf("the handshake gave the cookie %q", cookie)
			}
			if f.Header = c.goesOn; c.returns {
				f.Header.Set("Cookie", cookie)
			}
			f.isUnknown("elsewhere", id, elsewhere, nil)
			f.MustPost(id, "4mine")
			for _, thief := range c.thieves {
				f.isUnknown("at the same address", id, here, thief)
			}
			f.MustPoll(id, "4mine")
			s := f.Upgrade(id)
			s.Send("4over it")
			s.Expect("4over it")
		})
	}
}

// TestTabs: sessions of one browser share the secret.
func TestTabs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	first, cookie := f.shake(nil)
	f.Header = http.Header{"Cookie": {cookie}}
	second, again := f.shake(f.Header)
	if again != "" {
		t.Errorf("the second session replaces the cookie by %q", again)
	}
	for range 2 {
		for _, id := range []string{first, second} {
			f.MustPost(id, "4"+id)
			f.MustPoll(id, "4"+id)
		}
	}
	f.isUnknown("without the cookie", second, "127.0.0.1:2", nil)
}

// TestWebSocketHasNoOtherRequests: of a session that began as a WebSocket, the
// identifier is worth nothing.
func TestWebSocketHasNoOtherRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	s, hello := f.OpenWebSocket()
	f.isUnknown("a thief", hello.ID, "127.0.0.1:2", nil)
	s.Send("4mine")
	s.Expect("4mine")
}
