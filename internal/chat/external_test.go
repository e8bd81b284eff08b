package chat_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

func TestUpsertUser(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	receive := func(id, name string, role chat.Role) chat.User {
		t.Helper()
		u, err := f.UpsertUser(t.Context(), chat.ExternalUser{ID: id, Name: name, Role: role})
		if err != nil {
			t.Fatalf("%s, %q: %v", id, name, err)
		}
		kept, err := f.Store.Account(t.Context(), u.ID)
		if err != nil || kept.User != u || kept.Password != "" {
			t.Fatalf("%s is kept as %+v, %v", id, kept, err)
		}
		return u
	}
	ada := receive("1", "Ada", "")
	if ada.Name != "Ada" || ada.Role != chat.RoleMember || string(ada.ID) != chat.ExternalID("person", "1") {
		t.Errorf("%+v", ada)
	}
	if _, err := f.Store.Member(t.Context(), chat.GeneralID, ada.ID); err != nil {
		t.Errorf("not in General: %v", err)
	}
	if again := receive("1", "Ada", ""); again != ada {
		t.Errorf("%+v then %+v", ada, again)
	}
	// Of one name, and of one that only looks like it, each is told from the
	// others, and stays so.
	for _, c := range []struct{ id, name, want string }{{"2", "Ada", "Ada-2"},
		{"3", "ADA", "ADA-3"}, {"2", "Ada", "Ada-2"}, {"1", "Ada", "Ada"},
		{"1", "Ada Lovelace", "Ada Lovelace"}, {"2", "Ada", "Ada-2"}} {
		if u := receive(c.id, c.name, ""); u.Name != c.want {
			t.Errorf("%s as %q is %q, want %q", c.id, c.name, u.Name, c.want)
		}
	}
	// Names that cannot be shown.
	for id, name := range map[string]string{"a": "", "b": "everyone", "c": "\u202e\x00",
		"d": strings.Repeat("long ", 400), "e": "Ada <b>", "f": "Аda mixed", "g": strings.Repeat("é", 3000)} {
		if u := receive(id, name, ""); u.Name == "" || len([]rune(u.Name)) > f.Limits.Name ||
			strings.ContainsAny(u.Name, "<>\x00") {
			t.Errorf("%q became %q", name, u.Name)
		}
	}
	// The program says the role, or leaves it.
	if u := receive("1", "Ada Lovelace", chat.RoleOwner); u.Role != chat.RoleOwner {
		t.Errorf("%+v", u)
	}
	if u := receive("1", "Ada Lovelace", ""); u.Role != chat.RoleOwner {
		t.Errorf("%+v", u)
	}
	for _, bad := range []chat.ExternalUser{{Name: "x"}, {ID: "z", Name: "x", Role: "king"}} {
		if _, err := f.UpsertUser(t.Context(), bad); !errors.Is(err, chat.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestUpsertUserAtOnce has many requests bring somebody for the first time.
func TestUpsertUserAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			u, err := f.UpsertUser(t.Context(), chat.ExternalUser{ID: string(rune('a' + i%4)), Name: "Sam"})
			if err != nil || !strings.HasPrefix(u.Name, "Sam") {
				t.Errorf("%+v, %v", u, err)
			}
		})
	}
	wg.Wait()
	users, err := f.Store.Users(t.Context(), "", 100)
	if err != nil || len(users) != 4 {
		t.Errorf("%d people: %+v, %v", len(users), users, err)
	}
}

func TestExternalLogIn(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.External, c.SignUp = &chat.External{LogIn: "/login", LogOut: "/logout"}, chat.SignUpOpen
	})
	info, err := f.Info(t.Context(), nobody, chat.None{})
	if err != nil || !info.External || info.LogIn != "/login" || info.LogOut != "/logout" ||
		info.NeedsSetup || info.SignUp != chat.SignUpClosed {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := f.AddUser(t.Context(), "Bob", "a long password", chat.RoleMember, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := f.LogIn(t.Context(), nobody,
		chat.LogInInput{Name: "Bob", Password: "a long password"}); !errors.Is(err, chat.ErrForbidden) {
		t.Errorf("with a password: %v", err)
	}
	if _, err := f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Eve", Password: "a long password"}); !errors.Is(err, chat.ErrForbidden) {
		t.Errorf("signing up: %v", err)
	}
}

func TestEndSessions(t *testing.T) {
	f := newFixture(t, nil)
	u, err := f.AddUser(t.Context(), "Bob", "a long password", chat.RoleMember, "")
	if err != nil {
		t.Fatal(err)
	}
	open := func() chat.LoggedInOutput {
		t.Helper()
		out, err := f.OpenSession(t.Context(), nobody, u)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	alive := func(token string) bool {
		t.Helper()
		_, err := f.Authenticate(t.Context(), token, nobody)
		if err != nil && !errors.Is(err, chat.ErrUnauthenticated) {
			t.Fatal(err)
		}
		return err == nil
	}
	if err := f.EndSessions(t.Context(), u.ID, ""); err != nil {
		t.Errorf("without any: %v", err)
	}
	one, two := open(), open()
	who, err := f.Authenticate(t.Context(), one.Token, nobody)
	if err != nil {
		t.Fatal(err)
	}
	program, err := f.CreateToken(t.Context(), who,
		chat.TokenInput{Name: "p", Scopes: []string{chat.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.EndSessions(t.Context(), u.ID, one.Session.ID); err != nil || alive(one.Token) ||
		!alive(two.Token) {
		t.Errorf("one: %v", err)
	}
	if err := f.EndSessions(t.Context(), u.ID, one.Session.ID); err != nil || !alive(two.Token) ||
		!alive(program.Token) {
		t.Errorf("one that is over: %v", err)
	}
	if err := f.EndSessions(t.Context(), u.ID, ""); err != nil || alive(two.Token) || !alive(program.Token) {
		t.Errorf("all: %v", err)
	}
}

func TestRoomsOfAProgram(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	room, err := f.KeyedRoom(t.Context(), "project 7",
		chat.CreateRoomInput{Name: "Seven", Kind: chat.Private})
	if err != nil || room.Kind != chat.Private || room.Name != "Seven" {
		t.Fatalf("%+v, %v", room, err)
	}
	if again, err := f.KeyedRoom(t.Context(), "project 7",
		chat.CreateRoomInput{Name: "Other"}); err != nil || again.ID != room.ID || again.Name != "Seven" {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := f.KeyedRoom(t.Context(), "x", chat.CreateRoomInput{Name: ""}); !errors.Is(err,
		chat.ErrInvalid) {
		t.Errorf("without a name: %v", err)
	}
	ada, err := f.UpsertUser(t.Context(), chat.ExternalUser{ID: "1", Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	bot, err := f.Bot(t.Context(), "Deploys")
	if again, err2 := f.Bot(t.Context(), "Deploys"); err != nil || err2 != nil || bot != again ||
		!bot.Bot || bot.Role != chat.RoleGuest {
		t.Errorf("%+v, %+v, %v, %v", bot, again, err, err2)
	}
	for _, u := range []chat.UserID{ada.ID, bot.ID, ada.ID} {
		if err := f.PutMember(t.Context(), room.ID, u, chat.RoomMember); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	who, err := f.As(t.Context(), bot.ID)
	if err != nil {
		t.Fatal(err)
	}
	first, err := f.Send(t.Context(), who,
		chat.SendInput{Room: room.ID, Text: "shipped", ClientID: "order-1"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := f.Send(t.Context(), who,
		chat.SendInput{Room: room.ID, Text: "shipped", ClientID: "order-1"}); err != nil ||
		again.ID != first.ID {
		t.Errorf("%+v, %v", again, err)
	}
	if err := f.PutMember(t.Context(), room.ID, ada.ID, chat.RoomModerator); err != nil {
		t.Error(err)
	}
	if m, err := f.Store.Member(t.Context(), room.ID, ada.ID); err != nil || m.Role != chat.RoomModerator {
		t.Errorf("%+v, %v", m, err)
	}
	if err := f.DropMember(t.Context(), room.ID, ada.ID); err != nil {
		t.Error(err)
	}
	if _, err := f.Store.Member(t.Context(), room.ID, ada.ID); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	for name, err := range map[string]error{
		"out of General":  f.DropMember(t.Context(), chat.GeneralID, ada.ID),
		"into a pair":     f.PutMember(t.Context(), chat.DirectID(ada.ID, bot.ID), ada.ID, chat.RoomMember),
		"of nobody":       f.PutMember(t.Context(), room.ID, "nobody", chat.RoomMember),
		"into no room":    f.PutMember(t.Context(), "none", ada.ID, chat.RoomMember),
		"a disabled user": func() error { _, err := f.As(t.Context(), "nobody"); return err }(),
	} {
		if !errors.Is(err, chat.ErrForbidden) && !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
