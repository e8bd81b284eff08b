package chat_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

var company = chat.ProviderUser{Provider: "company", Issuer: "https://id.example.com", Subject: "1",
	Name: "Ada", Mail: "Ada@example.com", MailVerified: true, SignUp: true}

func TestLinkByMail(t *testing.T) {
	f := newFixture(t, nil)
	logIn := func(change func(*chat.ProviderUser)) (chat.UserID, error) {
		u := company
		change(&u)
		out, err := f.LogInByProvider(t.Context(), nobody, u)
		return out.User.ID, err
	}
	ada, err := logIn(func(*chat.ProviderUser) {})
	if err != nil {
		t.Fatal(err)
	}
	other := func(u *chat.ProviderUser) {
		u.Provider, u.Issuer, u.Mail = "other", "https://other.example.com", "ada@EXAMPLE.com"
		u.LinkByMail, u.SignUp = true, false
	}
	for what, change := range map[string]func(*chat.ProviderUser){
		"the address is not verified":    func(u *chat.ProviderUser) { other(u); u.MailVerified = false },
		"the operator does not allow it": func(u *chat.ProviderUser) { other(u); u.LinkByMail = false },
		"another address":                func(u *chat.ProviderUser) { other(u); u.Mail = "eve@example.com" },
		"no address":                     func(u *chat.ProviderUser) { other(u); u.Mail = "" },
	} {
		if got, err := logIn(change); err != chat.ErrNoAccount {
			t.Errorf("%s: %s, %v", what, got, err)
		}
	}
	if got, err := logIn(other); err != nil || got != ada {
		t.Errorf("linked to %s, %v, want %s", got, err, ada)
	}
	// From then on the subject counts, whatever the address.
	if got, err := logIn(func(u *chat.ProviderUser) {
		other(u)
		u.Mail, u.LinkByMail = "", false
	}); err != nil || got != ada {
		t.Errorf("%s, %v", got, err)
	}
	// An address that its person gave up leads to them no more.
	if _, err := logIn(func(u *chat.ProviderUser) { u.Mail = "new@example.com" }); err != nil {
		t.Fatal(err)
	}
	if got, err := logIn(func(u *chat.ProviderUser) { other(u); u.Subject = "2" }); err != chat.ErrNoAccount {
		t.Errorf("by an address that was given up: %s, %v", got, err)
	}
}

// TestProviderNames: a name that a person has chosen here stays until the
// provider has another for them.
func TestProviderNames(t *testing.T) {
	f := newFixture(t, nil)
	logIn := func(name string) chat.User {
		t.Helper()
		u := company
		u.Name = name
		out, err := f.LogInByProvider(t.Context(), nobody, u)
		if err != nil {
			t.Fatal(err)
		}
		return out.User
	}
	owner := f.Person("Boss", chat.RoleOwner)
	ada := logIn("Ada")
	name := "Countess"
	must(t, "rename", errOf(f.UpdateUser(t.Context(), owner,
		chat.UpdateUserInput{User: ada.ID, Name: &name})))
	if u := logIn("Ada"); u.Name != "Countess" {
		t.Errorf("%s", u.Name)
	}
	if u := logIn("Ada Lovelace"); u.Name != "Ada Lovelace" {
		t.Errorf("%s", u.Name)
	}
}

// TestRoomsOfGroups: a log-in brings people into the rooms of their groups, and
// out of those of other groups. What cannot be keeps nobody out.
func TestRoomsOfGroups(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Boss", chat.RoleOwner)
	room := func(name string) chat.RoomID {
		return valueOf(f.CreateRoom(t.Context(), owner,
			chat.CreateRoomInput{Name: name, Kind: chat.Private})).ID
	}
	team, other, banned := room("Team"), room("Other"), room("Banned")
	logIn := func(rooms map[chat.RoomID]bool) chat.UserID {
		t.Helper()
		u := company
		u.Rooms = rooms
		out, err := f.LogInByProvider(t.Context(), nobody, u)
		must(t, "log in", err)
		return out.User.ID
	}
	ada := logIn(map[chat.RoomID]bool{team: true, other: false, "none": true, chat.GeneralID: false})
	must(t, "ban", errOf(f.BanMember(t.Context(), owner, chat.BanInput{Room: banned, User: ada})))
	in := func(room chat.RoomID) bool {
		_, err := f.Store.Member(t.Context(), room, ada)
		return err == nil
	}
	if !in(team) || in(other) || !in(chat.GeneralID) {
		t.Errorf("team %t, other %t, General %t", in(team), in(other), in(chat.GeneralID))
	}
	logIn(map[chat.RoomID]bool{team: false, other: true, banned: true})
	if in(team) || !in(other) || in(banned) {
		t.Errorf("then team %t, other %t, banned %t", in(team), in(other), in(banned))
	}
	logIn(nil)
	if !in(other) {
		t.Error("a room that is not listed was left")
	}
}

// TestLastOwnerStays: groups never leave a server without an owner.
func TestLastOwnerStays(t *testing.T) {
	f := newFixture(t, nil)
	logIn := func(subject string, role chat.Role) chat.User {
		t.Helper()
		u := company
		u.Subject, u.Role, u.Mail = subject, role, ""
		out, err := f.LogInByProvider(t.Context(), nobody, u)
		if err != nil {
			t.Fatal(err)
		}
		return out.User
	}
	logIn("1", chat.RoleOwner)
	if u := logIn("1", chat.RoleMember); u.Role != chat.RoleOwner {
		t.Errorf("the last owner is %s", u.Role)
	}
	logIn("2", chat.RoleOwner)
	if u := logIn("1", chat.RoleMember); u.Role != chat.RoleMember {
		t.Errorf("one of two owners is %s", u.Role)
	}
}

// TestProviderLogInsAtOnce has someone come for the first time in many
// requests.
func TestProviderLogInsAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	var wg sync.WaitGroup
	var first atomic.Pointer[chat.UserID]
	for range 20 {
		wg.Go(func() {
			out, err := f.LogInByProvider(t.Context(), nobody, company)
			if err != nil {
				t.Error(err)
				return
			}
			if !first.CompareAndSwap(nil, &out.User.ID) && *first.Load() != out.User.ID {
				t.Errorf("%s and %s", *first.Load(), out.User.ID)
			}
		})
	}
	wg.Wait()
}

// TestPendingLogInIsFinishedOnce, also by many at once.
func TestPendingLogInIsFinishedOnce(t *testing.T) {
	f := newFixture(t, nil)
	state, err := f.BeginLogIn(t.Context(), nobody,
		chat.PendingLogIn{Provider: "company", Browser: "b", Verifier: "v"})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][3]string{{"other", state, "b"}, {"company", state, "c"}, {"company", "x", "b"},
		{"company", state, ""}, {"company", "", "b"}} {
		if _, err := f.FinishLogIn(t.Context(), wrong[0], wrong[1], wrong[2]); err != chat.ErrLogInExpired {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	var wg sync.WaitGroup
	var n atomic.Int64
	for range 20 {
		wg.Go(func() {
			p, err := f.FinishLogIn(t.Context(), "company", state, "b")
			if err == nil && p.Verifier == "v" {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if n.Load() != 1 {
		t.Errorf("finished %d times", n.Load())
	}
}

// TestLogInsAreForgotten: what is begun and never finished goes, and nothing
// before its time.
func TestLogInsAreForgotten(t *testing.T) {
	f := newFixture(t, nil)
	count := func(kind string) int {
		all, err := f.Store.Records(t.Context(), kind, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	kinds := []string{"pendinglogin", "providersession", "providerindex", "loginlink"}
	begin := func() {
		u := company
		u.Session = "s"
		_, err := f.BeginLogIn(t.Context(), nobody, chat.PendingLogIn{Provider: "company", Browser: "b"})
		out, err2 := f.LogInByProvider(t.Context(), nobody, u)
		account, err3 := f.Store.Account(t.Context(), out.User.ID)
		_, err4 := f.NewLogInLink(t.Context(), account)
		if err := errors.Join(err, err2, err3, err4, f.Maintain(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	for _, kind := range kinds {
		if count(kind) == 0 {
			t.Errorf("no %s is left", kind)
		}
	}
	f.Wait(366 * 24 * time.Hour)
	if err := f.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		if n := count(kind); n != 0 {
			t.Errorf("%d of %s are left", n, kind)
		}
	}
}

// TestLoggedOutWhileLoggingInAtProvider: a logout that comes before the session
// is there ends it all the same.
func TestLoggedOutWhileLoggingInAtProvider(t *testing.T) {
	store := &late{}
	f := newFixture(t, func(cfg *chat.Config) { store.Store = cfg.Store; cfg.Store = store })
	u := company
	u.Session = "s"
	store.before = func() {
		store.before = nil
		if err := f.EndProviderSessions(context.WithoutCancel(t.Context()), chat.ProviderLogout{
			Issuer: u.Issuer, Session: "s", Token: "t", Expires: f.Now().Add(time.Minute)}); err != nil {
			t.Error(err)
		}
	}
	_, err := f.LogInByProvider(t.Context(), nobody, u)
	refused(t, "a log-in that has ended meanwhile", err, chat.ErrUnauthenticated)
	for _, user := range valueOf(f.Store.Users(t.Context(), "", 10)) {
		if all := valueOf(f.Store.Sessions(t.Context(), user.ID)); len(all) > 0 {
			t.Errorf("%s has sessions", user.Name)
		}
	}
}

// TestNoPasswords: where people log in at providers only, a password opens
// nothing, and the first owner comes in by the set-up link.
func TestNoPasswords(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.NoPasswords, cfg.SignUp = true, chat.SignUpOpen })
	code, _, err := f.OwnerInvite(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.SignUpAccount(t.Context(), nobody, chat.SignUpInput{Name: "Eve", Password: "password123"})
	refused(t, "signing up with a password", err, chat.ErrForbidden)
	if _, err := f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Boss", Password: "password123", Invite: code}); err != nil {
		t.Errorf("the first owner: %v", err)
	}
	_, err = f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Boss", Password: "password123"})
	refused(t, "the right password", err, chat.ErrForbidden)
	// The operator's way back.
	account := valueOf(f.UserNamed(t.Context(), "boss"))
	link := valueOf(f.NewLogInLink(t.Context(), account))
	if out, err := f.LogInByLink(t.Context(), nobody, chat.LogInLinkInput{Code: link}); err != nil ||
		out.User.ID != account.ID {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestLogInLinks(t *testing.T) {
	f := newFixture(t, nil)
	f.Person("Joe", chat.RoleMember)
	account := valueOf(f.UserNamed(t.Context(), "joe"))
	open := func(code string) error {
		_, err := f.LogInByLink(t.Context(), nobody, chat.LogInLinkInput{Code: code})
		return err
	}
	code := valueOf(f.NewLogInLink(t.Context(), account))
	var wg sync.WaitGroup
	var n atomic.Int64
	for range 10 {
		wg.Go(func() {
			if open(code) == nil {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if n.Load() != 1 {
		t.Errorf("a link logs in %d times", n.Load())
	}
	for _, wrong := range []string{"", "x", code} {
		refused(t, "code "+wrong, open(wrong), chat.ErrNotFound)
	}
	code = valueOf(f.NewLogInLink(t.Context(), account))
	f.Wait(chat.LogInLinkFor)
	refused(t, "too late", open(code), chat.ErrNotFound)
	code = valueOf(f.NewLogInLink(t.Context(), account))
	if err := f.Disable(t.Context(), account, true); err != nil {
		t.Fatal(err)
	}
	refused(t, "a disabled person", open(code), chat.ErrForbidden)
}

// valueOf drops the error of a call that cannot fail in the model.
func valueOf[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
