package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	maxAbout  = 250 // characters
	maxStatus = 100 // characters of its text
	// maxSpan is how far away the end of a status, of quiet, or of being
	// disabled can be.
	maxSpan = 10 * 365 * 24 * time.Hour
)

// UpdateAccount changes what the caller says of themselves.
func (s *Service) UpdateAccount(ctx context.Context, who Caller, in UpdateAccountInput) (User, error) {
	var status *Status
	var quiet *time.Time
	var about *string
	if in.Status != nil {
		to, err := s.status(*in.Status)
		if err != nil {
			return User{}, err
		}
		status = &to
	}
	if in.QuietUntil != nil {
		to, err := s.until("quiet_until", *in.QuietUntil)
		if err != nil {
			return User{}, err
		}
		if !s.now().Before(to) {
			to = time.Time{}
		}
		quiet = &to
	}
	if in.About != nil {
		to, err := line("about", *in.About, 0, maxAbout)
		if err != nil {
			return User{}, err
		}
		about = &to
	}
	// Everybody online is told of it.
	if err := s.limit(ctx, "account:"+string(who.User.ID), s.Limits.Profiles); err != nil {
		return User{}, err
	}
	return s.changeUser(ctx, who, who.User.ID, func(a Account) (User, error) {
		to := a.User
		if status != nil {
			to.Status = *status
		}
		if quiet != nil {
			to.QuietUntil = *quiet
		}
		if about != nil {
			to.About = *about
		}
		return to, nil
	})
}

// status checks a status that somebody gives themselves.
func (s *Service) status(in StatusInput) (Status, error) {
	text, err := line("status", in.Text, 0, maxStatus)
	if err != nil {
		return Status{}, err
	}
	if in.Emoji != "" && !isEmoji(in.Emoji) {
		return Status{}, invalid("status", "the picture of a status is one emoji")
	}
	until, err := s.until("status", in.Until)
	if err != nil || text == "" && in.Emoji == "" {
		return Status{}, err
	}
	if !until.IsZero() && !s.now().Before(until) {
		return Status{}, invalid("status", "a status ends later than now")
	}
	return Status{Emoji: in.Emoji, Text: text, Until: until}, nil
}

// until reads a time that may be empty.
func (s *Service) until(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, invalid(field, "a time is like 2026-01-31T15:00:00Z, or empty")
	}
	if t = t.UTC().Truncate(time.Millisecond); t.After(s.now().Add(maxSpan)) {
		return time.Time{}, invalid(field, "a time is at most ten years from now")
	}
	return t, nil
}

// UpdateUser changes a person's role or disables them; disabling ends their
// sessions.
func (s *Service) UpdateUser(ctx context.Context, who Caller, in UpdateUserInput) (User, error) {
	why, err := reason(in.Reason)
	if err != nil {
		return User{}, err
	}
	span := time.Duration(in.Seconds) * time.Second
	if in.Seconds < 0 || in.Seconds > int(maxSpan/time.Second) || in.Seconds != 0 &&
		(in.Disabled == nil || !*in.Disabled) {
		return User{}, invalid("seconds", "seconds go with disabled, 1 to %d, or none for good",
			int(maxSpan/time.Second))
	}
	now := s.now()
	return s.changeUser(ctx, who, in.User, func(a Account) (User, error) {
		to := a.User
		if in.Role != nil {
			to.Role = *in.Role
		}
		if in.Disabled != nil {
			if to.Disabled, to.DisabledUntil = *in.Disabled, (time.Time{}); span > 0 {
				to.DisabledUntil = now.Add(span)
			}
		}
		if !to.Role.valid() {
			return User{}, invalid("role", "a role is owner, admin, member or guest")
		}
		if !mayManage(who.User, a.User, to.Role) {
			return User{}, ErrForbidden
		}
		if to == a.User {
			return to, nil
		}
		return to, s.audit(ctx, who, AuditEntry{Action: "user.update", User: to.ID,
			Detail: changed(a.User, to), Reason: why})
	})
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

// tidyPeople enables whose time is over. Who logs in before that is enabled
// then.
func (s *Service) tidyPeople(ctx context.Context) error {
	for after := UserID(""); ; {
		users, err := s.Store.Users(ctx, after, s.Limits.PageMax)
		if err != nil {
			return fmt.Errorf("people who were disabled: %w", err)
		}
		for _, u := range users {
			if !u.Disabled || u.barred(s.now()) {
				continue
			}
			_, err := s.enable(ctx, u.ID)
			if err != nil && !errors.Is(err, ErrUnauthenticated) && !errors.Is(err, ErrConflict) {
				return fmt.Errorf("enable %s: %w", u.ID, err)
			}
		}
		if len(users) < s.Limits.PageMax {
			return nil
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
			return User{}, &Error{Code: CodeConflict, Message: "somebody else has taken this name meanwhile"}
		}
		account = now
	}
}

// freedKey is the NameKey of an account whose name others may have. It is
// nobody's: keys of names have no slash.
func freedKey(id UserID) string { return "/" + string(id) }

// putUser writes what becomes of a person, unless they are not as in account
// any more: ErrConflict. Who comes back has their name again, unless somebody
// else has taken it, which is ErrConflict too.
func (s *Service) putUser(ctx context.Context, who Caller, account Account, to User) error {
	if !to.Disabled && account.NameKey == freedKey(to.ID) {
		_, key, err := s.foldName(to.Name)
		if err != nil {
			return err
		}
		account.NameKey = key
	}
	was := account.User
	account.User = to
	changes := []Change{s.change(who,
		Change{Stream: ServerStream, Kind: UserUpdated, User: &to, Account: &account, WasUser: &was})}
	revoke := s.change(who, Change{Stream: UserStream(to.ID), Kind: SessionRevoked})
	switch {
	case to.Disabled:
		changes = append(changes, revoke)
	case was.Disabled: // a crash may have left some that must not come back
		changes = []Change{revoke, changes[0]}
	}
	if _, err := s.Store.Commit(ctx, changes...); err != nil {
		return err
	}
	return s.settle(ctx, to)
}
