package sqlite

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

const (
	// findMost bounds the messages that match the words and are checked against
	// the rest of a query.
	findMost = 20_000
	// findTime ends a search that takes longer: its connection is interrupted.
	findTime = 5 * time.Second
	// findPage is how many matches of one room are read at once.
	findPage = 1000
	// clockSlack is by how much a message may be older than the one before it
	// in its room: the clock was set.
	clockSlack = time.Minute
)

var _ chat.Finder = (*Store)(nil)

// Search implements [chat.Finder]; see terms.go for what matches. Searches have
// connections of their own, so that however many there are and however long
// they take, nothing else waits for them.
func (s *Store) Search(ctx context.Context, rooms []chat.RoomID, q chat.Query, before chat.SearchCursor,
	limit int) (chat.Found, error) {
	match := expression(q.Terms())
	if match == "" || limit <= 0 {
		return chat.Found{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	f := &searchRun{ctx: ctx, q: &q, begin: q.Start(before), match: match, limit: limit}
	// Both pools have the same size: a search that has one connection gets the
	// other.
	err := s.search.find.read(ctx, func(index *conn) error {
		f.index = index
		if err := f.matchAll(); err != nil {
			return err
		}
		return s.search.texts.read(ctx, func(c *conn) error {
			f.c = c
			all, err := withThreads(c, rooms)
			for _, r := range all {
				if err == nil {
					err = f.room(r)
				}
			}
			return err
		})
	})
	if err != nil {
		return chat.Found{}, err
	}
	return f.result(), nil
}

// searched is a room that is searched.
type searched struct {
	num int64
	id  chat.RoomID
}

// withThreads returns the existing rooms and their threads, each once.
func withThreads(c *conn, rooms []chat.RoomID) (all []searched, err error) {
	seen := map[int64]bool{}
	for _, id := range rooms {
		some, err := many(c, func(r row) searched { return searched{r.num(0), chat.RoomID(r.text(1))} },
			"SELECT num, id FROM rooms WHERE id = ?1 UNION ALL SELECT num, id FROM rooms WHERE parent = ?1 AND parent <> ''", string(id))
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			if !seen[r.num] {
				all = append(all, r)
			}
			seen[r.num] = true
		}
	}
	return all, nil
}

// searchRun collects the results of a search room by room.
type searchRun struct {
	ctx    context.Context
	index  *conn
	c      *conn             // of the store
	all    map[int64][]int64 // matches by room, newest first; nil if there are too many
	q      *chat.Query
	begin  chat.SearchCursor
	match  string
	limit  int
	looked int

	found []chat.Message    // newest first
	until chat.SearchCursor // not zero: what is older was not all looked at
}

// matchAll finds the matches of all rooms at once, unless there are more than
// findMost.
func (f *searchRun) matchAll() error {
	ids, err := f.matches(0, math.MaxInt64, findMost+1)
	if err != nil || len(ids) > findMost {
		return err
	}
	f.all = map[int64][]int64{}
	for _, id := range ids {
		f.all[id>>shift] = append(f.all[id>>shift], id)
	}
	return nil
}

// matches returns the newest messages from first to last that match, newest
// first. All work is in the first step of the statement, which the context can
// interrupt.
func (f *searchRun) matches(first, last int64, limit int) (ids []int64, err error) {
	err = f.index.query(f.ctx, func(r row) error { return json.Unmarshal([]byte(r.text(0)), &ids) },
		"SELECT json_group_array(rowid) FROM (SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?)",
		f.match, first, last, int64(limit))
	return ids, err
}

// inRoom calls each with the matches from first to last, newest first, until it
// reports false.
func (f *searchRun) inRoom(room, first, last int64, each func(id int64) (bool, error)) error {
	for {
		ids, page := f.all[room], findMost+1
		if f.all == nil {
			var err error
			page = findPage
			if ids, err = f.matches(first, last, page); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if id < first || id > last {
				continue
			}
			if more, err := each(id); err != nil || !more {
				return err
			}
		}
		if len(ids) < page {
			return nil
		}
		last = ids[len(ids)-1] - 1
	}
}

// room searches one room, newest first.
func (f *searchRun) room(in searched) error {
	first, last := key(in.num, 1), key(in.num+1, -1)
	var err error
	if f.begin != (chat.SearchCursor{}) {
		if last, err = f.cursorAt(in.num, f.begin.At.Add(clockSlack)); err != nil {
			return err
		}
	}
	if !f.q.After.IsZero() {
		if first, err = f.cursorAt(in.num, f.q.After.Add(-clockSlack)); err != nil {
			return err
		}
	}
	return f.inRoom(in.num, first, last, func(id int64) (bool, error) {
		if err := f.ctx.Err(); err != nil {
			return false, err
		}
		m, err := messageAt(f.c, in.id, id)
		if err != nil || m == nil {
			return true, err
		}
		// Older than all results, and so are the messages after it, unless the
		// clock was set.
		if n := len(f.found); n > f.limit && m.At.Before(f.found[f.limit].At.Add(-clockSlack)) ||
			m.At.Before(f.until.At) {
			return false, nil
		}
		if f.looked++; f.looked > findMost {
			f.until = m.Cursor()
			return false, nil
		}
		if f.begin.Holds(m) && f.q.Wants(m) {
			i, _ := slices.BinarySearchFunc(f.found, *m,
				func(a, b chat.Message) int { return b.Cursor().Compare(a.Cursor()) })
			f.found = slices.Insert(f.found, i, *m)
			f.found = f.found[:min(len(f.found), f.limit+1)]
		}
		return true, nil
	})
}

// cursorAt returns the id of the last message of a room that was sent at a time
// or before, or one that is close to it.
func (f *searchRun) cursorAt(room int64, at time.Time) (int64, error) {
	r, err := f.c.one("SELECT (SELECT min(id) FROM messages WHERE id BETWEEN ?1 AND ?2), (SELECT max(id) FROM messages WHERE id BETWEEN ?1 AND ?2)", key(room, 1), key(room+1, -1))
	if err != nil || r[0] == nil {
		return key(room, 0), err
	}
	first, last := r.num(0), r.num(1)
	n := sort.Search(int(last-first)+1, func(i int) bool {
		if err != nil {
			return true
		}
		var r row
		r, err = f.c.one("SELECT at FROM messages WHERE id = ?", first+int64(i))
		return r.first() > milli(at)
	})
	return first + int64(n) - 1, err
}

// result returns the results of all rooms.
func (f *searchRun) result() chat.Found {
	out := chat.Found{Messages: f.found, Until: f.until}
	if f.until != (chat.SearchCursor{}) {
		out.Messages = slices.DeleteFunc(out.Messages,
			func(m chat.Message) bool { return m.Cursor().Compare(f.until) < 0 })
	}
	if len(out.Messages) > f.limit {
		out.Messages = out.Messages[:f.limit]
		out.Until = out.Messages[f.limit-1].Cursor()
	}
	return out
}
