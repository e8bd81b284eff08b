package lock

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

var (
	//go:embed shared.lua
	sharedSource string
	//go:embed share.lua
	shareSource string
	//go:embed renew.lua
	renewSource string
	//go:embed unshare.lua
	unshareSource string
	//go:embed passshared.lua
	passSharedSource string
)

// errQuorum refuses what votes cannot decide: every master would grant all
// permits, to different callers.
var errQuorum = errors.New("lock: semaphores and read-write locks need a locker on one Redis")

// A mode is how a kind of lock is taken, kept and released.
type mode struct{ acquire, extend, release, pass *rueidis.Lua }

// A place is a lock to be taken.
type place struct {
	name string
	keys keys
	mode *mode
	// How many may hold it: 0 one alone, below 0 any number. Not of exclusive
	// locks.
	limit string
}

// queue is the key of the processes that wait.
func (at place) queue() string { return at.keys[2] }

func (k *Locker) at(name string) place {
	return place{name: name, keys: k.keys(name), mode: &k.exclusive}
}

// mark ends the ids of those who hold it, so that scripts know a writer.
func (at place) mark() string {
	switch at.limit {
	case "":
		return ""
	case "0":
		return "-w"
	}
	return "-r"
}

const (
	permitsKey = "permits"
	queueKey   = "permits-waiters"
	holdersKey = "holders"
	readersKey = "readers"
	writersKey = "writers"
)

// atQueue returns the place to which the key of those who wait belongs, for
// passing a wake-up on.
func (k *Locker) atQueue(queue string) place {
	i := strings.LastIndexByte(queue, ':') + 1
	return k.atStem(queue[:i], queue[i:])
}

func (k *Locker) atStem(stem, queue string) place {
	at := place{keys: keys{stem + tokenKey, "", stem + queue}, mode: &k.shared}
	switch queue {
	case queueKey:
		at.keys[1] = stem + permitsKey
		at.keys = append(at.keys, stem+queueKey)
	case readersKey, writersKey:
		at.keys[1] = stem + holdersKey
		at.keys = append(at.keys, stem+readersKey, stem+writersKey)
	default:
		at.keys[1], at.mode = stem+ownerKey, &k.exclusive
	}
	return at
}

func (k *Locker) share(name, queue string, limit int) (place, error) {
	switch {
	case name == "":
		return place{}, ErrName
	case len(k.masters) > 1:
		return place{}, errQuorum
	}
	at := k.atStem(k.opt.Prefix+":{"+tag(name)+"}:", queue)
	at.name, at.limit = name, strconv.Itoa(limit)
	return at, nil
}

// A Semaphore gives out a number of permits at a time, over all processes. A
// permit is a [Lock] with a lease of its own, which is extended, can be lost,
// and expires if its holder dies.
type Semaphore struct {
	locker *Locker
	at     place
}

// Semaphore returns the semaphore of that name with n permits, above 0. Callers
// with different numbers share the permits, and each keeps to its own number.
// It excludes no lock of the same name. Not for quorums.
func (k *Locker) Semaphore(name string, n int) (*Semaphore, error) {
	if n < 1 {
		return nil, fmt.Errorf("lock: a semaphore of %d permits", n)
	}
	at, err := k.share(name, queueKey, n)
	if err != nil {
		return nil, err
	}
	return &Semaphore{k, at}, nil
}

// Acquire takes a permit and waits for it while all are taken. Errors are those
// of [Locker.Lock].
func (s *Semaphore) Acquire(ctx context.Context) (*Lock, error) {
	return s.locker.lock(ctx, context.WithoutCancel(ctx), s.at)
}

// TryAcquire is Acquire without waiting: ErrHeld at once if all are taken.
func (s *Semaphore) TryAcquire(ctx context.Context) (*Lock, error) {
	return s.locker.tryLock(ctx, s.at)
}

// With runs work with a permit and gives it back, as [Locker.With] does.
func (s *Semaphore) With(ctx context.Context, work func(ctx context.Context, token int64) error) error {
	return s.locker.with(ctx, s.at, work)
}

// An RWLock is held by any number of readers or by one writer. Waiting writers
// come before new readers.
type RWLock struct {
	locker           *Locker
	reading, writing place
}

// RWLock returns the read-write lock of that name. It excludes no lock of the
// same name. Not for quorums.
func (k *Locker) RWLock(name string) (*RWLock, error) {
	reading, err := k.share(name, readersKey, -1)
	if err != nil {
		return nil, err
	}
	writing, err := k.share(name, writersKey, 0)
	return &RWLock{k, reading, writing}, err
}

// Lock takes the lock for writing, and waits until no one else holds it.
func (l *RWLock) Lock(ctx context.Context) (*Lock, error) {
	return l.locker.lock(ctx, context.WithoutCancel(ctx), l.writing)
}

// TryLock is Lock without waiting: ErrHeld at once if anyone holds it.
func (l *RWLock) TryLock(ctx context.Context) (*Lock, error) {
	return l.locker.tryLock(ctx, l.writing)
}

// RLock takes the lock for reading, and waits while a writer holds it or waits
// for readers to leave.
func (l *RWLock) RLock(ctx context.Context) (*Lock, error) {
	return l.locker.lock(ctx, context.WithoutCancel(ctx), l.reading)
}

// TryRLock is RLock without waiting: ErrHeld where RLock would wait.
func (l *RWLock) TryRLock(ctx context.Context) (*Lock, error) {
	return l.locker.tryLock(ctx, l.reading)
}
