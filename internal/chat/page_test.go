package chat_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// A page of the longest messages has fewer of them and says that there are
// more; following its cursors finds each once.
func TestPagesAreBounded(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits = chattest.Unlimited() })
	ada := f.Person("Ada", chat.RoleMember)
	room := f.Room(ada, chat.Private)
	view, err := f.GetRoom(t.Context(), ada, chat.RoomInput{Room: room})
	must(t, "room", err)
	const most = 120
	want := make([]int64, most)
	for i := range want {
		text := strings.Repeat("long ", 3000)
		if i%3 == 0 {
			text = "long" + strings.Repeat("<", 16<<10-4) // six bytes each in JSON
		}
		f.Say(ada, room, text)
		want[i] = int64(i + 1)
	}
	bounded := func(what string, page any) {
		t.Helper()
		if b, err := json.Marshal(page); err != nil || len(b) > 400<<10 {
			t.Fatalf("%s: %d bytes, %v", what, len(b), err)
		}
	}
	list := func(in chat.MessageListInput) (chat.MessagePage, []int64) {
		t.Helper()
		in.Room, in.Limit = room, 100
		page, err := f.ListMessages(t.Context(), ada, in)
		must(t, "list", err)
		bounded("a page", page)
		var got []int64
		for _, m := range page.Messages {
			got = append(got, m.No)
		}
		return page, got
	}

	page, got := list(chat.MessageListInput{})
	for page.MoreOlder {
		var older []int64
		page, older = list(chat.MessageListInput{Before: got[0]})
		got = append(older, got...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("backwards: %v", got)
	}
	page, got = list(chat.MessageListInput{After: new(int64)})
	for page.MoreNewer {
		var newer []int64
		page, newer = list(chat.MessageListInput{After: &got[len(got)-1]})
		got = append(got, newer...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("forwards: %v", got)
	}
	page, got = list(chat.MessageListInput{Around: 60})
	if i := slices.Index(got, 60); !page.MoreOlder || !page.MoreNewer || i < 1 || len(got)-i < 2 {
		t.Errorf("around 60: %v", got)
	}

	got = nil
	for in := (chat.SearchInput{Text: "long", Room: room, Limit: 100}); ; {
		found, err := f.Search(t.Context(), ada, in)
		must(t, "search", err)
		bounded("a search", found)
		for _, m := range found.Messages {
			got = append(got, m.No)
		}
		if in.Cursor = found.Next; in.Cursor == "" {
			break
		}
	}
	slices.Reverse(got)
	if !slices.Equal(got, want) {
		t.Errorf("found: %v", got)
	}

	got = nil
	for at := view.Position; ; {
		events, err := f.ListEvents(t.Context(), ada, chat.EventListInput{Room: room, Epoch: at.Epoch,
			Seq: at.Seq, ID: at.ID, Limit: 100})
		must(t, "events", err)
		bounded("events", events)
		for _, e := range events.Events {
			got, at = append(got, e.Message.No), e.Position()
		}
		if !events.More {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("events: %v", got)
	}
}
