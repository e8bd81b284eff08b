package oidc_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/oidc"
	"github.com/parley-chat/parley/internal/oidc/oidctest"
)

// address is that of the server under test.
const address = "https://chat.example.com"

// fixture is a server with one provider, at which Ada logs in.
type fixture struct {
	*chattest.Fixture
	t        *testing.T
	provider *oidctest.Provider
	handler  *oidc.Handler
	policy   *clientinfo.Policy
	issuer   string // the provider's, or another's
	settings string // of the provider, in TOML
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

var ada = oidctest.Claims{"sub": "ada-1", "name": "Ada", "email": "ada@example.com", "email_verified": true,
	"sid": "s-1", "groups": []string{"staff"}}

// with returns claims with others in their place.
func with(c oidctest.Claims, more ...any) oidctest.Claims {
	all := oidctest.Claims{}
	for k, v := range c {
		all[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	return all
}

func newFixture(t *testing.T, settings string) *fixture {
	t.Helper()
	f := &fixture{t: t, log: new(lockedBuffer), settings: settings}
	f.Fixture = chattest.New(t, func(cfg *chat.Config) {
		cfg.Limits = chattest.Unlimited()
		cfg.Files = pictures{}
		cfg.Providers = []chat.Provider{{ID: "company", Name: "Company"}}
	})
	f.provider = oidctest.New(t, f.Now, ada)
	public, err := clientinfo.ParsePublicURL(address)
	if err != nil {
		t.Fatal(err)
	}
	f.issuer = f.provider.URL
	f.policy = &clientinfo.Policy{PublicURL: public, ServerID: "id"}
	f.handler = f.node()
	return f
}

// node is a handler on the same data, as on another node or after a restart.
func (f *fixture) node() *oidc.Handler {
	f.t.Helper()
	text := "[[provider]]\nid = \"company\"\nname = \"Company\"\nissuer = \"" + f.issuer +
		"\"\nclient-id = \"" + oidctest.ClientID + "\"\nclient-secret-env = \"SECRET\"\n" + f.settings
	path := filepath.Join(f.t.TempDir(), "oidc.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	s, err := oidc.Load(path, func(name string) (string, bool) { return oidctest.Secret, name == "SECRET" })
	if err != nil {
		f.t.Fatal(err)
	}
	h := oidc.New(oidc.Config{Service: f.Service, Policy: f.policy, Providers: s.Providers, Address: address,
		Now: f.Now, Log: slog.New(slog.NewTextHandler(f.log, nil))})
	f.t.Cleanup(h.Close)
	return h
}

// browser keeps cookies.
type browser struct {
	f       *fixture
	cookies map[string]string
}

func (f *fixture) browser() *browser { return &browser{f: f, cookies: map[string]string{}} }

// do sends a request of a page of the server's.
func (b *browser) do(h http.Handler, method, path, body string) *http.Response {
	b.f.t.Helper()
	r := httptest.NewRequest(method, address+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Origin", address)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode ||
			!strings.HasPrefix(c.Name, "__Host-") {
			b.f.t.Errorf("a cookie is %s", c)
		}
		b.cookies[c.Name] = c.Value
	}
	return res
}

// answer is what the client is told.
type answer struct{ URL, Problem string }

func (b *browser) ask(h http.Handler, path, body string) answer {
	b.f.t.Helper()
	res := b.do(h, http.MethodPost, path, body)
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		b.f.t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return a
}

// begin begins a log-in and returns the address at the provider.
func (b *browser) begin() string {
	b.f.t.Helper()
	a := b.ask(b.f.handler, "/oidc/company/log-in", `{"page":"#/r/general"}`)
	if a.URL == "" {
		b.f.t.Fatalf("a log-in does not begin: %s\n%s", a.Problem, b.f.log)
	}
	return a.URL
}

// finish comes back from the provider, and returns where it is sent then.
func (b *browser) finish(h http.Handler, back *url.URL) string {
	b.f.t.Helper()
	res := b.do(h, http.MethodGet, back.RequestURI(), "")
	if res.StatusCode != http.StatusSeeOther {
		b.f.t.Fatalf("back from the provider: %s", res.Status)
	}
	return res.Header.Get("Location")
}

// logIn logs in, and returns where the browser is sent in the end.
func (b *browser) logIn() string {
	b.f.t.Helper()
	return b.finish(b.f.handler, b.f.provider.Authorize(b.begin()))
}

// who is the person that the browser is logged in as.
func (b *browser) who() (chat.Caller, error) {
	return b.f.Authenticate(b.f.t.Context(), b.cookies["__Host-parley-id"], chat.Caller{})
}

// user is who the browser is logged in as; it must be.
func (b *browser) user() chat.User {
	b.f.t.Helper()
	who, err := b.who()
	if err != nil {
		b.f.t.Fatalf("nobody is logged in: %v\n%s", err, b.f.log)
	}
	return who.User
}

// refused wants a log-in to have failed with a problem, and nobody logged in.
func (b *browser) refused(what, at, problem string) {
	b.f.t.Helper()
	if want := address + "/#log-in=" + problem + "/company"; at != want {
		b.f.t.Errorf("%s: sent to %s, want %s\n%s", what, at, want, b.f.log)
	}
	if who, err := b.who(); err == nil {
		b.f.t.Errorf("%s: %s is logged in", what, who.User.Name)
	}
	if text := b.f.log.String(); strings.Contains(text, oidctest.Secret) || strings.Contains(text, "eyJ") {
		b.f.t.Errorf("%s: a secret is in the log: %s", what, text)
	}
}
