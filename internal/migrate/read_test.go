package migrate_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

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
	Pinned   [][]chat.Message
	Edits    map[string][]chat.Edit
	Records  [][]chat.Record
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
	all.Edits = map[string][]chat.Edit{}
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
		for _, m := range messages {
			if m.EditedAt.IsZero() {
				continue
			}
			edits, err := s.Edits(ctx, id, m.No)
			all.Edits[fmt.Sprint(id, " ", m.No)] = must(t, edits, err)
		}
		pinned, err := s.Pinned(ctx, id)
		all.Pinned = append(all.Pinned, must(t, pinned, err))
	}
	for _, kind := range []string{"emoji", "hook", "set"} {
		records, err := s.Records(ctx, kind, "", 1000)
		all.Records = append(all.Records, must(t, records, err))
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

// goesOn checks that a store to which the world was moved goes on where the
// other one ended. It changes the store.
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
		c := chat.Change{ID: fmt.Sprintf("01AFTER%08d", w.n),
			At: time.Now().UTC().Truncate(time.Millisecond), By: w.users[0], Stream: stream,
			Op: chat.CreateMessage{From: w.users[0], Text: "after the move", Device: "new",
				ClientID: fmt.Sprint(w.n)}}
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
			c := chat.Change{ID: fmt.Sprintf("01AFTER%08d", w.n), At: c.At, Stream: stream,
				Op: chat.UpdateRoom{Name: "new name"}}
			results, err := s.Commit(ctx, c)
			if u := must(t, results, err)[0].Event; !u.Follows(e.Position()) {
				t.Fatalf("%s: after %+v came %+v", stream, e, u)
			}
		}
	}
	for _, sent := range w.sends {
		room, _ := sent.change.Stream.Room()
		messages, err := s.Messages(ctx, room,
			chat.Page{From: chat.Around, No: sent.event.Message.No, Limit: 1})
		if m := must(t, messages, err); len(m) == 0 || m[0].No != sent.event.Message.No {
			continue // it was trimmed
		}
		c := sent.change
		c.ID, c.At = c.ID+"-again", time.Now().UTC()
		results, err := s.Commit(ctx, c)
		r := must(t, results, err)[0]
		if !r.Duplicate || r.Event.ID != sent.event.ID || r.Event.Seq != sent.event.Seq ||
			r.Event.Prev != sent.event.Prev || r.Event.By != sent.event.By {
			t.Fatalf("the repetition of %+v became %+v (duplicate: %v)", sent.event, r.Event, r.Duplicate)
		}
	}
	for _, u := range w.users {
		stream := chat.UserStream(u)
		heads, err := s.Heads(ctx, stream)
		before := must(t, heads, err)[0]
		w.n++
		room := pick(w, w.rooms)
		join := chat.Change{ID: fmt.Sprintf("01AFTER%08d", w.n), At: time.Now().UTC(),
			Stream: chat.RoomStream(room),
			Op: chat.AddMember{Member: chat.Member{User: u, Role: chat.RoomMember,
				JoinedAt: time.Now().UTC().Truncate(time.Millisecond)}}}
		list := chat.Change{ID: join.ID + "-list", At: join.At, Stream: stream,
			Op: chat.ListRoom{Room: room}}
		results, err := s.Commit(ctx, join, list)
		if r := must(t, results, err)[1]; !r.NoOp && !r.Event.Follows(before.Position) {
			t.Fatalf("%s: after %+v came %+v", stream, before, r.Event)
		}
		a, err := s.Account(ctx, u)
		a = must(t, a, err)
		a.Password = "new password"
		revoke := chat.Change{ID: join.ID + "-revoke", At: join.At, Stream: stream,
			Op: chat.RevokeSessions{Password: a.Password}}
		if _, err := s.Commit(ctx, revoke); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Sessions(ctx, u); len(must(t, left, err)) != 0 {
			t.Fatalf("%s still has sessions: %v", u, left)
		}
		heads, err = s.Heads(ctx, chat.ServerStream)
		before = must(t, heads, err)[0]
		a.Disabled = !a.Disabled
		update := chat.Change{ID: join.ID + "-update", At: join.At, Stream: chat.ServerStream,
			Op: chat.UpdateUser{Account: a}}
		results, err = s.Commit(ctx, update)
		if e := must(t, results, err)[0].Event; !e.Follows(before.Position) {
			t.Fatalf("the server's log: after %+v came %+v", before, e)
		}
		if now, err := s.Account(ctx, u); must(t, now, err) != a {
			t.Fatalf("the account %+v should be %+v", now, a)
		}
	}
	for _, i := range must2(s.Invites(ctx))(t) {
		if one, err := s.Invite(ctx, i.CodeHash); !reflect.DeepEqual(must(t, one, err), i) {
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
}

func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); return must(t, v, err) }
}
