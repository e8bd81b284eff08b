package demoimport

import (
	"context"
	"errors"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/identity"
)

// recordKind is the kind of the records that tell one import what those before
// it did: "<room>" for each room, and "<room>/<user>" for each person who was
// put into it. They never go away, so that no import brings someone back into
// a room that they have left since.
const recordKind = "demo"

func (r *run) mark(ctx context.Context, id string) error {
	_, err := r.Service.Store.PutRecord(ctx, recordKind, id, 0, []byte("{}"))
	if errors.Is(err, chat.ErrConflict) {
		return nil // it is marked already
	}
	return err
}

func (r *run) marked(ctx context.Context, id string) (bool, error) {
	_, err := r.Service.Store.Record(ctx, recordKind, id)
	if errors.Is(err, chat.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// adopt marks a room that an earlier version imported, which kept no records:
// whoever is not in it has left. General is on every server, and members
// cannot leave it.
func (r *run) adopt(ctx context.Context, room *chat.Room, members []chat.UserID) error {
	done, err := r.marked(ctx, string(room.ID))
	if err != nil || done || room.ID == chat.GeneralID {
		return err
	}
	for _, user := range members {
		if r.fresh[user] {
			continue
		}
		if err := r.mark(ctx, memberID(room.ID, user)); err != nil {
			return err
		}
	}
	return r.mark(ctx, string(room.ID))
}

// join puts someone into a room, unless an import did so before or they are
// banned from it.
func (r *run) join(ctx context.Context, room chat.RoomID, user chat.UserID) error {
	id := memberID(room, user)
	done, err := r.marked(ctx, id)
	if err != nil || done {
		return err
	}
	banned, err := r.Service.Banned(ctx, room, user)
	if err != nil || banned {
		return err
	}
	at := now()
	if _, err := r.Service.Store.Commit(ctx,
		chat.Change{Stream: chat.RoomStream(room), ID: identity.NewID(), At: at, By: user,
			Op: chat.AddMember{Member: chat.Member{User: user, Role: chat.RoomMember, JoinedAt: at}}},
		chat.Change{Stream: chat.UserStream(user), ID: identity.NewID(), At: at, By: user,
			Op: chat.ListRoom{Room: room}},
	); err != nil {
		return err
	}
	return r.mark(ctx, id)
}

// moderate makes the member with the lowest number a moderator of a private
// room that has none: no one else could ever change it.
func (r *run) moderate(ctx context.Context, room *chat.Room, members []chat.UserID) error {
	if room.Kind != chat.Private {
		return nil
	}
	here := map[chat.UserID]bool{}
	for after := chat.UserID(""); ; {
		list, err := r.Service.Store.Members(ctx, room.ID, after, page)
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.Role == chat.RoomModerator {
				return nil
			}
			here[m.User], after = true, m.User
		}
		if len(list) < page {
			break
		}
	}
	for _, user := range members {
		if here[user] {
			_, err := r.Service.Store.Commit(ctx, chat.Change{
				Stream: chat.RoomStream(room.ID), ID: identity.NewID(), At: now(), By: user,
				Op: chat.UpdateMember{User: user, Role: chat.RoomModerator}})
			return err
		}
	}
	return nil
}

func memberID(room chat.RoomID, user chat.UserID) string { return string(room) + "/" + string(user) }
