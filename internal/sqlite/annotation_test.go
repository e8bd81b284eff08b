package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// annotationTest is a store in which messages are changed.
type annotationTest struct {
	testing.TB
	*Store
	n int
}

// about is a change of a room.
func (x *annotationTest) about(room chat.RoomID, op chat.Operation) chat.Change {
	x.n++
	return chat.Change{Stream: chat.RoomStream(room), ID: fmt.Sprintf("change %06d", x.n),
		At: benchTime.AddDate(0, 0, x.n), By: "u1", Op: op}
}

func (x *annotationTest) commit(changes ...chat.Change) {
	x.Helper()
	if _, err := x.Commit(x.Context(), changes...); err != nil {
		x.Fatal(err)
	}
}

// fill makes a room with members u1 and u2 and four messages, of which the
// first has everything, the second was edited, and the third is deleted.
func (x *annotationTest) fill(room chat.RoomID) {
	x.Helper()
	x.commit(x.about(room, chat.CreateRoom{Room: chat.Room{ID: room, Kind: chat.ThreadRoom, Parent: "parent",
		Root: 7, CreatedAt: benchTime}}))
	for _, u := range []chat.UserID{"u1", "u2"} {
		join := x.about(room, chat.AddMember{Member: chat.Member{User: u, Role: chat.RoomMember,
			JoinedAt: benchTime}})
		list := chat.Change{Stream: chat.UserStream(u), ID: join.ID + " listed", At: join.At,
			Op: chat.ListRoom{Room: room}}
		x.commit(join, list)
	}
	x.commit(
		x.about(room, chat.CreateMessage{From: "u1", Text: "first text", ClientID: "c1",
			Mentions: []chat.UserID{"u2"}, Files: []chat.File{{ID: "f1", Name: "file.txt", Size: 3}}}),
		x.about(room, chat.CreateMessage{From: "u1", Text: "second text", Mentions: []chat.UserID{chat.MentionAll, "u2"}}),
		x.about(room, chat.CreateMessage{From: "u1", Text: "third text", Mentions: []chat.UserID{"u2"}}),
		x.about(room, chat.CreateMessage{From: "u1", Text: "fourth text"}),
		x.about(room, chat.EditMessage{No: 1, Text: "first again", Mentions: []chat.UserID{"u2"}}),
		x.about(room, chat.EditMessage{No: 1, Text: "first at last", Mentions: []chat.UserID{"u2", "u3"}}),
		x.about(room, chat.PinMessage{No: 1}),
		x.about(room, chat.AddReaction{Reaction: chat.Reaction{No: 1, Emoji: "🎉", User: "u2"}}),
		x.about(room, chat.MoveThread{No: 1, Thread: chat.Thread{Room: "t", Replies: 2, LastAt: benchTime}}),
		x.about(room, chat.EditMessage{No: 2, Text: "second again", Mentions: []chat.UserID{chat.MentionAll}}),
		x.about(room, chat.DeleteMessage{No: 3}),
	)
}

// sideRows counts the rows of the tables that stand beside messages.
func (x *annotationTest) sideRows() (n [4]int64) {
	x.Helper()
	if err := x.read(x.Context(), func(c *conn) error {
		for i, table := range []string{"edits", "mentions", "pins", "deleted"} {
			r, err := c.one("SELECT count(*) FROM " + table)
			if err != nil {
				return err
			}
			n[i] = r.num(0)
		}
		return nil
	}); err != nil {
		x.Fatal(err)
	}
	return n
}

// What stands beside a message goes with it.
func TestSideRowsGo(t *testing.T) {
	x := &annotationTest{TB: t, Store: openTest(t, t.TempDir(), Options{})}
	x.fill("a")
	one := x.sideRows()
	if want := [4]int64{3, 3, 1, 1}; one != want {
		t.Fatalf("beside the messages of one room: %v, want %v", one, want)
	}
	x.fill("b")
	x.commit(x.about("a", chat.TrimMessages{To: 3}))
	if got := x.sideRows(); got != one {
		t.Fatalf("after one of two rooms was trimmed: %v, want %v", got, one)
	}
	for no := range int64(2) {
		x.commit(x.about("b", chat.DeleteMessage{No: no + 1}))
	}
	if got, want := x.sideRows(), [4]int64{0, 0, 0, 3}; got != want {
		t.Fatalf("after the other's were deleted: %v, want %v", got, want)
	}
}

// Neither a deleted message's text nor its earlier ones are left in the
// database's file.
func TestDeletedIsGone(t *testing.T) {
	dir := t.TempDir()
	x := &annotationTest{TB: t, Store: openTest(t, dir, Options{})}
	x.fill("a")
	for i := range 50 { // so that the row's page is one of several
		x.commit(x.about("a", chat.CreateMessage{From: "u1", Text: strings.Repeat(fmt.Sprint("filling ", i), 20)}))
	}
	x.commit(x.about("a", chat.CreateMessage{From: "u1", Text: "the secret 8861"}),
		x.about("a", chat.EditMessage{No: 55, Text: "the secret 8862"}),
		x.about("a", chat.EditMessage{No: 55, Text: "a text 8863"}))
	holds := func() (found []string) {
		t.Helper()
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "parley.db"))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"8861", "8862", "8863"} {
			if strings.Contains(string(b), text) {
				found = append(found, text)
			}
		}
		x.Store = openTest(t, dir, Options{})
		return found
	}
	if got := holds(); len(got) != 3 {
		t.Fatalf("before it was deleted the file holds %q", got)
	}
	x.commit(x.about("a", chat.DeleteMessage{No: 55}))
	if got := holds(); got != nil {
		t.Fatalf("the file holds %q of a deleted message", got)
	}
}

// No statement that writes or reads annotations, or what a view counts, goes
// through a whole table. The statements are those that the store has prepared.
func TestAnnotationPlans(t *testing.T) {
	x := &annotationTest{TB: t, Store: openTest(t, t.TempDir(), Options{})}
	x.fill("a")
	x.state()
	x.commit(x.about("a", chat.TrimMessages{To: 1}))
	var used []string
	collect := func(c *conn) error {
		used = slices.AppendSeq(used, maps.Keys(c.stmts))
		return nil
	}
	if err := errors.Join(x.write(t.Context(), collect), x.read(t.Context(), collect)); err != nil {
		t.Fatal(err)
	}
	tables := regexp.MustCompile(`^SCAN (messages|m|mentions|deleted|edits|pins|members|events)\b`)
	seen := 0
	for _, sql := range used {
		verb, _, _ := strings.Cut(sql, " ")
		if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, verb) {
			continue
		}
		seen++
		if err := x.read(t.Context(), func(c *conn) error {
			return c.query(t.Context(), func(r row) error {
				if step := r.text(3); tables.MatchString(step) {
					t.Errorf("%s\n%s", sql, step)
				}
				return nil
			}, "EXPLAIN QUERY PLAN "+sql, make([]any, 20)...)
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"json_each", "FROM pins WHERE", "FROM mentions WHERE user = ?", "DELETE FROM edits"} {
		if !slices.ContainsFunc(used, func(sql string) bool { return strings.Contains(sql, part) }) {
			t.Errorf("no statement with %s among %d was used", part, seen)
		}
	}
}

// state is all that is known of some rooms.
type state struct {
	Rooms    []chat.Room
	Messages map[chat.RoomID][]chat.Message
	Pinned   map[chat.RoomID][]chat.Message
	Edits    map[string][]chat.Edit
	Views    map[chat.UserID][]chat.RoomView
	Records  []chat.Record
}

func (x *annotationTest) state() (st state) {
	x.Helper()
	ctx := x.Context()
	st = state{Messages: map[chat.RoomID][]chat.Message{}, Pinned: map[chat.RoomID][]chat.Message{},
		Edits: map[string][]chat.Edit{}, Views: map[chat.UserID][]chat.RoomView{}}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var err error
	st.Rooms, err = x.Rooms(ctx, "", 10)
	note(err)
	st.Records, err = x.Records(ctx, "hook", "", 10)
	note(err)
	for _, r := range st.Rooms {
		st.Messages[r.ID], err = x.Messages(ctx, r.ID, chat.Page{Limit: 10})
		note(err)
		st.Pinned[r.ID], err = x.Pinned(ctx, r.ID)
		note(err)
		for _, m := range st.Messages[r.ID] {
			st.Edits[m.ID], err = x.Edits(ctx, r.ID, m.No)
			note(err)
		}
	}
	for _, u := range []chat.UserID{"u1", "u2"} {
		st.Views[u], err = x.Views(ctx, u)
		note(err)
		for i := range st.Views[u] {
			st.Views[u][i].Position.Epoch = ""
		}
	}
	if err := errors.Join(errs...); err != nil {
		x.Fatal(err)
	}
	return st
}

// A migration leaves nothing behind of what messages have become.
func TestMarksMigrate(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	x := &annotationTest{TB: t, Store: openTest(t, from, Options{})}
	x.fill("a")
	x.fill("b")
	x.commit(x.about("b", chat.EditMessage{No: 4, Text: "the newest event is an edit"}))
	for _, u := range []chat.UserID{"u1", "u2"} {
		name := "name of " + string(u)
		x.commit(chat.Change{Stream: chat.ServerStream, ID: "account " + string(u),
			At: benchTime, Op: chat.CreateUser{Account: chat.Account{
				User: chat.User{ID: u, Name: name, Bot: true}, NameKey: name}}})
	}
	session := chat.Session{ID: "s1", User: "u1", TokenHash: "hash", Name: "a token",
		Scopes: []string{"read", "send it"}, CreatedAt: benchTime, SeenAt: benchTime, ExpiresAt: benchTime}
	if err := x.CreateSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		if _, err := x.PutRecord(t.Context(), "hook", "id", i, fmt.Append(nil, "value ", i)); err != nil {
			t.Fatal(err)
		}
	}
	want := x.state()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := copyStore(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	y := &annotationTest{TB: t, Store: openTest(t, to, Options{}), n: x.n}
	if d := cmp.Diff(want, y.state(), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("after the migration (-want +got):\n%s", d)
	}
	if got, a, err := y.Session(t.Context(), "hash"); err != nil || !cmp.Equal(session, got) || !a.Bot {
		t.Errorf("session %+v of %+v, %v", got, a, err)
	}
	y.commit(y.about("b", chat.EditMessage{No: 4, Text: "goes on"}),
		y.about("b", chat.UnpinMessage{No: 1}))
	if pinned, err := y.Pinned(t.Context(), "b"); err != nil || len(pinned) != 0 {
		t.Errorf("pinned: %+v, %v", pinned, err)
	}
}

func copyStore(ctx context.Context, from, to string) (err error) {
	source, err := OpenSource(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	destination, err := OpenDestination(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, destination.Close()) }()
	if err := migrate.Copy(ctx, source, destination, migrate.Options{Batch: 3}); err != nil {
		return err
	}
	return destination.Finish(ctx)
}

// A database of version 2 is brought up to date, and reads as it was.
func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "parley.db")
	c, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"001", "002"} {
		sql, err := migrations.ReadFile("migrations/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.script(string(sql)); err != nil {
			t.Fatal(err)
		}
	}
	at := milli(benchTime)
	if err := c.script(fmt.Sprintf(`
		PRAGMA application_id = %d;
		PRAGMA user_version = 2;
		INSERT INTO streams VALUES (1, 'room:a'), (2, 'user:u1'), (3, 'server'), (4, 'room:d');
		INSERT INTO rooms (num, id, kind, name, topic, pair, created_by, created_at, members, retain, trimmed) VALUES (1, 'a', 'public', 'Room', 'Topic', '', 'u1', %[2]d, 1, 7, 1);
		INSERT INTO rooms (num, id, kind, name, topic, pair, created_by, created_at, members, retain, trimmed) VALUES (4, 'd', 'direct', '', '', 'u1 u2', 'u1', %[2]d, 0, 0, 0);
		INSERT INTO members VALUES (1, 'u1', 'moderator', %[2]d, 1);
		INSERT INTO lists VALUES ('u1', 1);
		INSERT INTO events VALUES ((1 << 36) + 1, 0, 'e1', '', 'room.created', %[2]d, 'u1', '{"room":{"id":"a","kind":"public"}}'),
			((1 << 36) + 2, 0, 'e2', 'e1', 'member.joined', %[2]d, 'u1', '{"member":{"room":"a","user":"u1","role":"moderator"}}'),
			((4 << 36) + 1, 0, 'd1', '', 'room.created', %[2]d, 'u1', '{"room":{"id":"d","kind":"direct","name":"\"pair\":[","pair":["u1","u2"]}}'),
			((2 << 36) + 1, 0, 'j1', '', 'room.joined', %[2]d, 'u1', CAST('{"view":{"id":"d","kind":"direct","pair":["u1","u2"]}}' AS BLOB));
		INSERT INTO messages VALUES ((1 << 36) + 2, 4, 'm2', 'm1', 'u1', NULL, 'two words', 'c2', NULL, %[2]d), ((1 << 36) + 3, 5, 'm3', NULL, 'u2', 'bot', 'three words', '', NULL, %[2]d);
		INSERT INTO accounts VALUES ('u1', 'One', 'owner', 0, %[2]d, 'one', 'password');
		INSERT INTO sessions VALUES ('s1', 'u1', 'hash', 'agent', 'addr', %[2]d, %[2]d, %[2]d);`, applicationID, at)); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for range 2 {
		s := openTest(t, dir, Options{})
		two := chat.Message{Room: "a", No: 2, ID: "m2", Seq: 4, From: "u1", Text: "two words",
			ClientID: "c2", At: benchTime}
		three := chat.Message{Room: "a", No: 3, ID: "m3", Seq: 5, From: "u2", Text: "three words",
			At: benchTime}
		room := chat.Room{ID: "a", Kind: chat.Public, Name: "Room", Topic: "Topic", CreatedBy: "u1",
			CreatedAt: benchTime, Retain: 7}
		messages, err := s.Messages(ctx, "a", chat.Page{Limit: 10})
		if d := cmp.Diff([]chat.Message{two, three}, messages); err != nil || d != "" {
			t.Fatal(err, d)
		}
		pair := []chat.UserID{"u1", "u2"}
		direct, err := s.Room(ctx, "d")
		if err != nil || !slices.Equal(direct.People, pair) {
			t.Fatalf("a direct room: %+v, %v", direct, err)
		}
		made, err := s.Events(ctx, "room:d", chat.Position{Epoch: s.epoch}, 1)
		if err != nil || !slices.Equal(made[0].Room.People, pair) || made[0].Room.Name != `"pair":[` {
			t.Fatalf("the event of a direct room: %+v, %v", made, err)
		}
		listed, err := s.Events(ctx, "user:u1", chat.Position{Epoch: s.epoch}, 1)
		if err != nil || !slices.Equal(listed[0].View.People, pair) {
			t.Fatalf("the view of a direct room: %+v, %v", listed, err)
		}
		v, err := s.View(ctx, "a", "u1")
		want := chat.RoomView{Room: room, Position: chat.Position{Epoch: s.epoch, Seq: 5, ID: "m3"},
			HeadNo: 3, ReadNo: 1, Trimmed: 1, Unread: 2,
			Role: chat.RoomModerator, JoinedAt: benchTime, Members: 1, Last: &three}
		if d := cmp.Diff(want, v); err != nil || d != "" {
			t.Fatal(err, d)
		}
		session, a, err := s.Session(ctx, "hash")
		if err != nil || a.Name != "One" || a.Bot || session.Agent != "agent" || session.Scopes != nil {
			t.Fatal(session, a, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := openTest(t, dir, Options{})
	x := &annotationTest{TB: t, Store: s}
	x.commit(x.about("a", chat.EditMessage{No: 2, Text: "2", Mentions: []chat.UserID{"u1", "u2"}}),
		x.about("a", chat.DeleteMessage{No: 3}))
	v, err := s.View(ctx, "a", "u1")
	if err != nil || v.Unread != 1 || !cmp.Equal(v.Deleted, []int64{3}) || v.Mentions != nil {
		t.Fatal(v, err)
	}
	old, err := s.Account(ctx, "u1")
	if want := (chat.User{ID: "u1", Name: "One", Role: chat.RoleOwner,
		CreatedAt: benchTime}); err != nil || old.User != want {
		t.Fatal(old, err)
	}
	to := old
	to.Status, to.Picture = chat.Status{Text: "back"}, "01P"
	x.commit(chat.Change{Stream: chat.ServerStream,
		Op: chat.UpdateUser{Account: to, Was: &old.User}})
	if now, err := s.Account(ctx, "u1"); err != nil || now != to {
		t.Fatal(now, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}
