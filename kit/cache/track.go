package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// tracker keeps one connection to every node that the client talks to, with
// CLIENT TRACKING in broadcast mode for the cache's prefix: Redis itself then
// says which key changed, expired or was evicted, whoever did it. One goroutine
// owns the connections.
type tracker struct {
	client  rueidis.Client
	prefix  string
	beat    time.Duration // between proofs of life
	timeout time.Duration

	onPush func([]rueidis.RedisMessage) // nil: everything
	onLive func(sent time.Time)         // every connection answered a ping sent then
	onDown func(err error)              // pushes may be missed from now on

	kick  chan struct{} // something changed: look now
	addrs atomic.Pointer[map[string]bool]
	links map[string]*link // owned by run
	wg    sync.WaitGroup

	mu     sync.Mutex // orders onLive and onDown
	losses atomic.Uint64
}

// link is one tracking connection.
type link struct {
	client rueidis.DedicatedClient
	lost   atomic.Bool
	end    chan struct{} // closed when we close it
}

// run returns when ctx is done and every connection is given back.
func (t *tracker) run(ctx context.Context) {
	t.links = make(map[string]*link)
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
func (t *tracker) round(ctx context.Context) error {
	sent := time.Now()
	nodes := t.client.Nodes()
	for addr, l := range t.links {
		if _, ok := nodes[addr]; ok && !l.lost.Load() {
			continue
		}
		t.close(addr)
		if !l.lost.Load() {
			// A failover may leave the connection to the old master standing.
			// What was read there says nothing about the new one.
			t.lose(fmt.Errorf("%s is no node of the client any more", addr))
		}
	}
	losses := t.losses.Load()
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
				o.link, o.err = t.open(ctx, nodes[o.addr])
			} else {
				o.err = t.ping(ctx, o.link)
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
	if t.losses.Load() != losses {
		return errors.New("a tracking connection was lost meanwhile")
	}
	t.onLive(sent)
	return nil
}

// lose says that pushes may be missed. Under the same lock as onLive, so that a
// round that began before the loss cannot declare the connections whole after
// it.
func (t *tracker) lose(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.losses.Add(1)
	t.onDown(err)
}

func (t *tracker) open(ctx context.Context, node rueidis.Client) (*link, error) {
	client, release := node.Dedicate()
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	lost := client.SetOnInvalidations(t.onPush)
	// The client turned tracking on in another mode when it connected, and
	// Redis switches modes only by way of off.
	for _, r := range client.DoMulti(ctx,
		client.B().ClientTracking().Off().Build(),
		client.B().ClientTracking().On().Prefix().Prefix(t.prefix).Bcast().Build(),
	) {
		if err := r.Error(); err != nil {
			t.wg.Go(func() { client.Close(); release() })
			return nil, err
		}
	}
	l := &link{client: client, end: make(chan struct{})}
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

func (t *tracker) ping(ctx context.Context, l *link) error {
	if l.lost.Load() {
		return rueidis.ErrClosing
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return l.client.Do(ctx, l.client.B().Ping().Build()).Error()
}

func (t *tracker) close(addr string) {
	if l := t.links[addr]; l != nil {
		delete(t.links, addr)
		close(l.end)
	}
}

// look makes run look at the nodes soon.
func (t *tracker) look() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// covers says whether every node that the client may have read from is tracked.
func (t *tracker) covers() bool {
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
