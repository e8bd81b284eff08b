package cache

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// BatchLoader reads the values of keys, each of them once and in no order, from
// their source. What it leaves out of the map does not exist, as if a Loader
// had returned ErrNotFound. Its context is like a Loader's.
type BatchLoader[V any] func(ctx context.Context, keys []string) (map[string]V, error)

// GetMany is Get for many keys: one look at Redis for all that the local layer
// lacks (one round trip to each node that holds some), one call of load for all
// that are missing, one step to store those. Keys that another caller is
// loading are waited for afterwards, so that two batches never wait for each
// other. Keys of which there is nothing are not in the result. On an error of
// load, or of ctx, the result is nil.
func (c *Cache[V]) GetMany(ctx context.Context, keys []string, load BatchLoader[V]) (map[string]V, error) {
	out := make(map[string]V, len(keys))
	seen := make(map[string]bool, len(keys))
	now := c.local.now()
	var rest []string
	single := func(ctx context.Context, key string) (v V, err error) {
		m, err := load(ctx, []string{key})
		if err != nil {
			return v, err
		}
		v, ok := m[key]
		if !ok {
			return v, ErrNotFound
		}
		return v, nil
	}
	take := func(key string, e *localEntry[V], now int64) {
		if v, err := c.serve(ctx, key, e, now, single); err == nil {
			out[key] = v
		}
	}
	for _, key := range keys {
		if seen[key] {
			continue
		}
		seen[key] = true
		if e, ok := c.local.get(key, now); ok {
			c.n.localHits.Add(1)
			take(key, e, now)
		} else {
			rest = append(rest, key)
		}
	}
	var w waiting
	for len(rest) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		tokens := make([]string, len(rest))
		for i := range tokens {
			tokens[i] = c.newToken()
		}
		p := c.newPlan(rest, tokens)
		rs, err := []reading[V](nil), exec.ErrOpen
		if !c.breaker.Open() {
			rs, err = p.read(ctx)
			c.breaker.Note(exec.Unavailable(ctx, err))
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != exec.ErrOpen {
				c.report("get", err)
			}
			rs = make([]reading[V], len(rest))
			for i := range rs {
				rs[i].state = stateBare
			}
		}
		c.replaceMany(ctx, p, rs)
		var leases []lease
		var mine []string
		var pending []int
		var again []string
		for i, key := range rest {
			switch r := &rs[i]; r.state {
			case stateHit:
				c.n.hits.Add(1)
				take(key, r.entry, p.at)
			case stateLeased:
				leases = append(leases, lease{token: tokens[i], gens: r.gens, genKeys: r.genKeys})
				mine = append(mine, key)
			case stateBare:
				leases = append(leases, lease{})
				mine = append(mine, key)
			case statePending:
				pending = append(pending, i)
			default:
				again = append(again, key)
			}
		}
		c.n.misses.Add(uint64(len(mine)))
		for i, f := range c.leadMany(ctx, mine, leases, load) {
			v, err := f.await(ctx)
			if err == nil {
				out[mine[i]] = v
			} else if !errors.Is(err, ErrNotFound) {
				return nil, err
			}
		}
		for _, i := range pending {
			v, done, err := c.wait(ctx, rest[i], &rs[i], p.snaps[i], &w)
			switch {
			case done && err == nil:
				out[rest[i]] = v
			case !done && err == nil:
				again = append(again, rest[i])
			case !errors.Is(err, ErrNotFound):
				return nil, err
			}
		}
		rest = again
	}
	return out, nil
}

// replaceMany takes the leases of all invalid entries of a plan in one step.
func (c *Cache[V]) replaceMany(ctx context.Context, p *plan[V], rs []reading[V]) {
	var at []int
	var execs []execution
	for i := range rs {
		if rs[i].state == stateInvalid {
			at = append(at, i)
			execs = append(execs, execution{p.keys[i], []string{rs[i].id, p.tokens[i],
				millis(c.opt.LoadTimeout), pendingRecord(p.tokens[i])}})
		}
	}
	if len(at) == 0 {
		return
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	for j, r := range c.run(ctx, c.lease, execs) {
		i := at[j]
		switch n, err := r.AsInt64(); {
		case err != nil:
			c.report("get", err)
			rs[i].state = stateBare
		case n == 1:
			rs[i].state = stateLeased
		}
	}
}

// group is one call of a batch loader, which settles several flights.
type group[V any] struct {
	settled atomic.Bool
	keys    []string
	flights []*flight[V]
}

// leadMany starts one load for all keys, each under its own lease. A key
// without a lease joins a load of the same key that is under way in this
// process.
func (c *Cache[V]) leadMany(ctx context.Context, keys []string, leases []lease,
	load BatchLoader[V]) []*flight[V] {
	if len(keys) == 0 {
		return nil
	}
	all := make([]*flight[V], len(keys))
	g := &group[V]{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, key := range keys {
		if f := c.flights[key]; leases[i].token == "" && f != nil && !f.sealed {
			all[i] = f
			continue
		}
		f := &flight[V]{lease: leases[i], done: make(chan struct{})}
		all[i] = f
		key = strings.Clone(key)
		g.keys = append(g.keys, key)
		g.flights = append(g.flights, f)
		if c.closed {
			f.err = ErrClosed
			close(f.done)
			continue
		}
		if f.lease.token == "" {
			c.n.unprotected.Add(1)
		}
		c.flights[key] = f
	}
	if len(g.keys) > 0 && !c.closed {
		c.wg.Go(func() { c.flyMany(ctx, g, load) })
	}
	return all
}

func (c *Cache[V]) flyMany(ctx context.Context, g *group[V], load BatchLoader[V]) {
	ctx, finish := c.loadContext(ctx)
	defer finish()
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(late)
		if g.settled.CompareAndSwap(false, true) {
			c.settleMany(g, nil, context.Cause(ctx))
		}
	})
	var vals map[string]V
	var err error
	returned := false
	defer func() {
		if !returned {
			err = &PanicError{Value: recover(), Stack: debug.Stack()}
		}
		if !stop() {
			<-late
		}
		if g.settled.CompareAndSwap(false, true) {
			c.settleMany(g, vals, err)
		}
	}()
	c.n.loads.Add(1)
	vals, err = load(ctx, append([]string(nil), g.keys...))
	returned = true
}

func (c *Cache[V]) settleMany(g *group[V], vals map[string]V, err error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.n.loadErrors.Add(1)
	}
	c.mu.Lock()
	for i, f := range g.flights {
		f.sealed = true
		f.shared = true
		f.err = err
		if v, ok := vals[g.keys[i]]; err == nil && ok {
			f.val = v
		} else if err == nil {
			f.err = ErrNotFound
		}
	}
	c.mu.Unlock()

	c.commitMany(g)

	c.mu.Lock()
	for i, f := range g.flights {
		if c.flights[g.keys[i]] == f {
			delete(c.flights, g.keys[i])
		}
	}
	c.mu.Unlock()
	for _, f := range g.flights {
		close(f.done)
	}
}

// commitMany is commit for a whole group: one step to store, one to give back
// the leases of what is not stored, and both are seldom needed at once.
func (c *Cache[V]) commitMany(g *group[V]) {
	ctx, cancel := c.within(context.WithoutCancel(c.ctx))
	defer cancel()
	var stores, releases []execution
	var stored []*flight[V]
	for i, f := range g.flights {
		if f.lease.token == "" {
			continue
		}
		rec, life, err := c.encode(g.keys[i], f.lease.token, f.lease.gens, f.val, f.err)
		if err != nil {
			c.report("encode", err)
		}
		if rec == nil {
			releases = append(releases, c.releasing(g.keys[i], f.lease.token, c.opt.RetryRefresh))
			continue
		}
		stores = append(stores, execution{g.keys[i], []string{f.lease.token, text(rec), millis(life), "0"}})
		stored = append(stored, f)
	}
	if len(stores) > 0 {
		gens := make(map[string]string)
		var ask []string
		for _, f := range stored {
			for _, k := range f.lease.genKeys {
				if _, ok := gens[k]; !ok {
					gens[k] = ""
					ask = append(ask, k)
				}
			}
		}
		cmds := make(rueidis.Commands, len(ask))
		for i, k := range ask {
			cmds[i] = c.client.B().Get().Key(k).Build()
		}
		results := c.run(ctx, c.store, stores, cmds...)
		for i, k := range ask {
			gens[k], _ = results[len(stores)+i].ToString() // an unknown one equals none
		}
		for i, f := range stored {
			n, err := results[i].AsInt64()
			if err != nil {
				c.report("store", err)
				releases = append(releases, c.releasing(stores[i].key, f.lease.token, 0))
				continue
			}
			now := ""
			for _, k := range f.lease.genKeys {
				now += gens[k]
			}
			if f.shared = n == 1 && now == f.lease.gens; !f.shared {
				c.n.refused.Add(1)
			}
		}
	}
	var refused []string
	for i, r := range c.run(ctx, c.release, releases) {
		if err := r.Error(); err != nil {
			c.report("release", err)
			refused = append(refused, releases[i].key)
		}
	}
	if len(refused) == 0 {
		return
	}
	// Without scripts the entries go altogether: never wrong, and no one waits
	// for us.
	dels := make(rueidis.Commands, len(refused))
	for i, key := range refused {
		dels[i] = c.client.B().Del().Key(c.entryKey(key)).Build()
	}
	for _, r := range c.client.DoMulti(ctx, dels...) {
		if err := r.Error(); err != nil {
			c.report("release", err)
		}
	}
}
