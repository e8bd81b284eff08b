package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	tokens []string
	names  []string
	sends  []sent // lately, with a client id
}

type sent struct {
	change chat.Change
	event  chat.Event
}

var texts = []string{"", "hello", "Grüße, 世界 👋🏽", "a\nb\tc \"quoted\" \\ {x}", "‮right to left‬", "zero\u200bwidth", "null \x00 byte", "<script>", " lead and trail ", "e\u0301"}

// fill makes a random history through a store: a day ago to now.
func fill(t testing.TB, s chat.Store, seed uint64, steps int) *world {
	w := &world{t: t, ctx: t.Context(), s: s, r: rand.New(rand.NewPCG(seed, 1)), start: time.Now().UTC().Truncate(time.Millisecond).Add(-20 * time.Hour)}
	for i := range 9 {
		w.user(i)
	}
	for i, kind := range []chat.RoomKind{chat.Public, chat.Private, chat.Direct, chat.Public, chat.Private} {
		id := chat.RoomID(fmt.Sprintf("room-%d", i))
		w.rooms = append(w.rooms, id)
		room := chat.Room{ID: id, Kind: kind, Name: "Räume " + string(id), CreatedBy: w.users[i%3], CreatedAt: w.now(), Topic: pick(w, texts)}
		if kind == chat.Direct {
			room.Name, room.Pair = "", []chat.UserID{w.users[0], w.users[1]}
		}
		w.commit(chat.Change{Stream: chat.RoomStream(id), Kind: chat.RoomCreated, Room: &room})
	}
	w.commit(chat.Change{Stream: chat.RoomStream("general"), Kind: chat.RoomCreated, Room: &chat.Room{ID: "general", Kind: chat.Public, Name: "General", CreatedAt: w.now()}})
	w.rooms = append(w.rooms, "general")
	for range steps {
		w.step()
	}
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
	if errors.Is(err, chat.ErrNotFound) || errors.Is(err, chat.ErrConflict) {
		return chat.Result{}, false
	}
	if err != nil {
		w.t.Fatalf("%s: %v", c.Kind, err)
	}
	return r[0], !r[0].NoOp
}

func (w *world) account(i int, name string) chat.Account {
	id := chat.UserID(fmt.Sprintf("01USER%04d", i))
	return chat.Account{
		User:    chat.User{ID: id, Name: name, Role: pick(w, []chat.Role{chat.RoleMember, chat.RoleAdmin, chat.RoleGuest}), Disabled: i%4 == 3, CreatedAt: w.now()},
		NameKey: "key of " + name, Password: fmt.Sprintf("$argon2id$%d$%d", i, w.n),
	}
}

func (w *world) user(i int) {
	name := fmt.Sprintf("Пёрсон %d", i)
	a := w.account(i, name)
	w.commit(chat.Change{Stream: chat.ServerStream, Kind: chat.UserCreated, User: &a.User, Account: &a})
	w.users, w.names = append(w.users, a.ID), append(w.names, name)
}

func (w *world) step() {
	room, i := pick(w, w.rooms), w.r.IntN(len(w.users))
	user := w.users[i]
	stream := chat.RoomStream(room)
	switch k := w.r.IntN(100); {
	case k < 50:
		c := chat.Change{Stream: stream, Kind: chat.MessageCreated, By: user, Message: &chat.Message{From: user, Text: pick(w, texts) + fmt.Sprint(w.n)}}
		if w.r.IntN(8) == 0 {
			c.Message.Text = ""
		}
		if w.r.IntN(8) == 0 {
			c.By = pick(w, w.users)
		}
		if w.r.IntN(3) > 0 {
			c.Device, c.Message.ClientID = pick(w, []string{"", "phone", "desk"}), fmt.Sprintf("client %d", w.r.IntN(1<<30))
		}
		if r, ok := w.commit(c); ok && c.Message.ClientID != "" && !r.Duplicate {
			c.ID, c.At = r.Event.ID, r.Event.At
			w.sends = append(w.sends, sent{c, r.Event})
		}
	case k < 65:
		w.commit(chat.Change{Stream: stream, Kind: chat.MemberJoined, By: user,
			Member: &chat.Member{Room: room, User: user, Role: pick(w, []chat.RoomRole{chat.RoomMember, chat.RoomModerator}), JoinedAt: w.now()}})
	case k < 70:
		w.commit(chat.Change{Stream: stream, Kind: chat.MemberLeft, By: user, Member: &chat.Member{Room: room, User: user}})
	case k < 73:
		w.commit(chat.Change{Stream: stream, Kind: chat.MemberUpdated, By: user, Member: &chat.Member{Room: room, User: user, Role: chat.RoomModerator}})
	case k < 80:
		w.commit(chat.Change{Stream: chat.UserStream(user), Kind: chat.RoomJoined, By: user, View: &chat.RoomView{Room: chat.Room{ID: room}}})
	case k < 82:
		w.commit(chat.Change{Stream: chat.UserStream(user), Kind: chat.RoomLeft, Left: room})
	case k < 88:
		heads, err := w.s.Heads(w.ctx, stream)
		if err != nil {
			w.t.Fatal(err)
		}
		if heads[0].No > 0 {
			w.commit(chat.Change{Stream: chat.UserStream(user), Kind: chat.ReadMoved, By: user, Read: &chat.Read{Room: room, No: 1 + w.r.Int64N(heads[0].No)}})
		}
	case k < 90:
		w.commit(chat.Change{Stream: stream, Kind: chat.RoomUpdated, Room: &chat.Room{ID: room, Name: pick(w, texts), Topic: pick(w, texts), Retain: w.r.IntN(3) - 1}})
	case k < 92:
		a := w.account(i, fmt.Sprintf("%s again %d", pick(w, texts), w.n))
		if _, ok := w.commit(chat.Change{Stream: chat.ServerStream, Kind: chat.UserUpdated, User: &a.User, Account: &a}); ok {
			w.names = append(w.names, a.Name)
		}
	case k < 95:
		w.n++
		token := fmt.Sprintf("token%d", w.n)
		err := w.s.CreateSession(w.ctx, chat.Session{
			ID: chat.SessionID(fmt.Sprintf("session%d", w.n)), User: user, TokenHash: token, Agent: pick(w, texts), Addr: "::1",
			CreatedAt: w.now(), SeenAt: w.now(), ExpiresAt: w.now().Add(time.Duration(w.r.IntN(100)-50) * time.Hour),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.tokens = append(w.tokens, token)
	case k < 96:
		w.commit(chat.Change{Stream: chat.UserStream(user), Kind: chat.SessionRevoked})
	case k < 98:
		w.n++
		err := w.s.CreateInvite(w.ctx, chat.Invite{
			ID: fmt.Sprintf("invite%d", w.n), CodeHash: fmt.Sprintf("code%d", w.n), Role: chat.RoleGuest, CreatedBy: user,
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
	default:
		w.commit(chat.Change{Stream: stream, Kind: chat.MessagesTrimmed, Trimmed: 1 + w.r.Int64N(20)})
	}
}

// snapshot is all that can be read through a store, without epochs.
type snapshot struct {
	Users    []chat.User
	Accounts []chat.Account
	Named    []chat.Account
	Views    [][]chat.RoomView
	One      []any // View of each person in each room, and whether there is one
	Sessions [][]chat.Session
	Tokens   []any
	Created  []int
	Rooms    []chat.Room
	Public   []chat.Room
	Members  [][]chat.Member
	Messages [][]chat.Message
	Heads    []chat.Head
	Invites  []chat.Invite
}

func (w *world) streams() []chat.Stream {
	streams := []chat.Stream{chat.ServerStream}
	for _, u := range w.users {
		streams = append(streams, chat.UserStream(u))
	}
	for _, r := range w.rooms {
		streams = append(streams, chat.RoomStream(r))
	}
	return streams
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// read reads all that the world knows of through a store.
func (w *world) read(s chat.Store) (all snapshot) {
	t, ctx := w.t, w.ctx
	t.Helper()
	users, err := s.Users(ctx, "", 1000)
	all.Users = must(t, users, err)
	for _, u := range w.users {
		a, err := s.Account(ctx, u)
		all.Accounts = append(all.Accounts, must(t, a, err))
		views, err := s.Views(ctx, u)
		for i := range must(t, views, err) {
			views[i].Position.Epoch = ""
		}
		all.Views = append(all.Views, views)
		sessions, err := s.Sessions(ctx, u)
		all.Sessions = append(all.Sessions, must(t, sessions, err))
		n, err := s.CountRooms(ctx, u)
		all.Created = append(all.Created, must(t, n, err))
		for _, r := range w.rooms {
			v, err := s.View(ctx, r, u)
			v.Position.Epoch = ""
			all.One = append(all.One, v, errors.Is(err, chat.ErrNotFound))
			if err != nil && !errors.Is(err, chat.ErrNotFound) {
				t.Fatal(err)
			}
		}
	}
	for _, n := range w.names {
		a, err := s.AccountByName(ctx, "key of "+n)
		if err != nil && !errors.Is(err, chat.ErrNotFound) {
			t.Fatal(err)
		}
		all.Named = append(all.Named, a)
	}
	for _, token := range w.tokens {
		session, a, err := s.Session(ctx, token)
		if err != nil && !errors.Is(err, chat.ErrNotFound) {
			t.Fatal(err)
		}
		all.Tokens = append(all.Tokens, session, a, err == nil)
	}
	public, err := s.PublicRooms(ctx, "", 1000)
	all.Public = must(t, public, err)
	for _, id := range w.rooms {
		r, err := s.Room(ctx, id)
		all.Rooms = append(all.Rooms, must(t, r, err))
		members, err := s.Members(ctx, id, "", 1000)
		all.Members = append(all.Members, must(t, members, err))
		var messages []chat.Message
		for after := int64(0); ; {
			page, err := s.Messages(ctx, id, chat.Page{From: chat.After, No: after, Limit: 200})
			if len(must(t, page, err)) == 0 {
				break
			}
			messages = append(messages, page...)
			after = page[len(page)-1].No
		}
		all.Messages = append(all.Messages, messages)
	}
	heads, err := s.Heads(ctx, w.streams()...)
	for i := range must(t, heads, err) {
		heads[i].Epoch = ""
	}
	all.Heads = heads
	invites, err := s.Invites(ctx)
	all.Invites = must(t, invites, err)
	return all
}

// goesOn checks that a store to which the world was moved goes on where the other one ended. It changes the store.
func (w *world) goesOn(s chat.Store) {
	t, ctx := w.t, w.ctx
	t.Helper()
	for _, stream := range w.streams() {
		heads, err := s.Heads(ctx, stream)
		head := must(t, heads, err)[0]
		for seq := int64(0); seq <= head.Seq; seq++ {
			p := chat.Position{Epoch: head.Epoch, Seq: seq}
			if seq == head.Seq {
				p.ID = head.ID
			}
			events, err := s.Events(ctx, stream, p, 10)
			switch {
			case errors.Is(err, chat.ErrResync) && seq < head.Seq:
			case err != nil:
				t.Fatalf("events of %s after %d of %d: %v", stream, seq, head.Seq, err)
			case int64(len(events)) != min(head.Seq-seq, 10):
				t.Fatalf("events of %s after %d of %d: got %d", stream, seq, head.Seq, len(events))
			}
			for i := range events {
				if e := events[i]; e.Seq != seq+int64(i)+1 || e.Epoch != head.Epoch || e.Stream != stream {
					t.Fatalf("event %d of %s after %d is %+v", i, stream, seq, e)
				}
			}
		}
	}
	for _, r := range w.rooms {
		stream := chat.RoomStream(r)
		heads, err := s.Heads(ctx, stream)
		before := must(t, heads, err)[0]
		w.n++
		c := chat.Change{ID: fmt.Sprintf("01AFTER%08d", w.n), At: time.Now().UTC().Truncate(time.Millisecond), By: w.users[0], Stream: stream, Kind: chat.MessageCreated,
			Device: "new", Message: &chat.Message{From: w.users[0], Text: "after the move", ClientID: fmt.Sprint(w.n)}}
		results, err := s.Commit(ctx, c)
		e := must(t, results, err)[0].Event
		if e.Seq != before.Seq+1 || e.Message.No != before.No+1 || e.Prev != before.ID {
			t.Fatalf("%s: after %+v came %+v", stream, before, e)
		}
		events, err := s.Events(ctx, stream, before.Position, 10)
		if len(must(t, events, err)) != 1 || events[0].ID != c.ID || !events[0].Follows(before.Position) {
			t.Fatalf("%s: the event after the move is %+v", stream, events)
		}
		again, err := s.Commit(ctx, c)
		if r := must(t, again, err)[0]; !r.Duplicate || r.Event.Prev != before.ID || r.Event.Seq != e.Seq {
			t.Fatalf("%s: the repetition is %+v", stream, r)
		}
		if w.n%2 == 0 { // and one that is not a message
			w.n++
			c := chat.Change{ID: fmt.Sprintf("01AFTER%08d", w.n), At: c.At, Stream: stream, Kind: chat.RoomUpdated, Room: &chat.Room{ID: r, Name: "new name"}}
			results, err := s.Commit(ctx, c)
			if u := must(t, results, err)[0].Event; !u.Follows(e.Position()) {
				t.Fatalf("%s: after %+v came %+v", stream, e, u)
			}
		}
	}
	for _, sent := range w.sends {
		room, _ := sent.change.Stream.Room()
		messages, err := s.Messages(ctx, room, chat.Page{From: chat.Around, No: sent.event.Message.No, Limit: 1})
		if m := must(t, messages, err); len(m) == 0 || m[0].No != sent.event.Message.No {
			continue // it was trimmed
		}
		c := sent.change
		c.ID, c.At = c.ID+"-again", time.Now().UTC()
		results, err := s.Commit(ctx, c)
		r := must(t, results, err)[0]
		if !r.Duplicate || r.Event.ID != sent.event.ID || r.Event.Seq != sent.event.Seq || r.Event.Prev != sent.event.Prev || r.Event.By != sent.event.By {
			t.Fatalf("the repetition of %+v became %+v (duplicate: %v)", sent.event, r.Event, r.Duplicate)
		}
	}
	for _, u := range w.users {
		stream := chat.UserStream(u)
		heads, err := s.Heads(ctx, stream)
		before := must(t, heads, err)[0]
		w.n++
		room := pick(w, w.rooms)
		join := chat.Change{ID: fmt.Sprintf("01AFTER%08d", w.n), At: time.Now().UTC(), Stream: chat.RoomStream(room), Kind: chat.MemberJoined,
			Member: &chat.Member{Room: room, User: u, Role: chat.RoomMember, JoinedAt: time.Now().UTC().Truncate(time.Millisecond)}}
		list := chat.Change{ID: join.ID + "-list", At: join.At, Stream: stream, Kind: chat.RoomJoined, View: &chat.RoomView{Room: chat.Room{ID: room}}}
		results, err := s.Commit(ctx, join, list)
		if r := must(t, results, err)[1]; !r.NoOp && !r.Event.Follows(before.Position) {
			t.Fatalf("%s: after %+v came %+v", stream, before, r.Event)
		}
		a, err := s.Account(ctx, u)
		a.Password = "new password"
		revoke := chat.Change{ID: join.ID + "-revoke", At: join.At, Stream: stream, Kind: chat.SessionRevoked, Account: ptr(must(t, a, err))}
		if _, err := s.Commit(ctx, revoke); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Sessions(ctx, u); len(must(t, left, err)) != 0 {
			t.Fatalf("%s still has sessions: %v", u, left)
		}
		heads, err = s.Heads(ctx, chat.ServerStream)
		before = must(t, heads, err)[0]
		a.Disabled = !a.Disabled
		update := chat.Change{ID: join.ID + "-update", At: join.At, Stream: chat.ServerStream, Kind: chat.UserUpdated, User: &a.User, Account: &a}
		results, err = s.Commit(ctx, update)
		if e := must(t, results, err)[0].Event; !e.Follows(before.Position) {
			t.Fatalf("the server's log: after %+v came %+v", before, e)
		}
		if now, err := s.Account(ctx, u); must(t, now, err) != a {
			t.Fatalf("the account %+v should be %+v", now, a)
		}
	}
	for _, i := range must2(s.Invites(ctx))(t) {
		if one, err := s.Invite(ctx, i.CodeHash); must(t, one, err) != i {
			t.Fatalf("the invite %+v should be %+v", one, i)
		}
		if err := s.DeleteInvite(ctx, i.ID); err != nil {
			t.Fatal(err)
		}
	}
	now := w.start.Add(1000 * time.Hour)
	for {
		more, err := s.Prune(ctx, now)
		if !must(t, more, err) {
			break
		}
	}
	for _, token := range w.tokens {
		if _, _, err := s.Session(ctx, token); !errors.Is(err, chat.ErrNotFound) {
			t.Fatalf("a session is left after a prune: %v", err)
		}
	}
	if !slices.IsSorted(w.users) {
		t.Fatal("the users are not sorted")
	}
}

func ptr[T any](v T) *T { return &v }

func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); return must(t, v, err) }
}
