package bus

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	// The tests that run beside each other wait for failovers most of the time.
	flag.Parse()
	flag.Set("test.parallel", "8")
	code := redistest.Main(m)
	shared.end()
	err := goleak.Find(
		// A closed cluster client sleeps out the pause before its next look at
		// the slots.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
	)
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Deployments take seconds to start, so the tests that do not break them share
// them.
var (
	sentinel = sync.OnceValue(func() *redistest.Sentinel { return redistest.StartSentinel(&shared) })
	cluster  = sync.OnceValue(func() *redistest.Cluster { return redistest.StartCluster(&shared) })
)

// eachRedis runs a test on a single Redis, behind Sentinels and on a cluster,
// each empty.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Need(t)
	t.Run("single", func(t *testing.T) {
		test(t, redistest.Start(t).Client(t))
	})
	for name, connect := range map[string]func(testing.TB) rueidis.Client{
		"sentinel": func(t testing.TB) rueidis.Client { return sentinel().Client(t) },
		"cluster":  func(t testing.TB) rueidis.Client { return cluster().Client(t) },
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("takes seconds to start")
			}
			client := connect(t)
			eachMaster(t, client, func(node rueidis.Client) { do(t, node, "FLUSHALL") })
			test(t, client)
		})
	}
}

func eachMaster(t testing.TB, client rueidis.Client, f func(node rueidis.Client)) {
	t.Helper()
	for _, node := range client.Nodes() {
		role, err := node.Do(t.Context(), node.B().Role().Build()).ToArray()
		if err != nil {
			t.Fatal(err)
		}
		if name, err := role[0].ToString(); err == nil && name == "master" {
			f(node)
		}
	}
}

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

func wantNoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until polls, because what other processes do cannot be waited for otherwise.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// RedisForExample is a client of an empty Redis. All examples share the server.
func RedisForExample() (client rueidis.Client, stop func()) {
	client, err := rueidis.NewClient(exampleServer().Option())
	if err == nil {
		err = client.Do(context.Background(), client.B().Flushall().Build()).Error()
	}
	if err != nil {
		panic(err)
	}
	return client, client.Close
}

var exampleServer = sync.OnceValue(func() *redistest.Server { return redistest.Start(&shared) })

// packageTB stands in for a test that lasts as long as all of them.
type packageTB struct {
	testing.TB
	cleanups []func()
}

var shared packageTB

func (tb *packageTB) Helper()                        {}
func (tb *packageTB) Cleanup(f func())               { tb.cleanups = append(tb.cleanups, f) }
func (tb *packageTB) Fatal(why ...any)               { panic(fmt.Sprint(why...)) }
func (tb *packageTB) Fatalf(why string, args ...any) { panic(fmt.Sprintf(why, args...)) }
func (tb *packageTB) Errorf(why string, args ...any) { panic(fmt.Sprintf(why, args...)) }
func (tb *packageTB) Skip(why ...any)                { panic(fmt.Sprint(why...)) }

func (tb *packageTB) end() {
	for _, f := range slices.Backward(tb.cleanups) {
		f()
	}
}
