package connect_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/connect"
)

// exampleEnv stands in for os.LookupEnv: it names the server of the examples.
func exampleEnv(name string) (string, bool) {
	return examples.server.URL(), name == "REDIS_URL"
}

// connected is the beginning of the other examples.
func connected() *connect.Conn {
	cfg, err := connect.FromEnv(exampleEnv)
	if err != nil {
		panic(err)
	}
	conn, err := connect.Open(context.Background(), cfg)
	if err != nil {
		panic(err)
	}
	return conn
}

func ExampleOpen() {
	ctx := context.Background()
	cfg, err := connect.FromEnv(exampleEnv) // in a program: os.LookupEnv
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.OnEvent = func(e connect.Event) { slog.Debug(e.String()) }
	conn, err := connect.Open(ctx, cfg)
	if err != nil {
		fmt.Println(err) // says what was waited for, and why it did not come
		return
	}
	defer conn.Close()
	fmt.Println(conn.Client.Do(ctx, conn.Client.B().Ping().Build()).ToString())
	// Output: PONG <nil>
}

// Errors name what is wrong, and hold no password.
func ExampleParse() {
	cfg, err := connect.Parse("redis+sentinel://:secret@10.0.0.1,10.0.0.2/main/1?start_timeout=30s")
	fmt.Println(cfg, err)
	_, err = connect.Parse("redis://:sec/ret@10.0.0.1")
	fmt.Println(err)
	_, err = connect.Parse("redis+cluster://10.0.0.1/1")
	fmt.Println(err)
	// Output:
	// master "main" of the sentinels 10.0.0.1:26379, 10.0.0.2:26379 <nil>
	// redis URL: it cannot be read, and has an @ after the first / or ?: in a user or password write / as %2F, ? as %3F
	// redis: a cluster has no numbered databases: leave db out
}

// Commands given together travel together: one round trip.
func Example_pipeline() {
	ctx := context.Background()
	conn := connected()
	defer conn.Close()
	c := conn.Client
	results := c.DoMulti(ctx,
		c.B().Set().Key("{cart}:1").Value("tea").Build(),
		c.B().Incr().Key("{cart}:count").Build(),
		c.B().Get().Key("{cart}:1").Build(),
	)
	for _, r := range results[:2] { // each command has an error of its own
		if err := r.Error(); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(results[2].ToString())
	// Output: tea <nil>
}

// A transaction runs on a connection of its own: on a shared one, other
// goroutines' commands could come in between.
func Example_transaction() {
	ctx := context.Background()
	conn := connected()
	defer conn.Close()
	err := conn.Client.Dedicated(func(c rueidis.DedicatedClient) error {
		results := c.DoMulti(ctx,
			c.B().Multi().Build(),
			c.B().Incrby().Key("{account}:a").Increment(-5).Build(),
			c.B().Incrby().Key("{account}:b").Increment(5).Build(),
			c.B().Exec().Build(),
		)
		for _, r := range results {
			if err := r.Error(); err != nil {
				return err
			}
		}
		fmt.Println(results[3].AsIntSlice())
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: [-5 5] <nil>
}

// A script is one atomic step and one round trip, where a decision lies between
// reading and writing.
func Example_script() {
	ctx := context.Background()
	conn := connected()
	defer conn.Close()
	c := conn.Client
	if err := c.Do(ctx, c.B().Set().Key("{stock}:tea").Value("3").Build()).Error(); err != nil {
		fmt.Println(err)
		return
	}
	take := rueidis.NewLuaScript(`
		local left = tonumber(redis.call('GET', KEYS[1]) or '0')
		if left < tonumber(ARGV[1]) then return -1 end
		return redis.call('DECRBY', KEYS[1], ARGV[1])`)
	for range 2 {
		fmt.Println(take.Exec(ctx, c, []string{"{stock}:tea"}, []string{"2"}).AsInt64())
	}
	// Output:
	// 1 <nil>
	// -1 <nil>
}
