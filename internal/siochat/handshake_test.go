package siochat_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// TestOrigins: a page may use a person's cookie if package clientinfo says so,
// polling and over WebSocket, for the first request and for later ones.
func TestOrigins(t *testing.T) {
	const allowed = "https://app.example.com"
	f := newFixture(t, func(s *settings) { s.Policy.Origins = []string{allowed} })
	token := f.Member("Pablo")
	host := f.host()
	_, hello := f.request("GET", polling, livetest.Bearer(token), "")
	sid := f.opened(hello)
	for name, c := range map[string]struct {
		origin []string // nil for none
		cookie bool
		ok     bool
	}{
		"our own":                      {[]string{"http://" + host}, true, true},
		"an allowed one":               {[]string{allowed}, true, true},
		"none":                         {nil, true, false},
		"null":                         {[]string{"null"}, true, false},
		"empty, nothing brought":       {[]string{""}, false, false},
		"foreign":                      {[]string{"http://evil.example"}, true, false},
		"two":                          {[]string{"http://" + host, "http://evil.example"}, true, false},
		"foreign, nothing brought":     {[]string{"http://evil.example"}, false, false},
		"none, nothing brought":        {nil, false, true},
		"our own, nothing brought yet": {[]string{"http://" + host}, false, true},
	} {
		h := http.Header{}
		if c.origin != nil {
			h["Origin"] = c.origin
		}
		if c.cookie {
			h.Set("Cookie", "parley="+token)
		}
		res, body := f.request("GET", polling, h, "")
		if c.ok != (res.StatusCode == 200) || !c.ok && res.StatusCode != 403 {
			t.Errorf("origin %s, polling: %s %s", name, res.Status, body)
		}
		cors(t, name, res, c.ok && c.origin != nil, strings.Join(c.origin, ""))
		if status, conn := f.upgrade(websocket, h); c.ok != (status == 101) || !c.ok && status != 403 {
			t.Errorf("origin %s, WebSocket: %d", name, status)
		} else if conn != nil {
			conn.Close()
		}
		if c.ok {
			continue
		}
		// Nor may a session that is there be used from such a page.
		for _, method := range []string{"GET", "POST"} {
			if res, body := f.request(method, polling+"&sid="+sid, h, "40"); res.StatusCode != 403 {
				t.Errorf("origin %s, %s of a session: %s %s", name, method, res.Status, body)
			}
		}
		if status, _ := f.upgrade(websocket+"&sid="+sid, h); status != 403 {
			t.Errorf("origin %s, upgrade of a session: %d", name, status)
		}
		if res, _ := f.request("OPTIONS", polling, h, ""); res.StatusCode != 403 {
			t.Errorf("origin %s, preflight: %s", name, res.Status)
		} else {
			cors(t, name+", preflight", res, false, "")
		}
	}

	// A page of ours that polls sends no origin, but says that it is ours; over
	// WebSocket it would send one.
	ours := http.Header{"Cookie": {"parley=" + token}, "Sec-Fetch-Site": {"same-origin"}}
	if res, body := f.request("GET", polling, ours, ""); res.StatusCode != 200 {
		t.Errorf("polling of our own page: %s %s", res.Status, body)
	}
	if status, _ := f.upgrade(websocket, ours); status != 403 {
		t.Errorf("WebSocket without an origin, with Sec-Fetch-Site: %d", status)
	}
	for _, site := range []string{"same-site", "cross-site", "none"} {
		h := http.Header{"Cookie": {"parley=" + token}, "Sec-Fetch-Site": {site}}
		if res, _ := f.request("GET", polling, h, ""); res.StatusCode != 403 {
			t.Errorf("polling with a cookie from %s: %s", site, res.Status)
		}
	}

	// The preflight of an allowed page, and of nobody.
	res, _ := f.request("OPTIONS", polling,
		http.Header{"Origin": {allowed}, "Access-Control-Request-Method": {"POST"},
			"Access-Control-Request-Headers": {"authorization"}}, "")
	cors(t, "preflight", res, true, allowed)
	if res.StatusCode != 204 || !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"),
		"POST") || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %s %v", res.Status, res.Header)
	}
	res, _ = f.request("OPTIONS", polling, nil, "")
	cors(t, "OPTIONS without an origin", res, false, "")
}

// cors wants the headers for one origin, or none.
func cors(t *testing.T, name string, res *http.Response, want bool, origin string) {
	t.Helper()
	allow, cred := res.Header.Get("Access-Control-Allow-Origin"),
		res.Header.Get("Access-Control-Allow-Credentials")
	if want && (allow != origin || cred != "true") || !want && (allow != "" || cred != "") {
		t.Errorf("%s: allow-origin %q, credentials %q", name, allow, cred)
	}
	if res.Header.Get("Vary") != "Origin" {
		t.Errorf("%s: Vary %q", name, res.Header.Get("Vary"))
	}
}

func TestHandshakeRefuses(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	for name, c := range map[string]struct {
		query  string
		header http.Header
		status int
	}{
		"a token in the URL":         {"&token=" + token, nil, 401},
		"an access_token in the URL": {"&access_token=" + token, livetest.Bearer(token), 401},
		"a ticket in the URL":        {"&ticket=x", nil, 401},
		"TOKEN in the URL":           {"&TOKEN=" + token, nil, 401},
		"auth in the URL":            {"&auth=" + url.QueryEscape(`{"token":"x"}`), nil, 401},
		"a wrong token":              {"", livetest.Bearer("wrong"), 401},
		"a wrong cookie": {"",
			http.Header{"Cookie": {"parley=wrong"}, "Origin": {f.http.URL}}, 401},
		"a long token":                {"", livetest.Bearer(strings.Repeat("x", 3000)), 401},
		"Bearer without a token":      {"", http.Header{"Authorization": {"Bearer"}}, 401},
		"another version":             {"&EIO=3", nil, 200}, // the first counts
		"a session that is not there": {"&sid=x", nil, 400},
	} {
		if res, body := f.request("GET", polling+c.query, c.header, ""); res.StatusCode != c.status {
			t.Errorf("%s, polling: %s %s, want %d", name, res.Status, body, c.status)
		}
		want := c.status
		if want == 200 {
			want = 101
		}
		status, conn := f.upgrade(websocket+c.query, c.header)
		if status != want && !(want == 400 && status == 400) {
			t.Errorf("%s, WebSocket: %d, want %d", name, status, want)
		}
		if conn != nil {
			conn.Close()
		}
	}
	for _, c := range []struct {
		method, query string
		status        int
	}{{"GET", "EIO=3&transport=polling", 400}, {"GET", "EIO=4&transport=smoke", 400},
		{"POST", polling, 400}, {"PUT", polling, 400}, {"GET", "", 400}} {
		if res, body := f.request(c.method, c.query, nil, ""); res.StatusCode != c.status {
			t.Errorf("%s ?%s: %s %s", c.method, c.query, res.Status, body)
		}
	}
	res, err := http.Get(f.http.URL + "/socket.io/elsewhere?" + polling)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != 404 {
		t.Errorf("another path: %s", res.Status)
	}
}

// TestAuthenticate logs in: with a header, with a cookie, or on connecting.
func TestAuthenticate(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	for name, c := range map[string]*client{
		"bearer": f.dial(token),
		"auth":   f.connect(nil, `{"token":"`+token+`"}`),
		"cookie": f.connect(http.Header{"Cookie": {"parley=" + token}, "Origin": {f.http.URL}}, ""),
		"both":   f.connect(livetest.Bearer(f.Member("Mary")), `{"token":"`+token+`"}`),
	} {
		if me := decode[chat.MeOutput](t, c.call("account.get")); me.User.Name != "Pablo" ||
			me.Session.ID == "" {
			t.Errorf("%s: %+v", name, me)
		}
		if e := refusal(c.call("authenticate", map[string]any{"token": token})); e != chat.CodeConflict {
			t.Errorf("%s, authenticate: %q", name, e)
		}
	}

	// Refused on connecting, and then right, in the same session.
	c := f.open(nil)
	for auth, code := range map[string]chat.Code{
		`{"token":"wrong"}`: chat.CodeUnauthenticated, `{"token":"x","more":1}`: chat.CodeInvalid,
		`{"token":1}`: chat.CodeInvalid,
		`{"token":"` + strings.Repeat("x", 10000) + `"}`: chat.CodeUnauthenticated,
	} {
		got := c.join(auth)
		var refused struct {
			Message string
			Data    struct{ Code chat.Code }
		}
		if !strings.HasPrefix(got, "44") || json.Unmarshal([]byte(got[2:]), &refused) != nil ||
			refused.Message == "" || refused.Data.Code != code {
			t.Errorf("auth %.40s: %s, want %s", auth, got, code)
		}
	}
	if got := c.join(`{"token":"` + token + `"}`); !strings.HasPrefix(got, `40{"sid"`) {
		t.Fatalf("the right token: %s", got)
	}
	c.lives("after refusals")
	if got := f.open(nil); got.join("") != "" {
		got.write(`40/admin,`)
		if text, err := got.read(); err != nil || !strings.HasPrefix(text, "44/admin,") {
			t.Errorf("another namespace: %q, %v", text, err)
		}
	}

	// Leaving the namespace and coming back, in the same session, with what
	// opened it.
	c = f.dial(token)
	c.write("41")
	if got := c.join(""); !strings.HasPrefix(got, `40{"sid"`) {
		t.Fatalf("coming back: %s", got)
	}
	if me := decode[chat.MeOutput](t, c.call("account.get")); me.User.Name != "Pablo" {
		t.Errorf("back as %+v", me)
	}
}

// TestTooManyPoll: sessions that poll count against the same bounds.
func TestTooManyPoll(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.MaxUnauthenticated, s.Live.MaxConns = 50, 9 })
	// Whether they connect or not.
	for range 2 {
		f.open(nil).join("")
		f.open(nil)
	}
	f.request("GET", polling, nil, "")
	res, _ := f.request("GET", polling, nil, "")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "60" {
		t.Errorf("a sixth unauthenticated client: %s, retry after %q", res.Status, res.Header.Get("Retry-After"))
	}
	mary := livetest.Bearer(f.Member("Mary"))
	for range 4 {
		f.open(mary)
	}
	if res, _ := f.request("GET", polling, mary, ""); res.StatusCode != 429 {
		t.Errorf("a tenth session: %s", res.Status)
	}
}

// TestComingAndGoing: a session does not connect and leave without end.
func TestComingAndGoing(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.Member("Pablo"))
	count := 1
	for ; count < 100; count++ {
		c.write("41")
		c.write("40")
		if got, err := c.read(); err == io.EOF {
			break // it opens another by itself
		} else if err != nil || !strings.HasPrefix(got, "40{") {
			t.Errorf("the %dth time: %s, %v", count+1, got, err)
		}
	}
	if count != 20 {
		t.Errorf("connected %d times", count)
	}
}

// TestPendingOfOnePerson: a token does not open sessions without end that are
// never connected.
func TestPendingOfOnePerson(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.MaxUnauthenticated = 10 })
	token := f.Member("Pablo")
	status := 0
	count := 0
	for status == 0 || status == 200 {
		res, _ := f.request("GET", polling, livetest.Bearer(token), "")
		if status = res.StatusCode; status == 200 {
			count++
		}
		if count > 1000 {
			break
		}
	}
	if count != 50 || status != 429 {
		t.Errorf("%d sessions, then %d", count, status)
	}
	if c := f.dial(f.Member("Mary")); c != nil {
		c.lives("another person")
	}
}

// TestUnconnected: a session that does not connect to the namespace ends too,
// whether it brought a token or not, and a token that has ended connects none.
func TestUnconnected(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.AuthTimeout = 500 * time.Millisecond })
	token := f.Member("Pablo")
	silent, idle, late := f.open(nil), f.open(livetest.Bearer(token)), f.open(livetest.Bearer(token))
	_, hello := f.request("GET", polling, nil, "")
	sid := f.opened(hello)
	if _, err := f.LogOut(t.Context(), f.Who(token), chat.None{}); err != nil {
		t.Fatal(err)
	}
	if got := late.join(""); !strings.HasPrefix(got, "44") {
		t.Errorf("connecting with the token that opened the session: %s", got)
	}
	silent.closes("an unauthenticated client that does not connect", 0, false)
	idle.closes("a person who does not connect", 0, false)
	wstest.Eventually(t, "an unauthenticated client that polls to be closed", func() bool {
		res, _ := f.request("POST", polling+"&sid="+sid, nil, "3")
		return res.StatusCode == 400
	})
}
