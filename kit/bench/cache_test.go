package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gocache "github.com/go-redis/cache/v9"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
)

// The peers do less: go-redis/cache has no lease, so that a race can leave an
// old value and each process loads, and its local layer hears of no change made
// elsewhere.

type profile struct {
	ID, Name, Mail string
	Age            int
}

var sample = profile{"01HZX3V8", "Ada Lovelace", "ada@example.org", 36}

// subject is one cache behind the calls that are compared.
type subject struct {
	name string
	get  func(ctx context.Context, key string) error
	many func(ctx context.Context, keys []string) error // nil if it has none
	// flushes to Redis: in a sequential run, round trips
	writes *atomic.Int64
}

func redisServer(b *testing.B) string {
	b.Helper()
	sock := filepath.Join(b.TempDir(), "redis.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", sock, "--save", "",
		"--appendonly", "no")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 500 {
		if c, err := net.Dial("unix", sock); err == nil {
			_ = c.Close()
			return sock
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("redis-server does not answer")
	return ""
}

type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(p)
}

func dialer(sock string, n *atomic.Int64) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", sock)
		if err != nil {
			return nil, err
		}
		return counted{c, n}, nil
	}
}

func rueidisOption(sock string, n *atomic.Int64) rueidis.ClientOption {
	dial := dialer(sock, n)
	return rueidis.ClientOption{InitAddress: []string{"bench:0"}, ForceSingleClient: true,
		DialCtxFn: func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn,
			error) {
			return dial(ctx)
		}}
}

func ours(b *testing.B, sock string, local int) subject {
	n := new(atomic.Int64)
	client, err := rueidis.NewClient(rueidisOption(sock, n))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	c, err := cache.New(client, cache.Options[profile]{Name: fmt.Sprint("kit", local),
		TTL: time.Hour, LocalSize: local,
		Heartbeat: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	load := func(context.Context, string) (profile, error) { return sample, nil }
	loadMany := func(_ context.Context, keys []string) (map[string]profile, error) {
		m := make(map[string]profile, len(keys))
		for _, k := range keys {
			m[k] = sample
		}
		return m, nil
	}
	return subject{fmt.Sprintf("kit/local=%v", local > 0),
		func(ctx context.Context, key string) error { _, err := c.Get(ctx, key, load); return err },
		func(ctx context.Context, keys []string) error {
			_,
				err := c.GetMany(ctx, keys, loadMany)
			return err
		}, n}
}

func goRedisCache(b *testing.B, sock string, local bool) subject {
	n := new(atomic.Int64)
	dial := dialer(sock, n)
	client := goredis.NewClient(&goredis.Options{Addr: "bench:0",
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }})
	b.Cleanup(func() { _ = client.Close() })
	opt := &gocache.Options{Redis: client}
	if local {
		opt.LocalCache = gocache.NewTinyLFU(100_000, time.Hour)
	}
	c := gocache.New(opt)
	return subject{fmt.Sprintf("go-redis-cache/local=%v", local),
		func(ctx context.Context, key string) error {
			var p profile
			return c.Once(&gocache.Item{Ctx: ctx, Key: fmt.Sprint("grc", local) + key, Value: &p,
				TTL: time.Hour,
				Do:  func(*gocache.Item) (any, error) { return sample, nil }})
		}, nil, n}
}

func subjects(b *testing.B) []subject {
	sock := redisServer(b)
	return []subject{ours(b, sock, 0), goRedisCache(b, sock, false), ours(b, sock, 100_000),
		goRedisCache(b, sock, true)}
}

func measure(b *testing.B, s subject, op func(i int)) {
	op(-1)
	op(-1)
	b.ReportAllocs()
	s.writes.Store(0)
	i := 0
	for b.Loop() {
		op(i)
		i++
	}
	b.ReportMetric(float64(s.writes.Load())/float64(i), "flushes/op")
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCacheHit(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			measure(b, s, func(int) { check(b, s.get(b.Context(), "hot")) })
		})
	}
}

func BenchmarkCacheHitParallel(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			for range 2 {
				check(b, s.get(b.Context(), "hot"))
			}
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					check(b, s.get(b.Context(), "hot"))
				}
			})
		})
	}
}

func BenchmarkCacheMiss(b *testing.B) {
	var keys atomic.Int64
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			measure(b, s, func(int) { check(b, s.get(b.Context(), fmt.Sprint("miss", keys.Add(1)))) })
		})
	}
}

// A peer without batches asks key by key, as its users do.
func BenchmarkCacheBatch100(b *testing.B) {
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprint("b", i)
	}
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			many := s.many
			if many == nil {
				many = func(ctx context.Context, keys []string) error {
					for _, k := range keys {
						if err := s.get(ctx, k); err != nil {
							return err
						}
					}
					return nil
				}
			}
			measure(b, s, func(int) { check(b, many(b.Context(), keys)) })
		})
	}
}
