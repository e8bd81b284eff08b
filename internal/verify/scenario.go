package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Scenario is a set of faults to inject.
type Scenario struct {
	Name   string
	What   string // one line
	Stores []Store
	Allow  Allow
	Size   int // bytes of a message, if it matters

	needsNodes    bool     // needs nodes that verify starts itself
	settings      []string // of Redis
	flags         []string // of the nodes
	redisProxies  bool     // nodes reach Redis through proxies
	bell          bool     // the proxies can corrupt published messages
	clientProxies bool     // clients reach nodes through proxies
	small         string   // size of the disk
	listeners     bool     // thousands listen
	older         bool     // nodes of an older version take part

	// faults injects faults until injecting is done, and returns when the
	// system is healthy again.
	faults func(ctx, injecting context.Context, t *run) error
}

var (
	always   = []string{"--appendonly", "yes", "--appendfsync", "always"}
	everysec = []string{"--appendonly", "yes", "--appendfsync", "everysec"}
	// What docs/operations.md says for failover. A master without a file would
	// come back empty.
	guarded = []string{"--appendonly", "yes", "--appendfsync", "everysec",
		"--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"}
)

// Scenarios lists all scenarios.
var Scenarios = []Scenario{
	{Name: "calm", What: "clients that drop their connections", Stores: Stores, faults: calm},
	{Name: "storm", What: "all clients are disconnected at once, repeatedly",
		Stores: []Store{Embedded, Redis}, faults: storm},
	{Name: "slow", What: "some clients stop reading",
		Stores: []Store{Embedded, Redis}, Size: 8 << 10, faults: slow},
	{Name: "thousands", What: "10,000 listening connections, all disconnected at once, repeatedly",
		Stores: []Store{Embedded, Redis}, needsNodes: true, listeners: true, faults: cutThousands},
	{Name: "kill", What: "kill -9 of nodes, repeatedly", Stores: Stores, needsNodes: true,
		settings: always, faults: killNodes},
	{Name: "restart", What: "a rolling restart of all nodes",
		Stores: []Store{Embedded, Redis}, needsNodes: true, faults: rolling},
	{Name: "upgrade", What: "a rolling upgrade from --older BINARY, back to it, and again",
		Stores: []Store{Embedded, Redis}, needsNodes: true, older: true, faults: upgrade},
	{Name: "network", What: "latency and resets between clients, nodes and Redis",
		Stores: []Store{Embedded, Redis}, needsNodes: true, redisProxies: true, clientProxies: true,
		faults: network},
	{Name: "bell", What: "messages that Redis publishes are dropped, repeated and reordered",
		Stores: []Store{Redis}, needsNodes: true, redisProxies: true, bell: true, faults: corruptBell},
	{Name: "partition", What: "one node or all nodes lose their connection to Redis", Stores: []Store{Redis},
		needsNodes: true, redisProxies: true, faults: partition},
	{Name: "pause", What: "SIGSTOP of a Redis server with data, up to 6 s",
		Stores: []Store{Redis, Cluster}, needsNodes: true, faults: pauseRedis},
	{Name: "redis-kill", What: "kill -9 of Redis (one master of a cluster) with appendfsync always",
		Stores: []Store{Redis, Cluster}, needsNodes: true, settings: always, faults: killRedis},
	{Name: "redis-kill-everysec", What: "kill -9 of Redis with appendfsync everysec",
		Stores: []Store{Redis}, Allow: Loss, needsNodes: true, settings: everysec, faults: killRedis},
	{Name: "redis-power", What: "power loss of Redis with appendfsync everysec: unsynced writes are lost",
		Stores: []Store{Redis}, Allow: Loss, needsNodes: true, settings: everysec, faults: cutPower},
	{Name: "failover", What: "kill -9 of the master, --redis-wait 1", Stores: []Store{Sentinel},
		Allow: Rollback, needsNodes: true, settings: guarded, flags: []string{"--redis-wait", "1"},
		faults: failover},
	{Name: "failover-nowait", What: "kill -9 of the master without --redis-wait",
		Stores: []Store{Sentinel}, Allow: Loss, needsNodes: true, settings: guarded, faults: failover},
	{Name: "disk-full", What: "the disk fills up and is freed again", Stores: []Store{Embedded},
		needsNodes: true, small: "32m", faults: fillDisk},
}

// Short returns the scenarios for a quick check, on the embedded store and on
// one Redis. With a second each they take about half a minute.
func Short() []Scenario {
	var some []Scenario
	for _, name := range []string{"calm", "storm", "kill", "restart", "network", "bell"} {
		s, _ := Find(name)
		s.Stores = slices.DeleteFunc(slices.Clone(s.Stores),
			func(on Store) bool { return on != Embedded && on != Redis })
		some = append(some, s)
	}
	return some
}

// Find returns the scenario with that name.
func Find(name string) (Scenario, bool) {
	i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return Scenarios[i], true
}

// Remote reports whether the scenario can run against an existing server.
func (s Scenario) Remote() bool { return !s.needsNodes }

func calm(_, injecting context.Context, _ *run) error {
	<-injecting.Done()
	return nil
}

func storm(_, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		t.inject("all clients are disconnected")
		t.clients.drop()
		pause(injecting, 200*time.Millisecond+rand.N(time.Second))
	}
	return nil
}

func cutThousands(ctx, injecting context.Context, t *run) error {
	var back []string
	for {
		pause(injecting, time.Second+rand.N(2*time.Second))
		if injecting.Err() != nil {
			break
		}
		t.inject("all listeners are disconnected")
		began := time.Now()
		t.listeners.cut()
		if err := t.listeners.waitReady(ctx); err != nil {
			return err
		}
		back = append(back, fmt.Sprintf("%.1f", time.Since(began).Seconds()))
	}
	t.note = fmt.Sprintf("%d listeners; all were current again after %s s",
		t.options.Listeners, strings.Join(back, ", "))
	return nil
}

// lazies is how many stop reading.
const stalledReaders = 4

func slow(ctx, injecting context.Context, t *run) error {
	var all []*stalledReader
	for i := range stalledReaders {
		l, err := t.clients.openStalled(ctx, t.clients.clients[i%len(t.clients.clients)])
		if err != nil {
			return err
		}
		all = append(all, l)
		t.inject("a client stops reading")
	}
	<-injecting.Done()
	var cut atomic.Int64
	var waking sync.WaitGroup
	for _, l := range all {
		waking.Go(func() {
			if l.resume() {
				cut.Add(1)
			}
		})
	}
	waking.Wait()
	t.note = fmt.Sprintf("%d of %d slow clients were disconnected", cut.Load(), len(all))
	return nil
}

// killNodes kills one at a time, in the middle of whatever it does.
func killNodes(ctx, injecting context.Context, t *run) error {
	for injecting.Err() == nil || t.faults < t.options.Kills {
		pause(ctx, 50*time.Millisecond+rand.N(400*time.Millisecond))
		all := t.nodes.list()
		s := all[rand.IntN(len(all))]
		t.inject(fmt.Sprintf("node %d is killed", s.slot))
		t.nodes.kill(s)
		if err := t.nodes.start(ctx, s.slot); err != nil {
			return err
		}
	}
	return nil
}

func rolling(ctx, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		if err := t.replaceNodes(ctx); err != nil {
			return err
		}
	}
	return nil
}

// upgrade replaces nodes of the older version by nodes of this one, these again
// by older ones, and so on, and ends with this version.
func upgrade(ctx, injecting context.Context, t *run) error {
	upgrades := 0
	now, next := t.options.Binary, t.options.Older
	for ; ; now, next = next, now {
		t.nodes.use(now)
		t.log("from now on " + now + " is started")
		if err := t.replaceNodes(ctx); err != nil {
			return err
		}
		if now == t.options.Binary {
			upgrades++
		}
		if now == t.options.Binary && injecting.Err() != nil {
			break
		}
	}
	t.note = fmt.Sprintf("%d rolling upgrades, %d rolling downgrades", upgrades, upgrades-1)
	return nil
}

// replaceNodes stops one node after the other, and starts a successor of each:
// before it stops, unless the data is embedded.
func (t *run) replaceNodes(ctx context.Context) error {
	for _, s := range t.nodes.list() {
		pause(ctx, rand.N(600*time.Millisecond))
		next := func() error { return t.nodes.start(ctx, s.slot) }
		if t.store != Embedded {
			if err := next(); err != nil {
				return err
			}
			next = func() error { return nil }
		}
		t.inject(fmt.Sprintf("node %d is stopped", s.slot))
		if err := t.nodes.stop(s); err != nil {
			return err
		}
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

func network(_, injecting context.Context, t *run) error {
	each := func(do func(*proxy)) {
		for _, w := range t.redisProxies {
			do(w)
		}
		for _, s := range t.nodes.list() {
			do(s.proxy)
		}
	}
	each(func(p *proxy) { p.slow(10 * time.Millisecond) })
	for injecting.Err() == nil {
		pause(injecting, 100*time.Millisecond+rand.N(600*time.Millisecond))
		t.inject("some connections are reset")
		each(func(p *proxy) { p.reset(0.3) })
	}
	each(func(p *proxy) { p.slow(0) })
	return nil
}

// corruptBell corrupts more than half of the published messages.
func corruptBell(_, injecting context.Context, t *run) error {
	for _, w := range t.redisProxies {
		w.corrupt(0.2)
	}
	<-injecting.Done()
	var all bellStats
	for _, w := range t.redisProxies {
		w.corrupt(0)
		x := w.bellStats()
		all.dropped, all.doubled, all.late, all.through = all.dropped+x.dropped,
			all.doubled+x.doubled, all.late+x.late, all.through+x.through
	}
	t.faults = all.bad()
	t.note = fmt.Sprintf("of %d published messages, %d were dropped, %d repeated and %d delayed",
		all.bad()+all.through, all.dropped, all.doubled, all.late)
	if all.bad() == 0 {
		return errors.New("no published message passed the proxy")
	}
	return nil
}

func partition(_, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		pause(injecting, 500*time.Millisecond+rand.N(time.Second))
		cut := t.redisProxies
		if rand.IntN(3) > 0 {
			i := rand.IntN(len(t.redisProxies))
			cut = t.redisProxies[i : i+1]
		}
		t.inject(fmt.Sprintf("%d of %d nodes are disconnected from Redis", len(cut), len(t.redisProxies)))
		for _, w := range cut {
			w.block()
		}
		pause(injecting, 300*time.Millisecond+rand.N(6*time.Second))
		for _, w := range cut {
			if rand.IntN(2) == 0 {
				w.reset(1) // what was held never arrives
			}
			w.unblock() // what was held arrives late
		}
		t.log("the nodes are connected again")
	}
	return nil
}

// randomRedis returns a random Redis server that holds data.
func (t *run) randomRedis() *redisServer { return t.redis.servers[rand.IntN(len(t.redis.servers))] }

func pauseRedis(ctx, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		pause(injecting, 500*time.Millisecond+rand.N(1500*time.Millisecond))
		s := t.randomRedis()
		if err := s.pause(); err != nil {
			return fmt.Errorf("%w: pausing: %w", ErrSkipped, err)
		}
		t.inject("redis " + s.addr() + " is paused")
		pause(injecting, 100*time.Millisecond+rand.N(6*time.Second))
		if err := s.resume(); err != nil {
			return err
		}
		t.log("redis " + s.addr() + " goes on")
	}
	return t.waitHealthy(ctx)
}

// waitHealthy waits until all slots of a cluster are served again.
func (t *run) waitHealthy(ctx context.Context) error {
	if t.store == Cluster {
		return t.redis.waitClusterOK(ctx)
	}
	return nil
}

func killRedis(ctx, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		pause(injecting, 300*time.Millisecond+rand.N(1500*time.Millisecond))
		s := t.randomRedis()
		t.inject("redis " + s.addr() + " is killed")
		s.kill()
		pause(ctx, rand.N(1500*time.Millisecond))
		if err := s.launch(ctx); err != nil {
			return err
		}
		if err := t.waitHealthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cutPower kills Redis and truncates its file to an earlier size, as if the
// last writes had not been synced.
func cutPower(ctx, injecting context.Context, t *run) error {
	pause(ctx, 1500*time.Millisecond) // what people and rooms there are is synced
	lost := int64(0)
	for injecting.Err() == nil {
		pause(injecting, 1500*time.Millisecond+rand.N(time.Second))
		s := t.randomRedis()
		files, err := filepath.Glob(filepath.Join(s.dir, "appendonlydir", "*.incr.aof"))
		if err != nil || len(files) != 1 {
			return fmt.Errorf("one append-only file was expected, not %v: %w", files, err)
		}
		synced, err := os.Stat(files[0])
		if err != nil {
			return err
		}
		pause(ctx, rand.N(time.Second))
		t.inject("redis " + s.addr() + " loses power")
		s.kill()
		written, err := os.Stat(files[0])
		if err != nil {
			return err
		}
		lost += written.Size() - synced.Size()
		if err := os.Truncate(files[0], synced.Size()); err != nil {
			return err
		}
		if err := s.launch(ctx); err != nil {
			return err
		}
	}
	t.note = fmt.Sprintf("%d kB of Redis' file were lost", lost>>10)
	return nil
}

// failover kills the master, waits for a replica to be promoted, and restarts
// the old master as a replica.
func failover(ctx, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		pause(injecting, time.Second+rand.N(time.Second))
		old, err := t.redis.master()
		if err != nil {
			return err
		}
		t.inject("the master " + old.addr() + " is killed")
		old.kill()
		if err := eventually(ctx, startTimeout, "a replica to take over", func() bool {
			now, err := t.redis.master()
			return err == nil && now != old && t.redis.agreedOn(now)
		}); err != nil {
			return err
		}
		now, err := t.redis.master()
		if err != nil {
			return err
		}
		t.log("the master is " + now.addr() + "; the old one is started")
		if err := old.launch(ctx); err != nil {
			return err
		}
		// The Sentinels would tell it whom to follow within ten seconds: sooner
		// is more failovers.
		if _, err := old.do("REPLICAOF", "127.0.0.1", fmt.Sprint(now.port)); err != nil {
			return err
		}
		if err := t.redis.replicated(ctx); err != nil {
			return err
		}
		t.log("both replicas follow")
	}
	return nil
}

func fillDisk(ctx, injecting context.Context, t *run) error {
	ballast := filepath.Join(t.dir, "data", "ballast")
	for injecting.Err() == nil {
		pause(injecting, 500*time.Millisecond+rand.N(time.Second))
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, full := io.Copy(f, zeros{})
		if err := f.Close(); err != nil {
			return err
		}
		t.inject("the disk is full")
		for end := time.Now().Add(200*time.Millisecond + rand.N(2*time.Second)); time.Now().Before(
			end) && ctx.Err() == nil; {
			pause(ctx, 50*time.Millisecond) // full for so long
		}
		if err := os.Remove(ballast); err != nil {
			return err
		}
		if full == nil {
			return errors.New("the disk did not fill up")
		}
	}
	return nil
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
