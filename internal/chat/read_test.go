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
	if c := changes[0]; c.Kind == chat.ReadMoved {
		if h.moved == 0 {
			h.moved = c.Read.No
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
	a, b := f.person("ann", chat.RoleMember), f.person("bob", chat.RoleMember)
	f.send(a, chat.GeneralID, "one")
	mark := chat.ReadInput{Room: chat.GeneralID, No: 1}
	if _, err := f.MarkRead(t.Context(), b, mark); !errors.Is(err, chat.ErrUnavailable) {
		t.Fatalf("the first time: %v", err)
	}
	out, err := f.MarkRead(t.Context(), b, mark)
	if err != nil || out.No != 1 || !store.told {
		t.Errorf("the second time: %+v, %v, told: %v", out, err, store.told)
	}
}
