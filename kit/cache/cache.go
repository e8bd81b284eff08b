package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// ErrNotFound is what a loader returns, wrapped or not, when the source has no
// such thing. It is remembered for Options.NegativeTTL, and Get returns it.
var ErrNotFound = errors.New("not found")

// ErrLoadTimeout is returned when a loader did not return within
// Options.LoadTimeout.
var ErrLoadTimeout = errors.New("the loader ran out of time")

// ErrClosed is returned for what Close cut off.
var ErrClosed = errors.New("the cache is closed")

// PanicError is returned to everyone who waited for a loader that panicked.
type PanicError struct {
	Value any    // what it panicked with; nil if it ended its goroutine instead
	Stack []byte // where
}

func (e *PanicError) Error() string {
	if e.Value == nil {
		return "the loader ended its goroutine"
	}
	return fmt.Sprintf("the loader panicked: %v", e.Value)
}

// Unwrap returns the error that the loader panicked with, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Options of a Cache. Name and TTL are required.
type Options[V any] struct {
	// Name is the namespace: every key in Redis starts with it and a colon. No
	// two caches of different types may share it. It may not hold braces.
	Name string
	// TTL is how long a value counts as fresh. At least 1 ms.
	TTL time.Duration
	// Jitter shortens each TTL by a random part of it, at most this one, so
	// that what was stored together does not end together. In [0, 1); 0 is
	// none.
	Jitter float64
	// TTLOf returns the TTL of one value, in place of TTL; 0 or less means that
	// it is not stored. It need not be the same for the same value. Nil means
	// TTL for all.
	TTLOf func(key string, v V) time.Duration
	// NegativeTTL is how long ErrNotFound is remembered; 0 means not at all.
	NegativeTTL time.Duration
	// Stale is how long past its TTL a value is still served, while one process
	// refreshes it in the background. 0 means not at all.
	Stale time.Duration
	// RefreshAhead is how long before the end of its TTL a value that is asked
	// for is refreshed in the background. 0 means not at all; less than TTL.
	RefreshAhead time.Duration
	// Codec turns values into bytes; nil means JSON.
	Codec Codec[V]
	// Tags names the groups that the entry of a key belongs to, for
	// InvalidateTag. It must always return the same for the same key; at most
	// 65,534. Each tag makes a read one key longer, in the same round trip. Nil
	// means no tags.
	Tags func(key string) []string

	// LocalSize is how many entries the in-process layer holds; 0 turns it off.
	// What it serves is shared: no one may change what a returned value points
	// to.
	LocalSize int
	// LocalTTL bounds how long the local layer serves one read from Redis; 0
	// means a minute. It only matters where pushes cannot tell: on the wrong
	// side of a network split that still lets us talk to a deposed master.
	LocalTTL time.Duration
	// Heartbeat is how often the tracking connections prove themselves; 0 means
	// 1 s. One that died without a sign is noticed within three of these, and
	// until then the local layer may be as late.
	Heartbeat time.Duration

	// Tracker is shared with other caches on the same client, so that all of
	// them take one connection to each node. Nil means one of the cache's own.
	// With one, Heartbeat is the tracker's and must be 0 here.
	Tracker *Tracker

	// LoadTimeout bounds a loader, and is how long its lease on the key holds;
	// 0 means 10 s. It is also how long others wait for a process that died
	// while loading.
	LoadTimeout time.Duration
	// RetryRefresh is how long after a failed background refresh the next one
	// is tried; 0 means 1 s.
	RetryRefresh time.Duration
	// Timeout bounds each operation on Redis, below the caller's deadline; 0
	// means 1 s. After it the loader serves, so that in a Redis slower than
	// this each process may load the same key. After three reads in a row
	// without an answer only one a second asks Redis first.
	Timeout time.Duration

	// OnError receives every error that the caller does not get to see. Its
	// text names the cache and what was tried: get, store, release, refresh,
	// track, encode or decode. It must be quick and safe for concurrent use.
	// Default: a warning to [slog.Default], once a minute at most; Stats
	// counts.
	OnError func(error)
}

// Loader reads the value of a key from its source. It returns ErrNotFound,
// wrapped or not, when there is none. Its context carries the values of the
// context of the Get that caused it, but not its end: the result serves others
// too. It ends after Options.LoadTimeout and on Close.
type Loader[V any] func(ctx context.Context, key string) (V, error)

// Cache is a cache of values of type V in one namespace. Safe for concurrent
// use.
type Cache[V any] struct {
	client rueidis.Client
	opt    Options[V]
	codec  Codec[V]

	entryPrefix string
	tagPrefix   string
	nsKeys      []string // the generation key of the namespace, alone

	lease, store, release script

	process string
	tokens  atomic.Uint64
	local   *local[V]
	track   *Tracker
	ear     *listener // its part of the tracker
	n       counters

	ctx    context.Context // ends at Close
	cancel context.CancelFunc

	mu         sync.Mutex
	closed     bool
	wg         sync.WaitGroup // loads and refreshes; added to under mu while not closed
	flights    map[string]*flight[V]
	refreshing map[string]struct{}

	looking sync.Mutex
	looks   map[string]*looks[V] // reads under way

	breaker exec.Breaker // of reads

	old    atomic.Bool  // a server does not know SET with NX and GET
	logged atomic.Int64 // when a failure was logged last, in Unix seconds
}

// New returns a cache on client, which stays the caller's. It does not wait for
// Redis: while Redis is away loaders serve. Call Close when done with it,
// before closing the client.
func New[V any](client rueidis.Client, opt Options[V]) (*Cache[V], error) {
	switch {
	case opt.Name == "" || strings.ContainsAny(opt.Name, "{}"):
		return nil, fmt.Errorf("cache: name %q: must not be empty and not hold braces", opt.Name)
	case opt.TTL < time.Millisecond:
		return nil, fmt.Errorf("cache %s: TTL %s: must be at least 1ms", opt.Name, opt.TTL)
	case opt.Jitter < 0 || opt.Jitter >= 1 || math.IsNaN(opt.Jitter):
		return nil, fmt.Errorf("cache %s: jitter %v: must be in [0, 1)", opt.Name, opt.Jitter)
	case opt.Stale < 0 || opt.Stale.Milliseconds() > math.MaxUint32:
		return nil, fmt.Errorf("cache %s: stale %s: must be in [0, 49 days]", opt.Name, opt.Stale)
	case opt.RefreshAhead < 0 || opt.RefreshAhead >= opt.TTL:
		return nil, fmt.Errorf("cache %s: refresh ahead %s: must be in [0, TTL)", opt.Name, opt.RefreshAhead)
	case opt.NegativeTTL < 0 || opt.LocalSize < 0 || opt.LocalTTL < 0 || opt.Heartbeat < 0 ||
		opt.LoadTimeout < 0 || opt.RetryRefresh < 0 || opt.Timeout < 0:
		return nil, fmt.Errorf("cache %s: negative option", opt.Name)
	}
	if opt.Tracker != nil && (opt.Tracker.client != client || opt.Heartbeat != 0) {
		return nil, fmt.Errorf("cache %s: the tracker has a client and a heartbeat of its own", opt.Name)
	}
	setDefault(&opt.LocalTTL, time.Minute)
	setDefault(&opt.Heartbeat, time.Second)
	setDefault(&opt.LoadTimeout, 10*time.Second)
	setDefault(&opt.RetryRefresh, time.Second)
	setDefault(&opt.Timeout, time.Second)

	c := &Cache[V]{
		client:      client,
		opt:         opt,
		codec:       opt.Codec,
		entryPrefix: opt.Name + ":e:",
		tagPrefix:   opt.Name + ":t:",
		nsKeys:      []string{opt.Name + ":g"},
		lease:       newScript(leaseLua),
		store:       newScript(storeLua),
		release:     newScript(releaseLua),
		process:     newProcess(),
		flights:     make(map[string]*flight[V]),
		refreshing:  make(map[string]struct{}),
		looks:       make(map[string]*looks[V]),
	}
	if c.codec == nil {
		c.codec = JSON[V]{}
	}
	var err error
	if c.local, err = newLocal[V](opt.LocalSize, opt.Name+":"); err != nil {
		return nil, fmt.Errorf("cache %s: local layer: %w", opt.Name, err)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.track = opt.Tracker
	if c.track == nil {
		c.track = NewTracker(client, opt.Heartbeat)
	}
	lease := 3 * c.track.beat
	c.ear = &listener{
		prefix: opt.Name + ":",
		push:   c.local.pushed,
		live: func(sent time.Time) {
			c.local.liveUntil.Store(int64(sent.Add(lease).Sub(c.local.start)))
		},
		down: func(err error) {
			c.local.liveUntil.Store(0)
			c.local.drop()
			c.n.localDropped.Add(1)
			if c.ctx.Err() == nil {
				c.report("track", err)
			}
		},
	}
	c.track.add(c.ear)
	return c, nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Close ends the tracking connections, cancels the loaders' contexts and waits
// until every loader has returned. What needs a loader returns ErrClosed from
// then on.
func (c *Cache[V]) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.track.remove(c.ear)
	if c.opt.Tracker == nil {
		c.track.Close()
	}
	c.wg.Wait()
	c.local.liveUntil.Store(0)
	c.local.drop()
}

// goes runs fn in a goroutine that Close waits for, unless the cache is closed.
func (c *Cache[V]) goes(fn func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Go(fn)
	return true
}

func (c *Cache[V]) report(op string, err error) {
	if op != "decode" && op != "encode" {
		c.n.redisErrors.Add(1)
	}
	err = fmt.Errorf("cache %s: %s: %w", c.opt.Name, op, err)
	if c.opt.OnError != nil {
		c.opt.OnError(err)
		return
	}
	now, last := time.Now().Unix(), c.logged.Load()
	if now-last >= 60 && c.logged.CompareAndSwap(last, now) {
		slog.Warn("the cache has trouble with Redis", "error", err)
	}
}

// within returns ctx with the bound of one operation on Redis.
func (c *Cache[V]) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok && time.Until(d) <= c.opt.Timeout {
		return ctx, func() {}
	}
	return exec.Bound(ctx, c.opt.Timeout)
}

func (c *Cache[V]) entryKey(key string) string { return c.entryPrefix + key }

// genKeys returns the keys of the generations that an entry depends on: the
// namespace's, then its tags'.
func (c *Cache[V]) genKeys(key string) []string {
	if c.opt.Tags == nil {
		return c.nsKeys
	}
	tags := c.opt.Tags(key)
	if len(tags) == 0 {
		return c.nsKeys
	}
	if len(tags) > maxTags {
		panic(fmt.Sprintf("cache %s: key %q has %d tags", c.opt.Name, key, len(tags)))
	}
	keys := make([]string, 0, 1+len(tags))
	keys = append(keys, c.nsKeys[0])
	for _, t := range tags {
		keys = append(keys, c.tagPrefix+t)
	}
	return keys
}

// ttl returns the fresh life of a new value.
func (c *Cache[V]) ttl(key string, v V) time.Duration {
	ttl := c.opt.TTL
	if c.opt.TTLOf != nil {
		if ttl = c.opt.TTLOf(key, v); ttl <= 0 {
			return 0
		}
	}
	return max(ttl-time.Duration(rand.Float64()*c.opt.Jitter*float64(ttl)), time.Millisecond)
}

// genTTL is the life of a tag's generation. When it ends the tag's entries are
// loaded anew once; without it tags would pile up for ever.
func (c *Cache[V]) genTTL() time.Duration {
	return max(24*time.Hour, 4*(c.opt.TTL+c.opt.Stale))
}
