package chat

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxRetain is how many days a room's messages can be kept at most, other
	// than for ever.
	maxRetain = 36500
	// trimStep is how many messages one change deletes at most, so that senders
	// are not kept waiting.
	trimStep = 1000
)

// retain deletes, in every room, the messages that are older than the room or
// the server keeps them. A room that fails does not keep the others from their
// turn.
func (s *Service) retain(ctx context.Context) error {
	var failed failures
	for after := RoomID(""); ; {
		rooms, err := s.Store.Rooms(ctx, after, s.Limits.PageMax)
		if err != nil {
			return errors.Join(append(failed, fmt.Errorf("retention: %w", err))...)
		}
		for _, r := range rooms {
			if err := s.retainRoom(ctx, r); err != nil &&
				failed.add(fmt.Errorf("retention in room %s: %w", r.ID, err)) != nil {
				return errors.Join(failed...)
			}
		}
		if len(rooms) < s.Limits.PageMax {
			return errors.Join(failed...)
		}
		after = rooms[len(rooms)-1].ID
	}
}

func (s *Service) retainRoom(ctx context.Context, r Room) error {
	if r.Kind == ThreadRoom {
		parent, err := s.Store.Room(ctx, r.Parent)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		r.Retain = parent.Retain
	}
	keep := s.keeps(r)
	if keep <= 0 {
		return nil
	}
	err := s.trim(ctx, r.ID, s.now().Add(-keep))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// keeps is how long messages of a room are kept, 0 for ever.
func (s *Service) keeps(r Room) time.Duration {
	switch {
	case r.Retain < 0:
		return 0
	case r.Retain > 0:
		return time.Duration(r.Retain) * 24 * time.Hour
	}
	return s.Retain
}

// trim deletes the messages that were sent before a time, beginning with the
// oldest, until one is younger.
func (s *Service) trim(ctx context.Context, room RoomID, before time.Time) error {
	for {
		page, err := s.Store.Messages(ctx, room, Page{From: After, Limit: trimStep})
		if err != nil {
			return err
		}
		old := 0
		for old < len(page) && page[old].At.Before(before) {
			old++
		}
		if old == 0 {
			return nil
		}
		err = s.discard(ctx, page[:old], func() error {
			_, err := s.Store.Commit(ctx, s.change(Caller{},
				Change{Stream: RoomStream(room), Op: TrimMessages{To: page[old-1].No}}))
			return err
		})
		if err != nil || old < len(page) {
			return err
		}
	}
}
