package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// shift splits a key: stream << shift + number in the stream.
const shift = 36

func key(stream, n int64) int64 { return stream<<shift + n }
func number(key int64) int64    { return key & (1<<shift - 1) }

// body is the payload of an event that is not a message.
type body struct {
	Member   *chat.Member     `json:"member,omitempty"`
	Room     *chat.Room       `json:"room,omitempty"`
	View     *chat.RoomView   `json:"view,omitempty"`    // without Last, which is the message numbered HeadNo
	Message  int64            `json:"message,omitempty"` // its number: what it says stands in its row only
	Reaction *chat.Reaction   `json:"reaction,omitempty"`
	Left     chat.RoomID      `json:"left,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Read     *chat.Read       `json:"read,omitempty"`
	Notify   *chat.Notify     `json:"notify,omitempty"`
	Sessions []chat.SessionID `json:"sessions,omitempty"`
	User     *chat.User       `json:"user,omitempty"`
	Trimmed  int64            `json:"trimmed,omitempty"`
}

func encodeBody(e *chat.Event) ([]byte, error) {
	b := body{Member: e.Member, Room: e.Room, View: e.View, Left: e.Left, Reason: e.Reason,
		Read: e.Read, Notify: e.Notify, Sessions: e.Sessions, User: e.User, Trimmed: e.Trimmed,
		Reaction: e.Reaction}
	if e.Message != nil {
		b.Message = e.Message.No
	}
	if e.View != nil {
		v := *e.View
		v.Last = nil
		b.View = &v
	}
	return json.Marshal(b)
}

// head is where a stream ends.
type head struct {
	num       int64 // 0 if the stream has no number yet
	seq       int64
	id        string // of the newest event
	no        int64  // of the newest message
	lastIsMsg bool   // whether the newest event is a message
}

func (h head) position(epoch string) chat.Position {
	return chat.Position{Epoch: epoch, Seq: h.seq, ID: h.id}
}

// readHead finds the end of a stream.
func readHead(c *conn, s chat.Stream) (head, error) {
	r, err := c.one("SELECT num FROM streams WHERE name = ?", string(s))
	if err != nil || r == nil {
		return head{}, err
	}
	return readHeadOf(c, r.num(0))
}

func readHeadOf(c *conn, num int64) (head, error) {
	h := head{num: num}
	e, err := c.one("SELECT id, event, no FROM events WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", key(num, 0), key(num+1, -1))
	if err != nil {
		return head{}, err
	}
	if e != nil {
		h.seq, h.id, h.no = number(e.num(0)), e.text(1), e.num(2)
	}
	m, err := c.one("SELECT id, event, seq FROM messages WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", key(num, 0), key(num+1, -1))
	if err != nil {
		return head{}, err
	}
	if m != nil && m.num(2) > h.seq {
		h.seq, h.id, h.no, h.lastIsMsg = m.num(2), m.text(1), number(m.num(0)), true
	}
	return h, nil
}

const messageColumns = "id, seq, event, prev, author, by, text, client_id, at, annotations"

// scanMessage returns the event of a row of messageColumns. Prev is empty if it
// is the id of the message before.
func scanMessage(r row, room chat.RoomID, epoch string) (chat.Event, error) {
	at := unmilli(r.num(8))
	m := &chat.Message{
		Room: room, No: number(r.num(0)), ID: r.text(2), Seq: r.num(1),
		From: chat.UserID(r.text(4)), Text: r.text(6), ClientID: r.text(7), At: at,
	}
	if r[9] != nil {
		if err := decodeAnnotations(m, r.text(9)); err != nil {
			return chat.Event{}, err
		}
	}
	by := m.From
	if r[5] != nil {
		by = chat.UserID(r.text(5))
	}
	return chat.Event{
		Stream: chat.RoomStream(room), Epoch: epoch, Seq: m.Seq, ID: m.ID, Prev: r.text(3),
		Kind: chat.MessageCreated, At: at, By: by, Message: m,
	}, nil
}

// messageEvents returns the events of a room's messages that match the rest of
// a query.
func messageEvents(c *conn, room chat.RoomID, epoch, where string,
	args ...any) (events []chat.Event, err error) {
	err = c.query(context.Background(), func(r row) error {
		e, err := scanMessage(r, room, epoch)
		events = append(events, e)
		return err
	}, "SELECT "+messageColumns+" FROM messages WHERE "+where, args...)
	return events, err
}

// messagesWhere returns only the messages.
func messagesWhere(c *conn, room chat.RoomID, where string, args ...any) ([]chat.Message, error) {
	events, err := messageEvents(c, room, "", where, args...)
	messages := make([]chat.Message, len(events))
	for i := range events {
		messages[i] = *events[i].Message
	}
	return messages, err
}

// messageAt returns a message, nil if there is none.
func messageAt(c *conn, room chat.RoomID, id int64) (*chat.Message, error) {
	found, err := messagesWhere(c, room, "id = ?", id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// readMessage returns the event of one message, nil if there is none.
func readMessage(c *conn, room chat.RoomID, id int64, epoch string) (*chat.Event, error) {
	found, err := messageEvents(c, room, epoch, "id = ?", id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	e := found[0]
	if e.Prev == "" {
		before, err := c.one("SELECT event FROM messages WHERE id = ?", id-1)
		if err != nil || before == nil {
			return nil, err
		}
		e.Prev = before.text(0)
	}
	return &e, nil
}

const eventColumns = "id, event, prev, kind, at, by, body"

// scanEvent returns the event of a row of eventColumns. It only refers to
// messages, see show.
func scanEvent(r row, s chat.Stream, epoch string) (chat.Event, error) {
	var b body
	if err := json.Unmarshal(r.blob(6), &b); err != nil {
		return chat.Event{}, fmt.Errorf("event %s of %s: %w", r.text(1), s, err)
	}
	var message *chat.Message
	if b.Message != 0 {
		id, _ := s.Room()
		message = &chat.Message{Room: id, No: b.Message}
	}
	return chat.Event{
		Stream: s, Epoch: epoch, Seq: number(r.num(0)), ID: r.text(1), Prev: r.text(2),
		Kind: chat.Kind(r.text(3)), At: unmilli(r.num(4)), By: chat.UserID(r.text(5)),
		Message: message, Reaction: b.Reaction,
		Member: b.Member, Room: b.Room, View: b.View, Left: b.Left, Reason: b.Reason, Read: b.Read,
		Notify: b.Notify, Sessions: b.Sessions, User: b.User, Trimmed: b.Trimmed,
	}, nil
}

// Heads implements [chat.Store].
func (s *Store) Heads(ctx context.Context, streams ...chat.Stream) ([]chat.Head, error) {
	heads := make([]chat.Head, len(streams))
	err := s.read(ctx, func(c *conn) error {
		for i, name := range streams {
			h, err := readHead(c, name)
			if err != nil {
				return err
			}
			if _, isRoom := name.Room(); h.num != 0 || !isRoom {
				heads[i] = chat.Head{Position: h.position(s.epoch), No: h.no}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return heads, nil
}

// Events implements [chat.Store].
func (s *Store) Events(ctx context.Context, stream chat.Stream, after chat.Position,
	limit int) (events []chat.Event, err error) {
	err = s.read(ctx, func(c *conn) error {
		events, err = s.events(c, stream, after, int64(max(limit, 0)))
		return err
	})
	return events, err
}

func (s *Store) events(c *conn, stream chat.Stream, after chat.Position, limit int64) ([]chat.Event, error) {
	h, err := readHead(c, stream)
	if err != nil {
		return nil, err
	}
	room, isRoom := stream.Room()
	if isRoom && h.num == 0 {
		return nil, chat.ErrNotFound
	}
	if after.Epoch != s.epoch || after.Seq < 0 || after.Seq > h.seq || after.Seq == 0 && after.ID != "" {
		return nil, chat.ErrResync
	}
	// The newest event other than a message, at or before the position, tells
	// which message is at the position.
	var seq, no int64
	var id string
	anchor, err := c.one("SELECT id, no, event FROM events WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", key(h.num, 0), key(h.num, after.Seq))
	if err != nil {
		return nil, err
	}
	if anchor != nil {
		seq, no, id = number(anchor.num(0)), anchor.num(1), anchor.text(2)
	} else if after.Seq > 0 {
		return nil, chat.ErrResync
	}
	no += after.Seq - seq
	var trimmed int64
	if isRoom {
		r, err := c.one("SELECT trimmed FROM rooms WHERE num = ?", h.num)
		if err != nil {
			return nil, err
		}
		trimmed = r.first()
	}
	if after.Seq > seq && no <= trimmed { // the message at the place is gone
		return nil, chat.ErrResync
	}

	others, err := s.otherEvents(c, stream, h.num, after.Seq, limit)
	if err != nil {
		return nil, err
	}
	// The message at the position is read too: its id is checked, and the next
	// one needs it as Prev.
	messages, err := messageEvents(c, room, s.epoch, "id BETWEEN ? AND ? ORDER BY id LIMIT ?",
		key(h.num, no), key(h.num+1, -1), limit+1)
	if err != nil {
		return nil, err
	}
	if len(messages) > 0 && messages[0].Message.No == no {
		if messages[0].Seq == after.Seq {
			id = messages[0].ID
		}
		messages = messages[1:]
	}
	if after.ID != "" && after.ID != id {
		return nil, chat.ErrResync
	}

	events := slices.SortedFunc(slices.Values(append(others, messages...)),
		func(a, b chat.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	events = events[:min(int64(len(events)), limit)]
	for i := range events {
		if events[i].Seq != after.Seq+int64(i)+1 {
			if i == 0 || trimmed > 0 { // the oldest events are gone, or messages
				return nil, chat.ErrResync
			}
			return nil, fmt.Errorf("%s has a hole after %d: the database is damaged", stream, events[i-1].Seq)
		}
		if events[i].Prev == "" {
			events[i].Prev = id
		}
		id = events[i].ID
		if err := show(c, &events[i], h.num); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// show fills in the messages that an event refers to, as they are now.
func show(c *conn, e *chat.Event, num int64) (err error) {
	if e.Message != nil && e.Kind != chat.MessageCreated {
		// gone
		if e.Message, err = messageAt(c, e.Message.Room, key(num, e.Message.No)); err == nil &&
			e.Message == nil {
			err = chat.ErrResync
		}
		return err
	}
	if v := e.View; v != nil && v.HeadNo > 0 {
		r, err := c.one("SELECT num FROM rooms WHERE id = ?", string(v.ID))
		if err != nil || r == nil {
			return err
		}
		v.Last, err = messageAt(c, v.ID, key(r.num(0), v.HeadNo))
		return err
	}
	return nil
}

// otherEvents returns the events that are not messages, to be shown.
func (s *Store) otherEvents(c *conn, stream chat.Stream, num, after, limit int64) ([]chat.Event, error) {
	rows, err := many(c, func(r row) row { return slices.Clone(r) },
		"SELECT "+eventColumns+" FROM events WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
		key(num, after+1), key(num+1, -1), limit)
	if err != nil {
		return nil, err
	}
	events := make([]chat.Event, len(rows))
	for i, r := range rows {
		if events[i], err = scanEvent(r, stream, s.epoch); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func milli(t time.Time) int64   { return t.UnixMilli() }
func unmilli(n int64) time.Time { return time.UnixMilli(n).UTC() }

func joinPeople(people []chat.UserID) string {
	var b strings.Builder
	for i, u := range people {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(u))
	}
	return b.String()
}

func splitPeople(s string) []chat.UserID {
	var people []chat.UserID
	for u := range strings.FieldsSeq(s) {
		people = append(people, chat.UserID(u))
	}
	return people
}
