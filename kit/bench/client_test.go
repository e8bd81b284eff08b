package bench

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/redistest"
)

// BenchmarkClient is a bare GET with the client that the kit is made on and
// with the one that the peers are: the part of every other figure here that
// comes from neither block nor peer. rueidis puts all callers on a few
// connections and pipelines them; go-redis gives each caller a connection of a
// pool.
func BenchmarkClient(b *testing.B) {
	s := redistest.Start(b)
	ours, peer := s.Client(b), goRedis(b, s)
	ctx := context.Background()
	if err := ours.Do(ctx, ours.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
		b.Fatal(err)
	}
	get := func(c rueidis.Client) error { return c.Do(ctx, c.B().Get().Key("k").Build()).Error() }
	beside(b, s,
		work{"rueidis", func(int) error { return get(ours) }},
		work{"go-redis", func(int) error { return peer.Get(ctx, "k").Err() }},
	)
}

// anyClient is the least that rueidis and go-redis have in common: a command as
// arguments, an answer of any type.
type anyClient interface {
	do(ctx context.Context, args ...any) (any, error)
}

type anyRueidis struct{ c rueidis.Client }

func (a anyRueidis) do(ctx context.Context, args ...any) (any, error) {
	words := make([]string, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			words[i] = v
		case int64:
			words[i] = strconv.FormatInt(v, 10)
		default:
			words[i] = fmt.Sprint(v)
		}
	}
	return a.c.Do(ctx, a.c.B().Arbitrary(words...).Build()).ToAny()
}

type anyGoRedis struct{ c *redis.Client }

func (a anyGoRedis) do(ctx context.Context, args ...any) (any, error) {
	return a.c.Do(ctx, args...).Result()
}

// BenchmarkAnyClient is what the blocks would pay for taking either client
// through anyClient: the script of a page of 50 records with ten fields, as
// object.Find has it, and one that answers with four numbers, as a limit does.
func BenchmarkAnyClient(b *testing.B) {
	s := redistest.Start(b)
	ours, peer := s.Client(b), goRedis(b, s)
	ctx := context.Background()
	for i := range 50 {
		fields := []string{"HSET", fmt.Sprintf("{r}:%d", i)}
		for f := range 10 {
			fields = append(fields, fmt.Sprintf("field%d", f), "a value of twenty byt")
		}
		if err := ours.Do(ctx, ours.B().Arbitrary(fields...).Build()).Error(); err != nil {
			b.Fatal(err)
		}
	}
	load := func(script string) string {
		sha, err := ours.Do(ctx, ours.B().ScriptLoad().Script(script).Build()).ToString()
		if err != nil {
			b.Fatal(err)
		}
		return sha
	}
	page := load("local r = {} for i = 0, 49 do r[i + 1] = redis.call('HGETALL', KEYS[1] .. ':' .. i) end return r")
	limit := load("return {1, tonumber(ARGV[1]), 30, 4}")
	typedPage := func() error {
		rows, err := ours.Do(ctx, ours.B().Evalsha().Sha1(page).Numkeys(1).Key("{r}").Build()).ToArray()
		for _, row := range rows {
			if m, err := row.AsStrSlice(); err != nil || len(m) != 20 {
				return fmt.Errorf("%d fields, %w", len(m), err)
			}
		}
		return err
	}
	anyPage := func(c anyClient) error {
		reply, err := c.do(ctx, "EVALSHA", page, 1, "{r}")
		rows, _ := reply.([]any)
		for _, row := range rows {
			m := make([]string, len(row.([]any)))
			for i, v := range row.([]any) {
				m[i] = v.(string)
			}
			if len(m) != 20 {
				return fmt.Errorf("%d fields", len(m))
			}
		}
		return err
	}
	typedLimit := func() error {
		n, err := ours.Do(ctx, ours.B().Evalsha().Sha1(limit).Numkeys(1).Key("k").Arg("7").Build()).AsIntSlice()
		if len(n) != 4 {
			return fmt.Errorf("%d numbers, %w", len(n), err)
		}
		return err
	}
	anyLimit := func(c anyClient) error {
		reply, err := c.do(ctx, "EVALSHA", limit, 1, "k", int64(7))
		numbers, _ := reply.([]any)
		n := make([]int64, len(numbers))
		for i, v := range numbers {
			n[i] = v.(int64)
		}
		if len(n) != 4 {
			return fmt.Errorf("%d numbers, %w", len(n), err)
		}
		return err
	}
	typed := map[string]func() error{"page": typedPage, "limit": typedLimit}
	untyped := map[string]func(anyClient) error{"page": anyPage, "limit": anyLimit}
	for _, what := range []string{"page", "limit"} {
		calls := []work{
			{"rueidis", func(int) error { return typed[what]() }},
			{"rueidis-any", func(int) error { return untyped[what](anyRueidis{ours}) }},
			{"go-redis-any", func(int) error { return untyped[what](anyGoRedis{peer}) }},
		}
		b.Run(what, func(b *testing.B) { beside(b, s, calls[0], calls[1:]...) })
		for _, w := range calls {
			b.Run(what+"/64callers/"+w.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := w.do(0); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

// universal opens go-redis with the configuration of package connect, as
// docs/go-redis.md shows.
func universal(cfg connect.Config) redis.UniversalClient {
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: cfg.Addrs, MasterName: cfg.MasterSet, IsClusterMode: cfg.Mode == connect.Cluster,
		Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		SentinelUsername: cfg.SentinelUsername, SentinelPassword: cfg.SentinelPassword,
		TLSConfig: cfg.TLS, ClientName: cfg.ClientName, DialTimeout: cfg.DialTimeout,
	})
}

// BenchmarkBothClients is what a program that has go-redis pays for opening
// connect beside it: connections and heap, at rest and after 64 callers.
func BenchmarkBothClients(b *testing.B) {
	ctx := context.Background()
	goRedis := func(cfg connect.Config) (func() error, func()) {
		c := universal(cfg)
		return func() error { return c.Set(ctx, "k", "v", 0).Err() }, func() { _ = c.Close() }
	}
	kit := func(cfg connect.Config) (func() error, func()) {
		conn, err := connect.Open(ctx, cfg)
		if err != nil {
			b.Fatal(err)
		}
		return func() error {
			return conn.Client.Do(ctx, conn.Client.B().Set().Key("k").Value("v").Build()).Error()
		}, conn.Close
	}
	small := func(cfg connect.Config) (func() error, func()) {
		cfg.Customize = func(o *rueidis.ClientOption) {
			o.ReadBufferEachConn, o.WriteBufferEachConn, o.RingScaleEachConn = 32<<10, 32<<10, 8
		}
		return kit(cfg)
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc+m.StackInuse) / 1024
	}
	for _, client := range []struct {
		name string
		open func(connect.Config) (set func() error, end func())
	}{{"go-redis", goRedis}, {"connect", kit}, {"connect-small", small}} {
		b.Run(client.name, func(b *testing.B) {
			s := redistest.Start(b)
			cfg, err := connect.Parse(s.URL())
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				before := heap()
				set, end := client.open(cfg)
				state := func(when string) {
					clients, err := s.Do("CLIENT", "LIST")
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(strings.Count(clients, "id=")-1), when+"-connections")
					b.ReportMetric(heap()-before, when+"-KiB")
				}
				if err := set(); err != nil {
					b.Fatal(err)
				}
				state("idle")
				var all sync.WaitGroup
				for range 64 {
					all.Go(func() {
						for range 100 {
							if err := set(); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				state("busy")
				end()
			}
		})
	}
}
