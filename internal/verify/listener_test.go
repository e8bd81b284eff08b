package verify

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestListener: what a listener makes of what it hears, of a room of which it
// was given the state at event 1.
func TestListener(t *testing.T) {
	const room = chat.Stream("room:r")
	event := func(seq int, id, prev string) [2]string {
		return [2]string{"event", fmt.Sprintf(
			`{"stream":"room:r","epoch":"e","seq":%d,"id":%q,"prev":%q}`, seq, id, prev)}
	}
	for _, c := range []struct {
		name          string
		said          [][2]string
		faults, twice int64
		head          chat.Position
	}{
		{"in order", [][2]string{event(2, "b", "a"), event(3, "c", "b")}, 0, 0,
			chat.Position{Epoch: "e", Seq: 3, ID: "c"}},
		{"twice", [][2]string{event(2, "b", "a"), event(2, "b", "a")}, 0, 1,
			chat.Position{Epoch: "e", Seq: 2, ID: "b"}},
		{"one lost", [][2]string{event(3, "c", "b")}, 1, 0, chat.Position{Epoch: "e", Seq: 3, ID: "c"}},
		{"one swapped", [][2]string{event(3, "c", "b"), event(2, "b", "a"), event(4, "d", "c")}, 1,
			1, chat.Position{Epoch: "e", Seq: 4, ID: "d"}},
		{"of another history", [][2]string{event(2, "b", "x")}, 1, 0,
			chat.Position{Epoch: "e", Seq: 2, ID: "b"}},
		{"too little", [][2]string{event(2, "b", "a")}, 1, 0, chat.Position{Epoch: "e", Seq: 3, ID: "c"}},
		{"another end", [][2]string{event(2, "b", "a")}, 1, 0, chat.Position{Epoch: "e", Seq: 2, ID: "c"}},
		{"told to fetch", [][2]string{{"resync",
			`{"stream":"room:r","position":{"epoch":"f","seq":7,"id":"g"}}`}}, 0, 0,
			chat.Position{Epoch: "f", Seq: 7, ID: "g"}},
		{"other streams", [][2]string{{"event", `{"stream":"room:x","epoch":"e","seq":9}`},
			{"signal", `{}`}}, 0, 0, chat.Position{Epoch: "e", Seq: 1, ID: "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := &listenerPool{rooms: map[chat.Stream]bool{room: true}}
			l := &listener{n: 1, all: all, positions: map[chat.Stream]chat.Position{}}
			l.synced(json.RawMessage(`{"rooms":[{"id":"r","position":{"epoch":"e","seq":1,"id":"a"}},{"id":"x","position":{"epoch":"e","seq":1}}]}`))
			for _, s := range c.said {
				l.handle(s[0], json.RawMessage(s[1]))
			}
			if what := l.behind(map[chat.Stream]chat.Position{room: c.head}); what != "" {
				all.fault("%s", what)
			}
			var v Verdict
			all.addTo(&v)
			if int64(len(v.Violations)) != c.faults || int64(v.Doubled) != c.twice {
				t.Errorf("%+v, %d came twice", v.Violations, v.Doubled)
			}
		})
	}
}
