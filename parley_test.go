package parley_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley"
)

func TestSend(t *testing.T) {
	p := embed(t, parley.Options{})
	ctx := t.Context()
	room, err := p.chat.Room(ctx, parley.Room{Key: "project-7", Name: "Project 7",
		Topic: "all about it", Private: true})
	if err != nil || room != parley.RoomIDFor("project-7") {
		t.Fatalf("%s, %v", room, err)
	}
	if again, err := p.chat.Room(ctx, parley.Room{Key: "project-7", Name: "Another"}); err != nil ||
		again != room {
		t.Errorf("%s, %v", again, err)
	}
	bot, err := p.chat.Bot(ctx, "Deploys")
	if err != nil {
		t.Fatal(err)
	}
	post := parley.Post{Room: room, From: bot, Text: "**v1.2** is out", Key: "v1.2"}
	if _, err := p.chat.Send(ctx, post); !errors.Is(err, parley.ErrNotFound) {
		t.Errorf("into a room that it is not in: %v", err)
	}
	ada, err := p.chat.UpsertUser(ctx, parley.User{ID: "1", Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []parley.UserID{bot, ada} {
		if err := p.chat.AddMember(ctx, room, who); err != nil {
			t.Fatal(err)
		}
	}
	first, err := p.chat.Send(ctx, post)
	if err != nil || first.No != 1 || first.From != bot || first.Text != post.Text {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := p.chat.Send(ctx, post); err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	if got := p.do("GET", "/api/v1/rooms/"+string(room)+"/messages", "a", ""); got.status != 200 ||
		strings.Count(got.body, "v1.2** is out") != 1 {
		t.Errorf("%+v", got)
	}
	if err := p.chat.AddModerator(ctx, room, ada); err != nil {
		t.Error(err)
	}
	if got := p.do("PATCH", "/api/v1/rooms/"+string(room), "a", `{"topic":"mine"}`); got.status != 200 {
		t.Errorf("as a moderator: %+v", got)
	}
	if err := p.chat.RemoveMember(ctx, room, ada); err != nil {
		t.Error(err)
	}
	if got := p.do("GET", "/api/v1/rooms/"+string(room), "a", ""); got.status != 404 {
		t.Errorf("after removal: %+v", got)
	}
	for name, err := range map[string]error{
		"no text":   second(p.chat.Send(ctx, parley.Post{Room: room, From: bot})),
		"a bad key": second(p.chat.Send(ctx, parley.Post{Room: room, From: bot, Text: "x", Key: "a b"})),
		"no name":   second(p.chat.Room(ctx, parley.Room{Key: "x"})),
		"no id":     second(p.chat.UpsertUser(ctx, parley.User{Name: "x"})),
	} {
		if e, ok := errors.AsType[*parley.Error](err); !ok || !errors.Is(err, parley.ErrInvalid) ||
			e.Message == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestListen has a bot hear what happens, over a connection that is lost.
func TestListen(t *testing.T) {
	everywhere(t, func(t *testing.T, o parley.Options) {
		p := embed(t, o)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		bot, err := p.chat.Bot(ctx, "Listener")
		if err != nil {
			t.Fatal(err)
		}
		var rooms []parley.RoomID
		for i := range 2 {
			room, err := p.chat.Room(ctx, parley.Room{Key: fmt.Sprint(i), Name: fmt.Sprint("Room ", i)})
			if err != nil {
				t.Fatal(err)
			}
			rooms = append(rooms, room)
		}
		ada, err := p.chat.UpsertUser(ctx, parley.User{ID: "1", Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []parley.UserID{bot, ada} {
			if err := p.chat.AddMember(ctx, rooms[0], who); err != nil {
				t.Fatal(err)
			}
		}
		heard, ended := make(chan parley.Event, 1000), make(chan error, 1)
		go func() {
			ended <- p.chat.Listen(ctx, bot, func(_ context.Context, e parley.Event) error {
				heard <- e
				return nil
			})
		}()
		next := func(want parley.Kind) parley.Event {
			t.Helper()
		again:
			select {
			case e := <-heard:
				if e.Room == parley.General { // of its coming there as a member
					goto again
				}
				if e.Kind != want {
					t.Fatalf("%+v, want %s", e, want)
				}
				return e
			case err := <-ended:
				t.Fatalf("ended: %v", err)
			case <-time.After(30 * time.Second):
				t.Fatalf("%s did not come", want)
			}
			return parley.Event{}
		}
		send := func(room parley.RoomID, text string) {
			t.Helper()
			if _, err := p.chat.Send(ctx, parley.Post{Room: room, From: ada, Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		// From when it listens is seen by its being there.
		p.logIn("a", parley.User{ID: "1", Name: "Ada", Role: parley.Owner})
		soon(t, func() bool {
			return strings.Contains(p.do("GET", "/api/v1/presence", "a", "").body,
				string(bot))
		})
		heardFirst := false
		for i := 0; !heardFirst; i++ { // online is a moment before it hears
			send(rooms[0], fmt.Sprint("knock ", i))
			select {
			case <-heard:
				heardFirst = true
			case <-time.After(200 * time.Millisecond):
			}
		}
		send(rooms[0], "end of knocking")
		for e := range heard {
			if e.Message.Text == "end of knocking" {
				break
			}
		}
		if got := p.do("PATCH", "/api/v1/rooms/"+string(rooms[0])+"/messages/1", "a",
			`{"text":"edited"}`); got.status != 200 {
			t.Fatalf("%+v", got)
		}
		if e := next(parley.MessageEdited); e.Message.Text != "edited" || e.By != ada ||
			e.Room != rooms[0] || e.Message.No != 1 {
			t.Errorf("%+v", e)
		}
		// Into another room, of which it hears what comes after.
		if err := p.chat.AddMember(ctx, rooms[1], bot); err != nil {
			t.Fatal(err)
		}
		if err := p.chat.AddMember(ctx, rooms[1], ada); err != nil {
			t.Fatal(err)
		}
		for e := next(parley.MemberJoined); e.Member != ada; e = next(parley.MemberJoined) {
		}
		for i := range 20 {
			send(rooms[1], fmt.Sprint(i))
			if e := next(parley.MessageSent); e.Message.Text != fmt.Sprint(i) || e.Room != rooms[1] {
				t.Fatalf("%d: %+v", i, e)
			}
			if i == 10 { // its connection is closed, and it goes on from where it was
				if got := p.do("PATCH", "/api/v1/users/"+string(bot), "a",
					`{"role":"member"}`); got.status != 200 {
					t.Fatalf("%+v", got)
				}
			}
		}
		if err := p.chat.RemoveMember(ctx, rooms[1], bot); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func soon(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about")
		}
	}
}

func TestListenEnds(t *testing.T) {
	p := embed(t, parley.Options{})
	ctx := t.Context()
	bot, err := p.chat.Bot(ctx, "Listener")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.chat.AddMember(ctx, must(p.chat.Room(ctx, parley.Room{Key: "r", Name: "R"}))(t),
		bot); err != nil {
		t.Fatal(err)
	}
	mine := fmt.Errorf("enough: %w", parley.ErrUnavailable)
	ended := make(chan error, 1)
	go func() {
		ended <- p.chat.Listen(ctx, bot, func(context.Context, parley.Event) error { return mine })
	}()
	for i := 0; ; i++ {
		if _, err := p.chat.Send(ctx, parley.Post{Room: parley.RoomIDFor("r"), From: bot,
			Text: fmt.Sprint(i)}); err != nil && !errors.Is(err, parley.ErrRateLimited) {
			t.Fatal(err)
		}
		select {
		case err = <-ended:
		case <-time.After(100 * time.Millisecond):
			continue
		}
		break
	}
	if err != mine {
		t.Errorf("ended with %v", err)
	}
	if err := p.chat.Listen(ctx, "nobody", nil); !errors.Is(err, parley.ErrNotFound) {
		t.Errorf("as nobody: %v", err)
	}
	go func() {
		ended <- p.chat.Listen(ctx, bot, func(context.Context, parley.Event) error { return nil })
	}()
	if err := p.chat.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, parley.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestClose has clients sent away, and what comes later refused.
func TestClose(t *testing.T) {
	p := embed(t, parley.Options{})
	p.logIn("a", parley.User{ID: "1", Name: "Ada"})
	conn, _ := p.dial("a", p.http.URL)
	p.call(conn, "account.get")
	if err := p.chat.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if code := closed(t, conn); code != 1012 {
		t.Errorf("closed with %d", code)
	}
	if got := p.do("GET", "/healthz", "", ""); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v", got)
	}
	if err := p.chat.Close(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestSeveral has two chats in one process, each with people and metrics of its
// own, and one that takes over the data of another.
func TestSeveral(t *testing.T) {
	registry, data := prometheus.NewRegistry(), t.TempDir()
	open := func(name string) *parley.Server {
		t.Helper()
		s, err := parley.Open(t.Context(), parley.Options{
			Data: filepath.Join(data, name), Name: name, SignUp: "open", Log: slog.New(slog.DiscardHandler),
			Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"chat": name}, registry),
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	names := func() []string {
		t.Helper()
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var chats []string
		for _, family := range all {
			if family.GetName() == "parley_connections" {
				for _, m := range family.Metric {
					chats = append(chats, m.Label[0].GetValue())
				}
			}
		}
		return chats
	}
	one, two := open("one"), open("two")
	if got := names(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("metrics of %v", got)
	}
	if _, err := parley.Open(t.Context(), parley.Options{Data: filepath.Join(data, "one")}); err == nil {
		t.Error("two on the same data")
	}
	signUp := func(s *parley.Server) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/api/v1/accounts",
			strings.NewReader(`{"name":"Ada","password":"password123"}`))
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(w, r)
		return w.Code
	}
	if a, b, again := signUp(one), signUp(two), signUp(one); a != 201 || b != 201 || again != 409 {
		t.Errorf("%d, %d, %d", a, b, again)
	}
	if err := one.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := names(); !slices.Equal(got, []string{"two"}) {
		t.Errorf("metrics of %v", got)
	}
	one = open("one")
	if got := signUp(one); got != 409 {
		t.Errorf("on the same data: %d", got)
	}
	for _, s := range []*parley.Server{one, two} {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestOwnAccounts is a chat in a program that has no people.
func TestOwnAccounts(t *testing.T) {
	s, err := parley.Open(t.Context(), parley.Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	code, err := s.OwnerCode(t.Context())
	if err != nil || code == "" {
		t.Fatalf("%q, %v", code, err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/api/v1/accounts",
		strings.NewReader(`{"name":"Ada","password":"password123","invite":"`+code+`"}`))
	r.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(w, r)
	if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"role":"owner"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if code, err := s.OwnerCode(t.Context()); err != nil || code != "" {
		t.Errorf("then %q, %v", code, err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		options parley.Options
		want    string
	}{
		{parley.Options{}, "Options.Data"},
		{parley.Options{Data: "x", Store: "redis://localhost"}, "Options.Data"},
		{parley.Options{Store: "http://localhost"}, "Options.Store"},
		{parley.Options{Data: "x", RedisWait: 1}, "Options.RedisWait"},
		{parley.Options{Data: "x", Files: "ftp://x"}, "Options.Files"},
		{parley.Options{Data: "x", FilesKey: "x"}, "Options.FilesKey"},
		{parley.Options{Data: "x", FileSize: -1}, "Options.FileSize"},
		{parley.Options{Data: "x", SignUp: "maybe"}, "Options.SignUp"},
		{parley.Options{Data: "x", LogIn: "/login"}, "Options.LogIn"},
		{parley.Options{Data: "x", LogIn: "javascript:alert(1)"}, "Options.LogIn"},
		{parley.Options{Data: "x", Recheck: time.Second}, "Options.Recheck"},
		{parley.Options{Data: "x", Retain: -1}, "Options.Retain"},
		{parley.Options{Data: "x", Origins: []string{"example.com"}}, "Options.Origins"},
		{parley.Options{Data: "x", PublicURL: "example.com"}, "Options.PublicURL"},
	} {
		if _, err := parley.Open(t.Context(), c.options); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.options, err)
		}
	}
}
