package main

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestSocketIO chats with a real server over Socket.IO that polls, beside REST,
// until the server is told to stop.
func TestSocketIO(t *testing.T) {
	p := launch(t, t.TempDir(), "--demo")
	token := p.logIn("Pablo")
	own := http.Header{"Authorization": {"Bearer " + token}}
	ask := func(method, sid, body string, header http.Header) (*http.Response, string) {
		t.Helper()
		url := p.URL + "/socket.io/?EIO=4&transport=polling"
		if sid != "" {
			url += "&sid=" + sid
		}
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		all, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(all)
	}
	if res, _ := ask("GET", "", "",
		http.Header{"Cookie": {"parley=" + token},
			"Origin": {"http://evil.example"}}); res.StatusCode != 403 ||
		res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a foreign page: %s %v", res.Status, res.Header)
	}
	res, hello := ask("GET", "", "", own)
	if res.StatusCode != 200 || res.Header.Get("Content-Security-Policy") == "" ||
		res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("opening: %s %s %v", res.Status, hello, res.Header)
	}
	_, sid, _ := strings.Cut(hello, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	if res, body := ask("POST", sid, "40\x1e421[\"sync\",{}]", own); res.StatusCode != 200 {
		t.Fatalf("connecting: %s %s", res.Status, body)
	}
	var all string
	until := func(want string) {
		t.Helper()
		for !strings.Contains(all, want) {
			res, body := ask("GET", sid, "", own)
			if res.StatusCode != 200 {
				t.Fatalf("%s %s, waiting for %s; so far came %s", res.Status, body, want, all)
			}
			all += "\x1e" + body
		}
	}
	until(`431[{"user":`)
	if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", token,
		map[string]string{"text": "over REST"}, nil); err != nil {
		t.Fatal(err)
	}
	until(`"text":"over REST"`)
	ask("POST", sid, `422["message.send",{"room":"general","text":"over Socket.IO"}]`, own)
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
