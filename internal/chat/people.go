package chat

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// ListUsers returns a page of the people that the caller may know of.
func (s *Service) ListUsers(ctx context.Context, who Caller, in UserPageInput) (UserPage, error) {
	limit, err := s.pageLimit(in.Limit, 100)
	if err != nil {
		return UserPage{}, err
	}
	// The position is read first, so that the page shows at least every event
	// up to it.
	heads, err := s.Store.Heads(ctx, ServerStream)
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{Position: heads[0].Position, Users: []User{}}
	if mayBrowse(who.User) {
		page.Users, err = s.Store.Users(ctx, in.After, limit+1)
	} else {
		page.Users, err = s.companions(ctx, who.User.ID, in.After)
	}
	if err != nil {
		return UserPage{}, err
	}
	if len(page.Users) > limit {
		page.Users = page.Users[:limit]
		page.Next = page.Users[limit-1].ID
	}
	return page, nil
}

// companions returns the people with id > after who share a room with user,
// sorted by id.
func (s *Service) companions(ctx context.Context, user, after UserID) ([]User, error) {
	views, err := s.Store.Views(ctx, user)
	if err != nil {
		return nil, err
	}
	ids := map[UserID]bool{user: true}
	for _, v := range views {
		for m, err := range s.members(ctx, v.ID) {
			if err != nil {
				return nil, err
			}
			ids[m.User] = true
		}
	}
	users := []User{}
	for id := range ids {
		if id <= after {
			continue
		}
		account, err := s.Store.Account(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err == nil {
			users = append(users, account.User)
		}
	}
	slices.SortFunc(users, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	return users, nil
}

// GetUser returns one person that the caller may know of.
func (s *Service) GetUser(ctx context.Context, who Caller, in UserInput) (User, error) {
	account, err := s.Store.Account(ctx, in.User)
	if err != nil {
		return User{}, err
	}
	if mayBrowse(who.User) || in.User == who.User.ID {
		return account.User, nil
	}
	views, err := s.Store.Views(ctx, who.User.ID)
	if err != nil {
		return User{}, err
	}
	for _, v := range views {
		if _, err := s.Store.Member(ctx, v.ID, in.User); !errors.Is(err, ErrNotFound) {
			return account.User, err
		}
	}
	return User{}, ErrNotFound
}

// ListOnline returns who is online; guests are told nothing.
func (s *Service) ListOnline(ctx context.Context, who Caller, _ None) (OnlineOutput, error) {
	if !mayBrowse(who.User) {
		return OnlineOutput{Online: []UserID{}}, nil
	}
	ids, err := s.Presence.Online(ctx)
	if err != nil {
		return OnlineOutput{}, err
	}
	ids = append([]UserID{}, ids...)
	slices.Sort(ids)
	return OnlineOutput{Online: ids}, nil
}

// MayRead returns nil if the caller may read the stream, ErrNotFound if not.
func (s *Service) MayRead(ctx context.Context, who Caller, stream Stream) error {
	if room, ok := stream.Room(); ok {
		if IsThread(room) {
			_, err := s.view(ctx, who, room)
			return err
		}
		_, err := s.Store.Member(ctx, room, who.User.ID)
		return err
	}
	if stream == UserStream(who.User.ID) || stream == ServerStream && mayBrowse(who.User) {
		return nil
	}
	return ErrNotFound
}

// pageLimit checks the size of a page that was asked for.
func (s *Service) pageLimit(asked, usual int) (int, error) {
	if asked == 0 {
		return min(usual, s.Limits.PageMax), nil
	}
	if asked < 0 || asked > s.Limits.PageMax {
		return 0, invalid("limit", "a page holds 1 to %d items", s.Limits.PageMax)
	}
	return asked, nil
}

// MayOperate returns nil if the caller may see how the server is doing.
func (s *Service) MayOperate(who Caller) error {
	if !who.User.Role.atLeast(RoleAdmin) {
		return ErrForbidden
	}
	return nil
}
