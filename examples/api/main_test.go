package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/examples/internal/program"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { program.Main(m, main) }

type reply struct {
	*http.Response
	body map[string]any // nil unless it is JSON
}

func call(t *testing.T, method, url, token, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	out := reply{Response: w}
	if strings.Contains(w.Header.Get("Content-Type"), "json") {
		if err := json.NewDecoder(w.Body).Decode(&out.body); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func want(t *testing.T, what string, got reply, status int) {
	t.Helper()
	if got.StatusCode != status {
		t.Fatalf("%s: %s %v, want %d", what, got.Status, got.body, status)
	}
}

// Two processes behave as one.
func TestAPI(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		start := func() (*program.Program, string) {
			p := program.Start(t, []string{"REDIS_URL=" + d.URL(),
				"USERS=ada:enchantress,bob:builder", "LISTEN=127.0.0.1:0"})
			return p, p.Says("listening at ")
		}
		here, a := start()
		there, b := start()

		want(t, "me as a stranger", call(t, "GET", a+"/me", "", ""), 401)
		want(t, "me with a token that nobody gave", call(t, "GET", a+"/me", "made-up", ""), 401)
		want(t, "login without a body", call(t, "POST", a+"/login", "", ""), 400)
		want(t, "login with another's password",
			call(t, "POST", a+"/login", "", `{"user":"ada","password":"builder"}`), 401)
		want(t, "login as nobody", call(t, "POST", a+"/login", "", `{"user":"eve","password":""}`), 401)

		in := call(t, "POST", a+"/login", "", `{"user":"ada","password":"enchantress"}`)
		want(t, "login", in, 200)
		token, _ := in.body["token"].(string)
		for i, at := range []string{a, b, a} {
			me := call(t, "GET", at+"/me", token, "")
			want(t, "me", me, 200)
			login, _ := me.body["login"].(map[string]any)
			if me.body["user"] != "ada" || login["calls"] != float64(i+1) {
				t.Errorf("call %d: %v", i+1, me.body)
			}
			if left := me.Header.Get("X-RateLimit-Remaining"); left == "" ||
				me.Header.Get("RateLimit") == "" {
				t.Errorf("header %v", me.Header)
			}
		}
		want(t, "logout", call(t, "POST", b+"/logout", token, ""), 204)
		want(t, "me after logout", call(t, "GET", a+"/me", token, ""), 401)

		// Five guesses a minute at one user's password, however many processes
		// are asked.
		for i := range 7 {
			at := []string{a, b}[i%2]
			got := call(t, "POST", at+"/login", "", `{"user":"bob","password":"guess"}`)
			if i < 5 {
				want(t, "a guess", got, 401)
				continue
			}
			want(t, "a guess too many", got, 429)
			after, err := strconv.Atoi(got.Header.Get("Retry-After"))
			if err != nil || after < 1 || after > 60 ||
				!strings.Contains(got.Header.Get("RateLimit"), `"minute";r=0`) ||
				got.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%v %v", got.Header, got.body)
			}
		}
		want(t, "the right password after too many",
			call(t, "POST", b+"/login", "", `{"user":"bob","password":"builder"}`), 429)
		want(t, "another user", call(t, "POST", b+"/login", "",
			`{"user":"ada","password":"enchantress"}`), 200)

		for _, p := range []*program.Program{here, there} {
			if said := p.Interrupt(); !strings.Contains(said, "finishing") {
				t.Errorf("it said %q", said)
			}
		}
	})
}

// Redis goes away: nobody is let in, and the program still ends when asked.
func TestWithoutRedis(t *testing.T) {
	srv := redistest.Start(t)
	p := program.Start(t, []string{"REDIS_URL=" + srv.URL(), "USERS=ada:enchantress", "LISTEN=127.0.0.1:0"})
	at := p.Says("listening at ")
	srv.Kill()
	got := call(t, "POST", at+"/login", "", `{"user":"ada","password":"enchantress"}`)
	want(t, "login without Redis", got, 503)
	p.Interrupt()
}
