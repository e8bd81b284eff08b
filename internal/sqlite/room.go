package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

const roomColumns = "num, id, kind, name, topic, people, created_by, created_at, parent, root, retain, trimmed, archived, slow, announce"

func scanRoom(r row) chat.Room {
	return chat.Room{
		ID: chat.RoomID(r.text(1)), Kind: chat.RoomKind(r.text(2)), Name: r.text(3), Topic: r.text(4),
		People: splitPeople(r.text(5)), CreatedBy: chat.UserID(r.text(6)), CreatedAt: unmilli(r.num(7)),
		Parent: chat.RoomID(r.text(8)), Root: r.num(9), Retain: int(r.num(10)),
		Archived: r.num(12) != 0, Slow: int(r.num(13)), Announce: r.num(14) != 0,
	}
}

// insertRoom inserts a room with the number of its stream.
func insertRoom(c *conn, num int64, r *chat.Room, trimmed int64) error {
	_, err := c.exec("INSERT INTO rooms ("+roomColumns+
		", members) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
		num, string(r.ID), string(r.Kind), r.Name, r.Topic, joinPeople(r.People),
		string(r.CreatedBy), milli(r.CreatedAt), string(r.Parent), r.Root,
		int64(r.Retain), trimmed, flag(r.Archived), int64(r.Slow), flag(r.Announce))
	return err
}

const memberColumns = "user, role, joined_at, mute"

// scanMember reads memberColumns.
func scanMember(r row, room chat.RoomID) (m chat.Member, err error) {
	m = chat.Member{Room: room, User: chat.UserID(r.text(0)), Role: chat.RoomRole(r.text(1)),
		JoinedAt: unmilli(r.num(2))}
	m.Mute, err = decodeMute(r, 3)
	return m, err
}

func insertMember(c *conn, room int64, m *chat.Member, readNo, spoke int64) error {
	mute, err := encodeMute(m.Mute)
	if err != nil {
		return err
	}
	_, err = c.exec("INSERT INTO members (room, "+memberColumns+
		", read_no, spoke) VALUES (?, ?, ?, ?, ?, ?, ?)",
		room, string(m.User), string(m.Role), milli(m.JoinedAt), mute, readNo, spoke)
	return err
}

// encodeMute returns the value of the column mute.
func encodeMute(m chat.Mute) (any, error) {
	if m == (chat.Mute{}) {
		return nil, nil
	}
	text, err := json.Marshal(m)
	return string(text), err
}

func decodeMute(r row, column int) (m chat.Mute, err error) {
	if r[column] != nil {
		err = json.Unmarshal([]byte(r.text(column)), &m)
	}
	return m, err
}

// manyScanned is many for a scan that can fail.
func manyScanned[T any](c *conn, scan func(row) (T, error), query string, args ...any) (all []T, err error) {
	err = c.query(context.Background(), func(r row) error {
		m, err := scan(r)
		all = append(all, m)
		return err
	}, query, args...)
	return all, err
}

// roomNum returns the number of a room, ErrNotFound if there is none.
func roomNum(c *conn, id chat.RoomID) (int64, error) {
	r, err := c.one("SELECT num FROM rooms WHERE id = ?", string(id))
	if err != nil {
		return 0, err
	}
	if r == nil {
		return 0, chat.ErrNotFound
	}
	return r.num(0), nil
}

// Messages implements [chat.Store].
func (s *Store) Messages(ctx context.Context, room chat.RoomID,
	page chat.Page) (messages []chat.Message, err error) {
	limit := int64(max(page.Limit, 0))
	err = s.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil {
			return err
		}
		below := func(no, limit int64) error {
			// Above all numbers, the limit is the end of the room's keys.
			found, err := messagesWhere(c, room, "id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
				key(num, 1), key(num, min(no, 1<<shift)-1), limit)
			slices.Reverse(found)
			messages = append(messages, found...)
			return err
		}
		from := func(no, limit int64) error {
			found, err := messagesWhere(c, room, "id BETWEEN ? AND ? ORDER BY id LIMIT ?",
				key(num, min(max(no, 1), 1<<shift)), key(num+1, -1), limit)
			messages = append(messages, found...)
			return err
		}
		switch page.From {
		case chat.Before:
			return below(max(page.No, 0), limit)
		case chat.After:
			return from(min(page.No, 1<<shift)+1, limit)
		case chat.Around:
			if err := below(max(page.No, 0), limit/2); err != nil {
				return err
			}
			return from(page.No, limit-int64(len(messages)))
		default:
			return below(1<<shift, limit)
		}
	})
	return messages, err
}

// Room implements [chat.Store].
func (s *Store) Room(ctx context.Context, id chat.RoomID) (room chat.Room, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+roomColumns+" FROM rooms WHERE id = ?", string(id))
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		room = scanRoom(r)
		return nil
	})
	return room, err
}

const viewColumns = roomColumns + ", members, m.role, m.joined_at, m.read_no, m.mute, l.notify"

// view returns a person's view from a row of viewColumns and their read moves.
func (s *Store) view(c *conn, r row, user chat.UserID, moves map[int64]int64) (chat.RoomView, error) {
	v := chat.RoomView{
		Room: scanRoom(r), Trimmed: r.num(11), Members: r.num(15),
		Role: chat.RoomRole(r.text(16)), JoinedAt: unmilli(r.num(17)),
		ReadNo: max(r.num(18), moves[r.num(0)]),
	}
	var err error
	if v.Mute, err = decodeMute(r, 19); err != nil {
		return chat.RoomView{}, err
	}
	if r[20] != nil { // it is on their list
		v.Notify = chat.NotifyLevel(r.text(20))
	}
	h, err := readHeadOf(c, r.num(0))
	if err != nil {
		return chat.RoomView{}, err
	}
	v.Position, v.HeadNo = h.position(s.epoch), h.no
	if h.no > v.Trimmed {
		if v.Last, err = messageAt(c, v.ID, key(h.num, h.no)); err != nil {
			return chat.RoomView{}, err
		}
	}
	return v, unread(c, &v, h.num, user)
}

// View implements [chat.Store].
func (s *Store) View(ctx context.Context, id chat.RoomID, user chat.UserID) (v chat.RoomView, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+viewColumns+
			" FROM rooms JOIN members m ON m.room = num LEFT JOIN lists l ON l.user = m.user AND l.room = num WHERE id = ? AND m.user = ?", string(id), string(user))
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		moves, err := readMovesOf(c, user)
		if err != nil {
			return err
		}
		v, err = s.view(c, r, user, moves)
		return err
	})
	return v, err
}

// Views implements [chat.Store].
func (s *Store) Views(ctx context.Context, user chat.UserID) (views []chat.RoomView, err error) {
	err = s.read(ctx, func(c *conn) error {
		rows, err := many(c, func(r row) row { return slices.Clone(r) },
			"SELECT "+viewColumns+" FROM lists l JOIN rooms ON num = l.room JOIN members m ON m.room = l.room AND m.user = l.user WHERE l.user = ?",
			string(user))
		if err != nil {
			return err
		}
		moves, err := readMovesOf(c, user)
		if err != nil {
			return err
		}
		for _, r := range rows {
			v, err := s.view(c, r, user, moves)
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	slices.SortFunc(views, func(a, b chat.RoomView) int { return cmp.Compare(a.ID, b.ID) })
	return views, err
}

// ListedRooms implements [chat.Store].
func (s *Store) ListedRooms(ctx context.Context, user chat.UserID) (ids []chat.RoomID, err error) {
	err = s.read(ctx, func(c *conn) error {
		ids, err = many(c, func(r row) chat.RoomID { return chat.RoomID(r.text(0)) },
			"SELECT id FROM lists JOIN rooms ON num = room WHERE user = ?", string(user))
		return err
	})
	return ids, err
}

// PublicRooms implements [chat.Store].
func (s *Store) PublicRooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.rooms(ctx, "kind = 'public'", after, limit)
}

// Rooms implements [chat.Store].
func (s *Store) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.rooms(ctx, "true", after, limit)
}

func (s *Store) rooms(ctx context.Context, which string, after chat.RoomID,
	limit int) (rooms []chat.Room, err error) {
	err = s.read(ctx, func(c *conn) error {
		rooms, err = many(c, scanRoom,
			"SELECT "+roomColumns+" FROM rooms WHERE "+which+" AND id > ? ORDER BY id LIMIT ?",
			string(after), int64(max(limit, 0)))
		return err
	})
	return rooms, err
}

// Member implements [chat.Store].
func (s *Store) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (m chat.Member, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+memberColumns+
			" FROM members WHERE room = (SELECT num FROM rooms WHERE id = ?) AND user = ?",
			string(room), string(user))
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		m, err = scanMember(r, room)
		return err
	})
	return m, err
}

// Members implements [chat.Store].
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) (all []chat.Member, err error) {
	err = s.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil {
			return err
		}
		all, err = manyScanned(c, func(r row) (chat.Member, error) { return scanMember(r, room) },
			"SELECT "+memberColumns+" FROM members WHERE room = ? AND user > ? ORDER BY user LIMIT ?", num, string(after), int64(max(limit, 0)))
		return err
	})
	return all, err
}

// ReadPositions implements [chat.Store].
func (s *Store) ReadPositions(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) (reads []chat.ReadPosition, err error) {
	err = s.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil {
			return err
		}
		reads, err = many(c, func(r row) chat.ReadPosition {
			return chat.ReadPosition{User: chat.UserID(r.text(0)), No: r.num(1)}
		}, "SELECT user, read_no FROM members WHERE room = ? AND user > ? ORDER BY user LIMIT ?", num, string(after), int64(max(limit, 0)))
		if err != nil {
			return err
		}
		at := map[chat.UserID]*chat.ReadPosition{}
		for i := range reads {
			at[reads[i].User] = &reads[i]
		}
		return eachReadMove(c, func(moved, no int64, user []byte) {
			if r := at[chat.UserID(user)]; moved == num && r != nil {
				r.No = max(r.No, no)
			}
		})
	})
	return reads, err
}

// CountRooms implements [chat.Store].
func (s *Store) CountRooms(ctx context.Context, createdBy chat.UserID) (n int, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT count(*) FROM rooms WHERE created_by = ?", string(createdBy))
		n = int(r.first())
		return err
	})
	return n, err
}
