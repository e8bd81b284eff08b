package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-chat/parley/internal/chat"
)

// contents is what a store holds of messages, events and people.
type contents struct {
	Messages map[chat.RoomID][]chat.Message
	Events   map[chat.RoomID][]chat.Event
	Users    []chat.User
	Rooms    []chat.Room
}

// contentsOf reads a store as the server does. An error says that something
// could not be read.
func contentsOf(ctx context.Context, s *Store) (c contents, err error) {
	c.Messages, c.Events = map[chat.RoomID][]chat.Message{}, map[chat.RoomID][]chat.Event{}
	if c.Rooms, err = s.Rooms(ctx, "", 100); err != nil {
		return c, err
	}
	if c.Users, err = s.Users(ctx, "", 100); err != nil {
		return c, err
	}
	for _, r := range c.Rooms {
		room := r.ID
		if c.Messages[room], err = s.Messages(ctx, room,
			chat.Page{From: chat.After, Limit: 1000}); err != nil {
			return c, err
		}
		heads, err := s.Heads(ctx, chat.RoomStream(room))
		if err != nil {
			return c, err
		}
		c.Events[room], err = s.Events(ctx, chat.RoomStream(room), chat.Position{Epoch: heads[0].Epoch}, 1000)
		if err != nil {
			return c, err
		}
		if n := len(c.Messages[room]); int64(n) != heads[0].No || len(c.Events[room]) > 0 &&
			c.Events[room][len(c.Events[room])-1].Seq != heads[0].Seq {
			return c, fmt.Errorf("room %s has %d messages and ends at %+v", room, n, heads[0])
		}
	}
	return c, nil
}

// part reports what of got is not the beginning of all; "" if it is one.
func (got contents) part(all contents) string {
	for _, room := range crashRooms {
		m, e := all.Messages[room], all.Events[room]
		if d := cmp.Diff(m[:min(len(m), len(got.Messages[room]))], got.Messages[room],
			cmpopts.EquateEmpty()); d != "" {
			return d
		}
		if d := cmp.Diff(e[:min(len(e), len(got.Events[room]))], got.Events[room],
			cmpopts.EquateEmpty()); d != "" {
			return d
		}
	}
	return ""
}

// small makes a database of a few pages and returns its directory, as it was
// before and after the log was moved into it.
func small(t testing.TB) (killed, closed string, all contents) {
	t.Helper()
	dir, killed := t.TempDir(), t.TempDir()
	s, err := Open(t.Context(), dir, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := crashSetUp(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		user := chat.User{ID: chat.UserID(fmt.Sprint("p", i)), Name: fmt.Sprint("Person ", i),
			Role: chat.RoleMember, CreatedAt: benchTime}
		if _, err := s.Commit(t.Context(),
			crashSend(crashRooms[i%3], i%crashSenders, fmt.Sprint("c", i)), chat.Change{
				Stream: chat.ServerStream, ID: fmt.Sprint("made ", i), At: benchTime,
				Op: chat.CreateUser{Account: chat.Account{User: user, NameKey: fmt.Sprint("person ", i),
					Password: "x"}},
			}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err = contentsOf(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	copyFiles(t, dir, killed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return killed, dir, all
}

func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, f.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// damaged is data after something has happened to it at i, in one of four ways.
// Data is changed.
func damaged(data []byte, how uint8, i int, with uint8) []byte {
	switch how % 4 {
	case 0:
		return data[:i]
	case 1:
		data[i] ^= with
	case 2: // a sector that was never written
		clear(data[i&^511 : min(len(data), i&^511+512)])
	case 3: // garbage at the end
		return append(data, strings.Repeat(string(rune(with)), 1+i%5000)...)
	}
	return data
}

// FuzzDamage cuts the files of a store, or changes bytes of them, and opens it.
// Nothing panics or hangs. What was cut off is missing from the end, or the
// store says that it is damaged; so it is with the log when bytes of it were
// changed. Of bytes changed inside the database itself SQLite keeps no
// checksum: that is said in docs/security.md.
func FuzzDamage(f *testing.F) {
	killed, closed, all := small(f)
	files := []string{"parley.db", "parley.db-wal"}
	for i := range files {
		for n, at := range []uint32{0, 17, 24, 100, 4096, 5000, 40_000} {
			f.Add(uint8(i), n%2 == 0, uint8(n), at, uint8(1)<<n)
		}
		f.Add(uint8(i), false, uint8(0), uint32(0), uint8(0)) // nothing is left of it
		f.Add(uint8(i), true, uint8(0), uint32(4096), uint8(0))
		f.Add(uint8(i), true, uint8(0), uint32(4097), uint8(0)) // one byte is
		f.Add(uint8(i), false, uint8(2), uint32(4096), uint8(0))
	}
	f.Fuzz(func(t *testing.T, file uint8, wasKilled bool, how uint8, at uint32, with uint8) {
		name, from := files[int(file)%len(files)], closed
		if wasKilled {
			from = killed
		}
		dir := t.TempDir()
		copyFiles(t, from, dir)
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			t.Skip() // a closed store has no log
		}
		i, cut := int(at)%len(data), how%4 == 0
		if err := os.WriteFile(path, damaged(data, how, i, with), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s, err := Open(ctx, dir, Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			if ctx.Err() != nil || !strings.Contains(err.Error(), dir) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		defer s.Close()
		got, err := contentsOf(ctx, s)
		if ctx.Err() != nil {
			t.Fatalf("hangs: %v", err)
		}
		if err != nil {
			return // it says that something is wrong
		}
		exact := name != "parley.db" || cut || how%4 == 3
		if diff := got.part(all); exact && diff != "" {
			t.Fatalf("%s changed (%d at %d, killed %v), and nothing is said: %s", name, how%4, i,
				wasKilled, diff)
		}
		// Only the end of the log may be missing, as of a write that never came
		// to the disk.
		if diff := cmp.Diff(all, got); diff != "" &&
			name == "parley.db" && (cut || how%4 == 3) {
			t.Fatalf("%s changed (%d at %d, killed %v), and something is missing: %s", name, how%4,
				i, wasKilled, diff)
		}
		if _, err := s.Commit(ctx, crashSend("a", 0, "new")); err != nil && ctx.Err() != nil {
			t.Fatalf("hangs: %v", err)
		}
	})
}
