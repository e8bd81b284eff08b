package object

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("redis-server"); err == nil {
		examples.server = redistest.Start(&examples)
	}
	leaks := []goleak.Option{
		goleak.IgnoreCurrent(), // what redistest keeps for the whole process
		// A closed rueidis cluster client sleeps out its pauses before it looks at the slots again, and
		// before it closes connections to nodes that it no longer uses.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
	}
	code := redistest.Main(m)
	examples.end()
	if err := goleak.Find(leaks...); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// single answers a client of a server of the test's own.
func single(t testing.TB) rueidis.Client {
	t.Helper()
	return redistest.Start(t).Client(t)
}

// as dials the server as a user of its ACL, with the password "pw".
func as(t testing.TB, s *redistest.Server, user string) rueidis.Client {
	t.Helper()
	option := s.Option()
	option.Username, option.Password = user, "pw"
	client := must(rueidis.NewClient(option))
	t.Cleanup(client.Close)
	return client
}

// TestEverywhere runs what must hold on one server, behind Sentinels and on a cluster.
func TestEverywhere(t *testing.T) {
	for name, start := range map[string]func(t testing.TB) rueidis.Client{
		"single":   single,
		"sentinel": func(t testing.TB) rueidis.Client { return redistest.StartSentinel(t).Client(t) },
		"cluster":  func(t testing.TB) rueidis.Client { return redistest.StartCluster(t).Client(t) },
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "single" {
				t.Skip("takes a few seconds to start")
			}
			client := start(t)
			for name, test := range map[string]func(*testing.T, rueidis.Client){
				"model": testModel, "concurrent saves": testConcurrentSaves, "unique race": testUniqueRace, "expiry": testExpiry,
			} {
				t.Run(name, func(t *testing.T) { test(t, client) })
			}
		})
	}
}

// Connect answers a client of an empty server to an example. All examples share the server,
// which TestMain ends.
func Connect() (client rueidis.Client, done func()) {
	redistest.Need(&examples)
	client = must(rueidis.NewClient(examples.server.Option()))
	must(0, client.Do(context.Background(), client.B().Flushall().Build()).Error())
	return client, client.Close
}

// exampleTB stands in for the test that an example does not have.
type exampleTB struct {
	testing.TB
	server   *redistest.Server
	cleanups []func()
}

var examples exampleTB

func (tb *exampleTB) Helper()          {}
func (tb *exampleTB) Cleanup(f func()) { tb.cleanups = append(tb.cleanups, f) }
func (tb *exampleTB) Fatal(why ...any) { panic(fmt.Sprint(why...)) }
func (tb *exampleTB) Skip(why ...any)  { panic(fmt.Sprint(why...)) }

func (tb *exampleTB) end() {
	for _, f := range slices.Backward(tb.cleanups) {
		f()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
