package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// cut makes one chat of what is read while people write.
//
// A room is what it was when its head was read: messages after that, and sends
// that became them, are left out. What changes about earlier messages, who is a
// member, and people are as they are when they are read, which is later. So a
// cut remembers the heads and the members that were read, and brings what names
// them from elsewhere in line:
//
//   - a person's list has the rooms that they are a member of
//   - nobody has read further than the room goes
//   - a thread is there if the message above it is, and that message counts no
//     replies that are not there
//
// A message above a thread whose id comes before its room's may count too few;
// the next reply corrects it, and so does fsck.
type cut struct {
	names []chat.RoomID // that were read, in order
	rooms map[chat.RoomID]cutRoom
	in    map[chat.UserID][]int32 // places in names, rising
}

type cutRoom struct {
	place       int32
	no, trimmed int64
}

func newCut() *cut {
	return &cut{rooms: map[chat.RoomID]cutRoom{}, in: map[chat.UserID][]int32{}}
}

// Errors of a backup that can be made again.
var (
	errTrimmed    = errors.New("messages were deleted by retention while they were read: make the backup again")
	errRolledBack = errors.New("the data were rolled back while they were read: make the backup again")
)

// OpenSnapshot reads the data under the prefix beside servers that go on with
// them, see [cut]. Retention must wait until it is read: messages that are
// deleted before their room is read to its end are an error.
func OpenSnapshot(ctx context.Context, client rueidis.Client, prefix string) (*Source, error) {
	s, err := OpenSource(ctx, client, prefix)
	if err == nil {
		s.cut = newCut()
	}
	return s, err
}

// takes reports whether the room belongs to the cut, and remembers it.
func (c *cut) takes(r *migrate.Room) bool {
	if c == nil {
		return true
	}
	if r.Room.Kind == chat.ThreadRoom {
		above, ok := c.rooms[r.Room.Parent]
		if ok && r.Room.Root > above.no || !ok && r.Room.Parent < r.Room.ID {
			return false // its message, or its room, came later
		}
	}
	c.rooms[r.Room.ID] = cutRoom{int32(len(c.names)), r.No, r.Trimmed}
	c.names = append(c.names, r.Room.ID)
	return true
}

// members remembers who is in a room.
func (c *cut) members(room chat.RoomID, members []migrate.Member) {
	if c == nil {
		return
	}
	r := c.rooms[room]
	for i := range members {
		m := &members[i]
		m.ReadNo = min(m.ReadNo, r.no)
		c.in[m.User] = append(c.in[m.User], r.place)
	}
}

// messages leaves out of a page what came later.
func (c *cut) messages(room chat.RoomID, after int64, page []migrate.Message) ([]migrate.Message, error) {
	if c == nil {
		return page, nil
	}
	r := c.rooms[room]
	next := max(after, r.trimmed) + 1
	for i := range page {
		m := &page[i]
		if m.No > r.no {
			page = page[:i]
			break
		}
		if m.No != next {
			return nil, errTrimmed
		}
		next++
		if m.Thread != nil {
			m.Thread = c.thread(*m.Thread)
		}
	}
	if len(page) == 0 && next <= r.no {
		return nil, errTrimmed
	}
	return page, nil
}

// thread returns what is there of a thread.
func (c *cut) thread(t chat.Thread) *chat.Thread {
	r, ok := c.rooms[t.Room]
	switch {
	case !ok && len(c.names) > 0 && t.Room < c.names[len(c.names)-1]:
		return nil // its turn is over
	case ok:
		t.Deleted = min(t.Deleted, r.no)
		t.Replies = min(t.Replies, r.no-t.Deleted)
	}
	return &t
}

// sends leaves out those whose message came later.
func (c *cut) sends(some []migrate.Send) []migrate.Send {
	if c == nil {
		return some
	}
	return slices.DeleteFunc(some, func(s migrate.Send) bool { return s.No > c.rooms[s.Room].no })
}

// list brings a person's list in line with the members that were read. Levels
// are kept.
func (c *cut) list(user chat.UserID, listed []migrate.Listed) []migrate.Listed {
	if c == nil {
		return listed
	}
	var list []migrate.Listed
	for _, place := range c.in[user] {
		room := c.names[place]
		at, ok := slices.BinarySearchFunc(listed, room,
			func(l migrate.Listed, id chat.RoomID) int { return cmp.Compare(l.Room, id) })
		if ok {
			list = append(list, listed[at])
		} else {
			list = append(list, migrate.Listed{Room: room, Notify: chat.NotifyUsual})
		}
	}
	return list
}

// whole checks, after all was read, that it was one history.
func (c *cut) whole(ctx context.Context, s *Store) error {
	if c == nil {
		return nil
	}
	epoch, err := s.client.Do(ctx, s.client.B().Hget().Key(s.keys.server("about")).Field("epoch").Build()).ToString()
	if err == nil && epoch != s.epoch {
		err = errRolledBack
	}
	if err != nil {
		return fmt.Errorf("look at the end: %w", err)
	}
	return nil
}
