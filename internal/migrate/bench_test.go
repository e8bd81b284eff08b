package migrate_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/kit/redistest"
)

var (
	benchMessages = flag.Int("messages", 100_000, "messages that the benchmarks move")
	benchKeep     = flag.String("keep", "", "directory in which the benchmarks make their data, and leave it")
)

// large makes a chat of 100 people and 50 rooms, with messages of 100 bytes
// that were sent within two days.
func large(b *testing.B, to dir, n int) {
	s := to.store(b)
	defer closed(b, s)
	began := time.Now().UTC().Truncate(time.Millisecond).Add(-48 * time.Hour)
	var changes []chat.Change
	var users []chat.UserID
	for u := range 100 {
		a := chat.Account{User: chat.User{ID: chat.UserID(fmt.Sprintf("01K8USER%018d", u)),
			Name: fmt.Sprint("Name ", u), Role: chat.RoleMember, CreatedAt: began},
			NameKey: fmt.Sprint(u), Password: "hash"}
		changes = append(changes, chat.Change{Stream: chat.ServerStream,
			ID: fmt.Sprintf("01K8ACCT%018d", u), At: began, Op: chat.CreateUser{Account: a}})
		users = append(users, a.ID)
		if err := s.CreateSession(b.Context(),
			chat.Session{ID: chat.SessionID(fmt.Sprint("s", u)), User: a.ID,
				TokenHash: fmt.Sprint("token", u), CreatedAt: began, SeenAt: began,
				ExpiresAt: began.Add(1000 * time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	room := func(r int) chat.RoomID { return chat.RoomID(fmt.Sprintf("01K8ROOM%018d", r)) }
	for r := range 50 {
		changes = append(changes, chat.Change{Stream: chat.RoomStream(room(r)),
			ID: fmt.Sprintf("01K8MADE%018d", r), At: began,
			Op: chat.CreateRoom{Room: chat.Room{ID: room(r), Kind: chat.Public,
				Name: fmt.Sprint("Room ", r), CreatedBy: users[0], CreatedAt: began}}})
		for u := range 100 {
			changes = append(changes, chat.Change{Stream: chat.RoomStream(room(r)),
				ID: fmt.Sprintf("01K8JOIN%010d%08d", r, u), At: began,
				Op: chat.AddMember{Member: chat.Member{User: users[u], Role: chat.RoomMember,
					JoinedAt: began}}})
		}
	}
	text := strings.Repeat("words and ", 10)
	for i := range n {
		at := began.Add(48 * time.Hour / time.Duration(n) * time.Duration(i))
		from := users[i%100]
		changes = append(changes, chat.Change{Stream: chat.RoomStream(room(i / 7 % 50)),
			ID: fmt.Sprintf("01K8MSG0%018d", i), At: at.Truncate(time.Millisecond),
			By: from, Op: chat.CreateMessage{From: from, Text: text, Device: "device",
				ClientID: fmt.Sprintf("client-%020d", i)}})
		if len(changes) > 20_000 || i == n-1 {
			if _, err := s.Commit(b.Context(), changes...); err != nil {
				b.Fatal(err)
			}
			changes = nil
		}
	}
}

// BenchmarkCopy moves everything from a directory to Redis, and back, and
// compares. The unit is a message.
func BenchmarkCopy(b *testing.B) {
	first := dir(b.TempDir())
	if *benchKeep != "" {
		first = dir(*benchKeep)
	}
	large(b, first, *benchMessages)
	client := redistest.Start(b).Client(b)
	run := func(b *testing.B, from, to endpoint) {
		source, closeSource := from.source(b)
		defer closeSource()
		destination, closeDestination := to.destination(b)
		defer closeDestination()
		if err := migrate.Copy(b.Context(), source, destination, migrate.Options{}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(*benchMessages)/b.Elapsed().Seconds(), "copied/s")
		copied := b.Elapsed()
		verified(b, source, destination)
		b.ReportMetric(float64(*benchMessages)/(b.Elapsed()-copied).Seconds(), "compared/s")
		if err := destination.Finish(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var last prefix
	b.Run("to Redis", func(b *testing.B) {
		for b.Loop() {
			last = newPrefix(client)
			run(b, first, last)
		}
	})
	b.Run("to a directory", func(b *testing.B) {
		for b.Loop() {
			run(b, last, dir(b.TempDir()))
		}
	})
}
