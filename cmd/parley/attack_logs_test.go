package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestAttackLogs does, with the log at its most talkative, everything that
// brings a secret along, well and badly, and then reads the log: no token,
// cookie, password, invite or text of people is in it, and nobody's line break
// makes a line of its own.
func TestAttackLogs(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		const (
			text, wrong, planted, operator = "a-secret-text", "a-wrong-password", "a-planted-token",
				"the-operators-token"
			password = "a-new-password"
		)
		secrets := map[string]string{
			"a text": text, "a wrong password": wrong, "a wrong token": planted,
			"the metrics' token": operator, "a password": password, "the demo's password": `=password123`,
		}
		keep := func(what, secret string) string {
			if len(secret) < 20 {
				t.Fatalf("%s is %q", what, secret)
			}
			secrets[what] = secret
			return secret
		}
		do := func(i int, method, path, body string, header ...string) answer {
			return ask(t, at(i), method, path, body, header...)
		}

		var invite chat.InviteOutput
		pablo := keep("Pablo's token", at(0).logIn("Pablo"))
		if _, err := call(t.Context(), at(0).URL, "POST", "/invites", pablo, map[string]any{},
			&invite); err != nil {
			t.Fatal(err)
		}
		keep("an invite", invite.Code)
		var eve chat.LoggedInOutput
		if _, err := call(t.Context(), at(1).URL, "POST", "/accounts", "",
			map[string]string{"name": "Eve", "password": password, "invite": invite.Code}, &eve); err != nil {
			t.Fatal(err)
		}
		bearer := "Bearer " + keep("Eve's token", eve.Token)
		in := do(0, "POST", "/api/v1/sessions",
			fmt.Sprintf(`{"name":"Eve","password":%q}`, password), "Parley-Cookie", "set", "Origin",
			at(0).URL)
		cookie, err := http.ParseSetCookie(in.header.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(in.body, err)
		}
		keep("a cookie", cookie.Value)
		withCookie := []string{"Cookie", cookie.Name + "=" + cookie.Value, "Origin", at(1).URL}

		for i := range 2 {
			p := at(i)
			for _, a := range []struct{ method, path, body string }{
				{"POST", "/api/v1/sessions", `{"name":"Eve","password":"` + wrong + `"}`},
				{"POST", "/api/v1/sessions", `{"name":"` + wrong +
					`\r\nlevel=INFO msg=forged","password":"` + wrong + `"}`},
				{"POST", "/api/v1/sessions", `{"password":"` + password + `","` + text + `":1}`},
				{"POST", "/api/v1/sessions", `{"password":"` + password},
				{"POST", "/api/v1/accounts", `{"name":"X","password":"` + password +
					`","invite":"` + planted + `"}`},
				{"POST", "/api/v1/rooms/general/messages", `{"text":"` + text + `","role":"owner"}`},
				{"POST", "/api/v1/rooms/general/messages", `{"text":"` + text + `"}`},
				{"POST", "/api/v1/rooms/" + text + "/messages", `{"text":"` + text + `"}`},
				{"POST", "/api/v1/rooms/general/messages", `{"text":"` + strings.Repeat(text, 5000) + `"}`},
				{"PUT", "/api/v1/account/password", `{"old":"` + wrong + `","new":"` + password + `"}`},
				{"POST", "/api/v1/rooms", `{"name":"x\r\nlevel=INFO msg=forged","topic":"` + text + `"}`},
				{"GET", "/api/v1/account?token=" + planted, ""},
				{"GET", "/api/v1/ws?ticket=" + planted, ""},
				{"GET", "/socket.io/?EIO=4&transport=polling&token=" + planted, ""},
				{"GET", "/nothing%0d%0alevel=INFO%20msg=forged", ""},
				{"DELETE", "/api/v1/sessions/" + planted, ""},
				{"DELETE", "/api/v1/invites/" + planted, ""},
				{"POST", "/hooks/" + planted, `{"text":"` + text + `"}`},
				{"POST", "/hooks/" + planted, `payload=` + text},
				{"GET", "/hooks/" + planted, ""},
				{"GET", "/metrics", ""},
			} {
				do(i, a.method, a.path, a.body)
				do(i, a.method, a.path, a.body, "Authorization", bearer, "User-Agent", "x msg=forged")
				do(i, a.method, a.path, a.body, "Authorization", "Bearer "+planted)
				do(i, a.method, a.path, a.body, withCookie...)
			}
			do(i, "GET", "/metrics", "", "Authorization", "Bearer "+operator)

			s, _ := open(t, p, eve.Token)
			for _, a := range chat.Actions() {
				if a.Name != "session.delete" && a.Name != "account.password" && a.Name != "session.create" {
					s.Call(t.Context(), a.Name, inputFor(a,
						map[string]any{"room": "general", "no": 1, "text": text,
							"user": eve.User.ID, "name": text, "topic": text, "password": password,
							"invite": planted, "session": planted}), nil)
				}
			}
			s.Call(t.Context(), "authenticate", map[string]any{"token": planted}, nil)
			s.Call(t.Context(), "message.send",
				map[string]any{"room": "general", "text": text, "role": text}, nil)
			s.Call(t.Context(), text, map[string]any{text: text}, nil)
			polling(t, p, eve.Token, text)
			broken(t, p, planted, text)
		}
		at(1).Signal(syscall.SIGTERM)
		if at(0) != at(1) {
			at(0).Signal(syscall.SIGTERM)
		}
		for i := range 2 {
			p := at(i)
			if err := p.Wait(); err != nil {
				t.Errorf("the server ended with %v", err)
			}
			log := p.Output()
			if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "stopping") {
				t.Errorf("the log says too little for a test:\n%s", log)
			}
			for what, secret := range secrets {
				if strings.Contains(log, secret) {
					t.Errorf("the log of node %d holds %s: …%s", i, what,
						log[max(0, strings.Index(log, secret)-200):strings.Index(log, secret)])
				}
			}
			for line := range strings.SplitSeq(log, "\n") {
				if strings.HasPrefix(line, "level=") || strings.HasPrefix(line, "msg=") {
					t.Errorf("somebody wrote a line of the log: %q", line)
				}
			}
		}
	}, "--log-level=debug", "--max-logins=-1", "--metrics-token=the-operators-token")
}

// polling speaks Socket.IO over polling, with a token where it belongs, and
// says the text.
func polling(t *testing.T, p *process, token, text string) {
	t.Helper()
	const path = "/socket.io/?EIO=4&transport=polling"
	hello := ask(t, p, "GET", path, "")
	var session struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(hello.body, "0")), &session); err != nil ||
		session.SID == "" {
		t.Fatalf("%d %s", hello.status, hello.body)
	}
	for _, packet := range []string{
		fmt.Sprintf(`40{"token":%q}`, token),
		fmt.Sprintf(`421["message.send",{"room":"general","text":%q}]`, text),
		fmt.Sprintf(`422["message.send",{"%s":%q}]`, text, text), "4" + text,
	} {
		ask(t, p, "POST", path+"&sid="+session.SID, packet, "Content-Type", "text/plain")
	}
}

// broken connects in ways that are not to be.
func broken(t *testing.T, p *process, token, text string) {
	t.Helper()
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nBad Header " + text + "\r\n\r\n",
		"GET /" + text + " HTTP/9.9\r\n\r\n",
		"\x16\x03\x01" + text + "\r\n\r\n",
		"GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + text + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " + token + "\r\n\r\n",
		"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"password\":\"" + text,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(request))
		conn.(*net.TCPConn).CloseWrite()
		for b := make([]byte, 4096); err == nil; {
			_, err = conn.Read(b)
		}
		conn.Close()
	}
}
