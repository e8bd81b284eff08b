package sqlite

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// Search returns up to limit messages of the rooms that hold all words of the query, newest first.
// Words match by their beginning, writing without spaces anywhere; see terms.go. A message is found some
// moments after it was sent. Rooms that are not there are skipped.
func (s *Store) Search(ctx context.Context, rooms []chat.RoomID, query string, limit int) ([]chat.Message, error) {
	match := expression(query)
	if match == "" || limit <= 0 {
		return nil, nil
	}
	var found []chat.Message
	err := s.read(ctx, func(c *conn) error {
		for _, room := range rooms {
			num, err := roomNum(c, room)
			if errors.Is(err, chat.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			var ids []int64
			if err := s.search.find.read(ctx, func(c *conn) error {
				return c.query(ctx, func(r row) error { ids = append(ids, r.num(0)); return nil },
					"SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?",
					match, key(num, 1), key(num+1, -1), int64(limit))
			}); err != nil {
				return err
			}
			for _, id := range ids {
				m, err := messageAt(c, room, id)
				if err != nil {
					return err
				}
				if m != nil && !m.Deleted() {
					found = append(found, *m)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b chat.Message) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return found[:min(len(found), limit)], nil
}
