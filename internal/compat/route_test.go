package compat_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/identity"
)

type message struct {
	From    string `json:"from"`
	Date    int64  `json:"date"`
	Message string `json:"message"`
	RoomID  string `json:"roomId"`
}

// equal compares JSON.
func equal(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v: %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestRoutes asks every route for what it gives and for what it refuses. Ada
// and Bob were imported, with the demo's numbers; Eve was not.
func TestRoutes(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob, eve := f.person("Ada", "demo-3"), f.person("Bob", "demo-12"), f.person("Eve", "")
	if ada.user != "3" || bob.user != "12" || len(eve.user) != 16 {
		t.Fatalf("the numbers are %s, %s and %s", ada.user, bob.user, eve.user)
	}
	pair, err := f.OpenDirect(t.Context(), ada.who(), chat.OpenDirectInput{User: "demo-12"})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := f.OpenDirect(t.Context(), ada.who(), chat.OpenDirectInput{User: eve.who().User.ID})
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.ids = []string{"demo-77"}
	f.mu.Unlock()
	if _, err := f.CreateRoom(t.Context(), ada.who(),
		chat.CreateRoomInput{Name: "Plans", Kind: chat.Private}); err != nil {
		t.Fatal(err)
	}
	one := bob.says(pair.ID, `<b>"one" & 'one'</b>`)
	two := ada.says(pair.ID, "two")
	general := eve.says(chat.GeneralID, "hello")
	asMessage := func(from, room string, m chat.Message) string {
		b, _ := json.Marshal(message{from, m.At.Unix(), m.Text, room})
		return string(b)
	}
	nobody := f.client()

	for _, c := range []struct {
		by     *client
		method string
		path   string
		body   any
		status int
		want   string // JSON; empty for a refusal with a message
	}{
		{nobody, "GET", "/links", nil, 200, `{"github":"https://github.com/parley-chat/parley"}`},
		{nobody, "GET", "/me", nil, 200, `null`},
		{ada, "GET", "/me", nil, 200, `{"id":"3","username":"Ada"}`},

		{nobody, "POST", "/login", map[string]string{"username": "Ada", "password": "password123"},
			200, `{"id":"3","username":"Ada"}`},
		{f.client(), "POST", "/login", map[string]string{"username": "Ada", "password": "wrong"},
			404, `{"message":"Invalid username or password"}`},
		{f.client(), "POST", "/login", map[string]string{"username": "Bea", "password": "short"}, 400, ""},
		{f.client(), "POST", "/login", map[string]string{"username": "", "password": "password123"}, 400, ""},
		{f.client(), "POST", "/login", map[string]int{"username": 1}, 400, ""},
		{f.client(), "POST", "/login", `{"username":`, 400, ""},
		{f.client(), "POST", "/login", `{"username":"` + strings.Repeat("x", 70_000) + `"}`, 413, ""},
		{f.client(), "POST", "/logout", nil, 403, ""},

		{ada, "GET", "/users?ids[]=3&ids[]=12&ids[]=999&ids[]=x&ids[]=-3&ids[]=003&ids[]=" +
			strings.Repeat("9", 40), nil, 200,
			`{"3":{"id":"3","username":"Ada","online":false},"12":{"id":"12","username":"Bob","online":false}}`},
		{ada, "GET", "/users?ids=3&ids=" + eve.user, nil, 200,
			`{"3":{"id":"3","username":"Ada","online":false},"` + eve.user + `":{"id":"` +
				eve.user + `","username":"Eve","online":false}}`},
		{ada, "GET", "/users", nil, 404, ""},
		{ada, "GET", "/users?ids=3", nil, 404, ""},
		{ada, "GET", "/users?" + strings.Repeat("ids[]=3&", 201), nil, 400, ""},
		{f.client(), "GET", "/users?ids[]=3", nil, 403, ""},
		{ada, "GET", "/users/online", nil, 200, `{}`},
		{f.client(), "GET", "/users/online", nil, 403, ""},

		{ada, "GET", "/rooms/3", nil, 200,
			`[{"id":"3:12","names":[["Ada"],["Bob"]]},{"id":"77","names":["Plans"]},{"id":"0","names":["General"]}]`},
		{eve, "GET", "/rooms/" + eve.user, nil, 200, `[{"id":"0","names":["General"]}]`},
		{ada, "GET", "/rooms/12", nil, 404, ""},
		{ada, "GET", "/rooms/99", nil, 404, ""},
		{ada, "GET", "/rooms/x", nil, 404, ""},
		{f.client(), "GET", "/rooms/3", nil, 403, ""},

		{bob, "POST", "/room", map[string]any{"user1": "3", "user2": 12}, 201,
			`{"id":"3:12","names":[["Ada"],["Bob"]]}`},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": "3"}, 201,
			`{"id":"3:12","names":[["Bob"],["Ada"]]}`},
		{bob, "POST", "/room", map[string]any{"user1": eve.user, "user2": "12"}, 201,
			`{"id":"12:` + eve.user + `","names":[["Eve"],["Bob"]]}`},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": 12}, 400, ""},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": "x"}, 400, ""},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": 3.5}, 400, ""},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": 0}, 400, ""},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": []int{3}}, 400, ""},
		{bob, "POST", "/room", map[string]any{"user1": "12"}, 400, ""},
		{bob, "POST", "/room", `[]`, 400, ""},
		{bob, "POST", "/room", map[string]any{"user1": "3", "user2": eve.user}, 403, ""},
		{bob, "POST", "/room", map[string]any{"user1": "12", "user2": "999"}, 404, ""},
		{f.client(), "POST", "/room", map[string]any{"user1": "12", "user2": "3"}, 403, ""},

		{ada, "GET", "/room/3:12/messages?offset=0&size=15", nil, 200,
			"[" + asMessage("3", "3:12", two) + "," + asMessage("12", "3:12", one) + "]"},
		{ada, "GET", "/room/3:12/messages?offset=1&size=15", nil, 200,
			"[" + asMessage("12", "3:12", one) + "]"},
		{ada, "GET", "/room/3:12/messages?offset=0&size=1", nil, 200,
			"[" + asMessage("3", "3:12", two) + "]"},
		{ada, "GET", "/room/3:12/messages?offset=2&size=15", nil, 200, `[]`},
		{ada, "GET", "/room/3:12/messages?offset=9223372036854775807&size=9223372036854775807", nil,
			200, `[]`},
		{ada, "GET", "/room/3:12/messages?size=0", nil, 200, `[]`},
		{ada, "GET", "/room/3:12/messages", nil, 200,
			"[" + asMessage("3", "3:12", two) + "," + asMessage("12", "3:12", one) + "]"},
		{ada, "GET", "/room/77/messages?offset=0&size=15", nil, 200, `[]`},
		{ada, "GET", "/room/0/messages?offset=0&size=15", nil, 200,
			"[" + asMessage(eve.user, "0", general) + "]"},
		{ada, "GET", "/room/3:12/messages?offset=-1", nil, 400, ""},
		{ada, "GET", "/room/3:12/messages?size=x", nil, 400, ""},
		{ada, "GET", "/room/3:12/messages?size=1&size=2", nil, 400, ""},
		{f.client(), "GET", "/room/0/messages?offset=0&size=15", nil, 403, ""},

		{ada, "GET", "/room/0/preload", nil, 200,
			`{"id":"0","name":"General","messages":[` + asMessage(eve.user, "0", general) + `]}`},
		{f.client(), "GET", "/room/0/preload", nil, 403, ""},
	} {
		res, got := c.by.do(c.method, c.path, c.body)
		name := fmt.Sprintf("%s %.80s as %s", c.method, c.path, c.by.user)
		if res.StatusCode != c.status {
			t.Errorf("%s: %s %.200s, want %d", name, res.Status, got, c.status)
			continue
		}
		if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
			t.Errorf("%s: %s", name, kind)
		}
		if res.Header.Get("Cache-Control") != "no-store" ||
			res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", name, res.Header)
		}
		if c.want != "" {
			equal(t, name, got, c.want)
			continue
		}
		var refusal struct{ Message string }
		if err := json.Unmarshal([]byte(got), &refusal); err != nil || refusal.Message == "" {
			t.Errorf("%s: refused with %s", name, got)
		}
	}

	// What is not the caller's, or no id, is not there.
	if res, got := ada.do("GET", "/room/12:"+eve.user+"/messages", nil); res.StatusCode != 404 {
		t.Errorf("a foreign pair's room: %s %s", res.Status, got)
	}
	for _, id := range []string{"3:12", "77", "12:3", "0:0", "0:12", "12:12", "1:1", "a:b", ":",
		"12:", ":12", "3:12:13", "03:12", "+3:12", "3:%2012", "-1", "00", "x", "999",
		"9007199254740991", "9007199254740992", "9223372036854775808:9223372036854775809",
		strings.Repeat("9", 500), "12:" + strings.Repeat("9", 500), string(pair.ID),
		string(empty.ID), "general", "%00"} {
		if res, got := eve.do("GET", "/room/"+id+"/messages", nil); res.StatusCode != 404 {
			t.Errorf("room %.60s: %s %s", id, res.Status, got)
		}
	}

	res, name := nobody.do("GET", "/randomname", nil)
	if _, _, err := (identity.Names{}).Fold(name); err != nil ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("a random name is %q (%v), as %s", name, err, res.Header.Get("Content-Type"))
	}
	for path, status := range map[string]int{"/": 200, "/healthz": 200, "/api/v1/server": 200,
		"/api/v1/account": 401, "/login": 404} {
		if res, _ := f.client().do("GET", path, nil); res.StatusCode != status {
			t.Errorf("Parley's own %s: %s", path, res.Status)
		}
	}
}

// TestLogIn follows the cookies, and what becomes of unknown names where
// sign-up is not open.
func TestLogIn(t *testing.T) {
	for _, signUp := range []chat.SignUp{chat.SignUpOpen, chat.SignUpInvite, chat.SignUpClosed} {
		f := newFixture(t, func(s *settings) { s.Chat.SignUp = signUp })
		if _, err := f.AddUser(t.Context(), "Ada", "password123", chat.RoleMember, ""); err != nil {
			t.Fatal(err)
		}
		c := f.client()
		status, want := 404, `{"message":"Invalid username or password"}`
		if signUp == chat.SignUpOpen {
			status, want = 201, ""
		}
		res, got := c.do("POST", "/login", map[string]string{"username": "Bob", "password": "password123"})
		if res.StatusCode != status || want != "" && strings.TrimSpace(got) != want {
			t.Errorf("an unknown name with sign-up %s: %s %s", signUp, res.Status, got)
		}
		c = f.client()
		res, got = c.do("POST", "/login", map[string]string{"username": "Ada", "password": "password123"})
		if res.StatusCode != 200 || len(res.Cookies()) != 2 {
			t.Fatalf("log-in with sign-up %s: %s %s %v", signUp, res.Status, got, res.Cookies())
		}
		for _, cookie := range res.Cookies() {
			if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" ||
				time.Until(cookie.Expires) < time.Hour {
				t.Errorf("the cookie %v", cookie)
			}
		}
		if strings.Contains(got, c.cookies["parley"]) {
			t.Error("the token is in the answer")
		}

		// Parley's own client has the same session, and a browser that comes
		// from there is marked.
		if res, _ := c.do("GET", "/api/v1/account", nil); res.StatusCode != 200 {
			t.Errorf("Parley's own account: %s", res.Status)
		}
		delete(c.cookies, "parley-redis-chat-demo")
		c.want("GET", "/me", nil, 200, nil)
		if c.cookies["parley-redis-chat-demo"] == "" {
			t.Error("no mark for who has logged in elsewhere")
		}

		who, token := c.who(), c.cookies["parley"]
		res, got = c.do("POST", "/logout", nil)
		if res.StatusCode != 200 || got != "OK" || len(c.cookies) != 0 {
			t.Errorf("logged out: %s %s, cookies %v", res.Status, got, c.cookies)
		}
		if _, err := f.Authenticate(t.Context(), token, who); err == nil {
			t.Error("the session has outlived its end")
		}
		c.cookies["parley"] = token
		if _, got := c.do("GET", "/me", nil); strings.TrimSpace(got) != "null" {
			t.Errorf("me, with an old cookie: %s", got)
		}
	}
}

// TestOrigins has pages of the server, of an allowed origin and of strangers
// ask, and programs.
func TestOrigins(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.person("Ada", "")
	login := map[string]string{"username": "Ada", "password": "password123"}
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		cors    bool
	}{
		{"our page", []string{"Origin", f.http.URL}, 200, false},
		{"our page, without its origin", []string{"Origin", "", "Sec-Fetch-Site", "same-origin"}, 200, false},
		{"an allowed page", []string{"Origin", allowed}, 200, true},
		{"a program", []string{"Origin", ""}, 200, false},
		{"a foreign page", []string{"Origin", "http://evil.example"}, 403, false},
		{"a foreign port", []string{"Origin", "http://127.0.0.1:1"}, 403, false},
		{"a frame without origin", []string{"Origin", "null"}, 403, false},
		{"an address that goes on", []string{"Origin", allowed + ".evil.example"}, 403, false},
		{"another site", []string{"Origin", "", "Sec-Fetch-Site", "cross-site"}, 403, false},
		{"another host of the site", []string{"Origin", "", "Sec-Fetch-Site", "same-site"}, 403, false},
	} {
		for _, path := range []string{"/login", "/room", "/logout"} {
			client, body, status := f.client(), any(login), c.status
			switch path {
			case "/room":
				client, body = ada, map[string]string{"user1": "1", "user2": "1"}
				if status == 200 {
					status = 400
				}
			case "/logout":
				client = f.client()
				client.do("POST", "/login", login)
				body = nil
			}
			res, got := client.do("POST", path, body, c.headers...)
			if res.StatusCode != status {
				t.Errorf("%s from %s: %s %s, want %d", path, c.name, res.Status, got, status)
			}
			allow, with := res.Header.Get("Access-Control-Allow-Origin"),
				res.Header.Get("Access-Control-Allow-Credentials")
			if c.cors != (allow == allowed && with == "true") || !c.cors && allow+with != "" {
				t.Errorf("%s from %s: allow-origin %q, credentials %q", path, c.name, allow, with)
			}
			if status == 403 && len(res.Cookies()) > 0 {
				t.Errorf("%s from %s: cookies %v", path, c.name, res.Cookies())
			}
		}
	}
	res, _ := f.client().do("OPTIONS", "/login", nil, "Origin", allowed,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != allowed ||
		!strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("preflight: %s %v", res.Status, res.Header)
	}
	res, _ = f.client().do("OPTIONS", "/login", nil, "Origin", "http://evil.example",
		"Access-Control-Request-Method", "POST")
	if res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a foreign page: %s %v", res.Status, res.Header)
	}
	// A form of a foreign page cannot send JSON, and nothing else is taken.
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", ""} {
		if res, _ := f.client().do("POST", "/login", `{"username":"Ada","password":"password123"}`,
			"Content-Type", kind, "Origin", ""); res.StatusCode != 400 {
			t.Errorf("a body that is %q: %s", kind, res.Status)
		}
	}
	if res, got := ada.do("GET", "/me?token="+ada.cookies["parley"], nil); res.StatusCode != 403 {
		t.Errorf("a token in the URL: %s %s", res.Status, got)
	}
}

// TestLimits has the domain's limits hold here too.
func TestLimits(t *testing.T) {
	f := newFixture(t, func(s *settings) {
		s.Chat.Limits.Calls = chat.Rate{Limit: 8, Window: time.Hour}
		s.Chat.Limits.Guesses = chat.Rate{Limit: 3, Window: time.Hour}
	})
	ada := f.person("Ada", "")
	for i := range 5 {
		res, got := f.client().do("POST", "/login", map[string]string{"username": "Ada", "password": "guess"})
		if want := 404; i < 3 && res.StatusCode != want || i >= 3 &&
			(res.StatusCode != 429 || res.Header.Get("Retry-After") == "") {
			t.Errorf("guess %d: %s %s", i, res.Status, got)
		}
	}
	paths := []string{"/users/online", "/users?ids[]=1", "/rooms/1", "/room/5:6/messages",
		"/room/" + ada.user + ":9007199254740991/messages", "/room/0/messages", "/room/0/preload"}
	limited := 0
	for range 4 {
		for _, path := range paths {
			if res, _ := ada.do("GET", path, nil); res.StatusCode == 429 {
				limited++
			}
		}
	}
	if limited != 4*len(paths)-8-4 {
		t.Errorf("%d of %d requests were refused: 8 are allowed, and those for foreign rooms cost nothing", limited, 4*len(paths))
	}
}

// TestGuests has a guest see only the people in their rooms, and nobody's
// presence.
func TestGuests(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.person("Ada", "demo-1"), f.person("Bob", "demo-2")
	guest, err := f.AddUser(t.Context(), "Gus", "password123", chat.RoleGuest, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.CreateRoom(t.Context(), ada.who(),
		chat.CreateRoomInput{Name: "Plans", Kind: chat.Private, Users: []chat.UserID{guest.ID}}); err != nil {
		t.Fatal(err)
	}
	gus := f.client()
	gus.want("POST", "/login", map[string]string{"username": "Gus", "password": "password123"}, 200, nil)
	_, got := gus.do("GET", "/users?ids[]=1&ids[]=2", nil)
	equal(t, "a guest's people", got, `{"1":{"id":"1","username":"Ada","online":false}}`)
	for path, status := range map[string]int{"/room/0/preload": 404, "/room/0/messages": 404} {
		if res, got := gus.do("GET", path, nil); res.StatusCode != status {
			t.Errorf("%s for a guest: %s %s", path, res.Status, got)
		}
	}
	var me struct{ ID string }
	gus.want("GET", "/me", nil, 200, &me)
	if res, _ := gus.do("POST", "/room",
		map[string]string{"user1": me.ID, "user2": bob.user}); res.StatusCode != 404 {
		t.Errorf("a guest with somebody unknown: %s", res.Status)
	}
	if res, _ := gus.do("POST", "/room",
		map[string]string{"user1": me.ID, "user2": ada.user}); res.StatusCode != 403 {
		t.Errorf("a guest with somebody known: %s", res.Status)
	}
}

// TestNewcomers has a second node find people who signed up on the first after
// it had read everyone, however many.
func TestNewcomers(t *testing.T) {
	f := newFixture(t, nil)
	other := compat.New(f.cfg)
	defer other.Close()
	node := httptest.NewServer(other.Handler(http.NotFoundHandler()))
	defer node.Close()
	ada := f.person("Ada", "")
	there := &client{f: f, base: node.URL, cookies: ada.cookies}
	find := func(c *client) {
		t.Helper()
		query := url.Values{"ids[]": {c.user, "1"}} // the other is nobody's
		var got map[string]struct{ ID, Username string }
		there.want("GET", "/users?"+query.Encode(), nil, 200, &got)
		if len(got) != 1 || got[c.user].ID != c.user {
			t.Fatalf("found %v", got)
		}
	}
	find(ada)
	find(f.person("Bob", "demo-7"))
	var last *client
	for i := range 600 { // more than one page of the log
		if _, err := f.AddUser(t.Context(), fmt.Sprintf("person %d", i), "password123",
			chat.RoleMember, ""); err != nil {
			t.Fatal(err)
		}
	}
	last = f.person("Zoe", "")
	find(last)
	f.rename(last, "Zora")
	var got map[string]struct{ Username string }
	if there.want("GET", "/users?ids[]="+last.user, nil, 200, &got); got[last.user].Username != "Zora" {
		t.Errorf("renamed on the first node: %v", got)
	}
}
