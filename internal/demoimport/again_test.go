package demoimport_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/demoimport"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

// source is a demo of some people, each with the password "password123", and
// the server it is imported into.
type source struct {
	*testing.T
	do       func(args ...string)
	service  *chat.Service
	importer demoimport.Importer
}

func newSource(t *testing.T, names ...string) source {
	client := redistest.Start(t).Client(t)
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := source{T: t, service: service(store), do: func(args ...string) {
		t.Helper()
		if err := client.Do(t.Context(), client.B().Arbitrary(args...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}}
	s.importer = demoimport.Importer{From: client, Service: s.service}
	hash, err := bcrypt.GenerateFromPassword([]byte("password123"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s.do("SET", "total_users", num(len(names)))
	for i, name := range names {
		s.do("HSET", "user:"+num(i+1), "username", name, "password", string(hash))
		s.do("SADD", "user:"+num(i+1)+":rooms", "0")
	}
	return s
}

func (s source) run() demoimport.Report {
	s.Helper()
	report, err := s.importer.Run(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return report
}

// private returns the private room of that person, nil if they have none.
func (s source) private(n int64) *chat.RoomView {
	s.Helper()
	views, err := s.service.Store.Views(s.Context(), demoimport.UserID(n))
	if err != nil {
		s.Fatal(err)
	}
	for _, v := range views {
		if v.Kind == chat.Private {
			return &v
		}
	}
	return nil
}

func as(n int64) chat.Caller {
	return chat.Caller{User: chat.User{ID: demoimport.UserID(n), Role: chat.RoleMember}}
}

// TestNames shows what becomes of names that Parley does not take, and what the
// report says of them.
func TestNames(t *testing.T) {
	long := strings.Repeat("x", 70)
	s := newSource(t, "ann@example.com", "bob@example.com", "bob.example.com", "  spaced  ", "🙂", "Zoë 🙂!",
		"all", long, long+"y")
	report := s.run()
	if report.People.New != 9 {
		t.Errorf("people %+v", report.People)
	}
	notes := strings.Join(report.Skipped, "\n")
	for n, want := range []string{"ann.example.com", "bob.example.com 2", "bob.example.com",
		"spaced", "user 5",
		"Zoë", "user 7", long[:64], long[:62] + " 2"} {
		a, err := s.service.Store.Account(t.Context(), demoimport.UserID(int64(n+1)))
		if err != nil || a.Name != want {
			t.Errorf("person %d is called %q, %v; want %q", n+1, a.Name, err, want)
		}
	}
	for _, want := range []string{
		`"ann@example.com" (user:1) logs in as "ann.example.com": A name has letters and digits`,
		`"bob@example.com" (user:2) logs in as "bob.example.com 2": A name has letters and digits, ` +
			`with single spaces and - _ . ' between them. And "bob.example.com" is taken.`,
		`"  spaced  " (user:4) is shown as "spaced", and logs in with either`,
		`"all" (user:7) logs in as "user 7": This name is reserved`,
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the report lacks %s:\n%s", want, notes)
		}
	}
	if strings.Contains(notes, "looks the same") {
		t.Errorf("no one has a name that looks the same:\n%s", notes)
	}
	for _, name := range []string{"ann.example.com", "  spaced  ", "spaced"} {
		if _, err := s.service.LogIn(t.Context(), chat.Caller{Addr: "192.0.2.1"},
			chat.LogInInput{Name: name, Password: "password123"}); err != nil {
			t.Errorf("log in as %q: %v", name, err)
		}
	}
}

// TestAgain imports again after people have left, been removed and been banned:
// none of them comes back, and only who is new in the source comes in.
func TestAgain(t *testing.T) {
	s := newSource(t, "Ann", "Bob", "Cleo", "Dan", "Eve", "Fay")
	s.do("SET", "room:77:name", "Team")
	for n := 1; n <= 4; n++ {
		s.do("SADD", "user:"+num(n)+":rooms", "77")
	}
	s.do("SADD", "user:1:rooms", "1:2")
	s.do("SADD", "user:2:rooms", "1:2")
	s.do("ZADD", "room:1:2", "1600000000", `{"from":1,"message":"Hi"}`)
	s.run()
	team := s.private(1)
	if team == nil || team.Role != chat.RoomModerator {
		t.Fatalf("the first member has %+v", team)
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(s.service.LeaveRoom(ctx, as(2), chat.RoomInput{Room: team.ID}))
	must(s.service.RemoveMember(ctx, as(1),
		chat.RemoveMemberInput{Room: team.ID, User: demoimport.UserID(3)}))
	for _, n := range []int64{4, 5} { // one who was in it, and one who comes later
		must(s.service.BanMember(ctx, as(1), chat.BanInput{Room: team.ID, User: demoimport.UserID(n)}))
	}
	direct := chat.DirectID(demoimport.UserID(1), demoimport.UserID(2))
	must(s.service.LeaveRoom(ctx, as(2), chat.RoomInput{Room: direct}))
	s.do("SADD", "user:5:rooms", "77")
	s.do("SADD", "user:6:rooms", "77")
	for range 2 {
		s.run()
		for n := int64(1); n <= 6; n++ {
			if in := s.private(n) != nil; in != (n == 1 || n == 6) {
				t.Errorf("person %d is in the room: %v", n, in)
			}
		}
		views, err := s.service.Store.Views(ctx, demoimport.UserID(2))
		if err != nil || len(views) != 1 {
			t.Errorf("who closed the direct room has %+v, %v", views, err)
		}
	}
}

// TestAgainWithoutRecords imports again what a version imported that kept no
// records: no one comes back, and the room gets the moderator it lacks.
func TestAgainWithoutRecords(t *testing.T) {
	s := newSource(t, "Ann", "Bob", "Cleo")
	for n := 1; n <= 3; n++ {
		s.do("SADD", "user:"+num(n)+":rooms", "77")
	}
	s.run()
	team := s.private(1)
	ctx := t.Context()
	if _, err := s.service.LeaveRoom(ctx, as(2), chat.RoomInput{Room: team.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.Store.Commit(ctx, chat.Change{Stream: chat.RoomStream(team.ID), ID: "demote",
		At: time.Now(), By: demoimport.UserID(1),
		Op: chat.UpdateMember{User: demoimport.UserID(1), Role: chat.RoomMember}}); err != nil {
		t.Fatal(err)
	}
	records, err := s.service.Store.Records(ctx, "demo", "", 100)
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	for _, r := range records {
		if err := s.service.Store.DeleteRecord(ctx, "demo", r.ID); err != nil {
			t.Fatal(err)
		}
	}
	s.run()
	if s.private(2) != nil {
		t.Error("who left is back")
	}
	if v := s.private(1); v.Role != chat.RoomModerator {
		t.Errorf("the first member is a %s", v.Role)
	}
}

// TestCounts imports dates in milliseconds and rooms that no one lists: all is
// read or named, and the counts add up.
func TestCounts(t *testing.T) {
	s := newSource(t, "Ann", "Bob")
	s.service.Limits.Message = 20_000
	for i, room := range []string{"0", "2:1", "lost", "1:9"} {
		s.do("ZADD", "room:"+room, "1700000000123", fmt.Sprintf(`{"from":1,"message":"message %d"}`, i))
	}
	s.do("ZADD", "room:0", "1700000001", `{"from":2,"message":"`+strings.Repeat("x", 20_000)+`"}`)
	report := s.run()
	if d := cmp.Diff([]demoimport.Count{{Read: 2, New: 2}, {Read: 4, New: 1, There: 1, Skipped: 2},
		{Read: 5, New: 3, Skipped: 2}},
		[]demoimport.Count{report.People, report.Rooms, report.Messages}); d != "" {
		t.Error(d)
	}
	for _, want := range []string{`room "lost" with 1 messages: no one is in it`,
		`room "1:9" with 1 messages`} {
		if !strings.Contains(strings.Join(report.Skipped, "\n"), want) {
			t.Errorf("nothing is said of %s: %q", want, report.Skipped)
		}
	}
	messages, err := s.service.Store.Messages(t.Context(), chat.GeneralID,
		chat.Page{From: chat.After, Limit: 10})
	if err != nil || len(messages) != 2 {
		t.Fatal(messages, err)
	}
	for _, m := range messages {
		if m.Text == "message 0" && !m.At.Equal(time.UnixMilli(1700000000123)) {
			t.Errorf("a date in milliseconds became %s", m.At)
		}
	}
	direct := chat.DirectID(demoimport.UserID(1), demoimport.UserID(2))
	if _, err := s.service.Store.View(t.Context(), direct, demoimport.UserID(2)); errors.Is(err,
		chat.ErrNotFound) {
		t.Error("the room of two people that neither lists is missing")
	}
}
