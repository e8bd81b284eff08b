package chat

import (
	"context"
	"time"
)

const (
	maxAbout  = 250 // characters
	maxStatus = 100 // characters of its text
	// maxSpan is how far away the end of a status, of quiet, or of being
	// disabled can be.
	maxSpan = 10 * 365 * 24 * time.Hour
)

// UpdateAccountInput changes what one says of oneself. What is not given stays,
// what is given empty is taken away.
type UpdateAccountInput struct {
	Status     *StatusInput `json:"status,omitempty" doc:"New status"`
	QuietUntil *string      `json:"quiet_until,omitempty" doc:"You do not want to be disturbed until then: a time as in RFC 3339, or empty"`
	About      *string      `json:"about,omitempty" doc:"What you say of yourself: one line of at most 250 characters"`
}

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

// StatusInput is a new status.
type StatusInput struct {
	Emoji string `json:"emoji,omitempty" doc:"One emoji, or its short code"`
	Text  string `json:"text,omitempty" doc:"At most 100 characters; a status without both is none"`
	Until string `json:"until,omitempty" doc:"Shown until then: a time as in RFC 3339; default until it is taken away"`
}

// status checks a status that somebody gives themselves.
func (s *Service) status(in StatusInput) (Status, error) {
	text, err := line("status", in.Text, 0, maxStatus)
	if err != nil {
		return Status{}, err
	}
	if in.Emoji != "" {
		var ok bool
		if in.Emoji, ok = parseEmoji(in.Emoji); !ok {
			return Status{}, invalid("status", "The icon of a status is a single emoji.")
		}
	}
	until, err := s.until("status", in.Until)
	if err != nil || text == "" && in.Emoji == "" {
		return Status{}, err
	}
	if !until.IsZero() && !s.now().Before(until) {
		return Status{}, invalid("status", "A status must end in the future.")
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
