package sqlite

import (
	"cmp"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// inUser checks and writes changes to a person's stream.
func (w *writer) inUser(s *stream, user chat.UserID, c *chat.Change) (chat.Result, error) {
	switch op := c.Op.(type) {
	case chat.ListRoom:
		return w.list(s, user, c, op)
	case chat.UnlistRoom:
		room, err := w.stream(chat.RoomStream(op.Room))
		if err != nil {
			return chat.Result{}, err
		}
		n, err := w.exec("DELETE FROM lists WHERE user = ? AND room = ?", string(user), room.num)
		if err != nil || n == 0 {
			return chat.Result{NoOp: err == nil}, err
		}
		return w.append(s, c, chat.Event{Left: op.Room, Reason: op.Reason})
	case chat.MoveRead:
		room, me, err := w.roomAndMember(user, op.Read.Room)
		if err != nil || op.Read.No <= me.readNo {
			return chat.Result{NoOp: err == nil}, err
		}
		w.setRead(room, me, op.Read.No)
		return w.append(s, c, chat.Event{Read: &op.Read})
	case chat.SetNotify:
		return w.setNotify(s, user, c, op.Notify)
	case chat.RevokeSessions:
		return w.revoke(s, user, c, op)
	}
	return chat.Result{}, errUnknown(c)
}

// roomAndMember returns a room and the person's membership, ErrNotFound if
// there is none.
func (w *writer) roomAndMember(user chat.UserID, id chat.RoomID) (*stream, *member, error) {
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

// list adds a room to the person's list.
func (w *writer) list(s *stream, user chat.UserID, c *chat.Change, op chat.ListRoom) (chat.Result, error) {
	room, me, err := w.roomAndMember(user, op.Room)
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
func (w *writer) setNotify(s *stream, user chat.UserID, c *chat.Change,
	to chat.Notify) (chat.Result, error) {
	room, err := w.stream(chat.RoomStream(to.Room))
	if err != nil {
		return chat.Result{}, err
	}
	r, err := w.one("SELECT notify FROM lists WHERE user = ? AND room = ?", string(user), room.num)
	switch {
	case err != nil:
		return chat.Result{}, err
	case r == nil:
		return chat.Result{}, chat.ErrNotFound
	case r.text(0) == string(to.Level):
		return noOp, nil
	}
	if _, err := w.exec("UPDATE lists SET notify = ? WHERE user = ? AND room = ?",
		string(to.Level), string(user), room.num); err != nil {
		return chat.Result{}, err
	}
	return w.append(s, c, chat.Event{Notify: &to})
}

// revoke deletes sessions, and sets the new password if one is given.
func (w *writer) revoke(s *stream, user chat.UserID, c *chat.Change,
	op chat.RevokeSessions) (chat.Result, error) {
	if op.Password != "" {
		r, err := w.one("SELECT password FROM accounts WHERE id = ?", string(user))
		switch {
		case err != nil:
			return chat.Result{}, err
		case r == nil:
			return chat.Result{}, chat.ErrNotFound
		case op.Was != "" && op.Was != r.text(0):
			return chat.Result{}, chat.ErrConflict
		}
		if _, err := w.exec("UPDATE accounts SET password = ? WHERE id = ?", op.Password,
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
		if len(op.Sessions) > 0 && !slices.Contains(op.Sessions, id) {
			continue
		}
		if _, err := w.exec("DELETE FROM sessions WHERE id = ?", string(id)); err != nil {
			return chat.Result{}, err
		}
		gone = append(gone, id)
	}
	if len(gone) == 0 && op.Password == "" {
		return noOp, nil
	}
	return w.append(s, c, chat.Event{Sessions: gone})
}

// inServer checks and writes changes to the server's stream.
func (w *writer) inServer(s *stream, c *chat.Change) (chat.Result, error) {
	switch op := c.Op.(type) {
	case chat.CreateUser:
		if err := w.createAccount(c, op); err != nil {
			return chat.Result{}, err
		}
		return w.append(s, c, chat.Event{User: &op.Account.User})
	case chat.UpdateUser:
		if err := w.replaceAccount(op); err != nil {
			return chat.Result{}, err
		}
		return w.append(s, c, chat.Event{User: &op.Account.User})
	}
	return chat.Result{}, errUnknown(c)
}

func (w *writer) createAccount(c *chat.Change, op chat.CreateUser) error {
	if op.Invite != "" {
		r, err := w.one("SELECT expires_at FROM invites WHERE code_hash = ?", op.Invite)
		if err != nil {
			return err
		}
		if r == nil || milli(c.At) >= r.num(0) {
			return chat.ErrNotFound
		}
	}
	// These check that id and name are unused; they come before the invite is
	// used.
	if err := w.checkName(&op.Account); err != nil {
		return err
	}
	n, err := insertAccount(w.conn, &op.Account, "ON CONFLICT DO NOTHING")
	if err != nil {
		return err
	}
	if n == 0 {
		return chat.ErrConflict
	}
	if op.Invite != "" {
		_, err = w.exec("DELETE FROM invites WHERE code_hash = ?", op.Invite)
	}
	return err
}

func insertAccount(c *conn, a *chat.Account, otherwise string) (int64, error) {
	profile, err := profileOf(&a.User)
	if err != nil {
		return 0, err
	}
	return c.exec("INSERT INTO accounts ("+accountColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "+otherwise,
		string(a.ID), a.Name, string(a.Role), flag(a.Disabled), flag(a.Bot), milli(a.CreatedAt),
		a.NameKey, a.Password, profile, orNull(a.LookKey))
}

// checkName returns ErrConflict if another account has a key of the account's
// name.
func (w *writer) checkName(a *chat.Account) error {
	look := cmp.Or(a.LookKey, a.NameKey)
	r, err := w.one("SELECT 1 FROM accounts WHERE id <> ?1 AND (name_key IN (?2, ?3) OR look_key IN (?2, ?3))",
		string(a.ID), a.NameKey, look)
	if err == nil && r != nil {
		err = chat.ErrConflict
	}
	return err
}

// orNull returns the value of a column that is NULL for an empty text.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (w *writer) replaceAccount(op chat.UpdateUser) error {
	a := &op.Account
	if op.Was != nil {
		r, err := w.one("SELECT "+accountColumns+" FROM accounts WHERE id = ?", string(a.ID))
		switch {
		case err != nil:
			return err
		case r == nil:
			return chat.ErrNotFound
		case scanAccount(r, 0).User != *op.Was:
			return chat.ErrConflict
		}
	}
	r, err := w.one("SELECT 1 FROM accounts WHERE id = ?", string(a.ID))
	if err != nil {
		return err
	}
	if r == nil {
		return chat.ErrNotFound
	}
	if err := w.checkName(a); err != nil {
		return err
	}
	profile, err := profileOf(&a.User)
	if err != nil {
		return err
	}
	_, err = w.exec("UPDATE accounts SET name = ?2, role = ?3, disabled = ?4, created_at = ?5, name_key = ?6, bot = ?7, profile = ?8, look_key = ?9 WHERE id = ?1",
		string(a.ID), a.Name, string(a.Role), flag(a.Disabled), milli(a.CreatedAt), a.NameKey,
		flag(a.Bot), profile, orNull(a.LookKey))
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
