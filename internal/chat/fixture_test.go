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
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/limit"
)

// fixture is a service on the model, with a clock that tests move.
type fixture struct {
	*chat.Service
	t       *testing.T
	mu      sync.Mutex
	at      time.Time
	signals []chat.Signal
	online  []chat.UserID
}

type silentBell struct{ f *fixture }

func (silentBell) Subscribe(context.Context, chat.Stream) error { return nil }
func (silentBell) Unsubscribe(chat.Stream)                      {}
func (b silentBell) Signal(_ context.Context, s chat.Signal)    { b.f.signals = append(b.f.signals, s) }

type roster struct{ f *fixture }

func (r roster) Online(context.Context) ([]chat.UserID, error) { return r.f.online, nil }

// plainHasher costs nothing; the real one is tested in identity.
type plainHasher struct{ verified *int }

func (plainHasher) Hash(_ context.Context, p string) (string, error) { return "hash of " + p, nil }
func (plainHasher) Stale(e string) bool                              { return strings.HasPrefix(e, "old ") }
func (h plainHasher) Verify(_ context.Context, e, p string) (bool, error) {
	*h.verified++
	return strings.TrimPrefix(e, "old ") == "hash of "+p, nil
}

var nobody = chat.Caller{Addr: "192.0.2.1"}

func newFixture(t *testing.T, change func(*chat.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	now := func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.at
	}
	cfg := chat.Config{
		Store: chattest.NewModel(nil), Bell: silentBell{f}, Presence: roster{f},
		Limiter: limit.New(now), Hasher: plainHasher{new(int)},
		Names: identity.Names{}, NewID: identity.NewID, NewToken: identity.NewToken, Now: now,
	}
	if change != nil {
		change(&cfg)
	}
	f.Service = chat.New(cfg)
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) wait(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

// person adds somebody and logs them in.
func (f *fixture) person(name string, role chat.Role) chat.Caller {
	f.t.Helper()
	if _, err := f.AddUser(f.t.Context(), name, "password123", role, ""); err != nil {
		f.t.Fatalf("add %s: %v", name, err)
	}
	return f.logIn(name)
}

func (f *fixture) logIn(name string) chat.Caller {
	f.t.Helper()
	in, err := f.LogIn(f.t.Context(), chat.Caller{Addr: "192.0.2." + name},
		chat.LogInInput{Name: name, Password: "password123"})
	if err != nil {
		f.t.Fatalf("log in as %s: %v", name, err)
	}
	who, err := f.Authenticate(f.t.Context(), in.Token, nobody)
	if err != nil {
		f.t.Fatal(err)
	}
	return who
}

func (f *fixture) room(who chat.Caller, kind chat.RoomKind, with ...chat.Caller) chat.RoomID {
	f.t.Helper()
	in := chat.CreateRoomInput{Name: fmt.Sprintf("%s room", kind), Kind: kind}
	for _, w := range with {
		in.Users = append(in.Users, w.User.ID)
	}
	view, err := f.CreateRoom(f.t.Context(), who, in)
	if err != nil {
		f.t.Fatal(err)
	}
	return view.ID
}

func (f *fixture) send(who chat.Caller, room chat.RoomID, text string) chat.Message {
	f.t.Helper()
	m, err := f.Send(f.t.Context(), who, chat.SendInput{Room: room, Text: text})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// refused fails the test unless err is of the wanted code; nil wants success.
func refused(t *testing.T, what string, err error, want *chat.Error) {
	t.Helper()
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
	if e, ok := errors.AsType[*chat.Error](err); want != nil && (!ok || strings.TrimSpace(e.Message) == "") {
		t.Errorf("%s: the refusal %v does not say what to do", what, err)
	}
}
