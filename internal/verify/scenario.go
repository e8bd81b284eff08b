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

// Scenario is a way in which things go wrong.
type Scenario struct {
	Name   string
	What   string // one line, for people
	Stores []Store
	Allow  Allow
	Size   int // bytes of a message, if it matters

	needsNodes    bool     // it cannot be played on a server that runs elsewhere
	settings      []string // of Redis
	flags         []string // of the nodes
	redisProxies  bool     // nodes reach Redis through proxies
	bell          bool     // which know what is published, and can garble it
	clientProxies bool     // clients reach nodes through proxies
	small         string   // size of the disk
	listeners     bool     // thousands listen

	// faults injects until injecting is done, and returns when all is well
	// again.
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

// Scenarios are all of them.
var Scenarios = []Scenario{
	{Name: "calm", What: "nothing but clients that drop", Stores: Stores, faults: calm},
	{Name: "storm", What: "every client is cut off at once, again and again",
		Stores: []Store{Embedded, Redis}, faults: storm},
	{Name: "slow", What: "clients that stop reading, beside others",
		Stores: []Store{Embedded, Redis}, Size: 8 << 10, faults: slow},
	{Name: "thousands", What: "10,000 connections that listen, all cut off at once, again and again",
		Stores: []Store{Embedded, Redis}, needsNodes: true, listeners: true, faults: cutThousands},
	{Name: "kill", What: "kill -9 of a node, again and again", Stores: Stores, needsNodes: true,
		settings: always, faults: killNodes},
	{Name: "restart", What: "every node is replaced in turn, in good order",
		Stores: []Store{Embedded, Redis}, needsNodes: true, faults: rolling},
	{Name: "network", What: "latency and resets, of clients and of nodes to Redis",
		Stores: []Store{Embedded, Redis}, needsNodes: true, redisProxies: true, clientProxies: true,
		faults: network},
	{Name: "bell", What: "what Redis publishes is dropped, doubled and reordered on its way to the nodes",
		Stores: []Store{Redis}, needsNodes: true, redisProxies: true, bell: true, faults: corruptBell},
	{Name: "partition", What: "nodes are cut off from Redis, one or all", Stores: []Store{Redis},
		needsNodes: true, redisProxies: true, faults: partition},
	{Name: "pause", What: "SIGSTOP of a Redis server with data, up to 6 s",
		Stores: []Store{Redis, Cluster}, needsNodes: true, faults: pauseRedis},
	{Name: "redis-kill", What: "kill -9 of Redis with AOF always, of one master of a cluster",
		Stores: []Store{Redis, Cluster}, needsNodes: true, settings: always, faults: killRedis},
	{Name: "redis-kill-everysec", What: "kill -9 of Redis with AOF everysec",
		Stores: []Store{Redis}, Allow: Loss, needsNodes: true, settings: everysec, faults: killRedis},
	{Name: "redis-power", What: "power cut of Redis with AOF everysec: what is not synced is gone",
		Stores: []Store{Redis}, Allow: Loss, needsNodes: true, settings: everysec, faults: cutPower},
	{Name: "failover", What: "kill -9 of the master, --redis-wait 1", Stores: []Store{Sentinel},
		Allow: Rollback, needsNodes: true, settings: guarded, flags: []string{"--redis-wait", "1"},
		faults: failover},
	{Name: "failover-nowait", What: "kill -9 of the master, without waiting for replicas",
		Stores: []Store{Sentinel}, Allow: Loss, needsNodes: true, settings: guarded, faults: failover},
	{Name: "disk-full", What: "the disk fills up and is freed", Stores: []Store{Embedded},
		needsNodes: true, small: "32m", faults: fillDisk},
}

// Short returns those that a quick check needs, each on the embedded store and
// on one Redis: with a second each they take about half a minute.
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

// Find returns the scenario of that name.
func Find(name string) (Scenario, bool) {
	i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return Scenarios[i], true
}

// Remote reports whether it can be played on a server that runs elsewhere.
func (s Scenario) Remote() bool { return !s.needsNodes }

func calm(_, injecting context.Context, _ *run) error {
	<-injecting.Done()
	return nil
}

func storm(_, injecting context.Context, t *run) error {
	for injecting.Err() == nil {
		t.inject("all are cut off")
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
		t.inject("all listeners are cut off")
		began := time.Now()
		t.listeners.cut()
		if err := t.listeners.waitReady(ctx); err != nil {
			return err
		}
		back = append(back, fmt.Sprintf("%.1f", time.Since(began).Seconds()))
	}
	t.note = fmt.Sprintf("%d listeners, all back and with everything after %s s",
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
		t.inject("one stops reading")
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
	t.note = fmt.Sprintf("%d of %d slow ones were cut off", cut.Load(), len(all))
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
		for _, s := range t.nodes.list() {
			pause(ctx, rand.N(600*time.Millisecond))
			next := func() error { return t.nodes.start(ctx, s.slot) }
			if t.store != Embedded { // its successor is there first
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

// corruptBell leaves fewer than half of the published messages as they are.
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
	t.note = fmt.Sprintf("of %d published messages %d were dropped, %d doubled and %d came late",
		all.bad()+all.through, all.dropped, all.doubled, all.late)
	if all.bad() == 0 {
		return errors.New("no message came by to be garbled")
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
		t.inject(fmt.Sprintf("%d of %d nodes are cut off", len(cut), len(t.redisProxies)))
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
		t.log("they are back")
	}
	return nil
}

// randomRedis is the server with data that is to suffer.
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

// waitHealthy waits until Redis is whole again.
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

// cutPower kills Redis and takes from its file what it wrote in up to the last
// second, as if that had not been synced.
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

// failover kills the master, waits until a replica is it, and brings the old
// one back as a replica.
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
		t.log("the master is " + now.addr() + ", the old one is started")
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
