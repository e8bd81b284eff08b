package chat_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func TestMute(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, joe, mary, zoe := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember),
		f.Person("Mary", chat.RoleMember), f.Person("Zoe", chat.RoleMember)
	room := f.Room(joe, chat.Public, owner, mary, zoe)
	m := f.Say(mary, room, "first")
	thread, err := f.FollowThread(ctx, mary, chat.MessageInput{Room: room, No: m.No})
	if err != nil {
		t.Fatal(err)
	}
	in := chat.MuteInput{Room: room, User: mary.User.ID, Seconds: 3600, Reason: " too  loud "}
	_, err = f.MuteMember(ctx, zoe, in)
	refused(t, "as a member", err, chat.ErrForbidden)
	for what, bad := range map[string]chat.MuteInput{
		"no time":       {Room: room, User: mary.User.ID},
		"a time before": {Room: room, User: mary.User.ID, Seconds: -1},
		"for ever":      {Room: room, User: mary.User.ID, Seconds: 1 << 40},
		"a long reason": {Room: room, User: mary.User.ID, Seconds: 1, Reason: strings.Repeat("x", 251)},
	} {
		_, err = f.MuteMember(ctx, joe, bad)
		refused(t, what, err, chat.ErrInvalid)
	}
	for what, whom := range map[string]chat.Caller{"oneself": joe, "an owner": owner} {
		_, err = f.MuteMember(ctx, joe, chat.MuteInput{Room: room, User: whom.User.ID, Seconds: 60})
		refused(t, what, err, chat.ErrForbidden)
	}
	member, err := f.MuteMember(ctx, joe, in)
	if err != nil || member.Role != chat.RoomMember || member.Mute.Reason != "too loud" ||
		member.Mute.By != joe.User.ID || member.Mute.Until.IsZero() {
		t.Fatalf("%+v, %v", member, err)
	}
	silent := func(what string) {
		t.Helper()
		for what2, try := range map[string]func() error{
			"sending": func() error {
				_,
					err := f.Send(ctx, mary, chat.SendInput{Room: room, Text: "x"})
				return err
			},
			"answering": func() error {
				_,
					err := f.Send(ctx, mary, chat.SendInput{Room: thread.ID, Text: "x"})
				return err
			},
			"answering a message": func() error {
				_, err := f.Send(ctx, mary, chat.SendInput{Room: room, Thread: m.No, Text: "x"})
				return err
			},
			"editing": func() error {
				_, err := f.EditMessage(ctx, mary, chat.EditInput{Room: room, No: m.No, Text: "y"})
				return err
			},
			"reacting": func() error {
				_, err := f.AddReaction(ctx, mary, chat.ReactionInput{Room: room, No: m.No, Emoji: "👍"})
				return err
			},
			"pinning": func() error {
				_,
					err := f.PinMessage(ctx, mary, chat.MessageInput{Room: room, No: m.No})
				return err
			},
			"typing": func() error {
				_,
					err := f.SendTyping(ctx, mary, chat.RoomInput{Room: room})
				return err
			},
			"typing in the thread": func() error {
				_,
					err := f.SendTyping(ctx, mary, chat.RoomInput{Room: thread.ID})
				return err
			},
		} {
			wantError(t, what+": "+what2, try(), chat.ErrForbidden, "muted")
		}
	}
	silent("muted")
	f.Say(zoe, room, "others are not")
	view, err := f.GetRoom(ctx, mary, chat.RoomInput{Room: room})
	if err != nil || view.Mute != member.Mute {
		t.Errorf("what she sees: %+v, %v", view.Mute, err)
	}
	// Leaving and coming back, by herself or added, is no way out.
	for _, back := range []func() error{
		func() error { _, err := f.JoinRoom(ctx, mary, chat.RoomInput{Room: room}); return err },
		func() error {
			_, err := f.AddMember(ctx, joe, chat.MemberInput{Room: room, User: mary.User.ID})
			return err
		},
	} {
		if _, err := f.LeaveRoom(ctx, mary, chat.RoomInput{Room: room}); err != nil {
			t.Fatal(err)
		}
		if err := back(); err != nil {
			t.Fatal(err)
		}
		silent("after leaving")
	}
	if _, err := f.DeleteMessage(ctx, mary, chat.MessageInput{Room: room, No: m.No}); err != nil {
		t.Errorf("deleting her own: %v", err)
	}
	m = f.Say(zoe, room, "another")
	if member, err = f.UnmuteMember(ctx, joe,
		chat.MemberInput{Room: room, User: mary.User.ID}); err != nil || member.Mute != (chat.Mute{}) {
		t.Fatalf("%+v, %v", member, err)
	}
	f.Say(mary, room, "free")
	if _, err := f.MuteMember(ctx, joe,
		chat.MuteInput{Room: room, User: mary.User.ID, Seconds: 60}); err != nil {
		t.Fatal(err)
	}
	f.Wait(time.Minute)
	f.Say(mary, room, "free again")
	_, err = f.MuteMember(ctx, joe, chat.MuteInput{Room: room, User: "nobody", Seconds: 60})
	refused(t, "nobody", err, chat.ErrNotFound)
	_, err = f.UnmuteMember(ctx, zoe, chat.MemberInput{Room: room, User: mary.User.ID})
	refused(t, "unmuting as a member", err, chat.ErrForbidden)
	if err := f.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	if left, err := f.Store.Records(ctx, "mute", "", 10); err != nil || len(left) != 0 {
		t.Errorf("mutes that are over: %v, %v", left, err)
	}
}

// TestMuteRace has somebody come in again while they are muted: in the end they
// are muted.
func TestMuteRace(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	joe, mary := f.Person("Joe", chat.RoleOwner), f.Person("Mary", chat.RoleMember)
	for range 50 {
		room := f.Room(joe, chat.Public, mary)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := f.LeaveRoom(ctx, mary, chat.RoomInput{Room: room}); err != nil {
				t.Error(err)
			}
			if _, err := f.JoinRoom(ctx, mary, chat.RoomInput{Room: room}); err != nil {
				t.Error(err)
			}
		})
		muted := false
		wg.Go(func() {
			_, err := f.MuteMember(ctx, joe, chat.MuteInput{Room: room, User: mary.User.ID, Seconds: 60})
			if muted = err == nil; err != nil && !errors.Is(err, chat.ErrNotFound) {
				t.Error(err)
			}
		})
		wg.Wait()
		if _, err := f.Send(ctx, mary, chat.SendInput{Room: room, Text: "x"}); muted &&
			!errors.Is(err, chat.ErrForbidden) {
			t.Fatalf("she can send: %v", err)
		}
	}
}
