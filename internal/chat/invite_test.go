package chat_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestInviteIsUsedOnceInARace(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Pablo", chat.RoleOwner)
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
	owner := f.Person("Pablo", chat.RoleOwner)
	late, _ := f.CreateInvite(t.Context(), owner, chat.InviteInput{Hours: 1})
	f.Wait(time.Hour)
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

// TestInvitesGiveWhatTheirMakerMay when they are used, not when they were made.
func TestInvitesGiveWhatTheirMakerMay(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Owner", chat.RoleOwner)
	n := 0
	use := func(code string) error {
		n++
		return errOf(f.SignUpAccount(t.Context(), chat.Caller{Addr: fmt.Sprint("192.0.2.", n)},
			chat.SignUpInput{Name: fmt.Sprint("New ", n), Password: chattest.Password, Invite: code}))
	}
	update := func(whom chat.Caller, in chat.UpdateUserInput) {
		t.Helper()
		in.User = whom.User.ID
		must(t, "update", errOf(f.UpdateUser(t.Context(), owner, in)))
	}
	yes, no := true, false
	for what, c := range map[string]struct{ then, back chat.UpdateUserInput }{
		"demoted to member": {chat.UpdateUserInput{Role: ptr(chat.RoleMember)},
			chat.UpdateUserInput{Role: ptr(chat.RoleAdmin)}},
		"disabled": {chat.UpdateUserInput{Disabled: &yes}, chat.UpdateUserInput{Disabled: &no}},
	} {
		admin := f.Person("Admin "+what, chat.RoleAdmin)
		var codes []string
		for _, role := range []chat.Role{chat.RoleAdmin, chat.RoleMember, chat.RoleAdmin} {
			out, err := f.CreateInvite(t.Context(), admin, chat.InviteInput{Role: role})
			must(t, "invite", err)
			codes = append(codes, out.Code)
		}
		update(admin, c.then)
		list, err := f.ListInvites(t.Context(), owner, chat.None{})
		if err != nil || len(list.Invites) != 0 {
			t.Errorf("%s: %d invites are listed, %v", what, len(list.Invites), err)
		}
		refused(t, what+", an admin's", use(codes[0]), chat.ErrNotFound)
		refused(t, what+", a member's", use(codes[1]), chat.ErrNotFound)
		update(admin, c.back)
		for i, code := range codes {
			must(t, fmt.Sprint(what, ", in charge again, invite ", i), use(code))
		}
	}
	second := f.Person("Second owner", chat.RoleOwner)
	out, err := f.CreateInvite(t.Context(), second, chat.InviteInput{Role: chat.RoleOwner})
	must(t, "invite", err)
	update(second, chat.UpdateUserInput{Role: ptr(chat.RoleAdmin)})
	refused(t, "an owner's by an admin", use(out.Code), chat.ErrNotFound)
}

// TestSetupEndsWithTheFirstOwner, however somebody became owner.
func TestSetupEndsWithTheFirstOwner(t *testing.T) {
	signUp := func(f *fixture, name, code string) error {
		return errOf(f.SignUpAccount(f.T.Context(), chat.Caller{Addr: "192.0.2.1"},
			chat.SignUpInput{Name: name, Password: chattest.Password, Invite: code}))
	}
	for what, become := range map[string]func(f *fixture, other string) error{
		"added by the operator": func(f *fixture, _ string) error {
			return errOf(f.AddUser(f.T.Context(), "Boss", chattest.Password, chat.RoleOwner, ""))
		},
		"by another set-up link": func(f *fixture, other string) error { return signUp(f, "Boss", other) },
		"sent by another program": func(f *fixture, _ string) error {
			return errOf(f.UpsertUser(f.T.Context(),
				chat.ExternalUser{ID: "1", Name: "Boss", Role: chat.RoleOwner}))
		},
		"made a member, then an owner there": func(f *fixture, _ string) error {
			if _, err := f.UpsertUser(f.T.Context(), chat.ExternalUser{ID: "1", Name: "Boss"}); err != nil {
				return err
			}
			return errOf(f.UpsertUser(f.T.Context(),
				chat.ExternalUser{ID: "1", Name: "Boss", Role: chat.RoleOwner}))
		},
		"imported into the store": func(f *fixture, _ string) error {
			u := chat.User{ID: "u1", Name: "Boss", Role: chat.RoleOwner, CreatedAt: f.Now()}
			return errOf(f.Store.Commit(f.T.Context(), chat.Change{
				Stream: chat.ServerStream, ID: "e1", At: f.Now(),
				Op: chat.CreateUser{Account: chat.Account{User: u, NameKey: "boss"}}}))
		},
	} {
		for _, mode := range []chat.SignUp{chat.SignUpOpen, chat.SignUpInvite, chat.SignUpClosed} {
			f := newFixture(t, func(c *chat.Config) { c.SignUp = mode })
			code, _, err := f.OwnerInvite(t.Context(), 0)
			must(t, "set-up link", err)
			// One that another node made at the same moment.
			other := chat.Invite{ID: "other", CodeHash: fmt.Sprintf("%x", sha256.Sum256([]byte("other"))),
				Role: chat.RoleOwner, CreatedAt: f.Now(), ExpiresAt: f.Now().Add(time.Hour)}
			must(t, "another", f.Store.CreateInvite(t.Context(), other))
			must(t, what, become(f, "other"))
			for _, secret := range []string{code, "other"} {
				refused(t, what+", then the set-up link", signUp(f, "Thief", secret), chat.ErrNotFound)
			}
			if again, pending, err := f.OwnerInvite(t.Context(), 0); again != "" || pending || err != nil {
				t.Errorf("%s: another set-up link %q, %v", what, again, err)
			}
		}
	}
}
