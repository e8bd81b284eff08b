package passkey_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/passkey"
)

const address = "https://chat.example.com"

var nobody = chat.Caller{Addr: "198.51.100.7", Device: "browser"}

// world is a chat with Joe, who is logged in by password.
type world struct {
	*chattest.Fixture
	t   *testing.T
	joe chat.Caller
}

func newWorld(t *testing.T) *world { return newWorldOn(t, chattest.NewModel(nil)) }

func newWorldOn(t *testing.T, store chat.Store) *world {
	t.Helper()
	site, err := passkey.New(address)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, Fixture: chattest.New(t, func(cfg *chat.Config) {
		cfg.Store, cfg.Passkeys, cfg.Limits = store, site, chattest.Unlimited()
	})}
	w.Person("Joe", chat.RoleMember)
	w.Person("Ann", chat.RoleOwner)
	w.joe = w.session(w.password("Joe", "", nil))
	return w
}

func (w *world) password(name, code string, key *chat.PasskeyAnswer) (chat.LoggedInOutput, error) {
	return w.LogIn(w.t.Context(), nobody,
		chat.LogInInput{Name: name, Password: chattest.Password, Code: code, Passkey: key})
}

func (w *world) session(out chat.LoggedInOutput, err error) chat.Caller {
	w.t.Helper()
	w.Must("log in", err)
	who, err := w.Authenticate(w.t.Context(), out.Token, nobody)
	w.Must("authenticate", err)
	return who
}

// add gives somebody a passkey of an authenticator.
func (w *world) add(who chat.Caller, a *authenticator) (chat.RecoveryOutput, error) {
	w.t.Helper()
	c, err := w.BeginPasskey(w.t.Context(), who, chat.None{})
	w.Must("begin", err)
	return w.FinishPasskey(w.t.Context(), who, chat.NewPasskeyInput{Name: "Phone",
		Passkey: chat.PasskeyAnswer{Challenge: c.Challenge, Credential: a.create(c.Options)}})
}

// sign has an authenticator answer a new challenge, with the next count.
func (w *world) sign(who chat.Caller, a *authenticator) chat.PasskeyAnswer {
	w.t.Helper()
	c, err := w.AskPasskey(w.t.Context(), who, chat.None{})
	w.Must("ask", err)
	a.counter++
	return chat.PasskeyAnswer{Challenge: c.Challenge, Credential: a.get(c.Options)}
}

func (w *world) is(what string, err, want error) {
	w.t.Helper()
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		w.t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (w *world) logIn(in chat.PasskeyAnswer) error {
	_, err := w.LogInByPasskey(w.t.Context(), nobody, in)
	return err
}

func details(err error) chat.Details {
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Details != nil {
		return *e.Details
	}
	return chat.Details{}
}

func TestPasskey(t *testing.T) {
	w := newWorld(t)
	ctx, a := t.Context(), newAuthenticator(t, address, "chat.example.com")
	set, err := w.add(w.joe, a)
	w.Must("add", err)
	if len(set.Recovery) != 10 {
		t.Fatalf("the first second factor comes with %d recovery codes", len(set.Recovery))
	}

	w.is("log in with the passkey alone", w.logIn(w.sign(nobody, a)), nil)
	_, err = w.password("Joe", "", nil)
	w.is("with the password alone", err, chat.ErrUnauthenticated)
	if d := details(err); d.Kind != chat.NeedsCode ||
		!slices.Equal(d.Factors, []string{chat.ByPasskey, chat.ByRecovery}) {
		t.Errorf("got %+v, want a demand for the passkey", err)
	}
	_, err = w.password("Joe", chattest.AppCode(t, "", w.Now()), nil) // of the app that he does not have
	w.is("with a code of no app", err, chat.ErrForbidden)
	key := w.sign(nobody, a)
	_, err = w.password("Joe", "", &key)
	w.is("with the password and the passkey", err, nil)
	_, err = w.password("Joe", set.Recovery[0], nil)
	w.is("with a recovery code", err, nil)
	other := newAuthenticator(t, address, "chat.example.com")
	_, err = w.add(w.session(w.password("Ann", "", nil)), other)
	w.Must("add one of Ann's", err)
	key = w.sign(nobody, other)
	_, err = w.password("Joe", "", &key)
	w.is("with somebody else's", err, chat.ErrForbidden)

	w.Wait(chat.ProofFor)
	_, err = w.BeginPasskey(ctx, w.joe, chat.None{})
	w.is("add another without a proof", err, chat.ErrProof)
	key = w.sign(w.joe, a)
	_, err = w.Prove(ctx, w.joe, chat.ProofInput{Passkey: &key})
	w.is("prove", err, nil)
	all, err := w.ListPasskeys(ctx, w.joe, chat.None{})
	if err != nil || len(all.Passkeys) != 1 || all.Passkeys[0].Name != "Phone" || all.Passkeys[0].UsedAt.IsZero() {
		t.Fatalf("got %+v, %v", all, err)
	}
	id := all.Passkeys[0].ID
	_, err = w.RenamePasskey(ctx, w.joe, chat.RenamePasskeyInput{Passkey: id, Name: "Laptop"})
	w.is("rename", err, nil)
	_, err = w.DeletePasskey(ctx, w.joe, chat.PasskeyInput{Passkey: id})
	w.is("remove", err, nil)
	w.is("log in with it", w.logIn(w.sign(nobody, a)), chat.ErrForbidden)
	_, err = w.password("Joe", "", nil)
	w.is("the password alone is enough again", err, nil)
	state, err := w.GetFactor(ctx, w.joe, chat.None{})
	if err != nil || state != (chat.FactorOutput{}) {
		t.Errorf("got %+v, %v", state, err)
	}
}

// TestPasskeyChallenges: each counts once, for a short time, for what it was
// made for and in the session and browser that began.
func TestPasskeyChallenges(t *testing.T) {
	w := newWorld(t)
	a := newAuthenticator(t, address, "chat.example.com")
	_, err := w.add(w.joe, a)
	w.Must("add", err)

	used := w.sign(nobody, a)
	w.is("the first time", w.logIn(used), nil)
	w.is("the second time", w.logIn(used), chat.ErrConflict)
	late := w.sign(nobody, a)
	w.Wait(chat.ChallengeFor)
	w.is("too late", w.logIn(late), chat.ErrConflict)
	other := chat.Caller{Addr: nobody.Addr, Device: "other"}
	w.is("from another browser", w.logIn(w.sign(other, a)), chat.ErrConflict)
	w.is("from a session", w.logIn(w.sign(w.joe, a)), chat.ErrConflict)
	one, two := w.sign(nobody, a), w.sign(nobody, a)
	one.Credential = two.Credential
	w.is("the signature of another challenge", w.logIn(one), chat.ErrPasskey)
	begun, err := w.BeginPasskey(t.Context(), w.joe, chat.None{})
	w.Must("begin", err)
	a.counter++
	_, err = w.LogInByPasskey(t.Context(), w.joe, chat.PasskeyAnswer{Challenge: begun.Challenge,
		Credential: a.get(begun.Options)})
	w.is("one to make a passkey", err, chat.ErrConflict)
	w.is("none", w.logIn(chat.PasskeyAnswer{}), chat.ErrConflict)
}

// pairs is a store that hands a challenge out to two at the same moment.
type pairs struct {
	chat.Store
	both sync.WaitGroup
}

func (p *pairs) Record(ctx context.Context, kind, id string) (chat.Record, error) {
	r, err := p.Store.Record(ctx, kind, id)
	if kind == "passkeychallenge" {
		p.both.Done()
		p.both.Wait()
	}
	return r, err
}

// TestPasskeyOnce: of two who hand in one answer at the same moment, one gets
// in, although such a passkey counts nothing.
func TestPasskeyOnce(t *testing.T) {
	store := &pairs{Store: chattest.NewModel(nil)}
	w, a := newWorldOn(t, store), newAuthenticator(t, address, "chat.example.com")
	store.both.Add(1)
	_, err := w.add(w.joe, a)
	w.Must("add", err)
	a.counter-- // sign makes it 0
	one := w.sign(nobody, a)
	store.both.Add(2)
	results := make(chan error, 2)
	for range cap(results) {
		go func() { results <- w.logIn(one) }()
	}
	first, second := <-results, <-results
	if first == nil {
		first, second = second, first
	}
	w.is("the one", second, nil)
	w.is("the other", first, chat.ErrConflict)
}

// TestPasskeyCounter: of an authenticator and its copy, the one that is behind
// is refused.
func TestPasskeyCounter(t *testing.T) {
	w := newWorld(t)
	a := newAuthenticator(t, address, "chat.example.com")
	_, err := w.add(w.joe, a)
	w.Must("add", err)
	for range 3 {
		w.is("the authenticator", w.logIn(w.sign(nobody, a)), nil)
	}
	clone := *a
	clone.counter -= 2
	w.is("its older copy", w.logIn(w.sign(nobody, &clone)), chat.ErrForbidden)
	w.is("the copy with the same count", w.logIn(w.sign(nobody, &clone)), chat.ErrForbidden)
	zero := *a
	zero.counter = ^uint32(0) // sign makes it 0
	w.is("a copy that does not count", w.logIn(w.sign(nobody, &zero)), chat.ErrForbidden)
	w.is("the authenticator", w.logIn(w.sign(nobody, a)), nil)
}

// TestPasskeysOfOtherPages: what was signed for another page, another name of
// this server, without the person or by another key is refused.
func TestPasskeysOfOtherPages(t *testing.T) {
	w := newWorld(t)
	a := newAuthenticator(t, address, "chat.example.com")
	_, err := w.add(w.joe, a)
	w.Must("add", err)
	for what, change := range map[string]func(*authenticator){
		"another page":         func(a *authenticator) { a.origin = "https://chat.example.com.evil.example" },
		"another port":         func(a *authenticator) { a.origin = address + ":8443" },
		"without https":        func(a *authenticator) { a.origin = "http://chat.example.com" },
		"another site":         func(a *authenticator) { a.site = "example.com" },
		"without verification": func(a *authenticator) { a.unverified = true },
		"another key":          func(a *authenticator) { a.key = newAuthenticator(t, "", "").key },
		"another person":       func(a *authenticator) { a.owner = []byte("someone") },
		"nobody":               func(a *authenticator) { a.owner = nil },
		"an unknown passkey":   func(a *authenticator) { a.id = []byte("0123456789abcdef") },
	} {
		bad := *a
		change(&bad)
		w.is("log in: "+what, w.logIn(w.sign(nobody, &bad)), chat.ErrForbidden)
	}
	for what, change := range map[string]func(*authenticator){
		"another page":         func(a *authenticator) { a.origin = "https://evil.example" },
		"another site":         func(a *authenticator) { a.site = "evil.example" },
		"without verification": func(a *authenticator) { a.unverified = true },
	} {
		bad := newAuthenticator(t, address, "chat.example.com")
		change(bad)
		_, err := w.add(w.joe, bad)
		w.is("add: "+what, err, chat.ErrForbidden)
	}
	elsewhere := *a
	elsewhere.origin = "https://intranet.example.com"
	err = w.logIn(w.sign(nobody, &elsewhere))
	if e, ok := errors.AsType[*chat.Error](err); !ok || e.Field != "passkey" ||
		e.Message != "Passkeys of this server work only at https://chat.example.com. Open it there." {
		t.Errorf("at another name of the server: got %v", err)
	}
	c, err := w.AskPasskey(t.Context(), nobody, chat.None{})
	w.Must("ask", err)
	w.is("nonsense", w.logIn(chat.PasskeyAnswer{Challenge: c.Challenge,
		Credential: map[string]any{"id": 7, "response": "x"}}), chat.ErrForbidden)
	w.is("the passkey itself", w.logIn(w.sign(nobody, a)), nil)
}

// TestDemandedPasskey: a passkey is enough where a second factor is demanded,
// and the last cannot be removed, but lost.
func TestDemandedPasskey(t *testing.T) {
	w := newWorld(t)
	ctx, demand := t.Context(), chat.DemandMembers
	ann := w.session(w.password("Ann", "", nil))
	_, err := w.UpdateServer(ctx, ann, chat.UpdateServerInput{SecondFactor: &demand})
	w.Must("demand", err)
	half := w.session(w.password("Joe", "", nil))
	stolen := w.session(w.password("Joe", "", nil)) // by somebody who knows the password
	w.is("read without a factor", half.May(chat.ScopeRead), chat.ErrForbidden)
	a := newAuthenticator(t, address, "chat.example.com")
	set, err := w.add(half, a)
	w.Must("add", err)
	if set.LoggedIn == nil {
		t.Fatal("no whole session takes the place of the half one")
	}
	joe := w.session(*set.LoggedIn, nil)
	w.is("read with it", joe.May(chat.ScopeRead), nil)
	_, err = w.BeginPasskey(ctx, stolen, chat.None{})
	w.is("a second half session adds another", err, chat.ErrForbidden)
	_, err = w.BeginFactor(ctx, stolen, chat.None{})
	w.is("or an app", err, chat.ErrForbidden)

	all, err := w.ListPasskeys(ctx, joe, chat.None{})
	w.Must("list", err)
	last := chat.PasskeyInput{Passkey: all.Passkeys[0].ID}
	_, err = w.DeletePasskey(ctx, joe, last)
	w.is("remove the last", err, chat.ErrForbidden)
	w.Enrol(joe)
	_, err = w.DeletePasskey(ctx, joe, last)
	w.is("remove it beside an app", err, nil)
	_, err = w.DeleteFactor(ctx, joe, chat.None{})
	w.is("remove the app, now the last", err, chat.ErrForbidden)
	_, err = w.add(joe, a)
	w.Must("add again", err)
	_, err = w.DeleteFactor(ctx, joe, chat.None{})
	w.is("remove the app beside a passkey", err, nil)
	state, err := w.GetFactor(ctx, joe, chat.None{})
	if err != nil || state.Enabled || state.Passkeys != 1 || state.Recovery != 10 {
		t.Errorf("got %+v, %v", state, err)
	}

	_, err = w.ResetFactor(ctx, ann, chat.UserInput{User: joe.User.ID})
	w.is("reset by an owner", err, nil)
	w.is("log in with what was reset", w.logIn(w.sign(nobody, a)), chat.ErrForbidden)
	half = w.session(w.password("Joe", "", nil))
	_, err = w.add(half, a)
	w.Must("add anew", err)
	account, err := w.UserNamed(ctx, "Joe")
	w.Must("find", err)
	w.is("reset by the operator", w.RemoveFactor(ctx, account), nil)
	w.is("log in", w.logIn(w.sign(nobody, a)), chat.ErrForbidden)
}

// TestPasskeysOfTheBarred: a passkey does not let in whom a password would not.
func TestPasskeysOfTheBarred(t *testing.T) {
	w := newWorld(t)
	ctx, a := t.Context(), newAuthenticator(t, address, "chat.example.com")
	_, err := w.add(w.joe, a)
	w.Must("add", err)
	account, err := w.UserNamed(ctx, "Joe")
	w.Must("find", err)
	w.Must("disable", w.Disable(ctx, account, true))
	if err := w.logIn(w.sign(nobody, a)); details(err).Kind != chat.IsDisabled {
		t.Errorf("disabled: got %v", err)
	}
	w.Must("enable", w.Disable(ctx, account, false))
	w.NoPasswords = true
	w.is("where people log in at providers only", w.logIn(w.sign(nobody, a)), chat.ErrForbidden)
	w.NoPasswords, w.Passkeys = false, nil
	_, err = w.AskPasskey(ctx, nobody, chat.None{})
	w.is("where there are no passkeys", err, chat.ErrForbidden)
}

// TestPasskeysAreNotTooMany, and challenges that are over are forgotten.
func TestPasskeysAreNotTooMany(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		_, err := w.add(w.joe, newAuthenticator(t, address, "chat.example.com"))
		w.Must("add", err)
	}
	_, err := w.BeginPasskey(t.Context(), w.joe, chat.None{})
	w.is("one more", err, chat.ErrConflict)
	_, err = w.AskPasskey(t.Context(), nobody, chat.None{})
	w.Must("ask", err)
	w.Wait(time.Hour)
	w.Must("maintain", w.Maintain(t.Context()))
	left, err := w.Store.Records(t.Context(), "passkeychallenge", "", 10)
	if err != nil || len(left) > 0 {
		t.Errorf("%d challenges are left, %v", len(left), err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://Chat.Example.com/":     "https://chat.example.com",
		"https://example.com:8443/chat": "https://example.com:8443",
		"http://localhost:8080":         "http://localhost:8080",
		"http://chat.example.com":       "", // no https
		"https://192.0.2.7":             "", // no name
		"https://[::1]:8080":            "",
		"":                              "",
	} {
		site, err := passkey.New(address)
		got := ""
		if site != nil {
			got = site.Address()
		}
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", address, got, err, want)
		}
	}
}
