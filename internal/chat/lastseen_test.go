package chat_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// TestLastSeen: people see when others were last online, to the minute, unless
// those hide it.
func TestLastSeen(t *testing.T) {
	f := newFixture(t, nil)
	ada, ben, gus := f.Person("Ada", chat.RoleMember), f.Person("Ben", chat.RoleMember),
		f.Person("Gus", chat.RoleGuest)
	seen := func(who chat.Caller, users ...chat.UserID) []chat.LastSeen {
		t.Helper()
		list, err := f.ListSeen(t.Context(), who, chat.SeenInput{Users: users})
		must(t, "seen", err)
		return list.Seen
	}
	is := func(what string, who chat.Caller, at time.Time) {
		t.Helper()
		want := []chat.LastSeen{{User: ben.User.ID, At: at}}
		if at.IsZero() {
			want = []chat.LastSeen{}
		}
		if d := cmp.Diff(want, seen(who, ben.User.ID)); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}

	// As after a node was killed: his session still says it.
	logIn, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Ben", Password: chattest.Password})
	must(t, "log in", err)
	login := f.Now()
	is("by his session", ada, login.Truncate(time.Minute))
	f.Wait(time.Hour)
	left := f.Now().Add(-30 * time.Second)
	must(t, "record", f.RecordSeen(t.Context(), ben.User.ID, left))
	is("by his connections", ada, left.Truncate(time.Minute))
	must(t, "another node, late", f.RecordSeen(t.Context(), ben.User.ID, left.Add(-time.Hour)))
	is("still", ada, left.Truncate(time.Minute))
	must(t, "log out", errOf(f.RevokeSession(t.Context(), ben, chat.SessionInput{Session: logIn.Session.ID})))
	is("after he has logged out", ada, left.Truncate(time.Minute))
	is("a guest is told nothing", gus, time.Time{})

	f.Presence = online{ben.User.ID}
	if got := seen(ada, ben.User.ID, ada.User.ID, "nobody"); !slices.Contains(got,
		chat.LastSeen{User: ben.User.ID, Online: true}) || len(got) > 2 {
		t.Errorf("online: %+v", got)
	}
	f.Presence = online{}

	hide := true
	f.update(ben, chat.UpdateAccountInput{HidesPresence: &hide})
	is("hidden", ada, time.Time{})
	people := make([]chat.UserID, 101)
	for i := range people {
		people[i] = chat.UserID(fmt.Sprint(i))
	}
	refused(t, "101 people", errOf(f.ListSeen(t.Context(), ada,
		chat.SeenInput{Users: people})), chat.ErrInvalid)
}

// online is who is.
type online []chat.UserID

func (o online) Online(context.Context, []chat.UserID) ([]chat.UserID, error) { return o, nil }

func (o online) OnlinePage(context.Context, chat.UserID, int) (chat.OnlineOutput, error) {
	return chat.OnlineOutput{Online: o}, nil
}
