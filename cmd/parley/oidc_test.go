package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/oidc/oidctest"
)

// TestProviderOnNodes: a log-in at a provider begins on one node and ends on
// another, with passwords off. When the person logs out there, their sockets
// close on every node within a second.
func TestProviderOnNodes(t *testing.T) {
	provider := oidctest.New(t, time.Now, oidctest.Claims{"sub": "1", "name": "Ada", "sid": "s"})
	file := filepath.Join(t.TempDir(), "oidc.toml")
	secret := filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{secret: oidctest.Secret, file: "only = true\n[[provider]]\n" +
		"id = \"company\"\nname = \"Company\"\nissuer = \"" + provider.URL + "\"\nclient-id = \"" +
		oidctest.ClientID + "\"\nclient-secret-file = \"" + secret + "\"\nsign-up = true\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	onStores(t, func(t *testing.T, at func(int) *process) {
		if a := ask(t, at(0), "POST", "/api/v1/sessions", `{"name":"Pablo","password":"password123"}`); a.status !=
			http.StatusForbidden {
			t.Errorf("a password opens a session: %d", a.status)
		}
		begun := ask(t, at(0), "POST", "/oidc/company/log-in", "{}", "Origin", at(0).URL)
		address, ok := strings.CutPrefix(strings.TrimSpace(begun.body), `{"url":"`)
		if !ok {
			t.Fatalf("%d %s", begun.status, begun.body)
		}
		address = strings.ReplaceAll(strings.TrimSuffix(address, `"}`), `\u0026`, "&")
		cookie, _, _ := strings.Cut(begun.header.Get("Set-Cookie"), ";")
		back := provider.Authorize(address)
		ended := ask(t, at(1), "GET", back.RequestURI(), "", "Cookie", cookie)
		if to := ended.header.Get("Location"); to != at(1).URL+"/" {
			t.Fatalf("%d, to %s", ended.status, to)
		}
		var token string
		for _, set := range ended.header.Values("Set-Cookie") {
			name, value, _ := strings.Cut(set, "=")
			if !strings.Contains(name, "log-in") {
				token, _, _ = strings.Cut(value, ";")
			}
		}
		var sockets []*client.Conn
		for i := range 2 {
			s, _ := open(t, at(i), token)
			sockets = append(sockets, s)
		}
		logout := provider.Sign(oidctest.Claims{"iss": provider.URL, "aud": oidctest.ClientID, "sid": "s",
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": t.Name(),
			"events": oidctest.Claims{"http://schemas.openid.net/event/backchannel-logout": struct{}{}}})
		if a := ask(t, at(0), "POST", "/oidc/company/logged-out", url.Values{"logout_token": {logout}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded"); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for _, s := range sockets {
			within(t, time.Second, "a socket to end", func() bool {
				select {
				case <-s.Done():
					return true
				default:
					return false
				}
			})
		}
	}, "--oidc", file)
}
