package chat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// badRoom is a store that cannot read the messages of one room.
type badRoom struct {
	chat.Store
	room chat.RoomID
}

func (s *badRoom) Messages(ctx context.Context, room chat.RoomID, page chat.Page) ([]chat.Message, error) {
	if room == s.room {
		return nil, errors.New("this room is broken")
	}
	return s.Store.Messages(ctx, room, page)
}

// TestMaintainGoesOn: one room that fails keeps nothing else from its turn, and
// is reported.
func TestMaintainGoesOn(t *testing.T) {
	store := &badRoom{}
	files := &memoryFiles{kept: map[string][]byte{}}
	f := newFixture(t, func(c *chat.Config) {
		store.Store, c.Store = c.Store, store
		c.Files, c.Limits.File, c.Retain = files, 100, time.Hour
	})
	ada := f.Person("Ada", chat.RoleOwner)
	rooms := []chat.RoomID{f.Room(ada, chat.Public), f.Room(ada, chat.Private), f.Room(ada, chat.Private)}
	for _, room := range rooms {
		f.Say(ada, room, "old")
	}
	must(t, "upload", errOf(f.Upload(t.Context(), ada, "x.txt", strings.NewReader("bytes"))))
	store.room = rooms[1]
	f.Wait(48 * time.Hour)
	if err := f.Maintain(t.Context()); err == nil || !strings.Contains(err.Error(), string(rooms[1])) {
		t.Errorf("the broken room is not reported: %v", err)
	}
	for i, room := range rooms {
		view, err := f.GetRoom(t.Context(), ada, chat.RoomInput{Room: room})
		if gone := view.Trimmed == 1; err != nil || gone == (i == 1) {
			t.Errorf("room %d is trimmed up to %d, %v", i, view.Trimmed, err)
		}
	}
	if len(files.kept) > 0 {
		t.Error("an upload that was never sent is kept")
	}
}
