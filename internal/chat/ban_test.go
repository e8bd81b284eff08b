package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// wantError fails the test unless err is the refusal, and names what the person
// should know.
func wantError(t *testing.T, what string, err error, want *chat.Error, parts ...string) {
	t.Helper()
	refused(t, what, err, want)
	for _, part := range parts {
		if !strings.Contains(chat.AsError(err).Message, part) {
			t.Errorf("%s: %v does not say %q", what, err, part)
		}
	}
}

func TestArchivedRoom(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, joe, mary, zoe := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember),
		f.Person("Mary", chat.RoleMember), f.Person("Zoe", chat.RoleMember)
	room := f.Room(joe, chat.Public, mary)
	first := f.Say(mary, room, "first")
	if _, err := f.Send(ctx, mary, chat.SendInput{Room: room, Thread: first.No, Text: "answer"}); err != nil {
		t.Fatal(err)
	}
	thread := chat.ThreadID(room, first.No)
	second := f.Say(joe, room, "second")
	yes, no := true, false
	_, err := f.UpdateRoom(ctx, mary, chat.UpdateRoomInput{Room: room, Archived: &yes})
	refused(t, "archiving as a member", err, chat.ErrForbidden)
	_, err = f.UpdateRoom(ctx, owner, chat.UpdateRoomInput{Room: chat.GeneralID, Archived: &yes})
	refused(t, "archiving General", err, chat.ErrForbidden)
	view, err := f.UpdateRoom(ctx, joe, chat.UpdateRoomInput{Room: room, Archived: &yes})
	if err != nil || !view.Archived {
		t.Fatalf("%+v, %v", view, err)
	}
	at := chat.MessageInput{Room: room, No: first.No}
	for what, try := range map[string]func(chat.Caller) error{
		"sending": func(w chat.Caller) error {
			_,
				err := f.Send(ctx, w, chat.SendInput{Room: room, Text: "x"})
			return err
		},
		"answering": func(w chat.Caller) error {
			_, err := f.Send(ctx, w, chat.SendInput{Room: thread, Text: "x"})
			return err
		},
		"answering a message": func(w chat.Caller) error {
			_, err := f.Send(ctx, w, chat.SendInput{Room: room, Thread: first.No, Text: "x"})
			return err
		},
		"starting a thread": func(w chat.Caller) error {
			_, err := f.FollowThread(ctx, w, chat.MessageInput{Room: room, No: second.No})
			return err
		},
		"pinning": func(w chat.Caller) error { _, err := f.PinMessage(ctx, w, at); return err },
		"reacting": func(w chat.Caller) error {
			_, err := f.AddReaction(ctx, w, chat.ReactionInput{Room: room, No: first.No, Emoji: "👍"})
			return err
		},
		"reacting in a thread": func(w chat.Caller) error {
			_, err := f.AddReaction(ctx, w, chat.ReactionInput{Room: thread, No: 1, Emoji: "👍"})
			return err
		},
	} {
		for _, who := range []chat.Caller{joe, mary} {
			wantError(t, what+" as "+who.User.Name, try(who), chat.ErrForbidden, "archived")
		}
	}
	_, err = f.EditMessage(ctx, mary, chat.EditInput{Room: room, No: first.No, Text: "other"})
	wantError(t, "editing", err, chat.ErrForbidden, "archived")
	_, err = f.EditMessage(ctx, mary, chat.EditInput{Room: thread, No: 1, Text: "other"})
	wantError(t, "editing in a thread", err, chat.ErrForbidden, "archived")
	_, err = f.DeleteMessage(ctx, mary, at)
	wantError(t, "deleting one's own", err, chat.ErrForbidden, "archived")
	_, err = f.DeleteMessage(ctx, mary, chat.MessageInput{Room: thread, No: 1})
	wantError(t, "deleting one's own in a thread", err, chat.ErrForbidden, "archived")
	_, err = f.JoinRoom(ctx, zoe, chat.RoomInput{Room: room})
	wantError(t, "joining", err, chat.ErrForbidden, "archived")
	_, err = f.AddMember(ctx, joe, chat.MemberInput{Room: room, User: zoe.User.ID})
	wantError(t, "adding somebody", err, chat.ErrForbidden, "archived")
	_, err = f.CreateHook(ctx, joe, chat.HookInput{Room: room, Name: "Hook"})
	wantError(t, "making a webhook", err, chat.ErrForbidden, "archived")

	if page, err := f.ListMessages(ctx, mary, chat.MessageListInput{Room: room}); err != nil ||
		len(page.Messages) != 2 {
		t.Errorf("reading: %+v, %v", page, err)
	}
	if _, err := f.FollowThread(ctx, joe, at); err != nil {
		t.Errorf("following a thread that is there: %v", err)
	}
	if _, err := f.MarkRead(ctx, mary, chat.ReadInput{Room: room, No: 2}); err != nil {
		t.Errorf("marking as read: %v", err)
	}
	if _, err := f.DeleteMessage(ctx, joe, at); err != nil {
		t.Errorf("deleting as a moderator: %v", err)
	}
	if _, err := f.LeaveRoom(ctx, mary, chat.RoomInput{Room: room}); err != nil {
		t.Errorf("leaving: %v", err)
	}
	if _, err := f.UpdateRoom(ctx, joe, chat.UpdateRoomInput{Room: room, Archived: &no}); err != nil {
		t.Fatal(err)
	}
	f.Say(joe, room, "back")
	direct, err := f.OpenDirect(ctx, joe, chat.OpenDirectInput{User: mary.User.ID})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.UpdateRoom(ctx, joe, chat.UpdateRoomInput{Room: direct.ID, Archived: &yes})
	refused(t, "archiving a direct room", err, chat.ErrForbidden)
	_, err = f.UpdateRoom(ctx, joe, chat.UpdateRoomInput{Room: thread, Archived: &yes})
	refused(t, "archiving a thread", err, chat.ErrForbidden)
}

func TestSlowRoom(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, joe, mary := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember),
		f.Person("Mary", chat.RoleMember)
	open, closed := f.Room(joe, chat.Public, owner, mary), f.Room(joe, chat.Private, owner, mary)
	for _, slow := range []int{-1, 21601} {
		_, err := f.UpdateRoom(ctx, joe, chat.UpdateRoomInput{Room: open, Slow: &slow})
		refused(t, "too slow", err, chat.ErrInvalid)
	}
	slow := 30
	for _, room := range []chat.RoomID{open, closed} {
		if view, err := f.UpdateRoom(ctx, joe,
			chat.UpdateRoomInput{Room: room, Slow: &slow}); err != nil || view.Slow != 30 {
			t.Fatalf("%+v, %v", view, err)
		}
	}
	in := chat.SendInput{Room: open, Text: "one", ClientID: "c1"}
	first, err := f.Send(ctx, mary, in)
	if err != nil {
		t.Fatal(err)
	}
	f.Wait(10 * time.Second)
	_, err = f.Send(ctx, mary, chat.SendInput{Room: open, Text: "two"})
	wantError(t, "the next too soon", err, chat.ErrRateLimited, "Slow mode")
	if wait := chat.AsError(err).RetryAfter; wait != 20*time.Second {
		t.Errorf("retry after %s", wait)
	}
	if again, err := f.Send(ctx, mary, in); err != nil || again.No != first.No {
		t.Errorf("a retry: %+v, %v", again, err)
	}
	if _, err := f.Send(ctx, mary,
		chat.SendInput{Room: open, Thread: first.No, Text: "answers are not slow"}); err != nil {
		t.Error(err)
	}
	f.Say(joe, open, "a moderator")
	f.Say(joe, open, "does not wait")
	f.Say(owner, open, "nor does an owner")
	f.Say(owner, open, "in a public room")
	f.Say(owner, closed, "but does")
	_, err = f.Send(ctx, owner, chat.SendInput{Room: closed, Text: "in a private one"})
	refused(t, "an owner in a private room", err, chat.ErrRateLimited)
	f.Wait(20 * time.Second)
	f.Say(mary, open, "two")
}

func TestBan(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, joe, mary, zoe, guest := f.Person("Pablo", chat.RoleOwner),
		f.Person("Joe", chat.RoleMember), f.Person("Mary", chat.RoleMember),
		f.Person("Zoe", chat.RoleMember), f.Person("Gus", chat.RoleGuest)
	room := f.Room(joe, chat.Public, owner, mary, zoe)
	m := f.Say(mary, room, "first")
	thread, err := f.FollowThread(ctx, mary, chat.MessageInput{Room: room, No: m.No})
	if err != nil {
		t.Fatal(err)
	}
	in := chat.BanInput{Room: room, User: mary.User.ID, Seconds: 3600, Reason: "spam"}
	_, err = f.BanMember(ctx, zoe, in)
	refused(t, "as a member", err, chat.ErrForbidden)
	_, err = f.ListBans(ctx, zoe, chat.RoomInput{Room: room})
	refused(t, "listing as a member", err, chat.ErrForbidden)
	for what, whom := range map[string]chat.Caller{"oneself": joe, "an owner": owner} {
		_, err = f.BanMember(ctx, joe, chat.BanInput{Room: room, User: whom.User.ID})
		refused(t, what, err, chat.ErrForbidden)
	}
	_, err = f.BanMember(ctx, joe, chat.BanInput{Room: room, User: "nobody"})
	refused(t, "nobody", err, chat.ErrNotFound)
	_, err = f.BanMember(ctx, owner, chat.BanInput{Room: chat.GeneralID, User: mary.User.ID})
	refused(t, "a member from General", err, chat.ErrForbidden)
	ban, err := f.BanMember(ctx, joe, in)
	if err != nil || ban.Until.IsZero() || ban.By != joe.User.ID || ban.Reason != "spam" {
		t.Fatalf("%+v, %v", ban, err)
	}
	gone := func() {
		t.Helper()
		rooms, err := f.ListRooms(ctx, mary, chat.None{})
		if err != nil || len(rooms.Rooms) != 1 {
			t.Fatalf("her rooms: %+v, %v", rooms, err)
		}
		for what, id := range map[string]chat.RoomID{"room": room, "thread": thread.ID} {
			_, err = f.Send(ctx, mary, chat.SendInput{Room: id, Text: "x"})
			refused(t, "sending to the "+what, err, chat.ErrNotFound)
		}
		_, err = f.JoinRoom(ctx, mary, chat.RoomInput{Room: room})
		wantError(t, "joining", err, chat.ErrForbidden, "banned", "spam")
		_, err = f.AddMember(ctx, joe, chat.MemberInput{Room: room, User: mary.User.ID})
		wantError(t, "being added", err, chat.ErrForbidden, "banned", "spam")
	}
	gone()
	// Again, for good: the last word counts, and there is one of it.
	if _, err = f.BanMember(ctx, joe,
		chat.BanInput{Room: room, User: mary.User.ID, Reason: "more spam"}); err != nil {
		t.Fatal(err)
	}
	f.Wait(2 * time.Hour)
	gone()
	list, err := f.ListBans(ctx, owner, chat.RoomInput{Room: room})
	if err != nil || len(list.Bans) != 1 || list.Bans[0].Reason != "more spam" ||
		!list.Bans[0].Until.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := f.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	gone()
	_, err = f.LiftBan(ctx, zoe, chat.MemberInput{Room: room, User: mary.User.ID})
	refused(t, "lifting as a member", err, chat.ErrForbidden)
	if _, err = f.LiftBan(ctx, joe, chat.MemberInput{Room: room, User: mary.User.ID}); err != nil {
		t.Fatal(err)
	}
	_, err = f.LiftBan(ctx, joe, chat.MemberInput{Room: room, User: mary.User.ID})
	refused(t, "lifting what is not there", err, chat.ErrNotFound)
	if _, err = f.JoinRoom(ctx, mary, chat.RoomInput{Room: room}); err != nil {
		t.Fatal(err)
	}
	// One that is over, and one of somebody who is not there.
	for _, u := range []chat.Caller{mary, guest} {
		if _, err = f.BanMember(ctx, joe,
			chat.BanInput{Room: room, User: u.User.ID, Seconds: 60}); err != nil {
			t.Fatal(err)
		}
	}
	f.Wait(time.Minute)
	if list, err := f.ListBans(ctx, joe, chat.RoomInput{Room: room}); err != nil || len(list.Bans) != 0 {
		t.Errorf("bans that are over: %+v, %v", list, err)
	}
	if err := f.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	if left, err := f.Store.Records(ctx, "ban", "", 10); err != nil || len(left) != 0 {
		t.Errorf("bans that are over: %v, %v", left, err)
	}
	if _, err = f.JoinRoom(ctx, mary, chat.RoomInput{Room: room}); err != nil {
		t.Error(err)
	}
	entries, err := f.ListAudit(ctx, joe, chat.AuditInput{Room: room})
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, e := range entries.Entries {
		told = e.Action + " " + e.Detail + " " + e.Reason + "\n" + told
	}
	if want := "member.ban for 1h0m0s spam\nmember.ban permanently more spam\nban.lift"; !strings.Contains(told, want) {
		t.Errorf("the audit log:\n%s", told)
	}
}

// TestBanRace has people come in while they are banned: in the end nobody is
// in.
func TestBanRace(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	joe, mary := f.Person("Joe", chat.RoleOwner), f.Person("Mary", chat.RoleMember)
	for range 50 {
		room := f.Room(joe, chat.Public)
		var wg sync.WaitGroup
		for _, try := range []func() error{
			func() error { _, err := f.JoinRoom(ctx, mary, chat.RoomInput{Room: room}); return err },
			func() error {
				_, err := f.AddMember(ctx, joe, chat.MemberInput{Room: room, User: mary.User.ID})
				return err
			},
			func() error {
				_, err := f.BanMember(ctx, joe, chat.BanInput{Room: room, User: mary.User.ID})
				return err
			},
		} {
			wg.Go(func() {
				if err := try(); err != nil && !errors.Is(err, chat.ErrForbidden) &&
					!errors.Is(err, chat.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := f.Store.Member(ctx, room, mary.User.ID); !errors.Is(err, chat.ErrNotFound) {
			t.Fatalf("she is in: %v", err)
		}
		if rooms, err := f.ListRooms(ctx, mary, chat.None{}); err != nil || len(rooms.Rooms) != 1 {
			t.Fatalf("her rooms: %+v, %v", rooms, err)
		}
	}
}

// beforeJoin is a store in which something happens just before a person comes
// into a room.
type beforeJoin struct {
	chat.Store
	do func()
}

func (s *beforeJoin) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if do := s.do; do != nil && changes[0].Kind() == chat.MemberJoined {
		s.do = nil
		do()
	}
	return s.Store.Commit(ctx, changes...)
}

// TestRestrictedWhileJoining: bans and mutes that come between the judgement
// and the joining hold.
func TestRestrictedWhileJoining(t *testing.T) {
	store := &beforeJoin{}
	f := newFixture(t, func(c *chat.Config) { store.Store, c.Store = c.Store, store })
	joe, mary := f.Person("Joe", chat.RoleOwner), f.Person("Mary", chat.RoleMember)
	room := f.Room(joe, chat.Public, mary)
	join := func(do func()) error {
		must(t, "leave", errOf(f.LeaveRoom(t.Context(), mary, chat.RoomInput{Room: room})))
		store.do = do
		return errOf(f.JoinRoom(t.Context(), mary, chat.RoomInput{Room: room}))
	}
	must(t, "join", join(func() {
		// As another node that still saw her as a member.
		value, err := json.Marshal(chat.Mute{Until: f.Now().Add(time.Hour), By: joe.User.ID})
		must(t, "encode", err)
		must(t, "mute", errOf(f.Store.PutRecord(t.Context(), "mute",
			string(room)+"/"+string(mary.User.ID)+"/1", 0, value)))
	}))
	refused(t, "write", errOf(f.Send(t.Context(), mary, chat.SendInput{Room: room, Text: "x"})),
		chat.ErrForbidden)
	refused(t, "join while banned", join(func() {
		must(t, "ban", errOf(f.BanMember(t.Context(), joe,
			chat.BanInput{Room: room, User: mary.User.ID, Reason: "spam"})))
	}), chat.ErrForbidden)
	if _, err := f.Store.Member(t.Context(), room, mary.User.ID); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("she is in: %v", err)
	}
	if rooms, err := f.ListRooms(t.Context(), mary, chat.None{}); err != nil || len(rooms.Rooms) != 1 {
		t.Errorf("her rooms: %+v, %v", rooms, err)
	}
}
