package chat

import (
	"context"
	"errors"
	"time"
)

// Setup makes what every server has: the room General. Doing it again changes
// nothing.
func (s *Service) Setup(ctx context.Context) error {
	_, err := s.Store.Commit(ctx, s.change(Caller{}, Change{
		Stream: RoomStream(GeneralID), Kind: RoomCreated,
		Room: &Room{ID: GeneralID, Kind: Public, Name: "General", Topic: "Everything and everyone",
			CreatedAt: s.now()},
	}))
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// OwnerInvite returns the code with which the first person becomes the owner,
// and withdraws the earlier ones; "" once somebody owns the server. One that is
// younger than fresh stays: then another node has just told its code, pending
// is true, and there is no code.
func (s *Service) OwnerInvite(ctx context.Context, fresh time.Duration) (code string, pending bool,
	err error) {
	owned, err := s.Owned(ctx)
	if err != nil || owned {
		return "", false, err
	}
	invites, err := s.Store.Invites(ctx)
	if err != nil {
		return "", false, err
	}
	for _, i := range invites {
		if i.Role != RoleOwner {
			continue
		}
		if s.now().Sub(i.CreatedAt) < fresh {
			return "", true, nil
		}
		if err := s.Store.DeleteInvite(ctx, i.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return "", false, err
		}
	}
	out, err := s.newInvite(ctx, Caller{}, RoleOwner, 24*time.Hour)
	return out.Code, false, err
}

// Tend forgets what is past its time. It is to be called now and then, on one
// node at a time.
func (s *Service) Tend(ctx context.Context) error {
	for {
		more, err := s.Store.Prune(ctx, s.now())
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if err := s.retain(ctx); err != nil {
		return err
	}
	if err := s.tidyPeople(ctx); err != nil {
		return err
	}
	if err := s.tidyAudit(ctx); err != nil {
		return err
	}
	if err := s.tidyBans(ctx); err != nil {
		return err
	}
	if err := s.tidyFiles(ctx); err != nil {
		return err
	}
	return s.weighFiles(ctx)
}

// UserNamed returns the account with that name.
func (s *Service) UserNamed(ctx context.Context, name string) (Account, error) {
	_, key, err := s.Names.Fold(name)
	if err != nil {
		return Account{}, err
	}
	return s.Store.AccountByName(ctx, key)
}
