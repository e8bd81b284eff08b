package search_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/search"
)

// fixture is a service with an index in a directory, which follows the log when
// the test says so.
type fixture struct {
	*chattest.Fixture
	dir    string
	index  *search.Index
	runner *follow.Runner
	log    strings.Builder
}

func newFixture(t testing.TB, window int) *fixture {
	t.Helper()
	model := chattest.NewModel(nil)
	if window > 0 {
		model.Window = window
	}
	f := &fixture{dir: t.TempDir()}
	f.Fixture = chattest.New(t, func(c *chat.Config) { c.Store, c.Limits = model, chattest.Unlimited() })
	f.open("data")
	t.Cleanup(func() {
		if err := f.index.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// open opens the index that is in the directory.
func (f *fixture) open(id string) {
	f.T.Helper()
	var err error
	f.index, err = search.Open(context.Background(), search.Config{Dir: f.dir, ID: id, Store: f.Store,
		Log: slog.New(slog.NewTextHandler(&f.log, nil))})
	f.Must("open the index", err)
	f.Index = f.index
	f.runner = follow.New(follow.Config{Log: f.Store,
		Followers: []follow.Follower{f.index.Follower(func() {})}, Now: f.Now})
}

// reopen closes the index, lets something happen to its files, and opens it.
func (f *fixture) reopen(meanwhile func(file string)) {
	f.T.Helper()
	f.Must("close the index", f.index.Close())
	if meanwhile != nil {
		meanwhile(filepath.Join(f.dir, "search.db"))
	}
	f.open("data")
}

// follow indexes all there is.
func (f *fixture) follow() {
	f.T.Helper()
	f.Must("follow the log", f.runner.Once(f.T.Context()))
}

// search returns the texts of all that is found as it is written, page by page.
func (f *fixture) search(who chat.Caller, in chat.SearchInput) (texts []string) {
	f.T.Helper()
	for pages := 0; ; pages++ {
		r, err := f.Search(f.T.Context(), who, in)
		if err != nil || pages > 1000 || r.Next != "" && r.Until.IsZero() {
			f.T.Fatalf("page %d of %+v: %+v, %v", pages, in, r, err)
		}
		if r.Corrected != "" {
			return nil
		}
		for _, m := range r.Messages {
			texts = append(texts, m.Text)
		}
		if in.Cursor = r.Next; in.Cursor == "" {
			return texts
		}
	}
}

func TestSearch(t *testing.T) {
	f := newFixture(t, 0)
	ann, bob, eve := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember),
		f.Person("eve", chat.RoleMember)
	one, two := f.Room(ann, chat.Private, bob), f.Room(ann, chat.Private)
	say := func(who chat.Caller, room chat.RoomID, text string) chat.Message {
		f.Wait(time.Minute)
		return f.Say(who, room, text)
	}
	must := func(_ any, err error) { t.Helper(); f.Must("change", err) }
	say(ann, one, "Apples and pears")
	root := say(bob, one, "I like apple pie: https://example.org/pie")
	say(ann, two, "an apple of mine alone")
	middle := f.Now()
	deleted := say(bob, one, "apple that is deleted")
	edited := say(bob, one, "apple that is edited")
	say(ann, two, "東京都のりんご")
	say(ann, two, "Crème brûlée in C++, from /usr/lib/x_y")
	say(ann, two, "creme in C")
	f.Wait(time.Minute)
	reply, err := f.Send(t.Context(), bob,
		chat.SendInput{Room: one, Thread: root.No, Text: "apple in the thread"})
	must(reply, err)
	f.follow()
	must(f.DeleteMessage(t.Context(), bob, chat.MessageInput{Room: one, No: deleted.No}))
	must(f.EditMessage(t.Context(), bob, chat.EditInput{Room: one, No: edited.No, Text: "now a pear"}))
	must(f.PinMessage(t.Context(), ann, chat.MessageInput{Room: one, No: root.No}))
	for _, who := range []chat.Caller{ann, bob} { // one reaction is its author's own
		must(f.AddReaction(t.Context(), who, chat.ReactionInput{Room: one, No: root.No, Emoji: "👍"}))
	}
	must(f.AddReaction(t.Context(), bob, chat.ReactionInput{Room: one, No: edited.No, Emoji: "👍"}))
	say(ann, one, "@bob and @ann")
	say(bob, one, "@here, look")
	const thread, mine, pie, first = "apple in the thread", "an apple of mine alone",
		"I like apple pie: https://example.org/pie", "Apples and pears"
	const plusplus, plain = "Crème brûlée in C++, from /usr/lib/x_y", "creme in C"
	day := func(t time.Time) string { return t.Format(time.RFC3339) }
	check := func(t *testing.T) {
		for _, test := range []struct {
			who  chat.Caller
			in   chat.SearchInput
			want []string
		}{
			{bob, chat.SearchInput{Text: "apple"}, []string{thread, pie, first}},
			{ann, chat.SearchInput{Text: "APPLE"}, []string{thread, mine, pie, first}},
			{ann, chat.SearchInput{Text: "apple", Room: reply.Room}, []string{thread}},
			{ann, chat.SearchInput{Text: "apple", Is: "thread"}, []string{thread}},
			{eve, chat.SearchInput{Text: "apple"}, nil},
			{bob, chat.SearchInput{Text: "pear"}, []string{"now a pear", first}},
			{bob, chat.SearchInput{Text: "pears apples"}, []string{first}},
			{bob, chat.SearchInput{Text: "apple -pear"}, []string{thread, pie}},
			{bob, chat.SearchInput{Text: `apple -"in the" -pie`}, []string{first}},
			{bob, chat.SearchInput{Text: "-apple", From: bob.User.ID}, []string{"@here, look", "now a pear"}},
			{bob, chat.SearchInput{Text: "deleted"}, nil},
			{bob, chat.SearchInput{Text: "edited"}, nil},
			{bob, chat.SearchInput{Text: "pple"}, nil},
			{bob, chat.SearchInput{Text: "🍏"}, nil},
			{bob, chat.SearchInput{Text: `"and pears"`}, []string{first}},
			{bob, chat.SearchInput{Text: `"pears and"`}, nil},
			{bob, chat.SearchInput{Text: "example.org/pie"}, []string{pie}},
			{bob, chat.SearchInput{Text: "org.example"}, nil},
			{bob, chat.SearchInput{Text: "apple", From: ann.User.ID}, []string{first}},
			{bob, chat.SearchInput{From: bob.User.ID, Room: one},
				[]string{"@here, look", thread, "now a pear", pie}},
			{bob, chat.SearchInput{Mentions: bob.User.ID}, []string{"@bob and @ann"}},
			{ann, chat.SearchInput{Mentions: ann.User.ID}, []string{"@here, look"}},
			{eve, chat.SearchInput{Mentions: bob.User.ID}, nil},
			{bob, chat.SearchInput{Has: "reaction"}, []string{pie}},
			{bob, chat.SearchInput{Has: "reaction", From: ann.User.ID}, nil},
			{bob, chat.SearchInput{Has: "link"}, []string{pie}},
			{bob, chat.SearchInput{Has: "file"}, nil},
			{bob, chat.SearchInput{Is: "pinned"}, []string{pie}},
			{ann, chat.SearchInput{Text: "apple", Before: day(middle)}, []string{pie, first}},
			{ann, chat.SearchInput{Text: "apple", After: day(middle)}, []string{thread, mine}},
			{ann, chat.SearchInput{Text: "apple", Before: "2026-01-02"}, nil},
			{ann, chat.SearchInput{Text: "apple", After: "2026-01-02", Before: "2026-01-03", Room: two},
				[]string{mine}},
			{ann, chat.SearchInput{Text: "京都"}, []string{"東京都のりんご"}},
			{ann, chat.SearchInput{Text: "creme brulee"}, []string{plusplus}},
			{ann, chat.SearchInput{Text: "CRÈME"}, []string{plain, plusplus}},
			{ann, chat.SearchInput{Text: "c++"}, []string{plusplus}},
			{ann, chat.SearchInput{Text: "crème -C++"}, []string{plain}},
			{ann, chat.SearchInput{Text: "/usr/lib"}, []string{plusplus}},
			{ann, chat.SearchInput{Text: `"usr/lib"`}, []string{plusplus}},
			{ann, chat.SearchInput{Text: `"usr-lib"`}, nil},
			{ann, chat.SearchInput{Text: "x_y"}, []string{plusplus}},
		} {
			for _, limit := range []int{1, 2, 0} {
				test.in.Limit = limit
				if got := f.search(test.who, test.in); !slices.Equal(got, test.want) {
					t.Errorf("%s finds %q with %+v, want %q", test.who.User.Name, got, test.in, test.want)
				}
			}
		}
	}
	f.follow()
	if built := f.index.Built(); built != 100 {
		t.Errorf("all is indexed, and yet: %d %%", built)
	}
	t.Run("followed", check)
	f.follow() // nothing new
	for name, what := range map[string]func(file string){
		"opened again": nil,
		"lost":         func(file string) { f.Must("remove", os.Remove(file)) },
		"no database": func(file string) {
			f.Must("damage", os.WriteFile(file, []byte(strings.Repeat("parley", 5000)), 0o600))
		},
		"of another version": func(file string) {
			f.Must("damage", os.WriteFile(file, slices.Concat([]byte("SQLite format 3\x00"),
				make([]byte, 4080)), 0o600))
		},
	} {
		f.reopen(what)
		f.follow()
		t.Run(name, check)
	}
	f.Must("close", f.index.Close())
	f.open("other data")
	if got := f.search(ann, chat.SearchInput{Text: "apple"}); got != nil {
		t.Errorf("an index of other data finds %q", got)
	}
	f.follow()
	t.Run("of other data", check)

	// Who has left the room finds nothing of it, nor of the threads there,
	// whatever is still on their list, and though nothing was indexed since.
	must(f.LeaveRoom(t.Context(), bob, chat.RoomInput{Room: one}))
	must(f.Store.Commit(t.Context(),
		chat.Change{Stream: chat.RoomStream(reply.Room), ID: "back",
			Op: chat.AddMember{Member: chat.Member{User: bob.User.ID}}},
		chat.Change{Stream: chat.UserStream(bob.User.ID), ID: "listed",
			Op: chat.ListRoom{Room: reply.Room}}))
	if got := f.search(bob, chat.SearchInput{Text: "apple"}); got != nil {
		t.Errorf("who has left finds %q", got)
	}
}

// TestDamagedWhileOpen: pages that turn out to be damaged during a search or
// while it follows have the index built again.
func TestDamagedWhileOpen(t *testing.T) {
	f := newFixture(t, 0)
	ann := f.Person("ann", chat.RoleMember)
	room := f.Room(ann, chat.Private)
	var want []string
	for i := range 300 {
		f.Wait(time.Second)
		want = append([]string{f.Say(ann, room, fmt.Sprintf("needle %d %d", i, i*7)).Text}, want...)
	}
	f.follow()
	f.reopen(func(file string) {
		data, err := os.ReadFile(file)
		f.Must("read", err)
		for i := 8192; i < len(data); i++ {
			data[i] = 0xa5
		}
		f.Must("damage", os.WriteFile(file, data, 0o600))
	})
	for range 3 { // the first that meets it says so
		if err := f.runner.Once(t.Context()); err != nil {
			t.Log(err)
		}
		f.Search(t.Context(), ann, chat.SearchInput{Text: "needle"})
	}
	if got := f.search(ann, chat.SearchInput{Text: "needle"}); !slices.Equal(got, want) {
		t.Errorf("found %d of %d", len(got), len(want))
	}
	if !strings.Contains(f.log.String(), "built again") {
		t.Errorf("the log does not say it: %s", &f.log)
	}
}

// TestLogDoesNotReachBack: an index that was away for longer than the log
// reaches back reads the room again.
func TestLogDoesNotReachBack(t *testing.T) {
	f := newFixture(t, 10)
	ann := f.Person("ann", chat.RoleMember)
	room := f.Room(ann, chat.Private)
	old := f.Say(ann, room, "needle that goes")
	f.follow()
	_, err := f.DeleteMessage(t.Context(), ann, chat.MessageInput{Room: room, No: old.No})
	f.Must("delete", err)
	var want []string
	for i := range 50 {
		f.Wait(time.Second)
		want = append([]string{f.Say(ann, room, fmt.Sprint("needle ", i)).Text}, want...)
	}
	f.follow()
	if got := f.search(ann, chat.SearchInput{Text: "needle"}); !slices.Equal(got, want) {
		t.Errorf("found %q", got)
	}
}

// TestFilesArePrivate: no other account of the machine can read the index.
func TestFilesArePrivate(t *testing.T) {
	f := newFixture(t, 0)
	f.reopen(func(file string) { f.Must("chmod", os.Chmod(file, 0o644)) })
	f.follow()
	files, err := os.ReadDir(f.dir)
	f.Must("list", err)
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", file.Name(), info.Mode(), err)
		}
	}
	if len(files) != 4 {
		t.Errorf("%d files, not 4", len(files))
	}
}
