package ratelimit

import (
	"os"
	"testing"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}
