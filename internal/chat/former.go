package chat

import (
	"context"
	"errors"
)

// formerKind is the kind of record of the person who gave up a name last, with
// the hash of the name's key: a key may be longer than an id.
const formerKind = "former"

// giveUpName records whose name it was. Call it before others may have the
// name: what it says counts only while that is the person's FormerName.
func (s *Service) giveUpName(ctx context.Context, user UserID, name string) error {
	id := hashToken(s.Names.Key(name))
	for {
		r, err := s.Store.Record(ctx, formerKind, id)
		switch {
		case err == nil && UserID(r.Value) == user:
			return nil
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		_, err = s.Store.PutRecord(ctx, formerKind, id, r.Version, []byte(user))
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// formerlyNamed returns the account that gave up a name last, by its key, and
// has not given up another since.
func (s *Service) formerlyNamed(ctx context.Context, key string) (Account, error) {
	r, err := s.Store.Record(ctx, formerKind, hashToken(key))
	if err != nil {
		return Account{}, err
	}
	account, err := s.Store.Account(ctx, UserID(r.Value))
	if err == nil && (account.FormerName == "" || s.Names.Key(account.FormerName) != key) {
		err = ErrNotFound
	}
	return account, err
}
