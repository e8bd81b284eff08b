package migrate_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

var quiet = slog.New(slog.DiscardHandler)

// endpoint is where data can be: a directory, or a prefix in Redis.
type endpoint interface {
	String() string
	store(t testing.TB) chat.Store // to be closed
	source(t testing.TB) (migrate.Source, func())
	destination(t testing.TB) (migrate.Destination, func())
}

type dir string

func (d dir) String() string { return "directory" }

func (d dir) store(t testing.TB) chat.Store {
	s, err := sqlite.Open(t.Context(), string(d), sqlite.Options{Log: quiet})
	return must(t, s, err)
}

func (d dir) source(t testing.TB) (migrate.Source, func()) {
	s, err := sqlite.OpenSource(string(d))
	return must(t, s, err), closer(t, s.Close)
}

func (d dir) destination(t testing.TB) (migrate.Destination, func()) {
	s, err := sqlite.OpenDestination(string(d))
	return must(t, s, err), closer(t, s.Close)
}

type prefix struct {
	client rueidis.Client
	name   string
}

var prefixes atomic.Int64

func newPrefix(client rueidis.Client) prefix { return prefix{client, fmt.Sprint("m", prefixes.Add(1))} }

func (p prefix) String() string { return "redis" }

func (p prefix) store(t testing.TB) chat.Store {
	s, err := redisstore.Open(t.Context(), p.client, redisstore.Options{Prefix: p.name, Log: quiet})
	return must(t, s, err)
}

func (p prefix) source(t testing.TB) (migrate.Source, func()) {
	s, err := redisstore.OpenSource(t.Context(), p.client, p.name)
	return must(t, s, err), func() {}
}

func (p prefix) destination(t testing.TB) (migrate.Destination, func()) {
	s, err := redisstore.OpenDestination(p.client, p.name)
	return must(t, s, err), func() {}
}

func closer(t testing.TB, f func() error) func() {
	return func() {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
}

func closed(t testing.TB, s chat.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// move moves all data and verifies.
func move(t testing.TB, from, to endpoint, o migrate.Options) {
	t.Helper()
	source, closeSource := from.source(t)
	defer closeSource()
	destination, closeDestination := to.destination(t)
	defer closeDestination()
	if err := migrate.Copy(t.Context(), source, destination, o); err != nil {
		t.Fatalf("%s to %s: %v", from, to, err)
	}
	if n := verified(t, source, destination); n != 13 {
		t.Fatalf("%d kinds of records only were compared", n)
	}
	if err := destination.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// verified compares the two sides, and returns how many kinds of records there
// are.
func verified(t testing.TB, source migrate.Source, destination migrate.Destination) (filled int) {
	t.Helper()
	r, err := migrate.Verify(t.Context(), source, destination.Source(), migrate.Since(time.Now()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() {
		t.Fatalf("the sides differ: %s", strings.Join(r.Differences, "; "))
	}
	for _, row := range r.Rows {
		if !row.Same || row.FromSum != row.ToSum {
			t.Fatalf("the row %+v", row)
		}
		if row.From > 0 {
			filled++
		}
	}
	return filled
}

var same = cmpopts.EquateEmpty()

// TestRoundTrip moves a random chat from a directory to Redis, to another
// prefix, back to a directory, and to another one: everywhere it reads the same
// and goes on.
func TestRoundTrip(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		seeds := uint64(1)
		if _, single := d.(*redistest.Server); single && !testing.Short() {
			seeds = 3
		}
		for seed := range seeds {
			first := dir(t.TempDir())
			s := first.store(t)
			w := fill(t, s, seed, 700)
			want := w.read(s)
			closed(t, s)
			places := []endpoint{first, newPrefix(client), newPrefix(client), dir(t.TempDir()),
				dir(t.TempDir()), newPrefix(client)}
			for i, from := range places[:len(places)-1] {
				move(t, from, places[i+1], migrate.Options{Batch: []int{37, 9, 4000}[seed]})
			}
			for _, p := range places {
				s := p.store(t)
				if d := cmp.Diff(want, w.read(s), same); d != "" {
					t.Fatalf("%s, seed %d (-want +got):\n%s", p, seed, d)
				}
				w.goesOn(s)
				closed(t, s)
			}
		}
	})
}

// TestFromRedis begins in Redis.
func TestFromRedis(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		first, second := newPrefix(client), dir(t.TempDir())
		s := first.store(t)
		w := fill(t, s, 7, 2500)
		want := w.read(s)
		move(t, first, second, migrate.Options{})
		there := second.store(t)
		if d := cmp.Diff(want, w.read(there), same); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		closed(t, there)
		if d := cmp.Diff(want, w.read(s), same); d != "" {
			t.Fatalf("the source has changed (-want +got):\n%s", d)
		}
		// What fsck has to say is the same too.
		third := newPrefix(client)
		move(t, second, third, migrate.Options{})
		copied := third.store(t)
		if d := cmp.Diff(findings(t, s), findings(t, copied), same); d != "" {
			t.Fatalf("fsck (-source +copy):\n%s", d)
		}
		w.goesOn(copied)
		closed(t, copied)
		closed(t, s)
	})
}

func findings(t *testing.T, s chat.Store) (found []string) {
	t.Helper()
	check := redisstore.Fsck{
		Store: s.(*redisstore.Store), Found: func(what string) { found = append(found, what) },
		NewID: func() string { return "" }, Now: time.Now, Settle: time.Millisecond,
	}
	if _, err := check.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// TestArriving: an account that a crash has kept from its slot goes along.
func TestArriving(t *testing.T) {
	client := redistest.Start(t).Client(t)
	from, to := newPrefix(client), dir(t.TempDir())
	s := from.store(t)
	w := fill(t, s, 2, 1500)
	key := func(stream, what string) string { return from.name + ":{" + stream + "}:" + what }
	arrive := func(user, name string) {
		a := must2(s.Account(t.Context(), chat.UserID(user)))(t)
		a.Name = name
		text := fmt.Sprintf(`%d {"user":{"id":%q,"name":%q,"role":%q,"disabled":%v,"created_at":%q},"key":%q,"password":"arrived"}`,
			1<<40, user, a.Name, a.Role, a.Disabled, a.CreatedAt.Format(time.RFC3339Nano), a.NameKey)
		if err := client.Do(t.Context(),
			client.B().Hset().Key(key("server", "arriving")).FieldValue().FieldValue(user,
				text).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	kept := must2(s.Account(t.Context(), "01USER0002"))(t).Password
	arrive("01USER0001", "new here")
	arrive("01USER0002", "newer than what is there")
	if err := client.Do(t.Context(),
		client.B().Del().Key(key("user:01USER0001", "account")).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	move(t, from, to, migrate.Options{})
	closed(t, s)
	there := to.store(t)
	defer closed(t, there)
	for i, password := range []string{"arrived", kept} {
		if a := must2(there.Account(t.Context(), w.users[i+1]))(t); a.Password != password ||
			!strings.HasPrefix(a.Name, "new") {
			t.Errorf("the account is %+v", a)
		}
	}
}

// TestKilled moves what a server has left that was killed.
func TestKilled(t *testing.T) {
	client := redistest.Start(t).Client(t)
	running, killed, to := dir(t.TempDir()), dir(t.TempDir()), newPrefix(client)
	s := running.store(t)
	w := fill(t, s, 9, 1500)
	for _, name := range []string{"parley.db", "parley.db-wal"} {
		b, err := os.ReadFile(filepath.Join(string(running), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(string(killed), name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := w.read(s)
	closed(t, s)
	move(t, killed, to, migrate.Options{})
	there := to.store(t)
	if d := cmp.Diff(want, w.read(there), same); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	w.goesOn(there)
	closed(t, there)
}

// interrupted is a destination that stops at random: before a batch is written,
// after it, or in the middle.
type interrupted struct {
	migrate.Destination
	r    *rand.Rand
	stop context.CancelFunc
	fuse int
}

var errKilled = errors.New("killed")

func (i *interrupted) Write(ctx context.Context, b *migrate.Batch, state []byte) error {
	if i.fuse--; i.fuse > 0 {
		return i.Destination.Write(ctx, b, state)
	}
	switch i.r.IntN(3) {
	case 0:
		return errKilled
	case 1:
		if err := i.Destination.Write(ctx, b, state); err != nil {
			return err
		}
		return errKilled
	}
	time.AfterFunc(time.Duration(i.r.IntN(1000))*time.Microsecond, i.stop)
	if err := i.Destination.Write(ctx, b, state); err != nil {
		return err
	}
	return errKilled
}

// TestResume stops migrations again and again; each goes on where the one
// before has stopped, and the end is the same.
func TestResume(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		first := dir(t.TempDir())
		s := first.store(t)
		w := fill(t, s, 11, 2000)
		want := w.read(s)
		closed(t, s)
		r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
		batch := 30
		if testing.Short() { // there is less to interrupt
			batch = 8
		}
		from := endpoint(first)
		for _, to := range []endpoint{newPrefix(client), dir(t.TempDir())} {
			runs := 0
			for ; ; runs++ {
				if runs > 1000 {
					t.Fatal("it never ends")
				}
				source, closeSource := from.source(t)
				destination, closeDestination := to.destination(t)
				ctx, stop := context.WithCancel(t.Context())
				err := migrate.Copy(ctx, source,
					&interrupted{Destination: destination, r: r, stop: stop, fuse: 1 + r.IntN(12)},
					migrate.Options{Batch: 1 + r.IntN(batch)})
				stop()
				if err == nil {
					verified(t, source, destination)
					err = destination.Finish(t.Context())
				} else if !errors.Is(err, errKilled) && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				} else if s, openErr := tryOpen(t, to); openErr == nil {
					s.Close()
					t.Fatal("what is not finished can be opened")
				}
				closeDestination()
				closeSource()
				if err == nil {
					break
				}
			}
			if runs < 3 {
				t.Fatalf("%s was interrupted %d times only", to, runs)
			}
			s := to.store(t)
			if d := cmp.Diff(want, w.read(s), same); d != "" {
				t.Fatalf("%s after %d runs (-want +got):\n%s", to, runs, d)
			}
			closed(t, s)
			from = to
		}
		last := from.store(t)
		w.goesOn(last)
		closed(t, last)
	})
}

func tryOpen(t *testing.T, p endpoint) (chat.Store, error) {
	switch p := p.(type) {
	case prefix:
		return redisstore.Open(t.Context(), p.client, redisstore.Options{Prefix: p.name, Log: quiet})
	case dir:
		return nil, errors.New("it is locked") // by the migration
	}
	return nil, nil
}

// TestRefusals: what is not empty, of other data, or changed meanwhile stays as
// it is.
func TestRefusals(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		first, other := dir(t.TempDir()), dir(t.TempDir())
		for i, p := range []dir{first, other} {
			s := p.store(t)
			fill(t, s, uint64(i), 200)
			closed(t, s)
		}
		begin := func(from, to endpoint, writes int) error {
			source, closeSource := from.source(t)
			defer closeSource()
			destination, closeDestination := to.destination(t)
			defer closeDestination()
			i := &interrupted{Destination: destination, r: rand.New(rand.NewPCG(1, 1)),
				stop: func() {}, fuse: writes}
			return migrate.Copy(t.Context(), source, i, migrate.Options{Batch: 5})
		}
		full := newPrefix(client)
		s := full.store(t)
		w := fill(t, s, 5, 200)
		want := w.read(s)
		for _, to := range []endpoint{full, other} {
			if err := begin(first, to, 1000); !errors.Is(err, migrate.ErrNotEmpty) {
				t.Fatalf("to a full %s: %v", to, err)
			}
		}
		if d := cmp.Diff(want, w.read(s), same); d != "" {
			t.Fatalf("what was refused has changed (-want +got):\n%s", d)
		}
		closed(t, s)
		opened := newPrefix(client)
		closed(t, opened.store(t)) // has an epoch, and nothing else
		for _, to := range []endpoint{newPrefix(client), opened, dir(t.TempDir())} {
			if err := begin(first, to, 3); err == nil {
				t.Fatal("it was not interrupted")
			}
			if err := begin(other, to, 1000); !errors.Is(err, migrate.ErrOther) {
				t.Fatalf("other data to an unfinished %s: %v", to, err)
			}
			if p, ok := to.(dir); ok {
				_, err := sqlite.Open(t.Context(), string(p), sqlite.Options{Log: quiet})
				if err == nil || !strings.Contains(err.Error(), "not finished") {
					t.Fatalf("open an unfinished one: %v", err)
				}
				if _, err := sqlite.OpenSource(string(p)); err == nil ||
					!strings.Contains(err.Error(), "not finished") {
					t.Fatalf("migrate from an unfinished one: %v", err)
				}
			}
		}
		to := newPrefix(client)
		if err := begin(first, to, 3); err == nil {
			t.Fatal("it was not interrupted")
		}
		s = first.store(t)
		fill := &world{t: t, ctx: t.Context(), s: s, n: 1 << 20, start: time.Now()}
		fill.commit(chat.Change{Stream: chat.RoomStream("general"),
			Op: chat.CreateMessage{From: "01USER0000", Text: "late"}})
		closed(t, s)
		if err := begin(first, to, 1000); !errors.Is(err, migrate.ErrChanged) {
			t.Fatalf("from a source that has changed: %v", err)
		}
		s = first.store(t)
		defer closed(t, s)
		if _, err := sqlite.OpenSource(string(first)); err == nil ||
			!strings.Contains(err.Error(), "in use") {
			t.Fatalf("from a directory in use: %v", err)
		}
		none := filepath.Join(t.TempDir(), "none")
		if _, err := sqlite.OpenSource(none); err == nil || !strings.Contains(err.Error(), "no data") {
			t.Fatalf("from nowhere: %v", err)
		}
		if _, err := os.Stat(none); !errors.Is(err, os.ErrNotExist) {
			t.Fatal("the directory of no data was made")
		}
		if _, err := redisstore.OpenSource(t.Context(), client,
			newPrefix(client).name); err == nil || !strings.Contains(err.Error(), "no data") {
			t.Fatalf("from nothing: %v", err)
		}
	})
}

// TestNodes: a running server is noticed.
func TestNodes(t *testing.T) {
	client := redistest.Start(t).Client(t)
	p := newPrefix(client)
	s, err := redisstore.Open(t.Context(), client, redisstore.Options{Prefix: p.name, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if nodes, err := s.Nodes(t.Context()); err != nil || len(nodes) > 0 {
		t.Fatalf("nodes of none: %v, %v", nodes, err)
	}
	presence := redisstore.NewPresence(s, "node one", redisstore.PresenceOptions{Grace: time.Millisecond})
	closePresence := func() {
		if presence != nil {
			presence.Close()
			presence = nil
		}
	}
	defer closePresence()
	wait := func(want int) {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			nodes, err := s.Nodes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(nodes) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("nodes are %v, want %d", nodes, want)
			}
		}
	}
	wait(1)
	closePresence()
	wait(0)
}

// TestDifferences: what is not the same is named.
func TestDifferences(t *testing.T) {
	client := redistest.Start(t).Client(t)
	first, to := dir(t.TempDir()), newPrefix(client)
	s := first.store(t)
	fill(t, s, 3, 1500)
	closed(t, s)
	source, closeSource := first.source(t)
	defer closeSource()
	destination, _ := to.destination(t)
	if err := migrate.Copy(t.Context(), source, destination, migrate.Options{}); err != nil {
		t.Fatal(err)
	}
	verified(t, source, destination)
	key := func(stream, what string) string { return to.name + ":{" + stream + "}:" + what }
	members := must2(source.Members(t.Context(), "room-3", "", 100))(t)
	sends := must2(client.Do(t.Context(),
		client.B().Keys().Pattern(key("room:general", "sends:*")).Build()).AsStrSlice())(t)
	lists := must2(source.People(t.Context(), "01USER0000", 1))(t)[0].Rooms
	for _, c := range []struct {
		damage rueidis.Completed
		want   string
	}{
		{client.B().Xtrim().Key(key("room:room-1", "messages")).Maxlen().Threshold("10").Build(),
			"room room-1: 10 messages"},
		{client.B().Hset().Key(key("room:room-3", "reads")).FieldValue().FieldValue(
			string(members[0].User), "999").Build(), "room room-3: "},
		{client.B().Hset().Key(key("room:room-3", "members")).FieldValue().FieldValue(
			string(members[0].User), "member 2026-01-01T00:00:00Z 0 9 {}").Build(),
			"room room-3: other members"},
		{client.B().Hset().Key(key("user:01USER0001", "rooms")).FieldValue().FieldValue(
			string(lists[0].Room), "other").Build(), "person 01USER0001: other rooms on people's lists"},
		{client.B().Hset().Key(key("user:01USER0004", "account")).FieldValue().FieldValue(
			"password", "x").Build(), "person 01USER0004: other accounts"},
		{client.B().Zrem().Key(key("server", "order")).Member("01USER0002").Build(),
			"person 01USER0002 is missing"},
		{client.B().Del().Key(sends...).Build(), "sends are not remembered"},
	} {
		if err := client.Do(t.Context(), c.damage).Error(); err != nil {
			t.Fatal(err)
		}
		r, err := migrate.Verify(t.Context(), source, destination.Source(), migrate.Since(time.Now()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(r.Differences, "\n"); !strings.Contains(all, c.want) || r.OK() {
			t.Errorf("the differences are\n%s\nwant %s", all, c.want)
		}
	}
}

// TestHalfMade: a directory in which a run was killed before there was a
// schema, or all of it, is empty.
func TestHalfMade(t *testing.T) {
	first := dir(t.TempDir())
	s := first.store(t)
	fill(t, s, 4, 1500)
	closed(t, s)
	whole := t.TempDir()
	closed(t, dir(whole).store(t))
	made := must2(os.ReadFile(filepath.Join(whole, "parley.db")))(t)
	for name, db := range map[string][]byte{"no byte": {}, "no table": nil, "an empty store": made} {
		to := dir(t.TempDir())
		path := filepath.Join(string(to), "parley.db")
		if err := os.WriteFile(path, db, 0o600); err != nil {
			t.Fatal(err)
		}
		if db == nil { // what the switch to the write-ahead log leaves
			c := must2(sql.Open("sqlite", path))(t)
			if _, err := c.Exec("PRAGMA journal_mode = WAL"); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		t.Log(name)
		move(t, first, to, migrate.Options{})
	}
}
