package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxInviteAge bounds how long an invite can be valid.
const maxInviteAge = 720 * time.Hour

// Invite lets one person sign up. The code itself is not kept, only its hash.
type Invite struct {
	ID        string    `json:"id" doc:"Id, not the code"`
	CodeHash  string    `json:"-"` // lower-case hex SHA-256 of the code
	Role      Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role that it gives"`
	CreatedBy UserID    `json:"created_by,omitempty" doc:"Empty for the server itself"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ExpiresAt time.Time `json:"expires_at" doc:"No longer valid then"`
}

// InviteInput asks for an invite.
type InviteInput struct {
	Role  Role `json:"role,omitempty" enum:"owner,admin,member,guest" doc:"Role that it gives; default member"`
	Hours int  `json:"hours,omitempty" doc:"How long it is valid; default 168 (a week), at most 720"`
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

// invited says which role a sign-up with that code gives, and the code's hash.
func (s *Service) invited(ctx context.Context, code string) (Role, string, error) {
	if code == "" {
		if s.SignUp == SignUpOpen {
			return RoleMember, "", nil
		}
		return "", "", &Error{Code: CodeForbidden,
			Message: "This server is invite-only. Ask a member for a link."}
	}
	no := &Error{Code: CodeNotFound, Field: "invite",
		Message: "This invite does not exist, has been used or has expired. Ask for a new one."}
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
			Message: "Sign-up is closed. Ask your administrator for an account."}
	}
	works, err := s.works(ctx, invite)
	if err != nil {
		return "", "", err
	}
	if !works {
		return "", "", no
	}
	return invite.Role, invite.CodeHash, nil
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
		return InviteOutput{}, invalid("role", "The role must be owner, admin, member or guest.")
	}
	if in.Hours < 0 || in.Hours > int(maxInviteAge/time.Hour) {
		return InviteOutput{}, invalid("hours", "An invite must be valid for 1 to %d hours.",
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
	return err == nil && !maker.barred(s.now()) && mayInvite(maker.User, i.Role), err
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
		if !now.Before(i.ExpiresAt) {
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
