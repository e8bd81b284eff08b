package redisstore_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

var text100 = strings.Repeat("words and ", 10)

func sender(b *testing.B, rooms int, o redisstore.Options) (*redistest.Server, func(n int64) error) {
	s := redistest.Start(b)
	store, err := redisstore.Open(b.Context(), s.Client(b), o)
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	id := func(r int64) chat.RoomID { return chat.RoomID(fmt.Sprintf("01K8ROOM%018d", r)) }
	for r := range int64(rooms) {
		stream := chat.RoomStream(id(r))
		changes := []chat.Change{{Stream: stream, ID: fmt.Sprintf("01K8EVNT%018d", r), At: at,
			Op: chat.CreateRoom{Room: chat.Room{ID: id(r), Kind: chat.Private, Name: "Room", CreatedAt: at}}}}
		for u := range 8 {
			user := chat.UserID(fmt.Sprintf("01K8USER%018d", u))
			changes = append(changes, chat.Change{Stream: stream, At: at,
				ID: fmt.Sprintf("01K8JOIN%010d%08d", r, u),
				Op: chat.AddMember{Member: chat.Member{User: user, Role: chat.RoomMember, JoinedAt: at}}})
		}
		if _, err := store.Commit(b.Context(), changes...); err != nil {
			b.Fatal(err)
		}
	}
	return s, func(n int64) error {
		user := chat.UserID(fmt.Sprintf("01K8USER%018d", n%8))
		_, err := store.Commit(b.Context(), chat.Change{
			Stream: chat.RoomStream(id(n % int64(rooms))),
			ID:     fmt.Sprintf("01K8MESS%018d", n), At: at, By: user, MustBeIn: user,
			Op: chat.CreateMessage{From: user, Text: text100, Device: "01K8DEVICE0000000000000000",
				ClientID: fmt.Sprintf("01K8CLNT%018d", n)},
		})
		return err
	}
}

var thread = regexp.MustCompile(`used_cpu_(?:sys|user)_main_thread:([0-9.]+)`)

// busy is how many microseconds of processor time Redis' main thread has taken.
func busy(b *testing.B, s *redistest.Server) (usec float64) {
	info, err := s.Do("INFO", "cpu")
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range thread.FindAllStringSubmatch(info, -1) {
		seconds, _ := strconv.ParseFloat(m[1], 64)
		usec += seconds * 1e6
	}
	return usec
}

// BenchmarkSend has 64 senders: messages a second, and what each costs Redis'
// one thread.
func BenchmarkSend(b *testing.B) {
	for _, rooms := range []int{1, 64} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			s, send := sender(b, rooms, redisstore.Options{})
			before := busy(b, s)
			var n atomic.Int64
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := send(n.Add(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			after := busy(b, s)
			b.ReportMetric((after-before)/float64(b.N), "redis-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
		})
	}
}

// BenchmarkMemory stores 100,000 messages of 100 bytes and reports what each
// takes of Redis' memory.
func BenchmarkMemory(b *testing.B) {
	const messages = 100_000
	used := func(s *redistest.Server) float64 {
		info, err := s.Do("INFO", "memory")
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(info, "used_memory_dataset:")
		line, _, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.ParseFloat(line, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	for b.Loop() {
		s, send := sender(b, 10, redisstore.Options{})
		before := used(s)
		for n := range int64(messages) {
			if err := send(n); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((used(s)-before)/messages, "bytes/message")
	}
}
