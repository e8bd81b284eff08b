package redisstore

import (
	"context"

	"github.com/parley-chat/parley/internal/chat"
)

// Together sends messages as those go that wait for the same room.
func (s *Store) Together(ctx context.Context, room chat.RoomID,
	changes ...chat.Change) ([]chat.Result, []error, error) {
	return s.runRoom(ctx, room, changes, true)
}
