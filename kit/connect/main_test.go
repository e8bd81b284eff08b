package connect_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("redis-server"); err == nil {
		examples.server = redistest.Start(&examples)
	}
	leaks := []goleak.Option{
		goleak.IgnoreCurrent(), // what redistest keeps for the examples' server
		// A closed rueidis cluster client sleeps out its pauses.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient).redirectOrNew.func1"),
	}
	code := redistest.Main(m)
	for _, f := range slices.Backward(examples.cleanups) {
		f()
	}
	if err := goleak.Find(leaks...); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// examples stands in for the test that examples do not have, and keeps their
// server.
var examples exampleTB

type exampleTB struct {
	testing.TB
	server   *redistest.Server
	cleanups []func()
}

func (tb *exampleTB) Helper()          {}
func (tb *exampleTB) Cleanup(f func()) { tb.cleanups = append(tb.cleanups, f) }
func (tb *exampleTB) Fatal(why ...any) { panic(fmt.Sprint(why...)) }
func (tb *exampleTB) Skip(why ...any)  { panic(fmt.Sprint(why...)) }
