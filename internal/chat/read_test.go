package chat_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// halfway is a store of two places, as Redis is: the first time, it moves a
// read position in the room and fails before it says so in the person's stream.
type halfway struct {
	chat.Store
	moved int64
	told  bool
}

func (h *halfway) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if op, ok := changes[0].Op.(chat.MoveRead); ok {
		if h.moved == 0 {
			h.moved = op.Read.No
			return nil, chat.ErrUnavailable
		}
		h.told = true
	}
	return h.Store.Commit(ctx, changes...)
}

func (h *halfway) View(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.RoomView, error) {
	v, err := h.Store.View(ctx, room, user)
	v.ReadNo = max(v.ReadNo, h.moved)
	return v, err
}

// TestMarkReadAgain: who is told that marking failed, and marks again, has it
// told to their other devices.
func TestMarkReadAgain(t *testing.T) {
	store := &halfway{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store = store })
	a, b := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember)
	f.Say(a, chat.GeneralID, "one")
	mark := chat.ReadInput{Room: chat.GeneralID, No: 1}
	if _, err := f.MarkRead(t.Context(), b, mark); !errors.Is(err, chat.ErrUnavailable) {
		t.Fatalf("the first time: %v", err)
	}
	out, err := f.MarkRead(t.Context(), b, mark)
	if err != nil || out.No != 1 || !store.told {
		t.Errorf("the second time: %+v, %v, told: %v", out, err, store.told)
	}
}

func TestUnreadIsDerived(t *testing.T) {
	f := newFixture(t, nil)
	a, b := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	unread := func(who chat.Caller) int64 {
		view, err := f.GetRoom(t.Context(), who, chat.RoomInput{Room: chat.GeneralID})
		if err != nil {
			t.Fatal(err)
		}
		return view.Unread
	}
	for range 3 {
		f.Say(a, chat.GeneralID, "x")
	}
	if unread(a) != 0 || unread(b) != 3 {
		t.Errorf("unread: %d for the author, %d for the other", unread(a), unread(b))
	}
	for _, c := range []struct{ mark, read, unread int64 }{{2, 2, 1}, {1, 2, 1}, {99, 3, 0}} {
		out, err := f.MarkRead(t.Context(), b, chat.ReadInput{Room: chat.GeneralID, No: c.mark})
		if err != nil || out.No != c.read || out.Unread != c.unread {
			t.Errorf("mark %d: %+v, %v", c.mark, out, err)
		}
	}
	late := f.Person("Mary", chat.RoleMember)
	if unread(late) != 0 {
		t.Error("somebody who joins later has unread messages from before")
	}
	f.Say(b, chat.GeneralID, "an answer")
	if unread(b) != 0 || unread(late) != 1 {
		t.Errorf("after an answer: %d and %d", unread(b), unread(late))
	}
}

// TestReadReceipts: members see how far the others have read, where the server,
// the size of the room, and both of them allow it.
func TestReadReceipts(t *testing.T) {
	f := newFixture(t, nil)
	owner, joe, eve := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember),
		f.Person("Eve", chat.RoleMember)
	room := f.Room(owner, chat.Private, joe)
	m := f.Say(owner, room, "one")
	reads := func(who chat.Caller) (no map[chat.UserID]int64, err error) {
		f.Wait(time.Second) // for the limit
		list, err := f.ListReads(t.Context(), who, chat.RoomInput{Room: room})
		no = map[chat.UserID]int64{}
		for _, r := range list.Reads {
			no[r.User] = r.No
		}
		return no, err
	}
	refused := func(who chat.Caller, want error) {
		t.Helper()
		if _, err := reads(who); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", who.User.Name, err, want)
		}
	}
	if no, err := reads(owner); err != nil || len(no) != 2 || no[owner.User.ID] != m.No ||
		no[joe.User.ID] != 0 {
		t.Errorf("before it is read: %v, %v", no, err)
	}
	if _, err := f.MarkRead(t.Context(), joe, chat.ReadInput{Room: room, No: m.No}); err != nil {
		t.Fatal(err)
	}
	if no, err := reads(owner); err != nil || no[joe.User.ID] != m.No {
		t.Errorf("when it is read: %v, %v", no, err)
	}
	refused(eve, chat.ErrNotFound)

	hide := true
	user, err := f.UpdateAccount(t.Context(), joe, chat.UpdateAccountInput{HidesReads: &hide})
	if err != nil {
		t.Fatal(err)
	}
	joe.User = user
	refused(joe, chat.ErrForbidden)
	if no, err := reads(owner); err != nil || len(no) != 1 {
		t.Errorf("when Joe hides it: %v, %v", no, err)
	}

	off := false
	info, err := f.UpdateServer(t.Context(), owner, chat.UpdateServerInput{ReadReceipts: &off})
	if err != nil || info.ReadReceipts {
		t.Fatalf("switched off: %+v, %v", info, err)
	}
	refused(owner, chat.ErrForbidden)
}

// TestReadReceiptsOfFew: a room of more than 100 people has none.
func TestReadReceiptsOfFew(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Pablo", chat.RoleOwner)
	ask := func() error {
		_, err := f.ListReads(t.Context(), owner, chat.RoomInput{Room: chat.GeneralID})
		return err
	}
	for i := range 99 {
		f.Person(fmt.Sprint("p", i), chat.RoleMember)
	}
	if err := ask(); err != nil {
		t.Errorf("100 people: %v", err)
	}
	f.Person("one more", chat.RoleMember)
	if err := ask(); !errors.Is(err, chat.ErrForbidden) {
		t.Errorf("101 people: %v", err)
	}
}
