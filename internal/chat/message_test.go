package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestMessages(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Sends.Limit = -1; cfg.Limits.Calls.Limit = -1 })
	a, b := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	first, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "a\r\nb", ClientID: "c1"})
	if err != nil || first.No != 1 || first.Text != "a\nb" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "a\r\nb", ClientID: "c1"})
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("a retry is another message: %v %s", err, diff)
	}
	otherDevice := a
	otherDevice.Device = "phone"
	if m, err := f.Send(t.Context(), otherDevice,
		chat.SendInput{Room: chat.GeneralID, Text: "x", ClientID: "c1"}); err != nil || m.No != 2 {
		t.Errorf("the same client id on another device: %+v, %v", m, err)
	}
	for text, want := range map[string]*chat.Error{"": chat.ErrInvalid, " \n\t ": chat.ErrInvalid,
		strings.Repeat("x", 16<<10+1): chat.ErrTooLarge, "\x00\x1b": chat.ErrInvalid,
		"\u200b\ufe0f": chat.ErrInvalid} {
		_, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: text})
		refused(t, "text "+shortly(text), err, want)
	}
	for _, id := range []string{strings.Repeat("x", 65), "a b", "ä"} {
		_, err := f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "x", ClientID: id})
		refused(t, "client id "+id, err, chat.ErrInvalid)
	}
	for range 8 {
		f.Say(b, chat.GeneralID, "more")
	}
	zero, five := int64(0), int64(5)
	for _, c := range []struct {
		in           chat.MessageListInput
		from, to     int64
		older, newer bool
	}{
		{chat.MessageListInput{Limit: 3}, 8, 10, true, false},
		{chat.MessageListInput{Before: 8, Limit: 3}, 5, 7, true, true},
		{chat.MessageListInput{Before: 3, Limit: 3}, 1, 2, false, true},
		{chat.MessageListInput{After: &zero, Limit: 3}, 1, 3, false, true},
		{chat.MessageListInput{After: &five}, 6, 10, true, false},
		{chat.MessageListInput{Around: 5, Limit: 4}, 3, 6, true, true},
	} {
		c.in.Room = chat.GeneralID
		page, err := f.ListMessages(t.Context(), a, c.in)
		if err != nil || len(page.Messages) == 0 {
			t.Fatal(page, err)
		}
		n := len(page.Messages)
		if page.Messages[0].No != c.from || page.Messages[n-1].No != c.to ||
			page.MoreOlder != c.older || page.MoreNewer != c.newer {
			t.Errorf("%+v: %d to %d, older %v, newer %v", c.in, page.Messages[0].No,
				page.Messages[n-1].No, page.MoreOlder, page.MoreNewer)
		}
	}
	for _, in := range []chat.MessageListInput{{Before: -1}, {Limit: -1}, {Limit: 201},
		{Before: 3, Around: 4}} {
		in.Room = chat.GeneralID
		_, err := f.ListMessages(t.Context(), a, in)
		refused(t, "a bad page", err, chat.ErrInvalid)
	}
	_, err = f.GetMessage(t.Context(), a, chat.MessageInput{Room: chat.GeneralID, No: 99})
	refused(t, "a message that is not there", err, chat.ErrNotFound)
}

func TestEventsAndLimits(t *testing.T) {
	bell := new(chattest.Bell)
	f := newFixture(t, func(c *chat.Config) { c.Bell = bell })
	a := f.Person("Pablo", chat.RoleOwner)
	view, _ := f.GetRoom(t.Context(), a, chat.RoomInput{Room: chat.GeneralID})
	for range 5 {
		f.Say(a, chat.GeneralID, "x")
	}
	in := chat.EventListInput{Room: chat.GeneralID, Epoch: view.Position.Epoch,
		Seq: view.Position.Seq, ID: view.Position.ID, Limit: 3}
	list, err := f.ListEvents(t.Context(), a, in)
	if err != nil || len(list.Events) != 3 || !list.More || !list.Events[0].Follows(view.Position) {
		t.Errorf("%+v, %v", list, err)
	}
	in.Epoch = "another"
	_, err = f.ListEvents(t.Context(), a, in)
	refused(t, "another epoch", err, chat.ErrResync)
	in.Seq = -1
	_, err = f.ListEvents(t.Context(), a, in)
	refused(t, "a negative position", err, chat.ErrInvalid)

	for range chat.DefaultLimits.Sends.Limit - 5 {
		f.Say(a, chat.GeneralID, "x")
	}
	_, err = f.Send(t.Context(), a, chat.SendInput{Room: chat.GeneralID, Text: "x"})
	refused(t, "sending too often", err, chat.ErrRateLimited)
	f.Wait(10 * time.Second)
	f.Say(a, chat.GeneralID, "x")
	if _, err := f.SendTyping(t.Context(), a, chat.RoomInput{Room: chat.GeneralID}); err != nil ||
		len(bell.Signals()) != 1 || bell.Signals()[0].User != a.User.ID {
		t.Errorf("%v, signals %+v", err, bell.Signals())
	}
}
