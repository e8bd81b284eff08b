package chat

import (
	"context"
	"time"
)

// Limits bounds what people may do. Sizes are in bytes unless said otherwise.
type Limits struct {
	Message      int   `json:"message" doc:"Bytes of a message's text"`
	Name         int   `json:"name" doc:"Characters of a person's or a room's name"`
	Topic        int   `json:"topic" doc:"Characters of a topic"`
	Password     int   `json:"password" doc:"Most bytes of a password"`
	PasswordMin  int   `json:"password_min" doc:"Fewest characters of a password"`
	RoomsCreated int   `json:"rooms_created" doc:"Rooms that one person may create"`
	RoomsJoined  int   `json:"rooms_joined" doc:"Rooms that one person may be in"`
	File         int64 `json:"file" doc:"Bytes of a file; 0 if files are not taken"`
	PageMax      int   `json:"page_max" doc:"Most items of one page"`
	Files        int64 `json:"-"` // bytes of all files together; 0 for no limit

	Sends    Rate `json:"-"` // messages per person
	Uploads  Rate `json:"-"` // files per person
	Looks    Rate `json:"-"` // links per person that are not known yet
	Calls    Rate `json:"-"` // any action per person
	Logins   Rate `json:"-"` // log-ins and sign-ups per address
	Guesses  Rate `json:"-"` // log-ins per account name
	Profiles Rate `json:"-"` // changes of one's own status and profile per person
	Audits   Rate `json:"-"` // acts per person that the audit log tells of
}

// DefaultLimits are generous for people and tight for loops.
var DefaultLimits = Limits{
	Message: 16 << 10, Name: 64, Topic: 250, Password: 256, PasswordMin: 8,
	RoomsCreated: 500, RoomsJoined: 2000, PageMax: 200, File: 50 << 20,
	Sends:    Rate{Limit: 50, Window: 10 * time.Second},
	Uploads:  Rate{Limit: 60, Window: 10 * time.Minute},
	Looks:    Rate{Limit: 60, Window: time.Minute},
	Calls:    Rate{Limit: 600, Window: 10 * time.Second},
	Logins:   Rate{Limit: 30, Window: time.Minute},
	Guesses:  Rate{Limit: 10, Window: time.Minute},
	Profiles: Rate{Limit: 60, Window: 10 * time.Minute},
	Audits:   Rate{Limit: 3000, Window: time.Hour},
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	for _, f := range []struct {
		v *int
		d int
	}{
		{&l.Message, d.Message}, {&l.Name, d.Name}, {&l.Topic, d.Topic}, {&l.Password, d.Password},
		{&l.PasswordMin, d.PasswordMin},
		{&l.RoomsCreated, d.RoomsCreated}, {&l.RoomsJoined, d.RoomsJoined}, {&l.PageMax, d.PageMax},
	} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	if l.File == 0 {
		l.File = d.File
	}
	for _, f := range []struct {
		v *Rate
		d Rate
	}{{&l.Sends, d.Sends}, {&l.Uploads, d.Uploads}, {&l.Looks, d.Looks}, {&l.Calls, d.Calls},
		{&l.Logins, d.Logins}, {&l.Guesses, d.Guesses}, {&l.Profiles, d.Profiles}, {&l.Audits, d.Audits}} {
		if *f.v == (Rate{}) {
			*f.v = f.d
		}
	}
	return l
}

// Rate allows Limit in every window of length Window.
type Rate struct {
	Limit  int
	Window time.Duration
}

// Limiter counts requests in exact sliding windows.
type Limiter interface {
	// Take takes n out of key's window if they fit, and says what is left. A
	// refused call takes nothing.
	Take(ctx context.Context, key string, n int, rate Rate) (Allowance, error)
}

// Allowance is a [Limiter]'s answer.
type Allowance struct {
	OK         bool
	Remaining  int           // what is left in the window now
	RetryAfter time.Duration // if not OK: when the same call would fit, if nobody else calls
}

// Admit counts a call against the caller's general limit.
func (s *Service) Admit(ctx context.Context, who Caller) error {
	key := "call:" + string(who.User.ID)
	if who.Anonymous() {
		key = "call:" + who.Addr
	}
	return s.limit(ctx, key, s.Limits.Calls)
}

func (s *Service) limit(ctx context.Context, key string, rate Rate) error {
	if rate.Limit < 0 {
		return nil
	}
	a, err := s.Limiter.Take(ctx, key, 1, rate)
	if err != nil {
		return err
	}
	if !a.OK {
		return &Error{Code: CodeRateLimited, Message: "Too many requests. Wait and try again.",
			RetryAfter: a.RetryAfter}
	}
	return nil
}

// pageLimit checks the size of a page that was asked for.
func (s *Service) pageLimit(asked, usual int) (int, error) {
	if asked == 0 {
		return min(usual, s.Limits.PageMax), nil
	}
	if asked < 0 || asked > s.Limits.PageMax {
		return 0, invalid("limit", "A page holds 1 to %d items.", s.Limits.PageMax)
	}
	return asked, nil
}
