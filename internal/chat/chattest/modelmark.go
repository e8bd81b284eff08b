package chattest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// spot is a message's place.
type spot struct {
	room chat.RoomID
	no   int64
}

// mark changes a message that is there.
func (t *tx) mark(room chat.RoomID, c chat.Change) (chat.Result, error) {
	var no int64
	switch c.Kind {
	case chat.ReactionAdded, chat.ReactionRemoved:
		if c.Reaction == nil {
			return chat.Result{}, errChange(c)
		}
		no = c.Reaction.No
	case chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned, chat.ThreadMoved:
		if c.Message == nil || c.Kind == chat.ThreadMoved && c.Message.Thread == nil {
			return chat.Result{}, errChange(c)
		}
		no = c.Message.No
	default:
		return chat.Result{}, errChange(c)
	}
	all := t.messages[room]
	if no <= t.trimmed[room] || no > int64(len(all)) {
		return chat.Result{}, chat.ErrNotFound
	}
	m := all[no-1].Clone()
	if m.Deleted() && c.Kind != chat.MessageDeleted && c.Kind != chat.ThreadMoved {
		return chat.Result{}, chat.ErrNotFound
	}
	if !t.marked(m, c) {
		return noOp, nil
	}
	all = slices.Clone(all)
	all[no-1] = *m
	put(t, t.messages, room, all)
	if c.Reaction != nil {
		return t.append(c, chat.Event{Reaction: c.Reaction})
	}
	return t.append(c, chat.Event{Message: m})
}

// marked makes m what it is after c, and reports whether that is something
// else.
func (t *tx) marked(m *chat.Message, c chat.Change) bool {
	at := spot{m.Room, m.No}
	switch c.Kind {
	case chat.MessageEdited:
		if m.Text == c.Message.Text && slices.Equal(m.Mentions, c.Message.Mentions) {
			return false
		}
		since := m.At
		if !m.EditedAt.IsZero() {
			since = m.EditedAt
		}
		edits := append(slices.Clone(t.edits[at]), chat.Edit{Text: m.Text, At: since})
		put(t, t.edits, at, edits[max(0, len(edits)-chat.MaxEdits):])
		m.Text, m.Mentions, m.EditedAt = c.Message.Text, slices.Clone(c.Message.Mentions), c.At
	case chat.MessageDeleted:
		if m.Deleted() {
			return false
		}
		del(t, t.edits, at)
		*m = chat.Message{Room: m.Room, No: m.No, ID: m.ID, Seq: m.Seq, From: m.From,
			ClientID: m.ClientID, At: m.At, Thread: m.Thread, DeletedAt: c.At}
	case chat.MessagePinned:
		if !m.PinnedAt.IsZero() {
			return false
		}
		m.PinnedAt, m.PinnedBy = c.At, c.By
	case chat.MessageUnpinned:
		if m.PinnedAt.IsZero() {
			return false
		}
		m.PinnedAt, m.PinnedBy = time.Time{}, ""
	case chat.ThreadMoved:
		if m.Thread != nil && c.Message.Thread.Replies <= m.Thread.Replies {
			return false
		}
		th := *c.Message.Thread
		th.LastAt = th.LastAt.UTC().Truncate(time.Millisecond)
		m.Thread = &th
	case chat.ReactionAdded:
		return m.React(*c.Reaction, true)
	case chat.ReactionRemoved:
		return m.React(*c.Reaction, false)
	}
	return true
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
	return slices.Clone(m.edits[spot{room, no}]), nil
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
	slices.SortFunc(pinned, func(a,
		b chat.Message) int {
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
