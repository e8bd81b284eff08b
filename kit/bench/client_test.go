package bench

import (
	"context"
	"testing"

	"github.com/redis/rueidis"

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
