package chat

import (
	"context"
	"regexp"
	"strings"
	"time"
)

const (
	maxAbout    = 250 // characters
	maxStatus   = 100 // characters of its text
	maxTitle    = 100 // characters
	maxPhone    = 40  // characters
	maxTimeZone = 64  // bytes; the longest has 32
	// maxSpan is how far away the end of a status, of quiet, or of being
	// disabled can be.
	maxSpan = 10 * 365 * 24 * time.Hour
)

// UpdateAccountInput changes what one says of oneself. What is not given stays,
// what is given empty is taken away.
type UpdateAccountInput struct {
	Status        *StatusInput `json:"status,omitempty" doc:"New status"`
	QuietUntil    *string      `json:"quiet_until,omitempty" doc:"You do not want to be disturbed until then: a time as in RFC 3339, or empty"`
	About         *string      `json:"about,omitempty" doc:"What you say of yourself: one line of at most 250 characters"`
	Title         *string      `json:"title,omitempty" doc:"What you do: one line of at most 100 characters"`
	TimeZone      *string      `json:"time_zone,omitempty" doc:"Your time zone by its name in the IANA database, such as Europe/Berlin"`
	Phone         *string      `json:"phone,omitempty" doc:"Your phone number: at most 40 digits, spaces and + ( ) - . / # *"`
	HidesReads    *bool        `json:"hides_reads,omitempty" doc:"You do not show others what you have read, and do not see what they have"`
	HidesPresence *bool        `json:"hides_presence,omitempty" doc:"You do not show others when you are online, or were last"`
	Name          *string      `json:"name,omitempty" doc:"New name, which you also log in with. The audit log keeps the old one"`
}

// UpdateAccount changes what the caller says of themselves.
func (s *Service) UpdateAccount(ctx context.Context, who Caller, in UpdateAccountInput) (User, error) {
	var status *Status
	var quiet *time.Time
	if in.Status != nil {
		to, err := s.status(ctx, *in.Status)
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
		if in.HidesReads != nil {
			to.HidesReads = *in.HidesReads
		}
		if in.HidesPresence != nil {
			to.HidesPresence = *in.HidesPresence
		}
		for _, field := range []struct {
			from, to *string
			clean    func(string) (string, error)
		}{
			{in.About, &to.About, func(text string) (string, error) { return line("about", text, 0, maxAbout) }},
			{in.Title, &to.Title, func(text string) (string, error) { return line("title", text, 0, maxTitle) }},
			{in.TimeZone, &to.TimeZone, timeZone},
			{in.Phone, &to.Phone, phone},
		} {
			if field.from == nil {
				continue
			}
			var err error
			if *field.to, err = field.clean(*field.from); err != nil {
				return User{}, err
			}
		}
		if in.Name != nil {
			var err error
			if to, err = s.renamed(ctx, to, *in.Name); err != nil {
				return User{}, err
			}
		}
		return to, s.auditName(ctx, who, a.User, to, "")
	})
}

// phone checks a phone number: with nothing but digits and the signs of
// numbers, so that it can be dialled.
func phone(text string) (string, error) {
	text, err := line("phone", text, 0, maxPhone)
	if err == nil && strings.Trim(text, "0123456789 +()-./#*") != "" {
		err = invalid("phone", "A phone number has only digits, spaces and + ( ) - . / # *")
	}
	return text, err
}

// timeZone checks the name of a time zone by its form: which there are, the
// clients know better than a server that is not updated.
func timeZone(text string) (string, error) {
	if len(text) <= maxTimeZone && zoneName.MatchString(text) {
		return text, nil
	}
	return "", invalid("time_zone", "A time zone has a name like Europe/Berlin.")
}

var zoneName = regexp.MustCompile(`^$|^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

// StatusInput is a new status.
type StatusInput struct {
	Emoji string `json:"emoji,omitempty" doc:"One emoji, or its short code"`
	Text  string `json:"text,omitempty" doc:"At most 100 characters; a status without both is none"`
	Until string `json:"until,omitempty" doc:"Shown until then: a time as in RFC 3339; default until it is taken away"`
}

// status checks a status that somebody gives themselves.
func (s *Service) status(ctx context.Context, in StatusInput) (Status, error) {
	text, err := line("status", in.Text, 0, maxStatus)
	if err != nil {
		return Status{}, err
	}
	if in.Emoji != "" {
		if in.Emoji, err = s.emoji(ctx, in.Emoji); err != nil {
			return Status{}, err
		}
		if in.Emoji == "" {
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
