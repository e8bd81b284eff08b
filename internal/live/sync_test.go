package live_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

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

// get returns what comes next, which must not be the end.
func get(t testing.TB, c client) said {
	t.Helper()
	s, over := c.next()
	if over != nil {
		t.Fatalf("ended with %+v", *over)
	}
	return s
}

// must calls a method, which must not be refused.
func must(t testing.TB, c client, method string, params any) json.RawMessage {
	t.Helper()
	body, code := c.call(method, params)
	if code != "" {
		t.Fatalf("%s: %q", method, code)
	}
	return body
}

// until returns the next notification of a method that is as wanted.
func until(t testing.TB, c client, method string, is func(json.RawMessage) bool) json.RawMessage {
	t.Helper()
	for {
		if s := get(t, c); s.method == method && is(s.body) {
			return s.body
		}
	}
}

// event returns the next event of a kind.
func event(t testing.TB, c client, kind chat.Kind) chat.Event {
	t.Helper()
	var e chat.Event
	until(t, c, "event", func(b json.RawMessage) bool {
		e = decode[chat.Event](t, b)
		return e.Kind == kind
	})
	return e
}

// soFar returns everything that has come until now.
func soFar(t testing.TB, c client) string {
	t.Helper()
	var all strings.Builder
	id := c.send("ping", map[string]any{})
	for {
		s := get(t, c)
		if s.method == "" && s.id == id {
			return all.String()
		}
		fmt.Fprintf(&all, "%s %s\n", s.method, s.body)
	}
}

// synced connects and syncs.
func (f *fixture) synced(over transport, token string) client {
	f.t.Helper()
	c := f.dial(over, token)
	must(f.t, c, "sync", map[string]any{})
	return c
}

// TestSyncOrder: after the answer comes, for each stream, what was missed, then
// resumed; or resync, if the position is of another history.
func TestSyncOrder(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, me := f.person("Pablo", chat.RoleMember)
		_, mary := f.person("Mary", chat.RoleMember)
		c := f.dial(over, token)
		state := decode[wire.State](t, must(t, c, "sync", map[string]any{"device": "d1"}))
		if len(state.Rooms) != 1 || state.Rooms[0].ID != chat.GeneralID || state.User.ID != me.User.ID ||
			state.Session != me.Session || state.HeartbeatS != over.heartbeat ||
			state.ServerPosition == nil || state.Limits.Message != f.Limits.Message {
			t.Fatalf("state %+v", state)
		}
		c.close()
		for i := range 5 {
			f.Say(mary, chat.GeneralID, fmt.Sprint("missed ", i))
		}
		view, err := f.CreateRoom(t.Context(), mary,
			chat.CreateRoomInput{Name: "New", Kind: chat.Private, Users: []chat.UserID{me.User.ID}})
		if err != nil {
			t.Fatal(err)
		}
		general := chat.RoomStream(chat.GeneralID)
		positions := map[chat.Stream]chat.Position{general: state.Rooms[0].Position,
			chat.UserStream(me.User.ID): state.UserPosition, chat.ServerStream: *state.ServerPosition,
			"room:none": {Epoch: "x", Seq: 3}}
		c = f.dial(over, token)
		id := c.send("sync", map[string]any{"device": "d1", "positions": positions})
		first := get(t, c)
		if first.method != "" || first.id != id || first.code != "" {
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
			switch s := get(t, c); s.method {
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
		if n := seq[general] - state.Rooms[0].Position.Seq; n != 5 {
			t.Errorf("%d events were missed in general, want 5", n)
		}
		elsewhere := state.Rooms[0].Position
		elsewhere.Epoch = "other"
		must(t, c, "sync", map[string]any{"positions": map[chat.Stream]chat.Position{general: elsewhere}})
		until(t, c, "resync", func(b json.RawMessage) bool {
			return decode[wire.StreamPosition](t, b).Stream == general
		})
		f.Say(mary, chat.GeneralID, "after")
		if e := event(t, c, chat.MessageCreated); e.Message.Text != "after" {
			t.Errorf("after resync came %q", e.Message.Text)
		}
	})
}

func TestSyncRefuses(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		c := f.dial(over, f.Member("Pablo"))
		many := map[string]any{}
		for i := range 2100 {
			many[fmt.Sprint(i)] = chat.Position{Seq: 1}
		}
		for name, bad := range map[string]any{
			"a device":           map[string]any{"device": "a b"},
			"a position below 0": map[string]any{"positions": map[string]any{"server": chat.Position{Seq: -1}}},
			"too many positions": map[string]any{"positions": many},
			"an unknown field":   map[string]any{"more": 1},
		} {
			if _, code := c.call("sync", bad); code != chat.CodeInvalid {
				t.Errorf("%s: %q", name, code)
			}
		}
	})
}

// TestForeignPosition: giving a position opens no room, and a room that someone
// may not see is answered like none.
func TestForeignPosition(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		_, mary := f.person("Mary", chat.RoleMember)
		view, err := f.CreateRoom(t.Context(), mary,
			chat.CreateRoomInput{Name: "Secret", Kind: chat.Private})
		if err != nil {
			t.Fatal(err)
		}
		c := f.dial(over, f.Member("Eve"))
		theirs := chat.UserStream(mary.User.ID)
		state := decode[wire.State](t, must(t, c, "sync",
			map[string]any{"positions": map[chat.Stream]chat.Position{
				chat.RoomStream(view.ID): {Epoch: view.Position.Epoch},
				theirs:                   {Epoch: view.Position.Epoch}, "": {}, "room:": {},
			}}))
		if len(state.Gone) != 4 {
			t.Errorf("gone: %v", state.Gone)
		}
		for _, action := range []string{"room.get", "message.list", "member.list", "room.join",
			"typing.send"} {
			there, code := c.call(action, map[string]any{"room": view.ID})
			none, _ := c.call(action, map[string]any{"room": "01ARZ3NDEKTSV4RRFFQ69G5FAV"})
			if string(there) != string(none) || code != chat.CodeNotFound {
				t.Errorf("%s: %s %q for a foreign room, %s for none", action, there, code, none)
			}
		}
		f.Say(mary, view.ID, "secret")
		if came := soFar(t, c); strings.Contains(came, string(view.ID)) ||
			strings.Contains(came, string(theirs)) {
			t.Errorf("came: %s", came)
		}
	})
}

// TestPipelinedSendsKeepOrder: a client that sends without waiting finds its
// messages in that order.
func TestPipelinedSendsKeepOrder(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		watcher, c := f.synced(over, f.Member("Mary")), f.dial(over, f.Member("Pablo"))
		const n = 200
		ids := map[int]bool{}
		for i := range n {
			ids[c.send("message.send", map[string]any{"room": "general",
				"text": fmt.Sprint(i), "client_id": fmt.Sprint("c", i)})] = true
		}
		for range n { // in any order
			if s := get(t, c); s.code != "" || !ids[s.id] {
				t.Fatalf("answer %+v", s)
			} else {
				delete(ids, s.id)
			}
		}
		for i := range n {
			if e := event(t, watcher, chat.MessageCreated); e.Message.Text != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, e.Message.Text)
			}
		}
	})
}

// TestRemovedMember: nothing more arrives after room.left, and coming back
// brings the room back.
func TestRemovedMember(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, me := f.person("Pablo", chat.RoleMember)
		_, mary := f.person("Mary", chat.RoleMember)
		c := f.synced(over, token)
		view, err := f.CreateRoom(t.Context(), mary,
			chat.CreateRoomInput{Name: "Plans", Kind: chat.Private, Users: []chat.UserID{me.User.ID}})
		if err != nil {
			t.Fatal(err)
		}
		if e := event(t, c, chat.RoomJoined); e.View.ID != view.ID {
			t.Fatalf("joined %s", e.View.ID)
		}
		for range 3 {
			f.Say(mary, view.ID, "inside")
			if e := event(t, c, chat.MessageCreated); e.Message.Text != "inside" {
				t.Fatalf("came %q", e.Message.Text)
			}
			if _, err := f.RemoveMember(t.Context(), mary,
				chat.RemoveMemberInput{Room: view.ID, User: me.User.ID}); err != nil {
				t.Fatal(err)
			}
			f.Say(mary, view.ID, "secret")
			if came := soFar(t, c); strings.Contains(came, "secret") ||
				!strings.Contains(came, `"kind":"room.left"`) {
				t.Errorf("a removed member got %s", came)
			}
			if _, code := c.call("message.list",
				map[string]any{"room": view.ID}); code != chat.CodeNotFound {
				t.Errorf("a removed member reads: %q", code)
			}
			if _, err := f.AddMember(t.Context(), mary,
				chat.MemberInput{Room: view.ID, User: me.User.ID}); err != nil {
				t.Fatal(err)
			}
			if e := event(t, c, chat.RoomJoined); e.View.Last.Text != "secret" { // as a member again
				t.Errorf("the view on coming back shows %q", e.View.Last.Text)
			}
		}
	})
}

// TestTypingAndPresence are told to those whom they concern, and not to guests,
// who get no server stream.
func TestTypingAndPresence(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		guest := f.dial(over, f.Person("Gast", chat.RoleGuest))
		state := decode[wire.State](t, must(t, guest, "sync",
			map[string]any{"positions": map[string]any{"server": chat.Position{Epoch: "model"}}}))
		if state.ServerPosition != nil || !slices.Equal(state.Gone, []chat.Stream{"server"}) {
			t.Errorf("a guest's state %+v", state)
		}
		a := f.synced(over, f.Member("Pablo"))
		token, mary := f.person("Mary", chat.RoleMember)
		watched := map[string]any{"users": []chat.UserID{mary.User.ID}}
		online := func(c client) []chat.UserID {
			return decode[chat.WatchOutput](t, must(t, c, "presence.watch", watched)).Online
		}
		if got := online(a); len(got) > 0 {
			t.Errorf("online before she came: %v", got)
		}
		is := func(kind chat.SignalKind, online bool) func(json.RawMessage) bool {
			return func(b json.RawMessage) bool {
				s := decode[chat.Signal](t, b)
				return s.Kind == kind && s.User == mary.User.ID && s.Online == online
			}
		}
		b := f.synced(over, token)
		until(t, a, "signal", is(chat.Presence, true))
		if got := online(a); !slices.Equal(got, []chat.UserID{mary.User.ID}) {
			t.Errorf("online when she is there: %v", got)
		}
		if got := online(guest); len(got) > 0 {
			t.Errorf("a guest is told that %v are online", got)
		}
		must(t, b, "typing.send", map[string]any{"room": "general"})
		until(t, a, "signal", is(chat.Typing, false))
		b.close()
		until(t, a, "signal", is(chat.Presence, false))
		if came := soFar(t, guest); strings.Contains(came, `"stream":"server"`) {
			t.Errorf("a guest is told %s", came)
		}
	})
}

// TestRoleChange: who may see something else is sent to sync anew.
func TestRoleChange(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		_, owner := f.person("Olga", chat.RoleOwner)
		token, me := f.person("Pablo", chat.RoleMember)
		c := f.synced(over, token)
		guest := chat.RoleGuest
		if _, err := f.UpdateUser(t.Context(), owner,
			chat.UpdateUserInput{User: me.User.ID, Role: &guest}); err != nil {
			t.Fatal(err)
		}
		f.wantEnd(over, c, 1012, true)
	})
}

// TestBadFields: a field that is not there, or null, is refused instead of
// taken for its zero value, as over HTTP; so is one that no client may give.
func TestBadFields(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		token, _ := f.person("Ada", chat.RoleMember)
		c := f.dial(over, token)
		type in = map[string]any
		for _, bad := range []struct {
			method string
			params in
		}{
			{"room.notify", in{"room": "general"}},
			{"room.notify", in{"room": "general", "level": nil}},
			{"read.mark", in{"room": "general"}},
			{"read.mark", in{"room": "general", "no": nil}},
			{"read.mark", in{}},
			{"message.send", in{"room": "general"}},
			{"message.send", in{"text": "x"}},
			{"message.send", in{"room": "general", "text": "x", "from": "me"}},
			{"message.send", in{"room": "general", "text": nil}},
			{"room.create", in{"name": "x", "kind": nil}},
			{"room.get", in{}},
		} {
			if out, code := c.call(bad.method, bad.params); code != chat.CodeInvalid {
				t.Errorf("%s %v: %q %s", bad.method, bad.params, code, out)
			}
		}
		for _, good := range []struct {
			method string
			params in
		}{{"read.mark", in{"room": "general", "no": 0}}, {"room.list", in{}}, {"sync", in{}}, {"ping", in{}}} {
			if _, code := c.call(good.method, good.params); code != "" {
				t.Errorf("%s %v: %q", good.method, good.params, code)
			}
		}
	})
}
