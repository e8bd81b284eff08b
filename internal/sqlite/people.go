package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

const accountColumns = "id, name, role, disabled, bot, created_at, name_key, password, profile, look_key"

// scanAccount reads accountColumns, beginning at column i.
func scanAccount(r row, i int) chat.Account {
	a := chat.Account{
		User: chat.User{
			ID: chat.UserID(r.text(i)), Name: r.text(i + 1), Role: chat.Role(r.text(i + 2)),
			Disabled: r.num(i+3) != 0, Bot: r.num(i+4) != 0, CreatedAt: unmilli(r.num(i + 5)),
		},
		NameKey: r.text(i + 6), Password: r.text(i + 7), LookKey: r.text(i + 9),
	}
	readProfile(r.text(i+8), &a.User)
	return a
}

func (s *Store) account(ctx context.Context, where, arg string) (a chat.Account, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+accountColumns+" FROM accounts WHERE "+where, arg)
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		a = scanAccount(r, 0)
		return nil
	})
	return a, err
}

// Account implements [chat.Store].
func (s *Store) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	return s.account(ctx, "id = ?", string(id))
}

// AccountByName implements [chat.Store].
func (s *Store) AccountByName(ctx context.Context, nameKey string) (chat.Account, error) {
	return s.account(ctx, "name_key = ?1 OR look_key = ?1", nameKey)
}

// Users implements [chat.Store].
func (s *Store) Users(ctx context.Context, after chat.UserID, limit int) (users []chat.User, err error) {
	err = s.read(ctx, func(c *conn) error {
		users, err = many(c, func(r row) chat.User { return scanAccount(r, 0).User },
			"SELECT "+accountColumns+" FROM accounts WHERE id > ? ORDER BY id LIMIT ?",
			string(after), int64(max(limit, 0)))
		return err
	})
	return users, err
}

const sessionColumns = "s.id, s.user, s.token_hash, s.agent, s.addr, s.created_at, s.seen_at, s.expires_at, s.name, s.scopes"

func scanSession(r row) chat.Session {
	return chat.Session{
		Name: r.text(8), Scopes: splitScopes(r.text(9)),
		ID: chat.SessionID(r.text(0)), User: chat.UserID(r.text(1)), TokenHash: r.text(2),
		Agent: r.text(3), Addr: r.text(4),
		CreatedAt: unmilli(r.num(5)), SeenAt: unmilli(r.num(6)), ExpiresAt: unmilli(r.num(7)),
	}
}

func insertSession(c *conn, n *chat.Session, otherwise string) (int64, error) {
	scopes := ""
	if len(n.Scopes) > 0 {
		b, err := json.Marshal(n.Scopes)
		if err != nil {
			return 0, err
		}
		scopes = string(b)
	}
	return c.exec("INSERT INTO sessions (id, user, token_hash, agent, addr, created_at, seen_at, expires_at, name, scopes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "+otherwise,
		string(n.ID), string(n.User), n.TokenHash, n.Agent, n.Addr, milli(n.CreatedAt),
		milli(n.SeenAt), milli(n.ExpiresAt), n.Name, scopes)
}

// splitScopes decodes the column scopes. A damaged column becomes a scope that
// allows nothing, because a token without scopes may do everything.
func splitScopes(column string) (scopes []string) {
	if column != "" && json.Unmarshal([]byte(column), &scopes) != nil {
		return []string{"unreadable"}
	}
	return scopes
}

// CreateSession implements [chat.Store].
func (s *Store) CreateSession(ctx context.Context, n chat.Session) error {
	return s.write(ctx, func(c *conn) error {
		changed, err := insertSession(c, &n, "ON CONFLICT DO NOTHING")
		return changedOr(chat.ErrConflict, changed, err)
	})
}

// changedOr returns an error if a statement changed nothing.
func changedOr(refusal error, changed int64, err error) error {
	if err == nil && changed == 0 {
		return refusal
	}
	return err
}

// Session implements [chat.Store].
func (s *Store) Session(ctx context.Context, tokenHash string) (session chat.Session,
	a chat.Account, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+sessionColumns+
			", a.id, a.name, a.role, a.disabled, a.bot, a.created_at, a.name_key, a.password, a.profile, a.look_key"+
			" FROM sessions s JOIN accounts a ON a.id = s.user WHERE s.token_hash = ?", tokenHash)
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		session, a = scanSession(r), scanAccount(r, 10)
		return nil
	})
	return session, a, err
}

// TouchSession implements [chat.Store].
func (s *Store) TouchSession(ctx context.Context, id chat.SessionID, user chat.UserID, seen,
	expires time.Time) error {
	return s.write(ctx, func(c *conn) error {
		changed, err := c.exec("UPDATE sessions SET seen_at = ?, expires_at = ? WHERE id = ? AND user = ?",
			milli(seen), milli(expires), string(id), string(user))
		return changedOr(chat.ErrNotFound, changed, err)
	})
}

// Sessions implements [chat.Store].
func (s *Store) Sessions(ctx context.Context, user chat.UserID) (sessions []chat.Session, err error) {
	err = s.read(ctx, func(c *conn) error {
		sessions, err = many(c, scanSession,
			"SELECT "+sessionColumns+" FROM sessions s WHERE s.user = ? ORDER BY s.created_at DESC, s.id DESC", string(user))
		return err
	})
	return sessions, err
}

const inviteColumns = "id, code_hash, role, created_by, created_at, expires_at"

func scanInvite(r row) chat.Invite {
	return chat.Invite{
		ID: r.text(0), CodeHash: r.text(1), Role: chat.Role(r.text(2)), CreatedBy: chat.UserID(r.text(3)),
		CreatedAt: unmilli(r.num(4)), ExpiresAt: unmilli(r.num(5)),
	}
}

// CreateInvite implements [chat.Store].
func (s *Store) CreateInvite(ctx context.Context, i chat.Invite) error {
	return s.write(ctx, func(c *conn) error {
		changed, err := c.exec("INSERT INTO invites ("+inviteColumns+
			") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			i.ID, i.CodeHash, string(i.Role), string(i.CreatedBy), milli(i.CreatedAt), milli(i.ExpiresAt))
		return changedOr(chat.ErrConflict, changed, err)
	})
}

// Invite implements [chat.Store].
func (s *Store) Invite(ctx context.Context, codeHash string) (i chat.Invite, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+inviteColumns+" FROM invites WHERE code_hash = ?", codeHash)
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		i = scanInvite(r)
		return nil
	})
	return i, err
}

// Invites implements [chat.Store].
func (s *Store) Invites(ctx context.Context) (invites []chat.Invite, err error) {
	err = s.read(ctx, func(c *conn) error {
		invites, err = many(c, scanInvite,
			"SELECT "+inviteColumns+" FROM invites ORDER BY created_at DESC, id DESC LIMIT 1000")
		return err
	})
	return invites, err
}

// DeleteInvite implements [chat.Store].
func (s *Store) DeleteInvite(ctx context.Context, id string) error {
	return s.write(ctx, func(c *conn) error {
		changed, err := c.exec("DELETE FROM invites WHERE id = ?", id)
		return changedOr(chat.ErrNotFound, changed, err)
	})
}

// pruneStep is how many rows of a kind one call of Prune deletes at most.
const pruneStep = 1000

// prune deletes what has expired, and reports whether more is left.
func (w *writer) prune(now time.Time) (more bool, err error) {
	for _, sql := range []string{
		"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ? LIMIT ?)",
		"DELETE FROM invites WHERE id IN (SELECT id FROM invites WHERE expires_at <= ? LIMIT ?)",
	} {
		n, err := w.exec(sql, milli(now), int64(pruneStep))
		if err != nil {
			return false, err
		}
		more = more || n == pruneStep
	}
	some, err := w.sends.prune(milli(now.Add(-chat.DedupeFor)))
	return more || some, err
}
