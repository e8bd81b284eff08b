package chat_test

import (
	"context"
	"errors"
	"testing"

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
