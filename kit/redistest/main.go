package redistest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Main runs a package's tests, for its TestMain to call in place of m.Run. Examples cannot skip themselves: where redis-server
// is not installed, and the environment does not have PARLEY_TEST_REDIS=require, it leaves them out and says so.
func Main(m *testing.M) int {
	if _, err := exec.LookPath("redis-server"); err != nil && os.Getenv("PARLEY_TEST_REDIS") != "require" {
		flag.Parse()
		if run := flag.Lookup("test.run"); run.Value.String() == "" {
			run.Value.Set("^(Test|Fuzz)")
		}
		fmt.Fprintln(os.Stderr, "redis-server is not installed: the examples, and all tests that need it, are left out")
	}
	return m.Run()
}
