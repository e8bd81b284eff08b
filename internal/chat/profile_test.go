package chat_test

import (
	"fmt"
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
