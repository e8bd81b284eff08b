package sqlite

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

var benchTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// BenchmarkCommit measures durable acknowledged sends from 64 concurrent senders.
func BenchmarkCommit(b *testing.B) {
	for _, rooms := range []int{1, 64} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) { benchmarkCommit(b, rooms, 64) })
	}
}

// cpuTime is what this process has used, which says more than the clock on a machine that others use too.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkCommit(b *testing.B, rooms, senders int) {
	ctx := context.Background()
	s, err := Open(ctx, b.TempDir(), Options{Ring: func(*chat.Event) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	user := func(i int) chat.UserID { return chat.UserID(fmt.Sprintf("01J9ZZZZZZZZZZZZZZZZZZ%04d", i)) }
	room := func(i int) chat.RoomID { return chat.RoomID(fmt.Sprintf("01J9YYYYYYYYYYYYYYYYYY%04d", i)) }
	for i := range rooms {
		st := chat.RoomStream(room(i))
		changes := []chat.Change{{Stream: st, Kind: chat.RoomCreated, ID: fmt.Sprint("r", i), At: benchTime, Room: &chat.Room{ID: room(i), Kind: chat.Public}}}
		for j := range senders {
			changes = append(changes, chat.Change{Stream: st, Kind: chat.MemberJoined, ID: fmt.Sprint("m", i, "-", j), At: benchTime, Member: &chat.Member{User: user(j), Role: chat.RoomMember}})
		}
		if _, err := s.Commit(ctx, changes...); err != nil {
			b.Fatal(err)
		}
	}
	text := strings.Repeat("hello wor ", 10)
	var n atomic.Int64
	cpu := cpuTime(b)
	b.ResetTimer()
	done := make(chan error, senders)
	for i := range senders {
		go func() {
			r := room(i % rooms)
			for {
				k := n.Add(1)
				if k > int64(b.N) {
					done <- nil
					return
				}
				id := fmt.Sprintf("01J9XXXXXXXXXXXX%010d", k)
				_, err := s.Commit(ctx, chat.Change{Stream: chat.RoomStream(r), Kind: chat.MessageCreated, ID: id, At: benchTime, By: user(i), Device: "01J9WWWWWWWWWWWWWWWWWWWWWW", MustBeIn: user(i),
					Message: &chat.Message{From: user(i), Text: text, ClientID: id}})
				if err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range senders {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
