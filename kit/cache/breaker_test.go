package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestSilentRedisIsNotWaitedFor reads 100 keys while Redis is silent: the first
// reads wait for it, the others go to the loader at once.
func TestSilentRedisIsNotWaitedFor(t *testing.T) {
	srv := redistest.Start(t)
	var waited atomic.Int64
	c, err := cache.New(srv.Client(t), cache.Options[string]{Name: "silent", TTL: time.Minute,
		Timeout: 100 * time.Millisecond,
		OnError: func(err error) {
			if strings.Contains(err.Error(), ": get: ") {
				waited.Add(1)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	srv.Pause()
	defer srv.Resume()
	for i := range 100 {
		v, err := c.Get(t.Context(), fmt.Sprint(i),
			func(_ context.Context, key string) (string, error) { return key, nil })
		if err != nil || v != fmt.Sprint(i) {
			t.Fatalf("%q, %v", v, err)
		}
	}
	if n := waited.Load(); n < 3 || n > 30 {
		t.Errorf("%d reads waited for Redis", n)
	}
	if _, _, err := c.Peek(t.Context(), "k"); !errors.Is(err, kit.ErrUnavailable) {
		t.Errorf("Peek: %v", err)
	}
}
