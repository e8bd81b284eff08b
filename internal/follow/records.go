package follow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

// recordKind is the kind of record of a cursor, with the id
// "<follower>/<queue>".
const recordKind = "cursor"

// Records keeps the cursors of a follower as records of the store, about 150
// bytes for each queue that ever moved.
func Records(store chat.Store, follower string) Cursors {
	return records{store, follower + "/"}
}

type records struct {
	store  chat.Store
	prefix string
}

// Load reads the records between the first and the last of the queues where
// there are many, so that a sweep takes a call for a page and not for a queue.
func (r records) Load(ctx context.Context, queues []Queue) ([]Cursor, error) {
	cursors := make([]Cursor, len(queues))
	if len(queues) == 1 {
		found, err := r.store.Record(ctx, recordKind, r.prefix+queues[0].ID)
		if errors.Is(err, chat.ErrNotFound) {
			return cursors, nil
		}
		if err != nil {
			return nil, err
		}
		return cursors, decode(found, &cursors[0])
	}
	place := make(map[string]int, len(queues))
	first, last := "", ""
	for i, q := range queues {
		id := r.prefix + q.ID
		place[id] = i
		if i == 0 || id < first {
			first = id
		}
		last = max(last, id)
	}
	// just before the first
	for after := first[:len(first)-1]; after < last; {
		page, err := r.store.Records(ctx, recordKind, after, sweepPage)
		if err != nil {
			return nil, err
		}
		for _, found := range page {
			if i, ok := place[found.ID]; ok {
				if err := decode(found, &cursors[i]); err != nil {
					return nil, err
				}
			}
		}
		if len(page) < sweepPage || !strings.HasPrefix(page[len(page)-1].ID, r.prefix) {
			break
		}
		after = page[len(page)-1].ID
	}
	return cursors, nil
}

func decode(r chat.Record, c *Cursor) error {
	if err := json.Unmarshal(r.Value, c); err != nil {
		return fmt.Errorf("cursor %s: %w", r.ID, err)
	}
	return nil
}

// Save implements [Cursors].
func (r records) Save(ctx context.Context, q Queue, was chat.Position, now Cursor) error {
	value, err := json.Marshal(now)
	if err != nil {
		return err
	}
	found, err := r.store.Record(ctx, recordKind, r.prefix+q.ID)
	if err != nil && !errors.Is(err, chat.ErrNotFound) {
		return err
	}
	var kept Cursor
	if err == nil {
		if err := decode(found, &kept); err != nil {
			return err
		}
	}
	if kept.Position != was {
		return chat.ErrConflict
	}
	_, err = r.store.PutRecord(ctx, recordKind, r.prefix+q.ID, found.Version, value)
	return err
}

// StartNow moves a follower that has never run to the end of every stream, so
// that it gets only later events. Call it before Run.
func StartNow(ctx context.Context, store chat.Store, f Follower) error {
	const started = "~started" // after every queue's id
	id := f.Name + "/" + started
	_, err := store.Record(ctx, recordKind, id)
	if !errors.Is(err, chat.ErrNotFound) {
		return err
	}
	err = f.Queues(ctx, func(queues []Queue) error {
		heads, err := store.Heads(ctx, streamsOf(queues)...)
		if err != nil {
			return err
		}
		for i, q := range queues {
			err := f.Cursors.Save(ctx, q, chat.Position{}, Cursor{Position: heads[i].Position})
			if err != nil && !errors.Is(err, chat.ErrConflict) { // from a start that did not finish
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = store.PutRecord(ctx, recordKind, id, 0, []byte("{}"))
	return err
}

func streamsOf(queues []Queue) []chat.Stream {
	return slices.Collect(func(yield func(chat.Stream) bool) {
		for _, q := range queues {
			if !yield(q.Stream) {
				return
			}
		}
	})
}
