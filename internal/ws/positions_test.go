package ws_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// theWord is said in a room that the asker is not in, and is its name and topic
// too.
const theWord = "sesame"

// FuzzPositions asks with whatever positions, cursors and ids, also those of a
// room that the asker is not in: nothing of that room ever comes, nothing
// panics, and the socket lives on. $R, $E, $I and $M stand for that room, its
// epoch, the id of its last event and the id of a member, which a forger may
// have seen.
func FuzzPositions(f *testing.F) {
	x := newFixture(f, func(s *settings) { s.ws.Heartbeat = time.Hour }) // a fuzzer makes pauses
	eve, mary := x.Member("Eve"), x.Who(x.Member("Mary"))
	view, err := x.CreateRoom(f.Context(), mary,
		chat.CreateRoomInput{Name: theWord, Topic: theWord, Kind: chat.Private})
	if err != nil {
		f.Fatal(err)
	}
	for range 3 {
		x.Say(mary, view.ID, theWord)
		x.Say(mary, chat.GeneralID, "for everyone")
	}
	heads, err := x.Store.Heads(f.Context(), chat.RoomStream(view.ID))
	if err != nil {
		f.Fatal(err)
	}
	fill := strings.NewReplacer("$R", string(view.ID), "$E", heads[0].Epoch, "$I", heads[0].ID,
		"$M", string(mary.User.ID)).Replace

	methods := []string{"sync", "event.list", "message.list", "message.get", "read.mark",
		"room.get", "member.list", "typing.send", "room.join", "user.list", "room.directory",
		"session.revoke"}
	for i := range methods {
		f.Add(uint8(i), "room:$R", "$R", "$E", "$I", int64(0), int64(0))
		f.Add(uint8(i), "user:$M", "general", "$E", "", int64(1), int64(200))
		f.Add(uint8(i), "room:general/../$R", "$R\x00", "", "$I", int64(-1), int64(-1))
		f.Add(uint8(i), "server", "GENERAL", "$E$E", "$M", int64(1)<<62, int64(1)<<40)
	}
	c := x.dial(eve)
	f.Fuzz(func(t *testing.T, method uint8, stream, room, epoch, id string, seq, limit int64) {
		name := methods[int(method)%len(methods)]
		stream, room, epoch, id = fill(stream), fill(room), fill(epoch), fill(id)
		for _, s := range []string{stream, room, epoch, id} {
			if len(s) > 2000 || strings.Contains(s, theWord) || !utf8.ValidString(s) {
				t.Skip() // an answer may repeat what was asked
			}
		}
		position := map[string]any{"epoch": epoch, "seq": seq, "id": id}
		params := map[string]map[string]any{
			"sync": {"positions": map[string]any{stream: position,
				"room:" + room: position, string(chat.RoomStream(chat.GeneralID)): position}},
			"event.list":     {"room": room, "epoch": epoch, "seq": seq, "id": id, "limit": limit},
			"message.list":   {"room": room, "before": seq, "limit": limit},
			"message.get":    {"room": room, "no": seq},
			"read.mark":      {"room": room, "no": seq},
			"room.get":       {"room": room},
			"member.list":    {"room": room, "after": id, "limit": limit},
			"typing.send":    {"room": room},
			"room.join":      {"room": room},
			"user.list":      {"after": id, "limit": limit},
			"room.directory": {"after": room, "limit": limit},
			"session.revoke": {"session": id},
		}[name]
		c.T = t
		want := c.send(name, params)
		for answered := false; !answered; {
			op, came, err := c.Next()
			if err != nil {
				t.Fatalf("%s %v: %v", name, params, err)
			}
			if op == 9 {
				c.Put(wstest.Frame(wstest.Fin|10, came))
				continue
			}
			if strings.Contains(string(came), theWord) || !json.Valid(came) {
				t.Fatalf("%s %v is answered with %s", name, params, came)
			}
			var r reply
			if err := json.Unmarshal(came, &r); err != nil {
				t.Fatal(err)
			}
			answered = string(r.ID) == want
			if answered && r.Error != nil && r.Error.Code == -32603 {
				t.Fatalf("%s %v: the server blames itself: %s", name, params, came)
			}
		}
	})
}
