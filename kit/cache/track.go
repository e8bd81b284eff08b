package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// A Tracker learns from Redis which keys change, for all caches that it is
// given to in [Options.Tracker]: one connection to every node that the client
// talks to, with CLIENT TRACKING in broadcast mode for the caches' prefixes.
// Redis itself then says which key changed, expired or was evicted, whoever did
// it. A cache without one has a tracker of its own. Close it after its caches.
type Tracker struct {
	client rueidis.Client
	beat   time.Duration // between proofs of life

	kick   chan struct{} // something changed: look now
	addrs  atomic.Pointer[map[string]bool]
	links  map[string]*link // owned by run
	wg     sync.WaitGroup
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned

	mu        sync.Mutex  // orders what listeners are told
	listeners []*listener // replaced, never changed
	losses    uint64
}

// listener is a cache's part of a tracker. Its functions are quick and do not
// call the tracker.
type listener struct {
	prefix string
	push   func([]rueidis.RedisMessage) // nil: everything
	live   func(sent time.Time)         // every connection answered a ping sent then
	down   func(err error)              // pushes may be missed from now on
}

// NewTracker returns a tracker on client, which stays the caller's. Heartbeat
// is that of Options; 0 means 1 s. It does not wait for Redis.
func NewTracker(client rueidis.Client, heartbeat time.Duration) *Tracker {
	if heartbeat <= 0 {
		heartbeat = time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &Tracker{client: client, beat: heartbeat, kick: make(chan struct{}, 1),
		links: make(map[string]*link), cancel: cancel, done: make(chan struct{})}
	go t.run(ctx)
	return t
}

// Close ends the connections. The caches that still have it go on without their
// local layers.
func (t *Tracker) Close() {
	t.cancel()
	<-t.done
	t.lose(errors.New("the tracker is closed"))
}

func (t *Tracker) add(l *listener) {
	t.mu.Lock()
	t.listeners = append(slices.Clone(t.listeners), l)
	t.mu.Unlock()
	t.look()
}

func (t *Tracker) remove(l *listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners = slices.DeleteFunc(slices.Clone(t.listeners), func(x *listener) bool { return x == l })
}

// pushed passes on what one connection was told.
func (t *Tracker) pushed(keys []rueidis.RedisMessage) {
	t.mu.Lock()
	listeners := t.listeners
	t.mu.Unlock()
	for _, l := range listeners {
		l.push(keys)
	}
}

// link is one tracking connection.
type link struct {
	client   rueidis.DedicatedClient
	prefixes []string // asked for; none begins another
	lost     atomic.Bool
	end      chan struct{} // closed when we close it
}

// covers reports whether a prefix is asked for, by itself or with a shorter
// one.
func (l *link) covers(prefix string) bool {
	return slices.ContainsFunc(l.prefixes, func(p string) bool { return strings.HasPrefix(prefix, p) })
}

// shortest returns the prefixes of all listeners but those that begin with
// another: Redis refuses prefixes that overlap.
func shortest(listeners []*listener) []string {
	var all []string
	for _, l := range listeners {
		all = append(all, l.prefix)
	}
	slices.Sort(all)
	var shortest []string
	for _, p := range all {
		if n := len(shortest); n == 0 || !strings.HasPrefix(p, shortest[n-1]) {
			shortest = append(shortest, p)
		}
	}
	return shortest
}

// run returns when ctx is done and every connection is given back.
func (t *Tracker) run(ctx context.Context) {
	defer close(t.done)
	defer func() {
		for addr := range t.links {
			t.close(addr)
		}
		t.wg.Wait()
	}()
	pause := time.NewTimer(0)
	defer pause.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.kick:
		case <-pause.C:
		}
		wait := t.beat
		if err := t.round(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			if failures == 0 {
				t.lose(err)
			}
			failures++
			// A broken Redis sees few attempts, at different times from each
			// process.
			ceil := min(50*time.Millisecond<<min(failures, 6), 2*time.Second)
			wait = ceil/2 + rand.N(ceil/2)
		} else {
			failures = 0
		}
		pause.Reset(wait)
	}
}

// round brings the connections in line with the client's nodes, and has every
// one answer a ping.
func (t *Tracker) round(ctx context.Context) error {
	t.mu.Lock()
	listeners := t.listeners
	t.mu.Unlock()
	if len(listeners) == 0 {
		return nil
	}
	prefixes := shortest(listeners)
	sent := time.Now()
	nodes := t.client.Nodes()
	for addr, l := range t.links {
		_, ok := nodes[addr]
		overlap := slices.ContainsFunc(l.prefixes, func(asked string) bool {
			return !slices.Contains(prefixes, asked) &&
				slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(asked, p) })
		})
		switch {
		case l.lost.Load():
			t.close(addr)
		case !ok:
			// A failover may leave the connection to the old master standing.
			// What was read there says nothing about the new one.
			t.close(addr)
			t.lose(fmt.Errorf("%s is no node of the client any more", addr))
		case overlap:
			t.close(addr)
			t.lose(errors.New("a cache came whose name begins another's"))
		}
	}
	t.mu.Lock()
	losses := t.losses
	t.mu.Unlock()
	type outcome struct {
		addr string
		link *link
		err  error
	}
	outcomes := make([]outcome, 0, len(nodes))
	for addr := range nodes {
		outcomes = append(outcomes, outcome{addr: addr, link: t.links[addr]})
	}
	var wg sync.WaitGroup
	for i := range outcomes {
		o := &outcomes[i]
		wg.Go(func() {
			if o.link == nil {
				o.link, o.err = t.open(ctx, nodes[o.addr], prefixes)
			} else {
				o.err = t.prove(ctx, o.link, prefixes)
			}
		})
	}
	wg.Wait()
	var errs []error
	addrs := make(map[string]bool, len(outcomes))
	for _, o := range outcomes {
		if o.link != nil {
			t.links[o.addr] = o.link
		}
		if o.err != nil {
			errs = append(errs, fmt.Errorf("track %s: %w", o.addr, o.err))
			t.close(o.addr)
		}
		addrs[o.addr] = true
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	t.addrs.Store(&addrs)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.losses != losses {
		return errors.New("a tracking connection was lost meanwhile")
	}
	for _, l := range listeners {
		l.live(sent)
	}
	return nil
}

// lose says that pushes may be missed. Under the same lock as live, so that a
// round that began before the loss cannot declare the connections whole after
// it.
func (t *Tracker) lose(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.losses++
	for _, l := range t.listeners {
		l.down(err)
	}
}

func (t *Tracker) open(ctx context.Context, node rueidis.Client, prefixes []string) (*link, error) {
	client, release := node.Dedicate()
	ctx, cancel := context.WithTimeout(ctx, t.beat)
	defer cancel()
	lost := client.SetOnInvalidations(t.pushed)
	// The client turned tracking on in another mode when it connected, and
	// Redis switches modes only by way of off.
	for _, r := range client.DoMulti(ctx, client.B().ClientTracking().Off().Build(), ask(client, prefixes)) {
		if err := r.Error(); err != nil {
			t.wg.Go(func() { client.Close(); release() })
			return nil, err
		}
	}
	l := &link{client: client, prefixes: prefixes, end: make(chan struct{})}
	t.wg.Go(func() {
		var err error
		select {
		case err = <-lost:
			l.lost.Store(true)
			t.lose(fmt.Errorf("tracking connection lost: %w", orClosed(err)))
			t.look()
			<-l.end
		case <-l.end:
		}
		// Never back to the client's pool: it is not in the state the client
		// left it.
		client.Close()
		release()
	})
	return l, nil
}

func orClosed(err error) error {
	if err == nil {
		return rueidis.ErrClosing
	}
	return err
}

// ask builds the command that has Redis push the keys with these prefixes, too.
func ask(client rueidis.DedicatedClient, prefixes []string) rueidis.Completed {
	args := []string{"TRACKING", "ON", "BCAST"}
	for _, p := range prefixes {
		args = append(args, "PREFIX", p)
	}
	return client.B().Arbitrary("CLIENT").Args(args...).Build()
}

// prove has a connection answer, and asks it for the prefixes that are new.
func (t *Tracker) prove(ctx context.Context, l *link, prefixes []string) error {
	if l.lost.Load() {
		return rueidis.ErrClosing
	}
	ctx, cancel := context.WithTimeout(ctx, t.beat)
	defer cancel()
	added := slices.DeleteFunc(slices.Clone(prefixes), l.covers)
	if len(added) == 0 {
		return l.client.Do(ctx, l.client.B().Ping().Build()).Error()
	}
	l.prefixes = append(slices.Clone(l.prefixes), added...)
	return l.client.Do(ctx, ask(l.client, added)).Error()
}

func (t *Tracker) close(addr string) {
	if l := t.links[addr]; l != nil {
		delete(t.links, addr)
		close(l.end)
	}
}

// look makes run look at the nodes soon.
func (t *Tracker) look() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// covers says whether every node that the client may have read from is tracked.
func (t *Tracker) covers() bool {
	if t.client.Mode() == rueidis.ClientModeStandalone {
		return true
	}
	addrs := t.addrs.Load()
	if addrs == nil {
		return false
	}
	for addr := range t.client.Nodes() {
		if !(*addrs)[addr] {
			t.look()
			return false
		}
	}
	return true
}
