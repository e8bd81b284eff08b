package incoming

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
)

// lame is a store that fails when told to.
type lame struct {
	chat.Store
	err error
}

func (l *lame) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if l.err != nil {
		return nil, l.err
	}
	return l.Store.Commit(ctx, changes...)
}

// fixture is a served hook into General.
type fixture struct {
	t       *testing.T
	url     string // of the hook
	hook    chat.Hook
	owner   chat.Caller
	service *chat.Service
	store   *lame
	log     strings.Builder
}

func newFixture(t *testing.T) *fixture {
	h := &fixture{t: t, store: &lame{Store: chattest.NewModel(nil)}}
	h.service = chattest.New(t, func(c *chat.Config) { c.Store = h.store }).Service
	user, err := h.service.AddUser(t.Context(), "Pablo", "password123", chat.RoleOwner, "")
	if err != nil {
		t.Fatal(err)
	}
	h.owner = chat.Caller{User: user}
	out, err := h.service.CreateHook(t.Context(), h.owner,
		chat.HookInput{Room: chat.GeneralID, Name: "Alarms"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(New(Config{Service: h.service, Policy: &clientinfo.Policy{},
		Log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
	t.Cleanup(server.Close)
	h.hook, h.url = out.Hook, server.URL+out.Path
	return h
}

// post sends a body and expects that answer.
func (h *fixture) post(url, kind, body string, status int, want string) *http.Response {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if res.StatusCode != status || string(got) != want ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		h.t.Errorf("%.60s: %d %q %s, want %d %q", body, res.StatusCode, got,
			res.Header.Get("Content-Type"), status, want)
	}
	return res
}

func (h *fixture) newest() chat.Message {
	h.t.Helper()
	page, err := h.service.ListMessages(h.t.Context(), h.owner,
		chat.MessageListInput{Room: chat.GeneralID, Limit: 1})
	if err != nil || len(page.Messages) != 1 {
		h.t.Fatalf("%d messages, %v", len(page.Messages), err)
	}
	return page.Messages[0]
}

func TestPosts(t *testing.T) {
	h := newFixture(t)
	h.post(h.url, "application/json", `{"text":"*hello*","username":"Owner"}`, 200, "ok")
	if m := h.newest(); m.Text != "**hello**" || m.From != h.hook.Bot.ID {
		t.Errorf("%s wrote %q", m.From, m.Text)
	}
	h.post(h.url, "application/x-www-form-urlencoded",
		url.Values{"payload": {`{"text":"by form"}`}}.Encode(), 200, "ok")
	if m := h.newest(); m.Text != "by form" {
		t.Errorf("wrote %q", m.Text)
	}
	h.post(h.url, "application/json", fmt.Sprintf(`{"text":%q}`, strings.Repeat("long ", 10_000)), 200, "ok")
	if m := h.newest(); len(m.Text) > h.service.Limits.Message || !strings.HasSuffix(m.Text, "…") ||
		!strings.HasPrefix(m.Text, "long long") {
		t.Errorf("wrote %d bytes", len(m.Text))
	}
	h.post(h.url, "application/json", `{"text":"<!channel> fire"}`, 200, "ok")
	if m := h.newest(); m.Text != "@room fire" || len(m.Mentions) != 1 || m.Mentions[0] != chat.MentionAll {
		t.Errorf("wrote %q, which calls %v", m.Text, m.Mentions)
	}
	last := h.newest().No

	h.post(h.url, "application/json", `{"text":""}`, 400, "no_text")
	h.post(h.url, "application/json", `{"text":" ","blocks":[{"type":"strange"}]}`, 400, "no_text")
	h.post(h.url, "application/json", `{"text":`, 400, "invalid_payload")
	h.post(h.url, "application/json", `{"text":"`+strings.Repeat("x", maxBody)+`"}`, 413, "too_large")
	h.post(h.url+"x", "application/json", `{"text":"x"}`, 404, "no_service")
	h.post(h.url[:strings.LastIndexByte(h.url, '/')]+"/"+strings.Repeat("x", 3000),
		"application/json", `{"text":"x"}`, 404, "no_service")
	if m := h.newest(); m.No != last {
		t.Errorf("a refused request wrote %q", m.Text)
	}
	res, err := http.Get(h.url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", res.Status)
	}

	if _, err := h.service.DeleteHook(t.Context(), h.owner,
		chat.HookIDInput{Room: chat.GeneralID, Bot: h.hook.Bot.ID}); err != nil {
		t.Fatal(err)
	}
	h.post(h.url, "application/json", `{"text":"after the end"}`, 404, "no_service")
}

func TestTokensOfPeopleAreNoHooks(t *testing.T) {
	h := newFixture(t)
	in, err := h.service.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: "Pablo", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.service.CreateToken(t.Context(), h.owner,
		chat.TokenInput{Name: "x", Scopes: []string{chat.ScopeSend}})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{in.Token, token.Token} {
		h.post(h.url[:strings.LastIndexByte(h.url, '/')+1]+secret, "application/json",
			`{"text":"x"}`, 404, "no_service")
	}
}

func TestTooOften(t *testing.T) {
	h := newFixture(t)
	h.service.Limits.Sends = chat.Rate{Limit: 1, Window: time.Hour}
	h.post(h.url, "application/json", `{"text":"x"}`, 200, "ok")
	if res := h.post(h.url, "application/json", `{"text":"x"}`, 429,
		"rate_limited"); res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestGuessing: who guesses addresses waits, and nobody else at their address.
func TestGuessing(t *testing.T) {
	h := newFixture(t)
	h.service.Limits.Calls = chat.Rate{Limit: 1, Window: time.Hour}
	wrong := h.url + "x"
	h.post(wrong, "application/json", `{"text":"x"}`, 404, "no_service")
	if res := h.post(wrong, "application/json", `{"text":"x"}`, 429,
		"rate_limited"); res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After for who guesses")
	}
	h.post(h.url, "application/json", `{"text":"x"}`, 200, "ok")
	h.post(h.url, "application/json", `{"text":"x"}`, 429, "rate_limited") // its own calls
}

func TestFailuresAreLoggedWithoutTheToken(t *testing.T) {
	h := newFixture(t)
	h.store.err = chat.ErrUnavailable
	h.post(h.url, "application/json", `{"text":"a-secret-text"}`, 503, "service_unavailable")
	h.store.err = io.ErrUnexpectedEOF
	h.post(h.url, "application/json", `{"text":"a-secret-text"}`, 500, "server_error")
	log, token := h.log.String(), h.url[strings.LastIndexByte(h.url, '/')+1:]
	if strings.Count(log, "incoming webhook failed") != 2 || strings.Contains(log, token) ||
		strings.Contains(log, "a-secret-text") {
		t.Errorf("the log:\n%s", log)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a request with a wrong token is read")
	return 0, io.EOF
}

// TestTokenComesFirst: nothing is read or rendered for a token that is not
// known, or that is a person's.
func TestTokenComesFirst(t *testing.T) {
	h := newFixture(t)
	handler := New(Config{Service: h.service, Policy: &clientinfo.Policy{}})
	session, err := h.service.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: "Pablo", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"wrong", session.Token} {
		r := httptest.NewRequest("POST", "/hooks/"+token, unread{t})
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != 404 || w.Body.String() != "no_service" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
