package chat_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
)

func TestSignUpModes(t *testing.T) {
	for _, c := range []struct {
		mode            chat.SignUp
		without, invite *chat.Error
	}{
		{chat.SignUpOpen, nil, nil},
		{chat.SignUpInvite, chat.ErrForbidden, nil},
		{chat.SignUpClosed, chat.ErrForbidden, chat.ErrForbidden},
	} {
		f := newFixture(t, func(cfg *chat.Config) { cfg.SignUp = c.mode })
		owner := f.person("Pablo", chat.RoleOwner)
		_, err := f.SignUpAccount(t.Context(), nobody, chat.SignUpInput{Name: "Joe", Password: "password123"})
		refused(t, string(c.mode)+" without invite", err, c.without)
		invite, err := f.CreateInvite(t.Context(), owner, chat.InviteInput{Role: chat.RoleAdmin})
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.SignUpAccount(t.Context(), nobody,
			chat.SignUpInput{Name: "Mary", Password: "password123", Invite: invite.Code})
		refused(t, string(c.mode)+" with invite", err, c.invite)
		if err == nil && out.User.Role != chat.RoleAdmin {
			t.Errorf("the invite gave the role %s", out.User.Role)
		}
	}
}

func TestFirstPersonBecomesOwner(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SignUp = chat.SignUpClosed })
	before, _, err := f.OwnerInvite(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if code, pending, err := f.OwnerInvite(t.Context(), time.Minute); code != "" || !pending || err != nil {
		t.Fatalf("right after another node: %q, %v, %v", code, pending, err)
	}
	code, _, err := f.OwnerInvite(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := f.Info(t.Context(), nobody, chat.None{}); !info.NeedsSetup {
		t.Error("a server without owner does not need setting up")
	}
	_, err = f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Eve", Password: "password123", Invite: before})
	refused(t, "a link printed at an earlier start", err, chat.ErrNotFound)
	out, err := f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Pablo", Password: "password123", Invite: code})
	if err != nil || out.User.Role != chat.RoleOwner {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Joe", Password: "password123", Invite: code})
	refused(t, "the link used again", err, chat.ErrNotFound)
	if again, _, err := f.OwnerInvite(t.Context(), 0); again != "" || err != nil {
		t.Errorf("an owned server gives %q, %v", again, err)
	}
	if info, _ := f.Info(t.Context(), nobody, chat.None{}); info.NeedsSetup {
		t.Error("an owned server needs setting up")
	}
}

func TestInviteIsUsedOnceInARace(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.person("Pablo", chat.RoleOwner)
	invite, err := f.CreateInvite(t.Context(), owner, chat.InviteInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(invite.Code) < 22 {
		t.Errorf("the code %q has less than 128 bits", invite.Code)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for i := range 16 {
		wg.Go(func() {
			_, err := f.SignUpAccount(t.Context(), nobody,
				chat.SignUpInput{Name: "Guest " + string(rune('A'+i)), Password: "password123",
					Invite: invite.Code})
			if err == nil {
				mu.Lock()
				in++
				mu.Unlock()
			} else if !errors.Is(err, chat.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d people used one invite", in)
	}
}

func TestInvitesExpireAndAreWithdrawn(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.person("Pablo", chat.RoleOwner)
	late, _ := f.CreateInvite(t.Context(), owner, chat.InviteInput{Hours: 1})
	f.wait(time.Hour)
	_, err := f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Joe", Password: "password123", Invite: late.Code})
	refused(t, "an expired invite", err, chat.ErrNotFound)
	gone, _ := f.CreateInvite(t.Context(), owner, chat.InviteInput{})
	if list, _ := f.ListInvites(t.Context(), owner, chat.None{}); len(list.Invites) != 1 ||
		list.Invites[0].ID != gone.Invite.ID {
		t.Errorf("open invites: %+v", list)
	}
	if _, err := f.DeleteInvite(t.Context(), owner, chat.InviteIDInput{Invite: gone.Invite.ID}); err != nil {
		t.Fatal(err)
	}
	_, err = f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Joe", Password: "password123", Invite: gone.Code})
	refused(t, "a withdrawn invite", err, chat.ErrNotFound)
	_, err = f.CreateInvite(t.Context(), owner, chat.InviteInput{Hours: 10_000})
	refused(t, "an invite for years", err, chat.ErrInvalid)
}

func TestNamesAndPasswordsAreChecked(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SignUp = chat.SignUpOpen; cfg.Limits.Logins.Limit = -1 })
	f.person("Pablo", chat.RoleOwner)
	for _, c := range []struct {
		name, password string
		want           *chat.Error
	}{
		{"Joe", "short", chat.ErrInvalid},
		{"Joe", strings.Repeat("x", 1<<20), chat.ErrInvalid},
		{"", "password123", chat.ErrInvalid},
		{strings.Repeat("x", 65), "password123", chat.ErrInvalid},
		{"Pab\u200blo", "password123", chat.ErrInvalid},
		{"PABLO", "password123", chat.ErrConflict},
		{"Ｐａｂｌｏ", "password123", chat.ErrConflict},
		{"Pab1o", "password123", chat.ErrConflict},
		{"Joe", "password123", nil},
	} {
		_, err := f.SignUpAccount(t.Context(), nobody, chat.SignUpInput{Name: c.name, Password: c.password})
		refused(t, c.name, err, c.want)
	}
}

func TestLogInTellsNothing(t *testing.T) {
	verified := 0
	f := newFixture(t, func(cfg *chat.Config) { cfg.Hasher = plainHasher{&verified} })
	f.person("Pablo", chat.RoleOwner)
	f.person("Joe", chat.RoleMember)
	account, _ := f.UserNamed(t.Context(), "joe")
	if err := f.Disable(t.Context(), account, true); err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, in := range []chat.LogInInput{{Name: "Pablo", Password: "wrong"},
		{Name: "Nobody", Password: "wrong"}, {Name: "Joe", Password: "wrong"},
		{Name: "\x00", Password: "x"}} {
		before := verified
		_, err := f.LogIn(t.Context(), nobody, in)
		refused(t, in.Name, err, chat.ErrUnauthenticated)
		answers = append(answers, err.Error())
		if verified != before+1 {
			t.Errorf("%q costs %d verifications", in.Name, verified-before)
		}
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("answers differ: %q", answers)
		}
	}
	_, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: "password123"})
	refused(t, "who is disabled and knows the password", err, chat.ErrForbidden)
	if because := chat.AsError(err).Because; because == nil || because.Kind != chat.IsDisabled {
		t.Errorf("because of %+v", because)
	}
}

func TestLogInIsLimited(t *testing.T) {
	f := newFixture(t, nil)
	f.person("Pablo", chat.RoleOwner)
	f.wait(time.Hour)
	attempt := func(addr, name string) error {
		_, err := f.LogIn(t.Context(), chat.Caller{Addr: addr},
			chat.LogInInput{Name: name, Password: "wrong"})
		return err
	}
	for i := range chat.DefaultLimits.Guesses.Limit {
		refused(t, "a guess", attempt("192.0.2."+string(rune('a'+i)), "Pablo"), chat.ErrUnauthenticated)
	}
	err := attempt("192.0.2.x", "pablo")
	refused(t, "one guess too many for the account", err, chat.ErrRateLimited)
	if e, _ := errors.AsType[*chat.Error](err); e == nil || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Errorf("retry after %v", e)
	}
	for i := range chat.DefaultLimits.Logins.Limit {
		refused(t, "an attempt", attempt("198.51.100.1", "user"+string(rune('a'+i))), chat.ErrUnauthenticated)
	}
	refused(t, "one attempt too many for the address", attempt("198.51.100.1", "other"), chat.ErrRateLimited)
	f.wait(time.Minute)
	f.logIn("Pablo") // never a permanent lock-out
}

func TestSessions(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SessionIdle, cfg.SessionMax = time.Hour, 3*time.Hour })
	f.person("Pablo", chat.RoleOwner)
	in, err := f.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.9", Agent: "curl\r\nX: y"},
		chat.LogInInput{Name: "Pablo", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := f.Authenticate(t.Context(), in.Token, nobody)
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.ListSessions(t.Context(), who, chat.None{})
	if err != nil || len(list.Sessions) != 2 || !list.Sessions[0].Current ||
		list.Sessions[1].Current || list.Sessions[0].Agent != "curlX: y" {
		t.Errorf("sessions: %+v, %v", list, err)
	}
	// Used often enough it lives on, until it is too old.
	for range 5 {
		f.wait(35 * time.Minute)
		if _, err = f.Authenticate(t.Context(), in.Token, nobody); err != nil {
			t.Fatal(err)
		}
	}
	f.wait(5 * time.Minute)
	_, err = f.Authenticate(t.Context(), in.Token, nobody)
	refused(t, "after the absolute limit", err, chat.ErrUnauthenticated)

	idle := f.logIn("Pablo")
	list, _ = f.ListSessions(t.Context(), idle, chat.None{})
	if len(list.Sessions) != 1 {
		t.Errorf("expired sessions are listed: %+v", list)
	}
	other := f.person("Joe", chat.RoleMember)
	_, err = f.RevokeSession(t.Context(), other, chat.SessionInput{Session: idle.Session})
	refused(t, "somebody else's session", err, chat.ErrNotFound)
	if _, err := f.LogOut(t.Context(), idle, chat.None{}); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "x", in.Token + "x", strings.Repeat("x", 10_000)} {
		_, err := f.Authenticate(t.Context(), token, nobody)
		refused(t, "token "+shortly(token), err, chat.ErrUnauthenticated)
	}
}

func shortly(s string) string { return s[:min(len(s), 10)] }

func TestChangePasswordEndsEverySession(t *testing.T) {
	f := newFixture(t, nil)
	who := f.person("Pablo", chat.RoleOwner)
	tokens := []string{}
	for range 3 {
		in, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Pablo", Password: "password123"})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, in.Token)
	}
	_, err := f.ChangePassword(t.Context(), who, chat.PasswordInput{Old: "wrong", New: "new password"})
	refused(t, "with a wrong password", err, chat.ErrForbidden)
	_, err = f.ChangePassword(t.Context(), who, chat.PasswordInput{Old: "password123", New: "new"})
	refused(t, "to a short one", err, chat.ErrInvalid)
	in, err := f.ChangePassword(t.Context(), who, chat.PasswordInput{Old: "password123", New: "new password"})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		_, err := f.Authenticate(t.Context(), token, nobody)
		refused(t, "an earlier session", err, chat.ErrUnauthenticated)
	}
	if _, err := f.Authenticate(t.Context(), in.Token, nobody); err != nil {
		t.Errorf("the new session: %v", err)
	}
	heads, _ := f.Store.Heads(t.Context(), chat.UserStream(who.User.ID))
	events, err := f.Store.Events(t.Context(), chat.UserStream(who.User.ID),
		chat.Position{Epoch: heads[0].Epoch}, 100)
	if err != nil || len(events) == 0 {
		t.Fatal(events, err)
	}
	if last := events[len(events)-1]; last.Kind != chat.SessionRevoked || len(last.Sessions) != 4 {
		t.Errorf("the person's stream ends with %+v", last)
	}
}

func TestManagingPeople(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Logins.Limit = -1 })
	who := map[string]chat.Caller{}
	for name, role := range map[string]chat.Role{"owner": chat.RoleOwner, "owner2": chat.RoleOwner,
		"admin": chat.RoleAdmin, "admin2": chat.RoleAdmin, "member": chat.RoleMember,
		"member2": chat.RoleMember, "guest": chat.RoleGuest} {
		who[name] = f.person("p "+name, role)
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
	owner, guest := f.person("Pablo", chat.RoleOwner), f.person("Gast", chat.RoleGuest)
	joe := f.person("Joe", chat.RoleMember)
	room := f.room(owner, chat.Private, guest)
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
	f.send(guest, room, "hello")
}

// TestRehash logs in with a hash of an older kind, once: then it is one of
// today's.
func TestRehash(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.person("ada", chat.RoleMember)
	account, err := f.Store.Account(t.Context(), ada.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	fresh := account.Password
	account.Password = "old " + fresh
	if _, err := f.Store.Commit(t.Context(), chat.Change{
		Stream: chat.UserStream(ada.User.ID), Kind: chat.SessionRevoked, ID: "x1", At: f.Now(),
		Account: &account, Sessions: []chat.SessionID{"none"},
	}); err != nil {
		t.Fatal(err)
	}
	_, err = f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "ada", Password: "password124"})
	refused(t, "a wrong password", err, chat.ErrUnauthenticated)
	if a, _ := f.Store.Account(t.Context(), ada.User.ID); a.Password != account.Password {
		t.Errorf("a wrong password changed the hash to %q", a.Password)
	}
	f.logIn("ada")
	if a, _ := f.Store.Account(t.Context(), ada.User.ID); a.Password != fresh {
		t.Errorf("hash %q, want %q", a.Password, fresh)
	}
	sessions, err := f.ListSessions(t.Context(), ada, chat.None{})
	if err != nil || len(sessions.Sessions) != 2 {
		t.Errorf("%d sessions, want the old and the new one: %v", len(sessions.Sessions), err)
	}
}
