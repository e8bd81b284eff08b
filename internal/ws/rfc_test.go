package ws_test

import (
	"net/http"
	"strings"
	"testing"
)

const pingText = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// TestBadFrames: what RFC 6455 forbids is package websocket's to find. Here is
// what this handler adds: text only, of 65,536 bytes.
func TestBadFrames(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	long := strings.Repeat(" ", 65536-len(pingText)) + pingText
	for _, r := range []struct {
		name string
		sent []byte
		code int
	}{
		{"65,536 bytes", text(long), 0},
		{"65,537 bytes", text(" " + long), 1009},
		{"no JSON", text("hello"), 0},
		{"an empty text", text(""), 0},
		{"binary", frame(fin|2, []byte(pingText)), 1003},
		{"binary in fragments", frame(2, []byte("a")), 1003},
		{"not masked", []byte{fin | 1, 1, 'x'}, 1002},
		{"invalid UTF-8", text("\"\xff\""), 1007},
	} {
		c := f.dial(token)
		c.write(r.sent)
		if r.code != 0 {
			c.closes(r.name, r.code)
		} else {
			c.lives(r.name)
		}
	}
}

// TestConnectionInTwoLines: header fields in several lines are one list.
func TestConnectionInTwoLines(t *testing.T) {
	f := newFixture(t, nil)
	res, conn, _ := f.upgrade("/api/v1/ws", http.Header{"Connection": {"keep-alive", "Upgrade"}})
	if conn.Close(); res.StatusCode != 101 {
		t.Errorf("answered with %s", res.Status)
	}
}
