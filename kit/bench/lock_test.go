package bench

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	redsyncpool "github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"

	"github.com/parley-chat/parley/kit/lock"
	"github.com/parley-chat/parley/kit/redistest"
)

// locking opens a locker with a client of its own, and returns what runs a
// function under the lock "bench". Each peer brings the client it is made for.
//
//	kit          waits by wake-up, extends in the background, a context that ends with the lock, a fencing token
//	redislock    polls (as told: every 10 ms), neither extends nor has a context or a token
//	redsync      polls (its default: 50 to 250 ms), neither extends nor has a context or a token
//	rueidislock  waits by client-side caching, extends in the background, a context, no token
var locking = []struct {
	name string
	open func(b *testing.B, s *redistest.Server) func(ctx context.Context, run func()) error
}{
	{"kit", func(b *testing.B, s *redistest.Server) func(context.Context, func()) error {
		locker, err := lock.New(s.Client(b), lock.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(locker.Close)
		return func(ctx context.Context, run func()) error {
			l, err := locker.Lock(ctx, "bench")
			if err != nil {
				return err
			}
			run()
			return l.Unlock(ctx)
		}
	}},
	{"redislock", func(b *testing.B, s *redistest.Server) func(context.Context, func()) error {
		locker := redislock.New(goRedis(b, s))
		patient := &redislock.Options{RetryStrategy: redislock.LinearBackoff(10 * time.Millisecond)}
		return func(ctx context.Context, run func()) error {
			l, err := locker.Obtain(ctx, "redislock", 10*time.Second, patient)
			if err != nil {
				return err
			}
			run()
			return l.Release(ctx)
		}
	}},
	{"redsync", func(b *testing.B, s *redistest.Server) func(context.Context, func()) error {
		locker := redsync.New(redsyncpool.NewPool(goRedis(b, s)))
		return func(ctx context.Context, run func()) error {
			l := locker.NewMutex("redsync", redsync.WithExpiry(10*time.Second), redsync.WithTries(1000))
			if err := l.LockContext(ctx); err != nil {
				return err
			}
			run()
			_, err := l.UnlockContext(ctx)
			return err
		}
	}},
	{"rueidislock", func(b *testing.B, s *redistest.Server) func(context.Context, func()) error {
		locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
			ClientOption: s.Option(), KeyMajority: 1, KeyValidity: 10 * time.Second,
			TryNextAfter: time.Second,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(locker.Close)
		return func(ctx context.Context, run func()) error {
			_, cancel, err := locker.WithContext(ctx, "bench")
			if err != nil {
				return err
			}
			run()
			cancel()
			return nil
		}
	}},
}

// BenchmarkLock takes a lock that is free, and releases it.
func BenchmarkLock(b *testing.B) {
	s := redistest.Start(b)
	ctx := context.Background()
	var works []work
	for _, l := range locking {
		with := l.open(b, s)
		works = append(works, work{l.name, func(int) error { return with(ctx, func() {}) }})
	}
	beside(b, s, works[0], works[1:]...)
}

// BenchmarkLockScripts is the floor of BenchmarkLock on our client: SET NX and
// a release that compares, with nothing around them.
func BenchmarkLockScripts(b *testing.B) {
	s := redistest.Start(b)
	client := s.Client(b)
	ctx := context.Background()
	release := rueidis.NewLuaScript(
		`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)
	with := locking[0].open(b, s)
	beside(b, s,
		work{"kit", func(int) error { return with(ctx, func() {}) }},
		work{"bare", func(int) error {
			if err := client.Do(ctx, client.B().Set().Key("bare").Value("id").Nx().PxMilliseconds(
				10_000).Build()).Error(); err != nil {
				return err
			}
			return release.Exec(ctx, client, []string{"bare"}, []string{"id"}).Error()
		}},
	)
}

// BenchmarkLockContended has 4 callers, each with a client of its own, who want
// one lock for 1 ms of work and then have something else to do for 1 ms, so
// that it is always wanted. ns/op is from one holder to the next, reads/op what
// Redis was asked for that, and longest-ms how long the unluckiest waited.
// rueidislock 1.0.79 is left out: in one run of four all its callers ended up
// waiting for a lock that nobody had.
func BenchmarkLockContended(b *testing.B) {
	const callers = 4
	for _, l := range locking {
		if l.name == "rueidislock" {
			continue
		}
		b.Run(l.name, func(b *testing.B) {
			s := redistest.Start(b)
			ctx := context.Background()
			var each []func(context.Context, func()) error
			for range callers {
				with := l.open(b, s)
				if err := with(ctx, func() {}); err != nil { // connects, loads scripts
					b.Fatal(err)
				}
				each = append(each, with)
			}
			before := reads(b, s)
			var counter int           // guarded by the lock alone
			var longest time.Duration // too
			var all sync.WaitGroup
			b.ResetTimer()
			for _, with := range each {
				all.Go(func() {
					for done := false; !done; {
						asked := time.Now()
						err := with(ctx, func() {
							if done = counter >= b.N; !done {
								counter++
								longest = max(longest, time.Since(asked))
								time.Sleep(time.Millisecond)
							}
						})
						if err != nil {
							b.Error(err)
							return
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(reads(b, s)-before)/float64(b.N), "reads/op")
			b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
		})
	}
}
