package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/oidc/oidctest"
)

func TestLogIn(t *testing.T) {
	f := newFixture(t, "sign-up = true\n[provider.roles]\nbosses = \"admin\"\nvisitors = \"guest\"\n")
	b := f.browser()
	if at := b.logIn(); at != address+"/#/r/general" {
		t.Fatalf("sent to %s\n%s", at, f.log)
	}
	first := b.user()
	if first.Name != "Ada" || first.Role != chat.RoleMember {
		t.Errorf("%+v", first)
	}
	if _, err := f.Store.Member(t.Context(), chat.GeneralID, first.ID); err != nil {
		t.Errorf("not in General: %v", err)
	}
	for _, c := range []struct {
		what   string
		claims oidctest.Claims
		name   string
		role   chat.Role
	}{
		{"another name", with(ada, "name", "Ada Lovelace"), "Ada Lovelace", chat.RoleMember},
		{"groups", with(ada, "groups", []string{"visitors", "bosses"}), "Ada", chat.RoleAdmin},
		{"one group", with(ada, "groups", "visitors"), "Ada", chat.RoleGuest},
		{"no more a group", ada, "Ada", chat.RoleMember},
	} {
		f.provider.Is(c.claims, nil)
		b := f.browser()
		b.logIn()
		if u := b.user(); u.ID != first.ID || u.Name != c.name || u.Role != c.role {
			t.Errorf("%s: %+v", c.what, u)
		}
	}
	// What the ID token leaves out is asked for.
	f.provider.Is(oidctest.Claims{"sub": "grace"}, oidctest.Claims{"sub": "grace", "name": "Grace",
		"groups": []string{"bosses"}})
	b = f.browser()
	b.logIn()
	if u := b.user(); u.Name != "Grace" || u.Role != chat.RoleAdmin {
		t.Errorf("%+v", u)
	}
	// A subject is one person at its issuer, whatever it is called.
	f.provider.Is(with(ada, "sub", "ada-2"), nil)
	b = f.browser()
	b.logIn()
	if u := b.user(); u.ID == first.ID || !strings.HasPrefix(u.Name, "Ada-") {
		t.Errorf("another Ada is %+v", u)
	}
}

// TestWrongAnswers has the provider, or somebody in its place, answer wrongly.
func TestWrongAnswers(t *testing.T) {
	f := newFixture(t, "sign-up = true\nallowed-groups = [\"staff\"]\n")
	makes := func(token func(oidctest.Claims, func(oidctest.Claims) string) string) func() {
		return func() { f.provider.Make(token) }
	}
	says := func(more ...any) func() {
		return makes(func(c oidctest.Claims, sign func(oidctest.Claims) string) string {
			return sign(with(c, more...))
		})
	}
	fails := func(path string, status int, body string) func() {
		return func() {
			f.provider.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != path {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				w.Write([]byte(body))
				return true
			})
		}
	}
	public := f.provider.Public()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the code goes to another host: %s", r.Method)
	}))
	t.Cleanup(elsewhere.Close)
	for _, c := range []struct {
		what, problem string
		set           func()
	}{
		{"wrong issuer", "untrusted", says("iss", "https://evil.example.com")},
		{"wrong audience", "untrusted", says("aud", "another")},
		{"for another client, which passes it on", "untrusted",
			says("aud", []string{"another", oidctest.ClientID}, "azp", "another")},
		{"for two clients, without saying for which", "untrusted",
			says("aud", []string{"another", oidctest.ClientID})},
		{"expired", "untrusted", says("exp", f.Now().Add(-time.Second).Unix())},
		{"of another log-in", "untrusted", says("nonce", "another")},
		{"of no log-in", "untrusted", says("nonce", nil)},
		{"nobody", "untrusted", says("sub", "")},
		{"of another access token", "untrusted", says("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")},
		{"unsigned", "untrusted", makes(func(c oidctest.Claims, sign func(oidctest.Claims) string) string {
			parts := strings.Split(sign(c), ".")
			return "eyJhbGciOiJub25lIn0." + parts[1] + "."
		})},
		{"with its signature cut off", "untrusted",
			makes(func(c oidctest.Claims, sign func(oidctest.Claims) string) string {
				token := sign(c)
				return token[:strings.LastIndex(token, ".")+1]
			})},
		{"signed with the public key as a secret", "untrusted",
			makes(func(c oidctest.Claims, _ func(oidctest.Claims) string) string {
				return oidctest.SignWith(t, jose.HS256, public, c)
			})},
		{"signed with somebody else's key", "untrusted",
			makes(func(c oidctest.Claims, _ func(oidctest.Claims) string) string {
				return oidctest.SignWith(t, jose.RS256, oidctest.Foreign(), c)
			})},
		{"no token at all", "misconfigured",
			makes(func(oidctest.Claims, func(oidctest.Claims) string) string { return "" })},
		{"somebody else's profile", "untrusted",
			func() { f.provider.Is(oidctest.Claims{"sub": "ada-1"}, with(ada, "sub", "joe")) }},
		{"in no allowed group", "not-allowed", func() { f.provider.Is(with(ada, "groups", "others"), nil) }},
		{"the client's secret is wrong", "misconfigured", fails("/token", 401, `{"error":"invalid_client"}`)},
		{"the code is over", "expired", fails("/token", 400, `{"error":"invalid_grant"}`)},
		{"in trouble", "unavailable", fails("/token", 503, `overloaded`)},
		{"nothing that can be read", "misconfigured", fails("/token", 200, `<html>`)},
		{"sent on elsewhere", "misconfigured", func() {
			f.provider.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" {
					http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
				}
				return r.URL.Path == "/token"
			})
		}},
	} {
		f.provider.Is(ada, nil)
		f.provider.Make(nil)
		f.provider.Fail(nil)
		c.set()
		b := f.browser()
		b.refused(c.what, b.logIn(), c.problem)
	}
	if users, err := f.Store.Users(t.Context(), "", 10); err != nil || len(users) > 0 {
		t.Errorf("there are accounts: %v, %v", users, err)
	}
}

// TestProviderRefuses: what the provider's page sends along becomes a sentence
// about whose fault it is.
func TestProviderRefuses(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	for code, problem := range map[string]string{"access_denied": "denied", "login_required": "denied",
		"temporarily_unavailable": "unavailable", "server_error": "unavailable",
		"invalid_scope": "misconfigured", "unauthorized_client": "misconfigured",
		"\r\nSet-Cookie: x=y": "misconfigured"} {
		b := f.browser()
		back := f.provider.Authorize(b.begin())
		q := back.Query()
		q.Del("code")
		q.Set("error", code)
		back.RawQuery = q.Encode()
		b.refused(code, b.finish(f.handler, back), problem)
	}
}

// TestForeignAnswers brings answers to a browser that did not ask for them.
func TestForeignAnswers(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	// A log-in is finished once.
	b := f.browser()
	back := f.provider.Authorize(b.begin())
	b.finish(f.handler, back)
	b.user()
	b.refusedAgain(back)
	// An attacker's own log-in, finished in the browser of another.
	attacker, victim := f.browser(), f.browser()
	victim.begin()
	back = f.provider.Authorize(attacker.begin())
	victim.refused("somebody else's log-in", victim.finish(f.handler, back), "expired")
	f.browser().refused("in a browser that never asked", f.browser().finish(f.handler, back), "expired")
	// It is not used up by that.
	attacker.finish(f.handler, back)
	attacker.user()
	// A stolen code in an attacker's own log-in.
	victim, attacker = f.browser(), f.browser()
	stolen := f.provider.Authorize(victim.begin()).Query().Get("code")
	back = f.provider.Authorize(attacker.begin())
	q := back.Query()
	q.Set("code", stolen)
	back.RawQuery = q.Encode()
	attacker.refused("a stolen code", attacker.finish(f.handler, back), "expired")
	// An answer of another provider, as after a mix-up.
	for _, iss := range []string{"https://evil.example.com", ""} {
		b := f.browser()
		back := f.provider.Authorize(b.begin())
		q := back.Query()
		q.Set("iss", iss)
		back.RawQuery = q.Encode()
		b.refused("from issuer "+iss, b.finish(f.handler, back), "untrusted")
	}
	// Too late.
	b = f.browser()
	back = f.provider.Authorize(b.begin())
	f.Wait(chat.PendingFor)
	b.refused("too late", b.finish(f.handler, back), "expired")
	// No state, no code.
	for _, query := range []string{"", "state=", "state=x", "state=x&code=y", "state=" + strings.Repeat("x", 5000)} {
		b := f.browser()
		b.begin()
		b.refused(query[:min(len(query), 20)],
			b.finish(f.handler, &url.URL{Path: "/oidc/company/callback", RawQuery: query}), "expired")
	}
}

// TestAnotherNode: a log-in ends on another node than it began on, or after a
// restart.
func TestAnotherNode(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	b := f.browser()
	back := f.provider.Authorize(b.begin())
	other := f.node()
	b.finish(other, back)
	b.user()
	b.refusedAgain(back)
}

// TestSeveralTabs: log-ins in several tabs do not disturb each other.
func TestSeveralTabs(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	b := f.browser()
	first, second := b.begin(), b.begin()
	b.finish(f.handler, f.provider.Authorize(second))
	b.user()
	b.refusedAgain(f.provider.Authorize(first))
}

func TestForeignPageBeginsNoLogIn(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	for _, origin := range []string{"https://evil.example.com", "null", ""} {
		r := newRequest(http.MethodPost, "/oidc/company/log-in", origin)
		if res := serve(f.handler, r); res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
			t.Errorf("from %q: %s", origin, res.Status)
		}
	}
	if res := serve(f.handler, newRequest(http.MethodGet, "/oidc/company/log-in", "")); res.StatusCode < 400 {
		t.Errorf("a link begins a log-in: %s", res.Status)
	}
}

// TestOpenRedirect: after a log-in, one is in the client, wherever a page says.
func TestOpenRedirect(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	for _, page := range []string{"https://evil.example.com", "//evil.example.com", "/\\\\evil.example.com",
		"#setup=x", "@evil.example.com", "#/r/x\\r\\nSet-Cookie: a=b", "javascript:alert(1)"} {
		b := f.browser()
		a := b.ask(f.handler, "/oidc/company/log-in", `{"page":"`+page+`"}`)
		if at := b.finish(f.handler, f.provider.Authorize(a.URL)); at != address+"/" {
			t.Errorf("%s: sent to %s", page, at)
		}
	}
}

// TestKeyRotation: a new key counts at once, and an old one no more when the
// provider was asked again.
func TestKeyRotation(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	b := f.browser()
	b.logIn()
	b.user()
	f.provider.Rotate()
	b = f.browser()
	b.logIn()
	b.user()
	// Keys that nobody knows do not make us ask without end.
	asked := 0
	f.provider.Fail(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/keys" {
			asked++
		}
		return false
	})
	f.provider.Make(func(c oidctest.Claims, _ func(oidctest.Claims) string) string {
		return oidctest.SignWith(t, jose.RS256, oidctest.Foreign(), c)
	})
	for range 30 {
		b := f.browser()
		b.refused("an unknown key", b.logIn(), "untrusted")
	}
	if asked > 20 {
		t.Errorf("the keys were fetched %d times", asked)
	}
}

// TestProviderDown: nobody waits for a provider that does not answer, and
// log-in works again when it does.
func TestProviderDown(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	asked := 0
	f.provider.Fail(func(w http.ResponseWriter, _ *http.Request) bool {
		asked++
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	b := f.browser()
	for range 5 {
		if a := b.ask(f.handler, "/oidc/company/log-in", ""); a.Problem != "unavailable" {
			t.Errorf("%+v", a)
		}
	}
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
	f.provider.Fail(nil)
	f.Wait(4 * time.Second)
	b.logIn()
	b.user()
}

// TestDiscovery wants a provider that describes itself wrongly to be refused.
func TestDiscovery(t *testing.T) {
	for what, meta := range map[string]oidctest.Claims{
		"another issuer":       {"issuer": "https://evil.example.com"},
		"a log-in page":        {"authorization_endpoint": "javascript:alert(1)"},
		"unencrypted tokens":   {"token_endpoint": "http://id.example.com/token"},
		"keys from anywhere":   {"jwks_uri": "http://id.example.com/keys"},
		"no token endpoint":    {"token_endpoint": ""},
		"another kind of text": {"jwks_uri": 5},
	} {
		f := newFixture(t, "sign-up = true\n")
		f.provider.Describe(meta)
		a := f.browser().ask(f.handler, "/oidc/company/log-in", "")
		if a.URL != "" || a.Problem != "misconfigured" && a.Problem != "unavailable" {
			t.Errorf("%s: %+v", what, a)
		}
	}
}

func TestNoAccount(t *testing.T) {
	f := newFixture(t, "")
	b := f.browser()
	b.refused("a stranger", b.logIn(), "no-account")
}

func TestDisabledAccount(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	b := f.browser()
	b.logIn()
	account, err := f.Store.Account(t.Context(), b.user().ID)
	if err == nil {
		err = f.Disable(t.Context(), account, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	b = f.browser()
	b.refused("a disabled person", b.logIn(), "disabled")
}
