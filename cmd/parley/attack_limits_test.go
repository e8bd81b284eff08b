package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// guess is a log-in with a wrong password, by way of a proxy that says from
// where.
func guess(t *testing.T, p *process, name, from string) answer {
	t.Helper()
	return ask(t, p, "POST", "/api/v1/sessions",
		fmt.Sprintf(`{"name":%q,"password":"wrong password"}`, name), "X-Forwarded-For", from)
}

// TestAttackGuesses: guesses count for the account wherever they come from and
// whichever node they go to, and for the address whatever accounts they are
// about. Who waits is told how long.
func TestAttackGuesses(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		for i := range chat.DefaultLimits.Guesses.Limit {
			if a := guess(t, at(i), "Pablo", fmt.Sprint("198.51.100.", i)); a.status != 401 {
				t.Fatalf("guess %d: %d %s", i, a.status, a.body)
			}
		}
		for i, name := range []string{"pablo", "PABLO", " Pablo ", "Ｐａｂｌｏ"} { // the same account
			a := guess(t, at(i), name, "198.51.100.99")
			if a.status != 429 || a.header.Get("Retry-After") == "" ||
				!strings.Contains(a.body, "rate_limited") {
				t.Errorf("a guess too many, as %q, on node %d: %d %s", name, i%2, a.status, a.body)
			}
		}
		if a := guess(t, at(1), "Joe", "198.51.100.99"); a.status != 401 {
			t.Errorf("somebody else's account: %d %s", a.status, a.body)
		}
		known, unknown := guess(t, at(0), "Joe", "198.51.100.99"),
			guess(t, at(0), "Nobody at all", "198.51.100.99")
		if known.status != 401 || known.body != unknown.body {
			t.Errorf("of somebody: %s; of nobody: %s", known.body, unknown.body)
		}
	}, "--proxies=127.0.0.1")
}

// TestAttackAddress: a proxy that is trusted names the address; rotation inside
// an IPv6 network of 64 bits brings nothing.
func TestAttackAddress(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		for i := range 5 {
			if a := guess(t, at(i), fmt.Sprint("user", i),
				fmt.Sprintf("2001:db8:1:2:%x::%x", i+1, i)); a.status != 401 {
				t.Fatalf("guess %d: %d %s", i, a.status, a.body)
			}
		}
		for i, from := range []string{"2001:db8:1:2:ffff::1", "2001:db8:1:2::",
			"1.1.1.1, 2001:db8:1:2::77", "2001:db8:1:2::1%eth0"} {
			if a := guess(t, at(i), "other", from); a.status != 429 {
				t.Errorf("from %s on node %d: %d", from, i%2, a.status)
			}
		}
		for _, from := range []string{"2001:db8:1:3::1", "198.51.100.7"} {
			if a := guess(t, at(0), "other", from); a.status != 401 {
				t.Errorf("from elsewhere, %s: %d %s", from, a.status, a.body)
			}
		}
	}, "--proxies=127.0.0.1", "--max-logins=5")
}

// TestAttackForgedAddress: without a trusted proxy nothing that a client says
// of their address counts.
func TestAttackForgedAddress(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		for i := range 5 {
			if a := guess(t, at(i), fmt.Sprint("user", i), fmt.Sprint("198.51.100.", i)); a.status != 401 {
				t.Fatalf("guess %d: %d %s", i, a.status, a.body)
			}
		}
		for i, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip",
			"Cf-Connecting-Ip"} {
			value := "203.0.113.9"
			if name == "Forwarded" {
				value = "for=203.0.113.9"
			}
			a := ask(t, at(i), "POST", "/api/v1/sessions",
				`{"name":"other","password":"wrong password"}`, name, value)
			if a.status != 429 {
				t.Errorf("with %s on node %d: %d", name, i%2, a.status)
			}
		}
	}, "--max-logins=5")
}

// TestAttackFlood: sends and calls are counted for the person, over both
// transports and all nodes together.
func TestAttackFlood(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		var eve chat.LoggedInOutput // the others have said things in the demo
		if _, err := call(t.Context(), at(0).URL, "POST", "/accounts", "",
			map[string]string{"name": "Eve", "password": "password123"}, &eve); err != nil {
			t.Fatal(err)
		}
		s, _ := open(t, at(1), eve.Token)
		allowed, limited := chat.DefaultLimits.Sends.Limit, 0
		for i := range allowed + 6 {
			var err error
			if i%2 == 0 {
				err = s.Call(t.Context(), "message.send",
					map[string]any{"room": chat.GeneralID, "text": "x"}, nil)
			} else {
				_, err = call(t.Context(), at(i/2).URL, "POST", "/rooms/general/messages",
					eve.Token, map[string]string{"text": "x"}, nil)
			}
			if err != nil && !strings.Contains(err.Error(), "rate_limited") {
				t.Fatal(err)
			}
			if err != nil {
				limited++
			}
		}
		if limited != 6 {
			t.Errorf("of %d sends %d were refused, where %d are allowed", allowed+6, limited, allowed)
		}
		if _, err := call(t.Context(), at(0).URL, "POST", "/rooms/general/messages",
			at(1).logIn("Mary"), map[string]string{"text": "x"}, nil); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	}, "--sign-up=open")
}

// TestAttackForeignPage tries all transports as a foreign page would: with the
// person's cookie.
func TestAttackForeignPage(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		origin := func(p *process) string { return p.URL }
		in := ask(t, at(0), "POST", "/api/v1/sessions", `{"name":"Joe","password":"password123"}`,
			"Parley-Cookie", "set", "Origin", origin(at(0)), "Cookie", "parley=planted")
		cookies, err := http.ParseSetCookie(in.header.Get("Set-Cookie"))
		if err != nil || in.status != 201 || cookies.Value == "planted" ||
			strings.Contains(in.body, cookies.Value) {
			t.Fatalf("log in: %d, %v", in.status, err)
		}
		cookie := cookies.Name + "=" + cookies.Value
		again := ask(t, at(1), "PUT", "/api/v1/account/password",
			`{"old":"password123","new":"password1234"}`, "Cookie", cookie, "Origin", origin(at(1)))
		fresh, err := http.ParseSetCookie(again.header.Get("Set-Cookie"))
		if err != nil || fresh.Value == cookies.Value {
			t.Fatalf("a new password keeps the session: %d %v", again.status, err)
		}
		if a := ask(t, at(0), "GET", "/api/v1/account", "", "Cookie", cookie); a.status != 401 {
			t.Errorf("the cookie from before the new password: %d", a.status)
		}
		cookie = fresh.Name + "=" + fresh.Value
		for i := range 2 {
			p := at(i)
			for _, from := range []string{"https://evil.example", "null", p.URL + ".evil.example",
				strings.Replace(p.URL, "http", "https", 1), "http://127.0.0.1:1"} {
				if a := ask(t, p, "POST", "/api/v1/rooms/general/messages", `{"text":"x"}`,
					"Cookie", cookie, "Origin", from); a.status != 403 ||
					a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("a message from %s: %d", from, a.status)
				}
				if a := ask(t, p, "GET", "/api/v1/account", "", "Cookie", cookie, "Origin",
					from); a.header.Get("Access-Control-Allow-Origin")+a.header.Get(
					"Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s may read the answer: %v", from, a.header)
				}
				a := ask(t, p, "OPTIONS", "/api/v1/rooms/general/messages", "", "Origin", from,
					"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
				if a.header.Get("Access-Control-Allow-Origin")+a.header.Get(
					"Access-Control-Allow-Headers")+a.header.Get("Access-Control-Allow-Methods") != "" {
					t.Errorf("%s is allowed to ask: %v", from, a.header)
				}
				upgrade := []string{"Cookie", cookie, "Origin", from, "Connection", "Upgrade",
					"Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key",
					"dGhlIHNhbXBsZSBub25jZQ=="}
				for _, path := range []string{"/api/v1/ws", "/socket.io/?EIO=4&transport=websocket"} {
					if a := ask(t, p, "GET", path, "", upgrade...); a.status != 403 {
						t.Errorf("an upgrade of %s from %s: %d", path, from, a.status)
					}
				}
				if a := ask(t, p, "GET", "/socket.io/?EIO=4&transport=polling", "", "Cookie",
					cookie, "Origin", from); a.status != 403 {
					t.Errorf("polling from %s: %d", from, a.status)
				}
			}
			for _, path := range []string{"/api/v1/account?token=", "/api/v1/ws?ticket=",
				"/socket.io/?EIO=4&transport=polling&token=", "/metrics?token="} {
				if a := ask(t, p, "GET", path+fresh.Value, ""); a.status != 401 {
					t.Errorf("a token in %s: %d", path, a.status)
				}
			}
			for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/admin",
				"/api/v1/admin", "/.git/config", "/parley.db"} {
				if a := ask(t, p, "GET", path, "", "Authorization",
					"Bearer "+fresh.Value); a.status != 403 && a.status != 404 ||
					path != "/metrics" && a.status != 404 {
					t.Errorf("%s to a member: %d", path, a.status)
				}
			}
		}
	})
}
