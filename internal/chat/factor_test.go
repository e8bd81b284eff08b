package chat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// logIn opens a session of somebody, with a code.
func (f *fixture) logIn(name, code string) (chat.LoggedInOutput, error) {
	return f.LogIn(f.T.Context(), nobody,
		chat.LogInInput{Name: name, Password: chattest.Password, Code: code})
}

// session is a caller with a whole log-in, or with one that can only set up a
// second factor.
func (f *fixture) session(t testing.TB, out chat.LoggedInOutput, err error) chat.Caller {
	t.Helper()
	must(t, "log in", err)
	who, err := f.Authenticate(t.Context(), out.Token, nobody)
	must(t, "authenticate", err)
	return who
}

func kindOf(err error) chat.Restriction {
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Details != nil {
		return e.Details.Kind
	}
	return ""
}

func TestSecondFactor(t *testing.T) {
	f := newFixture(t, nil)
	f.Person("Joe", chat.RoleMember)
	out, err := f.logIn("Joe", "")
	joe := f.session(t, out, err)
	begun, err := f.BeginFactor(t.Context(), joe, chat.None{})
	must(t, "begin", err)
	if !strings.HasPrefix(begun.URI, "otpauth://totp/") || !strings.Contains(begun.URI, begun.Secret) {
		t.Errorf("got the address %q", begun.URI)
	}
	_, err = f.logIn("Joe", "")
	refused(t, "log in before it is confirmed", err, nil)
	refused(t, "confirm with a wrong code",
		errOf(f.ConfirmFactor(t.Context(), joe, chat.CodeInput{Code: "000000"})), chat.ErrInvalid)
	set, err := f.ConfirmFactor(t.Context(), joe,
		chat.CodeInput{Code: chattest.AppCode(t, begun.Secret, f.Now())})
	must(t, "confirm", err)

	t.Run("is asked for after the password", func(t *testing.T) {
		_, err := f.logIn("Joe", "")
		if refused(t, "log in without a code", err, chat.ErrUnauthenticated); kindOf(err) != chat.NeedsCode {
			t.Errorf("got %v, want the kind code", err)
		}
		_, err = f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Joe", Password: "wrong", Code: "1"})
		if refused(t, "with a wrong password", err, chat.ErrUnauthenticated); kindOf(err) != "" {
			t.Errorf("a wrong password tells of the second factor: %v", err)
		}
	})
	t.Run("takes each code once", func(t *testing.T) {
		_, err := f.logIn("Joe", chattest.AppCode(t, begun.Secret, f.Now()))
		refused(t, "the code that confirmed it", err, chat.ErrForbidden)
		f.Wait(30 * time.Second)
		code := chattest.AppCode(t, begun.Secret, f.Now())
		_, err = f.logIn("Joe", code[:3]+" "+code[3:])
		refused(t, "the next one", err, nil)
		_, err = f.logIn("Joe", code)
		refused(t, "the same again", err, chat.ErrForbidden)
		f.Wait(10 * time.Minute)
		_, err = f.logIn("Joe", code)
		refused(t, "an old one", err, chat.ErrForbidden)
	})
	t.Run("takes each recovery code once", func(t *testing.T) {
		if len(set.Recovery) != 10 {
			t.Fatalf("got %d recovery codes", len(set.Recovery))
		}
		_, err := f.logIn("Joe", strings.ToUpper(set.Recovery[3]))
		refused(t, "a recovery code", err, nil)
		_, err = f.logIn("Joe", set.Recovery[3])
		refused(t, "the same again", err, chat.ErrForbidden)
		state, err := f.GetFactor(t.Context(), joe, chat.None{})
		if err != nil || !state.Enabled || state.Recovery != 9 {
			t.Errorf("got %+v, %v", state, err)
		}
		out, err := f.logIn("Joe", set.Recovery[4])
		renewed, err := f.RenewRecovery(t.Context(), f.session(t, out, err), chat.None{})
		must(t, "renew", err)
		_, err = f.logIn("Joe", set.Recovery[5])
		refused(t, "one of those before", err, chat.ErrForbidden)
		_, err = f.logIn("Joe", renewed.Recovery[5])
		refused(t, "a new one", err, nil)
	})
	t.Run("is asked for after a link, which it does not use up", func(t *testing.T) {
		account, err := f.UserNamed(t.Context(), "Joe")
		must(t, "find", err)
		code, err := f.NewLogInLink(t.Context(), account)
		must(t, "make a link", err)
		refused(t, "the link alone", errOf(f.LogInByLink(t.Context(), nobody, chat.LogInLinkInput{Code: code})),
			chat.ErrUnauthenticated)
		f.Wait(30 * time.Second)
		in := chat.LogInLinkInput{Code: code, Factor: chattest.AppCode(t, begun.Secret, f.Now())}
		refused(t, "the link with a code", errOf(f.LogInByLink(t.Context(), nobody, in)), nil)
		f.Wait(30 * time.Second)
		in.Factor = chattest.AppCode(t, begun.Secret, f.Now())
		refused(t, "the link again", errOf(f.LogInByLink(t.Context(), nobody, in)), chat.ErrNotFound)
	})
	t.Run("is removed by the operator", func(t *testing.T) {
		account, err := f.UserNamed(t.Context(), "Joe")
		must(t, "find", err)
		must(t, "remove", f.RemoveFactor(t.Context(), account))
		_, err = f.logIn("Joe", "")
		refused(t, "log in", err, nil)
	})
}

// TestCodeOnce: of those who use one code at the same moment, one gets in.
func TestCodeOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.Person("Joe", chat.RoleMember)
	out, err := f.logIn("Joe", "")
	secret, _ := f.Enrol(f.session(t, out, err))
	f.Wait(time.Minute)
	code, in := chattest.AppCode(t, secret, f.Now()), make(chan error, 8)
	var all sync.WaitGroup
	for range cap(in) {
		all.Go(func() { _, err := f.logIn("Joe", code); in <- err })
	}
	all.Wait()
	entered := 0
	for range cap(in) {
		if err := <-in; err == nil {
			entered++
		}
	}
	if entered != 1 {
		t.Errorf("%d got in with one code", entered)
	}
}

// TestCodeGuesses: who knows a password cannot try codes for ever, and does not
// lock the person out, whose device is known.
func TestCodeGuesses(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Guesses = chat.Rate{Limit: 5, Window: time.Hour} })
	f.Person("Joe", chat.RoleMember)
	home := chat.Caller{Addr: "198.51.100.7", Device: "home"}
	out, err := f.LogIn(t.Context(), home, chat.LogInInput{Name: "Joe", Password: chattest.Password})
	secret, _ := f.Enrol(f.session(t, out, err))
	var last error
	for i := range 7 {
		_, last = f.logIn("Joe", fmt.Sprintf("%06d", i))
	}
	refused(t, "the seventh guess", last, chat.ErrRateLimited)
	f.Wait(time.Minute)
	_, err = f.LogIn(t.Context(), home, chat.LogInInput{Name: "Joe", Password: chattest.Password,
		Code: chattest.AppCode(t, secret, f.Now())})
	refused(t, "at home", err, nil)
}

// TestDemandedFactor: who needs a second factor and has none can do nothing
// before they have one.
func TestDemandedFactor(t *testing.T) {
	f := newFixture(t, nil)
	ann, joe := f.Person("Ann", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	demand := chat.DemandMembers
	_, err := f.UpdateServer(t.Context(), ann, chat.UpdateServerInput{SecondFactor: &demand})
	must(t, "demand", err)
	out, err := f.logIn("Joe", "")
	half := f.session(t, out, err)
	for _, a := range chat.Actions() {
		if a.Access == chat.Anyone || a.Scope == "" || a.Scope == chat.ScopeFactor {
			continue
		}
		_, err := a.Call(t.Context(), f.Service, half, func(any) error { return nil })
		if refused(t, a.Name, err, chat.ErrForbidden); kindOf(err) != chat.NeedsFactor {
			t.Errorf("%s: got %v, want the kind factor", a.Name, err)
		}
	}
	_, set := f.Enrol(half)
	if set.LoggedIn == nil {
		t.Fatal("no whole session takes the place of the half one")
	}
	whole, err := f.Authenticate(t.Context(), set.LoggedIn.Token, nobody)
	must(t, "use it", err)
	_, err = f.ListRooms(t.Context(), whole, chat.None{})
	refused(t, "list rooms", err, nil)
	_, err = f.Authenticate(t.Context(), out.Token, nobody)
	refused(t, "the half session", err, chat.ErrUnauthenticated)
	refused(t, "remove it", errOf(f.DeleteFactor(t.Context(), whole, chat.None{})), chat.ErrForbidden)

	f.Person("Gus", chat.RoleGuest)
	out, err = f.logIn("Gus", "")
	if guest := f.session(t, out, err); len(guest.Scopes) > 0 {
		t.Error("a guest needs one, too")
	}
	odd := chat.FactorDemand("sometimes")
	_, err = f.UpdateServer(t.Context(), ann, chat.UpdateServerInput{SecondFactor: &odd})
	refused(t, "an unknown demand", err, chat.ErrInvalid)
	_, err = f.UpdateServer(t.Context(), joe, chat.UpdateServerInput{SecondFactor: &demand})
	refused(t, "by a member", err, chat.ErrForbidden)
}

// TestProof: what is dangerous is refused in a session that is older than ten
// minutes, until the person proves anew who they are.
func TestProof(t *testing.T) {
	f := newFixture(t, nil)
	joe := f.Person("Joe", chat.RoleMember)
	f.Person("Ann", chat.RoleOwner)
	out, err := f.logIn("Ann", "")
	ann := f.session(t, out, err)
	owner := chat.RoleOwner
	acts := map[string]func(context.Context) error{
		"token.create": func(ctx context.Context) error {
			_, err := f.CreateToken(ctx, ann, chat.TokenInput{Name: "x", Scopes: []string{chat.ScopeManage}})
			return err
		},
		"factor.begin": func(ctx context.Context) error { return errOf(f.BeginFactor(ctx, ann, chat.None{})) },
		"factor.reset": func(ctx context.Context) error {
			err := errOf(f.ResetFactor(ctx, ann, chat.UserInput{User: joe.User.ID}))
			if errors.Is(err, chat.ErrConflict) { // he has none
				err = nil
			}
			return err
		},
		"user.update": func(ctx context.Context) error {
			return errOf(f.UpdateUser(ctx, ann, chat.UpdateUserInput{User: joe.User.ID, Role: &owner}))
		},
	}
	f.Wait(chat.ProofFor)
	for name, act := range acts {
		if err := act(t.Context()); kindOf(err) != chat.NeedsProof {
			t.Errorf("%s: got %v, want the kind proof", name, err)
		}
	}
	refused(t, "a wrong password",
		errOf(f.Prove(t.Context(), ann, chat.ProofInput{Password: "wrong"})), chat.ErrForbidden)
	must(t, "prove", errOf(f.Prove(t.Context(), ann, chat.ProofInput{Password: chattest.Password})))
	must(t, "prove again", errOf(f.Prove(t.Context(), ann, chat.ProofInput{Password: chattest.Password})))
	for name, act := range acts {
		must(t, name, act(t.Context()))
	}
	f.Wait(chat.ProofFor)
	if err := acts["factor.begin"](t.Context()); kindOf(err) != chat.NeedsProof {
		t.Errorf("after ten minutes: got %v", err)
	}
	// With a second factor, the password alone is not enough.
	must(t, "prove", errOf(f.Prove(t.Context(), ann, chat.ProofInput{Password: chattest.Password})))
	secret, _ := f.Enrol(ann)
	f.Wait(chat.ProofFor)
	err = errOf(f.Prove(t.Context(), ann, chat.ProofInput{Password: chattest.Password}))
	if refused(t, "the password", err, chat.ErrInvalid); kindOf(err) != chat.NeedsCode {
		t.Errorf("got %v, want the kind code", err)
	}
	must(t, "a code", errOf(f.Prove(t.Context(), ann, chat.ProofInput{Code: chattest.AppCode(t, secret, f.Now())})))
	must(t, "remove", errOf(f.DeleteFactor(t.Context(), ann, chat.None{})))
}
