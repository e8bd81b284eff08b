package session

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/kit/redistest"
)

// site is a server with the middleware on a plain cookie, as test servers have
// no TLS.
func site(t *testing.T, m *Manager[login], handle http.HandlerFunc) (*httptest.Server, *http.Client) {
	t.Helper()
	srv := httptest.NewServer(m.Handler(handle))
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	wantNoError(t, err)
	client := srv.Client()
	client.Jar = jar
	return srv, client
}

func get(t *testing.T, c *http.Client, url string) (status int, body string, header http.Header) {
	t.Helper()
	resp, err := c.Get(url)
	wantNoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	wantNoError(t, err)
	return resp.StatusCode, string(all), resp.Header
}

// pages is a small site: log in, look, count, renew, log out.
func pages(t *testing.T, m *Manager[login]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch r.URL.Path {
		case "/login":
			_, err = m.Login(r.Context(), r.URL.Query().Get("user"), login{Device: "browser"})
		case "/renew":
			err = m.Renew(r.Context())
		case "/logout":
			err = m.Logout(r.Context())
		case "/count":
			m.FromContext(r.Context()).Data.Views++
		}
		if err != nil {
			t.Error(err)
		}
		if s := m.FromContext(r.Context()); s != nil {
			fmt.Fprintf(w, "%s %d", s.User(), s.Data.Views)
		} else {
			fmt.Fprint(w, "nobody")
		}
	}
}

func TestBrowser(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{Cookie: Cookie{Plain: true}})
	srv, c := site(t, m, pages(t, m))
	for _, step := range []struct{ path, want string }{
		{"/", "nobody"}, {"/login?user=ada", "ada 0"}, {"/", "ada 0"}, {"/count", "ada 1"},
		{"/count", "ada 2"},
		{"/renew", "ada 2"}, {"/count", "ada 3"}, {"/login?user=bob", "bob 0"}, {"/", "bob 0"},
		{"/logout", "nobody"}, {"/", "nobody"},
	} {
		status, body, header := get(t, c, srv.URL+step.path)
		if status != 200 || body != step.want {
			t.Errorf("%s: %d %q, want %q", step.path, status, body, step.want)
		}
		sets := step.path != "/" && step.path != "/count"
		if got := header.Get("Set-Cookie") != ""; got != sets {
			t.Errorf("%s: Set-Cookie %q", step.path, header.Get("Set-Cookie"))
		}
		if sets && header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", step.path, header.Get("Cache-Control"))
		}
		if !strings.Contains(header.Get("Vary"), "Cookie") {
			t.Errorf("%s: Vary %q", step.path, header.Get("Vary"))
		}
	}
	if left := ids(t, m, "ada"); left != nil {
		t.Errorf("logging in as someone else left %v", left)
	}
}

func TestCookie(t *testing.T) {
	for name, test := range map[string]struct {
		cookie     Cookie
		want       string
		weaknesses int
	}{
		"strict": {Cookie{}, "__Host-session=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax", 0},
		"named": {Cookie{Name: "id", SameSite: http.SameSiteStrictMode},
			"__Host-id=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict", 0},
		"domain": {Cookie{Domain: "example.org"},
			"__Secure-session=v; Path=/; Domain=example.org; Max-Age=60; HttpOnly; Secure; SameSite=Lax", 1},
		"plain": {Cookie{Plain: true}, "session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", 1},
		"brief": {Cookie{UntilClosed: true}, "__Host-session=v; Path=/; HttpOnly; Secure; SameSite=Lax", 0},
		"none": {Cookie{SameSite: http.SameSiteNoneMode},
			"__Host-session=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=None", 1},
	} {
		wantNoError(t, test.cookie.check())
		if diff := cmp.Diff(test.want, test.cookie.cookie("v", 60e9).String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := test.cookie.Weaknesses(); len(got) != test.weaknesses {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A token from outside never becomes a session, and what was known before a
// login opens nothing after it.
func TestFixation(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{Cookie: Cookie{Plain: true}})
	srv, c := site(t, m, pages(t, m))
	anonymous := mustCreate(t, m, "", login{})
	for name, planted := range map[string]string{
		"made up":              newToken().String(),
		"the attacker's own":   anonymous.Token(),
		"not even well formed": "admin",
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/login?user=ada", nil)
		wantNoError(t, err)
		req.AddCookie(&http.Cookie{Name: "session", Value: planted})
		resp, err := (&http.Client{Transport: c.Transport}).Do(req)
		wantNoError(t, err)
		resp.Body.Close()
		cookies := resp.Cookies()
		if len(cookies) != 1 || cookies[0].Value == planted ||
			cookies[0].Value[:22] == planted[:min(22, len(planted))] {
			t.Errorf("%s: the planted token lives on in %v", name, cookies)
		}
		_, err = m.Load(t.Context(), planted)
		wantError(t, err, ErrNotFound)
	}
}

func TestBearer(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{Cookie: Cookie{Plain: true}})
	bot, ada := mustCreate(t, m, "bot", login{}), mustCreate(t, m, "ada", login{})
	srv, _ := site(t, m, func(w http.ResponseWriter, r *http.Request) {
		s := m.FromContext(r.Context())
		if s == nil {
			fmt.Fprint(w, "nobody")
			return
		}
		fmt.Fprintf(w, "%s %t", s.User(), m.IsBearer(r.Context()))
		if m.IsBearer(r.Context()) && w.Header().Get("Set-Cookie") != "" {
			t.Error("a bearer got a cookie")
		}
	})
	for _, test := range []struct{ authorization, cookie, want string }{
		{"Bearer " + bot.Token(), "", "bot true"},
		{"bearer  " + bot.Token(), ada.Token(), "bot true"},
		{"", ada.Token(), "ada false"},
		{"Bearer wrong", ada.Token(), "nobody"},
		{"Basic YTpi", ada.Token(), "ada false"},
		{"Bearer", "", "nobody"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL, nil)
		wantNoError(t, err)
		if test.authorization != "" {
			req.Header.Set("Authorization", test.authorization)
		}
		if test.cookie != "" {
			req.AddCookie(&http.Cookie{Name: "session", Value: test.cookie})
		}
		resp, err := srv.Client().Transport.RoundTrip(req)
		wantNoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		wantNoError(t, err)
		if string(body) != test.want {
			t.Errorf("%+v: got %q", test, body)
		}
	}
}

// A request that began before a logout and ends after it must not bring the
// session back.
func TestSlowRequestSpansLogout(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{Cookie: Cookie{Plain: true}})
	inside, goOn := make(chan bool), make(chan bool)
	normal := pages(t, m)
	srv, c := site(t, m, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			inside <- true
			<-goOn
			m.FromContext(r.Context()).Data.Views = 99
			fmt.Fprint(w, "saved")
			return
		}
		normal(w, r)
	})
	get(t, c, srv.URL+"/login?user=ada")
	id := ids(t, m, "ada")[0]

	type answer struct {
		status int
		body   string
		header http.Header
	}
	slow := make(chan answer, 1)
	go func() {
		status, body, header := get(t, c, srv.URL+"/slow")
		slow <- answer{status, body, header}
	}()
	<-inside
	get(t, c, srv.URL+"/logout")
	goOn <- true
	got := <-slow
	if got.status != http.StatusUnauthorized || strings.Contains(got.body, "saved") ||
		got.header.Get("Set-Cookie") != "" {
		t.Errorf("the slow request got %d %q, cookie %q", got.status, got.body, got.header.Get("Set-Cookie"))
	}
	if gone, err := m.Gone(t.Context(), id); err != nil || len(gone) != 1 {
		t.Errorf("the session is back: gone %v, %v", gone, err)
	}
	if _, body, _ := get(t, c, srv.URL+"/"); body != "nobody" {
		t.Errorf("still logged in as %q", body)
	}
}

func TestConflictIsAnswered(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{Cookie: Cookie{Plain: true}})
	s := mustCreate(t, m, "ada", login{})
	handler := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mine := m.FromContext(r.Context())
		other := mustLoad(t, m, mine.Token())
		other.Data.Views, mine.Data.Views = 1, 2
		wantNoError(t, other.Save(t.Context()))
		w.Header().Set("Content-Length", "4")
		w.Header().Set("ETag", `"x"`)
		if _, err := w.Write([]byte("done")); !errors.Is(err, ErrConflict) {
			t.Errorf("the handler was told %v", err)
		}
	}))
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "Bearer "+s.Token())
	handler.ServeHTTP(w, r)
	var problem struct{ Status int }
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != 409 ||
		problem.Status != 409 || w.Header().Get("ETag") != "" {
		t.Errorf("got %d %s %v, %v", w.Code, w.Body, w.Header(), err)
	}
}

// Streaming and hijacking work through the middleware, and the session is saved
// before they begin.
func TestStreaming(t *testing.T) {
	m := newManager(t, redistest.Start(t).Client(t),
		Options[login]{Cookie: Cookie{Plain: true},
			OnError: func(err error) { t.Error(err) }})
	flushed := make(chan bool)
	srv, c := site(t, m, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		switch r.URL.Path {
		case "/login":
			_, err := m.Login(r.Context(), "ada", login{})
			wantNoError(t, err)
			if _, ok := w.(http.Flusher); !ok {
				t.Error("no Flusher")
			}
			wantNoError(t, rc.Flush())
			if _, err := m.Login(r.Context(), "bob", login{}); !errors.Is(err, ErrHeaderSent) {
				t.Errorf("a login after the header: %v", err)
			}
			wantError(t, m.Logout(r.Context()), ErrHeaderSent)
			wantError(t, m.Renew(r.Context()), ErrHeaderSent)
		case "/stream":
			s := m.FromContext(r.Context())
			s.Data.Views = 1
			fmt.Fprint(w, "first\n")
			wantNoError(t, rc.Flush())
			<-flushed
			s.Data.Views = 2 // saved when the handler returns
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		case "/file":
			m.FromContext(r.Context()).Data.Views = 3
			n, err := io.Copy(w, strings.NewReader("content"))
			if n != 7 || err != nil {
				t.Errorf("copied %d, %v", n, err)
			}
		case "/hijack":
			m.FromContext(r.Context()).Data.Views = 4
			wantNoError(t, rc.EnableFullDuplex())
			conn, rw, err := w.(http.Hijacker).Hijack()
			wantNoError(t, err)
			defer conn.Close()
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nhello\n")
			wantNoError(t, rw.Flush())
		}
	})
	views := func() int {
		t.Helper()
		found := list(t, m, "ada")
		if len(found) != 1 {
			t.Fatalf("%d sessions", len(found))
		}
		return found[0].Data.Views
	}
	get(t, c, srv.URL+"/login")

	resp, err := c.Get(srv.URL + "/stream")
	wantNoError(t, err)
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if line != "first\n" || err != nil {
		t.Fatalf("streamed %q, %v", line, err)
	}
	if got := views(); got != 1 {
		t.Errorf("%d views while the stream is open", got)
	}
	flushed <- true
	_, err = io.Copy(io.Discard, resp.Body)
	wantNoError(t, err)
	resp.Body.Close()
	if got := views(); got != 2 {
		t.Errorf("%d views after the stream", got)
	}

	if status, _, _ := get(t, c, srv.URL+"/hints"); status != http.StatusTeapot {
		t.Errorf("status %d", status)
	}
	if _, body, _ := get(t, c, srv.URL+"/file"); body != "content" || views() != 3 {
		t.Errorf("file %q, %d views", body, views())
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/hijack", nil)
	wantNoError(t, err)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "test")
	resp, err = c.Do(req)
	wantNoError(t, err)
	defer resp.Body.Close()
	if line, _ := bufio.NewReader(resp.Body).ReadString('\n'); resp.StatusCode != 101 ||
		line != "hello\n" || views() != 4 {
		t.Errorf("hijacked %d %q, %d views", resp.StatusCode, line, views())
	}
}

func TestPanicSavesNothing(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{})
	s := mustCreate(t, m, "ada", login{})
	handler := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.FromContext(r.Context()).Data.Views = 1
		panic("half done")
	}))
	func() {
		defer func() {
			if recover() != "half done" {
				t.Error("the panic was swallowed")
			}
		}()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+s.Token())
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	if got := mustLoad(t, m, s.Token()).Data.Views; got != 0 {
		t.Errorf("%d views saved", got)
	}
}
