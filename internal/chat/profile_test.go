package chat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func ptr[T any](v T) *T { return &v }

// update changes what somebody says of themselves, and checks that everybody is
// shown it, at once and by the event.
func (f *fixture) update(who chat.Caller, in chat.UpdateAccountInput) chat.User {
	f.T.Helper()
	ctx := f.T.Context()
	before, err := f.ListUsers(ctx, who, chat.UserPageInput{})
	refused(f.T, "people", err, nil)
	u, err := f.UpdateAccount(ctx, who, in)
	refused(f.T, "update", err, nil)
	got, err := f.GetUser(ctx, who, chat.UserInput{User: who.User.ID})
	me, meErr := f.Me(ctx, who, chat.None{})
	if err != nil || meErr != nil || got != u || me.User != u {
		f.T.Errorf("answered %+v, shown %+v, oneself %+v", u, got, me.User)
	}
	events, err := f.Store.Events(ctx, chat.ServerStream, before.Position, 10)
	refused(f.T, "events", err, nil)
	for _, e := range events {
		if e.Kind != chat.UserUpdated || e.By != who.User.ID || *e.User != u {
			f.T.Errorf("told %+v, want %+v", e, u)
		}
	}
	return u
}

func TestPeopleSayWhatTheyDo(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("Ada", chat.RoleMember)
	plain := ada.User
	later := f.Now().Add(time.Hour)

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
		f.Now().Format(time.RFC3339))}); !u.QuietUntil.IsZero() {
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
		"a word as emoji":  {Status: &chat.StatusInput{Emoji: "hm"}},
		"a long status":    {Status: &chat.StatusInput{Text: strings.Repeat("ä", 101)}},
		"an ended status":  {Status: &chat.StatusInput{Text: "x", Until: f.Now().Format(time.RFC3339)}},
		"no time":          {Status: &chat.StatusInput{Text: "x", Until: "tomorrow"}},
		"quiet for ever":   {QuietUntil: ptr("9999-01-01T00:00:00Z")},
		"no time of quiet": {QuietUntil: ptr("tomorrow")},
		"a long about":     {About: ptr(strings.Repeat("ä", 251))},
		"a long title":     {Title: ptr(strings.Repeat("ä", 101))},
		"a long number":    {Phone: ptr(strings.Repeat("1", 41))},
		"letters to dial":  {Phone: ptr("call me")},
		"a link to dial":   {Phone: ptr("1;ext=javascript:")},
		"no zone":          {TimeZone: ptr("over there")},
		"a path as zone":   {TimeZone: ptr("../../etc/passwd")},
		"a long zone":      {TimeZone: ptr("A/" + strings.Repeat("b", 63))},
		"an empty name":    {Name: ptr(" ")},
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
	ada := f.Person("Ada", chat.RoleMember)
	for i, want := range []*chat.Error{nil, nil, chat.ErrRateLimited} {
		refused(t, fmt.Sprint(i), errOf(f.UpdateAccount(t.Context(), ada,
			chat.UpdateAccountInput{About: ptr(fmt.Sprint(i))})), want)
	}
}

func TestProfilesHaveTitleZoneAndPhone(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("Ada", chat.RoleMember)
	plain := ada.User
	u := f.update(ada, chat.UpdateAccountInput{Title: ptr("  Head of\tbridges\n"),
		TimeZone: ptr("America/Argentina/Buenos_Aires"), Phone: ptr(" +49 (30) 123-45/6 ")})
	if u.Title != "Head of bridges" || u.TimeZone != "America/Argentina/Buenos_Aires" ||
		u.Phone != "+49 (30) 123-45/6" {
		t.Errorf("profile %+v", u)
	}
	if again := f.update(ada, chat.UpdateAccountInput{About: ptr("I build")}); again.Title != u.Title ||
		again.Phone != u.Phone || again.TimeZone != u.TimeZone {
		t.Errorf("what was not given changed: %+v", again)
	}
	for _, zone := range []string{"UTC", "Etc/GMT+12", "Europe/Berlin"} {
		if got := f.update(ada, chat.UpdateAccountInput{TimeZone: &zone}); got.TimeZone != zone {
			t.Errorf("zone %q, want %q", got.TimeZone, zone)
		}
	}
	u = f.update(ada, chat.UpdateAccountInput{Title: ptr(""), TimeZone: ptr(""), Phone: ptr(""),
		About: ptr("")})
	if u != plain {
		t.Errorf("taken away: %+v, want %+v", u, plain)
	}
}

// TestPeopleAreRenamed: by themselves and by who manages them; the log-in
// follows, the old name is free, and the audit log says both names.
func TestPeopleAreRenamed(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, admin := f.Person("Owner", chat.RoleOwner), f.Person("Admin", chat.RoleAdmin)
	ada, ben := f.Person("Ada", chat.RoleMember), f.Person("Ben", chat.RoleMember)

	u := f.update(ada, chat.UpdateAccountInput{Name: ptr("  Ada   Lovelace ")})
	if u.Name != "Ada Lovelace" || u.FormerName != "Ada" {
		t.Errorf("renamed to %+v", u)
	}
	if a, err := f.UserNamed(ctx, "ada lovelace"); err != nil || a.ID != ada.User.ID {
		t.Errorf("by the new name %+v, %v", a.User, err)
	}
	refused(t, "the old name", errOf(f.UserNamed(ctx, "Ada")), chat.ErrNotFound)
	if again := f.update(ada, chat.UpdateAccountInput{Name: ptr("ADA LOVELACE")}); again.Name != "ADA LOVELACE" {
		t.Errorf("the same name in capitals: %+v", again)
	}

	err := errOf(f.UpdateAccount(ctx, ben, chat.UpdateAccountInput{Name: ptr("ada lovelace")}))
	refused(t, "a taken name", err, chat.ErrConflict)
	if e := (*chat.Error)(nil); !errors.As(err, &e) || e.Field != "name" {
		t.Errorf("refused with %v", err)
	}
	if u, err = f.UpdateAccount(ctx, ben, chat.UpdateAccountInput{Name: ptr("Ada")}); err != nil || u.Name != "Ada" {
		t.Errorf("a freed name: %+v, %v", u, err)
	}

	name := func(who chat.Caller, user chat.UserID, to string) error {
		return errOf(f.UpdateUser(ctx, who, chat.UpdateUserInput{User: user, Name: &to}))
	}
	refused(t, "a member renames", name(ben, ada.User.ID, "Countess"), chat.ErrForbidden)
	refused(t, "an admin renames an owner", name(admin, owner.User.ID, "Nobody"), chat.ErrForbidden)
	refused(t, "an admin gives a taken name", name(admin, ada.User.ID, "Ada"), chat.ErrConflict)
	refused(t, "an admin renames", name(admin, ada.User.ID, "Countess"), nil)

	var got []string
	for _, e := range f.audited(owner, chat.AuditInput{}) {
		if e.Action == "account.create" {
			break
		}
		got = append(got, fmt.Sprint(e.By == ada.User.ID, e.By == ben.User.ID, " ", e.Action, " ", e.Detail))
	}
	want := []string{
		"false false user.rename ADA LOVELACE → Countess",
		"false true user.rename Ben → Ada",
		"true false user.rename Ada Lovelace → ADA LOVELACE",
		"true false user.rename Ada → Ada Lovelace",
	}
	if !slices.Equal(got, want) {
		t.Errorf("audit log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestExternalNamesAreTheAppsOwn(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("Ada", chat.RoleMember)
	f.External = &chat.External{}
	refused(t, "a new name", errOf(f.UpdateAccount(t.Context(), ada,
		chat.UpdateAccountInput{Name: ptr("Countess")})), chat.ErrForbidden)
	refused(t, "the same name", errOf(f.UpdateAccount(t.Context(), ada,
		chat.UpdateAccountInput{Name: ptr("Ada"), Title: ptr("Pilot")})), nil)
}
