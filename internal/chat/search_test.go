package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// index is a search index that answers what a test wants.
type index struct {
	asked    []chat.Lookup
	hits     []chat.Hit
	next     int64
	err      error
	building bool
}

func (x *index) Find(_ context.Context, in chat.Lookup, limit int) ([]chat.Hit, int64, error) {
	x.asked = append(x.asked, in)
	hits := x.hits[:min(limit, len(x.hits))]
	x.hits = x.hits[len(hits):]
	return hits, x.next, x.err
}

func (*index) Matches(q *chat.Query, text string) bool { return !strings.Contains(text, "not this") }

func (*index) Inside(context.Context, *chat.Message) ([]string, error) { return nil, nil }

func (*index) Excerpt(*chat.Query, string) []chat.ExcerptPart { return nil }

func (*index) Similar(context.Context, string) ([]string, error) { return nil, nil }

func (x *index) Built() int {
	if x.building {
		return 50
	}
	return 100
}

// TestSearchRefuses: what cannot be looked for says why, and so does a server
// without an index.
func TestSearchRefuses(t *testing.T) {
	x := new(index)
	f := newFixture(t, func(c *chat.Config) { c.Index, c.Limits = x, chattest.Unlimited() })
	ann, eve := f.Person("ann", chat.RoleMember), f.Person("eve", chat.RoleMember)
	one := f.Room(ann, chat.Private)
	for _, in := range []chat.SearchInput{{}, {Text: "\xff"}, {Text: "a b c d e f g h i j k l m n o p q"},
		{Text: "x", Has: "cheese"}, {Text: "x", Is: "cheese"}, {Text: "x", After: "yesterday"},
		{Text: "x", Before: "2026-13-01"}, {Text: "x", Cursor: "nowhere"}, {Text: "x", Cursor: "-1"},
		{Text: "x", Cursor: "2.5"}, {Text: "x", Order: "oldest"}, {Text: "x", Order: "relevance", Cursor: "5"},
		{Text: "x", Order: "relevance", Cursor: "4.1"}, {Text: "x", Limit: -1}, {Text: "x", Limit: 1 << 20}, {Room: one}} {
		refused(t, fmt.Sprintf("%+v", in), errOf(f.Search(t.Context(), ann, in)), chat.ErrInvalid)
	}
	for _, room := range []chat.RoomID{one, "none"} {
		refused(t, "a room of others", errOf(f.Search(t.Context(), eve,
			chat.SearchInput{Text: "apple", Room: room})), chat.ErrNotFound)
	}
	if len(x.asked) > 0 {
		t.Errorf("the index is asked for %+v", x.asked)
	}
	x.err = chat.ErrUnavailable
	refused(t, "an index that fails", errOf(f.Search(t.Context(), ann, chat.SearchInput{Text: "x"})),
		chat.ErrUnavailable)
	f.Index = nil
	_, err := f.Search(t.Context(), ann, chat.SearchInput{Text: "x"})
	refused(t, "without an index", err, chat.ErrUnavailable)
	if e, ok := errors.AsType[*chat.Error](err); !ok || !strings.Contains(e.Message, "--search") {
		t.Errorf("without an index: %v", err)
	}
}

// TestSearchTrustsNoIndex: what an index finds is shown as the store has it, if
// the caller may read it and it is still wanted.
func TestSearchTrustsNoIndex(t *testing.T) {
	x := &index{building: true}
	f := newFixture(t, func(c *chat.Config) { c.Index = x })
	ann, bob := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember)
	one, bobs := f.Room(ann, chat.Private, bob), f.Room(bob, chat.Private)
	hit := func(room chat.RoomID, no int64) {
		x.hits = append(x.hits, chat.Hit{Room: room, Home: room, No: no, Place: int64(100 - len(x.hits))})
	}
	hit(bobs, f.Say(bob, bobs, "apple of bob's").No)
	hit(one, f.Say(ann, one, "apple").No)
	gone := f.Say(bob, one, "apple that is deleted")
	hit(one, gone.No)
	hit(one, f.Say(bob, one, "not this").No)
	hit(one, 99)
	hit("nowhere", 1)
	hit(one, f.Say(bob, one, "another apple").No)
	must(t, "delete", errOf(f.DeleteMessage(t.Context(), bob, chat.MessageInput{Room: one, No: gone.No})))
	r, err := f.Search(t.Context(), ann, chat.SearchInput{Text: " apple "})
	if err != nil || len(r.Messages) != 2 || r.Messages[0].Text != "apple" ||
		r.Messages[1].Text != "another apple" || r.Next != "" || !r.Building || r.Built != 50 {
		t.Errorf("%+v, %v", r, err)
	}
	in := x.asked[0]
	if in.Query.Text != "apple" || !slices.Contains(in.Rooms, one) || slices.Contains(in.Rooms, bobs) {
		t.Errorf("the index is asked for %+v", in)
	}
	x.asked, x.hits = nil, nil
	must(t, "the next page", errOf(f.Search(t.Context(), ann,
		chat.SearchInput{Text: "apple", Cursor: "77", Room: one})))
	if in := x.asked[0]; in.Below != 77 || !slices.Equal(in.Rooms, []chat.RoomID{one}) {
		t.Errorf("the index is asked for %+v", in)
	}
}

// TestSearchesAreCounted: against the person, with what else reads back through
// messages.
func TestSearchesAreCounted(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.Index, c.Limits.Sends = new(index), chat.Rate{Limit: 2, Window: time.Minute}
	})
	ann, ctx := f.Person("ann", chat.RoleMember), t.Context()
	room := f.Room(ann, chat.Private)
	must(t, "the first", errOf(f.Search(ctx, ann, chat.SearchInput{Text: "apple"})))
	must(t, "the second", errOf(f.ListFiles(ctx, ann, chat.FileListInput{Room: room})))
	refused(t, "the third", errOf(f.Search(ctx, ann, chat.SearchInput{Text: "apple"})), chat.ErrRateLimited)
	refused(t, "its files", errOf(f.ListFiles(ctx, ann, chat.FileListInput{Room: room})), chat.ErrRateLimited)
}
