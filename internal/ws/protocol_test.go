package ws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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

func decode[T any](t testing.TB, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := wire.Decode(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

// TestEveryAction: each action of the table is a method here, refused or not,
// but known.
func TestEveryAction(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	for _, a := range chat.Actions() {
		if a.Name == "session.delete" || a.Name == "account.password" {
			continue // they end the session, see live.TestEndsItself
		}
		if r := c.call(a.Name, map[string]any{}); r.Error != nil && r.Error.Code == -32601 {
			t.Errorf("%s is no method", a.Name)
		}
	}
	if r := c.call("room.explode", map[string]any{}); r.Error == nil || r.Error.Code != -32601 {
		t.Errorf("an unknown method: %+v", r)
	}
	if r := c.call("message.send",
		map[string]any{"room": "general", "text": "x", "from": "me"}); r.Error == nil ||
		r.Error.Code != -32602 {
		t.Errorf("a field that is not the client's to give: %+v", r)
	}
}

// TestDeepJSON: work on it is bounded, and the connection lives.
func TestDeepJSON(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	for _, bad := range []string{strings.Repeat("[", 60000), strings.Repeat(`{"a":`, 10000),
		`{"jsonrpc":"2.0","id":1,"method":"message.send","params":` + strings.Repeat(`{"a":`,
			5000) + strings.Repeat("}", 5000) + `}`} {
		c.write(text(bad))
		if r := c.must(); r.Error == nil || r.Error.Code != -32700 && r.Error.Code != -32600 {
			t.Errorf("%.20s…: %+v", bad, r)
		}
	}
	c.lives("after deep JSON")
}

// TestSyncOrder holds the order of the protocol: the answer, then for each
// stream what was missed, then resumed.
func TestSyncOrder(t *testing.T) {
	f := newFixture(t, nil)
	token, other := f.person("Pablo"), f.person("Mary")
	me, mary := f.who(token), f.who(other)
	c := f.dial(token)
	state := decode[wire.State](t, c.call("sync", map[string]any{"device": "d1"}).Result)
	if len(state.Rooms) != 1 || state.Rooms[0].ID != "general" || state.User.ID != me.User.ID ||
		state.Session != me.Session || state.HeartbeatS != 30 {
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
	if string(first.ID) != id || first.Error != nil {
		t.Fatalf("the answer is not the first: %+v", first)
	}
	if raw := string(first.Result); strings.Contains(raw, "null") {
		t.Errorf("a list is null in %s", raw)
	}
	again := decode[wire.State](t, first.Result)
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
		switch r := c.must(); r.Method {
		case "event":
			e := decode[chat.Event](t, r.Params)
			if resumed[e.Stream] || e.Stream != chat.RoomStream(view.ID) && e.Seq != seq[e.Stream]+1 {
				t.Errorf("event %d of %s after %d, resumed: %v", e.Seq, e.Stream, seq[e.Stream],
					resumed[e.Stream])
			}
			seq[e.Stream] = e.Seq
		case "resumed":
			at := decode[struct {
				Stream   chat.Stream   `json:"stream"`
				Position chat.Position `json:"position"`
			}](t, r.Params)
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
	r := c.call("sync", map[string]any{"positions": map[chat.Stream]chat.Position{"room:general": {Epoch: "other", Seq: 1}}})
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	c.until("resync", func(p json.RawMessage) bool { return strings.Contains(string(p), "room:general") })
	if _, err := f.Send(t.Context(), mary, chat.SendInput{Room: "general", Text: "after"}); err != nil {
		t.Fatal(err)
	}
	if e := c.event(chat.MessageCreated); e.Message.Text != "after" {
		t.Errorf("after resync came %q", e.Message.Text)
	}
	for name, bad := range map[string]any{
		"a device": map[string]any{"device": "a b"},
		"seq": map[string]any{"positions": map[string]any{"server": map[string]any{"epoch": "",
			"seq": -1}}},
		"too many": map[string]any{"positions": func() map[string]any {
			m := map[string]any{}
			for i := range 2100 {
				m[fmt.Sprint(i)] = map[string]any{"epoch": "", "seq": 1}
			}
			return m
		}()},
	} {
		if r := c.call("sync", bad); r.Error == nil || r.Error.Code != -32602 {
			t.Errorf("%s: %+v", name, r)
		}
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
	}}).Result)
	if len(state.Gone) != 4 {
		t.Errorf("gone: %v", state.Gone)
	}
	if _, err := f.Send(t.Context(), mary, chat.SendInput{Room: view.ID, Text: "secret"}); err != nil {
		t.Fatal(err)
	}
	id := c.send("ping", map[string]any{})
	for {
		r := c.must()
		if strings.Contains(string(r.Params), string(view.ID)) ||
			strings.Contains(string(r.Params), string(theirs)) {
			t.Errorf("came: %s", r.Params)
		}
		if string(r.ID) == id {
			break
		}
	}
}

// TestGuests get no server stream and nobody online.
func TestGuests(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.AddUser(t.Context(), "Gast", "password123", chat.RoleGuest, ""); err != nil {
		t.Fatal(err)
	}
	out, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: "Gast", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	c := f.dial(out.Token)
	r := c.call("sync", map[string]any{"positions": map[string]any{"server": map[string]any{"epoch": "model", "seq": 0}}})
	state := decode[wire.State](t, r.Result)
	if state.ServerPosition != nil || len(state.Online) != 0 ||
		!slices.Equal(state.Gone, []chat.Stream{"server"}) {
		t.Errorf("state %s", r.Result)
	}
	f.synced(f.person("Mary"))
	id := c.send("ping", map[string]any{})
	for r := c.must(); string(r.ID) != id; r = c.must() {
		if strings.Contains(string(r.Params), `"stream":"server"`) {
			t.Errorf("a guest is told %s", r.Params)
		}
	}
}

// TestPipelinedSendsKeepOrder: a client that sends without waiting finds its
// messages in that order.
func TestPipelinedSendsKeepOrder(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	watcher := f.synced(f.person("Mary"))
	c := f.dial(token)
	const n = 200
	var all []byte
	for i := range n {
		all = append(all, text(fmt.Sprintf(
			`{"jsonrpc":"2.0","id":%d,"method":"message.send","params":{"room":"general","text":"%d","client_id":"c%d"}}`, i, i, i))...)
	}
	c.write(all)
	for i := range n {
		if r := c.must(); r.Error != nil || string(r.ID) != fmt.Sprint(i) {
			t.Fatalf("answer %d: %+v", i, r)
		}
	}
	for i := range n {
		if e := watcher.event(chat.MessageCreated); e.Message.Text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, e.Message.Text)
		}
	}
}

// TestRemovedMember: nothing more arrives after member.left, and coming back
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
		id := c.send("ping", map[string]any{})
		left := false
		for r := c.must(); string(r.ID) != id; r = c.must() {
			if strings.Contains(string(r.Params), "secret") {
				t.Errorf("a removed member got %s", r.Params)
			}
			left = left || strings.Contains(string(r.Params), `"kind":"room.left"`)
		}
		if !left {
			t.Error("room.left did not come")
		}
		if r := c.call("message.list", map[string]any{"room": view.ID}); r.Error == nil ||
			r.Error.Code != -32004 {
			t.Errorf("a removed member reads: %+v", r)
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

// TestTypingAndPresence are told to those whom they concern.
func TestTypingAndPresence(t *testing.T) {
	f := newFixture(t, nil)
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
	if r := b.call("typing.send", map[string]any{"room": "general"}); r.Error != nil {
		t.Fatal(r.Error)
	}
	a.until("signal", is(chat.Typing, false))
	b.conn.Close()
	a.until("signal", is(chat.Presence, false))
}

// TestRoleChange: who may see something else is sent to sync anew.
func TestRoleChange(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.AddUser(t.Context(), "Olga", "password123", chat.RoleOwner, ""); err != nil {
		t.Fatal(err)
	}
	owner := f.who(func() string {
		out, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
			chat.LogInInput{Name: "Olga", Password: "password123"})
		if err != nil {
			t.Fatal(err)
		}
		return out.Token
	}())
	token := f.person("Pablo")
	c := f.synced(token)
	guest := chat.RoleGuest
	if _, err := f.UpdateUser(t.Context(), owner,
		chat.UpdateUserInput{User: f.who(token).User.ID, Role: &guest}); err != nil {
		t.Fatal(err)
	}
	c.closes("a changed role", 1012)
}

// TestSlowClient is closed, and nobody waits for it.
func TestSlowClient(t *testing.T) {
	metrics := prometheus.NewRegistry()
	f := newFixture(t, func(s *settings) { s.live.Queue, s.ws.Metrics = 64<<10, metrics })
	slow, fast := f.synced(f.person("Slow")), f.synced(f.person("Fast"))
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
		for {
			r, err := fast.get()
			if err != nil {
				close(got)
				return
			}
			var e chat.Event
			if r.Method == "event" && json.Unmarshal(r.Params, &e) == nil && e.Kind == chat.MessageCreated {
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
	slow.closes("a client that does not read", 4008)
	if n := value("parley_slow_closes_total"); n != 1 {
		t.Errorf("%v slow closes", n)
	}
	fast.conn.Close()
	for _, name := range []string{"parley_socket_frames_in_total", "parley_socket_writes_total",
		"parley_socket_bytes_in_total", "parley_socket_bytes_out_total", "parley_events_total"} {
		if value(name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestDrain: clients are told, what is under way is answered, new ones are
// refused, and everything ends.
func TestDrain(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	c, idle := f.synced(token), f.synced(f.person("Mary"))
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
	hint := decode[struct {
		Reason  string `json:"reason"`
		RetryMS int64  `json:"retry_ms"`
	}](t, idle.until("goodbye", nil))
	if hint.Reason == "" || hint.RetryMS < 50 || hint.RetryMS > 150 {
		t.Errorf("goodbye %+v", hint)
	}
	close(slow)
	answered := false
	for !answered {
		r := c.must()
		answered = string(r.ID) == id && r.Error == nil
	}
	c.closes("draining", 1012)
	idle.closes("draining", 1012)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	res, conn, _ := f.upgrade("/api/v1/ws", http.Header{"Authorization": {"Bearer " + token}})
	if conn.Close(); res.StatusCode != 503 {
		t.Errorf("a new socket while draining: %s", res.Status)
	}
}
