package cache

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"
)

const shardCount = 256

// local is what one process remembers, and who waits in it.
//
// The invariant that keeps it right: something read from Redis is put only if
// no push about its key arrived between the moment before the read was sent and
// the moment of putting, and the tracking connections stood all that time. A
// change after the read then either was pushed before the put (the stamp
// differs, no put) or will be pushed after it (the push removes it).
type local[V any] struct {
	entries *otter.Cache[string, *localEntry[V]] // by the caller's key; nil when off
	gens    *otter.Cache[string, localGen]       // by the Redis key of the generation
	prefix  string                               // of everything in Redis

	// epoch changes when pushes may have been missed: everything of an older
	// epoch is void at once, however large the layer is.
	epoch atomic.Uint64
	// liveUntil is when the tracking connections must have proved themselves
	// again, in ns since start; 0 when one is down.
	liveUntil atomic.Int64
	start     time.Time

	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu      sync.Mutex
	stamp   uint64 // pushes seen for keys of this shard
	waiters map[string]*waiter
}

type waiter struct {
	woken chan struct{}
	n     int // who waits
}

type localEntry[V any] struct {
	val       V
	absent    bool
	epoch     uint64
	until     int64 // end of life, ns since start
	staleAt   int64 // end of freshness
	refreshAt int64 // when a refresh may be tried; at or past until when never
	id        string
	genKeys   []string
	gens      string
}

type localGen struct {
	val   string
	epoch uint64
}

// snapshot is taken before a read is sent.
type snapshot struct {
	live  bool
	epoch uint64
	stamp uint64
}

func newLocal[V any](size int, prefix string) (*local[V], error) {
	l := &local[V]{prefix: prefix, start: time.Now(), seed: maphash.MakeSeed()}
	l.epoch.Store(1)
	for i := range l.shards {
		l.shards[i].waiters = make(map[string]*waiter)
	}
	if size <= 0 {
		return l, nil
	}
	var err error
	if l.entries, err = otter.New(&otter.Options[string, *localEntry[V]]{MaximumSize: size}); err != nil {
		return nil, err
	}
	l.gens, err = otter.New(&otter.Options[string, localGen]{MaximumSize: size})
	return l, err
}

// now is monotonic: setting the machine's clock changes nothing here.
func (l *local[V]) now() int64 { return int64(time.Since(l.start)) }

func (l *local[V]) live(now int64) bool { return now < l.liveUntil.Load() }

func (l *local[V]) shard(key string) *shard {
	return &l.shards[maphash.String(l.seed, key)%shardCount]
}

func (l *local[V]) snapshot(key string, now int64) snapshot {
	s := snapshot{live: l.live(now), epoch: l.epoch.Load()}
	sh := l.shard(key)
	sh.mu.Lock()
	s.stamp = sh.stamp
	sh.mu.Unlock()
	return s
}

// get returns the entry of key if it may be served now.
func (l *local[V]) get(key string, now int64) (*localEntry[V], bool) {
	if l.entries == nil || !l.live(now) {
		return nil, false
	}
	e, ok := l.entries.GetIfPresent(key)
	if !ok || now >= e.until || e.epoch != l.epoch.Load() {
		return nil, false
	}
	for i, k := range e.genKeys {
		g, ok := l.gens.GetIfPresent(k)
		if !ok || g.epoch != e.epoch || g.val != e.gens[i*genLen:(i+1)*genLen] {
			return nil, false
		}
	}
	return e, true
}

func (l *local[V]) put(key string, e *localEntry[V], s snapshot) {
	e.epoch = s.epoch
	sh := l.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if l.current(s, sh) {
		l.entries.Set(key, e)
	}
}

// generation returns a generation if it is known to be the current one.
func (l *local[V]) generation(key string, now int64) (string, bool) {
	if l.gens == nil || !l.live(now) {
		return "", false
	}
	g, ok := l.gens.GetIfPresent(key)
	return g.val, ok && g.epoch == l.epoch.Load()
}

func (l *local[V]) putGeneration(key, val string, s snapshot) {
	sh := l.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if l.current(s, sh) {
		l.gens.Set(key, localGen{val: val, epoch: s.epoch})
	}
}

// current says, under the shard's lock, whether nothing was missed since s.
func (l *local[V]) current(s snapshot, sh *shard) bool {
	return s.live && s.stamp == sh.stamp && s.epoch == l.epoch.Load() && l.live(l.now())
}

// wait returns a channel that is closed at the next push about key, and a
// function to call when done with it; nil when a push has come since s.
func (l *local[V]) wait(key string, s snapshot) (<-chan struct{}, func()) {
	sh := l.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.stamp != s.stamp {
		return nil, nil
	}
	w := sh.waiters[key]
	if w == nil {
		w = &waiter{woken: make(chan struct{})}
		sh.waiters[key] = w
	}
	w.n++
	return w.woken, func() {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if w.n--; w.n == 0 && sh.waiters[key] == w {
			delete(sh.waiters, key)
		}
	}
}

// forget voids what is known of a key, and wakes who waits for it.
func (l *local[V]) forget(key string) {
	sh := l.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.stamp++
	if l.entries != nil {
		l.entries.Invalidate(key)
	}
	if w := sh.waiters[key]; w != nil {
		delete(sh.waiters, key)
		close(w.woken)
	}
}

func (l *local[V]) forgetGeneration(key string) {
	sh := l.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.stamp++
	if l.gens != nil {
		l.gens.Invalidate(key)
	}
}

// drop voids everything at once and wakes everyone.
func (l *local[V]) drop() {
	l.epoch.Add(1)
	if l.entries != nil {
		l.entries.InvalidateAll()
		l.gens.InvalidateAll()
	}
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		sh.stamp++
		for key, w := range sh.waiters {
			delete(sh.waiters, key)
			close(w.woken)
		}
		sh.mu.Unlock()
	}
}

// pushed takes an invalidation from a tracking connection; nil means
// everything.
func (l *local[V]) pushed(keys []rueidis.RedisMessage) {
	if keys == nil {
		l.drop()
		return
	}
	for i := range keys {
		full, err := keys[i].ToString()
		if err != nil {
			continue
		}
		rest, ok := strings.CutPrefix(full, l.prefix)
		if !ok {
			continue // another cache's
		}
		if key, ok := strings.CutPrefix(rest, "e:"); ok {
			l.forget(key)
		} else {
			l.forgetGeneration(full)
		}
	}
}
