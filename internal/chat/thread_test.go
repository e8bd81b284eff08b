package chat_test

import (
	"context"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestThreads(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob, cy, eve := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember),
		f.Person("Cy", chat.RoleMember), f.Person("Eve", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob, cy)
	f.Say(ada, room, "root")
	answer := func(who chat.Caller, text, client string) (chat.Message, error) {
		return f.Send(t.Context(), who, chat.SendInput{Room: room, Thread: 1, Text: text, ClientID: client})
	}
	_, err := answer(eve, "hi", "")
	refused(t, "an outsider's answer", err, chat.ErrNotFound)
	first, err := answer(bob, "first", "c1")
	refused(t, "an answer", err, nil)
	again, err := answer(bob, "first", "c1")
	if err != nil || again.ID != first.ID || first.Room == room || first.No != 1 {
		t.Errorf("sent %+v, again %+v, %v", first, again, err)
	}
	thread := first.Room
	root, err := f.GetMessage(t.Context(), cy, at(room, 1))
	if err != nil || root.Thread == nil || root.Thread.Room != thread || root.Thread.Replies != 1 ||
		!root.Thread.LastAt.Equal(first.At) {
		t.Errorf("the root shows %+v, %v", root.Thread, err)
	}

	following := func(who chat.Caller) *chat.RoomView {
		list, err := f.ListRooms(t.Context(), who, chat.None{})
		refused(t, "list", err, nil)
		for _, v := range list.Rooms {
			if v.ID == thread {
				return &v
			}
		}
		return nil
	}
	if v := following(ada); v == nil || v.Unread != 1 || v.Kind != chat.ThreadRoom ||
		v.Parent != room || v.Root != 1 {
		t.Errorf("the root's author sees %+v", v)
	}
	if v := following(cy); v != nil {
		t.Errorf("somebody else follows: %+v", v)
	}

	// All members may read it, react in it, and follow it.
	page, err := f.ListMessages(t.Context(), cy, chat.MessageListInput{Room: thread})
	if err != nil || len(page.Messages) != 1 || page.MoreOlder || page.MoreNewer {
		t.Errorf("a member of the room reads %+v, %v", page, err)
	}
	refused(t, "a reaction", errOf(f.AddReaction(t.Context(), cy,
		chat.ReactionInput{Room: thread, No: 1, Emoji: "👍"})), nil)
	refused(t, "an outsider's reading",
		errOf(f.ListMessages(t.Context(), eve, chat.MessageListInput{Room: thread})), chat.ErrNotFound)
	refused(t, "an outsider's sending",
		errOf(f.Send(t.Context(), eve, chat.SendInput{Room: thread, Text: "x"})), chat.ErrNotFound)
	refused(t, "an outsider's joining",
		errOf(f.JoinRoom(t.Context(), eve, chat.RoomInput{Room: thread})), chat.ErrNotFound)
	refused(t, "adding somebody", errOf(f.AddMember(t.Context(), ada,
		chat.MemberInput{Room: thread, User: eve.User.ID})), chat.ErrForbidden)
	refused(t, "a thread in a thread", errOf(f.FollowThread(t.Context(), ada, at(thread, 1))),
		chat.ErrInvalid)
	refused(t, "a thread under nothing", errOf(f.FollowThread(t.Context(), ada, at(room, 9))),
		chat.ErrNotFound)

	// Who is called follows, who leaves does not until they are back.
	f.Say(ada, thread, "what does @Cy say?")
	if v := following(cy); v == nil || v.Unread != 1 || len(v.Mentions) != 1 {
		t.Errorf("who was called sees %+v", v)
	}
	refused(t, "no longer following", errOf(f.LeaveRoom(t.Context(), cy, chat.RoomInput{Room: thread})), nil)
	if following(cy) != nil {
		t.Error("the thread stays on the list")
	}
	refused(t, "a moderator of the room deletes in its threads",
		errOf(f.DeleteMessage(t.Context(), ada, at(thread, 1))), nil)

	// Who leaves the room is out of its threads.
	refused(t, "remove", errOf(f.RemoveMember(t.Context(), ada,
		chat.RemoveMemberInput{Room: room, User: bob.User.ID})), nil)
	refused(t, "a removed person's reading",
		errOf(f.ListMessages(t.Context(), bob, chat.MessageListInput{Room: thread})), chat.ErrNotFound)
	refused(t, "a removed person's sending",
		errOf(f.Send(t.Context(), bob, chat.SendInput{Room: thread, Text: "x"})), chat.ErrNotFound)
	refused(t, "a removed person's events", f.MayRead(t.Context(), bob, chat.RoomStream(thread)),
		chat.ErrNotFound)
	if following(bob) != nil {
		t.Error("a removed person still has the thread on their list")
	}
	refused(t, "a thread in a deleted message's place",
		errOf(f.DeleteMessage(t.Context(), ada, at(room, 1))), nil)
	if m := f.Say(ada, thread, "still here"); m.No != 3 {
		t.Errorf("sent %+v", m)
	}
}

// What a message shows of its thread does not count deleted replies, also where
// several go at once.
func TestDeletedReplies(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits = chattest.Unlimited() })
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	f.Say(ada, room, "root")
	reply := func(text string) chat.Message {
		m, err := f.Send(t.Context(), bob, chat.SendInput{Room: room, Thread: 1, Text: text})
		must(t, "reply", err)
		return m
	}
	shows := func(replies, deleted int64) {
		t.Helper()
		root, err := f.GetMessage(t.Context(), ada, at(room, 1))
		if err != nil || root.Thread.Replies != replies || root.Thread.Deleted != deleted {
			t.Errorf("the root shows %+v, %v; want %d replies, %d deleted", root.Thread, err, replies, deleted)
		}
	}
	first := reply("one")
	remove := func(no int64) {
		t.Helper()
		_, err := f.DeleteMessage(t.Context(), bob, at(first.Room, no))
		must(t, "delete", err)
	}
	shows(1, 0)
	remove(1)
	shows(0, 1)
	for range 250 { // more than a page
		reply("more")
	}
	shows(250, 1)
	var both sync.WaitGroup
	for _, no := range []int64{3, 250} {
		both.Go(func() { remove(no) })
	}
	both.Wait()
	shows(248, 3)
}

// A deletion that was interrupted before it was counted is counted when it is
// repeated.
func TestDeletedReplyInterrupted(t *testing.T) {
	store := &uncounted{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store = store })
	ada := f.Person("Ada", chat.RoleMember)
	room := f.Room(ada, chat.Private)
	f.Say(ada, room, "root")
	m, err := f.Send(t.Context(), ada, chat.SendInput{Room: room, Thread: 1, Text: "reply"})
	must(t, "reply", err)
	store.down = true
	_, err = f.DeleteMessage(t.Context(), ada, at(m.Room, 1))
	refused(t, "a deletion that is not counted", err, chat.ErrUnavailable)
	store.down = false
	_, err = f.DeleteMessage(t.Context(), ada, at(m.Room, 1))
	must(t, "delete again", err)
	root, err := f.GetMessage(t.Context(), ada, at(room, 1))
	if err != nil || root.Thread.Replies != 0 {
		t.Errorf("the root shows %+v, %v", root.Thread, err)
	}
}

// uncounted is a store that fails, while it is down, to update what messages
// show of their threads.
type uncounted struct {
	chat.Store
	down bool
}

func (s *uncounted) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if _, ok := changes[0].Op.(chat.MoveThread); ok && s.down {
		return nil, chat.ErrUnavailable
	}
	return s.Store.Commit(ctx, changes...)
}
