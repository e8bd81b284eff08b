package chat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// found returns the names of the people that a query finds, sorted.
func found(t *testing.T, f *fixture, who chat.Caller, in chat.FindUsersInput) string {
	t.Helper()
	out, err := f.FindUsers(t.Context(), who, in)
	must(t, "find "+in.Query, err)
	names := []string{}
	for _, u := range out.Users {
		names = append(names, u.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// TestFindPeople: by how a name, or a later word of it, begins, by a former
// name, and by ids; as names are now.
func TestFindPeople(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Olga", chat.RoleOwner)
	anna := f.Person("Anna Maria Smith", chat.RoleMember)
	f.Person("Annika", chat.RoleMember)
	f.Person("Jörg-Anders", chat.RoleMember)
	guest := f.Person("Gus", chat.RoleGuest)
	query := func(want, q string) {
		t.Helper()
		if got := found(t, f, owner, chat.FindUsersInput{Query: q}); got != want {
			t.Errorf("%q finds %q, want %q", q, got, want)
		}
	}
	query("Anna Maria Smith, Annika, Jörg-Anders", "an")
	query("Anna Maria Smith, Annika", " ANN ")
	query("Anna Maria Smith", "smi")
	query("Anna Maria Smith", "maria smith")
	query("Gus", "g")
	query("", "nna")
	query("", "an/")
	query("", strings.Repeat("a", 200))

	rename := func(name string) {
		t.Helper()
		must(t, "rename", errOf(f.UpdateUser(t.Context(), owner,
			chat.UpdateUserInput{User: anna.User.ID, Name: &name})))
	}
	rename("Bea")
	query("Bea", "smith")
	query("Bea", "be")
	rename("Cleo")
	query("", "smith")
	query("Cleo", "bea")

	ids := chat.FindUsersInput{Users: []chat.UserID{guest.User.ID, "nobody", anna.User.ID, guest.User.ID}}
	if got := found(t, f, owner, ids); got != "Cleo, Gus" {
		t.Errorf("by ids: %q", got)
	}
	if got := found(t, f, owner, chat.FindUsersInput{Query: "a", Limit: 1}); strings.Contains(got, ",") {
		t.Errorf("more than the limit: %q", got)
	}
	for _, in := range []chat.FindUsersInput{{}, {Query: "a", Users: ids.Users},
		{Query: "a", Limit: 101}, {Query: "a", Limit: -1},
		{Users: slices.Repeat(ids.Users, 30)}} {
		if _, err := f.FindUsers(t.Context(), owner, in); err == nil {
			t.Errorf("%.20v is not refused", in)
		}
	}
}

// TestGuestsFindTheirCompanions: and nobody else, by name or by id.
func TestGuestsFindTheirCompanions(t *testing.T) {
	f := newFixture(t, nil)
	owner, other := f.Person("Anna", chat.RoleOwner), f.Person("Annika", chat.RoleMember)
	guest := f.Person("Gus", chat.RoleGuest)
	room, err := f.CreateRoom(t.Context(), owner, chat.CreateRoomInput{Name: "R", Kind: chat.Private})
	must(t, "create", err)
	must(t, "add", errOf(f.AddMember(t.Context(), owner,
		chat.MemberInput{Room: room.ID, User: guest.User.ID})))
	for _, in := range []chat.FindUsersInput{{Query: "ann"},
		{Users: []chat.UserID{owner.User.ID, other.User.ID}}} {
		if got := found(t, f, guest, in); got != "Anna" {
			t.Errorf("%v finds %q", in, got)
		}
	}
}

// TestNamesFromBeforeAreFound: once the server has been maintained.
func TestNamesFromBeforeAreFound(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.PageMax = 2 })
	who := f.Person("Olga", chat.RoleOwner)
	for _, name := range []string{"Anna", "Bea", "Cleo"} {
		f.Person(name, chat.RoleMember)
	}
	records, err := f.Store.Records(t.Context(), "name", "", 100)
	must(t, "records", err)
	for _, r := range records {
		must(t, "an old server", f.Store.DeleteRecord(t.Context(), "name", r.ID))
	}
	if got := found(t, f, who, chat.FindUsersInput{Query: "cle"}); got != "" {
		t.Fatalf("finds %q", got)
	}
	must(t, "maintain", f.Maintain(t.Context()))
	if got := found(t, f, who, chat.FindUsersInput{Query: "cle"}); got != "Cleo" {
		t.Errorf("finds %q", got)
	}
}
