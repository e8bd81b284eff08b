package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley"
	"github.com/parley-chat/parley/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// browser follows redirects and keeps cookies.
type browser struct {
	t *testing.T
	http.Client
	at string
}

func (b *browser) get(path string) (status int, at, body string) {
	b.t.Helper()
	res, err := b.Get(b.at + path)
	return b.read(res, err)
}

func (b *browser) post(path string, form url.Values) (status int, at, body string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.at)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.Do(req)
	return b.read(res, err)
}

func (b *browser) read(res *http.Response, err error) (status int, at, body string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, res.Request.URL.Path, string(text)
}

func TestOffice(t *testing.T) {
	o, err := open(t.Context(), parley.Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(o.pages())
	defer server.Close()
	defer o.chat.Close(t.Context())
	newBrowser := func() *browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &browser{t, http.Client{Jar: jar,
			Transport: &http.Transport{DisableKeepAlives: true}}, server.URL}
	}
	ada, ben := newBrowser(), newBrowser()
	if status, at, _ := ada.get("/chat/"); status != 200 || at != "/login" {
		t.Errorf("nobody's chat: %d at %s", status, at)
	}
	if status, at, body := ada.post("/login", url.Values{"id": {"demo-1"}}); status != 200 ||
		at != "/" || !strings.Contains(body, "You are Ada.") {
		t.Errorf("logging in: %d at %s: %s", status, at, body)
	}
	ben.post("/login", url.Values{"id": {"demo-2"}})
	if _, _, body := ben.get("/chat/api/v1/account"); !strings.Contains(body, `"name":"Ben"`) {
		t.Errorf("Ben in the chat: %s", body)
	}
	if status, at, body := ada.get("/chat/"); status != 200 || at != "/chat/" ||
		!strings.Contains(body, "<title>Parley</title>") {
		t.Errorf("Ada's chat: %d at %s", status, at)
	}
	if status, at, body := ada.post("/ship", nil); status != 200 || at != "/" {
		t.Errorf("shipping: %d at %s: %s", status, at, body)
	}
	if _, _, body := ben.get("/chat/api/v1/rooms/" + string(o.orders) +
		"/messages"); !strings.Contains(body, "Ada has shipped order **1**.") {
		t.Errorf("in Orders: %s", body)
	}
	if status, _, _ := ada.get("/chat/api/v1/account"); status != 200 {
		t.Errorf("before the log-out: %d", status)
	}
	if status, at, body := ada.post("/logout", nil); status != 200 || at != "/" ||
		!strings.Contains(body, "Log in") {
		t.Errorf("logging out: %d at %s: %s", status, at, body)
	}
	if status, _, _ := ada.get("/chat/api/v1/account"); status != 401 {
		t.Errorf("after the log-out: %d", status)
	}
	if status, _, _ := ben.get("/chat/api/v1/account"); status != 200 {
		t.Errorf("Ben, after it: %d", status)
	}
	// Another site's page cannot log anybody out or in.
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if res, err := ben.Do(req); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("from elsewhere: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
}

// TestProgram runs it as a whole.
func TestProgram(t *testing.T) {
	p := program.Start(t, []string{"LISTEN=localhost:0", "DATA=" + t.TempDir()})
	at := p.Says("listening on ")
	b := &browser{t, http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, at}
	if status, _, body := b.get("/"); status != 200 || !strings.Contains(body, "Log in") {
		t.Errorf("%d %s", status, body)
	}
}
