package demoimport_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
	"golang.org/x/crypto/bcrypt"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/demoimport"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// demo writes a database as the demo leaves it.
func demo(t *testing.T, c rueidis.Client) {
	t.Helper()
	do := func(args ...string) {
		t.Helper()
		if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("password123"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	// 3 looks like 1, 4 has a name that cannot be shown, 5 is missing, 6 has no
	// bcrypt hash.
	names := []string{"Pablo", "Joe", "PABLO", "bad\u202ename", "", "Mary"}
	do("SET", "total_users", num(len(names)))
	for i, name := range names {
		key := fmt.Sprint("user:", i+1)
		if name == "" {
			continue
		}
		password := string(hash)
		if name == "Mary" {
			password = "plain"
		}
		do("HSET", key, "username", name, "password", password)
		do("SET", "username:"+name, key)
		do("SADD", key+":rooms", "0")
	}
	do("SET", "room:0:name", "General")
	say := func(room string, at int, from any, text string) {
		t.Helper()
		do("ZADD", "room:"+room, num(at),
			fmt.Sprintf(`{"from":%q,"date":%d,"message":%q,"roomId":%q}`, fmt.Sprint(from), at, text, room))
	}
	for i := range 1200 { // several pages
		say("0", 1_600_000_000+i/2, 1+i%2, fmt.Sprint("message ", i)) // two a second
	}
	do("ZADD", "room:0", "1600005000",
		`{"from":2,"date":1600005000,"message":"&ltb&gta number &lt;as author&lt/b&gt","roomId":"0"}`)
	say("0", 1_600_006_000, 77, "by nobody")
	say("0", 1_600_006_001, 1, " ")
	do("ZADD", "room:0", "1600006002", "not JSON")
	say("0", 1_600_006_003, 1, strings.Repeat("x", 20_000))
	for _, user := range []string{"1", "2"} {
		do("SADD", "user:"+user+":rooms", "1:2")
	}
	say("1:2", 1_600_000_001, 1, "Hi Joe")
	say("1:2", 1_600_000_002, 2, "Hi Pablo")
	do("SADD", "user:1:rooms", "1:99", "mine")
	do("SADD", "user:2:rooms", "mine")
	do("SET", "room:mine:name", "A room  with a name")
	say("mine", 1_600_000_003, 2, "in a named room")
}

func num(n int) string { return fmt.Sprint(n) }

func service(store chat.Store) *chat.Service {
	cfg := chattest.Config()
	cfg.Store, cfg.Hasher = store, identity.NewHasher(2, 5*time.Second)
	return chat.New(cfg)
}

func TestImport(t *testing.T) {
	server := redistest.Start(t)
	from := server.Client(t)
	demo(t, from)
	for name, open := range map[string]func(t *testing.T) (chat.Store, error){
		"embedded": func(t *testing.T) (chat.Store, error) {
			return sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Log: slog.New(slog.DiscardHandler)})
		},
		"redis": func(t *testing.T) (chat.Store, error) {
			return redisstore.Open(t.Context(), redistest.Start(t).Client(t), redisstore.Options{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			s := service(store)
			i := demoimport.Importer{From: from, Service: s}
			// Stopped in the middle, some times, and begun again.
			for _, calls := range []int{1, 3, 6} {
				ctx, cancel := context.WithCancel(t.Context())
				stopping := i
				stopping.Progress = func(demoimport.Report) {
					if calls--; calls == 0 {
						cancel()
					}
				}
				if _, err := stopping.Run(ctx); err == nil {
					t.Fatal("it was not stopped")
				}
				cancel()
			}
			report, err := i.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			check(t, s, report)
			again, err := i.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if again.People.New+again.Rooms.New+again.Messages.New != 0 || again.Messages.There != 1204 {
				t.Errorf("the second time: %+v", again)
			}
			check(t, s, again)
		})
	}
}

func check(t *testing.T, s *chat.Service, report demoimport.Report) {
	t.Helper()
	if report.People.Read != 6 || report.People.Skipped != 1 || report.Rooms.Read != 4 ||
		report.Rooms.Skipped != 1 || report.Messages.Skipped != 4 {
		t.Errorf("report %+v", report)
	}
	for _, want := range []string{"user:5 does not exist", "by nobody", "not JSON", "1:99"} {
		if !strings.Contains(strings.Join(report.Skipped, "\n"), want) {
			t.Errorf("nothing is said of %q: %q", want, report.Skipped)
		}
	}
	ctx := t.Context()
	var who [3]chat.Caller
	for i, name := range []string{"Pablo", "Joe", "PABLO 2"} {
		in, err := s.LogIn(ctx, chat.Caller{Addr: "192.0.2.1"},
			chat.LogInInput{Name: name, Password: "password123"})
		if err != nil {
			t.Fatalf("log in as %s: %v", name, err)
		}
		who[i] = chat.Caller{User: in.User, Session: in.Session.ID}
		a, err := s.Store.Account(ctx, in.User.ID)
		if err != nil || !strings.HasPrefix(a.Password, "$argon2id$") {
			t.Errorf("%s's password after a log-in: %.12q, %v", name, a.Password, err)
		}
	}
	if _, err := s.LogIn(ctx, chat.Caller{Addr: "192.0.2.1"},
		chat.LogInInput{Name: "Mary", Password: "plain"}); !errors.Is(err,
		chat.ErrUnauthenticated) && err == nil {
		t.Errorf("log in with a password that was not hashed: %v", err)
	}
	read := func(who chat.Caller, room chat.RoomID) (texts []string, times []time.Time) {
		t.Helper()
		for after := int64(0); ; {
			page, err := s.ListMessages(ctx, who,
				chat.MessageListInput{Room: room, After: &after, Limit: 200})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Messages {
				texts, times = append(texts, m.Text), append(times, m.At)
				after = m.No
			}
			if !page.MoreNewer {
				return texts, times
			}
		}
	}
	texts, times := read(who[0], chat.GeneralID)
	if len(texts) != 1201 || texts[1200] != "<b>a number &lt;as author</b>" {
		t.Fatalf("General has %d messages, the last %q", len(texts), texts[len(texts)-1])
	}
	for i := 1; i < len(times); i++ {
		if times[i].Before(times[i-1]) {
			t.Fatalf("message %d is older than the one before it", i)
		}
	}
	if !times[0].Equal(time.Unix(1_600_000_000, 0)) {
		t.Errorf("the first message is of %s", times[0])
	}
	rooms, err := s.ListRooms(ctx, who[0], chat.None{})
	if err != nil || len(rooms.Rooms) != 3 {
		t.Fatalf("Pablo has the rooms %+v, %v", rooms, err)
	}
	for _, v := range rooms.Rooms {
		texts, _ := read(who[0], v.ID)
		var want []string
		switch v.Kind {
		case chat.Direct:
			want = []string{"Hi Joe", "Hi Pablo"}
		case chat.Private:
			want = []string{"in a named room"}
			if v.Name != "A room with a name" {
				t.Errorf("the room is called %q", v.Name)
			}
		default:
			continue
		}
		if d := cmp.Diff(want, texts); d != "" || v.Unread != 0 {
			t.Errorf("%s, %d unread: %s", v.Kind, v.Unread, d)
		}
	}
	if rooms, err := s.ListRooms(ctx, who[2], chat.None{}); err != nil || len(rooms.Rooms) != 1 {
		t.Errorf("who was in no other room has %+v, %v", rooms, err)
	}
}

func TestNoDemo(t *testing.T) {
	server := redistest.Start(t)
	store, err := redisstore.Open(t.Context(), server.Client(t), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := (demoimport.Importer{From: server.Client(t), Service: service(store)}).Run(
		t.Context()); !errors.Is(err, demoimport.ErrNoDemo) {
		t.Errorf("an empty database: %v", err)
	}
}
