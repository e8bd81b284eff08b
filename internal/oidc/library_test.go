package oidc_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/parley-chat/parley/internal/oidc/oidctest"
)

// TestProviderLibrary logs in and out at a provider that somebody else has
// written.
func TestProviderLibrary(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	var provider http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		provider.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	us := storage.WebClient(oidctest.ClientID, oidctest.Secret, address+"/oidc/company/callback")
	provider = exampleop.SetupServer(server.URL, storage.NewStorageWithClients(
		storage.NewUserStore(server.URL), map[string]*storage.Client{oidctest.ClientID: us}), nil, false)
	f.issuer = server.URL
	f.handler = f.node()

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	outside := &http.Client{Jar: jar, Transport: server.Client().Transport,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), address) {
				return http.ErrUseLastResponse
			}
			return nil
		}}
	b := f.browser()
	form, err := outside.Get(b.begin())
	if err != nil {
		t.Fatal(err)
	}
	form.Body.Close()
	id := form.Request.URL.Query().Get("authRequestID")
	res, err := outside.PostForm(server.URL+"/login/username",
		url.Values{"id": {id}, "username": {"test-user2"}, "password": {"verysecure"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	back, err := res.Location()
	if err != nil {
		t.Fatalf("%s %v", res.Status, err)
	}
	if at := b.finish(f.handler, back); at != address+"/#/r/general" {
		t.Fatalf("sent to %s\n%s", at, f.log)
	}
	if u := b.user(); u.Name != "Test User2" {
		t.Errorf("%+v", u)
	}
	b.refusedAgain(back)
	end := b.ask(f.handler, "/oidc/log-out", "")
	if !strings.HasPrefix(end.URL, server.URL+"/end_session?") {
		t.Errorf("logging out leads to %+v", end)
	}
	if _, err := b.who(); err == nil {
		t.Error("the session goes on")
	}
}

// refusedAgain wants a log-in that is finished not to be finished again.
func (b *browser) refusedAgain(back *url.URL) {
	b.f.t.Helper()
	if at := b.finish(b.f.handler, back); at != address+"/#log-in=expired/company" {
		b.f.t.Errorf("a second time: %s", at)
	}
}
