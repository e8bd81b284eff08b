package chat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func ptr[T any](v T) *T { return &v }

// update changes what somebody says of themselves, and checks that everybody is
// shown it, at once and by the event.
func (f *fixture) update(who chat.Caller, in chat.UpdateAccountInput) chat.User {
	f.t.Helper()
	ctx := f.t.Context()
	before, err := f.ListUsers(ctx, who, chat.UserPageInput{})
	refused(f.t, "people", err, nil)
	u, err := f.UpdateAccount(ctx, who, in)
	refused(f.t, "update", err, nil)
	got, err := f.GetUser(ctx, who, chat.UserInput{User: who.User.ID})
	me, meErr := f.Me(ctx, who, chat.None{})
	if err != nil || meErr != nil || got != u || me.User != u {
		f.t.Errorf("answered %+v, shown %+v, oneself %+v", u, got, me.User)
	}
	events, err := f.Store.Events(ctx, chat.ServerStream, before.Position, 10)
	refused(f.t, "events", err, nil)
	for _, e := range events {
		if e.Kind != chat.UserUpdated || e.By != who.User.ID || *e.User != u {
			f.t.Errorf("told %+v, want %+v", e, u)
		}
	}
	return u
}

func TestPeopleSayWhatTheyDo(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.person("Ada", chat.RoleMember)
	plain := ada.User
	later := f.at.Add(time.Hour)

	u := f.update(ada, chat.UpdateAccountInput{Status: &chat.StatusInput{Emoji: "🌴",
		Text: "  at   the sea ", Until: later.In(time.FixedZone("", 3600)).Format(time.RFC3339)}})
	if u.Status != (chat.Status{Emoji: "🌴", Text: "at the sea", Until: later}) {
		t.Errorf("status %+v", u.Status)
	}
	u = f.update(ada, chat.UpdateAccountInput{QuietUntil: ptr(later.Format(time.RFC3339)),
		About: ptr("I build bridges")})
	if u.QuietUntil != later || u.About != "I build bridges" || u.Status.Emoji == "" {
		t.Errorf("what was not given changed: %+v", u)
	}
	u = f.update(ada, chat.UpdateAccountInput{Status: &chat.StatusInput{Text: "for good"}})
	if u.Status != (chat.Status{Text: "for good"}) {
		t.Errorf("a status is replaced as a whole: %+v", u.Status)
	}
	if u = f.update(ada, chat.UpdateAccountInput{QuietUntil: ptr(
		f.at.Format(time.RFC3339))}); !u.QuietUntil.IsZero() {
		t.Errorf("quiet until now: %+v", u)
	}
	u = f.update(ada, chat.UpdateAccountInput{Status: &chat.StatusInput{Until: later.Format(
		time.RFC3339)}, QuietUntil: ptr(""), About: ptr("")})
	if u != plain {
		t.Errorf("taken away: %+v, want %+v", u, plain)
	}
	heads, err := f.Store.Heads(t.Context(), chat.ServerStream)
	refused(t, "heads", err, nil)
	if f.update(ada, chat.UpdateAccountInput{About: ptr("")}) != plain {
		t.Error("nothing changed it")
	}
	if again, _ := f.Store.Heads(t.Context(), chat.ServerStream); again[0].Seq != heads[0].Seq {
		t.Error("told of what did not change")
	}

	for what, in := range map[string]chat.UpdateAccountInput{
		"a word as emoji":     {Status: &chat.StatusInput{Emoji: "hm"}},
		"a long status":       {Status: &chat.StatusInput{Text: strings.Repeat("ä", 101)}},
		"a status in reverse": {Status: &chat.StatusInput{Text: "a\u202eb"}},
		"an ended status":     {Status: &chat.StatusInput{Text: "x", Until: f.at.Format(time.RFC3339)}},
		"no time":             {Status: &chat.StatusInput{Text: "x", Until: "tomorrow"}},
		"quiet for ever":      {QuietUntil: ptr("9999-01-01T00:00:00Z")},
		"no time of quiet":    {QuietUntil: ptr("tomorrow")},
		"a long about":        {About: ptr(strings.Repeat("ä", 251))},
		"control characters":  {About: ptr("a\x07b")},
	} {
		refused(t, what, errOf(f.UpdateAccount(t.Context(), ada, in)), chat.ErrInvalid)
	}
	if got := f.update(ada, chat.UpdateAccountInput{About: ptr(strings.Repeat("ä", 250) +
		"\n")}); len(got.About) != 500 {
		t.Errorf("about has %d bytes", len(got.About))
	}
}

func TestProfilesAreLimited(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits.Profiles = chat.Rate{Limit: 2, Window: time.Minute} })
	ada := f.person("Ada", chat.RoleMember)
	for i, want := range []*chat.Error{nil, nil, chat.ErrRateLimited} {
		refused(t, fmt.Sprint(i), errOf(f.UpdateAccount(t.Context(), ada,
			chat.UpdateAccountInput{About: ptr(fmt.Sprint(i))})), want)
	}
}

// TestNobodyUndoesWhatAdminsDo: who changes their status while an admin changes
// their role keeps neither the old role nor loses the status.
func TestNobodyUndoesWhatAdminsDo(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits.Profiles = chat.Rate{Limit: -1} })
	owner, ben := f.person("Owner", chat.RoleOwner), f.person("Ben", chat.RoleMember)
	var wg sync.WaitGroup
	for i := range 20 {
		about := fmt.Sprint("about ", i)
		wg.Go(func() {
			if _, err := f.UpdateAccount(t.Context(), ben,
				chat.UpdateAccountInput{About: &about}); err != nil {
				t.Error(err)
			}
		})
		role := []chat.Role{chat.RoleAdmin, chat.RoleGuest}[i%2]
		wg.Go(func() {
			if _, err := f.UpdateUser(t.Context(), owner,
				chat.UpdateUserInput{User: ben.User.ID, Role: &role}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if u, err := f.GetUser(t.Context(), owner, chat.UserInput{User: ben.User.ID}); err != nil ||
			u.Role != role || u.About != about {
			t.Fatalf("round %d left %+v, %v", i, u, err)
		}
	}
}

func TestDisabledForATime(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, ada, ben := f.person("Owner", chat.RoleOwner), f.person("Ada", chat.RoleAdmin),
		f.person("Ben", chat.RoleMember)
	disable := func(who chat.Caller, seconds int) chat.User {
		t.Helper()
		u, err := f.UpdateUser(ctx, ada,
			chat.UpdateUserInput{User: who.User.ID, Disabled: ptr(true), Seconds: seconds, Reason: "spam"})
		refused(t, "disable", err, nil)
		return u
	}
	logIn := func(name string) error {
		return errOf(f.LogIn(ctx, chat.Caller{Addr: "192.0.2.9"},
			chat.LogInInput{Name: name, Password: "password123"}))
	}
	state := func(who chat.Caller) chat.User {
		t.Helper()
		u, err := f.GetUser(ctx, owner, chat.UserInput{User: who.User.ID})
		refused(t, "person", err, nil)
		return u
	}
	until := f.at.Add(time.Hour)
	if u := disable(ben, 3600); !u.Disabled || u.DisabledUntil != until || u != state(ben) {
		t.Errorf("disabled: %+v", u)
	}
	if e := f.audited(ada, chat.AuditInput{})[0]; e.Detail != "disabled until 2026-01-02T04:04:05Z" || e.Reason != "spam" || e.User != ben.User.ID {
		t.Errorf("audited %+v", e)
	}
	if sessions, err := f.Store.Sessions(ctx, ben.User.ID); err != nil || len(sessions) > 0 {
		t.Errorf("sessions are left: %v, %v", sessions, err)
	}
	f.wait(time.Hour - time.Millisecond)
	refused(t, "too early", logIn("Ben"), chat.ErrForbidden)
	refused(t, "tend", f.Tend(ctx), nil)
	refused(t, "too early", logIn("Ben"), chat.ErrForbidden)
	room := f.room(owner, chat.Private)
	refused(t, "adding somebody who is disabled",
		errOf(f.AddMember(ctx, owner, chat.MemberInput{Room: room, User: ben.User.ID})), chat.ErrConflict)
	// One that a crash has left must not come back.
	left := chat.Session{ID: "left", User: ben.User.ID, TokenHash: "hash", CreatedAt: f.at,
		SeenAt: f.at, ExpiresAt: f.at.Add(time.Hour)}
	refused(t, "session", f.Store.CreateSession(ctx, left), nil)
	f.wait(time.Millisecond)
	refused(t, "adding somebody whose time is over",
		errOf(f.AddMember(ctx, owner, chat.MemberInput{Room: room, User: ben.User.ID})), nil)
	refused(t, "after it", logIn("Ben"), nil)
	if sessions, err := f.Store.Sessions(ctx, ben.User.ID); err != nil || len(sessions) != 1 ||
		sessions[0].ID == "left" {
		t.Errorf("sessions %v, %v", sessions, err)
	}
	if u := state(ben); u != ben.User {
		t.Errorf("after logging in again: %+v", u)
	}

	// Without logging in, too; and everybody is told.
	cleo := f.person("Cleo", chat.RoleMember)
	disable(cleo, 60)
	if u := disable(cleo, 120); u.DisabledUntil != f.at.Add(2*time.Minute) {
		t.Errorf("for longer: %+v", u)
	}
	disable(ben, 0)
	f.wait(2 * time.Minute)
	heads, err := f.Store.Heads(ctx, chat.ServerStream)
	refused(t, "heads", err, nil)
	refused(t, "tend", f.Tend(ctx), nil)
	events, err := f.Store.Events(ctx, chat.ServerStream, heads[0].Position, 10)
	if err != nil || len(events) != 1 || events[0].Kind != chat.UserUpdated ||
		*events[0].User != cleo.User || events[0].By != "" {
		t.Errorf("told %+v, %v", events, err)
	}
	if u := state(ben); !u.Disabled || !u.DisabledUntil.IsZero() {
		t.Errorf("disabled for good: %+v", u)
	}
	// For good, after it was for a time; and by the operator.
	disable(cleo, 60)
	if u := disable(cleo, 0); !u.DisabledUntil.IsZero() {
		t.Errorf("for good: %+v", u)
	}
	disable(cleo, 60)
	refused(t, "the operator disables", f.Disable(ctx, chat.Account{User: cleo.User}, true), nil)
	if u := state(cleo); !u.Disabled || !u.DisabledUntil.IsZero() {
		t.Errorf("by the operator: %+v", u)
	}
	disable(cleo, 60)
	u, err := f.UpdateUser(ctx, ada, chat.UpdateUserInput{User: cleo.User.ID, Role: ptr(chat.RoleGuest)})
	if err != nil || !u.Disabled || u.DisabledUntil.IsZero() {
		t.Errorf("another role: %+v, %v", u, err)
	}
	if u, err = f.UpdateUser(ctx, ada,
		chat.UpdateUserInput{User: cleo.User.ID, Disabled: ptr(false)}); err != nil || u.Disabled ||
		!u.DisabledUntil.IsZero() {
		t.Errorf("enabled: %+v, %v", u, err)
	}
	for what, in := range map[string]chat.UpdateUserInput{
		"seconds alone": {Seconds: 60}, "enabled for a time": {Disabled: ptr(false), Seconds: 60},
		"negative":             {Disabled: ptr(true), Seconds: -1},
		"for a thousand years": {Disabled: ptr(true), Seconds: 1e11},
		"a long reason":        {Disabled: ptr(true), Reason: strings.Repeat("x", 251)},
	} {
		in.User = ben.User.ID
		refused(t, what, errOf(f.UpdateUser(ctx, ada, in)), chat.ErrInvalid)
	}
}

// TestGuestsKnowWhomTheyMeet: one person, as in the list of people.
func TestGuestsKnowWhomTheyMeet(t *testing.T) {
	f := newFixture(t, nil)
	ada, ben, gus := f.person("Ada", chat.RoleMember), f.person("Ben", chat.RoleMember),
		f.person("Gus", chat.RoleGuest)
	f.room(ada, chat.Private, gus)
	for who, want := range map[chat.UserID]*chat.Error{ada.User.ID: nil, gus.User.ID: nil,
		ben.User.ID: chat.ErrNotFound, "nobody": chat.ErrNotFound} {
		refused(t, string(who), errOf(f.GetUser(t.Context(), gus, chat.UserInput{User: who})), want)
	}
}
