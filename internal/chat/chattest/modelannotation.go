package chattest

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// messageKey is a message's place.
type messageKey struct {
	room chat.RoomID
	no   int64
}

// annotate changes a message that exists.
func (t *tx) annotate(room chat.RoomID, no int64, c *chat.Change) (chat.Result, error) {
	all := t.messages[room]
	if no <= t.trimmed[room] || no > int64(len(all)) {
		return chat.Result{}, chat.ErrNotFound
	}
	m := all[no-1].Clone()
	e, changed, err := c.Annotate(m)
	if err != nil || !changed {
		return chat.Result{NoOp: err == nil}, err
	}
	at := messageKey{room, no}
	switch c.Op.(type) {
	case chat.EditMessage:
		edits := append(slices.Clone(t.edits[at]), all[no-1].AsEdit())
		put(t, t.edits, at, edits[max(0, len(edits)-chat.MaxEdits):])
	case chat.DeleteMessage:
		del(t, t.edits, at)
	}
	all = slices.Clone(all)
	all[no-1] = *m
	put(t, t.messages, room, all)
	return t.append(c, e)
}

// unread returns the numbers of the room's messages after a number that are
// deleted, and of those that mention the person.
func (m *Model) unread(room chat.RoomID, user chat.UserID, after int64) (deleted, mentions []int64) {
	all := m.messages[room]
	for i := max(after, 0); i < int64(len(all)); i++ {
		if all[i].Deleted() {
			deleted = append(deleted, all[i].No)
		}
		if all[i].Mentioning(user) {
			mentions = append(mentions, all[i].No)
		}
	}
	return deleted, mentions
}

func (m *Model) Edits(ctx context.Context, room chat.RoomID, no int64) ([]chat.Edit, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if _, ok := m.rooms[room]; !ok {
		return nil, chat.ErrNotFound
	}
	if no <= m.trimmed[room] {
		return nil, nil
	}
	return slices.Clone(m.edits[messageKey{room, no}]), nil
}

func (m *Model) Pinned(ctx context.Context, room chat.RoomID) ([]chat.Message, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if _, ok := m.rooms[room]; !ok {
		return nil, chat.ErrNotFound
	}
	var pinned []chat.Message
	for _, msg := range m.messages[room][m.trimmed[room]:] {
		if !msg.PinnedAt.IsZero() {
			pinned = append(pinned, *msg.Clone())
		}
	}
	slices.SortFunc(pinned, func(a, b chat.Message) int {
		return cmp.Or(b.PinnedAt.Compare(a.PinnedAt), cmp.Compare(b.No, a.No))
	})
	return pinned, nil
}

// bare is e as the log has it: of messages, only their places.
func bare(e chat.Event) chat.Event {
	e = e.Clone()
	if e.Message != nil {
		e.Message = &chat.Message{Room: e.Message.Room, No: e.Message.No}
	}
	if e.View != nil {
		e.View.Last = nil
	}
	return e
}

// show is e with its messages as they are now.
func (m *Model) show(e chat.Event) chat.Event {
	e = e.Clone()
	if e.Message != nil {
		e.Message = m.at(e.Message.Room, e.Message.No)
	}
	if v := e.View; v != nil {
		v.Last = m.at(v.ID, v.HeadNo)
	}
	return e
}

// at returns a message, nil if it is not there.
func (m *Model) at(room chat.RoomID, no int64) *chat.Message {
	if all := m.messages[room]; no > m.trimmed[room] && no <= int64(len(all)) {
		return all[no-1].Clone()
	}
	return nil
}

// gone reports whether e shows a message that is gone.
func (m *Model) gone(e chat.Event) bool {
	return e.Message != nil && e.Message.No <= m.trimmed[e.Message.Room]
}
