package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
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
		owner := f.Person("Pablo", chat.RoleOwner)
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

func TestNamesAndPasswordsAreChecked(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SignUp = chat.SignUpOpen; cfg.Limits.Logins.Limit = -1 })
	f.Person("Pablo", chat.RoleOwner)
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

func TestChangePasswordEndsEverySession(t *testing.T) {
	f := newFixture(t, nil)
	who := f.Person("Pablo", chat.RoleOwner)
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

// TestHugePasswordsAreNotHashed: nor counted as guesses.
func TestHugePasswordsAreNotHashed(t *testing.T) {
	hasher := new(chattest.Hasher)
	f := newFixture(t, func(cfg *chat.Config) { cfg.Hasher = hasher })
	joe := f.Person("Joe", chat.RoleMember)
	huge := strings.Repeat("x", 1<<20)
	before := hasher.Verified.Load()
	for range 2 * chat.DefaultLimits.Guesses.Limit {
		_, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: huge})
		refused(t, "logging in", err, chat.ErrInvalid)
	}
	_, err := f.ChangePassword(t.Context(), joe, chat.PasswordInput{Old: huge, New: "password1234"})
	refused(t, "as the old password", err, chat.ErrInvalid)
	if hasher.Verified.Load() != before {
		t.Errorf("%d huge passwords were hashed", hasher.Verified.Load()-before)
	}
	_, err = f.ChangePassword(t.Context(), joe, chat.PasswordInput{Old: "password123", New: huge})
	refused(t, "as the new password", err, chat.ErrInvalid)
}

// TestPasswordGuessesOfAThief: a stolen session does not serve to find the
// password out.
func TestPasswordGuessesOfAThief(t *testing.T) {
	f := newFixture(t, nil)
	joe := f.Person("Joe", chat.RoleMember)
	guess := func(as chat.Caller) error {
		_, err := f.ChangePassword(t.Context(), as,
			chat.PasswordInput{Old: "wrong password", New: "password1234"})
		return err
	}
	for range chat.DefaultLimits.Guesses.Limit {
		refused(t, "a guess", guess(joe), chat.ErrForbidden)
	}
	refused(t, "a guess too many", guess(joe), chat.ErrRateLimited)
	refused(t, "another session of the same person", guess(f.Again("Joe")), chat.ErrRateLimited)
}
