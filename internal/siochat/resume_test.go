package siochat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/wire"
)

// TestLongResume: a client that has missed much more than may wait for it, and
// takes its time to read, over WebSocket and polling, is not slow for that.
func TestLongResume(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.Queue = 256 << 10 })
	token := f.Member("Pablo")
	mary := f.Who(f.Member("Mary"))
	first := f.dial(token)
	state := decode[wire.State](t, first.call("sync"))
	first.Close()
	const count = 900
	big := strings.Repeat("x", 12_000) // 10.8 MB altogether
	for i := range count {
		f.Say(mary, chat.GeneralID, fmt.Sprint(i, " ", big))
	}
	in, err := json.Marshal(map[string]any{"positions": map[chat.Stream]chat.Position{"room:general": state.Rooms[0].Position}})
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	take := func(packet string) (resumed bool) {
		if strings.Contains(packet, `"message.created"`) {
			if !strings.Contains(packet, fmt.Sprintf(`"text":"%d x`, got)) {
				t.Fatalf("message %d is %.300s", got, packet)
			}
			got++
		}
		return strings.HasPrefix(packet, `42["resumed",{"stream":"room:general"`)
	}

	c := f.dial(token)
	c.write(`421["sync",` + string(in) + `]`)
	time.Sleep(200 * time.Millisecond) // it takes its time: everything is full meanwhile
	for resumed := false; !resumed; {
		packet, err := c.read()
		if err != nil {
			t.Fatalf("WebSocket, after %d: %v", got, err)
		}
		resumed = take(packet)
	}
	if got != count {
		t.Errorf("WebSocket: %d came", got)
	}

	got = 0
	_, hello := f.request("GET", polling, livetest.Bearer(token), "")
	sid := f.opened(hello)
	f.request("POST", polling+"&sid="+sid, livetest.Bearer(token), "40\x1e421[\"sync\","+string(in)+"]")
	for resumed := false; !resumed; time.Sleep(20 * time.Millisecond) { // as if far away
		res, body := f.request("GET", polling+"&sid="+sid, livetest.Bearer(token), "")
		if res.StatusCode != 200 {
			t.Fatalf("polling, after %d: %s %s", got, res.Status, body)
		}
		for packet := range strings.SplitSeq(body, "\x1e") {
			if packet == "2" {
				f.request("POST", polling+"&sid="+sid, livetest.Bearer(token), "3")
			}
			resumed = take(packet) || resumed
		}
	}
	if got != count {
		t.Errorf("polling: %d came", got)
	}
}
