package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/limit"
)

// fixture is a served service with two people.
type fixture struct {
	t       testing.TB
	url     string
	service *chat.Service
	log     *strings.Builder
	token   map[string]string
}

// protected is New as the server uses it.
func protected(cfg Config) http.Handler { return Protect(cfg.Policy, slog.Default(), New(cfg)) }

func newFixture(t testing.TB) *fixture {
	t.Helper()
	h := &fixture{t: t, log: &strings.Builder{}, token: map[string]string{}}
	h.service = chattest.New(t, func(c *chat.Config) {
		c.SignUp, c.Now, c.Limiter = chat.SignUpOpen, time.Now, limit.New(time.Now)
	}).Service
	server := httptest.NewServer(protected(Config{
		Service: h.service, Policy: &clientinfo.Policy{Origins: []string{"https://app.example"}},
		Socket: http.NotFoundHandler(),
		Web: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")},
			"app.js": {Data: []byte("1")}, "assets/app.css": {Data: []byte(strings.Repeat("a{}", 1000))},
			"assets/app.css.br": {Data: []byte("as brotli")}, "large.svg": {Data: make([]byte, 9000)}},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter,
			_ *http.Request) {
			io.WriteString(w, "parley_up 1\n")
		}),
		MetricsToken: "metrics-secret", Version: "test",
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	for name, role := range map[string]chat.Role{"Pablo": chat.RoleOwner, "Joe": chat.RoleMember} {
		if _, err := h.service.AddUser(t.Context(), name, "password123", role, ""); err != nil {
			t.Fatal(err)
		}
		out := h.do("POST", "/sessions", fmt.Sprintf(`{"name":%q,"password":"password123"}`, name), nil)
		h.token[name] = out.field("token")
	}
	return h
}

type answer struct {
	*http.Response
	body []byte
}

func (a answer) field(name string) string {
	var m map[string]any
	json.Unmarshal(a.body, &m)
	return fmt.Sprint(m[name])
}

// do sends a request below /api/v1, or to the path itself if it starts with //.
func (h *fixture) do(method, path, body string, header map[string]string) answer {
	h.t.Helper()
	url := h.url + prefix + path
	if p, ok := strings.CutPrefix(path, "//"); ok {
		url = h.url + "/" + p
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{res, data}
}

func (h *fixture) as(name string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + h.token[name]}
}
