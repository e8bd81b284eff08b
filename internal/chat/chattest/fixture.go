package chattest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/limit"
)

// Password is that of everyone whom a [Fixture] adds.
const Password = "password123"

// Clock is a clock that tests move. It is safe for concurrent use.
type Clock struct{ elapsed atomic.Int64 }

// Now returns 3:04:05 on 2 January 2026 in UTC, and what was waited since.
func (c *Clock) Now() time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(c.elapsed.Load()))
}

// Wait lets time pass.
func (c *Clock) Wait(d time.Duration) { c.elapsed.Add(int64(d)) }

// Hasher hashes passwords at no cost; the real one is tested in identity. It
// counts what it was asked to verify.
type Hasher struct{ Verified atomic.Int64 }

func (*Hasher) Hash(_ context.Context, p string) (string, error) { return "hash of " + p, nil }
func (*Hasher) Stale(e string) bool                              { return strings.HasPrefix(e, "old ") }
func (h *Hasher) Verify(_ context.Context, e, p string) (bool, error) {
	h.Verified.Add(1)
	return strings.TrimPrefix(e, "old ") == "hash of "+p, nil
}

// Bell is a bell that rings nowhere and keeps the signals that were sent.
type Bell struct {
	mu      sync.Mutex
	signals []chat.Signal
}

func (*Bell) Subscribe(context.Context, chat.Stream) error { return nil }
func (*Bell) Unsubscribe(chat.Stream)                      {}
func (b *Bell) Signal(_ context.Context, s chat.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signals = append(b.signals, s)
}

// Signals returns what was sent so far.
func (b *Bell) Signals() []chat.Signal {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]chat.Signal(nil), b.signals...)
}

// noOne is a presence without people.
type noOne struct{}

func (noOne) Online(context.Context, []chat.UserID) ([]chat.UserID, error) {
	return []chat.UserID{}, nil
}
func (noOne) OnlinePage(context.Context, chat.UserID, int) (chat.OnlineOutput, error) {
	return chat.OnlineOutput{Online: []chat.UserID{}}, nil
}

// Unlimited are limits by size only: nothing is counted over time.
func Unlimited() chat.Limits {
	none := chat.Rate{Limit: -1, Window: time.Second}
	return chat.Limits{Sends: none, Uploads: none, Looks: none, Calls: none, Logins: none, Guesses: none,
		Profiles: none, Audits: none}
}

// Config returns what a service in a test is made of: an empty [Model], a
// silent [Bell], no one online, the real names, ids and limits, and no log. An
// own store, bell or clock takes the place of one of these.
func Config() chat.Config {
	return chat.Config{
		Store: NewModel(nil), Bell: new(Bell), Presence: noOne{}, Limiter: limit.New(time.Now),
		Hasher: new(Hasher), Names: identity.Names{}, NewID: identity.NewID, NewToken: identity.NewToken,
		Log: slog.New(slog.DiscardHandler),
	}
}

// Fixture is a service with people and rooms to be. Whatever it is asked for
// and cannot do stops the test.
type Fixture struct {
	*chat.Service
	*Clock
	T testing.TB
}

// New returns a fixture on [Config], as changed, with a clock that stands still
// until the test moves it. Messages are found by a [PlainIndex].
func New(t testing.TB, change func(*chat.Config)) *Fixture {
	t.Helper()
	clock, cfg := new(Clock), Config()
	cfg.Now, cfg.Limiter = clock.Now, limit.New(clock.Now)
	if change != nil {
		change(&cfg)
	}
	if cfg.Index == nil {
		cfg.Index = PlainIndex{cfg.Store}
	}
	return Of(t, chat.New(cfg), clock)
}

// Of returns a fixture on a service that is there, such as one on a real store.
func Of(t testing.TB, service *chat.Service, clock *Clock) *Fixture {
	t.Helper()
	f := &Fixture{Service: service, Clock: clock, T: t}
	f.Must("set up", f.Setup(t.Context()))
	return f
}

// Now is the service's clock.
func (f *Fixture) Now() time.Time { return f.Service.Now() }

// Must stops the test if err is not nil.
func (f *Fixture) Must(what string, err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatalf("%s: %v", what, err)
	}
}

// Person adds someone and logs them in.
func (f *Fixture) Person(name string, role chat.Role) chat.Caller {
	f.T.Helper()
	_, err := f.AddUser(f.T.Context(), name, Password, role, "")
	f.Must("add "+name, err)
	return f.Again(name)
}

// Again logs someone in whom [Fixture.Person] has added, as from an address of
// their own.
func (f *Fixture) Again(name string) chat.Caller {
	f.T.Helper()
	from := chat.Caller{Addr: "192.0.2." + name}
	in, err := f.LogIn(f.T.Context(), from, chat.LogInInput{Name: name, Password: Password})
	f.Must("log in as "+name, err)
	who, err := f.Authenticate(f.T.Context(), in.Token, from)
	f.Must("authenticate "+name, err)
	return who
}

// Room makes a room with some people, moderated by the first. Its name says its
// kind.
func (f *Fixture) Room(who chat.Caller, kind chat.RoomKind, with ...chat.Caller) chat.RoomID {
	f.T.Helper()
	in := chat.CreateRoomInput{Name: fmt.Sprintf("%s room", kind), Kind: kind}
	for _, w := range with {
		in.Users = append(in.Users, w.User.ID)
	}
	view, err := f.CreateRoom(f.T.Context(), who, in)
	f.Must("make a room", err)
	return view.ID
}

// Say sends a message.
func (f *Fixture) Say(who chat.Caller, room chat.RoomID, text string) chat.Message {
	f.T.Helper()
	m, err := f.Send(f.T.Context(), who, chat.SendInput{Room: room, Text: text})
	f.Must("send", err)
	return m
}

// Must stops the test if err is not nil.
func Must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Refused fails the test unless err is of the wanted code and says what to do.
func Refused(t testing.TB, what string, err error, want *chat.Error) {
	t.Helper()
	if want == nil {
		t.Fatalf("%s: Refused wants a refusal; use Must", what)
	}
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
	if e, ok := errors.AsType[*chat.Error](err); !ok || strings.TrimSpace(e.Message) == "" {
		t.Errorf("%s: the refusal %v does not say what to do", what, err)
	}
}
