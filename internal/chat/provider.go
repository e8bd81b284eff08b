package chat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// People can log in at a provider of identities, such as their company's, and
// not with a password of this server. Package oidc asks the provider who they
// are; what follows from its answer is decided here.
//
// An account belongs to an issuer and a subject, which never name another
// person. Names and addresses do not count, but for an address that the
// provider has verified, where the operator allows that.

const (
	// identityKind is the kind of record of whose account an issuer's subject
	// is, with the hash of both as its id.
	identityKind = "identity"
	// mailKind is the kind of record of whose address a verified one is, with
	// its hash as the id.
	mailKind = "identitymail"
)

// Provider is where people can log in instead of with a password.
type Provider struct {
	ID   string `json:"id" doc:"Id"`
	Name string `json:"name" doc:"Name that people know it by"`
}

// ProviderUser is what a provider says of someone who has logged in there, and
// what the operator lets follow from it.
type ProviderUser struct {
	Provider        string // id of the provider
	Issuer, Subject string
	Session         string // the provider's id of its session; "" for none
	IDToken         string // given back to the provider when the person logs out

	Name         string // need not be unique
	Mail         string
	MailVerified bool
	Role         Role // that their groups give them; "" to keep the one that they have

	// Rooms says of rooms whether the person belongs into them. In all others
	// they stay as they are.
	Rooms map[RoomID]bool

	SignUp     bool // whoever has no account gets one
	LinkByMail bool // an account with the same verified address is theirs
}

// ErrNoAccount refuses whoever may log in at a provider, but has no account.
var ErrNoAccount = &Error{Code: CodeForbidden,
	Message: "You have no account on this server. Ask its administrator for one."}

// ErrLoggedOut refuses a log-in that the provider has ended meanwhile.
var ErrLoggedOut = &Error{Code: CodeUnauthenticated,
	Message: "You were logged out while you logged in. Log in again."}

// providerIdentity is the record of an issuer's subject.
type providerIdentity struct {
	User     UserID    `json:"user"`
	Provider string    `json:"provider"`
	Name     string    `json:"name"` // as the provider said it last
	Mail     string    `json:"mail"` // that was verified, in lower case
	At       time.Time `json:"at"`   // of the first log-in
}

// hashOf returns a hash of parts, each of which ends where it ends.
func hashOf(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil)[:20])
}

// LogInByProvider opens a session for whoever a provider says has logged in
// there. ErrNoAccount for someone who has no account and gets none.
func (s *Service) LogInByProvider(ctx context.Context, who Caller, u ProviderUser) (LoggedInOutput, error) {
	if u.Issuer == "" || u.Subject == "" || u.Role != "" && !u.Role.valid() {
		return LoggedInOutput{}, ErrInvalid
	}
	user, err := s.userOfProvider(ctx, u)
	for tries := 1; tries < 5 && errors.Is(err, ErrConflict); tries++ { // changed in the meantime
		user, err = s.userOfProvider(ctx, u)
	}
	if err != nil {
		return LoggedInOutput{}, err
	}
	if err := s.settle(ctx, user); err != nil {
		return LoggedInOutput{}, err
	}
	s.followRooms(ctx, user, u)
	return s.openProviderSession(ctx, who, user, u)
}

// followRooms brings a person into the rooms of their groups, and out of those
// of groups that they are no longer in. A room that is not there, full or
// closed to them keeps nobody from logging in.
func (s *Service) followRooms(ctx context.Context, user User, u ProviderUser) {
	for room, belongs := range u.Rooms {
		_, err := s.Store.Member(ctx, room, user.ID)
		switch {
		case belongs && errors.Is(err, ErrNotFound):
			err = s.PutMember(ctx, room, user.ID, RoomMember)
		case !belongs && err == nil:
			err = s.DropMember(ctx, room, user.ID)
		case errors.Is(err, ErrNotFound):
			err = nil
		}
		if err != nil {
			s.Log.Warn("a room of someone's groups", "room", room, "user", user.ID, "provider", u.Provider,
				"error", err)
		}
	}
}

// userOfProvider returns the person that a provider tells of, as they are after
// what it says. It changes nothing of somebody who may not log in.
func (s *Service) userOfProvider(ctx context.Context, u ProviderUser) (User, error) {
	id := hashOf(u.Issuer, u.Subject)
	var known providerIdentity
	r, err := s.Store.Record(ctx, identityKind, id)
	switch {
	case err == nil:
		err = json.Unmarshal(r.Value, &known)
	case errors.Is(err, ErrNotFound):
		known, err = s.newIdentity(ctx, u)
	}
	if err != nil {
		return User{}, err
	}
	account, err := s.Store.Account(ctx, known.User)
	if err != nil {
		return User{}, err
	}
	if account.barred(s.now()) {
		return User{}, disabled(account.User)
	}
	if account.Disabled {
		if account.User, err = s.enable(ctx, account.ID); err != nil {
			return User{}, err
		}
	}
	if account.User, err = s.followProvider(ctx, account, u, known.Name); err != nil {
		return User{}, err
	}
	was := known
	known.Provider, known.Name = u.Provider, u.Name
	if u.MailVerified {
		known.Mail = strings.ToLower(u.Mail)
	} else {
		known.Mail = ""
	}
	if known == was && r.Version > 0 {
		return account.User, nil
	}
	if err := s.moveMail(ctx, was, known); err != nil {
		return User{}, err
	}
	value, err := json.Marshal(known)
	if err == nil {
		_, err = s.Store.PutRecord(ctx, identityKind, id, r.Version, value)
	}
	return account.User, err
}

// newIdentity finds the account of an issuer's subject who logs in for the
// first time, or creates one.
func (s *Service) newIdentity(ctx context.Context, u ProviderUser) (providerIdentity, error) {
	known := providerIdentity{Provider: u.Provider, Name: u.Name, At: s.now()}
	if u.LinkByMail && u.MailVerified && u.Mail != "" {
		r, err := s.Store.Record(ctx, mailKind, hashOf(strings.ToLower(u.Mail)))
		if err == nil {
			known.User = UserID(r.Value)
			return known, s.audit(ctx, Caller{}, AuditEntry{Action: "account.link", User: known.User,
				Detail: u.Provider + ", by a verified address"})
		}
		if !errors.Is(err, ErrNotFound) {
			return known, err
		}
	}
	if !u.SignUp {
		return known, ErrNoAccount
	}
	// Of several requests that come first, all agree on the id.
	user, err := s.addExternal(ctx, User{ID: UserID(ExternalID("login", hashOf(u.Issuer, u.Subject))),
		Role: cmp.Or(u.Role, RoleMember)}, u.Name)
	known.User = user.ID
	return known, err
}

// followProvider gives a person the role that their groups give them, and the
// name that the provider has for them, if it is another than before: a name
// that they chose here stays.
func (s *Service) followProvider(ctx context.Context, account Account, u ProviderUser,
	was string) (User, error) {
	to := account.User
	to.Role = cmp.Or(u.Role, to.Role)
	if account.Role == RoleOwner && to.Role != RoleOwner {
		last, err := s.lastOwner(ctx, account.ID)
		if err != nil {
			return User{}, err
		}
		if last {
			s.Log.Warn("someone stays owner although no group makes them one: there is no other",
				"user", account.ID, "provider", u.Provider)
			to.Role = RoleOwner
		}
	}
	if to.Role != account.Role {
		if err := s.audit(ctx, Caller{}, AuditEntry{Action: "user.update", User: to.ID,
			Detail: changed(account.User, to), Reason: "groups at " + u.Provider}); err != nil {
			return User{}, err
		}
	}
	if u.Name != was && u.Name != "" {
		near := s.nearest(u.Name, to.ID)
		if !slices.ContainsFunc(near, func(n folded) bool { return n.shown == account.Name }) {
			return s.rename(ctx, account, to, near)
		}
	}
	if to == account.User {
		return to, nil
	}
	return to, s.putUser(ctx, Caller{}, account, to)
}

// lastOwner reports whether nobody else who can log in owns the server.
func (s *Service) lastOwner(ctx context.Context, owner UserID) (bool, error) {
	for after := UserID(""); ; {
		users, err := s.Store.Users(ctx, after, s.Limits.PageMax)
		if err != nil {
			return false, err
		}
		for _, u := range users {
			if u.Role == RoleOwner && u.ID != owner && !u.Disabled {
				return false, nil
			}
		}
		if len(users) < s.Limits.PageMax {
			return true, nil
		}
		after = users[len(users)-1].ID
	}
}

// moveMail records whose address a verified one is. Whoever had it first keeps
// it until their provider says otherwise.
func (s *Service) moveMail(ctx context.Context, was, now providerIdentity) error {
	if was.Mail == now.Mail && was.Mail == "" {
		return nil
	}
	if was.Mail != "" && was.Mail != now.Mail {
		id := hashOf(was.Mail)
		r, err := s.Store.Record(ctx, mailKind, id)
		if err == nil && UserID(r.Value) == was.User {
			err = s.forgetRecords(ctx, mailKind, id)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if now.Mail == "" {
		return nil
	}
	_, err := s.Store.PutRecord(ctx, mailKind, hashOf(now.Mail), 0, []byte(now.User))
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}
