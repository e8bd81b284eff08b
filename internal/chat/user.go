package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Role is what a person may do on the server. See permission.go for the rules.
type Role string

const (
	RoleOwner  Role = "owner"  // everything, including making owners
	RoleAdmin  Role = "admin"  // people, invites, public rooms
	RoleMember Role = "member" // create rooms, join public ones, invite where allowed
	RoleGuest  Role = "guest"  // only the rooms that they were added to
)

// User is a person as others see them. Users can be compared with ==: their
// times are in UTC, to the millisecond.
type User struct {
	ID        UserID    `json:"id" doc:"Id"`
	Name      string    `json:"name" doc:"Unique name; no other name looks like it, but for those of deleted webhooks"`
	Role      Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role on the server"`
	Disabled  bool      `json:"disabled,omitempty" doc:"May not log in"`
	Bot       bool      `json:"bot,omitempty" doc:"A program: it has tokens, and no password"`
	CreatedAt time.Time `json:"created_at" doc:"When the account was made"`

	// What follows is left out where it is empty.
	Status        Status    `json:"status,omitzero" doc:"What they say of themselves for now"`
	QuietUntil    time.Time `json:"quiet_until,omitzero" doc:"They do not want to be disturbed until then"`
	About         string    `json:"about,omitempty" doc:"What they say of themselves, one line"`
	Title         string    `json:"title,omitempty" doc:"What they do, one line"`
	TimeZone      string    `json:"time_zone,omitempty" doc:"Their time zone, as Europe/Berlin"`
	Phone         string    `json:"phone,omitempty" doc:"Their phone number"`
	FormerName    string    `json:"former_name,omitempty" doc:"Their name before they were renamed last"`
	HidesReads    bool      `json:"hides_reads,omitempty" doc:"They do not show what they have read"`
	HidesPresence bool      `json:"hides_presence,omitempty" doc:"They do not show when they are online, or were last"`
	Picture       string    `json:"picture,omitempty" doc:"Id of their picture, see picture.open; another with each picture"`
	DisabledUntil time.Time `json:"disabled_until,omitzero" doc:"With disabled: until then; without it, for good"`
}

// Status is what somebody says of themselves for a while. The zero Status is
// none.
type Status struct {
	Emoji string    `json:"emoji,omitempty" doc:"One emoji"`
	Text  string    `json:"text,omitempty" doc:"A few words"`
	Until time.Time `json:"until,omitzero" doc:"Shown until then; without it, until it is taken away"`
}

// disabled refuses a log-in.
func disabled(u User) *Error {
	e := &Error{Code: CodeForbidden, Message: "This account is disabled",
		Details: &Details{Kind: IsDisabled, Until: u.DisabledUntil}}
	if !u.DisabledUntil.IsZero() {
		e.Message += " until " + minute(u.DisabledUntil)
	}
	e.Message += ". Ask your administrator."
	return e
}

// barred reports whether a person may not log in at that time.
func (u User) barred(now time.Time) bool {
	return u.Disabled && (u.DisabledUntil.IsZero() || now.Before(u.DisabledUntil))
}

// UserPageInput asks for a page of people.
type UserPageInput struct {
	After UserID `json:"after,omitempty" doc:"Only people with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"Most items to return; default 100"`
}

// UserPage is a page of people.
type UserPage struct {
	Users    []User   `json:"users" doc:"Sorted by id"`
	Next     UserID   `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
	Position Position `json:"position" doc:"Place in the server's stream: every event up to it is in this page or in later ones"`
}

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
		page.Users, err = s.companions(ctx, who.User.ID, in.After, limit+1)
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

// companions returns the first limit people with id > after who share a room
// with user, sorted by id.
func (s *Service) companions(ctx context.Context, user, after UserID, limit int) ([]User, error) {
	views, err := s.Store.Views(ctx, user)
	if err != nil {
		return nil, err
	}
	ids := []UserID{user}
	for _, v := range views {
		for m, err := range s.members(ctx, v.ID) {
			if err != nil {
				return nil, err
			}
			ids = append(ids, m.User)
		}
	}
	slices.Sort(ids)
	users := []User{}
	for _, id := range slices.Compact(ids) {
		if id <= after {
			continue
		}
		if len(users) == limit {
			break
		}
		account, err := s.Store.Account(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err == nil {
			users = append(users, account.User)
		}
	}
	return users, nil
}

// UserInput names a person.
type UserInput struct {
	User UserID `json:"user" doc:"Id of the person"`
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

// MayOperate returns nil if the caller may see how the server is doing.
func (s *Service) MayOperate(who Caller) error {
	if !who.User.Role.atLeast(RoleAdmin) {
		return ErrForbidden
	}
	return nil
}

// UpdateUserInput changes a person. What is not given stays.
type UpdateUserInput struct {
	User     UserID  `json:"user" doc:"Id of the person"`
	Name     *string `json:"name,omitempty" doc:"New name"`
	Role     *Role   `json:"role,omitempty" enum:"owner,admin,member,guest" doc:"New role"`
	Disabled *bool   `json:"disabled,omitempty" doc:"Whether they may not log in"`
	Seconds  int     `json:"seconds,omitempty" doc:"With disabled: for how long; default for good"`
	Reason   string  `json:"reason,omitempty" doc:"Why, for the audit log; at most 250 characters"`
}

// UpdateUser renames a person, changes their role or disables them; disabling
// ends their sessions.
func (s *Service) UpdateUser(ctx context.Context, who Caller, in UpdateUserInput) (User, error) {
	why, err := reason(in.Reason)
	if err != nil {
		return User{}, err
	}
	span := time.Duration(in.Seconds) * time.Second
	if in.Seconds < 0 || in.Seconds > int(maxSpan/time.Second) || in.Seconds != 0 &&
		(in.Disabled == nil || !*in.Disabled) {
		return User{}, invalid("seconds", "Give seconds only with disabled: 1 to %d, or none for permanently.",
			int(maxSpan/time.Second))
	}
	now := s.now()
	return s.changeUser(ctx, who, in.User, func(a Account) (User, error) {
		to := a.User
		if in.Name != nil {
			if to, err = s.renamed(ctx, to, *in.Name); err != nil {
				return User{}, err
			}
		}
		if in.Role != nil {
			to.Role = *in.Role
		}
		if in.Disabled != nil {
			if to.Disabled, to.DisabledUntil = *in.Disabled, (time.Time{}); span > 0 {
				to.DisabledUntil = now.Add(span)
			}
		}
		if !to.Role.valid() {
			return User{}, invalid("role", "The role must be owner, admin, member or guest.")
		}
		if !mayManage(who.User, a.User, to.Role) {
			return User{}, ErrForbidden
		}
		if to.Role == RoleOwner && a.Role != RoleOwner {
			if err := s.proven(ctx, who); err != nil {
				return User{}, err
			}
		}
		if err := s.auditName(ctx, who, a.User, to, why); err != nil {
			return User{}, err
		}
		detail := changed(a.User, to)
		if detail == "" {
			return to, nil
		}
		return to, s.audit(ctx, who, AuditEntry{Action: "user.update", User: to.ID, Detail: detail,
			Reason: why})
	})
}

// renamed gives a person another name. Where another program logs people in,
// names are its own.
func (s *Service) renamed(ctx context.Context, u User, name string) (User, error) {
	shown, key, err := s.foldName(name)
	if err != nil || shown == u.Name {
		return u, err
	}
	if s.External != nil {
		return u, &Error{Code: CodeForbidden, Field: "name",
			Message: "Names come from the site that this chat is part of. Change yours there."}
	}
	for _, key := range []string{key, cmp.Or(s.Names.Look(shown), key)} { // before it is recorded
		switch holder, err := s.Store.AccountByName(ctx, key); {
		case err == nil && holder.ID != u.ID:
			return u, errNameTaken
		case err != nil && !errors.Is(err, ErrNotFound):
			return u, err
		}
	}
	u.Name, u.FormerName = shown, u.Name
	return u, nil
}

// auditName records that a person gets another name, also from themselves: so
// that it can be found out later who wrote under which name.
func (s *Service) auditName(ctx context.Context, who Caller, from, to User, why string) error {
	if from.Name == to.Name {
		return nil
	}
	return s.record(ctx, who, AuditEntry{Action: "user.rename", User: to.ID,
		Detail: from.Name + " → " + to.Name, Reason: why})
}

// Disable sets whether a person may log in, on behalf of the operator.
func (s *Service) Disable(ctx context.Context, account Account, disabled bool) error {
	_, err := s.changeUser(ctx, Caller{}, account.ID, func(a Account) (User, error) {
		to := a.User
		to.Disabled, to.DisabledUntil = disabled, time.Time{}
		if to == a.User {
			return to, nil
		}
		return to, s.audit(ctx, Caller{},
			AuditEntry{Action: "user.update", User: to.ID, Detail: changed(a.User, to)})
	})
	return err
}

// changed says in words what becomes of a person's role and state.
func changed(from, to User) string {
	var what []string
	if from.Role != to.Role {
		what = append(what, fmt.Sprintf("%s, was %s", to.Role, from.Role))
	}
	switch {
	case to.Disabled && !to.DisabledUntil.IsZero() && !to.DisabledUntil.Equal(from.DisabledUntil):
		what = append(what, "disabled until "+to.DisabledUntil.Format(time.RFC3339))
	case to.Disabled && (!from.Disabled || to.DisabledUntil != from.DisabledUntil):
		what = append(what, "disabled")
	case !to.Disabled && from.Disabled:
		what = append(what, "enabled")
	}
	return strings.Join(what, "; ")
}

// enable ends what has ended by itself: that somebody was disabled until a
// time. ErrUnauthenticated if it has not.
func (s *Service) enable(ctx context.Context, id UserID) (User, error) {
	return s.changeUser(ctx, Caller{}, id, func(a Account) (User, error) {
		if a.barred(s.now()) {
			return User{}, ErrUnauthenticated
		}
		to := a.User
		to.Disabled, to.DisabledUntil = false, time.Time{}
		return to, nil
	})
}

// enableDue enables those who were disabled until a time that has passed.
// Whoever logs in before that is enabled then.
func (s *Service) enableDue(ctx context.Context) error {
	var failed failures
	for after := UserID(""); ; {
		users, err := s.Store.Users(ctx, after, s.Limits.PageMax)
		if err != nil {
			return errors.Join(append(failed, fmt.Errorf("people who were disabled: %w", err))...)
		}
		for _, u := range users {
			if !u.Disabled || u.barred(s.now()) {
				continue
			}
			_, err := s.enable(ctx, u.ID)
			if err != nil && !errors.Is(err, ErrUnauthenticated) && !errors.Is(err, ErrConflict) &&
				failed.add(fmt.Errorf("enable %s: %w", u.ID, err)) != nil {
				return errors.Join(failed...)
			}
		}
		if len(users) < s.Limits.PageMax {
			return errors.Join(failed...)
		}
		after = users[len(users)-1].ID
	}
}

// changeUser applies a change to a person as they are now, also while others
// change them: it may be asked more than once. What it returns is written if it
// is another User.
func (s *Service) changeUser(ctx context.Context, who Caller, id UserID,
	change func(Account) (User, error)) (User, error) {
	account, err := s.Store.Account(ctx, id)
	if err != nil {
		return User{}, err
	}
	for {
		to, err := change(account)
		if err != nil || to == account.User {
			return to, err
		}
		taken := s.putUser(ctx, who, account, to)
		if !errors.Is(taken, ErrConflict) {
			return to, taken
		}
		now, err := s.Store.Account(ctx, id)
		if err != nil {
			return User{}, err
		}
		if now.User == account.User { // nobody was faster
			return User{}, errNameTaken
		}
		account = now
	}
}

// freedKey is the NameKey of an account whose name others may have. It is
// nobody's: keys of names have no slash.
func freedKey(id UserID) string { return "/" + string(id) }

// putUser writes what becomes of a person, unless they are not as in account
// any more: ErrConflict. Their name, if it is new or was freed, is theirs then,
// unless somebody else has it, which is ErrConflict too.
func (s *Service) putUser(ctx context.Context, who Caller, account Account, to User) error {
	freed := account.NameKey == freedKey(to.ID)
	if freed && !to.Disabled || !freed && to.Name != account.Name {
		_, key, err := s.foldName(to.Name)
		if err != nil {
			return err
		}
		account.NameKey, account.LookKey = key, s.Names.Look(to.Name)
	}
	if to.Name != account.Name {
		if err := s.giveUpName(ctx, to.ID, account.Name); err != nil {
			return err
		}
		if err := s.listName(ctx, to.ID, to.Name); err != nil {
			return err
		}
	}
	was := account.User
	account.User = to
	changes := []Change{s.change(who,
		Change{Stream: ServerStream, Op: UpdateUser{Account: account, Was: &was}})}
	revoke := s.change(who, Change{Stream: UserStream(to.ID), Op: RevokeSessions{}})
	switch {
	case to.Disabled:
		changes = append(changes, revoke)
	case was.Disabled: // a crash may have left some that must not come back
		changes = []Change{revoke, changes[0]}
	}
	if _, err := s.Store.Commit(ctx, changes...); err != nil {
		return err
	}
	if was.Role.atLeast(RoleAdmin) {
		if err := s.endBotTokens(ctx, to.ID); err != nil { // or else Maintain does
			return err
		}
	}
	return s.settle(ctx, to)
}
