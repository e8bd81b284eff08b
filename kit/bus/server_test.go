package bus

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	// The tests that run beside each other wait for failovers most of the time.
	flag.Parse()
	flag.Set("test.parallel", "8")
	os.Exit(redistest.MainNoLeaks(m))
}

// eachRedis runs a test on a single Redis, behind Sentinels and on a cluster,
// each empty.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) { test(t, d.Client(t)) })
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
