package oidc_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/oidc/oidctest"
)

func newRequest(method, path, origin string) *http.Request {
	r := httptest.NewRequest(method, address+path, nil)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// loggedOut sends a provider's logout token, and returns the status.
func (f *fixture) loggedOut(token string) int {
	r := httptest.NewRequest(http.MethodPost, address+"/oidc/company/logged-out",
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return serve(f.handler, r).StatusCode
}

// logout are the claims of a logout token.
func (f *fixture) logout(more ...any) oidctest.Claims {
	return with(oidctest.Claims{"iss": f.provider.URL, "aud": oidctest.ClientID, "iat": f.Now().Unix(),
		"exp": f.Now().Add(2 * time.Minute).Unix(), "jti": f.Service.NewID(), "sub": "ada-1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}},
		more...)
}

func TestBackChannelLogout(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	in := func(sid string) *browser {
		f.provider.Is(with(ada, "sid", sid), nil)
		b := f.browser()
		b.logIn()
		b.user()
		return b
	}
	out := func(b *browser) bool { _, err := b.who(); return err != nil }
	phone, desk, other := in("phone"), in("desk"), in("other")
	token := f.provider.Sign(f.logout("sid", "phone"))
	if status := f.loggedOut(token); status != http.StatusOK || !out(phone) || out(desk) {
		t.Errorf("one session: %d, phone out %t, desk out %t\n%s", status, out(phone), out(desk), f.log)
	}
	c := f.logout("sid", "desk")
	delete(c, "sub")
	if status := f.loggedOut(f.provider.Sign(c)); status != http.StatusOK || !out(desk) || out(other) {
		t.Errorf("one session, without a subject: %d", status)
	}
	// The same again ends nothing new.
	phone = in("phone")
	if status := f.loggedOut(token); status != http.StatusOK || out(phone) {
		t.Errorf("again: %d", status)
	}
	status := f.loggedOut(f.provider.Sign(f.logout()))
	if status != http.StatusOK || !out(phone) || !out(other) {
		t.Errorf("all: %d", status)
	}
	if status := f.loggedOut(f.provider.Sign(f.logout("sub", "nobody"))); status != http.StatusOK {
		t.Errorf("nobody's: %d", status)
	}
}

func TestForgedLogouts(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	b := f.browser()
	b.logIn()
	b.user()
	idToken := with(ada, "iss", f.provider.URL, "aud", oidctest.ClientID, "jti", "x", "nonce", "n",
		"exp", f.Now().Add(time.Minute).Unix())
	without := func(name string) oidctest.Claims {
		c := f.logout()
		delete(c, name)
		return c
	}
	parts := strings.Split(f.provider.Sign(f.logout()), ".")
	for what, token := range map[string]string{
		"none":                  "",
		"nonsense":              "x.y.z",
		"an ID token":           f.provider.Sign(idToken),
		"with a nonce":          f.provider.Sign(f.logout("nonce", "n")),
		"of another event":      f.provider.Sign(f.logout("events", map[string]any{"x": map[string]any{}})),
		"of another issuer":     f.provider.Sign(f.logout("iss", "https://evil.example.com")),
		"for another":           f.provider.Sign(f.logout("aud", "another")),
		"expired":               f.provider.Sign(f.logout("exp", f.Now().Add(-time.Second).Unix())),
		"without an end":        f.provider.Sign(without("exp")),
		"without an id":         f.provider.Sign(without("jti")),
		"of nobody":             f.provider.Sign(without("sub")),
		"unsigned":              "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"with another's secret": oidctest.SignWith(t, "HS256", f.provider.Public(), f.logout()),
	} {
		if status := f.loggedOut(token); status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, status)
		}
	}
	// Another's subject does not go with Ada's session.
	f.loggedOut(f.provider.Sign(f.logout("sub", "joe", "sid", "s-1")))
	b.user()
}

func TestLogOut(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	b := f.browser()
	b.logIn()
	b.user()
	kept := maps.Clone(b.cookies)
	if res := serve(f.handler, withCookies(newRequest(http.MethodPost, "/oidc/log-out",
		"https://evil.example.com"), kept)); res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page logs people out: %s", res.Status)
	}
	b.user()
	a := b.ask(f.handler, "/oidc/log-out", "")
	u, err := url.Parse(a.URL)
	if err != nil || !strings.HasPrefix(a.URL, f.provider.URL+"/end?") {
		t.Fatalf("%+v, %v", a, err)
	}
	q := u.Query()
	if q.Get("x") != "1" || q.Get("client_id") != oidctest.ClientID ||
		q.Get("post_logout_redirect_uri") != address+"/" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("the provider is asked for %s", a.URL)
	}
	if len(b.cookies) != 0 {
		t.Errorf("cookies are left: %v", b.cookies)
	}
	b.cookies = kept
	if _, err := b.who(); err == nil {
		t.Error("the session goes on")
	}
	// Without a session, or one of a password, there is nothing to do there.
	if a := b.ask(f.handler, "/oidc/log-out", ""); a != (answer{}) {
		t.Errorf("%+v", a)
	}
	// A provider that does not answer keeps nobody logged in.
	b = f.browser()
	b.logIn()
	f.provider.Fail(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true })
	f.Wait(2 * time.Hour)
	if a := b.ask(f.handler, "/oidc/log-out", ""); a != (answer{}) || len(b.cookies) != 0 {
		t.Errorf("%+v, %v", a, b.cookies)
	}
}

func withCookies(r *http.Request, cookies map[string]string) *http.Request {
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}
