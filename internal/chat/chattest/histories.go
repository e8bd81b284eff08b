package chattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/parley-chat/parley/internal/chat"
)

// testHistories runs random histories of changes and reads against the store
// and the model: every answer is the same.
func testHistories(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{T: rt, ctx: t.Context(), Harness: open(t, func(*chat.Event) {}), model: NewModel(nil)}
		if h.Other == nil {
			h.Other = h.Store
		}
		// Before the test's own end: there are many histories.
		defer func() { h.Store.Close(); h.Other.Close() }()
		h.run()
	})
}

type history struct {
	*rapid.T
	Harness
	ctx   context.Context
	model *Model
	n     int // changes so far
}

// A small world, so that things meet.
var (
	someRooms   = []chat.RoomID{"a", "b", "c"}
	someUsers   = []chat.UserID{"u1", "u2", "u3"}
	someNames   = []string{"One", "Two", "Three"}
	someDevices = []string{"", "d1", "d2"}
	someClients = []string{"", "c1", "c2", "c3"}
	someTokens  = []string{"t1", "t2", "t3", "t4"}
	someCodes   = []string{"i1", "i2", "i3"}
	someRoles   = []chat.RoomRole{chat.RoomMember, chat.RoomModerator}
	someTexts   = []string{"", "one", "two", "a longer text that says no more"}
	someEmojis  = []string{"👍", "🎉", "x"}
	someCalls   = [][]chat.UserID{nil, nil, {"u1"}, {"u1", "u3"}, {"u2", "u3"}, {chat.MentionAll},
		{chat.MentionAll, "u2"}, {"nobody"}}
	someFiles = [][]chat.File{nil, nil, nil,
		{{ID: "f1", Name: "a name", Type: "text/plain", Size: 3}},
		{{ID: "f2", Width: 640, Height: 480, FileDetails: chat.FileDetails{Alt: "a cat"}}, {ID: "f3", Name: "日本"}}}
	someScopes  = [][]string{nil, nil, {"read"}, {"read", "send"}}
	someLevels  = []chat.NotifyLevel{chat.NotifyUsual, chat.NotifyAll, chat.NotifyNone}
	someKinds   = []string{"hook", "hooks"}
	someRecords = []string{"r1", "r2", "r2 ", "日本"}
)

func draw[T any](h *history, from []T, what string) T {
	return rapid.SampledFrom(from).Draw(h.T, what)
}

func (h *history) run() {
	ops := []string{"commit", "commit", "commit", "commit", "commit", "read", "session", "touch",
		"invite", "withdraw", "put", "forget", "prune"}
	if h.Reopen != nil {
		ops = append(ops, "reopen")
	}
	for range rapid.IntRange(1, 40).Draw(h.T, "steps") {
		switch draw(h, ops, "step") {
		case "commit":
			h.commit()
		case "read":
			h.read()
		case "session":
			token := draw(h, someTokens, "token")
			s := chat.Session{
				ID: chat.SessionID("s" + token), User: draw(h, someUsers, "user"), TokenHash: token,
				Agent: "agent", Name: draw(h, someNames, "name"), Scopes: draw(h, someScopes, "scopes"),
				CreatedAt: h.now(), SeenAt: h.now(), ExpiresAt: h.soon(),
			}
			h.both("CreateSession", func(st chat.Store) (any, error) {
				return nil, st.CreateSession(h.ctx, s)
			})
		case "touch":
			id, user, seen, expires := chat.SessionID("s"+draw(h, someTokens, "token")),
				draw(h, someUsers, "user"), h.now(), h.soon()
			h.both("TouchSession", func(st chat.Store) (any, error) {
				return nil, st.TouchSession(h.ctx, id, user, seen, expires)
			})
		case "invite":
			code := draw(h, someCodes, "code")
			i := chat.Invite{ID: "id of " + code, CodeHash: code, Role: chat.RoleMember,
				CreatedAt: h.now(), ExpiresAt: h.soon()}
			h.both("CreateInvite", func(st chat.Store) (any, error) { return nil, st.CreateInvite(h.ctx, i) })
		case "withdraw":
			id := "id of " + draw(h, someCodes, "code")
			h.both("DeleteInvite", func(st chat.Store) (any, error) {
				return nil, st.DeleteInvite(h.ctx, id)
			})
		case "put":
			h.put()
		case "forget":
			kind, id := draw(h, someKinds, "kind"), draw(h, someRecords, "id")
			h.both("DeleteRecord", func(st chat.Store) (any, error) {
				return nil, st.DeleteRecord(h.ctx, kind, id)
			})
		case "prune":
			now := h.soon()
			h.both("Prune", func(st chat.Store) (any, error) {
				for {
					if more, err := st.Prune(h.ctx, now); err != nil || !more {
						return nil, err
					}
				}
			})
		case "reopen":
			h.Store = h.Harness.Reopen()
			h.Other = h.Store
		}
	}
	h.readAll()
}

// put writes a record over the version that is kept, or over another. Versions
// of records that were deleted may differ.
func (h *history) put() {
	h.n++
	kind, id, value, stale := draw(h, someKinds, "kind"), draw(h, someRecords, "id"),
		fmt.Appendf(nil, "value %d", h.n), rapid.Bool().Draw(h.T, "stale")
	h.both("PutRecord", func(st chat.Store) (any, error) {
		r, err := st.Record(h.ctx, kind, id)
		if err != nil && !errors.Is(err, chat.ErrNotFound) {
			return nil, err
		}
		was := r.Version
		if stale {
			was++
		}
		v, err := st.PutRecord(h.ctx, kind, id, was, value)
		return err == nil && (v == was+1 || was == 0 && v > 0), err
	})
}

// records reads what is kept, without versions.
func (h *history) records(kind string) {
	h.both("Records", func(st chat.Store) (any, error) {
		all, err := st.Records(h.ctx, kind, "", 10)
		for i, r := range all {
			one, err := st.Record(h.ctx, kind, r.ID)
			if d := cmp.Diff(r, one); err != nil || d != "" {
				return nil, fmt.Errorf("%w: record %s: %s", err, r.ID, d)
			}
			all[i].Version = 0
		}
		return all, err
	})
}

// now is later with every change; a history takes less than an hour.
func (h *history) now() time.Time { return start.Add(time.Duration(h.n) * time.Second) }

// soon is a time near now, past or future.
func (h *history) soon() time.Time {
	return h.now().Add(time.Duration(rapid.IntRange(-3, 20).Draw(h.T, "seconds")) * time.Second)
}

// both makes the same call on both stores and compares.
func (h *history) both(what string, call func(chat.Store) (any, error)) {
	h.Helper()
	want, wantErr := call(h.model)
	store := h.Store
	if rapid.Bool().Draw(h.T, "other") {
		store = h.Other
	}
	got, err := call(store)
	if (wantErr == nil) != (err == nil) || err != nil &&
		!sameRefusal(chat.AsError(err), chat.AsError(wantErr)) {
		h.Fatalf("%s: got error %v, want %v", what, err, wantErr)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), sameEpoch); d != "" {
		h.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// sameRefusal compares codes, and what some of them say beyond that.
func sameRefusal(a, b *chat.Error) bool {
	return a.Code == b.Code && a.RetryAfter == b.RetryAfter &&
		(a.Code != chat.CodeForbidden || a.Message == b.Message)
}

// sameEpoch takes all epochs for the same, but not for none.
var sameEpoch = cmp.FilterPath(func(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && f.Name() == "Epoch"
}, cmp.Comparer(func(a, b string) bool { return (a == "") == (b == "") }))

func (h *history) commit() {
	changes := []chat.Change{h.change()}
	for range rapid.IntRange(0, 3).Draw(h.T, "more") {
		c := h.change()
		_, first := changes[0].Op.(chat.Annotation)
		_, more := c.Op.(chat.Annotation)
		if h.Spans || c.Stream == changes[0].Stream && first == more {
			changes = append(changes, c)
		}
	}
	h.both(fmt.Sprintf("Commit of %s", describe(changes)), func(s chat.Store) (any, error) {
		r, err := s.Commit(h.ctx, changes...)
		return r, err
	})
}

func describe(changes []chat.Change) (s string) {
	for _, c := range changes {
		s += fmt.Sprintf("%s in %s; ", c.Kind(), c.Stream)
	}
	return s
}

func (h *history) change() chat.Change {
	h.n++
	room, user := draw(h, someRooms, "room"), draw(h, someUsers, "user")
	c := chat.Change{ID: fmt.Sprintf("e%06d", h.n), At: h.now(), By: draw(h, someUsers, "by"),
		Stream: chat.RoomStream(room)}
	switch kind := draw(h, []chat.Kind{
		chat.RoomCreated, chat.RoomUpdated, chat.MemberJoined, chat.MemberJoined, chat.MemberLeft,
		chat.MemberUpdated, chat.MemberUpdated,
		chat.MessageCreated, chat.MessageCreated, chat.MessageCreated, chat.MessageCreated,
		chat.MessageCreated,
		chat.MessageEdited, chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned,
		chat.MessageUnpinned, chat.ThreadMoved,
		chat.ReactionAdded, chat.ReactionAdded, chat.ReactionRemoved,
		chat.MessagesTrimmed, chat.RoomJoined, chat.RoomJoined, chat.RoomLeft, chat.ReadMoved,
		chat.NotifyChanged, chat.SessionRevoked, chat.UserCreated, chat.UserUpdated,
	}, "kind"); kind {
	case chat.RoomCreated:
		r := chat.Room{ID: room, Kind: draw(h, []chat.RoomKind{chat.Public, chat.Private,
			chat.ThreadRoom}, "kind"), Name: c.ID, CreatedBy: user, CreatedAt: c.At,
			Retain: rapid.IntRange(-1, 2).Draw(h.T, "retain")}
		if r.Kind == chat.ThreadRoom {
			r.Parent, r.Root = draw(h, someRooms, "parent"), h.no()
		}
		r.Archived, r.Announce, r.Slow = h.strict()
		c.Op = chat.CreateRoom{Room: r}
	case chat.RoomUpdated:
		op := chat.UpdateRoom{Name: c.ID, Retain: rapid.IntRange(-1, 2).Draw(h.T, "retain")}
		op.Archived, op.Announce, op.Slow = h.strict()
		c.Op = op
	case chat.MemberJoined:
		m := chat.Member{Room: room, User: user, Role: draw(h, someRoles, "role"), JoinedAt: c.At}
		if rapid.IntRange(0, 3).Draw(h.T, "mute") == 0 {
			m.Mute = *h.mute()
		}
		h.mustSpeak(&c)
		c.Op = chat.AddMember{Member: m}
	case chat.MemberLeft:
		c.Op = chat.RemoveMember{User: user}
	case chat.MemberUpdated:
		op := chat.UpdateMember{User: user, Role: draw(h, someRoles, "role")}
		if rapid.Bool().Draw(h.T, "mute") {
			op.Role = draw(h, append([]chat.RoomRole{""}, someRoles...), "role")
			op.Mute = h.mute()
		}
		c.Op = op
	case chat.MessageCreated:
		c.Op = chat.CreateMessage{From: user, Text: draw(h, someTexts, "text"),
			Mentions: draw(h, someCalls, "mentions"), Files: draw(h, someFiles, "files"),
			Device: draw(h, someDevices, "device"), ClientID: draw(h, someClients, "client id")}
		if op := c.Op.(chat.CreateMessage); rapid.IntRange(0, 4).Draw(h.T, "imported") == 0 {
			op.EditedAt = c.At.Add(time.Hour)
			op.Reactions = []chat.Reacted{{Emoji: draw(h, someEmojis, "emoji"), Users: []chat.UserID{user}}}
			c.Op = op
		}
		if rapid.Bool().Draw(h.T, "must be in") {
			c.MustBeIn = user
		}
		c.ByAdmin = rapid.IntRange(0, 4).Draw(h.T, "by admin") == 0
		h.mustSpeak(&c)
	case chat.MessageEdited:
		c.Op = chat.EditMessage{No: h.no(), Text: draw(h, someTexts, "text"),
			Mentions: draw(h, someCalls, "mentions")}
		c.MustBeIn = user
		h.mustSpeak(&c)
	case chat.MessageDeleted:
		c.Op = chat.DeleteMessage{No: h.no()}
	case chat.MessagePinned:
		c.Op = chat.PinMessage{No: h.no()}
	case chat.MessageUnpinned:
		c.Op = chat.UnpinMessage{No: h.no()}
	case chat.ThreadMoved:
		c.Op = chat.MoveThread{No: h.no(), Thread: chat.Thread{Room: draw(h, someRooms, "thread"),
			Replies: rapid.Int64Range(0, 3).Draw(h.T, "replies"), LastAt: c.At}}
	case chat.ReactionAdded, chat.ReactionRemoved:
		r := chat.Reaction{No: h.no(), Emoji: draw(h, someEmojis, "emoji"), User: user}
		c.Op = chat.AddReaction{Reaction: r}
		if kind == chat.ReactionRemoved {
			c.Op = chat.RemoveReaction{Reaction: r}
		}
		h.mustSpeak(&c)
	case chat.MessagesTrimmed:
		c.Op = chat.TrimMessages{To: rapid.Int64Range(1, 12).Draw(h.T, "trimmed")}
	case chat.RoomJoined:
		c.Stream, c.Op = chat.UserStream(user), chat.ListRoom{Room: room}
	case chat.RoomLeft:
		c.Stream, c.Op = chat.UserStream(user), chat.UnlistRoom{Room: room,
			Reason: draw(h, []string{"", `a "reason"`}, "reason")}
	case chat.ReadMoved:
		head, _ := h.model.Heads(h.ctx, chat.RoomStream(room))
		c.Stream, c.Op = chat.UserStream(user), chat.MoveRead{Read: chat.Read{Room: room,
			No: rapid.Int64Range(0, head[0].No).Draw(h.T, "no")}}
	case chat.NotifyChanged:
		c.Stream, c.Op = chat.UserStream(user),
			chat.SetNotify{Notify: chat.Notify{Room: room, Level: draw(h, someLevels, "level")}}
	case chat.SessionRevoked:
		var op chat.RevokeSessions
		for range rapid.IntRange(0, 2).Draw(h.T, "sessions") {
			op.Sessions = append(op.Sessions, chat.SessionID("s"+draw(h, someTokens, "token")))
		}
		if _, err := h.model.Account(h.ctx, user); err == nil && rapid.Bool().Draw(h.T, "password") {
			op.Password = "password of " + c.ID
			if rapid.Bool().Draw(h.T, "compare") {
				op.Was = draw(h, []string{"password of e000001", "password of e000002",
					"password of e000003"}, "was")
			}
		}
		c.Stream, c.Op = chat.UserStream(user), op
	case chat.UserCreated, chat.UserUpdated:
		c.Stream, c.Op = chat.ServerStream, h.account(user, c, kind)
	}
	return c
}

// account creates or updates an account.
func (h *history) account(user chat.UserID, c chat.Change, kind chat.Kind) chat.Operation {
	u := chat.User{ID: user, Name: draw(h, someNames, "name"), Role: chat.RoleMember,
		Bot: rapid.Bool().Draw(h.T, "bot"), CreatedAt: c.At}
	if rapid.Bool().Draw(h.T, "profile") {
		u.Status, u.QuietUntil, u.Picture = chat.Status{Emoji: "🌴", Text: c.ID, Until: c.At}, c.At,
			"picture of "+c.ID
	}
	a := chat.Account{User: u, NameKey: "key of " + u.Name, Password: "password of " + c.ID}
	if rapid.Bool().Draw(h.T, "look") {
		a.LookKey = "key of " + draw(h, someNames, "look") // of another, now and then
	}
	if kind == chat.UserCreated {
		op := chat.CreateUser{Account: a}
		if rapid.Bool().Draw(h.T, "with invite") {
			op.Invite = draw(h, someCodes, "code")
		}
		return op
	}
	op := chat.UpdateUser{Account: a}
	if was, err := h.model.Account(h.ctx, user); err == nil && rapid.Bool().Draw(h.T, "compare") {
		if op.Was = &was.User; rapid.Bool().Draw(h.T, "outdated") {
			op.Was.About = "something else"
		}
	}
	return op
}

// strict are settings that keep some from writing, now and then.
func (h *history) strict() (archived, announce bool, slow int) {
	if rapid.IntRange(0, 2).Draw(h.T, "strict") == 0 {
		return rapid.Bool().Draw(h.T, "archived"), rapid.Bool().Draw(h.T, "announce"),
			draw(h, []int{0, 2, 5, 30}, "slow")
	}
	return false, false, 0
}

func (h *history) mustSpeak(c *chat.Change) {
	c.MustSpeak = rapid.Bool().Draw(h.T, "must speak")
}

// mute is one that may be over, or none.
func (h *history) mute() *chat.Mute {
	if rapid.IntRange(0, 2).Draw(h.T, "none") == 0 {
		return &chat.Mute{}
	}
	return &chat.Mute{Until: h.soon(), By: "u1",
		Reason: draw(h, []string{"", "a reason", `with "quotes" and 日本`}, "reason")}
}

// no is the number of a message that is there more often than not.
func (h *history) no() int64 { return rapid.Int64Range(-1, 5).Draw(h.T, "no") }

func (h *history) read() {
	room, user := draw(h, someRooms, "room"), draw(h, someUsers, "user")
	switch draw(h, []string{"events", "messages", "edits", "pinned", "view", "all"}, "read") {
	case "events":
		s := draw(h, []chat.Stream{chat.RoomStream(room), chat.UserStream(user), chat.ServerStream}, "stream")
		h.events(s, rapid.Int64Range(-1, 12).Draw(h.T, "seq"), rapid.IntRange(0, 8).Draw(h.T, "limit"))
	case "messages":
		p := chat.Page{
			From: draw(h, []chat.PageFrom{chat.Newest, chat.Before, chat.After, chat.Around}, "from"),
			No:   rapid.Int64Range(-1, 12).Draw(h.T, "no"), Limit: rapid.IntRange(0, 8).Draw(h.T, "limit"),
		}
		h.both(fmt.Sprintf("Messages of %+v", p),
			func(s chat.Store) (any, error) { m, err := s.Messages(h.ctx, room, p); return m, err })
	case "edits":
		no := h.no()
		h.both("Edits", func(s chat.Store) (any, error) { v, err := s.Edits(h.ctx, room, no); return v, err })
	case "pinned":
		h.both("Pinned", func(s chat.Store) (any, error) { v, err := s.Pinned(h.ctx, room); return v, err })
	case "view":
		h.both("View", func(s chat.Store) (any, error) { v, err := s.View(h.ctx, room, user); return v, err })
	case "all":
		h.readAll()
	}
}

// events reads from a place that the model knows, if it does, with its id.
func (h *history) events(stream chat.Stream, seq int64, limit int) {
	h.both(fmt.Sprintf("Events of %s after %d", stream, seq), func(s chat.Store) (any, error) {
		heads, err := s.Heads(h.ctx, stream)
		if err != nil {
			return nil, err
		}
		p := chat.Position{Epoch: heads[0].Epoch, Seq: seq}
		if e := h.model.logs[stream].events; seq > 0 && seq <= int64(len(e)) {
			p.ID = e[seq-1].ID
		}
		events, err := s.Events(h.ctx, stream, p, limit)
		return events, err
	})
}

// readAll compares all that can be read.
func (h *history) readAll() {
	ctx := h.ctx
	for _, room := range someRooms {
		h.both("Room", func(s chat.Store) (any, error) { v, err := s.Room(ctx, room); return v, err })
		h.both("Members", func(s chat.Store) (any, error) {
			v, err := s.Members(ctx, room, "", 10)
			return v, err
		})
		h.both("ReadPositions", func(s chat.Store) (any, error) {
			v, err := s.ReadPositions(ctx, room, "", 10)
			return v, err
		})
		h.both("Messages", func(s chat.Store) (any, error) {
			v, err := s.Messages(ctx, room, chat.Page{Limit: 200})
			return v, err
		})
		h.both("Pinned", func(s chat.Store) (any, error) { v, err := s.Pinned(ctx, room); return v, err })
		for no := range int64(len(h.model.messages[room])) {
			h.both("Edits", func(s chat.Store) (any, error) {
				v, err := s.Edits(ctx, room, no+1)
				return v, err
			})
		}
		h.events(chat.RoomStream(room), 0, 1000)
		for _, user := range someUsers {
			h.both("Member", func(s chat.Store) (any, error) {
				v, err := s.Member(ctx, room, user)
				return v, err
			})
			h.both("View", func(s chat.Store) (any, error) {
				v, err := s.View(ctx, room, user)
				return v, err
			})
		}
	}
	for _, user := range someUsers {
		h.both("Views", func(s chat.Store) (any, error) { v, err := s.Views(ctx, user); return v, err })
		h.both("ListedRooms", func(s chat.Store) (any, error) {
			ids, err := s.ListedRooms(ctx, user)
			slices.Sort(ids)
			return ids, err
		})
		h.both("Account", func(s chat.Store) (any, error) { v, err := s.Account(ctx, user); return v, err })
		h.both("Sessions", func(s chat.Store) (any, error) { v, err := s.Sessions(ctx, user); return v, err })
		h.both("CountRooms", func(s chat.Store) (any, error) {
			v, err := s.CountRooms(ctx, user)
			return v, err
		})
		h.events(chat.UserStream(user), 0, 1000)
	}
	for _, name := range someNames {
		h.both("AccountByName", func(s chat.Store) (any, error) {
			v, err := s.AccountByName(ctx, "key of "+name)
			return v, err
		})
	}
	for _, token := range someTokens {
		h.both("Session", func(s chat.Store) (any, error) {
			v, a, err := s.Session(ctx, token)
			return []any{v, a}, err
		})
	}
	h.both("Users", func(s chat.Store) (any, error) { v, err := s.Users(ctx, "", 10); return v, err })
	h.both("Rooms", func(s chat.Store) (any, error) { v, err := s.Rooms(ctx, "", 10); return v, err })
	h.both("PublicRooms", func(s chat.Store) (any, error) {
		v, err := s.PublicRooms(ctx, "", 10)
		return v, err
	})
	for _, kind := range someKinds {
		h.records(kind)
	}
	h.both("Invites", func(s chat.Store) (any, error) { v, err := s.Invites(ctx); return v, err })
	h.both("Heads", func(s chat.Store) (any, error) {
		v, err := s.Heads(ctx, chat.ServerStream, chat.RoomStream("a"), chat.RoomStream("b"),
			chat.UserStream("u1"))
		return v, err
	})
	h.events(chat.ServerStream, 0, 1000)
}
