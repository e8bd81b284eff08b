package engineio_test

import (
	"bytes"
	"fmt"
	"testing"

	gobwas "github.com/gobwas/ws"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
)

// TestWaiting: whoever says little is waited for by one goroutine after the
// other, whoever says much by one; frames that come whole, in two parts and two
// at once are answered either way, by connections that were upgraded too.
func TestWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	list := make([]*eiotest.Socket, 20)
	for i := range list {
		if i%2 == 0 {
			list[i], _ = f.OpenWebSocket()
		} else {
			list[i] = f.Upgrade(f.Open())
		}
	}
	text := func(i, n int) string { return fmt.Sprintf("4socket %d, message %d", i, n) }
	for n := 0; n < 40; n += 2 {
		rest := make([][]byte, len(list))
		for i, s := range list {
			one, two := masked(t, text(i, n)), masked(t, text(i, n+1))
			cut := (n/2 + 7*i) % len(one)
			s.SendRaw(one[:cut])
			rest[i] = append(one[cut:], two...)
		}
		for i, s := range list {
			s.SendRaw(rest[i])
		}
		for i, s := range list {
			s.Expect(text(i, n), text(i, n+1))
		}
	}
}

// masked is a text frame of a client.
func masked(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gobwas.WriteFrame(&b, gobwas.MaskFrame(gobwas.NewTextFrame([]byte(text)))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
