package chat_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

// TestListsOfMessagesAreBounded: pins and earlier texts come in pages, and the
// newest messages of rooms are brief where they are many and large.
func TestListsOfMessagesAreBounded(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits = chattest.Unlimited() })
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	long := func(first string) string { return first + strings.Repeat("<é", 16<<10/3-10) }
	bounded := func(what string, page any) {
		t.Helper()
		if b, err := json.Marshal(page); err != nil || len(b) > 400<<10 {
			t.Fatalf("%s: %d bytes, %v", what, len(b), err)
		}
	}
	room := f.Room(ada, chat.Private)
	var want, got []int64
	for no := int64(1); no <= 40; no++ {
		f.Say(ada, room, long("p"))
		f.Wait(time.Second)
		must(t, "pin", errOf(f.PinMessage(t.Context(), ada, at(room, no))))
		want = append([]int64{no}, want...)
	}
	for in := (chat.PinListInput{Room: room}); ; in.After = got[len(got)-1] {
		page, err := f.ListPins(t.Context(), ada, in)
		must(t, "pins", err)
		bounded("pins", page)
		for _, m := range page.Messages {
			got = append(got, m.No)
		}
		if !page.More {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pins: %v", got)
	}
	refused(t, "after none", errOf(f.ListPins(t.Context(), ada, chat.PinListInput{Room: room, After: 41})),
		chat.ErrResync)

	for i := range 40 {
		if i%4 != 0 { // some in the same moment
			f.Wait(time.Second)
		}
		must(t, "edit", errOf(f.EditMessage(t.Context(), ada,
			chat.EditInput{Room: room, No: 1, Text: long(string(rune('A' + i)))})))
	}
	var edits []chat.Edit
	for in := (chat.EditListInput{Room: room, No: 1}); ; {
		page, err := f.ListEdits(t.Context(), ada, in)
		must(t, "edits", err)
		bounded("edits", page)
		if edits = append(edits, page.Edits...); !page.More {
			break
		}
		in.After = edits[len(edits)-1].At.Format(time.RFC3339Nano)
	}
	for i, e := range edits {
		if i > 0 && e.Text[0] != byte('A'+i-1) {
			t.Fatalf("edit %d begins with %.1q", i, e.Text)
		}
	}
	if len(edits) != 40 {
		t.Errorf("%d edits", len(edits))
	}

	for range 60 {
		f.Wait(time.Second)
		f.Say(ada, f.Room(ada, chat.Private, bob), long("l"))
	}
	list, err := f.ListRooms(t.Context(), bob, chat.None{})
	must(t, "rooms", err)
	bounded("rooms", list)
	whole := 0
	for _, v := range list.Rooms {
		if v.Last != nil && len(v.Last.Text) > 1000 {
			whole++
		} else if v.Last != nil && (!strings.HasPrefix(v.Last.Text, "l<é") || !utf8.ValidString(v.Last.Text)) {
			t.Errorf("a brief message is %q", v.Last.Text)
		}
	}
	if whole < 5 {
		t.Errorf("%d messages are whole", whole)
	}
}
