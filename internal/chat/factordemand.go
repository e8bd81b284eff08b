package chat

import (
	"context"
	"slices"
)

// FactorDemand says who needs a second factor.
type FactorDemand string

const (
	DemandNone     FactorDemand = ""
	DemandAdmins   FactorDemand = "admins"   // admins and owners
	DemandMembers  FactorDemand = "members"  // everyone but guests
	DemandEveryone FactorDemand = "everyone" // guests, too
)

var demandFrom = map[FactorDemand]Role{
	DemandAdmins: RoleAdmin, DemandMembers: RoleMember, DemandEveryone: RoleGuest,
}

// demandsFactor reports whether a person needs a second factor.
func (s *Service) demandsFactor(ctx context.Context, u User) (bool, error) {
	if s.External != nil || u.Bot {
		return false, nil
	}
	set, _, err := s.settings(ctx)
	from, some := demandFrom[set.SecondFactor]
	return some && u.Role.atLeast(from), err
}

// openLogIn opens a session after a password or a link. Whoever needs a second
// factor and has none gets one that can only set it up.
func (s *Service) openLogIn(ctx context.Context, who Caller, user User) (LoggedInOutput, error) {
	demanded, err := s.demandsFactor(ctx, user)
	if err != nil {
		return LoggedInOutput{}, err
	}
	out := s.newSession(who, user)
	if demanded {
		by, err := s.factorsOf(ctx, user.ID)
		if err != nil {
			return LoggedInOutput{}, err
		}
		if len(by) == 0 {
			out.Session.Scopes = []string{ScopeFactor}
			out.Session.ExpiresAt = s.now().Add(FactorFor)
		}
	}
	return out, s.keepSession(ctx, who, out.Session)
}

// mayGoWithout refuses to remove the last second factor of somebody whose role
// needs one.
func (s *Service) mayGoWithout(ctx context.Context, u User) error {
	demanded, err := s.demandsFactor(ctx, u)
	if err == nil && demanded {
		err = &Error{Code: CodeForbidden,
			Message: "Your role on this server needs a second factor. You can replace the last one, but not remove it."}
	}
	return err
}

// mayEnrol refuses a session that can only set up a first second factor, once
// the person has one: a thief of the password may have opened it before.
func (s *Service) mayEnrol(ctx context.Context, who Caller) error {
	if !slices.Contains(who.Scopes, ScopeFactor) {
		return nil
	}
	by, err := s.factorsOf(ctx, who.User.ID)
	if err == nil && len(by) > 0 {
		err = &Error{Code: CodeForbidden, Message: "A second factor was set up in the meantime. Log in again, with it."}
	}
	return err
}

// wholeSession puts a whole session in the place of one that could only set up
// a second factor.
func (s *Service) wholeSession(ctx context.Context, who Caller) (*LoggedInOutput, error) {
	if len(who.Scopes) == 0 {
		return nil, nil
	}
	session, err := s.openSession(ctx, who, who.User)
	if err != nil {
		return nil, err
	}
	_, err = s.revokeSession(ctx, who, who.Session)
	return &session, err
}
