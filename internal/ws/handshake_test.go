package ws_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// TestOrigins: a page may use a person's cookie if package clientinfo says so.
func TestOrigins(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Policy.Origins = []string{"https://app.example.com"} })
	token := f.Member("Pablo")
	own := "http://" + f.http.Listener.Addr().String()
	cookie := "parley=" + token
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"our own":                  {http.Header{"Origin": {own}, "Cookie": {cookie}}, 101},
		"an allowed one":           {http.Header{"Origin": {"https://app.example.com"}, "Cookie": {cookie}}, 101},
		"none":                     {http.Header{"Cookie": {cookie}}, 403},
		"none, but Sec-Fetch-Site": {http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-origin"}}, 403},
		"null":                     {http.Header{"Origin": {"null"}, "Cookie": {cookie}}, 403},
		"foreign":                  {http.Header{"Origin": {"http://evil.example"}, "Cookie": {cookie}}, 403},
		"two":                      {http.Header{"Origin": {own, "http://evil.example"}, "Cookie": {cookie}}, 403},
		"foreign, without cookie":  {http.Header{"Origin": {"http://evil.example"}}, 403},
		"none, without cookie":     {http.Header{}, 101},
		"our own, without cookie":  {http.Header{"Origin": {own}}, 101},
		"none, with a token":       {livetest.Bearer(token), 101},
	} {
		res, conn := f.upgrade("/api/v1/ws", c.header)
		if conn.Close(); res.StatusCode != c.status {
			t.Errorf("origin %s: %s, want %d", name, res.Status, c.status)
		}
	}
}

// TestUpgradeRefuses: no connection of those who are refused is kept by the
// hub, whatever package websocket refuses them for.
func TestUpgradeRefuses(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
	}{
		"a token in the URL":         {"/api/v1/ws?token=" + token, nil, 401},
		"an access_token in the URL": {"/api/v1/ws?access_token=" + token, livetest.Bearer(token), 401},
		"a ticket in the URL":        {"/api/v1/ws?ticket=x", nil, 401},
		"TOKEN in the URL":           {"/api/v1/ws?TOKEN=" + token, nil, 401},
		"a wrong token":              {"/api/v1/ws", livetest.Bearer("wrong"), 401},
		"a long token":               {"/api/v1/ws", livetest.Bearer(strings.Repeat("x", 3000)), 401},
		"Bearer without a token":     {"/api/v1/ws", http.Header{"Authorization": {"Bearer"}}, 401},
		"no Upgrade":                 {"/api/v1/ws", http.Header{"Upgrade": nil}, 400},
		"no key":                     {"/api/v1/ws", http.Header{"Sec-Websocket-Key": nil}, 400},
	} {
		res, conn := f.upgrade(c.path, c.header)
		if res.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", name, res.Status, c.status)
		}
		conn.Close()
	}
	wstest.Eventually(t, "every refused connection to be forgotten", func() bool { return f.Hub.Stats().Conns == 0 })
}

func TestSubprotocol(t *testing.T) {
	f := newFixture(t, nil)
	res, _ := f.upgrade("/api/v1/ws", http.Header{"Sec-Websocket-Protocol": {"chat, parley.v1"}})
	if got := res.Header.Get("Sec-WebSocket-Protocol"); res.StatusCode != 101 || got != "parley.v1" {
		t.Errorf("%s, subprotocol %q", res.Status, got)
	}
}

// TestFragmentsAreFrames: empty fragments count against the limit of frames.
func TestFragmentsAreFrames(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.MaxFrames = 40 })
	c := f.dial(f.Member("Mary"))
	c.Put(wstest.Frame(1, nil), bytes.Repeat(wstest.Frame(0, nil), 41))
	c.Closes("too many empty fragments", 4003)
}

// TestTimeouts: package websocket ends messages that are not finished in the
// time to log in, and clients that do not answer pings.
func TestTimeouts(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.AuthTimeout = 150 * time.Millisecond })
	half := f.dial(f.Member("Pablo"))
	half.Put(wstest.Text(pingText)[:9])
	half.Closes("a frame that is never finished", 1012)

	f = newFixture(t, func(s *settings) { s.ws.Heartbeat = 200 * time.Millisecond })
	dead := f.dial(f.Member("Pablo"))
	if op, _, err := dead.Next(); op != 9 {
		t.Errorf("opcode %d, %v, want a ping", op, err)
	}
	dead.Closes("a dead client", 1012)
}

// TestTLS: sockets that cannot be read directly work the same.
func TestTLS(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.TLS = true })
	token := f.Member("Pablo")
	addr := f.http.Listener.Addr().String()
	nc, err := tls.Dial("tcp", addr, f.http.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, conn := wstest.On(t, nc, "/api/v1/ws", livetest.Bearer(token))
	c := &client{conn, 0}
	if r := c.call("sync", map[string]any{}); r.Error != nil {
		t.Fatal(r.Error)
	}
	for i := range 50 {
		want := fmt.Sprint("text ", strings.Repeat("x", i*300))
		if r := c.call("message.send", map[string]any{"room": "general", "text": want}); r.Error != nil {
			t.Fatal(r.Error)
		}
	}
	c.Put(wstest.Close(1000, ""))
	c.Closes("TLS", 1000)
}
