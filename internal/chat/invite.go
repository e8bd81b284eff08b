package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxInviteAge bounds how long an invite can be valid.
const maxInviteAge = 720 * time.Hour

// Invite lets one person sign up, or as a link several. The code itself is not
// kept, only its hash.
type Invite struct {
	ID        string    `json:"id" doc:"Id, not the code"`
	CodeHash  string    `json:"-"` // lower-case hex SHA-256 of the code
	Role      Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role that it gives"`
	CreatedBy UserID    `json:"created_by,omitempty" doc:"Empty for the server itself"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ExpiresAt time.Time `json:"expires_at" doc:"No longer valid then"`
	Uses      int       `json:"uses,omitempty" doc:"How many people can use it; without it, one"`
	Used      int       `json:"used,omitempty" doc:"How many have used it"`
	Rooms     []RoomID  `json:"rooms,omitempty" doc:"Rooms that it leads into, besides General"`
}

// InviteInput describes a new invite.
type InviteInput struct {
	Role  Role `json:"role,omitempty" enum:"owner,admin,member,guest" doc:"Role that it gives; default member"`
	Hours int  `json:"hours,omitempty" doc:"How long it is valid; default 168 (a week), at most 720"`
	Uses  int  `json:"uses,omitempty" doc:"How many people can use it; default 1, at most 1000"`

	Rooms []RoomID `json:"rooms,omitempty" doc:"Rooms that it leads into: public ones that you are in, and others that you moderate; at most 20"`
}

// InviteOutput is a new invite.
type InviteOutput struct {
	Invite Invite `json:"invite" doc:"The invite"`
	Code   string `json:"code" doc:"Give it to the person; it is not shown again"`
}

// InviteList is the open invites.
type InviteList struct {
	Invites []Invite `json:"invites" doc:"Newest first"`
}

// InviteIDInput names an invite.
type InviteIDInput struct {
	Invite string `json:"invite" doc:"Id of the invite"`
}

// errInvite refuses an invite without saying why it is none.
var errInvite = &Error{Code: CodeNotFound, Field: "invite",
	Message: "This invite does not exist, has been used or has expired. Ask for a new one."}

// invited returns the invite by which somebody signs up with that code; one
// without a code where anyone may.
func (s *Service) invited(ctx context.Context, code string) (Invite, error) {
	if code != "" {
		return s.inviteOf(ctx, code)
	}
	if s.SignUp == SignUpOpen {
		return Invite{Role: RoleMember}, nil
	}
	return Invite{}, &Error{Code: CodeForbidden,
		Message: "This server is invite-only. Ask a member for a link."}
}

// inviteOf returns the invite with that code, if it works.
func (s *Service) inviteOf(ctx context.Context, code string) (Invite, error) {
	if code == "" || len(code) > 256 {
		return Invite{}, errInvite
	}
	hash := hashToken(code)
	invite, err := s.Store.Invite(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		var r Record
		if r, err = s.Store.Record(ctx, linkKind, hash); err == nil {
			invite, err = readLink(r)
		}
	}
	if errors.Is(err, ErrNotFound) || err == nil && (!s.now().Before(invite.ExpiresAt) || invite.spent()) {
		return Invite{}, errInvite
	}
	if err != nil {
		return Invite{}, err
	}
	if s.SignUp == SignUpClosed && invite.Role != RoleOwner {
		return Invite{}, &Error{Code: CodeForbidden,
			Message: "Sign-up is closed. Ask your administrator for an account."}
	}
	works, err := s.works(ctx, invite)
	if err == nil && !works {
		err = errInvite
	}
	return invite, err
}

// mayInvite: members invite as what they are, or guests, if the owners
// let them.
func (s *Service) mayInvite(ctx context.Context, u User, role Role) (bool, error) {
	if mayInvite(u, role) {
		return true, nil
	}
	if u.Role != RoleMember || u.Bot || !u.Role.atLeast(role) {
		return false, nil
	}
	return s.may(ctx, u, RightInvite)
}

// CreateInvite creates an invite. Its code is shown only once.
func (s *Service) CreateInvite(ctx context.Context, who Caller, in InviteInput) (InviteOutput, error) {
	if in.Role == "" {
		in.Role = RoleMember
	}
	if in.Hours == 0 {
		in.Hours = 168
	}
	if !in.Role.valid() {
		return InviteOutput{}, invalid("role", "The role must be owner, admin, member or guest.")
	}
	if in.Hours < 0 || in.Hours > int(maxInviteAge/time.Hour) {
		return InviteOutput{}, invalid("hours", "An invite must be valid for 1 to %d hours.",
			int(maxInviteAge/time.Hour))
	}
	if in.Uses < 0 || in.Uses > maxUses {
		return InviteOutput{}, invalid("uses", "An invite is for 1 to %d people.", maxUses)
	}
	if may, err := s.mayInvite(ctx, who.User, in.Role); err != nil || !may {
		return InviteOutput{}, cmp.Or(err, error(ErrForbidden))
	}
	return s.newInvite(ctx, who, in)
}

func (s *Service) newInvite(ctx context.Context, who Caller, in InviteInput) (InviteOutput, error) {
	now, code, role, age := s.now(), s.NewToken(), in.Role, time.Duration(in.Hours)*time.Hour
	invite := Invite{ID: s.NewID(), CodeHash: hashToken(code), Role: role, CreatedBy: who.User.ID,
		CreatedAt: now, ExpiresAt: now.Add(age)}
	if in.Uses > 1 || len(in.Rooms) > 0 {
		invite.Uses, invite.Rooms = max(in.Uses, 1), slices.Compact(slices.Sorted(slices.Values(in.Rooms)))
	}
	if !who.Anonymous() { // the owner's is the server's own
		err := s.audit(ctx, who, AuditEntry{Action: "invite.create",
			Detail: fmt.Sprintf("%s, for a %s, valid for %s", invite.ID, role, age)})
		if err != nil {
			return InviteOutput{}, err
		}
	}
	create := s.Store.CreateInvite
	if invite.Uses > 0 {
		create = func(ctx context.Context, i Invite) error { return s.createLink(ctx, who, i) }
	}
	if err := create(ctx, invite); err != nil {
		return InviteOutput{}, err
	}
	return InviteOutput{Invite: invite, Code: code}, nil
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
	out, err := s.newInvite(ctx, Caller{}, InviteInput{Role: RoleOwner, Hours: 24})
	return out.Code, false, err
}

// works reports whether an invite that has not expired still gives its role: an
// invite gives no more than its maker may give now, and one of the server's own
// makes its first owner only.
func (s *Service) works(ctx context.Context, i Invite) (bool, error) {
	if i.CreatedBy == "" {
		if i.Role != RoleOwner {
			return true, nil
		}
		owned, err := s.Owned(ctx)
		return !owned, err
	}
	maker, err := s.Store.Account(ctx, i.CreatedBy)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil || maker.barred(s.now()) {
		return false, err
	}
	return s.mayInvite(ctx, maker.User, i.Role)
}

// invites returns all invites that the caller may see: members see their own.
// Newest first.
func (s *Service) invites(ctx context.Context, who Caller) ([]Invite, error) {
	if may, err := s.mayInvite(ctx, who.User, RoleGuest); err != nil || !may {
		return nil, cmp.Or(err, error(ErrForbidden))
	}
	all, err := s.Store.Invites(ctx)
	if err != nil {
		return nil, err
	}
	links, err := s.links(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(append(all, links...), func(i Invite) bool {
		return !mayInvite(who.User, RoleGuest) && i.CreatedBy != who.User.ID
	})
	slices.SortStableFunc(all, func(a, b Invite) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, nil
}

// ListInvites returns the invites that still work.
func (s *Service) ListInvites(ctx context.Context, who Caller, _ None) (InviteList, error) {
	all, err := s.invites(ctx, who)
	if err != nil {
		return InviteList{}, err
	}
	now, list := s.now(), InviteList{Invites: []Invite{}}
	for _, i := range all {
		if !now.Before(i.ExpiresAt) || i.spent() {
			continue
		}
		works, err := s.works(ctx, i)
		if err != nil {
			return InviteList{}, err
		}
		if works {
			list.Invites = append(list.Invites, i)
		}
	}
	return list, nil
}

// DeleteInvite withdraws an invite.
func (s *Service) DeleteInvite(ctx context.Context, who Caller, in InviteIDInput) (None, error) {
	all, err := s.invites(ctx, who)
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
	if all[i].Uses > 0 {
		return None{}, s.Store.DeleteRecord(ctx, linkKind, all[i].CodeHash)
	}
	return None{}, s.Store.DeleteInvite(ctx, in.Invite)
}
