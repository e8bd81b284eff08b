package ws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// TestOrigins: which pages may use a person's cookie.
func TestOrigins(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.policy.Origins = []string{"https://app.example.com"} })
	token := f.person("Pablo")
	host := f.http.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(host)
	cookie := "parley=" + token
	for name, c := range map[string]struct {
		origin []string // nil for none
		cookie bool
		status int
	}{
		"our own":                      {[]string{"http://" + host}, true, 101},
		"an allowed one":               {[]string{"https://app.example.com"}, true, 101},
		"none":                         {nil, true, 403},
		"null":                         {[]string{"null"}, true, 403},
		"empty":                        {[]string{""}, true, 403},
		"foreign":                      {[]string{"http://evil.example"}, true, 403},
		"our host, another port":       {[]string{"http://127.0.0.1:1"}, true, 403},
		"our host, no port":            {[]string{"http://127.0.0.1"}, true, 403},
		"our host, another scheme":     {[]string{"https://" + host}, true, 403},
		"our host as a prefix":         {[]string{"http://" + host + ".evil.example"}, true, 403},
		"our host as a suffix":         {[]string{"http://evil" + host}, true, 403},
		"our host as a user":           {[]string{"http://" + host + "@evil.example"}, true, 403},
		"another name for our host":    {[]string{"http://localhost:" + port}, true, 403},
		"a path":                       {[]string{"http://" + host + "/"}, true, 403},
		"the allowed one, other case":  {[]string{"HTTPS://APP.EXAMPLE.COM"}, true, 403},
		"the allowed one, plain":       {[]string{"http://app.example.com"}, true, 403},
		"the allowed one as a prefix":  {[]string{"https://app.example.com.evil.example"}, true, 403},
		"the allowed one, below it":    {[]string{"https://sub.app.example.com"}, true, 403},
		"two":                          {[]string{"http://" + host, "http://evil.example"}, true, 403},
		"two in one":                   {[]string{"http://" + host + ", http://evil.example"}, true, 403},
		"foreign, nothing brought":     {[]string{"http://evil.example"}, false, 403},
		"none, nothing brought":        {nil, false, 101},
		"our own, nothing brought yet": {[]string{"http://" + host}, false, 101},
	} {
		h := http.Header{}
		if c.origin != nil {
			h["Origin"] = c.origin
		}
		if c.cookie {
			h.Set("Cookie", cookie)
		}
		res, conn, _ := f.upgrade("/api/v1/ws", h)
		if res.StatusCode != c.status {
			t.Errorf("origin %s: %s, want %d", name, res.Status, c.status)
		}
		conn.Close()
	}
	// A program's token needs no origin; Sec-Fetch-Site alone is none.
	res, conn, _ := f.upgrade("/api/v1/ws", bearer(token))
	if conn.Close(); res.StatusCode != 101 {
		t.Errorf("bearer: %s", res.Status)
	}
	res, conn, _ = f.upgrade("/api/v1/ws", http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-origin"}})
	if conn.Close(); res.StatusCode != 403 {
		t.Errorf("cookie with Sec-Fetch-Site: %s", res.Status)
	}
}

func TestUpgradeRefuses(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
	}{
		"a token in the URL":         {"/api/v1/ws?token=" + token, nil, 401},
		"an access_token in the URL": {"/api/v1/ws?access_token=" + token, bearer(token), 401},
		"a ticket in the URL":        {"/api/v1/ws?ticket=x", nil, 401},
		"TOKEN in the URL":           {"/api/v1/ws?TOKEN=" + token, nil, 401},
		"a wrong token":              {"/api/v1/ws", bearer("wrong"), 401},
		"a long token":               {"/api/v1/ws", bearer(strings.Repeat("x", 3000)), 401},
		"Bearer without a token":     {"/api/v1/ws", http.Header{"Authorization": {"Bearer"}}, 401},
		"no Upgrade":                 {"/api/v1/ws", http.Header{"Upgrade": nil}, 400},
		"another Upgrade":            {"/api/v1/ws", http.Header{"Upgrade": {"h2c"}}, 400},
		"no Connection":              {"/api/v1/ws", http.Header{"Connection": nil}, 400},
		"no key":                     {"/api/v1/ws", http.Header{"Sec-Websocket-Key": nil}, 400},
		"a short key":                {"/api/v1/ws", http.Header{"Sec-Websocket-Key": {"AAAA"}}, 400},
		"version 8":                  {"/api/v1/ws", http.Header{"Sec-Websocket-Version": {"8"}}, 426},
		"no version":                 {"/api/v1/ws", http.Header{"Sec-Websocket-Version": nil}, 400},
	} {
		res, conn, in := f.upgrade(c.path, c.header)
		if res.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", name, res.Status, c.status)
		}
		// these are no requests that another could follow: the connection is
		// not kept open
		if c.status != 401 {
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, in); err != nil {
				t.Errorf("%s: the connection is kept: %v", name, err)
			}
		}
		conn.Close()
	}
	eventually(t, "every refused connection to be forgotten", func() bool { return f.hub.Stats().Conns == 0 })
}

func TestUpgradeAnswers(t *testing.T) {
	f := newFixture(t, nil)
	for offered, want := range map[string]string{"": "", "parley.v1": "parley.v1",
		"chat, parley.v1": "parley.v1", "chat": ""} {
		h := http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}}
		if offered != "" {
			h.Set("Sec-WebSocket-Protocol", offered)
		}
		res, conn, _ := f.upgrade("/api/v1/ws", h)
		if got := res.Header.Get("Sec-WebSocket-Protocol"); res.StatusCode != 101 || got != want {
			t.Errorf("offered %q: %s, subprotocol %q, want %q", offered, res.Status, got, want)
		}
		// of RFC 6455's example key
		if res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("accept %q", res.Header.Get("Sec-WebSocket-Accept"))
		}
		if ext := res.Header.Get("Sec-WebSocket-Extensions"); ext != "" {
			t.Errorf("extensions %q: there is no compression", ext)
		}
		conn.Close()
	}
}

// TestAuthenticate logs in on the socket: in the first request, or even without
// an account before.
func TestAuthenticate(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	c := f.dial("")
	for _, method := range []string{"sync", "account.get", "message.send", "room.list"} {
		if r := c.call(method, map[string]any{}); r.Error == nil || r.Error.Code != -32001 {
			t.Errorf("%s before logging in: %+v", method, r)
		}
	}
	if r := c.call("server.info", map[string]any{}); r.Error != nil {
		t.Errorf("server.info: %+v", r.Error)
	}
	c.lives("before logging in")
	if r := c.call("authenticate", map[string]any{"token": "wrong"}); r.Error == nil ||
		r.Error.Code != -32001 {
		t.Errorf("a wrong token: %+v", r)
	}
	if r := c.call("authenticate", map[string]any{"token": token, "more": 1}); r.Error == nil ||
		r.Error.Code != -32602 {
		t.Errorf("an unknown field: %+v", r)
	}
	var me chat.MeOutput
	if r := c.call("authenticate", map[string]any{"token": token}); r.Error != nil ||
		json.Unmarshal(r.Result, &me) != nil || me.User.Name != "Pablo" || me.Session.ID == "" {
		t.Fatalf("authenticate: %+v, %s", r.Error, r.Result)
	}
	if r := c.call("authenticate", map[string]any{"token": token}); r.Error == nil || r.Error.Code != -32009 {
		t.Errorf("again: %+v", r)
	}
	if r := c.call("sync", map[string]any{}); r.Error != nil {
		t.Errorf("sync: %+v", r.Error)
	}

	// Sign up, log in and go on, all on one socket.
	c = f.dial("")
	var out chat.LoggedInOutput
	if r := c.call("account.create",
		map[string]any{"name": "Mary", "password": "password123"}); r.Error != nil ||
		json.Unmarshal(r.Result, &out) != nil || out.Token == "" {
		t.Fatalf("account.create: %+v", r.Error)
	}
	if r := c.call("authenticate", map[string]any{"token": out.Token}); r.Error != nil {
		t.Errorf("authenticate after account.create: %+v", r.Error)
	}
}

func TestTooMany(t *testing.T) {
	f := newFixture(t, func(s *settings) {
		s.hub.MaxUserConns = 3
		s.live.MaxUnauthenticated, s.live.MaxFrames = 50, 40
	})
	pablo, mary := f.person("Pablo"), f.person("Mary")
	var mine []*client
	for range 3 {
		c := f.dial(pablo)
		c.lives("of three")
		mine = append(mine, c)
	}
	res, conn, _ := f.upgrade("/api/v1/ws", bearer(pablo))
	if conn.Close(); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("a fourth socket of one person: %s, retry after %q", res.Status,
			res.Header.Get("Retry-After"))
	}
	late := f.dial("")
	if r := late.call("authenticate", map[string]any{"token": pablo}); r.Error == nil ||
		r.Error.Code != -32029 {
		t.Errorf("a fourth socket that authenticates later: %+v", r)
	}
	late.conn.Close()
	f.dial(mary).lives("another person")
	mine[0].conn.Close()
	eventually(t, "a place to come free", func() bool {
		res, conn, _ := f.upgrade("/api/v1/ws", bearer(pablo))
		conn.Close()
		return res.StatusCode == 101
	})
	// Unauthenticated clients of one address have a bound of their own.
	for range 5 {
		eventually(t, "an unauthenticated client to be let in", func() bool {
			res, conn, _ := f.upgrade("/api/v1/ws", nil)
			if t.Cleanup(func() { conn.Close() }); res.StatusCode != 101 {
				conn.Close()
			}
			return res.StatusCode == 101
		})
	}
	res, conn, _ = f.upgrade("/api/v1/ws", nil)
	if conn.Close(); res.StatusCode != 429 {
		t.Errorf("a sixth unauthenticated client of one address: %s", res.Status)
	}
	flood := f.dial(mary)
	for range 41 {
		flood.write(text(pingText))
	}
	flood.closes("Too many frames", 4003)
	empty := f.dial(mary)
	empty.write(frame(1, nil), bytes.Repeat(frame(0, nil), 41))
	empty.closes("too many empty fragments", 4003)
}

// TestSlowloris: who sends slowly does not stay.
func TestSlowloris(t *testing.T) {
	f := newFixture(t, func(s *settings) {
		s.live.AuthTimeout, s.ws.Heartbeat = 150*time.Millisecond,
			200*time.Millisecond
	})
	token := f.person("Pablo")

	conn, err := net.Dial("tcp", f.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nUpgr")
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("an upgrade that is never finished: %v, want its end", err)
	}

	half := f.dial(token)
	half.write(text(pingText)[:9])
	half.closes("a frame that is never finished", 1012)

	bytewise := f.dial(token)
	sent := make(chan struct{})
	go func() { // never silent, and the frame is whole only after minutes
		defer close(sent)
		for _, b := range text(strings.Repeat(" ", 10_000)) {
			if _, err := bytewise.conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // the pace is what is tested
		}
	}()
	_, _, err = bytewise.read()
	for ; err == nil; _, _, err = bytewise.read() {
	}
	if e, ok := errors.AsType[*closeError](err); !ok || e.code != 1012 {
		t.Errorf("a frame byte by byte: %v", err)
	}
	bytewise.conn.Close()
	<-sent

	drip := f.dial(token)
	done := make(chan struct{})
	go func() { // a fragment now and then: never silent, never done
		defer close(done)
		for _, err := drip.conn.Write(frame(1, nil)); err == nil; time.Sleep(20 * time.Millisecond) {
			_, err = drip.conn.Write(frame(0, nil))
		}
	}()
	_, _, err = drip.read()
	for ; err == nil; _, _, err = drip.read() {
	}
	if e, ok := errors.AsType[*closeError](err); !ok || e.code != 1012 {
		t.Errorf("empty fragments without end: %v", err)
	}
	drip.conn.Close()
	<-done

	dead := f.dial(token) // does not answer pings
	pinged := false
	for {
		op, _, err := dead.read()
		pinged = pinged || op == 9
		if err != nil {
			if e, ok := err.(*closeError); !ok || e.code != 1012 || !pinged {
				t.Errorf("a dead client: %v, pinged: %v", err, pinged)
			}
			break
		}
	}
	alive := f.dial(token) // does
	for range 4 {
		op, payload, err := alive.read()
		if op != 9 || err != nil {
			t.Fatalf("opcode %d, %v, want a ping", op, err)
		}
		alive.write(frame(fin|10, payload))
	}
	alive.lives("somebody who answers pings")
}

// TestSteadyStream: a client whose frames never end together with what is read
// has finished each of them.
func TestSteadyStream(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.live.AuthTimeout = 100 * time.Millisecond })
	c := f.dial(f.person("Pablo"))
	go func() {
		one := text(pingText)
		c.conn.Write(one[:5])
		for range 60 {
			c.conn.Write(append(append([]byte(nil), one[5:]...), one[:5]...))
			time.Sleep(5 * time.Millisecond) // the pace is what is tested
		}
		c.conn.Write(one[5:])
	}()
	for i := range 61 {
		if r, err := c.get(); err != nil || r.Error != nil {
			t.Fatalf("answer %d: %+v, %v", i, r.Error, err)
		}
	}
}

// TestTLS: sockets that cannot be read directly work the same.
func TestTLS(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.tls = true })
	token := f.person("Pablo")
	d := gobwas.Dialer{Header: gobwas.HandshakeHeaderHTTP(bearer(token)),
		TLSConfig: f.http.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
	d.TLSConfig.NextProtos = nil
	conn, _, _, err := d.Dial(t.Context(), strings.Replace(f.http.URL, "https", "wss", 1)+"/api/v1/ws")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn, in: newBuffered(conn)}
	if r := c.call("sync", map[string]any{}); r.Error != nil {
		t.Fatal(r.Error)
	}
	for i := range 50 {
		want := fmt.Sprint("text ", strings.Repeat("x", i*300))
		if r := c.call("message.send", map[string]any{"room": "general", "text": want}); r.Error != nil {
			t.Fatal(r.Error)
		}
	}
	c.write(wstest.Close(1000, ""))
	c.closes("TLS", 1000)
}
