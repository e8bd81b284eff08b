package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Info tells anybody what this server is.
func (s *Service) Info(ctx context.Context, _ Caller, _ None) (ServerInfo, error) {
	owned, err := s.Owned(ctx)
	limits := s.Limits
	if s.Files == nil {
		limits.File = 0
	}
	info := ServerInfo{Name: s.Name, Version: s.Version, SignUp: s.SignUp, NeedsSetup: !owned,
		Limits: limits, Previews: s.Looker != nil}
	if x := s.External; x != nil {
		info.SignUp, info.NeedsSetup, info.External, info.LogIn, info.LogOut = SignUpClosed, false,
			true, x.LogIn, x.LogOut
	}
	return info, err
}

// Owned reports whether somebody owns the server.
func (s *Service) Owned(ctx context.Context) (bool, error) {
	if s.owned.Load() {
		return true, nil
	}
	for after := UserID(""); ; {
		users, err := s.Store.Users(ctx, after, s.Limits.PageMax)
		if err != nil {
			return false, err
		}
		for _, u := range users {
			if u.Role == RoleOwner {
				s.owned.Store(true)
				return true, nil
			}
		}
		if len(users) < s.Limits.PageMax {
			return false, nil
		}
		after = users[len(users)-1].ID
	}
}

// SignUpAccount makes an account for whoever asks, and logs them in.
func (s *Service) SignUpAccount(ctx context.Context, who Caller, in SignUpInput) (LoggedInOutput, error) {
	if s.External != nil {
		return LoggedInOutput{}, errElsewhere
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return LoggedInOutput{}, err
	}
	role, code, err := s.invited(ctx, in.Invite)
	if err != nil {
		return LoggedInOutput{}, err
	}
	user, err := s.addUser(ctx, in.Name, in.Password, role, code, func(User) error { return nil })
	if err != nil {
		return LoggedInOutput{}, err
	}
	return s.openSession(ctx, who, user)
}

// invited says which role a sign-up with that code gives, and the code's hash.
func (s *Service) invited(ctx context.Context, code string) (Role, string, error) {
	if code == "" {
		if s.SignUp == SignUpOpen {
			return RoleMember, "", nil
		}
		return "", "", &Error{Code: CodeForbidden,
			Message: "one joins this server by invite: ask somebody there for a link"}
	}
	no := &Error{Code: CodeNotFound, Field: "invite",
		Message: "this invite does not exist, was used, or has expired: ask for a new one"}
	if len(code) > 256 {
		return "", "", no
	}
	invite, err := s.Store.Invite(ctx, hashToken(code))
	if errors.Is(err, ErrNotFound) || err == nil && !s.now().Before(invite.ExpiresAt) {
		return "", "", no
	}
	if err != nil {
		return "", "", err
	}
	if s.SignUp == SignUpClosed && invite.Role != RoleOwner {
		return "", "", &Error{Code: CodeForbidden,
			Message: "sign-up is closed on this server: its operator adds people"}
	}
	return invite.Role, invite.CodeHash, nil
}

// AddUser makes an account on behalf of the operator, in General unless it is a
// guest's. Invite, if not empty, is the hash of the code that is used up with
// it.
func (s *Service) AddUser(ctx context.Context, name, password string, role Role,
	invite string) (User, error) {
	return s.addUser(ctx, name, password, role, invite, func(u User) error {
		return s.audit(ctx, Caller{}, AuditEntry{Action: "account.create", User: u.ID,
			Detail: string(u.Role)})
	})
}

// addUser makes an account, just after before.
func (s *Service) addUser(ctx context.Context, name, password string, role Role, invite string,
	before func(User) error) (User, error) {
	shown, key, err := s.foldName(name)
	if err != nil {
		return User{}, err
	}
	if !role.valid() {
		return User{}, invalid("role", "a role is owner, admin, member or guest")
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	user := User{ID: UserID(s.NewID()), Name: shown, Role: role, CreatedAt: s.now()}
	if err := before(user); err != nil {
		return User{}, err
	}
	return user, s.insert(ctx, Caller{User: user}, Account{User: user, NameKey: key, Password: hash}, invite)
}

// insert makes an account.
func (s *Service) insert(ctx context.Context, who Caller, account Account, invite string) error {
	_, err := s.Store.Commit(ctx, s.change(who, Change{
		Stream: ServerStream, Kind: UserCreated, User: &account.User, Invite: invite, Account: &account,
	}))
	switch {
	case errors.Is(err, ErrConflict):
		return &Error{Code: CodeConflict, Field: "name",
			Message: "somebody has this name, or one that looks like it: choose another"}
	case errors.Is(err, ErrNotFound):
		return &Error{Code: CodeNotFound, Field: "invite",
			Message: "this invite was used meanwhile: ask for a new one"}
	case err != nil:
		return err
	}
	return s.settle(ctx, account.User)
}

// settle puts everyone but guests in General. It heals accounts that a crash
// left outside.
func (s *Service) settle(ctx context.Context, u User) error {
	if u.Role == RoleGuest {
		return nil
	}
	_, err := s.Store.Member(ctx, GeneralID, u.ID)
	if errors.Is(err, ErrNotFound) {
		err = s.enter(ctx, Caller{User: u}, GeneralID, u.ID, RoomMember)
	}
	return err
}

func (s *Service) foldName(name string) (shown, key string, err error) {
	if shown, key, err = s.Names.Fold(name); err != nil {
		return "", "", err
	}
	if utf8.RuneCountInString(shown) > s.Limits.Name {
		return "", "", invalid("name", "a name has at most %d characters", s.Limits.Name)
	}
	return shown, key, nil
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if utf8.RuneCountInString(password) < s.Limits.PasswordMin {
		return "", invalid("password", "a password has at least %d characters", s.Limits.PasswordMin)
	}
	if len(password) > s.Limits.Password {
		return "", invalid("password", "a password has at most %d bytes", s.Limits.Password)
	}
	return s.Hasher.Hash(ctx, password)
}

// ChangePassword replaces the caller's password, ends all their sessions and
// opens a new one.
func (s *Service) ChangePassword(ctx context.Context, who Caller, in PasswordInput) (LoggedInOutput, error) {
	if err := s.limit(ctx, "password:"+string(who.User.ID), s.Limits.Guesses); err != nil {
		return LoggedInOutput{}, err
	}
	if len(in.Old) > s.Limits.Password {
		return LoggedInOutput{}, invalid("old", "a password has at most %d bytes", s.Limits.Password)
	}
	account, err := s.Store.Account(ctx, who.User.ID)
	if err != nil {
		return LoggedInOutput{}, err
	}
	ok, err := s.Hasher.Verify(ctx, account.Password, in.Old)
	if err != nil {
		return LoggedInOutput{}, err
	}
	if !ok {
		return LoggedInOutput{}, &Error{Code: CodeForbidden, Field: "old",
			Message: "this is not your password"}
	}
	if err := s.setPassword(ctx, who, account, in.New, account.Password); err != nil {
		return LoggedInOutput{}, err
	}
	return s.openSession(ctx, who, account.User)
}

// SetPassword gives an account a new password and ends all its sessions, on
// behalf of the operator.
func (s *Service) SetPassword(ctx context.Context, account Account, password string) error {
	return s.setPassword(ctx, Caller{}, account, password, "")
}

// setPassword is refused with ErrConflict if the hash kept is not was, unless
// that is empty.
func (s *Service) setPassword(ctx context.Context, who Caller, account Account, password, was string) error {
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "account.password", User: account.ID}); err != nil {
		return err
	}
	account.Password = hash
	_, err = s.Store.Commit(ctx, s.change(who, Change{
		Stream: UserStream(account.ID), Kind: SessionRevoked, Account: &account, Was: was,
	}))
	return err
}

// CreateInvite makes an invite; its code is shown this once.
func (s *Service) CreateInvite(ctx context.Context, who Caller, in InviteInput) (InviteOutput, error) {
	if in.Role == "" {
		in.Role = RoleMember
	}
	if in.Hours == 0 {
		in.Hours = 168
	}
	if !in.Role.valid() {
		return InviteOutput{}, invalid("role", "a role is owner, admin, member or guest")
	}
	if in.Hours < 0 || in.Hours > int(maxInviteAge/time.Hour) {
		return InviteOutput{}, invalid("hours", "an invite is valid for 1 to %d hours",
			int(maxInviteAge/time.Hour))
	}
	if !mayInvite(who.User, in.Role) {
		return InviteOutput{}, ErrForbidden
	}
	return s.newInvite(ctx, who, in.Role, time.Duration(in.Hours)*time.Hour)
}

func (s *Service) newInvite(ctx context.Context, who Caller, role Role,
	age time.Duration) (InviteOutput, error) {
	now, code := s.now(), s.NewToken()
	invite := Invite{ID: s.NewID(), CodeHash: hashToken(code), Role: role, CreatedBy: who.User.ID,
		CreatedAt: now, ExpiresAt: now.Add(age)}
	if !who.Anonymous() { // the owner's is the server's own
		err := s.audit(ctx, who, AuditEntry{Action: "invite.create",
			Detail: fmt.Sprintf("%s, for a %s, valid for %s", invite.ID, role, age)})
		if err != nil {
			return InviteOutput{}, err
		}
	}
	if err := s.Store.CreateInvite(ctx, invite); err != nil {
		return InviteOutput{}, err
	}
	return InviteOutput{Invite: invite, Code: code}, nil
}

// ListInvites returns the invites that still work.
func (s *Service) ListInvites(ctx context.Context, who Caller, _ None) (InviteList, error) {
	if !mayInvite(who.User, RoleGuest) {
		return InviteList{}, ErrForbidden
	}
	all, err := s.Store.Invites(ctx)
	if err != nil {
		return InviteList{}, err
	}
	now, list := s.now(), InviteList{Invites: []Invite{}}
	for _, i := range all {
		if now.Before(i.ExpiresAt) {
			list.Invites = append(list.Invites, i)
		}
	}
	return list, nil
}

// DeleteInvite withdraws an invite.
func (s *Service) DeleteInvite(ctx context.Context, who Caller, in InviteIDInput) (None, error) {
	if !mayInvite(who.User, RoleGuest) {
		return None{}, ErrForbidden
	}
	all, err := s.Store.Invites(ctx)
	if err != nil {
		return None{}, err
	}
	i := slices.IndexFunc(all, func(i Invite) bool { return i.ID == in.Invite })
	if i < 0 {
		return None{}, ErrNotFound
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "invite.delete",
		Detail: fmt.Sprintf("%s, for a %s", in.Invite, all[i].Role)}); err != nil {
		return None{}, err
	}
	return None{}, s.Store.DeleteInvite(ctx, in.Invite)
}
