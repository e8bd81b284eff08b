package chat

import (
	"context"
	"errors"
	"iter"
	"strings"
)

// prefixed goes through the records of a kind whose id begins so.
func (s *Service) prefixed(ctx context.Context, kind, prefix string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for after := prefix; ; {
			page, err := s.Store.Records(ctx, kind, after, s.Limits.PageMax)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range page {
				if !strings.HasPrefix(r.ID, prefix) || !yield(r, nil) {
					return
				}
			}
			if len(page) < s.Limits.PageMax {
				return
			}
			after = page[len(page)-1].ID
		}
	}
}

func (s *Service) forgetRecords(ctx context.Context, kind string, ids ...string) error {
	for _, id := range ids {
		if err := s.Store.DeleteRecord(ctx, kind, id); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// eachRecord goes through the records of a kind, which may be deleted on the
// way. One that fails does not keep the others from their turn.
func (s *Service) eachRecord(ctx context.Context, kind string, do func(Record) error) error {
	var failed failures
	err := s.recordsAfter(ctx, kind, "", func(r Record) error { return failed.add(do(r)) })
	if failed.full() {
		err = nil // it is among them
	}
	return errors.Join(append(failed, err)...)
}

// recordsAfter goes through those with greater ids.
func (s *Service) recordsAfter(ctx context.Context, kind, after string, do func(Record) error) error {
	for {
		page, err := s.Store.Records(ctx, kind, after, 100)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := do(r); err != nil {
				return err
			}
			after = r.ID
		}
		if len(page) < 100 {
			return nil
		}
	}
}
