package object

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Update fetches a record, calls change with it and saves it, and does so again
// when the record was saved by someone else in between. It returns the record
// as saved. T needs a version field. An error of change ends it and is returned
// as it is, with nothing written; ErrNotFound if there is no record. change may
// run several times, each time with what is stored then. Options.Timeout bounds
// each step, ctx the whole.
func (r *Repository[T]) Update(ctx context.Context, id string, change func(*T) error) (*T, error) {
	if r.schema.version == nil {
		return nil, fmt.Errorf("object: update %s: it has no version field", r.schema.typ)
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		rec, err := r.Fetch(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := change(rec); err != nil {
			return nil, err
		}
		err = r.Save(ctx, rec)
		if err == nil {
			return rec, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, err
		}
		timer := time.NewTimer(rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("object: update %s %.60q: %w: %w", r.schema.typ, id, ctx.Err(), err)
		}
	}
}
