package siochat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wire"
)

// TestEveryAction: each action of the table is an event here, refused or not,
// but known.
func TestEveryAction(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	for _, a := range chat.Actions() {
		if a.Name == "session.delete" || a.Name == "account.password" {
			continue // they end the session, see live.TestEndsItself
		}
		if body := c.call(a.Name, map[string]any{}); strings.Contains(string(body),
			"there is no action") || len(body) < 2 || body[0] != '{' {
			t.Errorf("%s: %s", a.Name, body)
		}
	}
	if body := string(c.call("room.explode\n",
		map[string]any{})); body != `{"error":{"code":"not_found","message":"there is no action \"room.explode\\n\""}}` {
		t.Errorf("an unknown action: %s", body)
	}
}

// TestAnswers: an answer is the result, or an object with an error.
func TestAnswers(t *testing.T) {
	f := newFixture(t, func(s *settings) {
		s.chat.Limits.Sends = chat.Rate{Limit: 2, Window: time.Minute}
	})
	c := f.synced(f.person("Pablo"))
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
}

// TestHostileEvents: what is no action is refused in words, and costs little;
// what is not Socket.IO ends the session.
func TestHostileEvents(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
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
		"bytes":              `451-%d["message.send",{"room":"general","text":{"_placeholder":true,"num":0}}]`,
		"a placeholder":      `42%d["message.send",{"room":"general","text":{"_placeholder":true,"num":0}}]`,
		"sync of a position": `42%d["sync",{"positions":{"server":{"epoch":"","seq":-1}}}]`,
		"sync of a device":   `42%d["sync",{"device":"a b"}]`,
	} {
		c.next++
		c.write(fmt.Sprintf(packet, c.next))
		if name == "bytes" {
			writeBytes(c, []byte("x"))
		}
		s := c.must()
		if s.kind != '3' || s.id != fmt.Sprint(c.next) || refusal(s.body) != chat.CodeInvalid {
			t.Errorf("%s: %c%s %s", name, s.kind, s.id, s.body)
		}
	}
	many := map[string]any{}
	for i := range 2100 {
		many[fmt.Sprint(i)] = map[string]any{"epoch": "", "seq": 1}
	}
	if e := refusal(c.call("sync", map[string]any{"positions": many})); e != chat.CodeInvalid {
		t.Errorf("sync of too many positions: %q", e)
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
	if list, err := f.ListMessages(t.Context(), f.who(token),
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
			writeBytes(c, []byte("x"))
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
	eventually(t, "those to be forgotten", func() bool { return f.hub.Stats().Conns == 1 })
}

// TestSyncOrder holds the order of the protocol: the answer, then for each
// stream what was missed, then resumed.
func TestSyncOrder(t *testing.T) {
	f := newFixture(t, nil)
	token, other := f.person("Pablo"), f.person("Mary")
	me, mary := f.who(token), f.who(other)
	c := f.dial(token)
	state := decode[wire.State](t, c.call("sync", map[string]any{"device": "d1"}))
	if len(state.Rooms) != 1 || state.Rooms[0].ID != "general" || state.User.ID != me.User.ID ||
		state.Session != me.Session || state.HeartbeatS != 25 {
		t.Fatalf("state %+v", state)
	}
	if state.ServerPosition == nil || state.Limits.Message != f.Limits.Message ||
		!slices.Contains(state.Online, me.User.ID) {
		t.Errorf("state %+v", state)
	}
	c.conn.Close()
	for i := range 5 {
		if _, err := f.Send(t.Context(), mary,
			chat.SendInput{Room: "general", Text: fmt.Sprint("missed ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	view, err := f.CreateRoom(t.Context(), mary,
		chat.CreateRoomInput{Name: "New", Kind: chat.Private, Users: []chat.UserID{me.User.ID}})
	if err != nil {
		t.Fatal(err)
	}
	own := chat.UserStream(me.User.ID)
	positions := map[chat.Stream]chat.Position{"room:general": state.Rooms[0].Position,
		own: state.UserPosition, "server": *state.ServerPosition, "room:none": {Epoch: "x", Seq: 3}}
	c = f.dial(token)
	id := c.send("sync", map[string]any{"device": "d1", "positions": positions})
	first := c.must()
	if first.id != id || refusal(first.body) != "" {
		t.Fatalf("the answer is not the first: %+v", first)
	}
	if strings.Contains(string(first.body), "null") {
		t.Errorf("a list is null in %s", first.body)
	}
	again := decode[wire.State](t, first.body)
	if len(again.Rooms) != 1 || again.Rooms[0].ID != view.ID ||
		!slices.Equal(again.Gone, []chat.Stream{"room:none"}) {
		t.Errorf("state with positions: %+v", again)
	}
	seq := map[chat.Stream]int64{}
	for s, p := range positions {
		seq[s] = p.Seq
	}
	resumed := map[chat.Stream]bool{}
	for len(resumed) < 3 {
		switch s := c.must(); s.event {
		case "event":
			e := decode[chat.Event](t, s.body)
			if resumed[e.Stream] || e.Stream != chat.RoomStream(view.ID) && e.Seq != seq[e.Stream]+1 {
				t.Errorf("event %d of %s after %d, resumed: %v", e.Seq, e.Stream, seq[e.Stream],
					resumed[e.Stream])
			}
			seq[e.Stream] = e.Seq
		case "resumed":
			at := decode[wire.StreamPosition](t, s.body)
			if resumed[at.Stream] || at.Position.Seq != seq[at.Stream] {
				t.Errorf("resumed %s at %d, being at %d", at.Stream, at.Position.Seq, seq[at.Stream])
			}
			resumed[at.Stream] = true
		}
	}
	if n := seq["room:general"] - state.Rooms[0].Position.Seq; n != 5 {
		t.Errorf("%d events were missed in general, want 5", n)
	}
	// A position of another history is answered with resync, and events go on
	// after it.
	if e := refusal(c.call("sync",
		map[string]any{"positions": map[chat.Stream]chat.Position{"room:general": {Epoch: "other",
			Seq: 1}}})); e != "" {
		t.Fatal(e)
	}
	c.until("resync", func(p json.RawMessage) bool {
		return decode[wire.StreamPosition](t,
			p).Stream == "room:general"
	})
	if _, err := f.Send(t.Context(), mary, chat.SendInput{Room: "general", Text: "after"}); err != nil {
		t.Fatal(err)
	}
	if e := c.event(chat.MessageCreated); e.Message.Text != "after" {
		t.Errorf("after resync came %q", e.Message.Text)
	}
}

// TestSameAsWebSocket: what comes is, byte for byte, what the WebSocket has in
// its notifications.
func TestSameAsWebSocket(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	c := f.synced(token)
	if _, err := f.Send(t.Context(), f.who(token), chat.SendInput{Room: "general", Text: "<&>"}); err != nil {
		t.Fatal(err)
	}
	body := c.until("event", func(b json.RawMessage) bool {
		return strings.Contains(string(b),
			string(chat.MessageCreated))
	})
	e := decode[chat.Event](t, body)
	if want := `{"jsonrpc":"2.0","method":"event","params":` + string(body) +
		"}"; want != string(wire.Event(&e)) {
		t.Errorf("%s\nwant %s", want, wire.Event(&e))
	}
	body = func() json.RawMessage {
		f.synced(f.person("Mary")).conn.Close()
		return c.until("signal", func(b json.RawMessage) bool {
			return strings.Contains(string(b),
				`"online":false`)
		})
	}()
	s := decode[chat.Signal](t, body)
	if want := `{"jsonrpc":"2.0","method":"signal","params":` + string(body) +
		"}"; want != string(wire.Signal(s)) {
		t.Errorf("%s\nwant %s", want, wire.Signal(s))
	}
}

// TestForeignPosition: giving a position opens no room.
func TestForeignPosition(t *testing.T) {
	f := newFixture(t, nil)
	eve, mary := f.person("Eve"), f.who(f.person("Mary"))
	view, err := f.CreateRoom(t.Context(), mary, chat.CreateRoomInput{Name: "Secret", Kind: chat.Private})
	if err != nil {
		t.Fatal(err)
	}
	c := f.dial(eve)
	theirs := chat.UserStream(mary.User.ID)
	state := decode[wire.State](t, c.call("sync", map[string]any{"positions": map[chat.Stream]chat.Position{
		chat.RoomStream(view.ID): {Epoch: view.Position.Epoch},
		theirs:                   {Epoch: view.Position.Epoch}, "": {}, "room:": {},
	}}))
	if len(state.Gone) != 4 {
		t.Errorf("gone: %v", state.Gone)
	}
	for _, action := range []string{"room.get", "message.list", "member.list", "room.join", "typing.send"} {
		there, none := string(c.call(action, map[string]any{"room": view.ID})),
			string(c.call(action, map[string]any{"room": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}))
		if there != none || refusal(json.RawMessage(there)) != chat.CodeNotFound {
			t.Errorf("%s: %s for a foreign room, %s for none", action, there, none)
		}
	}
	if _, err := f.Send(t.Context(), mary, chat.SendInput{Room: view.ID, Text: "secret"}); err != nil {
		t.Fatal(err)
	}
	id := c.send("ping")
	for s := c.must(); s.id != id; s = c.must() {
		if strings.Contains(string(s.body), string(view.ID)) ||
			strings.Contains(string(s.body), string(theirs)) {
			t.Errorf("came: %s", s.body)
		}
	}
}

// TestPipelinedSendsKeepOrder: a client that sends without waiting finds its
// messages in that order.
func TestPipelinedSendsKeepOrder(t *testing.T) {
	f := newFixture(t, nil)
	watcher := f.synced(f.person("Mary"))
	c := f.dial(f.person("Pablo"))
	const n = 200
	for i := range n {
		c.write(fmt.Sprintf(`42%d["message.send",{"room":"general","text":"%d","client_id":"c%d"}]`, i, i, i))
	}
	for i := range n {
		if s := c.must(); refusal(s.body) != "" || s.id != fmt.Sprint(i) {
			t.Fatalf("answer %d: %+v", i, s)
		}
	}
	for i := range n {
		if e := watcher.event(chat.MessageCreated); e.Message.Text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, e.Message.Text)
		}
	}
}

// TestRemovedMember: nothing more arrives after room.left, and coming back
// brings the room back.
func TestRemovedMember(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	me, mary := f.who(token), f.who(f.person("Mary"))
	c := f.synced(token)
	view, err := f.CreateRoom(t.Context(), mary,
		chat.CreateRoomInput{Name: "Plans", Kind: chat.Private, Users: []chat.UserID{me.User.ID}})
	if err != nil {
		t.Fatal(err)
	}
	send := func(text string) {
		t.Helper()
		if _, err := f.Send(t.Context(), mary, chat.SendInput{Room: view.ID, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	if e := c.event(chat.RoomJoined); e.View.ID != view.ID {
		t.Fatalf("joined %s", e.View.ID)
	}
	for range 3 {
		send("inside")
		if e := c.event(chat.MessageCreated); e.Message.Text != "inside" {
			t.Fatalf("came %q", e.Message.Text)
		}
		if _, err := f.RemoveMember(t.Context(), mary,
			chat.RemoveMemberInput{Room: view.ID, User: me.User.ID}); err != nil {
			t.Fatal(err)
		}
		send("secret")
		id := c.send("ping")
		left := false
		for s := c.must(); s.id != id; s = c.must() {
			if strings.Contains(string(s.body), "secret") {
				t.Errorf("a removed member got %s", s.body)
			}
			left = left || strings.Contains(string(s.body), `"kind":"room.left"`)
		}
		if !left {
			t.Error("room.left did not come")
		}
		if _, err := f.AddMember(t.Context(), mary,
			chat.MemberInput{Room: view.ID, User: me.User.ID}); err != nil {
			t.Fatal(err)
		}
		if e := c.event(chat.RoomJoined); e.View.Last.Text != "secret" { // as a member again
			t.Errorf("the view on coming back shows %q", e.View.Last.Text)
		}
	}
}

// TestTypingAndPresence are told to those whom they concern, and not to guests.
func TestTypingAndPresence(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.AddUser(t.Context(), "Gast", "password123", chat.RoleGuest, ""); err != nil {
		t.Fatal(err)
	}
	out, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: "Gast", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	guest := f.dial(out.Token)
	state := decode[wire.State](t,
		guest.call("sync", map[string]any{"positions": map[string]any{"server": map[string]any{"epoch": "model", "seq": 0}}}))
	if state.ServerPosition != nil || len(state.Online) != 0 ||
		!slices.Equal(state.Gone, []chat.Stream{"server"}) {
		t.Errorf("a guest's state %+v", state)
	}
	a, bToken := f.synced(f.person("Pablo")), f.person("Mary")
	mary := f.who(bToken)
	is := func(kind chat.SignalKind, online bool) func(json.RawMessage) bool {
		return func(p json.RawMessage) bool {
			var s chat.Signal
			return json.Unmarshal(p, &s) == nil && s.Kind == kind && s.User == mary.User.ID &&
				s.Online == online
		}
	}
	b := f.synced(bToken)
	a.until("signal", is(chat.Presence, true))
	if e := refusal(b.call("typing.send", map[string]any{"room": "general"})); e != "" {
		t.Fatal(e)
	}
	a.until("signal", is(chat.Typing, false))
	b.conn.Close()
	a.until("signal", is(chat.Presence, false))
	id := guest.send("ping")
	for s := guest.must(); s.id != id; s = guest.must() {
		if strings.Contains(string(s.body), `"stream":"server"`) {
			t.Errorf("a guest is told %s", s.body)
		}
	}
}

// TestRoleChange: who may see something else is sent to sync anew, and the
// client comes back by itself.
func TestRoleChange(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.AddUser(t.Context(), "Olga", "password123", chat.RoleOwner, ""); err != nil {
		t.Fatal(err)
	}
	out, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: "Olga", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	token := f.person("Pablo")
	c := f.synced(token)
	guest := chat.RoleGuest
	if _, err := f.UpdateUser(t.Context(), f.who(out.Token),
		chat.UpdateUserInput{User: f.who(token).User.ID, Role: &guest}); err != nil {
		t.Fatal(err)
	}
	c.closes("a changed role", 1012, false)
}

// TestSlowClient is closed, over WebSocket and polling, and nobody waits for
// it.
func TestSlowClient(t *testing.T) {
	metrics := prometheus.NewRegistry()
	f := newFixture(t, func(s *settings) { s.live.Queue, s.server.Metrics = 64<<10, metrics })
	slow, fast := f.synced(f.person("Slow")), f.synced(f.person("Fast"))
	lazyHeader := bearer(f.person("Lazy"))
	_, hello := f.request("GET", polling, lazyHeader, "")
	lazy := f.opened(hello)
	f.request("POST", polling+"&sid="+lazy, lazyHeader, "40\x1e421[\"sync\"]")
	eventually(t, "three connections", func() bool { return f.hub.Stats().Conns == 3 })
	who := f.who(f.person("Mary"))
	big := strings.Repeat("x", 15000)
	value := func(name string) float64 {
		all, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.GetName() == name {
				return m.GetMetric()[0].GetCounter().GetValue() + m.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatalf("there is no metric %s", name)
		return 0
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	got := make(chan chat.Event, 100000)
	reading.Go(func() {
		defer close(got)
		for {
			s, err := fast.get()
			if err != nil {
				return
			}
			var e chat.Event
			if s.event == "event" && json.Unmarshal(s.body, &e) == nil && e.Kind == chat.MessageCreated {
				got <- e
			}
		}
	})
	const count = 1000 // 15 MB: more than the sockets' buffers take
	for no := range count {
		if _, err := f.Send(t.Context(), who, chat.SendInput{Room: "general", Text: big}); err != nil {
			t.Fatal(err)
		}
		if e := <-got; e.Message.No != int64(no+1) { // one at a time: the fast one keeps up
			t.Fatalf("the fast one got %d, want %d", e.Message.No, no+1)
		}
	}
	eventually(t, "the slow ones to be closed", func() bool { return f.hub.Stats().Conns == 1 })
	for { // what was on its way
		if _, err := slow.read(); err != nil {
			if err != io.EOF && strings.Contains(err.Error(), "timeout") {
				t.Error("a client that does not read is not closed")
			}
			break
		}
	}
	eventually(t, "the session of a client that came too late to be gone", func() bool {
		res, _ := f.request("GET", polling+"&sid="+lazy, lazyHeader, "")
		return res.StatusCode == 400
	})
	if n := value("parley_socketio_slow_closes_total"); n != 2 {
		t.Errorf("%v slow closes", n)
	}
	eventually(t, "one session", func() bool { return value("parley_socketio_sessions") == 1 })
	if value("parley_socketio_events_in_total") == 0 {
		t.Error("no events came in")
	}
	fast.conn.Close()
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestDrain: clients are told, what is under way is answered, new ones are
// refused, and everything ends.
func TestDrain(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	c, idle, waiting, unconnected := f.synced(token), f.synced(f.person("Mary")), f.dial(""),
		f.open(bearer(token))
	entered := make(chan struct{}, 1)
	slow := make(chan struct{})
	wait := func() error {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-slow
		return nil
	}
	f.down.Store(&wait)
	id := c.send("message.send", map[string]any{"room": "general", "text": "under way"})
	<-entered
	drained := make(chan error, 1)
	go func() { drained <- f.hub.Drain(context.Background(), 100*time.Millisecond) }()
	hint := decode[wire.Farewell](t, idle.until("goodbye", nil))
	if hint.Reason == "" || hint.RetryMS < 50 || hint.RetryMS > 150 {
		t.Errorf("goodbye %+v", hint)
	}
	eventually(t, "new requests to be refused",
		func() bool { return refusal(waiting.call("server.info")) == chat.CodeUnavailable })
	close(slow)
	for {
		if s := c.must(); s.id == id {
			if refusal(s.body) != "" {
				t.Errorf("what was under way: %s", s.body)
			}
			break
		}
	}
	for name, c := range map[string]*client{"the busy one": c, "the idle one": idle} {
		for {
			s, err := c.get()
			if err != nil {
				break
			}
			if s.kind == '1' || s.event == "goodbye" && strings.Contains(string(s.body), `"code"`) {
				t.Errorf("%s, draining: %c %s", name, s.kind, s.body)
			}
		}
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	// A refusal in words would be final for official clients.
	unconnected.write("40")
	if got, err := unconnected.read(); err != io.EOF {
		t.Errorf("connecting while draining: %s, %v", got, err)
	}
	if status, _, _ := f.upgrade(websocket, bearer(token)); status != 503 {
		t.Errorf("a new session while draining: %d", status)
	}
	if res, _ := f.request("GET", polling, nil, ""); res.StatusCode != 503 {
		t.Errorf("a new session that polls while draining: %s", res.Status)
	}
}

// TestPanic: one request's fault is not everybody's.
func TestPanic(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	boom := func() error { panic("boom") }
	f.down.Store(&boom)
	for _, action := range []string{"message.send", "room.list"} {
		if body := string(c.call(action, map[string]any{"room": "general", "text": "x"})); refusal(
			json.RawMessage(body)) == "" || strings.Contains(body, "boom") {
			t.Errorf("%s: %s", action, body)
		}
	}
	if body := string(c.call("room.list")); refusal(json.RawMessage(body)) != chat.CodeInternal {
		t.Errorf("room.list: %s", body)
	}
	f.down.Store(nil)
	c.lives("after panics")
}
