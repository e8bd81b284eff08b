package demoimport_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/demoimport"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestHostile imports what somebody wrote into the demo's keys to do harm: it
// comes over as people could have said it here, or not at all.
func TestHostile(t *testing.T) {
	server := redistest.Start(t)
	from := server.Client(t)
	do := func(args ...string) {
		t.Helper()
		if err := from.Do(t.Context(), from.B().Arbitrary(args...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := service(store)
	do("SET", "total_users", "9223372036854775807")
	if _, err := (demoimport.Importer{From: from, Service: s}).Run(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "total_users") {
		t.Errorf("people without end: %v", err)
	}
	do("SET", "total_users", "3")
	for n, name := range []string{"Pablo", "P\u202eolbaP", "Admin\r\nX: y"} {
		key := "user:" + num(n+1)
		do("HSET", key, "username", name, "password", "$2a$99$"+strings.Repeat("x", 53))
		do("SADD", key+":rooms", "0", "evil", "1:1", "1:-2", "../0", "0\x00")
	}
	do("SET", "room:evil:name", "in\u202evoice\x1b[2J\u0000")
	for at, member := range []string{
		`{"from":1,"message":"\u0000a\u001b[2Jb\r\nc\u007f"}`,
		`{"from":1.5,"message":"by one and a half"}`, `{"from":1e300,"message":"by too many"}`,
		`{"from":"1","message":{"text":"no text"}}`, `{"from":-1,"message":"by nobody"}`,
		`{"from":"1","message":"\u0007"}`, strings.Repeat("[", 100_000),
	} {
		do("ZADD", "room:evil", num(at), member)
	}
	report, err := demoimport.Importer{From: from, Service: s}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who := chat.Caller{User: chat.User{ID: demoimport.UserID(1), Role: chat.RoleMember}}
	rooms, err := s.ListRooms(t.Context(), who, chat.None{})
	if err != nil {
		t.Fatal(err)
	}
	var names, texts []string
	for _, v := range rooms.Rooms {
		names = append(names, v.Name)
		page, err := s.ListMessages(t.Context(), who, chat.MessageListInput{Room: v.ID})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			texts = append(texts, m.Text)
		}
	}
	if len(texts) != 1 || texts[0] != "a[2Jb\nc" {
		t.Errorf("messages %q", texts)
	}
	for _, name := range append(names, report.Skipped...) {
		if strings.ContainsAny(name, "\x00\x1b\u202e\r\n") {
			t.Errorf("%q", name)
		}
	}
	users, err := s.Store.Users(t.Context(), "", 100)
	if err != nil || len(users) != 3 {
		t.Fatal(users, err)
	}
	for _, u := range users {
		if _, _, err := s.Names.Fold(u.Name); err != nil || u.Role != chat.RoleMember {
			t.Errorf("%q is %s here: %v", u.Name, u.Role, err)
		}
	}
}
