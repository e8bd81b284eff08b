package chat

import (
	"cmp"
	"context"
	"errors"
	"unicode/utf8"
)

// Account is a stored account. Its password hash is never shown.
type Account struct {
	User
	NameKey  string // the name folded so that look-alikes collide; unique
	LookKey  string // a second key, see NameFolder.Look; unique among both kinds, "" for none
	Password string // encoded hash
}

// SignUpInput describes a new account.
type SignUpInput struct {
	Name     string `json:"name" doc:"Name that others will see"`
	Password string `json:"password" doc:"Password"`
	Invite   string `json:"invite,omitempty" doc:"Code of an invite"`
}

// SignUpAccount creates an account for the caller and logs them in.
func (s *Service) SignUpAccount(ctx context.Context, who Caller, in SignUpInput) (LoggedInOutput, error) {
	if s.External != nil {
		return LoggedInOutput{}, errElsewhere
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return LoggedInOutput{}, err
	}
	invite, err := s.invited(ctx, in.Invite)
	if err != nil {
		return LoggedInOutput{}, err
	}
	if s.NoPasswords && invite.Role != RoleOwner { // the first owner comes in all the same
		return LoggedInOutput{}, errNoPasswords
	}
	code := invite.CodeHash
	if invite.Uses > 0 { // a link, which the store does not know
		code = ""
		if err := s.claim(ctx, invite.CodeHash, 1); err != nil {
			return LoggedInOutput{}, err
		}
	}
	user, err := s.addUser(ctx, in.Name, in.Password, invite.Role, code, func(User) error { return nil })
	if err != nil {
		if invite.Uses > 0 && certain(err) {
			err = cmp.Or(s.claim(ctx, invite.CodeHash, -1), err)
		}
		return LoggedInOutput{}, err
	}
	if len(invite.Rooms) > 0 {
		if err := s.land(ctx, user, invite); err != nil { // the account is there all the same
			s.Log.Warn("bringing someone into the rooms of an invite", "user", user.ID, "error", err)
		}
	}
	return s.openLogIn(ctx, who, user)
}

// AddUser creates an account on behalf of the operator, and adds it to General
// unless it is a guest's. Invite, if not empty, is the hash of the code of an
// invite that is used with it.
func (s *Service) AddUser(ctx context.Context, name, password string, role Role,
	invite string) (User, error) {
	return s.addUser(ctx, name, password, role, invite, func(u User) error {
		return s.audit(ctx, Caller{}, AuditEntry{Action: "account.create", User: u.ID,
			Detail: string(u.Role)})
	})
}

// addUser creates an account after calling before.
func (s *Service) addUser(ctx context.Context, name, password string, role Role, invite string,
	before func(User) error) (User, error) {
	shown, key, err := s.foldName(name)
	if err != nil {
		return User{}, err
	}
	if !role.valid() {
		return User{}, invalid("role", "The role must be owner, admin, member or guest.")
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

var errNameTaken = &Error{Code: CodeConflict, Field: "name",
	Message: "That name (or one that looks the same) is taken. Choose another."}

// insert makes an account.
func (s *Service) insert(ctx context.Context, who Caller, account Account, invite string) error {
	account.LookKey = s.Names.Look(account.Name)
	_, err := s.Store.Commit(ctx, s.change(who, Change{
		Stream: ServerStream, Op: CreateUser{Account: account, Invite: invite},
	}))
	switch {
	case errors.Is(err, ErrConflict):
		return errNameTaken
	case errors.Is(err, ErrNotFound):
		return &Error{Code: CodeNotFound, Field: "invite",
			Message: "This invite has already been used. Ask for a new one."}
	case err != nil:
		return err
	}
	if account.Role == RoleGuest { // of others, settle does
		return s.listName(ctx, account.ID, account.Name)
	}
	return s.settle(ctx, account.User)
}

// settle adds everyone but guests to General. It also repairs accounts that a
// crash left outside.
func (s *Service) settle(ctx context.Context, u User) error {
	if u.Role == RoleGuest {
		return nil
	}
	_, err := s.Store.Member(ctx, GeneralID, u.ID)
	if errors.Is(err, ErrNotFound) {
		if err := s.listName(ctx, u.ID, u.Name); err != nil {
			return err
		}
		err = s.enter(ctx, Caller{User: u}, GeneralID, u.ID, RoomMember)
	}
	return err
}

func (s *Service) foldName(name string) (shown, key string, err error) {
	if shown, key, err = s.Names.Fold(name); err != nil {
		return "", "", err
	}
	if utf8.RuneCountInString(shown) > s.Limits.Name {
		return "", "", invalid("name", "A name can have at most %d characters.", s.Limits.Name)
	}
	return shown, key, nil
}

// checkNewPassword refuses a password that is too short or too long.
func (s *Service) checkNewPassword(password string) error {
	if utf8.RuneCountInString(password) < s.Limits.PasswordMin {
		return invalid("password", "A password must have at least %d characters.", s.Limits.PasswordMin)
	}
	if len(password) > s.Limits.Password {
		return invalid("password", "A password can have at most %d bytes.", s.Limits.Password)
	}
	return nil
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if err := s.checkNewPassword(password); err != nil {
		return "", err
	}
	return s.Hasher.Hash(ctx, password)
}

// PasswordInput changes a password.
type PasswordInput struct {
	Old string `json:"old" doc:"Current password"`
	New string `json:"new" doc:"New password"`
}

// ChangePassword replaces the caller's password, ends all their sessions and
// opens a new one.
func (s *Service) ChangePassword(ctx context.Context, who Caller, in PasswordInput) (LoggedInOutput, error) {
	account, err := s.checkPassword(ctx, who, "old", in.Old)
	if err != nil {
		return LoggedInOutput{}, err
	}
	if err := s.setPassword(ctx, who, account, in.New, account.Password); err != nil {
		return LoggedInOutput{}, err
	}
	return s.openSession(ctx, who, account.User)
}

// checkPassword returns the caller's account if the password is theirs. The
// field is where it comes from. Guesses are limited.
func (s *Service) checkPassword(ctx context.Context, who Caller, field, password string) (Account, error) {
	if err := s.limit(ctx, "password:"+string(who.User.ID), s.Limits.Guesses); err != nil {
		return Account{}, err
	}
	if len(password) > s.Limits.Password {
		return Account{}, invalid(field, "A password can have at most %d bytes.", s.Limits.Password)
	}
	account, err := s.Store.Account(ctx, who.User.ID)
	if err != nil {
		return Account{}, err
	}
	ok, err := s.Hasher.Verify(ctx, account.Password, password)
	if err == nil && !ok {
		err = &Error{Code: CodeForbidden, Field: field, Message: "This is not your current password."}
	}
	return account, err
}

// SetPassword sets an account's password and ends all its sessions, on behalf
// of the operator.
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
	_, err = s.Store.Commit(ctx, s.change(who, Change{
		Stream: UserStream(account.ID), Op: RevokeSessions{Password: hash, Was: was},
	}))
	if err == nil {
		s.warn(ctx, account.ID, Letter{Kind: LetterPassword})
	}
	return err
}

// UserNamed returns the account with that name.
func (s *Service) UserNamed(ctx context.Context, name string) (Account, error) {
	return s.Store.AccountByName(ctx, s.Names.Key(name))
}
