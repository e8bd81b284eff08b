package sqlite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-chat/parley/internal/chat"
)

// Searches with every filter, page by page, find what a look at all messages finds.
func TestSearchFilters(t *testing.T) {
	x := &searchTest{T: t, dir: t.TempDir()}
	x.reopen()
	y := &marked{TB: t, Store: x.Store}
	r := rand.New(rand.NewPCG(3, 4))
	rooms := []chat.RoomID{"a", "b", "t", "other"}
	for _, id := range rooms {
		c := y.change(id, chat.RoomCreated)
		c.Room = &chat.Room{ID: id, Kind: chat.Public}
		if id == "t" {
			c.Room.Kind, c.Room.Parent, c.Room.Root = chat.ThreadRoom, "a", 3
		}
		y.commit(c)
	}
	at := benchTime
	for i := range 250 {
		at = at.Add(time.Duration(r.IntN(3)) * time.Second)
		m := chat.Message{From: chat.UserID(fmt.Sprint("u", r.IntN(3))), Text: []string{"apple", "apple pie", "pear", "東京 apple"}[r.IntN(4)]}
		switch r.IntN(6) {
		case 0:
			m.Text += " https://example.org/x"
		case 1:
			m.Files = []chat.File{{ID: "f", Name: "Appleton-plan.pdf"}, {ID: "g", Name: "日本.png"}}
		case 2:
			m.Text, m.Files = "", []chat.File{{ID: "f", Name: "apple.txt"}}
		}
		c := y.about(rooms[r.IntN(len(rooms))], chat.MessageCreated, m)
		c.At = at
		if i%50 == 0 { // the clock was set
			c.At = at.Add(-20 * time.Second)
		}
		y.commit(c)
	}
	y.commit(y.about("a", chat.MessageDeleted, chat.Message{No: 3}), y.about("a", chat.MessageEdited, chat.Message{No: 4, Text: "no fruit"}),
		y.about("b", chat.MessageEdited, chat.Message{No: 2, Text: "apple at last"}))
	trim := y.change("b", chat.MessagesTrimmed)
	trim.Trimmed = 1
	y.commit(trim, y.about("a", chat.MessageCreated, chat.Message{Text: "the last of all"}), y.about("other", chat.MessageCreated, chat.Message{Text: "the last of all"}),
		y.about("b", chat.MessageCreated, chat.Message{Text: "the last of all"}), y.about("t", chat.MessageCreated, chat.Message{Text: "the last of all"}))
	x.eventually("last", []chat.RoomID{"b", "other"}, "the last of all", "the last of all", "apple at last")
	x.eventually("all", []chat.RoomID{"a"}, "the last of all", "the last of all") // the thread's too

	has := func(m *chat.Message, words ...string) bool {
		for _, w := range words {
			if !slices.ContainsFunc(tokensOf(m.Words()), func(t string) bool { return len(t) >= len(w) && t[:len(w)] == w }) {
				return false
			}
		}
		return true
	}
	for i, q := range []chat.Query{
		{Text: "apple"}, {Text: "APPLE pi"}, {Text: "pear", From: "u1"}, {Text: "apple", Link: true}, {Text: "apple", File: true}, {Text: "pdf plan"}, {Text: "no"},
		{Text: "apple", After: benchTime.Add(100 * time.Second)}, {Text: "apple", Before: benchTime.Add(100 * time.Second)},
		{Text: "apple", After: benchTime.Add(100 * time.Second), Before: benchTime.Add(200 * time.Second), From: "u2", File: true},
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
			slices.SortFunc(want, func(a, b chat.Message) int { return b.Place().Compare(a.Place()) })
			for _, limit := range []int{3, 1000} {
				var got []chat.Message
				for before, pages := (chat.Place{}), 0; ; pages++ {
					found, err := x.Search(t.Context(), in, q, before, limit)
					if err != nil || len(found.Messages) > limit || pages > len(want)+1 {
						t.Fatal(len(found.Messages), err)
					}
					got = append(got, found.Messages...)
					if before = found.Until; before == (chat.Place{}) {
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
	tokens(text, func(word string) { all = append(all, word) }, func(run []rune) { all = append(all, string(run)) })
	return all
}
