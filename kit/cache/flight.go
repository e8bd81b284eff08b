package cache

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"
)

// lease is the right to store a result. Without a token Redis could not give
// one, and the result is not stored.
type lease struct {
	token   string
	gens    string // as they stood before the load
	genKeys []string
	refresh bool // a value is there meanwhile
}

// flight is one call of a loader in this process.
type flight[V any] struct {
	lease   lease
	settled atomic.Bool   // whoever sets it decides the result
	sealed  bool          // under Cache.mu: too late to take the result as one's own
	done    chan struct{} // closed when the rest may be read
	val     V
	err     error
	shared  bool // who joined before the seal may take the result
}

// await returns the flight's result, or ctx's error if that ends first.
func (f *flight[V]) await(ctx context.Context) (V, error) {
	select {
	case <-f.done:
		return f.val, f.err
	default:
	}
	select {
	case <-f.done:
		return f.val, f.err
	case <-ctx.Done():
		var zero V
		return zero, ctx.Err()
	}
}

// join returns the flight of key that holds token, and whether its result is
// good for who joins now: once the result is on its way to Redis, a deletion
// may come between the two unnoticed, and only Redis can tell.
func (c *Cache[V]) join(key, token string) (f *flight[V], joined bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.flights[key]
	if f == nil || f.lease.token != token {
		return nil, false
	}
	return f, !f.sealed
}

// lead starts a flight under a lease.
func (c *Cache[V]) lead(ctx context.Context, key string, l lease, load Loader[V]) *flight[V] {
	f := &flight[V]{lease: l, done: make(chan struct{})}
	c.mu.Lock()
	c.launch(ctx, strings.Clone(key), f, load)
	c.mu.Unlock()
	return f
}

// alone loads without Redis, together with whoever in this process does the
// same.
func (c *Cache[V]) alone(ctx context.Context, key string, load Loader[V]) (V, error) {
	c.mu.Lock()
	f := c.flights[key]
	if f == nil || f.sealed {
		f = &flight[V]{done: make(chan struct{})}
		c.n.unprotected.Add(1)
		c.launch(ctx, strings.Clone(key), f, load)
	}
	c.mu.Unlock()
	return f.await(ctx)
}

// launch runs the loader; c.mu is held.
func (c *Cache[V]) launch(ctx context.Context, key string, f *flight[V], load Loader[V]) {
	if c.closed {
		f.err = ErrClosed
		close(f.done)
		return
	}
	c.flights[key] = f
	c.wg.Go(func() { c.fly(ctx, key, f, load) })
}

func (c *Cache[V]) fly(ctx context.Context, key string, f *flight[V], load Loader[V]) {
	ctx, finish := c.loadContext(ctx)
	defer finish()

	// A loader that does not heed its context must not hold the key, nor those
	// who wait.
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(late)
		if f.settled.CompareAndSwap(false, true) {
			var zero V
			c.settle(key, f, zero, context.Cause(ctx))
		}
	})
	var val V
	var err error
	returned := false
	defer func() {
		if !returned {
			err = &PanicError{Value: recover(), Stack: debug.Stack()}
		}
		if !stop() {
			<-late
		}
		if f.settled.CompareAndSwap(false, true) {
			c.settle(key, f, val, err)
		}
	}()
	c.n.loads.Add(1)
	val, err = load(ctx, key)
	returned = true
}

// loadContext returns what a loader gets: the values of ctx, but an end of its
// own.
func (c *Cache[V]) loadContext(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), c.opt.LoadTimeout, ErrLoadTimeout)
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { end(ErrClosed) })
	return ctx, func() {
		stop()
		end(nil)
		cancel()
	}
}

// settle stores a result, or gives the lease back, and then tells who waits.
func (c *Cache[V]) settle(key string, f *flight[V], val V, err error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.n.loadErrors.Add(1)
	}
	c.mu.Lock()
	f.sealed = true
	c.mu.Unlock()

	f.val, f.err, f.shared = val, err, true
	if f.lease.token != "" {
		f.shared = c.commit(key, f.lease, val, err)
	}

	c.mu.Lock()
	if c.flights[key] == f {
		delete(c.flights, key)
	}
	c.mu.Unlock()
	close(f.done)
}

// commit writes what a load brought. It says whether who joined the load may
// take the result: not if the entry was invalidated after the load began.
func (c *Cache[V]) commit(key string, l lease, val V, err error) bool {
	ctx, cancel := c.within(context.WithoutCancel(c.ctx))
	defer cancel()
	rec, life, encErr := c.encode(key, l.token, l.gens, val, err)
	if encErr != nil {
		c.report("encode", encErr)
	}
	if rec == nil {
		if encErr == nil && (err == nil || errors.Is(err, ErrNotFound)) {
			// The source no longer has it, or has what is not to be stored.
			if err := c.remove(ctx, key); err != nil {
				c.report("release", err)
			}
			return true
		}
		if err := c.abandon(ctx, key, l.token, c.opt.RetryRefresh); err != nil {
			c.report("release", err)
		}
		return true
	}
	stored, gens, storeErr := c.put(ctx, key, l, rec, life)
	switch {
	case storeErr != nil:
		c.report("store", storeErr)
		if err := c.abandon(ctx, key, l.token, 0); err != nil {
			c.report("release", err)
		}
		return true
	case !stored || gens != l.gens:
		c.n.refused.Add(1)
		return false
	}
	return true
}
