package parley_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/parley-chat/parley"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// program is one that has the chat inside, with people of its own.
type program struct {
	t    *testing.T
	chat *parley.Server
	http *httptest.Server

	mu    sync.Mutex
	here  map[string]parley.User // by the program's cookie
	fault error
	asked func() // called with each question, if set
}

// below is where the program has the chat.
const below = "/team/chat"

func embed(t *testing.T, o parley.Options) *program {
	t.Helper()
	p := &program{t: t, here: map[string]parley.User{}}
	if o.Store == "" && o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Authenticate = p.who
	o.LogIn = "/login"
	var err error
	if p.chat, err = parley.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(below+"/", http.StripPrefix(below, p.chat))
	p.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.chat.Close(ctx); err != nil {
			t.Error(err)
		}
		p.http.Close()
	})
	return p
}

func (p *program) who(r *http.Request) (parley.User, error) {
	p.mu.Lock()
	asked, fault := p.asked, p.fault
	var v parley.User
	if c, err := r.Cookie("program"); err == nil {
		v = p.here[c.Value]
	}
	p.mu.Unlock()
	if asked != nil {
		asked()
	}
	return v, fault
}

// logIn has the program know somebody by a cookie; the zero User logs them
// out.
func (p *program) logIn(cookie string, v parley.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.here[cookie] = v
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// do does a request as a browser on the program's own page does, with the
// program's cookie. Headers are pairs of name and value.
func (p *program) do(method, path, cookie, body string, headers ...string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.http.URL+below+path,
		strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		req.AddCookie(&http.Cookie{Name: "program", Value: cookie})
	}
	if method != "GET" {
		req.Header.Set("Origin", p.http.URL)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// me is who the chat takes the one with that cookie for; nobody if it asks for
// a log-in.
func (p *program) me(cookie string) (id parley.UserID, name string, role parley.Role) {
	p.t.Helper()
	got := p.do("GET", "/api/v1/account", cookie, "")
	if got.status == http.StatusUnauthorized {
		return "", "", ""
	}
	var out struct {
		User struct {
			ID   parley.UserID
			Name string
			Role parley.Role
		}
	}
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != 200 {
		p.t.Fatalf("account: %d %s", got.status, got.body)
	}
	return out.User.ID, out.User.Name, out.User.Role
}

// dial opens a WebSocket; it returns the status instead if that is refused.
func (p *program) dial(cookie, origin string) (net.Conn, int) {
	p.t.Helper()
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Cookie": {"program=" + cookie}, "Origin": {origin}}}
	conn, _, _, err := d.Dial(p.t.Context(), strings.Replace(p.http.URL, "http", "ws", 1)+below+"/api/v1/ws")
	if status, ok := errors.AsType[ws.StatusError](err); ok {
		return nil, int(status)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn, 0
}

// call asks over a socket and returns the answer.
func (p *program) call(conn net.Conn, method string) string {
	p.t.Helper()
	if err := wsutil.WriteClientText(conn,
		[]byte(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{}}`)); err != nil {
		p.t.Fatal(err)
	}
	for {
		frame, err := wsutil.ReadServerText(conn)
		if err != nil {
			p.t.Fatal(err)
		}
		if bytes.Contains(frame, []byte(`"id":1`)) {
			return string(frame)
		}
	}
}

// closed reads a socket to its end and returns the code with which it was
// closed.
func closed(t *testing.T, conn net.Conn) ws.StatusCode {
	t.Helper()
	for {
		header, err := ws.ReadHeader(conn)
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		if header.OpCode == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(payload)
			return code
		}
	}
}
