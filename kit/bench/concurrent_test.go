package bench

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-chat/parley/kit/ratelimit"
	"github.com/parley-chat/parley/kit/redistest"
)

// In and out of a place among 100. No library was found that does only this,
// so the peer is what is usually written by hand.
//
//	kit      renews, and enters again after Redis has forgotten
//	by-hand  the sorted set that is shown everywhere, in a script on go-redis: does neither
func BenchmarkConcurrent(b *testing.B) {
	s := redistest.Start(b)
	ours, err := ratelimit.NewConcurrent(s.Client(b), ratelimit.ConcurrentOptions{})
	if err != nil {
		b.Fatal(err)
	}
	theirs := goRedis(b, s)
	enter := redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)
	ctx := context.Background()
	beside(b, s, work{"kit", func(int) error {
		leave, err := ours.Enter(ctx, "k", 100)
		if err == nil {
			leave()
		}
		return err
	}}, work{"by-hand", func(int) error {
		id := rand.Text()
		if err := enter.Run(ctx, theirs, []string{"hand"}, id, 100, 30_000).Err(); err != nil {
			return err
		}
		return theirs.ZRem(ctx, "hand", id).Err()
	}})
}
