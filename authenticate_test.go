package parley_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley"
	"github.com/parley-chat/parley/kit/redistest"
)

// everywhere runs a test on the embedded store and on Redis.
func everywhere(t *testing.T, test func(t *testing.T, o parley.Options)) {
	t.Run("embedded", func(t *testing.T) { test(t, parley.Options{}) })
	t.Run("redis", func(t *testing.T) { test(t, parley.Options{Store: redistest.StartTCP(t).URL()}) })
}

func TestAuthenticate(t *testing.T) {
	everywhere(t, func(t *testing.T, o parley.Options) {
		p := embed(t, o)
		if got := p.do("GET", "/api/v1/account", "", ""); got.status != 401 {
			t.Errorf("nobody: %+v", got)
		}
		p.logIn("a", parley.User{ID: "1", Name: "Ada", Role: parley.Owner})
		p.logIn("b", parley.User{ID: "2", Name: "Ada"})
		if id, name, role := p.me("a"); id != parley.UserIDFor("1") || name != "Ada" || role != parley.Owner {
			t.Errorf("%s %q %s", id, name, role)
		}
		if id, name, role := p.me("b"); id != parley.UserIDFor("2") || name != "Ada-2" ||
			role != parley.Member {
			t.Errorf("%s %q %s", id, name, role)
		}
		sent := p.do("POST", "/api/v1/rooms/general/messages", "a", `{"text":"hello"}`)
		if sent.status != 201 || len(sent.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%+v", sent)
		}
		conn, status := p.dial("a", p.http.URL)
		if status != 0 {
			t.Fatalf("refused with %d", status)
		}
		if got := p.call(conn, "account.get"); !strings.Contains(got, string(parley.UserIDFor("1"))) {
			t.Errorf("over the socket: %s", got)
		}

		// What the program says counts with the next request: a new name,
		// another role, somebody else in the same browser, nobody.
		p.logIn("a", parley.User{ID: "1", Name: "Ada Lovelace", Role: parley.Guest})
		if id, name, role := p.me("a"); id != parley.UserIDFor("1") || name != "Ada Lovelace" ||
			role != parley.Guest {
			t.Errorf("%s %q %s", id, name, role)
		}
		p.logIn("a", parley.User{ID: "3", Name: "Bob"})
		if id, name, _ := p.me("a"); id != parley.UserIDFor("3") || name != "Bob" {
			t.Errorf("%s %q", id, name)
		}
		p.logIn("a", parley.User{})
		if id, _, _ := p.me("a"); id != "" {
			t.Errorf("logged out, and still %s", id)
		}
	})
}

// TestForeignPages: the program's cookie is sent by browsers wherever a request
// comes from.
func TestForeignPages(t *testing.T) {
	p := embed(t, parley.Options{Origins: []string{"https://friend.example"}})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	send := func(headers ...string) int {
		return p.do("POST", "/api/v1/rooms/general/messages", "a", `{"text":"hello"}`, headers...).status
	}
	for origin, want := range map[string]int{"https://evil.example": 403, "null": 403, "": 403,
		p.http.URL: 201, "https://friend.example": 201} {
		if got := send("Origin", origin); got != want {
			t.Errorf("sending from %q: %d", origin, got)
		}
		if origin == "" {
			continue
		}
		if _, got := p.dial("a", origin); (got == 0) != (want == 201) {
			t.Errorf("a socket from %q: %d", origin, got)
		}
		// The Socket.IO handler.
		if got := p.do("GET", "/socket.io/?EIO=4&transport=polling", "a", "", "Origin",
			origin).status; (got == 200) != (want == 201) {
			t.Errorf("Socket.IO from %q: %d", origin, got)
		}
	}
	// What belongs to the chat without the program does not count beside it.
	if got := p.do("GET", "/api/v1/account", "", "", "Cookie", "parley="+p.token("a")); got.status != 401 {
		t.Errorf("with the chat's own cookie: %d", got.status)
	}
	// Passwords and signing up are not there.
	for path, body := range map[string]string{"/sessions": `{"name":"Ada","password":"password123"}`, "/accounts": `{"name":"Eve","password":"password123"}`} {
		if got := p.do("POST", "/api/v1"+path, "", body, "Parley-Cookie", "set"); got.status != 403 {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

// token makes a token for a program of somebody's.
func (p *program) token(cookie string) string {
	p.t.Helper()
	made := p.do("POST", "/api/v1/tokens", cookie, `{"name":"backup","scopes":["read"]}`)
	_, rest, _ := strings.Cut(made.body, `"token":"`)
	token, _, ok := strings.Cut(rest, `"`)
	if made.status != 201 || !ok {
		p.t.Fatalf("%+v", made)
	}
	return token
}

func TestTokensForPrograms(t *testing.T) {
	p := embed(t, parley.Options{})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	token := p.token("a")
	get := func() int {
		return p.do("GET", "/api/v1/account", "", "", "Authorization", "Bearer "+token).status
	}
	if got := get(); got != 200 {
		t.Errorf("with a token: %d", got)
	}
	if err := p.chat.Revoke(t.Context(), parley.UserIDFor("1")); err != nil || get() != 200 {
		t.Errorf("after a log-out: %v", err)
	}
	if err := p.chat.Disable(t.Context(), parley.UserIDFor("1")); err != nil || get() != 401 {
		t.Errorf("disabled: %v", err)
	}
	// A program's own scheme is none of the chat's business.
	p.logIn("b", parley.User{ID: "2", Name: "Bob"})
	if got := p.do("GET", "/api/v1/account", "b", "", "Authorization", "Basic Ym9iOng=").status; got != 200 {
		t.Errorf("Basic: %d", got)
	}
}

func TestRevoke(t *testing.T) {
	everywhere(t, func(t *testing.T, o parley.Options) {
		p := embed(t, o)
		at := []*program{p}
		if o.Store != "" { // sockets of other nodes close too
			at = append(at, embed(t, o))
		}
		for _, p := range at {
			p.logIn("a", parley.User{ID: "1", Name: "Ada"})
			p.logIn("b", parley.User{ID: "2", Name: "Bob"})
		}
		for round := range 3 {
			for _, there := range at {
				conn, _ := there.dial("a", there.http.URL)
				other, _ := there.dial("b", there.http.URL)
				p.call(conn, "account.get")
				for _, p := range at {
					p.logIn("a", parley.User{})
				}
				start := time.Now()
				if err := p.chat.Revoke(t.Context(), parley.UserIDFor("1")); err != nil {
					t.Fatal(err)
				}
				if code := closed(t, conn); code != 4001 {
					t.Errorf("round %d: closed with %d", round, code)
				}
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("round %d: closed after %v", round, took)
				}
				p.call(other, "account.get")
				if id, _, _ := there.me("a"); id != "" {
					t.Errorf("round %d: still %s", round, id)
				}
				for _, p := range at { // and in again
					p.logIn("a", parley.User{ID: "1", Name: "Ada"})
				}
				if id, _, _ := there.me("a"); id != parley.UserIDFor("1") {
					t.Errorf("round %d: %q", round, id)
				}
			}
		}
		if err := p.chat.Revoke(t.Context(), parley.UserIDFor("nobody")); err != nil {
			t.Error(err)
		}
	})
}

// TestLogOutInBetween has somebody log out after the program was asked, and
// before the session was there that Revoke would end.
func TestLogOutInBetween(t *testing.T) {
	p := embed(t, parley.Options{})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	var once sync.Once
	p.mu.Lock()
	p.asked = func() {
		once.Do(func() {
			p.logIn("a", parley.User{})
			if err := p.chat.Revoke(t.Context(), parley.UserIDFor("1")); err != nil {
				t.Error(err)
			}
		})
	}
	p.mu.Unlock()
	if id, _, _ := p.me("a"); id != "" {
		t.Errorf("let in as %s", id)
	}
}

func TestDisable(t *testing.T) {
	p := embed(t, parley.Options{})
	ada := parley.UserIDFor("1")
	if err := p.chat.Disable(t.Context(), ada); !errors.Is(err, parley.ErrNotFound) {
		t.Errorf("who was never here: %v", err)
	}
	if got, err := p.chat.UpsertUser(t.Context(), parley.User{ID: "1", Name: "Ada"}); err != nil ||
		got != ada {
		t.Fatalf("%s, %v", got, err)
	}
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	conn, _ := p.dial("a", p.http.URL)
	p.call(conn, "account.get")
	if err := p.chat.Disable(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	if code := closed(t, conn); code != 4001 {
		t.Errorf("closed with %d", code)
	}
	if got := p.do("GET", "/api/v1/account", "a", ""); got.status != 403 ||
		!strings.Contains(got.body, "disabled") {
		t.Errorf("%+v", got)
	}
	if _, status := p.dial("a", p.http.URL); status != 403 {
		t.Errorf("a socket: %d", status)
	}
	if err := p.chat.Enable(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	if id, _, _ := p.me("a"); id != ada {
		t.Errorf("%q", id)
	}
}

func TestProgramInTrouble(t *testing.T) {
	p := embed(t, parley.Options{})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	p.me("a")
	p.mu.Lock()
	p.fault = errors.New("the database of people is away: secret details")
	p.mu.Unlock()
	got := p.do("GET", "/api/v1/account", "a", "")
	if got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "secret") {
		t.Errorf("%+v", got)
	}
	if got := p.do("GET", "/sw.js", "a", ""); got.status != 200 {
		t.Errorf("the client's files need nobody: %d", got.status)
	}
}

// TestRecheck has a session end by itself: its socket closes, and the next one
// asks the program.
func TestRecheck(t *testing.T) {
	p := embed(t, parley.Options{Recheck: 2 * time.Second})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	conn, _ := p.dial("a", p.http.URL)
	p.logIn("a", parley.User{}) // and nobody calls Revoke
	if code := closed(t, conn); code != 1008 {
		t.Errorf("closed with %d", code)
	}
}

func TestPages(t *testing.T) {
	p := embed(t, parley.Options{})
	for _, path := range []string{"/", "/index.html"} {
		if got := p.do("GET", path, "", ""); got.status != http.StatusSeeOther ||
			got.header.Get("Location") != "/login" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s for nobody: %+v", path, got)
		}
	}
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	if got := p.do("GET", "/", "a", ""); got.status != 200 || !strings.Contains(got.body, "<title>") {
		t.Errorf("for Ada: %+v", got)
	}
	got := p.do("GET", "/api/v1/server", "", "")
	if got.status != 200 || !strings.Contains(got.body, `"external":true,"log_in":"/login"`) {
		t.Errorf("%+v", got)
	}
}

// TestEncrypted has the chat behind a server that speaks HTTP/2, as one that
// encrypts does by itself.
func TestEncrypted(t *testing.T) {
	p := embed(t, parley.Options{})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.http.Config.Handler.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	send := func(origin string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST",
			server.URL+below+"/api/v1/rooms/general/messages", strings.NewReader(`{"text":"hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", origin)
		req.Header.Set("Cookie", "program=a")
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	if res := send(server.URL); res.StatusCode != 201 || res.ProtoMajor != 2 {
		t.Errorf("%s %s", res.Proto, res.Status)
	}
	if res := send(strings.Replace(server.URL, "https", "http", 1)); res.StatusCode != 403 {
		t.Errorf("from a page that is not encrypted: %s", res.Status)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	d := ws.Dialer{TLSConfig: &tls.Config{RootCAs: roots},
		Header: ws.HandshakeHeaderHTTP{"Cookie": {"program=a"}, "Origin": {server.URL}}}
	conn, _, _, err := d.Dial(t.Context(), strings.Replace(server.URL, "https", "wss", 1)+below+"/api/v1/ws")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if got := p.call(conn, "account.get"); !strings.Contains(got, string(parley.UserIDFor("1"))) {
		t.Error(got)
	}
}
