package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// world is what a random history has made.
type world struct {
	t      testing.TB
	ctx    context.Context
	s      chat.Store
	r      *rand.Rand
	n      int
	start  time.Time
	users  []chat.UserID
	rooms  []chat.RoomID
	said   map[chat.RoomID]int64 // number of the newest message
	tokens []string
	names  []string
	sends  []sent // lately, with a client id
	keeps  bool   // nothing is trimmed
}

type sent struct {
	change chat.Change
	event  chat.Event
}

var texts = []string{"", "hello", "Grüße, 世界 👋🏽", "a\nb\tc \"quoted\" \\ {x}",
	"\u202eright to left\u202c", "zero\u200bwidth", "null \x00 byte", "<script>",
	" lead and trail ", "e\u0301"}

// fill makes a random history through a store: a day ago to now. With -short it
// takes a third of the steps.
func fill(t testing.TB, s chat.Store, seed uint64, steps int) *world {
	w := &world{t: t, ctx: t.Context(), s: s, r: rand.New(rand.NewPCG(seed, 1)),
		start: time.Now().UTC().Truncate(time.Millisecond).Add(-20 * time.Hour),
		said:  map[chat.RoomID]int64{}}
	for i := range 9 {
		w.user(i)
	}
	for i, kind := range []chat.RoomKind{chat.Public, chat.Private, chat.Direct, chat.Public, chat.Private} {
		id := chat.RoomID(fmt.Sprintf("room-%d", i))
		w.rooms = append(w.rooms, id)
		room := chat.Room{ID: id, Kind: kind, Name: "Räume " + string(id), CreatedBy: w.users[i%3],
			CreatedAt: w.now(), Topic: pick(w, texts)}
		if kind == chat.Direct {
			room.Name, room.People = "", []chat.UserID{w.users[0], w.users[1]}
		}
		w.commit(chat.Change{Stream: chat.RoomStream(id), Op: chat.CreateRoom{Room: room}})
	}
	w.commit(chat.Change{Stream: chat.RoomStream("general"), Op: chat.CreateRoom{
		Room: chat.Room{ID: "general", Kind: chat.Public, Name: "General", CreatedAt: w.now()}}})
	w.rooms = append(w.rooms, "general", "general.3")
	w.commit(chat.Change{Stream: chat.RoomStream("general.3"), Op: chat.CreateRoom{
		Room: chat.Room{ID: "general.3", Kind: chat.ThreadRoom, Parent: "general", Root: 3,
			CreatedAt: w.now()}}})
	if testing.Short() {
		steps /= 3
	}
	for range steps {
		w.step()
	}
	w.ends()
	return w
}

func pick[T any](w *world, from []T) T { return from[w.r.IntN(len(from))] }

func (w *world) now() time.Time { return w.start.Add(time.Duration(w.n) * 7 * time.Millisecond) }

// commit makes a change that may be refused as such.
func (w *world) commit(c chat.Change) (chat.Result, bool) {
	w.t.Helper()
	w.n++
	c.ID, c.At = fmt.Sprintf("01EVENT%08d", w.n), w.now()
	r, err := w.s.Commit(w.ctx, c)
	if errors.Is(err, chat.ErrNotFound) || errors.Is(err, chat.ErrConflict) ||
		errors.Is(err, chat.ErrForbidden) || errors.Is(err, chat.ErrRateLimited) {
		return chat.Result{}, false
	}
	if err != nil {
		w.t.Fatalf("%s: %v", c.Kind(), err)
	}
	return r[0], !r[0].NoOp
}

func (w *world) account(i int, name string) chat.Account {
	id := chat.UserID(fmt.Sprintf("01USER%04d", i))
	u := chat.User{ID: id, Name: name,
		Role:     pick(w, []chat.Role{chat.RoleMember, chat.RoleAdmin, chat.RoleGuest}),
		Disabled: i%4 == 3, Bot: i%5 == 2, CreatedAt: w.now()}
	if i%3 == 1 {
		u.Status, u.QuietUntil, u.About,
			u.Picture = chat.Status{Emoji: "🌴", Text: pick(w, texts), Until: w.now()}, w.now(),
			pick(w, texts), fmt.Sprint("picture", w.n)
		u.Title, u.TimeZone, u.Phone, u.FormerName = pick(w, texts), "Europe/Berlin", "+49 30", "Former"
	}
	if u.Disabled {
		u.DisabledUntil = w.now()
	}
	return chat.Account{User: u, NameKey: "key of " + name, LookKey: "look of " + name,
		Password: fmt.Sprintf("$argon2id$%d$%d", i, w.n)}
}

func (w *world) user(i int) {
	name := fmt.Sprintf("Пёрсон %d", i)
	a := w.account(i, name)
	w.commit(chat.Change{Stream: chat.ServerStream, Op: chat.CreateUser{Account: a}})
	w.users, w.names = append(w.users, a.ID), append(w.names, name)
}

func (w *world) step() {
	room, i := pick(w, w.rooms), w.r.IntN(len(w.users))
	user := w.users[i]
	stream := chat.RoomStream(room)
	if w.r.IntN(5) == 0 && w.said[room] > 0 {
		w.annotate(room, user, 1+w.r.Int64N(w.said[room]))
		return
	}
	switch k := w.r.IntN(100); {
	case k < 50:
		c := chat.Change{Stream: stream, By: user}
		op := chat.CreateMessage{From: user, Text: pick(w, texts) + fmt.Sprint(w.n)}
		if w.r.IntN(8) == 0 {
			op.Text = ""
		}
		if w.r.IntN(8) == 0 {
			c.By = pick(w, w.users)
		}
		if w.r.IntN(3) > 0 {
			op.Device, op.ClientID = pick(w, []string{"", "phone", "desk"}),
				fmt.Sprintf("client %d", w.r.IntN(1<<30))
		}
		if w.r.IntN(5) == 0 {
			op.Mentions = [][]chat.UserID{{"*"}, {user}, {"*", w.users[1], w.users[2]},
				w.users[3:5]}[w.r.IntN(4)]
		}
		if w.r.IntN(10) == 0 {
			op.Files = []chat.File{{ID: fmt.Sprint("file", w.n), Name: pick(w, texts),
				Type: "image/png", Size: 1 << 33, Width: 3, Height: 4}, {ID: "other", Name: "a/b"}}
		}
		if w.r.IntN(4) == 0 {
			c.MustBeIn, c.MustSpeak = user, true
		}
		c.Op = op
		r, ok := w.commit(c)
		if ok {
			w.said[room] = r.Event.Message.No
		}
		if ok && op.ClientID != "" && !r.Duplicate {
			c.ID, c.At, c.MustBeIn = r.Event.ID, r.Event.At, "" // who may have left meanwhile
			w.sends = append(w.sends, sent{c, r.Event})
		}
	case k < 65:
		w.commit(chat.Change{Stream: stream, By: user, Op: chat.AddMember{Member: chat.Member{
			User: user, Role: pick(w, []chat.RoomRole{chat.RoomMember, chat.RoomModerator}),
			JoinedAt: w.now()}}})
	case k < 70:
		w.commit(chat.Change{Stream: stream, By: user, Op: chat.RemoveMember{User: user}})
	case k < 73:
		w.commit(chat.Change{Stream: stream, By: user,
			Op: chat.UpdateMember{User: user, Role: chat.RoomModerator}})
		until := w.now().Add(time.Duration(w.r.IntN(40)-20) * time.Millisecond)
		w.commit(chat.Change{Stream: stream, By: user, Op: chat.UpdateMember{
			User: pick(w, w.users), Mute: &chat.Mute{Until: until, Reason: pick(w, texts), By: user}}})
	case k < 80:
		w.commit(chat.Change{Stream: chat.UserStream(user), By: user, Op: chat.ListRoom{Room: room}})
		w.commit(chat.Change{Stream: chat.UserStream(user), By: user, Op: chat.SetNotify{
			Notify: chat.Notify{Room: pick(w, w.rooms), Level: pick(w, []chat.NotifyLevel{
				chat.NotifyAll, chat.NotifyMentions, chat.NotifyNone, chat.NotifyUsual})}}})
	case k < 82:
		w.commit(chat.Change{Stream: chat.UserStream(user), Op: chat.UnlistRoom{Room: room}})
	case k < 88:
		heads, err := w.s.Heads(w.ctx, stream)
		if err != nil {
			w.t.Fatal(err)
		}
		if heads[0].No > 0 {
			w.commit(chat.Change{Stream: chat.UserStream(user), By: user,
				Op: chat.MoveRead{Read: chat.Read{Room: room, No: 1 + w.r.Int64N(heads[0].No)}}})
		}
	case k < 90:
		w.commit(chat.Change{Stream: stream, Op: chat.UpdateRoom{Name: pick(w, texts),
			Topic: pick(w, texts), Retain: w.r.IntN(3) - 1, Archived: w.r.IntN(4) == 0, Slow: w.r.IntN(2)}})
	case k < 92:
		a := w.account(i, fmt.Sprintf("%s again %d", pick(w, texts), w.n))
		if _, ok := w.commit(chat.Change{Stream: chat.ServerStream, Op: chat.UpdateUser{Account: a}}); ok {
			w.names = append(w.names, a.Name)
		}
	case k < 95:
		w.n++
		token := fmt.Sprintf("token%d", w.n)
		err := w.s.CreateSession(w.ctx, chat.Session{
			ID: chat.SessionID(fmt.Sprintf("session%d", w.n)), User: user, TokenHash: token,
			Agent: pick(w, texts), Addr: "::1",
			CreatedAt: w.now(), SeenAt: w.now(),
			ExpiresAt: w.now().Add(time.Duration(w.r.IntN(100)-50) * time.Hour),
			Name:      pick(w, texts), Scopes: [][]string{nil, {"read"}, {"read", "send"}}[w.r.IntN(3)],
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.tokens = append(w.tokens, token)
	case k < 96:
		w.commit(chat.Change{Stream: chat.UserStream(user), Op: chat.RevokeSessions{}})
	case k < 98:
		w.n++
		err := w.s.CreateInvite(w.ctx, chat.Invite{
			ID: fmt.Sprintf("invite%d", w.n), CodeHash: fmt.Sprintf("code%d", w.n),
			Role: chat.RoleGuest, CreatedBy: user,
			CreatedAt: w.now().Truncate(time.Second), ExpiresAt: w.now().Add(time.Hour),
		})
		if err != nil {
			w.t.Fatal(err)
		}
	case k < 99:
		invites, err := w.s.Invites(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(invites) > 2 {
			if err := w.s.DeleteInvite(w.ctx, invites[1].ID); err != nil {
				w.t.Fatal(err)
			}
		}
	case k < 100 && w.r.IntN(2) == 0:
		kind, id := pick(w, []string{"hook", "emoji", "set"}), fmt.Sprint("id ", w.r.IntN(6))
		r, err := w.s.Record(w.ctx, kind, id)
		if err != nil && !errors.Is(err, chat.ErrNotFound) {
			w.t.Fatal(err)
		}
		if _, err := w.s.PutRecord(w.ctx, kind, id, r.Version,
			[]byte(pick(w, texts)+"\xff\x00")); err != nil {
			w.t.Fatal(err)
		}
	case !w.keeps:
		w.commit(chat.Change{Stream: stream, Op: chat.TrimMessages{To: 1 + w.r.Int64N(20)}})
	}
}

// annotate changes a message.
func (w *world) annotate(room chat.RoomID, user chat.UserID, no int64) {
	r := chat.Reaction{No: no, Emoji: pick(w, []string{"👍", "❤️", "tada", "a b"}), User: user}
	edit := chat.EditMessage{No: no, Text: pick(w, texts) + fmt.Sprint(w.n),
		Mentions: [][]chat.UserID{nil, {w.users[5]}, {"*"}}[w.r.IntN(3)]}
	thread := chat.MoveThread{No: no, Thread: chat.Thread{Room: chat.RoomID(fmt.Sprint(room, ".", no)),
		Replies: 1 + w.r.Int64N(9), LastAt: w.now()}}
	add := chat.AddReaction{Reaction: r}
	w.commit(chat.Change{Stream: chat.RoomStream(room), By: user, Op: pick(w, []chat.Operation{edit, edit,
		chat.DeleteMessage{No: no}, chat.PinMessage{No: no}, chat.PinMessage{No: no},
		chat.UnpinMessage{No: no}, add, add, add, chat.RemoveReaction{Reaction: r}, thread})})
}

// ends has each log end with another kind of event, and people's with each of
// theirs.
func (w *world) ends() {
	for i, op := range []func(no int64) chat.Operation{
		func(no int64) chat.Operation { return chat.EditMessage{No: no, Text: "the very last"} },
		func(no int64) chat.Operation { return chat.DeleteMessage{No: no} },
		func(no int64) chat.Operation { return chat.PinMessage{No: no} },
		func(no int64) chat.Operation {
			return chat.AddReaction{Reaction: chat.Reaction{No: no, Emoji: "end", User: w.users[0]}}
		},
		func(no int64) chat.Operation {
			return chat.MoveThread{No: no, Thread: chat.Thread{Room: "x", Replies: 1, LastAt: w.now()}}
		},
	} {
		stream := chat.RoomStream(w.rooms[i])
		r, _ := w.commit(chat.Change{Stream: stream, By: w.users[0],
			Op: chat.CreateMessage{From: w.users[0], Text: "the last"}})
		last := chat.Change{Stream: stream, By: w.users[0], Op: op(r.Event.Message.No)}
		if _, ok := w.commit(last); !ok {
			w.t.Fatalf("%s is not the last of %s", last.Kind(), stream)
		}
	}
	user := w.users[1]
	say := func(text string) {
		w.commit(chat.Change{Stream: chat.RoomStream("general"), By: w.users[0],
			Op: chat.CreateMessage{From: w.users[0], Text: text}})
	}
	say("for all")
	w.commit(chat.Change{Stream: chat.RoomStream("general"), By: user,
		Op: chat.AddMember{Member: chat.Member{User: user, Role: chat.RoomMember, JoinedAt: w.now()}}})
	say("to be read")
	heads, err := w.s.Heads(w.ctx, chat.RoomStream("general"))
	if err != nil {
		w.t.Fatal(err)
	}
	if _, ok := w.commit(chat.Change{Stream: chat.UserStream(user), By: user,
		Op: chat.MoveRead{Read: chat.Read{Room: "general", No: heads[0].No}}}); !ok {
		w.t.Fatal("nothing was read")
	}
}
