package main

import (
	"strings"
	"syscall"
	"testing"
)

// TestSocketIO chats with a real server over Socket.IO that polls, beside REST,
// until the server is told to stop.
func TestSocketIO(t *testing.T) {
	p := launch(t, t.TempDir(), "--demo")
	token := p.logIn("Pablo")
	poll := func(method, sid, body string) answer {
		t.Helper()
		return ask(t, p, method, "/socket.io/?EIO=4&transport=polling"+sid, body, "Authorization", "Bearer "+token)
	}
	if foreign := ask(t, p, "GET", "/socket.io/?EIO=4&transport=polling", "", "Cookie", "parley="+token,
		"Origin", "http://evil.example"); foreign.status != 403 ||
		foreign.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a foreign page: %+v", foreign)
	}
	hello := poll("GET", "", "")
	if hello.status != 200 || hello.header.Get("Content-Security-Policy") == "" ||
		hello.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("opening: %+v", hello)
	}
	_, sid, _ := strings.Cut(hello.body, `"sid":"`)
	sid, _, _ = strings.Cut("&sid="+sid, `"`)
	if got := poll("POST", sid, "40\x1e421[\"sync\",{}]"); got.status != 200 {
		t.Fatalf("connecting: %+v", got)
	}
	var all string
	until := func(want string) {
		t.Helper()
		for !strings.Contains(all, want) {
			got := poll("GET", sid, "")
			if got.status != 200 {
				t.Fatalf("%+v, waiting for %s; so far came %s", got, want, all)
			}
			all += "\x1e" + got.body
		}
	}
	until(`431[{"server_id":`)
	if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", token,
		map[string]string{"text": "over REST"}, nil); err != nil {
		t.Fatal(err)
	}
	until(`"text":"over REST"`)
	poll("POST", sid, `422["message.send",{"room":"general","text":"over Socket.IO"}]`)
	until(`432[{"room":"general"`)
	var list struct{ Messages []struct{ Text string } }
	if _, err := call(t.Context(), p.URL, "GET", "/rooms/general/messages", token, nil,
		&list); err != nil || list.Messages[len(list.Messages)-1].Text != "over Socket.IO" {
		t.Errorf("the room has %+v, %v", list.Messages, err)
	}
	p.Signal(syscall.SIGTERM)
	until(`"retry_ms":`)
	until("\x1e1") // closed
	if err := p.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, p.Output())
	}
}
