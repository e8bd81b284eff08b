package chat_test

import (
	"context"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// late is a store that is asked for a new session when something has happened
// meanwhile.
type late struct {
	chat.Store
	before func()
}

func (s *late) CreateSession(ctx context.Context, x chat.Session) error {
	if s.before != nil {
		s.before()
	}
	return s.Store.CreateSession(ctx, x)
}

// TestDisabledWhileLoggingIn: who is disabled after their password was found
// right has a session, of which nobody was told that it ended. It opens
// nothing.
func TestDisabledWhileLoggingIn(t *testing.T) {
	store := &late{}
	f := newFixture(t, func(cfg *chat.Config) { store.Store = cfg.Store; cfg.Store = store })
	f.person("Joe", chat.RoleMember)
	store.before = func() {
		account, err := f.UserNamed(t.Context(), "joe")
		if err == nil {
			err = f.Disable(t.Context(), account, true)
		}
		if err != nil {
			t.Error(err)
		}
	}
	in, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: "password123"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Authenticate(t.Context(), in.Token, nobody)
	refused(t, "the session of a disabled person", err, chat.ErrUnauthenticated)
}

// TestHugePasswordsAreNotHashed: nor counted as guesses.
func TestHugePasswordsAreNotHashed(t *testing.T) {
	verified := 0
	f := newFixture(t, func(cfg *chat.Config) { cfg.Hasher = plainHasher{&verified} })
	joe := f.person("Joe", chat.RoleMember)
	huge := strings.Repeat("x", 1<<20)
	before := verified
	for range 2 * chat.DefaultLimits.Guesses.Limit {
		_, err := f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: huge})
		refused(t, "logging in", err, chat.ErrInvalid)
	}
	_, err := f.ChangePassword(t.Context(), joe, chat.PasswordInput{Old: huge, New: "password1234"})
	refused(t, "as the old password", err, chat.ErrInvalid)
	if verified != before {
		t.Errorf("%d huge passwords were hashed", verified-before)
	}
	_, err = f.ChangePassword(t.Context(), joe, chat.PasswordInput{Old: "password123", New: huge})
	refused(t, "as the new password", err, chat.ErrInvalid)
}

// TestPasswordGuessesOfAThief: a stolen session does not serve to find the
// password out.
func TestPasswordGuessesOfAThief(t *testing.T) {
	f := newFixture(t, nil)
	joe := f.person("Joe", chat.RoleMember)
	guess := func(as chat.Caller) error {
		_, err := f.ChangePassword(t.Context(), as,
			chat.PasswordInput{Old: "wrong password", New: "password1234"})
		return err
	}
	for range chat.DefaultLimits.Guesses.Limit {
		refused(t, "a guess", guess(joe), chat.ErrForbidden)
	}
	refused(t, "a guess too many", guess(joe), chat.ErrRateLimited)
	refused(t, "another session of the same person", guess(f.logIn("Joe")), chat.ErrRateLimited)
}
