package chat_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// boundless is a fixture without limits by time: what is bounded is bounded for
// good.
func boundless(t *testing.T, change func(*chat.Limits)) *fixture {
	return newFixture(t, func(cfg *chat.Config) {
		none := chat.Rate{Limit: -1}
		cfg.Limits = chat.Limits{Sends: none, Calls: none, Logins: none, Guesses: none}
		if change != nil {
			change(&cfg.Limits)
		}
	})
}

// TestMarksAreBounded: what stands on one message, and what is pinned in one
// room. Who repeats what they have done is not refused.
func TestMarksAreBounded(t *testing.T) {
	f := boundless(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	for i := range 101 {
		f.Say(ada, room, fmt.Sprint(i))
	}
	pin := func(no int64) error { return errOf(f.PinMessage(t.Context(), ada, at(room, no))) }
	for no := int64(1); no <= 100; no++ {
		refused(t, "a pin", pin(no), nil)
	}
	refused(t, "a pin too many", pin(101), chat.ErrConflict)
	refused(t, "a pin again", pin(100), nil)
	refused(t, "off", errOf(f.UnpinMessage(t.Context(), ada, at(room, 1))), nil)
	refused(t, "another", pin(101), nil)

	react := func(who chat.Caller, no int64, emoji string) error {
		return errOf(f.AddReaction(t.Context(), who, chat.ReactionInput{Room: room, No: no, Emoji: emoji}))
	}
	for i := range 50 {
		refused(t, "an emoji", react(ada, 1, string(rune(0x1f600+i))), nil)
	}
	refused(t, "an emoji too many", react(ada, 1, "👍"), chat.ErrConflict)
	refused(t, "an emoji again", react(ada, 1, "😀"), nil)
	refused(t, "an emoji that is there", react(bob, 1, "😀"), nil)
	for i := range 2000 {
		_, err := f.Store.Commit(t.Context(),
			chat.Change{Stream: chat.RoomStream(room), ID: fmt.Sprint("r", i), At: time.Now(),
				Op: chat.AddReaction{Reaction: chat.Reaction{No: 2, Emoji: "👍",
					User: chat.UserID(fmt.Sprint("u", i))}}})
		refused(t, "a crowd", err, nil)
	}
	refused(t, "a reaction too many", react(ada, 2, "👍"), chat.ErrConflict)
	refused(t, "taken back", errOf(f.RemoveReaction(t.Context(), ada,
		chat.ReactionInput{Room: room, No: 2, Emoji: "👍"})), nil)
	for _, emoji := range []string{"", "a", "x👍", "👍 ", "\x00", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍"} {
		refused(t, fmt.Sprintf("%q as an emoji", emoji), react(ada, 3, emoji), chat.ErrInvalid)
	}

	for i := range 150 {
		refused(t, "an edit", errOf(f.EditMessage(t.Context(), ada,
			chat.EditInput{Room: room, No: 4, Text: fmt.Sprint("edit ", i)})), nil)
	}
	edits, err := f.ListEdits(t.Context(), bob, chat.EditListInput{Room: room, No: 4})
	if err != nil || len(edits.Edits) != chat.MaxEdits || edits.Edits[chat.MaxEdits-1].Text != "edit 148" {
		t.Errorf("%d earlier texts, %v", len(edits.Edits), err)
	}
}

// TestListsAreNotFilledByOthers: who answers all that somebody says leaves them
// rooms to go to.
func TestListsAreNotFilledByOthers(t *testing.T) {
	f := boundless(t, func(l *chat.Limits) { l.RoomsJoined = 10 })
	victim, eve, bob := f.Person("Victim", chat.RoleMember), f.Person("Eve", chat.RoleMember),
		f.Person("Bob", chat.RoleMember)
	room := f.Room(victim, chat.Public, eve, bob)
	lists := func(who chat.Caller) int {
		list, err := f.ListRooms(t.Context(), who, chat.None{})
		refused(t, "list", err, nil)
		return len(list.Rooms)
	}
	for i := range 7 {
		m := f.Say(victim, room, fmt.Sprint(i))
		answer := chat.SendInput{Room: room, Thread: m.No, Text: "@Bob look"}
		refused(t, "an answer", errOf(f.Send(t.Context(), eve, answer)), nil)
	}
	if v, e, b := lists(victim), lists(eve), lists(bob); v != 5 || e != 9 || b != 5 {
		t.Errorf("the victim is in %d rooms, who answers in %d, who is called in %d", v, e, b)
	}
	own := 0
	for ; own < 10; own++ {
		if _, err := f.CreateRoom(t.Context(), bob, chat.CreateRoomInput{Name: "x"}); err != nil {
			refused(t, "one room too many", err, chat.ErrForbidden)
			break
		}
	}
	if own != 5 {
		t.Errorf("who is called made %d rooms", own)
	}
	refused(t, "a room with somebody who is in enough",
		errOf(f.CreateRoom(t.Context(), victim,
			chat.CreateRoomInput{Name: "x", Users: []chat.UserID{bob.User.ID}})), chat.ErrForbidden)
	m := f.Say(eve, room, "more")
	refused(t, "one thread more", errOf(f.FollowThread(t.Context(), eve, at(room, m.No))), nil)
	m = f.Say(eve, room, "and more")
	refused(t, "one too many", errOf(f.FollowThread(t.Context(), eve, at(room, m.No))), chat.ErrForbidden)
}

// TestFastMaking: threads and webhooks are made no faster than people do.
func TestFastMaking(t *testing.T) {
	f := newFixture(t, nil)
	ada, eve := f.Person("Ada", chat.RoleMember), f.Person("Eve", chat.RoleMember)
	room := f.Room(ada, chat.Private, eve)
	for range 50 {
		f.Say(ada, room, "x")
	}
	made := func(do func(i int) error) (n int) {
		for {
			if err := do(n); err != nil {
				refused(t, "too fast", err, chat.ErrRateLimited)
				return n
			}
			n++
		}
	}
	threads := made(func(i int) error {
		return errOf(f.FollowThread(t.Context(), eve,
			at(room, int64(i%50)+1)))
	})
	hooks := made(func(i int) error {
		out, err := f.CreateHook(t.Context(), ada, chat.HookInput{Room: room, Name: "Robot"})
		if err == nil {
			_, err = f.DeleteHook(t.Context(), ada, chat.HookIDInput{Room: room, Bot: out.Hook.Bot.ID})
		}
		return err
	})
	if threads != 50 || hooks != 30 {
		t.Errorf("%d threads and %d webhooks at once", threads, hooks)
	}
}
