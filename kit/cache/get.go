package cache

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Get returns the value of key: from the local layer, from Redis, or from load,
// whose result is then stored. Of all processes that miss the same key at once
// one calls its loader and the others wait for the result. It returns
// ErrNotFound, or what the loader returned that wraps it, for what the source
// does not have; else the loader's error as it is, a *PanicError,
// ErrLoadTimeout, ctx's error or ErrClosed. Trouble with Redis is no error of
// Get: the loader serves (one call at a time for each key and process) and
// Options.OnError is told.
//
// A value that Get returns was current at some moment between its call and its
// return, or, served by the local layer, no longer ago than a push takes; see
// the package documentation for what that rests on.
func (c *Cache[V]) Get(ctx context.Context, key string, load Loader[V]) (V, error) {
	now := c.local.now()
	if e, ok := c.local.get(key, now); ok {
		c.n.localHits.Add(1)
		return c.serve(ctx, key, e, now, load)
	}
	return c.fetch(ctx, key, load)
}

// Peek returns the value of key if the cache has it, and whether it does. It
// returns ErrNotFound where the source is known not to have it. Unlike Get it
// has nothing to fall back on, so that Redis' errors are returned.
func (c *Cache[V]) Peek(ctx context.Context, key string) (v V, ok bool, err error) {
	now := c.local.now()
	e, ok := c.local.get(key, now)
	if ok {
		c.n.localHits.Add(1)
	} else {
		r, err := c.newPlan([]string{key}, nil).read(ctx)
		if err != nil {
			return v, false, fmt.Errorf("cache %s: peek %q: %w", c.opt.Name, key, exec.Unavailable(ctx, err))
		}
		if r[0].state != stateHit {
			c.n.misses.Add(1)
			return v, false, nil
		}
		c.n.hits.Add(1)
		e = r[0].entry
	}
	v, err = c.serve(ctx, key, e, now, nil)
	return v, err == nil, err
}

// serve answers from an entry, and has it refreshed when that is due.
func (c *Cache[V]) serve(ctx context.Context, key string, e *localEntry[V], now int64,
	load Loader[V]) (V, error) {
	if e.absent {
		return e.val, ErrNotFound
	}
	if now >= e.staleAt {
		c.n.stale.Add(1)
	}
	if now >= e.refreshAt && load != nil && e.refreshAt < e.until {
		c.refresh(ctx, key, e.id, load)
	}
	return e.val, nil
}

// fetch is Get without the local layer.
func (c *Cache[V]) fetch(ctx context.Context, key string, load Loader[V]) (V, error) {
	var zero V
	for w := (waiting{}); ; {
		if err := ctx.Err(); err != nil {
			return zero, err
		}
		if c.breaker.Open() {
			c.n.misses.Add(1)
			return c.alone(ctx, key, load)
		}
		l, leads, err := c.look(ctx, key)
		if err != nil {
			return zero, err
		}
		var f *flight[V]
		if leads {
			f = c.lookUp(ctx, key, l, load)
			c.looked(key, l)
		}
		if l.void {
			continue
		}
		if l.err != nil {
			c.n.misses.Add(1)
			return c.alone(ctx, key, load)
		}
		r := &l.reading
		switch r.state {
		case stateHit:
			e := r.entry
			if !leads {
				if e, err = c.own(r); err != nil {
					c.report("decode", fmt.Errorf("key %s: %w", key, err))
					return c.alone(ctx, key, load)
				}
			}
			c.n.hits.Add(1)
			return c.serve(ctx, key, e, l.at, load)
		case stateLeased:
			if leads {
				c.n.misses.Add(1)
				return f.await(ctx)
			}
			fallthrough
		case statePending:
			v, done, err := c.wait(ctx, key, r, l.snap, &w)
			if done || err != nil {
				return v, err
			}
		case stateBare:
			c.n.misses.Add(1)
			return c.alone(ctx, key, load)
		}
	}
}

// lookUp reads the entry for all who share l, and returns the flight that it
// began where it got the lease.
func (c *Cache[V]) lookUp(ctx context.Context, key string, l *look[V], load Loader[V]) *flight[V] {
	token := c.newToken()
	p := c.newPlan([]string{key}, []string{token})
	rs, err := p.read(ctx)
	c.breaker.Note(exec.Unavailable(ctx, err))
	if err != nil {
		// Others do not share the end of this one's context.
		if l.void = ctx.Err() != nil; !l.void {
			c.report("get", err)
			l.err = err
		}
		return nil
	}
	l.reading, l.snap, l.at = rs[0], p.snaps[0], p.at
	r := &l.reading
	if r.state == stateInvalid {
		if r.state = c.replace(ctx, key, r.id, token); r.state == stateLeased {
			r.id = token
		}
		l.void = r.state == stateInvalid
	}
	if r.state == stateLeased {
		return c.lead(ctx, key, lease{token: token, gens: r.gens, genKeys: r.genKeys}, load)
	}
	return nil
}

// own returns the entry of a reading for one more caller. Without a local layer
// each may change its value as it likes.
func (c *Cache[V]) own(r *reading[V]) (*localEntry[V], error) {
	if c.local.entries != nil || r.entry.absent {
		return r.entry, nil
	}
	e := *r.entry
	var err error
	e.val, err = c.codec.Decode(unsafe.Slice(unsafe.StringData(r.payload), len(r.payload)))
	return &e, err
}

// waiting remembers how often a caller looked again for want of a push.
type waiting struct{ polls int }

// next returns how long to wait for a push before looking again. With the
// tracking connections up that is only a net under them.
func (w *waiting) next(live bool) time.Duration {
	if live {
		return 250 * time.Millisecond
	}
	d := min(5*time.Millisecond<<min(w.polls, 6), 200*time.Millisecond)
	w.polls++
	return d
}

// wait waits until another look makes sense, or returns, done, the result of
// this process' own load of the same key.
func (c *Cache[V]) wait(ctx context.Context, key string, r *reading[V], s snapshot,
	w *waiting) (v V, done bool, err error) {
	if c.ownToken(r.id) {
		if f, joined := c.join(key, r.id); f != nil {
			c.n.waits.Add(1)
			v, err = f.await(ctx)
			if !joined || (!f.shared && ctx.Err() == nil) {
				return v, false, ctx.Err()
			}
			return v, true, err
		}
	}
	woken, leave := c.local.wait(key, s)
	if woken == nil {
		return v, false, nil
	}
	defer leave()
	c.n.waits.Add(1)
	timer := time.NewTimer(w.next(s.live))
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
	case <-ctx.Done():
		return v, false, ctx.Err()
	case <-c.ctx.Done():
		return v, false, ErrClosed
	}
	return v, false, nil
}

// replace takes the lease of an entry that must not be served: stateLeased if
// it has it, stateInvalid if the entry changed meanwhile, stateBare if Redis
// would not.
func (c *Cache[V]) replace(ctx context.Context, key, seen, token string) state {
	ok, err := c.takeLease(ctx, key, seen, token, pendingRecord(token))
	switch {
	case err != nil:
		c.report("get", err)
		// Where scripts are refused, removing does as well for the next: an
		// entry may always go.
		if err := c.remove(ctx, key); err != nil {
			c.report("get", err)
		}
		return stateBare
	case ok:
		return stateLeased
	}
	return stateInvalid
}

// refresh loads anew in the background, if no one else does.
func (c *Cache[V]) refresh(ctx context.Context, key, seen string, load Loader[V]) {
	c.mu.Lock()
	_, busy := c.refreshing[key]
	if busy || c.closed {
		c.mu.Unlock()
		return
	}
	c.refreshing[strings.Clone(key)] = struct{}{}
	c.wg.Go(func() {
		defer func() {
			c.mu.Lock()
			delete(c.refreshing, key)
			c.mu.Unlock()
		}()
		ctx := context.WithoutCancel(ctx)
		token := c.newToken()
		gens, err := c.generations(ctx, key)
		if err == nil {
			var ok bool
			if ok, err = c.takeLease(ctx, key, seen, token, ""); err == nil && !ok {
				return
			}
		}
		if err != nil {
			c.report("refresh", err)
			return
		}
		c.n.refreshes.Add(1)
		f := c.lead(ctx, key, lease{token: token, gens: gens, genKeys: c.genKeys(key), refresh: true}, load)
		<-f.done
	})
	c.mu.Unlock()
}
