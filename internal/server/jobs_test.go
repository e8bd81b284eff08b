package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestExclusive: one node does a job; when it is to stop, the job is told, and
// another node can have it at once.
func TestExclusive(t *testing.T) {
	for _, store := range []string{"embedded", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := CoreConfig{Store: StoreConfig{Data: t.TempDir()}}
			if store == "redis" {
				cfg.Store = StoreConfig{Store: redistest.Start(t).URL()}
			}
			open := func() *Core {
				c, err := OpenCore(ctx, cfg)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := c.Close(); err != nil {
						t.Error(err)
					}
				})
				return c
			}
			first := open()
			begun, ended := make(chan struct{}), make(chan error, 1)
			node, stop := context.WithCancel(ctx)
			go func() {
				ended <- first.Exclusive(node, "job", func(job context.Context) error {
					close(begun)
					<-job.Done() // long work
					return job.Err()
				})
			}()
			<-begun
			other := first
			if store == "redis" {
				other = open()
				if err := other.Exclusive(ctx, "job",
					func(context.Context) error { return nil }); !errors.Is(err, backend.ErrElsewhere) {
					t.Errorf("a second node does it too: %v", err)
				}
			}
			stop()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the job ended with %v", err)
			}
			done := false
			if err := other.Exclusive(ctx, "job",
				func(context.Context) error { done = true; return nil }); err != nil || !done {
				t.Errorf("afterwards: %v, done: %v", err, done)
			}
		})
	}
}
