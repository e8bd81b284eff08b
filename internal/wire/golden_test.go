package wire_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wire"
)

var update = flag.Bool("update", false, "write testdata from what the code makes")

var (
	at   = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	room = chat.Room{ID: "01R", Kind: chat.Private, Name: "Plans", Topic: "Next year",
		CreatedBy: "01U", CreatedAt: at}
	message = chat.Message{Room: "01R", No: 7, ID: "01E9", Seq: 9, From: "01U",
		Text: "hi <b>&amp; \"you\"</b>\nline\u2028 🎉 \\o/", ClientID: "c1", At: at}
	marked = chat.Message{
		Room: "01R", No: 6, ID: "01E7", Seq: 7, From: "01V", Text: "@Zoë and @room", At: at,
		Mentions: []chat.UserID{chat.MentionAll, "01V"},
		Files: []chat.File{{ID: "01F", Name: "a cat.png", Type: "image/png", Size: 12345,
			Width: 640, Height: 480}},
		EditedAt: at.Add(time.Minute), PinnedAt: at.Add(time.Hour), PinnedBy: "01U",
		Reactions: []chat.Reacted{{Emoji: "👍🏽", Users: []chat.UserID{"01U", "01V"}}},
		Thread:    &chat.Thread{Room: "t-1", Replies: 2, LastAt: at.Add(time.Hour)},
	}
	member = chat.Member{Room: "01R", User: "01V", Role: chat.RoomMember, JoinedAt: at}
	mute   = chat.Mute{Until: at.Add(time.Hour), Reason: "calm down", By: "01U"}
	user   = chat.User{ID: "01V", Name: "Zoë", Role: chat.RoleAdmin, CreatedAt: at}
	place  = chat.Position{Epoch: "e1", Seq: 9, ID: "01E9"}
	view   = chat.RoomView{
		Room: room, Position: place, HeadNo: 7, ReadNo: 5, Unread: 2, Role: chat.RoomModerator,
		JoinedAt: at, Members: 3, Last: &message,
	}
)

func event(s chat.Stream, k chat.Kind, fill func(*chat.Event)) *chat.Event {
	e := &chat.Event{Stream: s, Epoch: "e1", Seq: 9, ID: "01E9", Prev: "01E8", Kind: k, At: at, By: "01U"}
	fill(e)
	return e
}

var events = []*chat.Event{
	event("room:01R", chat.RoomCreated, func(e *chat.Event) {
		e.Seq, e.Prev = 1, ""
		r := room
		r.Kind, r.Name, r.Topic, r.People = chat.Direct, "", "", []chat.UserID{"01U", "01V"}
		e.Room = &r
	}),
	event("room:01R", chat.RoomUpdated,
		func(e *chat.Event) { r := room; r.Archived, r.Slow = true, 30; e.Room = &r }),
	event("room:01R", chat.MemberJoined, func(e *chat.Event) { e.Member = &member }),
	event("room:01R", chat.MemberLeft, func(e *chat.Event) { e.Member = &member }),
	event("room:01R", chat.MemberUpdated,
		func(e *chat.Event) { m := member; m.Role, m.Mute = chat.RoomModerator, mute; e.Member = &m }),
	event("room:01R", chat.MessageCreated, func(e *chat.Event) { e.Message = &message }),
	event("room:01R", chat.MessageEdited, func(e *chat.Event) {
		m := marked
		m.Files, m.Thread, m.PinnedAt, m.PinnedBy, m.Reactions = nil, nil, time.Time{}, "", nil
		e.Message = &m
	}),
	event("room:01R", chat.MessageDeleted, func(e *chat.Event) {
		e.Message = &chat.Message{Room: "01R", No: 6, ID: "01E7", Seq: 7, From: "01V", At: at,
			DeletedAt: at.Add(time.Hour)}
	}),
	event("room:01R", chat.MessagePinned, func(e *chat.Event) { e.Message = &marked }),
	event("room:01R", chat.MessageUnpinned,
		func(e *chat.Event) { m := marked; m.PinnedAt, m.PinnedBy = time.Time{}, ""; e.Message = &m }),
	event("room:01R", chat.ThreadMoved, func(e *chat.Event) { e.Message = &marked }),
	event("room:01R", chat.ReactionAdded,
		func(e *chat.Event) { e.Reaction = &chat.Reaction{No: 6, Emoji: "👍🏽", User: "01U"} }),
	event("room:01R", chat.ReactionRemoved,
		func(e *chat.Event) { e.Reaction = &chat.Reaction{No: 6, Emoji: "👍🏽", User: "01U"} }),
	event("room:01R", chat.MessagesTrimmed, func(e *chat.Event) { e.Trimmed = 6 }),
	event("user:01V", chat.RoomJoined, func(e *chat.Event) { v := view; v.Mute = mute; e.View = &v }),
	event("user:01V", chat.RoomLeft, func(e *chat.Event) { e.Left, e.Reason = "01R", "off topic" }),
	event("user:01V", chat.ReadMoved, func(e *chat.Event) { e.Read = &chat.Read{Room: "01R", No: 7} }),
	event("user:01V", chat.NotifyChanged,
		func(e *chat.Event) { e.Notify = &chat.Notify{Room: "01R", Level: chat.NotifyMentions} }),
	event("user:01V", chat.SessionRevoked,
		func(e *chat.Event) { e.Sessions = []chat.SessionID{"01S", "01T"} }),
	event("server", chat.UserCreated, func(e *chat.Event) { e.By = ""; e.User = &user }),
	event("server", chat.UserUpdated, func(e *chat.Event) {
		u := user
		u.Disabled, u.DisabledUntil, u.QuietUntil, u.About, u.Picture = true, at.Add(time.Hour),
			at.Add(2*time.Hour), "Brücken", "01P"
		u.Title, u.TimeZone, u.Phone, u.FormerName = "Pilot", "Europe/Berlin", "+49 30 1", "Adda"
		u.Status = chat.Status{Emoji: "🌴", Text: "at the sea", Until: at.Add(3 * time.Hour)}
		e.User = &u
	}),
}

// golden returns what the file of that name holds, which has to be the frame.
func golden(t *testing.T, name string, frame []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, append(slices.Clone(frame), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.TrimSuffix(want, []byte("\n"))
	if d := cmp.Diff(string(want), string(frame)); d != "" {
		t.Errorf("%s (-file +made):\n%s", name, d)
	}
	return want
}

// notification decodes a golden frame strictly: what a client sees is what was
// meant.
func notification[T any](t *testing.T, frame []byte, method string, want T) {
	t.Helper()
	var got struct {
		JSONRPC string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  T      `json:"params"`
	}
	if err := wire.Decode(frame, &got); err != nil {
		t.Fatalf("%s: %v", frame, err)
	}
	if got.JSONRPC != "2.0" || got.Method != method {
		t.Errorf("jsonrpc %q, method %q in %s", got.JSONRPC, got.Method, frame)
	}
	if d := cmp.Diff(want, got.Params); d != "" {
		t.Errorf("%s (-want +got):\n%s", frame, d)
	}
}

func TestGoldenEvents(t *testing.T) {
	for _, e := range events {
		notification(t, golden(t, "event."+string(e.Kind), wire.Event(e)), "event", *e)
	}
}

func TestGoldenNotifications(t *testing.T) {
	for name, s := range map[string]chat.Signal{
		"signal.typing":  {Stream: "room:01R", Kind: chat.Typing, User: "01U"},
		"signal.online":  {Stream: "server", Kind: chat.Presence, User: "01U", Online: true},
		"signal.offline": {Stream: "server", Kind: chat.Presence, User: "01U"},
		"signal.document": {Stream: "user:01U", Kind: chat.DocumentChanged, User: "01U", Document: "sidebar",
			Version: 3},
		"signal.schedule": {Stream: "user:01U", Kind: chat.ScheduleChanged, User: "01U"},
	} {
		frame := golden(t, name, wire.Signal(s))
		notification(t, frame, "signal", s)
		if told := bytes.Contains(frame, []byte(`"online":`)); told != (s.Kind == chat.Presence) {
			t.Errorf("%s tells online: %v", name, told)
		}
	}
	type at struct {
		Stream   chat.Stream   `json:"stream"`
		Position chat.Position `json:"position"`
	}
	notification(t, golden(t, "resumed", wire.Resumed("room:01R", place)), "resumed", at{"room:01R", place})
	notification(t, golden(t, "resync", wire.Resync("room:01R", place)), "resync", at{"room:01R", place})
	start := chat.Position{Epoch: "e1"}
	notification(t, golden(t, "resync.start", wire.Resync("server", start)), "resync", at{"server", start})
	type goodbye struct {
		Reason  string `json:"reason"`
		RetryMS int64  `json:"retry_ms"`
	}
	notification(t, golden(t, "goodbye",
		wire.Goodbye("the server is stopping", 1500*time.Millisecond)), "goodbye",
		goodbye{"the server is stopping", 1500})
}

func TestGoldenAnswers(t *testing.T) {
	golden(t, "result", wire.Result(jsontext.Value("1"), message))
	golden(t, "result.none", wire.Result(jsontext.Value(`"a\"1"`), chat.None{}))
	golden(t, "result.sync", wire.Result(jsontext.Value("2"), wire.State{
		ServerID: "01s", User: user, Session: "01S", UserPosition: place, ServerPosition: &place,
		Rooms: []chat.RoomView{view}, Gone: []chat.Stream{"room:01X"},
		Limits: chat.DefaultLimits, HeartbeatS: 30,
	}))
	golden(t, "error", wire.Error(jsontext.Value("3"),
		&chat.Error{Code: chat.CodeInvalid, Field: "text", Message: "a message is not empty"}))
	golden(t, "error.wait", wire.Error(jsontext.Value("4"),
		&chat.Error{Code: chat.CodeRateLimited, Message: "Too many requests. Wait and try again.",
			RetryAfter: 2500 * time.Millisecond}))
	golden(t, "error.because", wire.Error(jsontext.Value("6"),
		chat.Muted(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))))
	golden(t, "error.method", wire.UnknownMethod(jsontext.Value("5"), "room.explode\n"))
	for name, frame := range map[string]string{"error.parse": "{",
		"error.request": `{"jsonrpc":"2.0","method":"ping"}`} {
		_, bad := wire.ParseRequest([]byte(frame))
		golden(t, name, bad)
	}
}

func TestGoldenRequest(t *testing.T) {
	frame, err := os.ReadFile(filepath.Join("testdata", "request.json"))
	if err != nil {
		t.Fatal(err)
	}
	req, bad := wire.ParseRequest(frame)
	if bad != nil {
		t.Fatalf("%s", bad)
	}
	var in chat.SendInput
	if err := req.Into(&in); err != nil {
		t.Fatal(err)
	}
	want := chat.SendInput{Room: "01R", Text: message.Text, ClientID: "c1"}
	if d := cmp.Diff(want, in); d != "" || string(req.ID) != "1" || req.Method != "message.send" {
		t.Errorf("%s of %s: %s", req.Method, req.ID, d)
	}
}

// TestEveryCode holds the table against the protocol's: each of the domain's
// codes has its number.
func TestEveryCode(t *testing.T) {
	for e, code := range map[*chat.Error]int{
		chat.ErrInvalid: -32602, chat.ErrUnauthenticated: -32001, chat.ErrForbidden: -32003,
		chat.ErrNotFound: -32004, chat.ErrConflict: -32009,
		chat.ErrResync: -32010, chat.ErrTooLarge: -32013, chat.ErrRateLimited: -32029,
		chat.ErrInternal: -32603, chat.ErrUnavailable: -32053,
	} {
		var got struct {
			JSONRPC string         `json:"jsonrpc"`
			ID      jsontext.Value `json:"id"`
			Error   struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
				Data    struct {
					Code chat.Code `json:"code"`
				} `json:"data"`
			} `json:"error"`
		}
		if err := wire.Decode(wire.Error(jsontext.Value(`"x"`), e), &got); err != nil {
			t.Fatal(err)
		}
		if got.Error.Code != code || got.Error.Data.Code != e.Code ||
			got.Error.Message != e.Message || string(got.ID) != `"x"` {
			t.Errorf("%s: %+v, want %d", e.Code, got, code)
		}
	}
}
