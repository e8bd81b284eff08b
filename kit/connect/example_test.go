package connect_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/redistest"
)

// The examples run against a server that TestExamples starts.
var exampleURL string

func TestExamples(t *testing.T) {
	exampleURL = redistest.Start(t).URL()
	for _, example := range []func(){ExampleOpen, Example_pipeline, Example_transaction, Example_script} {
		example()
	}
}

func ExampleOpen() {
	ctx := context.Background()
	cfg, err := connect.FromEnv(os.LookupEnv)
	if exampleURL != "" {
		cfg, err = connect.Parse(exampleURL)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := connect.Open(ctx, cfg, connect.OnEvent(func(e connect.Event) {
		if e.Err != nil {
			fmt.Fprintln(os.Stderr, e)
		}
	}))
	if err != nil {
		fmt.Println(err) // says what was waited for, and why it did not come
		return
	}
	defer conn.Close()
	if err := conn.Client.Do(ctx, conn.Client.B().Ping().Build()).Error(); err != nil {
		fmt.Println(err)
	}
}

func connected() (*connect.Conn, error) {
	cfg, err := connect.Parse(exampleURL)
	if err != nil {
		return nil, err
	}
	return connect.Open(context.Background(), cfg)
}

// Commands given together travel together: one round trip.
func Example_pipeline() {
	ctx := context.Background()
	conn, err := connected()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	c := conn.Client
	for _, r := range c.DoMulti(ctx,
		c.B().Set().Key("{cart}:1").Value("tea").Build(),
		c.B().Incr().Key("{cart}:count").Build(),
		c.B().Get().Key("{cart}:1").Build(),
	) {
		if err := r.Error(); err != nil {
			fmt.Println(err)
		}
	}
}

// A transaction needs a connection of its own while it watches.
func Example_transaction() {
	ctx := context.Background()
	conn, err := connected()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	err = conn.Client.Dedicated(func(c rueidis.DedicatedClient) error {
		for _, r := range c.DoMulti(ctx,
			c.B().Multi().Build(),
			c.B().Incrby().Key("{account}:a").Increment(-5).Build(),
			c.B().Incrby().Key("{account}:b").Increment(5).Build(),
			c.B().Exec().Build(),
		) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A script is one atomic step and one round trip, where a decision lies between reading and writing.
func Example_script() {
	ctx := context.Background()
	conn, err := connected()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	take := rueidis.NewLuaScript(`
		local left = tonumber(redis.call('GET', KEYS[1]) or '0')
		if left < tonumber(ARGV[1]) then return -1 end
		return redis.call('DECRBY', KEYS[1], ARGV[1])`)
	if err := take.Exec(ctx, conn.Client, []string{"{stock}:tea"}, []string{"1"}).Error(); err != nil {
		fmt.Println(err)
	}
}
