package siochat_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/wire"
)

// TestAnswers: an answer is the result, or an object with an error.
func TestAnswers(t *testing.T) {
	f := newFixture(t, func(s *settings) {
		s.Chat.Limits.Sends = chat.Rate{Limit: 2, Window: time.Minute}
	})
	c := f.synced(f.Member("Pablo"))
	m := decode[chat.Message](t, c.call("message.send",
		map[string]any{"room": "general", "text": "<b> & \u2028 😀", "client_id": "c1"}))
	if m.Text != "<b> & \n 😀" || m.No != 1 || m.ClientID != "c1" {
		t.Errorf("sent %+v", m)
	}
	if again := decode[chat.Message](t,
		c.call("message.send", map[string]any{"room": "general", "text": "<b> & \u2028 😀",
			"client_id": "c1"})); again.ID != m.ID {
		t.Errorf("a retry is another message: %+v", again)
	}
	if body := string(c.call("message.send",
		map[string]any{"room": "general",
			"text": ""})); !strings.HasPrefix(body, `{"error":{"code":"invalid","message":"`) ||
		!strings.HasSuffix(body, `,"field":"text"}}`) {
		t.Errorf("an empty message: %s", body)
	}
	var limited struct {
		Error struct {
			Code    chat.Code
			RetryMS int64 `json:"retry_after_ms"`
		}
	}
	for range 3 {
		limited.Error.Code = ""
		json.Unmarshal(c.call("message.send", map[string]any{"room": "general", "text": "more"}), &limited)
	}
	if limited.Error.Code != chat.CodeRateLimited || limited.Error.RetryMS < 1000 ||
		limited.Error.RetryMS > 60_000 {
		t.Errorf("too many messages: %+v", limited)
	}
	for name, args := range map[string][]any{"none": nil, "null": {nil}, "an object": {map[string]any{}}} {
		if body := string(c.call("ping", args...)); body != "{}" {
			t.Errorf("ping of %s: %s", name, body)
		}
	}
	// Nobody waits for the answer: it is done all the same, and nothing comes
	// for it.
	c.write(`42["message.list",{"room":"none"}]`)
	c.write(`42["room.create",{"name":"New"}]`)
	if e := c.event(chat.RoomJoined); e.View.Name != "New" {
		t.Errorf("joined %+v", e.View)
	}
	c.lives("after events without acknowledgement")
	const unknown = `{"error":{"code":"not_found","message":"there is no action \"room.explode\\n\""}}`
	if body := string(c.call("room.explode\n", map[string]any{})); body != unknown {
		t.Errorf("an unknown action: %s", body)
	}
}

// TestHostileEvents: what is no action is refused in words, and costs little;
// what is not Socket.IO ends the session.
func TestHostileEvents(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	c := f.dial(token)
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for name, packet := range map[string]string{
		"a number":         `42%d["message.send",5]`,
		"a string":         `42%d["message.send","{}"]`,
		"an array":         `42%d["message.send",[{}]]`,
		"two arguments":    `42%d["message.send",{},{}]`,
		"a field twice":    `42%d["message.send",{"room":"general","room":"other","text":"x"}]`,
		"another case":     `42%d["message.send",{"Room":"general","text":"x"}]`,
		"an unknown field": `42%d["message.send",{"room":"general","text":"x","from":"me"}]`,
		"a wrong type":     `42%d["message.send",{"room":"general","text":["x"]}]`,
		"deep JSON":        `42%d["message.send",` + deep + `]`,
		"a large number": `42%d["message.list",{"room":"general","limit":1` +
			strings.Repeat("0", 400) + `}]`,
		"bytes":         `451-%d["message.send",{"room":"general","text":{"_placeholder":true,"num":0}}]`,
		"a placeholder": `42%d["message.send",{"room":"general","text":{"_placeholder":true,"num":0}}]`,
	} {
		c.next++
		c.write(fmt.Sprintf(packet, c.next))
		if name == "bytes" {
			c.Put(wstest.Frame(wstest.Fin|2, []byte("x")))
		}
		s := c.must()
		if s.kind != '3' || s.id != fmt.Sprint(c.next) || refusal(s.body) != chat.CodeInvalid {
			t.Errorf("%s: %c%s %s", name, s.kind, s.id, s.body)
		}
	}
	if e := refusal(c.call("message.send",
		map[string]any{"room": "general", "text": strings.Repeat("x", 70000)})); e != chat.CodeTooLarge {
		t.Errorf("over 64 KiB: %q", e)
	}
	for _, name := range []string{"", "__proto__", "event", "goodbye", strings.Repeat("x", 60000), "\x00"} {
		if e := refusal(c.call(name, map[string]any{})); e != chat.CodeNotFound {
			t.Errorf("the event %.20q: %q", name, e)
		}
	}
	c.lives("after all that")
	if list, err := f.ListMessages(t.Context(), f.Who(token),
		chat.MessageListInput{Room: "general"}); err != nil || len(list.Messages) != 0 {
		t.Errorf("in the room are %+v, %v", list.Messages, err)
	}

	for name, packet := range map[string]string{
		"no packet of Engine.IO": "9", "no packet of Socket.IO": "49",
		"an event of a foreign namespace": `42/x,["ping"]`, "no JSON": `42["ping"`,
		"JSON that is too deep": `42["ping",` + strings.Repeat("[", 1000) + strings.Repeat("]",
			1000) + "]", "a reserved name": `42["connect"]`, "no name": `42[]`,
		"bytes that nobody announced": "",
		"too large":                   "42[\"ping\",\"" + strings.Repeat("x", 300_000) + `"]`,
		"attachments without end":     `45999-["ping"]`,
		"a connect error":             `44{"message":"x"}`, "not UTF-8": "42[\"ping\",\"\xff\"]",
	} {
		c := f.dial(token)
		if packet == "" {
			c.Put(wstest.Frame(wstest.Fin|2, []byte("x")))
		}
		c.write(packet)
		for {
			if text, err := c.read(); err != nil {
				break
			} else if text != `43[{}]` {
				t.Errorf("%s: answered with %.100q", name, text)
				break
			}
		}
	}
	wstest.Eventually(t, "those to be forgotten", func() bool { return f.Hub.Stats().Conns == 1 })
}

// TestSameAsWebSocket: what comes is, byte for byte, what the WebSocket has in
// its notifications.
func TestSameAsWebSocket(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	c := f.synced(token)
	f.Say(f.Who(token), chat.GeneralID, "<&>")
	body := c.until("event", func(b json.RawMessage) bool {
		return strings.Contains(string(b), string(chat.MessageCreated))
	})
	e := decode[chat.Event](t, body)
	if want := `{"jsonrpc":"2.0","method":"event","params":` + string(body) +
		"}"; want != string(wire.Event(&e)) {
		t.Errorf("%s\nwant %s", want, wire.Event(&e))
	}
	mary := f.Member("Mary")
	c.call("presence.watch", map[string]any{"users": []chat.UserID{f.Who(mary).User.ID}})
	f.synced(mary).Close()
	body = c.until("signal", func(b json.RawMessage) bool {
		return strings.Contains(string(b), `"online":false`)
	})
	s := decode[chat.Signal](t, body)
	if want := `{"jsonrpc":"2.0","method":"signal","params":` + string(body) +
		"}"; want != string(wire.Signal(s)) {
		t.Errorf("%s\nwant %s", want, wire.Signal(s))
	}
}

// TestSlowClient is closed, over WebSocket and polling, and nobody waits for
// it.
func TestSlowClient(t *testing.T) {
	metrics := prometheus.NewRegistry()
	f := newFixture(t, func(s *settings) { s.Live.Queue, s.server.Metrics = 64<<10, metrics })
	slow, fast := f.synced(f.Member("Slow")), f.synced(f.Member("Fast"))
	lazyHeader := livetest.Bearer(f.Member("Lazy"))
	_, hello := f.request("GET", polling, lazyHeader, "")
	lazy := f.opened(hello)
	f.request("POST", polling+"&sid="+lazy, lazyHeader, "40\x1e421[\"sync\"]")
	wstest.Eventually(t, "three connections", func() bool { return f.Hub.Stats().Conns == 3 })
	f.Outrun(func() chat.Event { return fast.event(chat.MessageCreated) })
	wstest.Eventually(t, "the slow ones to be closed", func() bool { return f.Hub.Stats().Conns == 1 })
	for { // what was on its way
		if _, err := slow.read(); err != nil {
			if err != io.EOF && strings.Contains(err.Error(), "timeout") {
				t.Error("a client that does not read is not closed")
			}
			break
		}
	}
	wstest.Eventually(t, "the session of a client that came too late to be gone", func() bool {
		res, _ := f.request("GET", polling+"&sid="+lazy, lazyHeader, "")
		return res.StatusCode == 400
	})
	if n := livetest.Metric(t, metrics, "parley_socketio_slow_closes_total"); n != 2 {
		t.Errorf("%v slow closes", n)
	}
	wstest.Eventually(t, "one session", func() bool { return livetest.Metric(t, metrics, "parley_socketio_sessions") == 1 })
	if livetest.Metric(t, metrics, "parley_socketio_events_in_total") == 0 {
		t.Error("no events came in")
	}
	fast.Close()
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestDrain: clients are refused so that they come back.
func TestDrain(t *testing.T) {
	f := newFixture(t, nil)
	token := f.Member("Pablo")
	c, unconnected := f.synced(token), f.open(livetest.Bearer(token))
	if err := f.Hub.Drain(t.Context(), 100*time.Millisecond); err != nil {
		t.Error(err)
	}
	c.closes("draining", 0, false)
	// A refusal in words would be final for official clients.
	unconnected.write("40")
	if got, err := unconnected.read(); err != io.EOF {
		t.Errorf("connecting while draining: %s, %v", got, err)
	}
	if status, _ := f.upgrade(websocket, livetest.Bearer(token)); status != 503 {
		t.Errorf("a new session while draining: %d", status)
	}
	if res, _ := f.request("GET", polling, nil, ""); res.StatusCode != 503 {
		t.Errorf("a new session that polls while draining: %s", res.Status)
	}
}
