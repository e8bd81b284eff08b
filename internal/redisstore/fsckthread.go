package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// thread finds a thread whose newest reply the message above it does not show.
func (f *Fsck) thread(ctx context.Context, room chat.Room) error {
	last, err := f.untold(ctx, room)
	if err == nil && last != nil {
		f.doubt(func(ctx context.Context) error { return f.tellThread(ctx, room) })
	}
	return err
}

func (f *Fsck) tellThread(ctx context.Context, room chat.Room) error {
	last, err := f.untold(ctx, room)
	if err != nil || last == nil {
		return err
	}
	f.Found(fmt.Sprintf("message %d of %s does not show reply %d in its thread", room.Root,
		room.Parent, last.No))
	if !f.Heal {
		return nil
	}
	_, err = f.Store.Commit(ctx, chat.Change{Stream: chat.RoomStream(room.Parent),
		ID: f.NewID(), At: f.Now(), Op: chat.MoveThread{No: room.Root,
			Thread: chat.Thread{Room: room.ID, Replies: last.No, LastAt: last.At}}})
	return ignore(err, chat.ErrNotFound)
}

// untold returns the newest message of a thread. It is nil if there is none, or
// if the message above shows it or is gone.
func (f *Fsck) untold(ctx context.Context, room chat.Room) (*chat.Message, error) {
	last, err := f.Store.Messages(ctx, room.ID, chat.Page{From: chat.Newest, Limit: 1})
	if err != nil || len(last) == 0 {
		return nil, ignore(err, chat.ErrNotFound)
	}
	above, err := f.Store.Messages(ctx, room.Parent, chat.Page{From: chat.After, No: room.Root - 1, Limit: 1})
	switch {
	case errors.Is(err, chat.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case len(above) == 0 || above[0].No != room.Root || above[0].Thread != nil &&
		above[0].Thread.Newest() >= last[0].No:
		return nil, nil
	}
	return &last[0], nil
}
