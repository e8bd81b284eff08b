package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/limit"
)

func TestMessageRoundTrip(t *testing.T) {
	h := newFixture(t)
	sent := h.do("POST", "/rooms/general/messages", `{"text":"hi","client_id":"1"}`, h.as("Pablo"))
	again := h.do("POST", "/rooms/general/messages", `{"text":"hi","client_id":"1"}`, h.as("Pablo"))
	if sent.StatusCode != 201 || string(sent.body) != string(again.body) {
		t.Errorf("%d %s, then %s", sent.StatusCode, sent.body, again.body)
	}
	list := h.do("GET", "/rooms/general/messages?limit=5", "", h.as("Joe"))
	var page chat.MessagePage
	if err := json.Unmarshal(list.body, &page); err != nil || len(page.Messages) != 1 ||
		page.Messages[0].Text != "hi" || page.MoreOlder {
		t.Errorf("%s, %v", list.body, err)
	}
}

// TestLongSearch: a search takes as much text as over a WebSocket, pasted line
// breaks too.
func TestLongSearch(t *testing.T) {
	h := newFixture(t)
	h.do("POST", "/rooms/general/messages", `{"text":"検索 hello"}`, h.as("Joe"))
	for q, want := range map[string]int{strings.Repeat("検", 333): 200, "hello\t検索\n": 200,
		strings.Repeat("x", 1001): 400, "a\x00b": 400} {
		res := h.do("GET", "/search?q="+url.QueryEscape(q), "", h.as("Joe"))
		found := strings.Contains(string(res.body), "hello")
		if res.StatusCode != want || found != strings.Contains(q, "hello") {
			t.Errorf("%d bytes: %s %s", len(q), res.Status, res.body)
		}
	}
}

// TestHalfClosed: net/http cancels a request whose client has closed its side,
// as some programs do as soon as they have sent it.
func TestHalfClosed(t *testing.T) {
	h := newFixture(t)
	h.service.Store = eager{h.service.Store}
	handler := New(Config{Service: h.service, Policy: &clientinfo.Policy{},
		Socket: http.NotFoundHandler(), Web: fstest.MapFS{},
		Hooks: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Context().Err() != nil {
				t.Error("an incoming webhook is canceled")
			}
		})})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", prefix + "/account", "", 200},
		{"POST", prefix + "/rooms/general/messages", `{"text":"hi"}`, 201},
		{"POST", prefix + "/files", "bytes", 403}, // this server keeps none, which it says after it knows who asks
		{"POST", "/hooks/x", "{}", 200},
	} {
		r := httptest.NewRequestWithContext(ctx, c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+h.token["Joe"])
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}

// eager is a store that gives up as soon as it is told to.
type eager struct{ chat.Store }

func (s eager) Session(ctx context.Context, hash string) (x chat.Session, a chat.Account, err error) {
	if err := ctx.Err(); err != nil {
		return x, a, err
	}
	return s.Store.Session(ctx, hash)
}

func TestEveryFieldOfAQueryCanBeGiven(t *testing.T) {
	for _, a := range chat.Actions() {
		b := newBinding(a)
		if b.body {
			continue
		}
		in := reflect.New(a.In).Elem()
		for name, i := range b.others {
			if err := set(in.Field(i), name, "1"); err != nil { // a text, a number, and true
				t.Errorf("%s: %v", a.Name, err)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	h := newFixture(t)
	deep := `{"text":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, field              string
	}{
		{"not JSON", "POST", "/rooms/general/messages", `{`, 400, "invalid", "<nil>"},
		{"two values", "POST", "/rooms/general/messages", `{"text":"a"} {}`, 400, "invalid", "<nil>"},
		{"unknown field", "POST", "/rooms/general/messages", `{"text":"a","sender_id":"x"}`, 400,
			"invalid", "sender_id"},
		{"a role at sign-up", "POST", "/accounts",
			`{"name":"Eve","password":"password123","role":"owner"}`, 400, "invalid", "role"},
		{"a date on a message", "POST", "/rooms/general/messages",
			`{"text":"a","created_at":"2020-01-01T00:00:00Z"}`, 400, "invalid", "created_at"},
		{"other case", "POST", "/rooms/general/messages", `{"Text":"a"}`, 400, "invalid", "Text"},
		{"twice the same name", "POST", "/rooms/general/messages", `{"text":"a","text":"b"}`, 400,
			"invalid", "text"},
		{"wrong type", "POST", "/rooms/general/messages", `{"text":1}`, 400, "invalid", "text"},
		{"a huge number", "PUT", "/rooms/general/read", `{"no":1e400}`, 400, "invalid", "no"},
		{"a number past 64 bits", "PUT", "/rooms/general/read", `{"no":99999999999999999999}`, 400,
			"invalid", "no"},
		{"invalid UTF-8", "POST", "/rooms/general/messages", "{\"text\":\"\xff\"}", 400, "invalid", "<nil>"},
		{"deep JSON", "POST", "/rooms/general/messages", deep, 400, "invalid", "<nil>"},
		{"a huge body", "POST", "/rooms/general/messages",
			`{"text":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too_large", "<nil>"},
		{"a huge message", "POST", "/rooms/general/messages",
			`{"text":"` + strings.Repeat("x", 20<<10) + `"}`, 413, "too_large", "text"},
		{"a password of 50 kB", "POST", "/accounts",
			`{"name":"Eve","password":"` + strings.Repeat("x", 50<<10) + `"}`, 400, "invalid", "password"},
		{"a field of the path in the body", "POST", "/rooms/general/messages",
			`{"room":"other","text":"a"}`, 400, "invalid", "room"},
		{"a query on POST", "POST", "/rooms/general/messages?text=a", ``, 400, "invalid", "<nil>"},
		{"unknown query", "GET", "/rooms/general/messages?offset=5", ``, 400, "invalid", "offset"},
		{"query given twice", "GET", "/rooms/general/messages?limit=5&limit=6", ``, 400, "invalid", "limit"},
		{"cursor that is no number", "GET", "/rooms/general/messages?before=x", ``, 400, "invalid", "before"},
		{"a page too large", "GET", "/rooms/general/messages?limit=100000", ``, 400, "invalid", "limit"},
		{"a forged room", "GET", "/rooms/..%2Fother/messages", ``, 404, "not_found", "<nil>"},
		{"a room with control characters", "GET", "/rooms/a%00b/messages", ``, 400, "invalid", "room"},
		{"a forged position", "GET", "/rooms/general/events?epoch=x&seq=99", ``, 410, "resync", "<nil>"},
		{"no such route", "GET", "/nothing", ``, 404, "not_found", "<nil>"},
		{"no such method", "PUT", "/rooms", `{}`, 405, "not_found", "<nil>"},
		{"no such method below a room", "OPTIONS", "/rooms/general/messages", ``, 405, "not_found", "<nil>"},
		{"a semicolon in a query", "GET", "/rooms/general/messages?limit=1;before=2", ``, 400, "invalid", "<nil>"},
		{"a query that is cut", "GET", "/rooms/general/messages?before=%e", ``, 400, "invalid", "<nil>"},
	} {
		a := h.do(c.method, c.path, c.body, h.as("Joe"))
		if a.StatusCode != c.status || a.field("code") != c.code || a.field("field") != c.field ||
			a.Header.Get("Content-Type") != "application/problem+json" || len(a.field("detail")) < 8 {
			t.Errorf("%s: %s %s", c.name, a.Status, a.body)
		}
	}
	if got := h.do("PUT", "/rooms", "", nil).Header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow: %s", got)
	}
	for header, value := range map[string]string{"Content-Encoding": "gzip",
		"Content-Type": "text/plain", "Parley-Device": "a b"} {
		with := h.as("Joe")
		with[header] = value
		if a := h.do("POST", "/rooms/general/messages", `{"text":"a"}`, with); a.StatusCode != 400 {
			t.Errorf("%s: %s: %s", header, value, a.Status)
		}
	}
}

func TestAuthentication(t *testing.T) {
	h := newFixture(t)
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		status int
	}{
		"nothing":            {"/account", nil, 401},
		"a wrong token":      {"/account", map[string]string{"Authorization": "Bearer wrong"}, 401},
		"another scheme":     {"/account", map[string]string{"Authorization": "Basic eA=="}, 401},
		"a token in the URL": {"/account?token=" + h.token["Joe"], h.as("Joe"), 401},
		"the right token":    {"/account", h.as("Joe"), 200},
	} {
		if a := h.do("GET", c.path, "", c.header); a.StatusCode != c.status {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	wrong := h.do("POST", "/sessions", `{"name":"Pablo","password":"wrong password"}`, nil)
	unknown := h.do("POST", "/sessions", `{"name":"Nobody","password":"wrong password"}`, nil)
	if wrong.StatusCode != 401 || string(wrong.body) != string(unknown.body) {
		t.Errorf("a wrong password: %s; an unknown name: %s", wrong.body, unknown.body)
	}
	out := h.do("DELETE", "/sessions/current", "", h.as("Joe"))
	if a := h.do("GET", "/account", "", h.as("Joe")); out.StatusCode != 200 || a.StatusCode != 401 {
		t.Errorf("log-out: %s, then %s", out.Status, a.Status)
	}
}

func TestCookies(t *testing.T) {
	h := newFixture(t)
	in := func(header map[string]string) answer {
		return h.do("POST", "/sessions", `{"name":"Pablo","password":"password123"}`, header)
	}
	if a := in(map[string]string{"Parley-Cookie": "set"}); a.StatusCode != 403 {
		t.Errorf("a log-in for a cookie from nowhere: %s", a.Status)
	}
	if a := in(map[string]string{"Parley-Cookie": "set",
		"Origin": "https://evil.example"}); a.StatusCode != 403 {
		t.Errorf("a log-in from a foreign page: %s", a.Status)
	}
	a := in(map[string]string{"Parley-Cookie": "set", "Origin": h.url})
	cookies := a.Cookies()
	if a.StatusCode != 201 || len(cookies) != 1 || !cookies[0].HttpOnly || a.field("token") != "<nil>" {
		t.Fatalf("%s %s %v", a.Status, a.body, cookies)
	}
	cookie := cookies[0].Name + "=" + cookies[0].Value
	for _, c := range []struct {
		name, method string
		header       map[string]string
		status       int
	}{
		{"reading", "GET", map[string]string{}, 200},
		{"writing from our page", "POST", map[string]string{"Origin": h.url}, 201},
		{"writing from an allowed page", "POST", map[string]string{"Origin": "https://app.example"}, 201},
		{"writing, same origin by the browser's word", "POST",
			map[string]string{"Sec-Fetch-Site": "same-origin"}, 201},
		{"writing without proof", "POST", map[string]string{}, 403},
		{"writing from a foreign page", "POST", map[string]string{"Origin": "https://evil.example"}, 403},
		{"writing from null", "POST", map[string]string{"Origin": "null"}, 403},
		{"writing from a look-alike", "POST", map[string]string{"Origin": h.url + ".evil"}, 403},
	} {
		c.header["Cookie"] = cookie
		body := ""
		if c.method == "POST" {
			body = `{"text":"x"}`
		}
		a := h.do(c.method, "/rooms/general/messages", body, c.header)
		if a.StatusCode != c.status {
			t.Errorf("%s: %s %s", c.name, a.Status, a.body)
		}
		if a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: foreign pages may read the answer", c.name)
		}
	}
	out := h.do("DELETE", "/sessions/current", "", map[string]string{"Cookie": cookie, "Origin": h.url})
	if c := out.Cookies(); out.StatusCode != 200 || len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("log-out: %s %v", out.Status, c)
	}
	if a := in(map[string]string{"Parley-Cookie": "set", "Origin": h.url,
		"Cookie": cookie}); a.StatusCode != 201 || a.Cookies()[0].Value == cookies[0].Value {
		t.Errorf("a new log-in over an old cookie: %s", a.Status)
	}
}

func TestHeadersAndPages(t *testing.T) {
	h := newFixture(t)
	for path, kind := range map[string]string{"//": "text/html", "//app.js": "text/javascript",
		"/docs": "text/html", "/docs.css": "text/css", "/openapi.json": "application/",
		"//healthz": "text/plain", "//readyz": "text/plain", "/server": "application/json"} {
		a := h.do("GET", path, "", nil)
		csp := a.Header.Get("Content-Security-Policy")
		if a.StatusCode != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %s %s", path, a.Status, a.Header.Get("Content-Type"))
		}
		for _, part := range []string{"script-src 'self'", "media-src 'self' blob:;", "object-src 'none'",
			"frame-ancestors 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
		if strings.Contains(csp, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
			a.Header.Get("Referrer-Policy") != "no-referrer" ||
			a.Header.Get("Permissions-Policy") != "camera=(), microphone=(self), geolocation=()" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
	for _, path := range []string{"//../rest.go", "//..%2f..%2fetc/passwd", "//nothing"} {
		if a := h.do("GET", path, "", nil); a.StatusCode != 404 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

func TestMetricsAreNotForEverybody(t *testing.T) {
	h := newFixture(t)
	for name, c := range map[string]struct {
		header map[string]string
		status int
	}{
		"nobody":              {nil, 401},
		"a member":            {h.as("Joe"), 403},
		"the owner":           {h.as("Pablo"), 200},
		"the token":           {map[string]string{"Authorization": "Bearer metrics-secret"}, 200},
		"another token":       {map[string]string{"Authorization": "Bearer metrics-secre"}, 401},
		"the empty token":     {map[string]string{"Authorization": "Bearer "}, 401},
		"no pprof for anyone": {map[string]string{"X": "y"}, 401},
	} {
		if a := h.do("GET", "//metrics", "", c.header); a.StatusCode != c.status {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	if a := h.do("GET", "//debug/pprof/", "", h.as("Pablo")); a.StatusCode != 404 {
		t.Errorf("pprof: %s", a.Status)
	}
}

func TestRateLimitSaysWhen(t *testing.T) {
	h := newFixture(t)
	var last answer
	for range chat.DefaultLimits.Guesses.Limit + 1 {
		last = h.do("POST", "/sessions", `{"name":"Pablo","password":"wrong password"}`, nil)
	}
	if last.StatusCode != 429 || last.Header.Get("Retry-After") == "" ||
		last.field("code") != "rate_limited" {
		t.Errorf("%s %v %s", last.Status, last.Header, last.body)
	}
	forged := h.do("POST", "/sessions", `{"name":"Pablo","password":"wrong password"}`,
		map[string]string{"X-Forwarded-For": "203.0.113.7"})
	if forged.StatusCode != 429 {
		t.Errorf("with a forged address: %s", forged.Status)
	}
}

// TestGuessingTokens: an outdated cookie at the guesser's address still means
// that one is logged out, so that its person can log in.
func TestGuessingTokens(t *testing.T) {
	h := newFixture(t)
	h.service.Limits.Calls = chat.Rate{Limit: 2, Window: time.Hour}
	h.service.Limiter = limit.New(time.Now)
	wrong := map[string]string{"Authorization": "Bearer wrong"}
	for i, want := range []int{401, 401, 429, 429} {
		if res := h.do("GET", "/account", "", wrong); res.StatusCode != want ||
			(want == 429) != (res.Header.Get("Retry-After") != "") {
			t.Errorf("guess %d: %s %v", i, res.Status, res.Header)
		}
	}
	if res := h.do("GET", "/account", "", h.as("Joe")); res.StatusCode != 200 {
		t.Errorf("a valid token: %s", res.Status)
	}
	if res := h.do("GET", "/account", "", map[string]string{"Cookie": "parley=wrong"}); res.StatusCode != 401 {
		t.Errorf("an outdated cookie: %s", res.Status)
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	h := newFixture(t)
	h.do("POST", "/rooms/general/messages", `{"text":"a secret text"}`, h.as("Joe"))
	h.service.Store.Close()
	h.do("POST", "/rooms/general/messages", `{"text":"a secret text"}`, h.as("Joe"))
	if h.log.Len() == 0 {
		t.Error("a failing store is not logged")
	}
	for _, secret := range []string{h.token["Joe"], "password123", "a secret text"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestNullAndMissing: a field that is not there, or null, is refused instead of
// taken for its zero value.
func TestNullAndMissing(t *testing.T) {
	h := newFixture(t)
	for _, c := range []struct{ method, path, body, field string }{
		{"PUT", "/rooms/general/notify", `{"level":null}`, "level"},
		{"PUT", "/rooms/general/notify", `{}`, "level"},
		{"PUT", "/rooms/general/notify", ``, "level"},
		{"PUT", "/rooms/general/read", `{"no":null}`, "no"},
		{"PUT", "/rooms/general/read", `{}`, "no"},
		{"PUT", "/rooms/general/read", ``, "no"},
		{"POST", "/invites", `null`, ""},
		{"POST", "/rooms/general/messages", `{"text":null}`, "text"},
		{"POST", "/rooms", `{"name":"x","kind":null}`, "kind"},
	} {
		a := h.do(c.method, c.path, c.body, h.as("Pablo"))
		if a.StatusCode != 400 || c.field != "" && a.field("field") != c.field {
			t.Errorf("%s %s %s: %s %s", c.method, c.path, c.body, a.Status, a.body)
		}
	}
}

// TestAnswersAreNotEscaped: escaping for HTML would make six bytes of each <.
func TestAnswersAreNotEscaped(t *testing.T) {
	h := newFixture(t)
	text := strings.Repeat("<", 1000)
	a := h.do("POST", "/rooms/general/messages", fmt.Sprintf(`{"text":%q}`, text), h.as("Pablo"))
	if !strings.Contains(string(a.body), text) {
		t.Errorf("%s %.100s", a.Status, a.body)
	}
}

// TestWaitingAnswers: what waits for one person to be read is bounded, and
// leaves room for others.
func TestWaitingAnswers(t *testing.T) {
	q := quota{total: 100, each: 20, spare: 50}
	first, ok := q.take(60, "a") // a single one always passes
	if !ok {
		t.Fatal("the first is refused")
	}
	if _, ok := q.take(1, "a"); ok {
		t.Error("more is taken for the same person")
	}
	if _, ok := q.take(20, "b"); !ok {
		t.Error("another person is refused")
	}
	if first(); q.used != 20 || len(q.by) != 1 {
		t.Errorf("used %d, by %v", q.used, q.by)
	}
}

// TestProtect: each answer has the headers; a public URL with a path is taken
// off; a proxy that is not trusted is said once.
func TestProtect(t *testing.T) {
	var log bytes.Buffer
	public, err := clientinfo.ParsePublicURL("https://example.com/chat")
	if err != nil {
		t.Fatal(err)
	}
	handler := Protect(&clientinfo.Policy{PublicURL: public, HSTS: true},
		slog.New(slog.NewTextHandler(&log, nil)),
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	for path, want := range map[string]string{"/": "/", "/api/v1/server": "/api/v1/server",
		"/chat/": "/", "/chat/api/v1/server": "/api/v1/server", "/chatter": "/chatter", "/chat": ""} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("X-Forwarded-For", "198.51.100.9")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if want == "" && (w.Code != 308 || w.Header().Get("Location") != "/chat/") ||
			want != "" && w.Body.String() != want {
			t.Errorf("%s: %d %s %s", path, w.Code, w.Header().Get("Location"), w.Body)
		}
		if h := w.Header(); h.Get("Strict-Transport-Security") == "" || h.Get("X-Frame-Options") != "DENY" ||
			h.Get("Content-Security-Policy") == "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if n := strings.Count(log.String(), "--proxies"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

// TestOutdatedCookie: who logged in with an earlier version stays logged in,
// and gets the cookie with the server's id.
func TestOutdatedCookie(t *testing.T) {
	h := newFixture(t)
	handler := protected(Config{Service: h.service, Policy: &clientinfo.Policy{ServerID: "7"},
		Socket: http.NotFoundHandler(), Web: fstest.MapFS{}})
	get := func(cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", prefix+"/account", nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	w := get("parley=" + h.token["Joe"])
	set := w.Result().Cookies()
	if w.Code != 200 || len(set) != 2 || set[0].Name != "parley" || set[0].MaxAge >= 0 ||
		set[1].Name != "parley-7" || set[1].Value != h.token["Joe"] || set[1].Expires.IsZero() {
		t.Errorf("%d %v", w.Code, set)
	}
	if w := get("parley-7=" + h.token["Joe"]); w.Code != 200 || len(w.Result().Cookies()) != 0 {
		t.Errorf("the new one: %d %v", w.Code, w.Result().Cookies())
	}
	if w := get("parley=of-another-server"); w.Code != 401 || len(w.Result().Cookies()) != 0 {
		t.Errorf("another server's: %d %v", w.Code, w.Result().Cookies())
	}
}

// TestWaitingAnswersAreRefused: an answer that finds no room is not held.
func TestWaitingAnswersAreRefused(t *testing.T) {
	f := newFixture(t)
	handler := newHandler(Config{Service: f.service, Policy: &clientinfo.Policy{},
		Log: slog.New(slog.DiscardHandler)})
	actions := chat.Actions()
	i := slices.IndexFunc(actions, func(a chat.Action) bool { return a.Name == "account.get" })
	ask := func() int {
		r := httptest.NewRequest("GET", "/api/v1/account", nil)
		r.Header.Set("Authorization", "Bearer "+f.token["Pablo"])
		w := httptest.NewRecorder()
		handler.route(actions[i]).ServeHTTP(w, r)
		return w.Code
	}
	who, err := f.service.Authenticate(t.Context(), f.token["Pablo"], chat.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	end, ok := handler.answers.take(maxAnswers, holderOf(who))
	if !ok {
		t.Fatal("there is no room at first")
	}
	if status := ask(); status != 429 {
		t.Errorf("beside as much as may wait: %d", status)
	}
	end()
	if status := ask(); status != 200 {
		t.Errorf("once that is read: %d", status)
	}
}
