package sqlite

import (
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// inUser judges and writes changes to a person's stream.
func (w *writer) inUser(s *stream, user chat.UserID, c *chat.Change) (chat.Result, error) {
	switch {
	case c.Kind == chat.RoomJoined && c.View != nil:
		return w.list(s, user, c)
	case c.Kind == chat.RoomLeft && c.Left != "":
		room, err := w.stream(chat.RoomStream(c.Left))
		if err != nil {
			return chat.Result{}, err
		}
		n, err := w.exec("DELETE FROM lists WHERE user = ? AND room = ?", string(user), room.num)
		if err != nil {
			return chat.Result{}, err
		}
		if n == 0 {
			return noOp, nil
		}
		return w.append(s, c, chat.Event{Left: c.Left, Reason: c.Reason})
	case c.Kind == chat.ReadMoved && c.Read != nil:
		room, me, err := w.placeOf(user, c.Read.Room)
		if err != nil {
			return chat.Result{}, err
		}
		if c.Read.No <= me.readNo {
			return noOp, nil
		}
		w.setRead(room, me, c.Read.No)
		return w.append(s, c, chat.Event{Read: c.Read})
	case c.Kind == chat.NotifyChanged && c.Notify != nil:
		return w.setNotify(s, user, c)
	case c.Kind == chat.SessionRevoked:
		return w.revoke(s, user, c)
	}
	return chat.Result{}, errChange(c)
}

// placeOf returns a room and the person's place in it, ErrNotFound if they are
// not a member.
func (w *writer) placeOf(user chat.UserID, id chat.RoomID) (*stream, *member, error) {
	room, err := w.stream(chat.RoomStream(id))
	if err != nil {
		return nil, nil, err
	}
	if room.room == nil {
		return nil, nil, chat.ErrNotFound
	}
	me, err := w.member(room, user)
	if err != nil {
		return nil, nil, err
	}
	if !me.in {
		return nil, nil, chat.ErrNotFound
	}
	return room, me, nil
}

// list puts a room on the person's list.
func (w *writer) list(s *stream, user chat.UserID, c *chat.Change) (chat.Result, error) {
	room, me, err := w.placeOf(user, c.View.ID)
	if err != nil {
		return chat.Result{}, err
	}
	n, err := w.exec("INSERT INTO lists (user, room) VALUES (?, ?) ON CONFLICT DO NOTHING",
		string(user), room.num)
	if err != nil {
		return chat.Result{}, err
	}
	if n == 0 {
		return noOp, nil
	}
	v := chat.RoomView{
		Room: *room.room, Position: room.position(w.epoch), HeadNo: room.no, ReadNo: me.readNo,
		Trimmed: room.trimmed,
		Role:    me.Role, JoinedAt: me.JoinedAt, Members: room.members, Mute: me.Mute,
	}
	if room.no > room.trimmed {
		if v.Last, err = messageAt(w.conn, v.ID, key(room.num, room.no)); err != nil {
			return chat.Result{}, err
		}
	}
	if err := unread(w.conn, &v, room.num, user); err != nil {
		return chat.Result{}, err
	}
	return w.append(s, c, chat.Event{View: &v})
}

// setNotify sets the level of a room on the person's list.
func (w *writer) setNotify(s *stream, user chat.UserID, c *chat.Change) (chat.Result, error) {
	room, err := w.stream(chat.RoomStream(c.Notify.Room))
	if err != nil {
		return chat.Result{}, err
	}
	r, err := w.one("SELECT notify FROM lists WHERE user = ? AND room = ?", string(user), room.num)
	switch {
	case err != nil:
		return chat.Result{}, err
	case r == nil:
		return chat.Result{}, chat.ErrNotFound
	case r.text(0) == string(c.Notify.Level):
		return noOp, nil
	}
	if _, err := w.exec("UPDATE lists SET notify = ? WHERE user = ? AND room = ?",
		string(c.Notify.Level), string(user), room.num); err != nil {
		return chat.Result{}, err
	}
	return w.append(s, c, chat.Event{Notify: c.Notify})
}

// revoke deletes sessions, and with an account sets the new password.
func (w *writer) revoke(s *stream, user chat.UserID, c *chat.Change) (chat.Result, error) {
	if c.Account != nil {
		r, err := w.one("SELECT password FROM accounts WHERE id = ?", string(user))
		switch {
		case err != nil:
			return chat.Result{}, err
		case r == nil:
			return chat.Result{}, chat.ErrNotFound
		case c.Was != "" && c.Was != r.text(0):
			return chat.Result{}, chat.ErrConflict
		}
		if _, err := w.exec("UPDATE accounts SET password = ? WHERE id = ?", c.Account.Password,
			string(user)); err != nil {
			return chat.Result{}, err
		}
	}
	all, err := many(w.conn, func(r row) chat.SessionID { return chat.SessionID(r.text(0)) },
		"SELECT id FROM sessions WHERE user = ? ORDER BY id", string(user))
	if err != nil {
		return chat.Result{}, err
	}
	var gone []chat.SessionID
	for _, id := range all {
		if len(c.Sessions) > 0 && !slices.Contains(c.Sessions, id) {
			continue
		}
		if _, err := w.exec("DELETE FROM sessions WHERE id = ?", string(id)); err != nil {
			return chat.Result{}, err
		}
		gone = append(gone, id)
	}
	if len(gone) == 0 && c.Account == nil {
		return noOp, nil
	}
	return w.append(s, c, chat.Event{Sessions: gone})
}

// inServer judges and writes changes to the server's stream.
func (w *writer) inServer(s *stream, c *chat.Change) (chat.Result, error) {
	if c.User == nil || c.Account == nil {
		return chat.Result{}, errChange(c)
	}
	switch c.Kind {
	case chat.UserCreated:
		if err := w.createAccount(c); err != nil {
			return chat.Result{}, err
		}
	case chat.UserUpdated:
		if err := w.replaceAccount(c); err != nil {
			return chat.Result{}, err
		}
	default:
		return chat.Result{}, errChange(c)
	}
	return w.append(s, c, chat.Event{User: c.User})
}

func (w *writer) createAccount(c *chat.Change) error {
	if c.Invite != "" {
		r, err := w.one("SELECT expires_at FROM invites WHERE code_hash = ?", c.Invite)
		if err != nil {
			return err
		}
		if r == nil || milli(c.At) >= r.num(0) {
			return chat.ErrNotFound
		}
	}
	// The insert is the judge of both the id and the name; it comes before the
	// invite is used up.
	n, err := insertAccount(w.conn, c.Account, "ON CONFLICT DO NOTHING")
	if err != nil {
		return err
	}
	if n == 0 {
		return chat.ErrConflict
	}
	if c.Invite != "" {
		_, err = w.exec("DELETE FROM invites WHERE code_hash = ?", c.Invite)
	}
	return err
}

func insertAccount(c *conn, a *chat.Account, otherwise string) (int64, error) {
	profile, err := profileOf(&a.User)
	if err != nil {
		return 0, err
	}
	return c.exec("INSERT INTO accounts ("+accountColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "+otherwise,
		string(a.ID), a.Name, string(a.Role), flag(a.Disabled), flag(a.Bot), milli(a.CreatedAt),
		a.NameKey, a.Password, profile)
}

func (w *writer) replaceAccount(c *chat.Change) error {
	a := c.Account
	if c.WasUser != nil {
		r, err := w.one("SELECT "+accountColumns+" FROM accounts WHERE id = ?", string(a.ID))
		switch {
		case err != nil:
			return err
		case r == nil:
			return chat.ErrNotFound
		case scanAccount(r, 0).User != *c.WasUser:
			return chat.ErrConflict
		}
	}
	r, err := w.one("SELECT (SELECT count(*) FROM accounts WHERE id = ?1), (SELECT count(*) FROM accounts WHERE name_key = ?2 AND id <> ?1)",
		string(a.ID), a.NameKey)
	switch {
	case err != nil:
		return err
	case r.num(0) == 0:
		return chat.ErrNotFound
	case r.num(1) > 0:
		return chat.ErrConflict
	}
	profile, err := profileOf(&a.User)
	if err != nil {
		return err
	}
	_, err = w.exec("UPDATE accounts SET name = ?2, role = ?3, disabled = ?4, created_at = ?5, name_key = ?6, bot = ?7, profile = ?8 WHERE id = ?1",
		string(a.ID), a.Name, string(a.Role), flag(a.Disabled), milli(a.CreatedAt), a.NameKey,
		flag(a.Bot), profile)
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
