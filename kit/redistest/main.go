package redistest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests, for its TestMain to call in place of m.Run, and
// ends what Each and Example started. Examples cannot skip themselves: where
// the server is not installed, and the environment does not have
// PARLEY_TEST_REDIS=require, it leaves them out and says so.
func Main(m *testing.M) int {
	defer process.end()
	if _, err := exec.LookPath(program()); err != nil && os.Getenv("PARLEY_TEST_REDIS") != "require" {
		flag.Parse()
		if run := flag.Lookup("test.run"); run.Value.String() == "" {
			run.Value.Set("^(Test|Fuzz)")
		}
		fmt.Fprintln(os.Stderr, program()+" is not installed: the examples, and all tests that need it, are left out")
	}
	return m.Run()
}

// MainNoLeaks is Main that fails also where the tests left goroutines behind,
// other than those of a closed rueidis cluster client, which sleeps out its
// pauses (before its next look at the slots, before it closes a node that
// left, or a connection in whose place it has made another), and those to
// ignore.
func MainNoLeaks(m *testing.M, ignore ...goleak.Option) int {
	code := Main(m)
	err := goleak.Find(append(ignore,
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient).redirectOrNew.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
	)...)
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
