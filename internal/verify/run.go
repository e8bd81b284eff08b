package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Store is where the nodes keep the data.
type Store string

const (
	Embedded Store = "embedded" // in a directory, of one node
	Redis    Store = "redis"    // one server
	Sentinel Store = "sentinel" // a master, two replicas, three Sentinels
	Cluster  Store = "cluster"  // three masters
)

// Stores are all of them.
var Stores = []Store{Embedded, Redis, Sentinel, Cluster}

// Options say how to run.
type Options struct {
	Binary string // of parley, for nodes
	Older  string // of another version with the same layout of the data, for upgrades; may be empty
	// of a running server; then nothing is started, and only scenarios that
	// need no node of their own can be run
	URLs      []string
	Nodes     int // servers of one chat, unless the data is embedded
	Clients   int
	Listeners int           // where a scenario has thousands
	For       time.Duration // how long clients act; a scenario may take longer to do what it must
	Every     time.Duration // between two actions of one client, on average
	Kills     int           // how often at least, where a scenario kills
	Keep      bool          // what the nodes and Redis wrote, in a temporary directory
}

// Result is the outcome of one scenario on one store.
type Result struct {
	Scenario string
	Store    Store
	Verdict
	History History
	Faults  int    // number of injected faults
	Note    string // further remarks
	Took    time.Duration
	Broken  error // another failure: clients did not converge, or a node did not stop cleanly
}

// OK reports whether there was no violation.
func (r *Result) OK() bool { return r.Broken == nil && len(r.Violations) == 0 }

// ErrSkipped is returned for a scenario that cannot run here; its text says
// why.
var ErrSkipped = errors.New("skipped")

// restWithin is how long clients may take to converge after the last fault.
const restWithin = time.Minute

// Run runs a scenario on a store. An error means that it could not run;
// violations are in the result.
func Run(ctx context.Context, s Scenario, store Store, o Options) (_ *Result, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "parley-verify")
	if err != nil {
		return nil, err
	}
	t := &run{options: o, scenario: s, store: store, dir: dir}
	defer func() { err = errors.Join(err, t.close()) }()
	if o.Keep {
		fmt.Fprintln(os.Stderr, s.Name, "on", store, "keeps its files in", dir)
	}
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	urls := func() []string { return o.URLs }
	if t.nodes != nil {
		urls = t.nodes.urls
	}
	every := o.Every
	if s.Size > 0 {
		every *= 2
	}
	if s.listeners {
		every *= 120
	}
	if t.clients, err = newSimulation(ctx, urls, o.Clients, s.Size); err != nil {
		return nil, err
	}
	defer t.clients.leave()
	if err := t.clients.connect(ctx); err != nil {
		return nil, err
	}
	if s.listeners {
		if t.listeners, err = newListenerPool(ctx, t.clients, o.Listeners); err != nil {
			return nil, err
		}
		defer t.listeners.leave()
	}

	// clients act while faults are injected, and at least for o.For
	until, acted := context.WithCancel(ctx)
	injecting, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	deadline, giveUp := context.WithCancel(ctx)
	defer giveUp()
	ended := make(chan error, 1)
	go func() {
		err := s.faults(deadline, injecting, t)
		<-injecting.Done()
		acted()
		time.AfterFunc(restWithin, giveUp)
		ended <- err
	}()
	t.clients.act(deadline, until, every)
	if err := <-ended; err != nil {
		return nil, fmt.Errorf("%s on %s: %w", s.Name, store, err)
	}
	broken := t.clients.waitConverged(deadline)
	if broken != nil {
		broken = fmt.Errorf("not converged %v after the last fault: %w", restWithin, broken)
	}
	if t.listeners != nil {
		broken = errors.Join(broken, t.listeners.waitCurrent(ctx))
		t.listeners.leave()
	}
	t.clients.leave()
	if t.nodes != nil {
		broken = errors.Join(broken, t.nodes.close())
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r := &Result{Scenario: s.Name, Store: store, History: t.clients.record.all, Faults: t.faults,
		Note: t.note, Broken: broken}
	r.Verdict = Check(r.History, s.Allow)
	if t.listeners != nil {
		t.listeners.addTo(&r.Verdict)
	}
	r.Took = time.Since(began)
	return r, nil
}

// run is the environment of one scenario.
type run struct {
	options  Options
	scenario Scenario
	store    Store
	dir      string
	unmount  func() error

	redis        *redisData
	redisProxies []*proxy // from each node to Redis, where the scenario is about that
	nodes        *nodes   // nil if the server runs elsewhere
	clients      *simulation
	listeners    *listenerPool // nil where there is none

	faults int
	note   string
}

// inject records and counts a fault.
func (t *run) inject(what string) {
	t.faults++
	t.log(what)
}

// log adds a remark to the history.
func (t *run) log(what string) { t.clients.record.add(Record{Kind: Injected, What: what}) }

// open starts what the scenario needs.
func (t *run) open(ctx context.Context) error {
	if t.scenario.listeners {
		if err := enoughFiles(t.options.Listeners + 1000); err != nil {
			return fmt.Errorf("%w: %w", ErrSkipped, err)
		}
	}
	if len(t.options.URLs) > 0 {
		return nil
	}
	binary := t.options.Binary
	if t.scenario.older {
		if binary = t.options.Older; binary == "" {
			return fmt.Errorf("%w: it needs --older BINARY", ErrSkipped)
		}
	}
	t.nodes = &nodes{binary: binary, dir: t.dir, proxy: t.scenario.clientProxies}
	count := t.options.Nodes
	if t.store == Embedded {
		count = 1
		data := filepath.Join(t.dir, "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			return err
		}
		if t.scenario.small != "" {
			unmount, err := mountSmall(data, t.scenario.small)
			if err != nil {
				return fmt.Errorf("%w: mounting a small disk needs root on Linux: %w", ErrSkipped, err)
			}
			t.unmount = unmount
		}
		t.nodes.data = func(int) []string { return []string{"--data", data} }
	} else {
		if _, err := exec.LookPath("redis-server"); err != nil {
			return fmt.Errorf("%w: redis-server is not installed", ErrSkipped)
		}
		var err error
		if t.redis, err = startRedis(ctx, t.store, t.dir, t.scenario.settings...); err != nil {
			return err
		}
		if t.scenario.redisProxies {
			open := newProxy
			if t.scenario.bell {
				open = newBellProxy
			}
			for range count {
				way, err := open(t.redis.servers[0].addr())
				if err != nil {
					return err
				}
				t.redisProxies = append(t.redisProxies, way)
			}
		}
		t.nodes.data = func(slot int) []string {
			url := t.redis.url()
			if t.redisProxies != nil {
				url = "redis://" + t.redisProxies[slot].addr()
			}
			return append([]string{"--store", url}, t.scenario.flags...)
		}
	}
	for slot := range count {
		if err := t.nodes.start(ctx, slot); err != nil {
			return err
		}
	}
	return nil
}

// close ends what open started.
func (t *run) close() error {
	if t.nodes != nil {
		for _, s := range t.nodes.list() {
			t.nodes.kill(s)
		}
	}
	for _, w := range t.redisProxies {
		w.close()
	}
	if t.redis != nil {
		t.redis.close()
	}
	var err error
	if t.unmount != nil {
		err = t.unmount()
	}
	if t.options.Keep {
		return err
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}
