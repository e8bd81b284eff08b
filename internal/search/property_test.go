package search_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// image copies the files of the index as a process that is killed leaves them.
func (f *fixture) image() string {
	f.T.Helper()
	to := f.T.TempDir()
	for _, name := range []string{"search.db", "search.db-wal"} {
		data, err := os.ReadFile(filepath.Join(f.dir, name))
		f.Must("read a file of the index", err)
		f.Must("copy it", os.WriteFile(filepath.Join(to, name), data, 0o600))
	}
	return to
}

// TestAsAPlainScan: over random histories, with kills and restarts in between,
// the index finds what reading all messages finds. While it is behind it finds
// nothing else.
func TestAsAPlainScan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	f := newFixture(t, 20)
	people := []chat.Caller{f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember),
		f.Person("eve", chat.RoleMember)}
	var rooms []chat.RoomID
	heads := map[chat.RoomID]int64{}
	for i := range 4 {
		rooms = append(rooms, f.Room(people[i%3], chat.Public, people[(i+1)%3]))
	}
	words := []string{"apple", "apples", "pear", "pie", "plum", "a-b", "10.1"}
	text := func() (all string) {
		for range 1 + r.IntN(4) {
			all += words[r.IntN(len(words))] + " "
		}
		return all
	}
	ctx, image := t.Context(), f.image()
	for step := range 400 {
		f.Wait(time.Millisecond)
		who, room := people[r.IntN(len(people))], rooms[r.IntN(len(rooms))]
		no := 1 + r.Int64N(heads[room]+1)
		switch r.IntN(12) { // what is refused changes nothing
		case 0:
			f.EditMessage(ctx, who, chat.EditInput{Room: room, No: no, Text: text()})
		case 1:
			f.DeleteMessage(ctx, who, chat.MessageInput{Room: room, No: no})
		case 2:
			f.LeaveRoom(ctx, who, chat.RoomInput{Room: room})
		case 3:
			f.JoinRoom(ctx, who, chat.RoomInput{Room: room})
		case 4:
			if r.IntN(4) == 0 {
				f.Store.Commit(ctx, chat.Change{Stream: chat.RoomStream(room), ID: fmt.Sprint("trim", step),
					At: f.Now(), Op: chat.TrimMessages{To: no}})
			}
		case 5:
			if m, err := f.Send(ctx, who, chat.SendInput{Room: room, Thread: no, Text: text()}); err == nil &&
				!slices.Contains(rooms, m.Room) && len(rooms) < 8 {
				rooms = append(rooms, m.Room)
			}
		case 6:
			f.follow()
		case 7:
			image = f.image()
		case 8: // killed, perhaps some time ago
			f.Must("close", f.index.Close())
			f.dir = image
			f.open("data")
			image = f.image()
		default:
			if m, err := f.Send(ctx, who, chat.SendInput{Room: room, Text: text()}); err == nil {
				heads[room] = m.No
			}
		}
		if step%4 != 0 {
			continue
		}
		in := chat.SearchInput{Text: words[r.IntN(len(words))], Limit: 1 + r.IntN(20)}
		switch r.IntN(4) {
		case 0:
			in.Text += " -" + words[r.IntN(len(words))]
		case 1:
			in.Text = `"` + words[r.IntN(3)] + " " + words[r.IntN(3)] + `"`
		case 2:
			in.From = people[r.IntN(3)].User.ID
		}
		f.Index = chattest.PlainIndex{Store: f.Store}
		want := f.search(who, in)
		f.Index = f.index
		for _, text := range f.search(who, in) {
			if !slices.Contains(want, text) {
				t.Fatalf("step %d: behind, %+v finds %q, which is not to be found", step, in, text)
			}
		}
		if r.IntN(3) == 0 {
			f.follow()
			if got := f.search(who, in); !slices.Equal(got, want) {
				t.Fatalf("step %d: %+v finds %q, want %q", step, in, got, want)
			}
		}
	}
}

// BenchmarkRooms compares searches of a person in 2 rooms and of one in 2,000,
// on one index.
func BenchmarkRooms(b *testing.B) {
	f := newFixture(b, 0)
	few, many := f.Person("few", chat.RoleMember), f.Person("many", chat.RoleMember)
	var changes []chat.Change
	for n := range 2000 {
		id := chat.RoomID(fmt.Sprintf("r%04d", n))
		change := func(s chat.Stream, op chat.Operation) {
			changes = append(changes,
				chat.Change{Stream: s, ID: fmt.Sprint(len(changes)), At: f.Now(), Op: op})
		}
		change(chat.RoomStream(id),
			chat.CreateRoom{Room: chat.Room{ID: id, Kind: chat.Public, Name: string(id)}})
		for i, who := range []chat.Caller{many, few} {
			if i == 0 || n < 2 {
				change(chat.RoomStream(id), chat.AddMember{Member: chat.Member{User: who.User.ID}})
				change(chat.UserStream(who.User.ID), chat.ListRoom{Room: id})
			}
		}
		for i := range 10 {
			f.Wait(time.Millisecond)
			change(chat.RoomStream(id), chat.CreateMessage{From: many.User.ID,
				Text: fmt.Sprintf("needle number %d in a stack of hay", i)})
		}
	}
	_, err := f.Store.Commit(b.Context(), changes...)
	f.Must("fill", err)
	began := time.Now()
	f.follow()
	indexed := time.Since(began)
	took := func(who chat.Caller) time.Duration {
		began := time.Now()
		if r, err := f.Search(b.Context(), who, chat.SearchInput{Text: "needle hay"}); err != nil ||
			len(r.Messages) != 20 {
			b.Fatal(len(r.Messages), err)
		}
		return time.Since(began)
	}
	var of2, of2000 time.Duration
	for b.Loop() {
		of2 += took(few)
		of2000 += took(many)
	}
	info, err := os.Stat(filepath.Join(f.dir, "search.db"))
	f.Must("stat", err)
	b.ReportMetric(float64(of2.Microseconds())/float64(b.N), "µs/2-rooms")
	b.ReportMetric(float64(of2000)/float64(of2), "ratio")
	b.ReportMetric(20_000/indexed.Seconds(), "indexed/s")
	b.ReportMetric(float64(info.Size())/20_000, "B/message")
}
