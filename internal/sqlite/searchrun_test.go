package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-chat/parley/internal/chat"
)

// The index for search follows what becomes of messages, also where it was not
// running or has lost its place.
func TestSearchFollows(t *testing.T) {
	x := &searchTest{T: t, dir: t.TempDir()}
	x.reopen()
	a := []chat.RoomID{"a"}
	y := &annotationTest{TB: t}
	change := func(changes ...chat.Change) {
		t.Helper()
		y.Store = x.Store
		y.commit(changes...)
	}
	edit := func(no int64, text string) chat.Change {
		return y.about("a", chat.EditMessage{No: no, Text: text})
	}
	remove := func(no int64) chat.Change { return y.about("a", chat.DeleteMessage{No: no}) }
	x.send("a", "apple one", "banana two", "cherry three", "date four", "elder five")
	x.eventually("elder", a, "elder five")
	change(edit(1, "apricot one"), edit(2, "banana zwei"), remove(3), edit(4, ""), edit(4, "fig four"))
	x.eventually("fig", a, "fig four")
	none := func(queries ...string) {
		t.Helper()
		for _, q := range queries {
			if got := x.found(q, "a"); got != nil {
				t.Errorf("%q finds %q", q, got)
			}
		}
	}
	none("apple", "two", "cherry", "three", "date")
	x.eventually("banana", a, "banana zwei")
	x.eventually("one", a, "apricot one")
	// Written while the index does not come to it: edits of messages that it
	// knows, and of some that it does not.
	x.send("a", "grape six")
	change(edit(6, "honeydew six"), edit(1, "apple again"), remove(2))
	x.reopen()
	x.eventually("honeydew", a, "honeydew six")
	x.eventually("apple", a, "apple again")
	none("grape", "banana", "apricot")

	index := filepath.Join(x.dir, "search.db")
	for what, harm := range map[string]func() error{
		"gone": func() error { return os.Remove(index) },
		"ahead": func() error {
			return script(index,
				"UPDATE reindexed SET seq = seq + 100; DELETE FROM words")
		},
		"behind": func() error { return script(index, "UPDATE reindexed SET seq = 1; DELETE FROM words") },
	} {
		change(edit(5, "elder "+what), edit(5, "elder six"))
		x.eventually("elder", a, "elder six")
		change(edit(5, "elder "+what+" again"), edit(5, "elder five")) // the changes before are forgotten
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		x.reopen()
		for query, text := range map[string]string{"elder": "elder five", "apple": "apple again",
			"fig": "fig four", "honeydew": "honeydew six"} {
			x.eventually(query, a, text)
		}
		none("banana", "cherry", what)
	}
}

// Searches with every filter, page by page, find what a look at all messages
// finds.
func TestSearchFilters(t *testing.T) {
	x := &searchTest{T: t, dir: t.TempDir()}
	x.reopen()
	y := &annotationTest{TB: t, Store: x.Store}
	r := rand.New(rand.NewPCG(3, 4))
	rooms := []chat.RoomID{"a", "b", "t", "other"}
	for _, id := range rooms {
		room := chat.Room{ID: id, Kind: chat.Public}
		if id == "t" {
			room.Kind, room.Parent, room.Root = chat.ThreadRoom, "a", 3
		}
		y.commit(y.about(id, chat.CreateRoom{Room: room}))
	}
	at := benchTime
	for i := range 250 {
		at = at.Add(time.Duration(r.IntN(3)) * time.Second)
		m := chat.CreateMessage{From: chat.UserID(fmt.Sprint("u", r.IntN(3))),
			Text: []string{"apple", "apple pie", "pear", "東京 apple"}[r.IntN(4)]}
		switch r.IntN(6) {
		case 0:
			m.Text += " https://example.org/x"
		case 1:
			m.Files = []chat.File{{ID: "f", Name: "Appleton-plan.pdf"}, {ID: "g", Name: "日本.png"}}
		case 2:
			m.Text, m.Files = "", []chat.File{{ID: "f", Name: "apple.txt"}}
		}
		c := y.about(rooms[r.IntN(len(rooms))], m)
		c.At = at
		if i%50 == 0 { // the clock was set
			c.At = at.Add(-20 * time.Second)
		}
		y.commit(c)
	}
	y.commit(y.about("a", chat.DeleteMessage{No: 3}),
		y.about("a", chat.EditMessage{No: 4, Text: "no fruit"}),
		y.about("b", chat.EditMessage{No: 2, Text: "apple at last"}))
	y.commit(y.about("b", chat.TrimMessages{To: 1}), y.about("a", chat.CreateMessage{Text: "the last of all"}),
		y.about("other", chat.CreateMessage{Text: "the last of all"}),
		y.about("b", chat.CreateMessage{Text: "the last of all"}),
		y.about("t", chat.CreateMessage{Text: "the last of all"}))
	x.eventually("last", []chat.RoomID{"b", "other"}, "the last of all", "the last of all", "apple at last")
	x.eventually("all", []chat.RoomID{"a"}, "the last of all", "the last of all") // the thread's too

	has := func(m *chat.Message, words ...string) bool {
		for _, w := range words {
			if !slices.ContainsFunc(tokensOf(m.Words()),
				func(t string) bool { return len(t) >= len(w) && t[:len(w)] == w }) {
				return false
			}
		}
		return true
	}
	for i, q := range []chat.Query{
		{Text: "apple"}, {Text: "APPLE pi"}, {Text: "pear", From: "u1"},
		{Text: "apple", Link: true}, {Text: "apple", File: true}, {Text: "pdf plan"}, {Text: "no"},
		{Text: "apple", After: benchTime.Add(100 * time.Second)},
		{Text: "apple", Before: benchTime.Add(100 * time.Second)},
		{Text: "apple", After: benchTime.Add(100 * time.Second),
			Before: benchTime.Add(200 * time.Second), From: "u2", File: true},
	} {
		for _, in := range [][]chat.RoomID{{"a"}, {"b", "none"}, {"a", "b", "t", "a"}, {"t"}} {
			var want []chat.Message
			for _, id := range []chat.RoomID{"a", "b", "t"} {
				if !slices.Contains(in, id) && !(id == "t" && slices.Contains(in, "a")) {
					continue
				}
				all, err := x.Messages(t.Context(), id, chat.Page{Limit: 1000})
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range all {
					if q.Wants(&m) && has(&m, tokensOf(q.Text)...) {
						want = append(want, m)
					}
				}
			}
			slices.SortFunc(want, func(a, b chat.Message) int { return b.Cursor().Compare(a.Cursor()) })
			for _, limit := range []int{3, 1000} {
				var got []chat.Message
				for before, pages := (chat.SearchCursor{}), 0; ; pages++ {
					found, err := x.Search(t.Context(), in, q, before, limit)
					if err != nil || len(found.Messages) > limit || pages > len(want)+1 {
						t.Fatal(len(found.Messages), err)
					}
					got = append(got, found.Messages...)
					if before = found.Until; before == (chat.SearchCursor{}) {
						break
					}
				}
				if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
					t.Fatalf("query %d in %v by %d (-want +got):\n%s", i, in, limit, d)
				}
			}
			if i < 2 && len(want) == 0 {
				t.Errorf("query %d in %v is to find something", i, in)
			}
		}
	}
}

func tokensOf(text string) (all []string) {
	tokens(text, func(word string) { all = append(all, word) },
		func(run []rune) { all = append(all, string(run)) })
	return all
}
