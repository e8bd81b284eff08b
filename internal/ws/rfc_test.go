package ws_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/websocket/wstest"
)

const pingText = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// TestBadFrames: what RFC 6455 forbids is package websocket's to find. Here is
// what this handler adds: text only, of 65,536 bytes.
func TestBadFrames(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	long := strings.Repeat(" ", 65536-len(pingText)) + pingText
	for _, r := range []struct {
		name string
		sent []byte
		code int
	}{
		{"65,536 bytes", wstest.Text(long), 0},
		{"65,537 bytes", wstest.Text(" " + long), 1009},
		{"no JSON", wstest.Text("hello"), 0},
		{"an empty text", wstest.Text(""), 0},
		{"binary", wstest.Frame(wstest.Fin|2, []byte(pingText)), 1003},
		{"binary in fragments", wstest.Frame(2, []byte("a")), 1003},
		{"not masked", []byte{wstest.Fin | 1, 1, 'x'}, 1002},
		{"invalid UTF-8", wstest.Text("\"\xff\""), 1007},
	} {
		c := f.dial(token)
		c.Put(r.sent)
		if r.code != 0 {
			c.Closes(r.name, r.code)
		} else {
			c.lives(r.name)
		}
	}
}
