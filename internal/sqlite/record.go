package sqlite

import (
	"context"

	"github.com/parley-chat/parley/internal/chat"
)

// PutRecord implements [chat.Store].
func (s *Store) PutRecord(ctx context.Context, kind, id string, was int64,
	value []byte) (version int64, err error) {
	value = append([]byte{}, value...) // the caller's, and never NULL
	err = s.write(ctx, func(c *conn) error {
		var changed int64
		var err error
		if was == 0 {
			changed, err = c.exec("INSERT INTO records (kind, id, version, value) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING", kind, id, value)
		} else {
			changed, err = c.exec("UPDATE records SET version = version + 1, value = ? WHERE kind = ? AND id = ? AND version = ?", value, kind, id, was)
		}
		return changedOr(chat.ErrConflict, changed, err)
	})
	if err != nil {
		return 0, err
	}
	return was + 1, nil
}

// DeleteRecord implements [chat.Store].
func (s *Store) DeleteRecord(ctx context.Context, kind, id string) error {
	return s.write(ctx, func(c *conn) error {
		changed, err := c.exec("DELETE FROM records WHERE kind = ? AND id = ?", kind, id)
		return changedOr(chat.ErrNotFound, changed, err)
	})
}

const recordColumns = "id, version, value"

func scanRecord(r row) chat.Record {
	return chat.Record{ID: r.text(0), Version: r.num(1), Value: append([]byte(nil), r.blob(2)...)}
}

// Record implements [chat.Store].
func (s *Store) Record(ctx context.Context, kind, id string) (record chat.Record, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, err := c.one("SELECT "+recordColumns+" FROM records WHERE kind = ? AND id = ?", kind, id)
		if err != nil {
			return err
		}
		if r == nil {
			return chat.ErrNotFound
		}
		record = scanRecord(r)
		return nil
	})
	return record, err
}

// Records implements [chat.Store].
func (s *Store) Records(ctx context.Context, kind, after string, limit int) (records []chat.Record,
	err error) {
	err = s.read(ctx, func(c *conn) error {
		records, err = many(c, scanRecord,
			"SELECT "+recordColumns+" FROM records WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",
			kind, after, int64(max(limit, 0)))
		return err
	})
	return records, err
}
