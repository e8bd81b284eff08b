package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// search returns the texts of all that is found, page by page.
func (f *fixture) search(who chat.Caller, in chat.SearchInput) (texts []string) {
	f.T.Helper()
	for pages := 0; ; pages++ {
		f.Wait(time.Second) // for the limit
		r, err := f.Search(f.T.Context(), who, in)
		if err != nil || pages > 100 || r.Next != "" && r.Until.IsZero() {
			f.T.Fatalf("page %d of %+v: %+v, %v", pages, in, r, err)
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
	f := newFixture(t, nil)
	ann, bob, eve := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember),
		f.Person("eve", chat.RoleMember)
	one, two := f.Room(ann, chat.Private, bob), f.Room(ann, chat.Private)
	say := func(who chat.Caller, room chat.RoomID, text string) chat.Message {
		f.Wait(time.Minute)
		return f.Say(who, room, text)
	}
	say(ann, one, "Apples and pears")
	root := say(bob, one, "I like apple pie: https://example.org/pie")
	say(ann, two, "an apple of mine alone")
	middle := f.Now()
	deleted := say(bob, one, "apple that is deleted")
	edited := say(bob, one, "apple that is edited")
	say(ann, two, "東京都のりんご")
	f.Wait(time.Minute)
	reply, err := f.Send(t.Context(), bob,
		chat.SendInput{Room: one, Thread: root.No, Text: "apple in the thread"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.DeleteMessage(t.Context(), bob, chat.MessageInput{Room: one, No: deleted.No}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.EditMessage(t.Context(), bob,
		chat.EditInput{Room: one, No: edited.No, Text: "now a pear"}); err != nil {
		t.Fatal(err)
	}
	for _, who := range []chat.Caller{ann, bob} { // one reaction is its author's own
		if _, err := f.AddReaction(t.Context(), who,
			chat.ReactionInput{Room: one, No: root.No, Emoji: "👍"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.AddReaction(t.Context(), bob,
		chat.ReactionInput{Room: one, No: edited.No, Emoji: "👍"}); err != nil {
		t.Fatal(err)
	}
	say(ann, one, "@bob and @ann")
	say(bob, one, "@here, look")
	const thread, mine, pie, first = "apple in the thread", "an apple of mine alone",
		"I like apple pie: https://example.org/pie", "Apples and pears"
	day := func(t time.Time) string { return t.Format(time.RFC3339) }
	for _, test := range []struct {
		who  chat.Caller
		in   chat.SearchInput
		want []string
	}{
		{bob, chat.SearchInput{Text: "apple"}, []string{thread, pie, first}},
		// the model has no index: ann does not follow the thread
		{ann, chat.SearchInput{Text: "APPLE"}, []string{mine, pie, first}},
		{ann, chat.SearchInput{Text: "apple", Room: reply.Room}, []string{thread}},
		{eve, chat.SearchInput{Text: "apple"}, nil},
		{bob, chat.SearchInput{Text: "pear"}, []string{"now a pear", first}},
		{bob, chat.SearchInput{Text: "pears apples"}, []string{first}},
		{bob, chat.SearchInput{Text: "deleted"}, nil},
		{bob, chat.SearchInput{Text: "edited"}, nil},
		{bob, chat.SearchInput{Text: "pple"}, nil},
		{bob, chat.SearchInput{Text: "🍏"}, nil},
		{bob, chat.SearchInput{Text: `"and pears"`}, []string{first}},
		{bob, chat.SearchInput{Text: `"pears and"`}, nil},
		{bob, chat.SearchInput{Text: "example.org/pie"}, []string{pie}},
		{bob, chat.SearchInput{Text: "org.example"}, nil},
		{bob, chat.SearchInput{Text: "apple", From: ann.User.ID}, []string{first}},
		{bob, chat.SearchInput{From: bob.User.ID, Room: one}, []string{"@here, look", "now a pear", pie}},
		{bob, chat.SearchInput{Mentions: bob.User.ID}, []string{"@bob and @ann"}},
		{ann, chat.SearchInput{Mentions: ann.User.ID}, []string{"@here, look"}},
		{eve, chat.SearchInput{Mentions: bob.User.ID}, nil},
		{bob, chat.SearchInput{Has: "reaction"}, []string{pie}},
		{bob, chat.SearchInput{Has: "reaction", From: ann.User.ID}, nil},
		{bob, chat.SearchInput{Has: "link"}, []string{pie}},
		{bob, chat.SearchInput{Has: "file"}, nil},
		{ann, chat.SearchInput{Text: "apple", Before: day(middle)}, []string{pie, first}},
		{ann, chat.SearchInput{Text: "apple", After: day(middle)}, []string{mine}},
		{ann, chat.SearchInput{Text: "apple", Before: "2026-01-02"}, nil},
		{ann, chat.SearchInput{Text: "apple", After: "2026-01-02", Before: "2026-01-03", Room: two},
			[]string{mine}},
		{ann, chat.SearchInput{Text: "京都"}, []string{"東京都のりんご"}},
	} {
		for _, limit := range []int{1, 2, 0} {
			test.in.Limit = limit
			if got := f.search(test.who, test.in); !slices.Equal(got, test.want) {
				t.Errorf("%s finds %q with %+v, want %q", test.who.User.Name, got, test.in, test.want)
			}
		}
	}
	for _, in := range []chat.SearchInput{{}, {Text: "\xff"}, {Text: "a b c d e f g h i j k l m n o p q"},
		{Text: "x", Has: "cheese"}, {Text: "x", After: "yesterday"}, {Text: "x", Before: "2026-13-01"},
		{Text: "x", Cursor: "nowhere"}, {Text: "x", Limit: -1}, {Text: "x", Limit: 1 << 20}, {Room: one}} {
		f.Wait(time.Second)
		_, err := f.Search(t.Context(), ann, in)
		refused(t, fmt.Sprintf("%+v", in), err, chat.ErrInvalid)
	}
	for _, room := range []chat.RoomID{one, reply.Room, "none"} {
		_, err := f.Search(t.Context(), eve, chat.SearchInput{Text: "apple", Room: room})
		refused(t, "a room of others", err, chat.ErrNotFound)
	}

	// Who has left the room finds nothing of it, nor of the threads there,
	// whatever is still on their list.
	if _, err := f.LeaveRoom(t.Context(), bob, chat.RoomInput{Room: one}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Store.Commit(t.Context(),
		chat.Change{Stream: chat.RoomStream(reply.Room), ID: "back",
			Op: chat.AddMember{Member: chat.Member{User: bob.User.ID}}},
		chat.Change{Stream: chat.UserStream(bob.User.ID), ID: "listed",
			Op: chat.ListRoom{Room: reply.Room}}); err != nil {
		t.Fatal(err)
	}
	if got := f.search(bob, chat.SearchInput{Text: "apple"}); got != nil {
		t.Errorf("who has left finds %q", got)
	}
}

// A search that reads looks at so many messages at a time, says how far back
// that was, and goes on from there.
func TestSearchGoesOn(t *testing.T) {
	f := newFixture(t, nil)
	ann := f.Person("ann", chat.RoleMember)
	rooms := []chat.RoomID{f.Room(ann, chat.Private), f.Room(ann, chat.Private)}
	const each, wanted = 9_000, 1_500
	var want []string
	for n := range each / 500 {
		for _, room := range rooms {
			var changes []chat.Change
			for i := range 500 {
				no := 500*n + i + 1
				text := "hay"
				if no%wanted == 0 {
					text = fmt.Sprintf("needle %d of %s", no, room)
					want = append(want, text)
				}
				changes = append(changes, chat.Change{Stream: chat.RoomStream(room),
					ID: fmt.Sprintf("%s-%06d", room, no), At: f.Now().Add(time.Duration(2*no) * time.Second),
					Op: chat.CreateMessage{From: ann.User.ID, Text: text}})
			}
			if _, err := f.Store.Commit(t.Context(), changes...); err != nil {
				t.Fatal(err)
			}
		}
	}
	in := chat.SearchInput{Text: "needle"}
	var got []string
	pages := 0
	for last := f.Now().Add(1000 * time.Hour); ; pages++ {
		r, err := f.Search(t.Context(), ann, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Messages {
			got = append(got, m.Text)
		}
		if in.Cursor = r.Next; in.Cursor == "" {
			break
		}
		if !r.Until.Before(last) {
			t.Fatalf("page %d looked back until %v, the one before until %v", pages, r.Until, last)
		}
		last = r.Until
	}
	if len(got) != len(want) || pages != 1 {
		t.Errorf("found %d in %d pages, want %d in 2", len(got), pages+1, len(want))
	}
	for _, text := range want {
		if !slices.Contains(got, text) {
			t.Errorf("%q was not found", text)
		}
	}
}

// indexed is a store with an index of words.
type indexed struct {
	*chattest.Model
	rooms []chat.RoomID
	query chat.Query
	place chat.SearchCursor
	found chat.Found
	err   error
}

func (s *indexed) Search(_ context.Context, rooms []chat.RoomID, q chat.Query, before chat.SearchCursor,
	limit int) (chat.Found, error) {
	s.rooms, s.query, s.place = rooms, q, before
	return s.found, s.err
}

// A store with an index is asked for what has words, in the caller's rooms.
func TestSearchIndex(t *testing.T) {
	store := &indexed{Model: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store = store })
	ann, bob := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember)
	one := f.Room(ann, chat.Private, bob)
	bobs := f.Room(bob, chat.Private)
	m := f.Say(bob, one, "some words")
	store.found = chat.Found{Messages: []chat.Message{m}, Until: m.Cursor()}
	r, err := f.Search(t.Context(), ann,
		chat.SearchInput{Text: " some words ", From: bob.User.ID, Has: "file"})
	if err != nil || len(r.Messages) != 1 || r.Next == "" || !r.Until.Equal(m.At) {
		t.Fatalf("%+v, %v", r, err)
	}
	if want := (chat.Query{Text: "some words", From: bob.User.ID,
		File: true}); store.query != want || !slices.Contains(store.rooms, one) ||
		slices.Contains(store.rooms, bobs) || store.place != (chat.SearchCursor{}) {
		t.Errorf("the index is asked for %+v in %v before %+v", store.query, store.rooms, store.place)
	}
	if _, err := f.Search(t.Context(), ann,
		chat.SearchInput{Text: "words", Cursor: r.Next}); err != nil || store.place != m.Cursor() {
		t.Errorf("the next page is before %+v, %v", store.place, err)
	}
	store.rooms = nil
	if _, err := f.Search(t.Context(), bob,
		chat.SearchInput{Text: "words", Room: one}); err != nil ||
		!slices.Equal(store.rooms, []chat.RoomID{one}) {
		t.Errorf("one room is %v, %v", store.rooms, err)
	}
	store.rooms = nil
	if r, err := f.Search(t.Context(), ann, chat.SearchInput{From: bob.User.ID}); err != nil ||
		store.rooms != nil || len(r.Messages) != 1 {
		t.Errorf("without words: %+v, %v, and the index is asked in %v", r, err, store.rooms)
	}
	store.err = chat.ErrUnavailable
	if _, err := f.Search(t.Context(), ann, chat.SearchInput{Text: "words"}); !errors.Is(err,
		chat.ErrUnavailable) {
		t.Error(err)
	}
}

// TestPhrasesAsAPlainScan: a search without an index finds what reading all
// texts finds.
func TestPhrasesAsAPlainScan(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits = chattest.Unlimited() })
	ann := f.Person("Ann", chat.RoleMember)
	room := f.Room(ann, chat.Private)
	var texts []string // newest first
	rapid.Check(t, func(r *rapid.T) {
		text := f.Say(ann, room, chattest.Text(r)).Text
		texts = append([]string{text}, texts...)
		query, wanted := chattest.Query(r)
		var want []string
		for _, text := range texts {
			if wanted(text) {
				want = append(want, text)
			}
		}
		f.Wait(time.Millisecond)
		if found := f.search(ann, chat.SearchInput{Text: query, Room: room}); !slices.Equal(found, want) {
			r.Fatalf("%q finds %q, want %q", query, found, want)
		}
	})
}

// TestSearchesAreCounted: against the person, with what else reads back through
// messages.
func TestSearchesAreCounted(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits.Sends = chat.Rate{Limit: 2, Window: time.Minute} })
	ann, ctx := f.Person("ann", chat.RoleMember), t.Context()
	room := f.Room(ann, chat.Private)
	must(t, "the first", errOf(f.Search(ctx, ann, chat.SearchInput{Text: "apple"})))
	must(t, "the second", errOf(f.ListFiles(ctx, ann, chat.FileListInput{Room: room})))
	refused(t, "the third", errOf(f.Search(ctx, ann, chat.SearchInput{Text: "apple"})), chat.ErrRateLimited)
	refused(t, "its files", errOf(f.ListFiles(ctx, ann, chat.FileListInput{Room: room})), chat.ErrRateLimited)
}
