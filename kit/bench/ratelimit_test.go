package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/ratelimit"
	"github.com/parley-chat/parley/kit/redistest"
)

// One call of one unit against a quota of 1,000 in 10 s, over 1,000 keys. Each
// limiter brings the client it is made for.
//
//	kit-exact    the log of every call: the only one here that is exact
//	kit-approx   two buckets
//	kit-pace     GCRA, as redis_rate
//	redis_rate   GCRA, one number a key: no window, a burst that refills evenly
//	fixed        INCRBY and PEXPIRE in a script on our client: the floor; double bursts, refused calls count
//
// server-µs/op is the server's own time in the script, which does not depend on
// the client.
func BenchmarkRateLimit(b *testing.B) {
	const quota, window = 1000, 10 * time.Second
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	fixed := rueidis.NewLuaScript(`
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
if n == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {n <= tonumber(ARGV[2]) and 1 or 0, n, redis.call('PTTL', KEYS[1])}`)

	type limiter struct {
		name  string
		setup func(b *testing.B, s *redistest.Server) func(ctx context.Context, key string) error
	}
	ours := func(limit ratelimit.Limit) func(b *testing.B, s *redistest.Server) func(context.Context,
		string) error {
		return func(b *testing.B, s *redistest.Server) func(context.Context, string) error {
			limit.Quota, limit.Window = quota, window
			l, err := ratelimit.New(s.Client(b), ratelimit.Options{}, limit)
			if err != nil {
				b.Fatal(err)
			}
			return func(ctx context.Context, key string) error {
				_, err := l.Allow(ctx, key)
				return err
			}
		}
	}
	limiters := []limiter{
		{"kit-exact", ours(ratelimit.Limit{})},
		{"kit-approx", ours(ratelimit.Limit{Approximate: true})},
		{"kit-pace", ours(ratelimit.Limit{Burst: quota})},
		{"redis_rate", func(b *testing.B, s *redistest.Server) func(context.Context, string) error {
			l := redis_rate.NewLimiter(goRedis(b, s))
			limit := redis_rate.Limit{Rate: quota, Burst: quota, Period: window}
			return func(ctx context.Context, key string) error {
				_, err := l.Allow(ctx, key, limit)
				return err
			}
		}},
		{"fixed", func(b *testing.B, s *redistest.Server) func(context.Context, string) error {
			client := s.Client(b)
			args := []string{"1", strconv.Itoa(quota), strconv.FormatInt(window.Milliseconds(), 10)}
			return func(ctx context.Context, key string) error {
				_, err := fixed.Exec(ctx, client, []string{"fixed:" + key}, args).AsIntSlice()
				return err
			}
		}},
	}
	for _, mode := range []string{"one-by-one", "parallel-64"} {
		for _, l := range limiters {
			b.Run(fmt.Sprintf("%s/%s", mode, l.name), func(b *testing.B) {
				s := redistest.Start(b)
				call := l.setup(b, s)
				if err := call(b.Context(), "warm"); err != nil {
					b.Fatal(err)
				}
				before := scriptTime(b, s)
				if mode == "one-by-one" {
					for i := 0; b.Loop(); i++ {
						if err := call(b.Context(), keys[i%len(keys)]); err != nil {
							b.Fatal(err)
						}
					}
				} else {
					var next atomic.Int64
					b.SetParallelism(32) // of 2 processors
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := call(b.Context(), keys[int(next.Add(1))%len(keys)]); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				b.StopTimer()
				b.ReportMetric(float64((scriptTime(b, s)-before).Microseconds())/float64(b.N), "server-µs/op")
			})
		}
	}
}

// A refusal of a full log, and what a log of so many calls takes in Redis.
func BenchmarkRateLimitRefusal(b *testing.B) {
	for _, quota := range []int64{100, 10_000} {
		b.Run(strconv.FormatInt(quota, 10), func(b *testing.B) {
			s := redistest.Start(b)
			client := s.Client(b)
			l, err := ratelimit.New(client, ratelimit.Options{},
				ratelimit.Limit{Quota: quota, Window: time.Hour})
			if err != nil {
				b.Fatal(err)
			}
			for range quota {
				if r, err := l.Allow(b.Context(), "k"); err != nil || !r.Allowed {
					b.Fatal(r, err)
				}
			}
			before := scriptTime(b, s)
			for b.Loop() {
				if r, err := l.Allow(b.Context(), "k"); err != nil || r.Allowed {
					b.Fatal(r, err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64((scriptTime(b, s)-before).Microseconds())/float64(b.N), "server-µs/op")
			bytes, err := client.Do(b.Context(),
				client.B().MemoryUsage().Key("ratelimit:{k}:default").Samples(0).Build()).AsInt64()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(bytes)/float64(quota), "B/call")
		})
	}
}

// scriptTime is the time that the server has spent in scripts.
func scriptTime(b testing.TB, s *redistest.Server) (total time.Duration) {
	b.Helper()
	client := s.Client(b)
	info, err := client.Do(b.Context(), client.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(info, "\r\n") {
		name, rest, _ := strings.Cut(line, ":")
		if name != "cmdstat_evalsha" && name != "cmdstat_eval" {
			continue
		}
		_, usec, _ := strings.Cut(rest, "usec=")
		usec, _, _ = strings.Cut(usec, ",")
		n, err := strconv.ParseInt(usec, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(n) * time.Microsecond
	}
	return total
}

// A pace beside the library that has only that, by turns.
func BenchmarkPace(b *testing.B) {
	s := redistest.Start(b)
	ours, err := ratelimit.New(s.Client(b), ratelimit.Options{},
		ratelimit.Limit{Quota: 1000, Window: time.Second, Burst: 1000})
	if err != nil {
		b.Fatal(err)
	}
	theirs := redis_rate.NewLimiter(goRedis(b, s))
	ctx := context.Background()
	beside(b, s, work{"kit", func(i int) error {
		_, err := ours.Allow(ctx, strconv.Itoa(i%1000))
		return err
	}}, work{"redis_rate", func(i int) error {
		_, err := theirs.Allow(ctx, strconv.Itoa(i%1000), redis_rate.PerSecond(1000))
		return err
	}})
}
