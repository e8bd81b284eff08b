package chat

import (
	"context"
	"errors"
)

// lookKind is the kind of the one record that says up to which person the
// second keys of names have been made. Its id is the way they are made.
const (
	lookKind = "look"
	lookWay  = "1"
)

// giveLooks gives second keys to accounts from before there were any. Of two
// whose names look alike, both stay, and the second has none.
func (s *Service) giveLooks(ctx context.Context) error {
	return s.onceForUsers(ctx, lookKind, lookWay, s.giveLook)
}

// onceForUsers does something for everyone, once in the life of the data: the
// record of that kind and id says that it was done. After an error or a crash
// it begins anew.
func (s *Service) onceForUsers(ctx context.Context, kind, id string,
	do func(context.Context, User) error) error {
	if _, err := s.Store.Record(ctx, kind, id); !errors.Is(err, ErrNotFound) {
		return err
	}
	for after := UserID(""); ; {
		users, err := s.Store.Users(ctx, after, s.Limits.PageMax)
		if err != nil {
			return err
		}
		for _, u := range users {
			if err := do(ctx, u); err != nil {
				return err
			}
			after = u.ID
		}
		if len(users) < s.Limits.PageMax {
			break
		}
	}
	_, err := s.Store.PutRecord(ctx, kind, id, 0, []byte("{}"))
	if errors.Is(err, ErrConflict) { // another node was faster
		return nil
	}
	return err
}

func (s *Service) giveLook(ctx context.Context, u User) error {
	look := s.Names.Look(u.Name)
	if look == "" {
		return nil
	}
	for {
		account, err := s.Store.Account(ctx, u.ID)
		if err != nil || account.LookKey != "" || account.NameKey == freedKey(u.ID) || account.Name != u.Name {
			return err
		}
		if _, err := s.Store.AccountByName(ctx, look); !errors.Is(err, ErrNotFound) {
			return err // a twin has it
		}
		account.LookKey = look
		_, err = s.Store.Commit(ctx, s.change(Caller{}, Change{Stream: ServerStream,
			Op: UpdateUser{Account: account, Was: &account.User}}))
		if !errors.Is(err, ErrConflict) { // or else they or a twin changed just now
			return err
		}
	}
}
