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

// BenchmarkCommit measures durable acknowledged sends from 64 concurrent
// senders.
func BenchmarkCommit(b *testing.B) {
	for _, rooms := range []int{1, 64} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) { benchmarkCommit(b, rooms, 64) })
	}
}

// cpuTime is what this process has used, which says more than the clock on a
// machine that others use too.
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
		changes := []chat.Change{{Stream: st, ID: fmt.Sprint("r", i), At: benchTime,
			Op: chat.CreateRoom{Room: chat.Room{ID: room(i), Kind: chat.Public}}}}
		for j := range senders {
			changes = append(changes, chat.Change{Stream: st, At: benchTime,
				ID: fmt.Sprint("m", i, "-", j),
				Op: chat.AddMember{Member: chat.Member{User: user(j), Role: chat.RoomMember}}})
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
				_, err := s.Commit(ctx, chat.Change{Stream: chat.RoomStream(r),
					ID: id, At: benchTime, By: user(i), MustBeIn: user(i),
					Op: chat.CreateMessage{From: user(i), Text: text, ClientID: id,
						Device: "01J9WWWWWWWWWWWWWWWWWWWWWW"}})
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

// BenchmarkNewest reads the newest 50 messages of a room of 1,000 and of one of
// 1,000,000, in turn.
func BenchmarkNewest(b *testing.B) {
	s := openBench(b)
	sizes := []int{1_000, 1_000_000}
	for _, n := range sizes {
		fill(b, s, chat.RoomID(fmt.Sprint(n)), n)
	}
	for b.Loop() {
		for _, n := range sizes {
			m, err := s.Messages(b.Context(), chat.RoomID(fmt.Sprint(n)), chat.Page{Limit: 50})
			if err != nil || len(m) != 50 || m[49].No != int64(n) {
				b.Fatal(len(m), err)
			}
		}
	}
	// Both in one run: their ratio is what is to be small.
	var took [2]time.Duration
	const rounds = 4000
	for range rounds {
		for i, n := range sizes {
			began := time.Now()
			if _, err := s.Messages(b.Context(), chat.RoomID(fmt.Sprint(n)),
				chat.Page{Limit: 50}); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/rounds, "ns/1k")
	b.ReportMetric(float64(took[1].Nanoseconds())/rounds, "ns/1M")
	b.ReportMetric(float64(took[1])/float64(took[0]), "1M/1k")
}

func openBench(b *testing.B) *Store {
	s, err := Open(b.Context(), b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// fill makes a room of n messages.
func fill(b *testing.B, s *Store, room chat.RoomID, n int) {
	stream := chat.RoomStream(room)
	changes := []chat.Change{{Stream: stream, ID: "room " + string(room),
		Op: chat.CreateRoom{Room: chat.Room{ID: room}}}}
	for i := range n {
		changes = append(changes, chat.Change{
			Stream: stream, ID: fmt.Sprintf("01J9XXXXXXXXXXXX%010d", i), At: benchTime, By: "u1",
			Op: chat.CreateMessage{From: "u1", Text: strings.Repeat("hello wor ", 10)},
		})
		if len(changes) == 1000 || i == n-1 {
			if _, err := s.Commit(b.Context(), changes...); err != nil {
				b.Fatal(err)
			}
			changes = changes[:0]
		}
	}
}
