package main

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestVerifyWhileClocksJump verifies chats whose nodes' clocks are set an hour
// forward and back all the time, each for itself.
func TestVerifyWhileClocksJump(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, store := range []string{"embedded", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w, nodes := storeFlags{Data: t.TempDir()}, 1
			if store == "redis" {
				w, nodes = storeFlags{Store: redistest.StartTCP(t).URL()}, 2
			}
			args := []string{"verify", "--seconds", "3", "--clients", "8"}
			var jumps atomic.Int64
			for range nodes {
				var off, until atomic.Int64
				args = append(args, "--url", serveByClock(t, w, func() time.Duration {
					now := time.Now().UnixNano()
					if end := until.Load(); now > end &&
						until.CompareAndSwap(end, now+int64(rand.N(200*time.Millisecond))) {
						off.Store(int64(rand.N(2*time.Hour)) - int64(time.Hour))
						jumps.Add(1)
					}
					return time.Duration(off.Load())
				}))
			}
			var out strings.Builder
			err := run(t.Context(), args, nil, console{out: &out, err: &out})
			t.Logf("%d jumps\n%s", jumps.Load(), out.String())
			if err != nil {
				t.Error(err)
			}
			if jumps.Load() < 5 {
				t.Errorf("the clocks jumped %d times", jumps.Load())
			}
		})
	}
}
