package chat_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestManagingPeople(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Logins.Limit = -1 })
	who := map[string]chat.Caller{}
	for name, role := range map[string]chat.Role{"owner": chat.RoleOwner, "owner2": chat.RoleOwner,
		"admin": chat.RoleAdmin, "admin2": chat.RoleAdmin, "member": chat.RoleMember,
		"member2": chat.RoleMember, "guest": chat.RoleGuest} {
		who[name] = f.Person("p "+name, role)
	}
	role := func(r chat.Role) *chat.Role { return &r }
	off := true
	for _, c := range []struct {
		as, whom string
		to       *chat.Role
		disabled *bool
		want     *chat.Error
	}{
		{"owner", "owner2", role(chat.RoleAdmin), nil, nil},
		{"owner", "owner", role(chat.RoleAdmin), nil, chat.ErrForbidden},
		{"owner", "owner", nil, &off, chat.ErrForbidden},
		{"admin", "member", role(chat.RoleGuest), nil, nil},
		{"admin", "member", role(chat.RoleMember), nil, nil},
		{"admin", "member", role(chat.RoleAdmin), nil, chat.ErrForbidden},
		{"admin", "admin2", nil, &off, chat.ErrForbidden},
		{"admin", "owner", nil, &off, chat.ErrForbidden},
		{"member", "member2", nil, &off, chat.ErrForbidden},
		{"member", "member", role(chat.RoleOwner), nil, chat.ErrForbidden},
		{"guest", "member", nil, &off, chat.ErrForbidden},
		{"owner", "member", role("king"), nil, chat.ErrInvalid},
		{"admin", "member", nil, &off, nil},
	} {
		_, err := f.UpdateUser(t.Context(), who[c.as],
			chat.UpdateUserInput{User: who[c.whom].User.ID, Role: c.to, Disabled: c.disabled})
		refused(t, c.as+" changes "+c.whom, err, c.want)
	}
	if sessions, _ := f.Store.Sessions(t.Context(), who["member"].User.ID); len(sessions) != 0 {
		t.Errorf("a disabled person has sessions: %+v", sessions)
	}
	for as, may := range map[string]bool{"owner": true, "admin": true, "member2": false, "guest": false} {
		_, err := f.CreateInvite(t.Context(), who[as], chat.InviteInput{})
		if (err == nil) != may {
			t.Errorf("%s invites: %v", as, err)
		}
	}
	_, err := f.CreateInvite(t.Context(), who["admin"], chat.InviteInput{Role: chat.RoleOwner})
	refused(t, "an admin invites an owner", err, chat.ErrForbidden)
}

func TestGuestsSeeOnlyTheirRooms(t *testing.T) {
	f := newFixture(t, nil)
	owner, guest := f.Person("Pablo", chat.RoleOwner), f.Person("Gast", chat.RoleGuest)
	joe := f.Person("Joe", chat.RoleMember)
	room := f.Room(owner, chat.Private, guest)
	page, err := f.ListUsers(t.Context(), guest, chat.UserPageInput{})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, u := range page.Users {
		names = append(names, u.Name)
	}
	if diff := cmp.Diff([]string{"Pablo", "Gast"}, names); diff != "" {
		t.Error(diff)
	}
	_, err = f.GetUser(t.Context(), guest, chat.UserInput{User: joe.User.ID})
	refused(t, "a stranger", err, chat.ErrNotFound)
	_, err = f.GetUser(t.Context(), guest, chat.UserInput{User: owner.User.ID})
	refused(t, "a companion", err, nil)
	_, err = f.Directory(t.Context(), guest, chat.RoomPageInput{})
	refused(t, "the directory", err, chat.ErrForbidden)
	_, err = f.JoinRoom(t.Context(), guest, chat.RoomInput{Room: chat.GeneralID})
	refused(t, "joining General", err, chat.ErrNotFound)
	_, err = f.CreateRoom(t.Context(), guest, chat.CreateRoomInput{Name: "x"})
	refused(t, "creating a room", err, chat.ErrForbidden)
	_, err = f.OpenDirect(t.Context(), guest, chat.OpenDirectInput{User: owner.User.ID})
	refused(t, "opening a direct room", err, chat.ErrForbidden)
	refused(t, "the server's stream", f.MayRead(t.Context(), guest, chat.ServerStream), chat.ErrNotFound)
	f.Say(guest, room, "hello")
}

// TestNobodyUndoesWhatAdminsDo: who changes their status while an admin changes
// their role keeps neither the old role nor loses the status.
func TestNobodyUndoesWhatAdminsDo(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits.Profiles = chat.Rate{Limit: -1} })
	owner, ben := f.Person("Owner", chat.RoleOwner), f.Person("Ben", chat.RoleMember)
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
	owner, ada, ben := f.Person("Owner", chat.RoleOwner), f.Person("Ada", chat.RoleAdmin),
		f.Person("Ben", chat.RoleMember)
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
	until := f.Now().Add(time.Hour)
	if u := disable(ben, 3600); !u.Disabled || u.DisabledUntil != until || u != state(ben) {
		t.Errorf("disabled: %+v", u)
	}
	if e := f.audited(ada, chat.AuditInput{})[0]; e.Detail != "disabled until 2026-01-02T04:04:05Z" || e.Reason != "spam" || e.User != ben.User.ID {
		t.Errorf("audited %+v", e)
	}
	if sessions, err := f.Store.Sessions(ctx, ben.User.ID); err != nil || len(sessions) > 0 {
		t.Errorf("sessions are left: %v, %v", sessions, err)
	}
	f.Wait(time.Hour - time.Millisecond)
	refused(t, "too early", logIn("Ben"), chat.ErrForbidden)
	refused(t, "maintain", f.Maintain(ctx), nil)
	refused(t, "too early", logIn("Ben"), chat.ErrForbidden)
	room := f.Room(owner, chat.Private)
	refused(t, "adding somebody who is disabled",
		errOf(f.AddMember(ctx, owner, chat.MemberInput{Room: room, User: ben.User.ID})), chat.ErrConflict)
	// One that a crash has left must not come back.
	left := chat.Session{ID: "left", User: ben.User.ID, TokenHash: "hash", CreatedAt: f.Now(),
		SeenAt: f.Now(), ExpiresAt: f.Now().Add(time.Hour)}
	refused(t, "session", f.Store.CreateSession(ctx, left), nil)
	f.Wait(time.Millisecond)
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
	cleo := f.Person("Cleo", chat.RoleMember)
	disable(cleo, 60)
	if u := disable(cleo, 120); u.DisabledUntil != f.Now().Add(2*time.Minute) {
		t.Errorf("for longer: %+v", u)
	}
	disable(ben, 0)
	f.Wait(2 * time.Minute)
	heads, err := f.Store.Heads(ctx, chat.ServerStream)
	refused(t, "heads", err, nil)
	refused(t, "maintain", f.Maintain(ctx), nil)
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
	ada, ben, gus := f.Person("Ada", chat.RoleMember), f.Person("Ben", chat.RoleMember),
		f.Person("Gus", chat.RoleGuest)
	f.Room(ada, chat.Private, gus)
	for who, want := range map[chat.UserID]*chat.Error{ada.User.ID: nil, gus.User.ID: nil,
		ben.User.ID: chat.ErrNotFound, "nobody": chat.ErrNotFound} {
		refused(t, string(who), errOf(f.GetUser(t.Context(), gus, chat.UserInput{User: who})), want)
	}
}

// counting counts how often accounts are looked up.
type counting struct {
	chat.Store
	accounts atomic.Int64
}

func (c *counting) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	c.accounts.Add(1)
	return c.Store.Account(ctx, id)
}

// TestGuestPagesLookUpNoMoreThanTheyShow in a room of hundreds.
func TestGuestPagesLookUpNoMoreThanTheyShow(t *testing.T) {
	store := &counting{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store, c.Limits = store, chattest.Unlimited() })
	owner, gus := f.Person("Owner", chat.RoleOwner), f.Person("Gus", chat.RoleGuest)
	room := f.Room(owner, chat.Private, gus)
	for i := range 300 {
		u, err := f.AddUser(t.Context(), fmt.Sprint("p", i), chattest.Password, chat.RoleMember, "")
		must(t, "add", err)
		must(t, "add", errOf(f.AddMember(t.Context(), owner, chat.MemberInput{Room: room, User: u.ID})))
	}
	seen := 0
	for after := chat.UserID(""); ; {
		before := store.accounts.Load()
		page, err := f.ListUsers(t.Context(), gus, chat.UserPageInput{After: after, Limit: 50})
		must(t, "list", err)
		if n := store.accounts.Load() - before; n > 51 {
			t.Fatalf("a page of %d people took %d look-ups", len(page.Users), n)
		}
		for _, u := range page.Users {
			if u.ID <= after {
				t.Fatalf("%s after %s", u.ID, after)
			}
			after = u.ID
			seen++
		}
		if page.Next == "" {
			break
		}
	}
	if seen != 302 {
		t.Errorf("%d people", seen)
	}
}
