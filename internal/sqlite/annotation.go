package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// annotations are what a message may have besides its text. They are a column
// of the message's row, so that a page of messages is one read. Small side
// tables (mentions, pins, deleted) index what is queried without knowing the
// message.
type annotations struct {
	Mentions  []chat.UserID  `json:"mentions,omitempty"`
	Files     []chat.File    `json:"files,omitempty"`
	EditedAt  time.Time      `json:"edited_at,omitzero"`
	DeletedAt time.Time      `json:"deleted_at,omitzero"`
	PinnedAt  time.Time      `json:"pinned_at,omitzero"`
	PinnedBy  chat.UserID    `json:"pinned_by,omitempty"`
	Reactions []chat.Reacted `json:"reactions,omitempty"`
	Thread    *chat.Thread   `json:"thread,omitempty"`
}

// encodeAnnotations returns m's value of the column annotations, nil without
// annotations.
func encodeAnnotations(m *chat.Message) (any, error) {
	if len(m.Mentions) == 0 && len(m.Files) == 0 && m.EditedAt.IsZero() && m.DeletedAt.IsZero() &&
		m.PinnedAt.IsZero() && len(m.Reactions) == 0 && m.Thread == nil {
		return nil, nil
	}
	b, err := json.Marshal(annotations{m.Mentions, m.Files, m.EditedAt, m.DeletedAt, m.PinnedAt,
		m.PinnedBy, m.Reactions, m.Thread})
	return string(b), err
}

// decodeAnnotations sets m's annotations from the column annotations.
func decodeAnnotations(m *chat.Message, column string) error {
	var k annotations
	if err := json.Unmarshal([]byte(column), &k); err != nil {
		return fmt.Errorf("annotations of message %s: %w", m.ID, err)
	}
	m.Mentions, m.Files, m.EditedAt, m.DeletedAt, m.PinnedAt, m.PinnedBy, m.Reactions, m.Thread =
		k.Mentions, k.Files, k.EditedAt, k.DeletedAt, k.PinnedAt, k.PinnedBy, k.Reactions, k.Thread
	return nil
}

// annotate checks and writes an annotation of a message.
func (w *writer) annotate(s *stream, c *chat.Change, op chat.Annotation) (chat.Result, error) {
	no := op.Target()
	if no <= s.trimmed || no > s.no {
		return chat.Result{}, chat.ErrNotFound
	}
	id := key(s.num, no)
	m, err := messageAt(w.conn, s.room.ID, id)
	if err != nil {
		return chat.Result{}, err
	}
	if m == nil {
		return chat.Result{}, fmt.Errorf("message %d of %s is not there: the database is damaged",
			no, s.room.ID)
	}
	old := m.Clone()
	e, changed, err := c.Annotate(m)
	if err != nil || !changed {
		return chat.Result{NoOp: err == nil}, err
	}
	column, err := encodeAnnotations(m)
	if err != nil {
		return chat.Result{}, err
	}
	if _, err := w.exec("UPDATE messages SET text = ?, annotations = ? WHERE id = ?", m.Text, column,
		id); err != nil {
		return chat.Result{}, err
	}
	if err := w.sideTables(s, id, old, m, op); err != nil {
		return chat.Result{}, err
	}
	return w.append(s, c, e)
}

// sideTables updates the side tables of a message from its old state to m.
func (w *writer) sideTables(s *stream, id int64, old, m *chat.Message, op chat.Annotation) error {
	if _, edited := op.(chat.EditMessage); edited {
		was := old.AsEdit()
		if _, err := w.exec("INSERT INTO edits (message, text, at) VALUES (?, ?, ?)", id, was.Text,
			milli(was.At)); err != nil {
			return err
		}
		if _, err := w.exec("DELETE FROM edits WHERE message = ?1 AND id <= (SELECT id FROM edits WHERE message = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)", id, int64(chat.MaxEdits)); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		when bool
		sql  string
	}{
		{!m.PinnedAt.IsZero() && old.PinnedAt.IsZero(), "INSERT INTO pins (message) VALUES (?)"},
		{m.PinnedAt.IsZero() && !old.PinnedAt.IsZero(), "DELETE FROM pins WHERE message = ?"},
		{m.Deleted() && !old.Deleted(), "DELETE FROM edits WHERE message = ?"},
		{m.Deleted() && !old.Deleted(), "INSERT INTO deleted (message) VALUES (?)"},
	} {
		if step.when {
			if _, err := w.exec(step.sql, id); err != nil {
				return err
			}
		}
	}
	return w.mention(id, old, m)
}

// mention updates the table mentions from a message's old state to m; old is
// nil for a new message. Authors are left out, as no one has unread messages of
// their own.
func (w *writer) mention(id int64, old, m *chat.Message) error {
	var was []chat.UserID
	if old != nil {
		was = old.Mentions
	}
	for _, u := range was {
		if !slices.Contains(m.Mentions, u) {
			if _, err := w.exec("DELETE FROM mentions WHERE user = ? AND message = ?", string(u),
				id); err != nil {
				return err
			}
		}
	}
	for _, u := range m.Mentions {
		if u != m.From && !slices.Contains(was, u) {
			if _, err := w.exec("INSERT INTO mentions (user, message) VALUES (?, ?) ON CONFLICT DO NOTHING", string(u), id); err != nil {
				return err
			}
		}
	}
	return nil
}

// trimAnnotations deletes the side tables' rows of messages up to a number.
// Call it before the messages are deleted.
func (w *writer) trimAnnotations(s *stream, to int64) error {
	first, last := key(s.num, s.trimmed+1), key(s.num, to)
	if _, err := w.exec(`DELETE FROM mentions WHERE (user, message) IN (
		SELECT j.value, m.id FROM messages m, json_each(m.annotations, '$.mentions') j WHERE m.id BETWEEN ? AND ? AND m.annotations IS NOT NULL)`, first, last); err != nil {
		return err
	}
	for _, table := range []string{"edits", "pins", "deleted"} {
		if _, err := w.exec("DELETE FROM "+table+" WHERE message BETWEEN ? AND ?", first, last); err != nil {
			return err
		}
	}
	return nil
}

// unread sets Deleted and Mentions of v, the view of room num, and counts.
func unread(c *conn, v *chat.RoomView, num int64, user chat.UserID) (err error) {
	if floor := max(v.ReadNo, v.Trimmed); floor < v.HeadNo {
		first, last := key(num, max(floor, 0)+1), key(num+1, -1)
		scan := func(r row) int64 { return number(r.num(0)) }
		if v.Deleted, err = many(c, scan,
			"SELECT message FROM deleted WHERE message BETWEEN ? AND ? ORDER BY message DESC LIMIT ?",
			first, last, int64(chat.MaxListed)); err != nil {
			return err
		}
		slices.Reverse(v.Deleted)
		for _, whom := range []chat.UserID{user, chat.MentionAll} {
			numbers, err := many(c, scan, "SELECT message FROM mentions "+
				"WHERE user = ? AND message BETWEEN ? AND ? ORDER BY message DESC LIMIT ?",
				string(whom), first, last, int64(chat.MaxListed))
			if err != nil {
				return err
			}
			v.Mentions = append(v.Mentions, numbers...)
		}
		slices.Sort(v.Mentions)
		v.Mentions = slices.Compact(v.Mentions)
	}
	v.Count()
	return nil
}

// Edits implements [chat.Store].
func (s *Store) Edits(ctx context.Context, room chat.RoomID, no int64) (edits []chat.Edit, err error) {
	err = s.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil || no <= 0 || no >= 1<<shift {
			return err
		}
		edits, err = editsOf(c, key(num, no))
		return err
	})
	return edits, err
}

func editsOf(c *conn, message int64) ([]chat.Edit, error) {
	return many(c, func(r row) chat.Edit { return chat.Edit{Text: r.text(0), At: unmilli(r.num(1))} },
		"SELECT text, at FROM edits WHERE message = ? ORDER BY id", message)
}

// Pinned implements [chat.Store].
func (s *Store) Pinned(ctx context.Context, room chat.RoomID) (pinned []chat.Message, err error) {
	err = s.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil {
			return err
		}
		pinned, err = messagesWhere(c, room,
			"id IN (SELECT message FROM pins WHERE message BETWEEN ? AND ?) ORDER BY id DESC",
			key(num, 1), key(num+1, -1))
		return err
	})
	slices.SortStableFunc(pinned, func(a, b chat.Message) int { return b.PinnedAt.Compare(a.PinnedAt) })
	return pinned, err
}
