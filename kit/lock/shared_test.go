package lock

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// Never more than n hold a permit, whoever waits where, and without polling
// everyone gets one.
func TestSemaphore(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := patient
		opt.Prefix = t.Name()
		if client.Mode() == rueidis.ClientModeCluster {
			opt.RetryDelay = 500 * time.Millisecond
		}
		const permits = 3
		var inside, most atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			k := openLocker(t, client, opt)
			s, err := k.Semaphore("s", permits)
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				all.Go(func() {
					for range 15 {
						err := s.With(within(t, 30*time.Second), func(ctx context.Context, _ int64) error {
							n := inside.Add(1)
							defer inside.Add(-1)
							if n > permits {
								t.Errorf("%d hold a permit", n)
							}
							most.Store(max(most.Load(), n))
							time.Sleep(time.Millisecond) // work
							return ctx.Err()
						})
						if err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
		}
		all.Wait()
		if most.Load() < 2 {
			t.Error("never two at a time")
		}
	})
}

// A permit expires with its lease, is known to be lost, and a live one is
// extended, on a full Redis too.
func TestPermitLease(t *testing.T) {
	srv := redistest.Start(t, "--maxmemory-policy", "noeviction")
	client := srv.Client(t)
	short := openLocker(t, client, Options{Lease: 300 * time.Millisecond})
	other := openLocker(t, client, Options{})
	s, err := short.Semaphore("s", 2)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.Semaphore("s", 2)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.TryAcquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b.Token() <= a.Token() {
		t.Errorf("token %d after %d", b.Token(), a.Token())
	}
	_, err = theirs.TryAcquire(t.Context())
	wantErr(t, "a third", err, ErrHeld)
	do(t, client, "CONFIG", "SET", "maxmemory", "1")
	select {
	case <-a.Context().Done():
		t.Fatal(context.Cause(a.Context()))
	case <-time.After(500 * time.Millisecond): // two extensions
	}
	do(t, client, "CONFIG", "SET", "maxmemory", "0")
	do(t, client, "ZREM", a.at.keys[1], a.id)
	lost(t, a, 5*time.Second)
	wantErr(t, "giving back what was lost", a.Unlock(t.Context()), ErrLost)
	c, err := theirs.TryAcquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustUnlock(t, c)
	// The holder dies: nobody extends it.
	do(t, client, "ZADD", a.at.keys[1], "1", "dead-r")
	c, err = theirs.TryAcquire(t.Context())
	if err != nil {
		t.Fatal("an expired permit counts: ", err)
	}
	mustUnlock(t, c)
	mustUnlock(t, b)
}

// A writer is alone, readers are together, and a waiting writer comes before
// new readers.
func TestRWLock(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := patient
		opt.Prefix = t.Name()
		k, other := openLocker(t, client, opt), openLocker(t, client, opt)
		ours, err := k.RWLock("f")
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := other.RWLock("f")
		if err != nil {
			t.Fatal(err)
		}
		get := func(f func(context.Context) (*Lock, error)) *Lock {
			t.Helper()
			l, err := f(within(t, 20*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		one, two := get(ours.RLock), get(theirs.TryRLock)
		_, err = theirs.TryLock(t.Context())
		wantErr(t, "a writer beside readers", err, ErrHeld)
		later := func(to chan *Lock, f func(context.Context) (*Lock, error)) {
			l, err := f(within(t, 20*time.Second))
			if err != nil {
				t.Error(err)
				close(to)
			} else {
				to <- l
			}
		}
		wrote := make(chan *Lock, 1)
		go later(wrote, theirs.Lock)
		eventually(t, "the writer waits", func() bool {
			return waits(t, client, theirs.writing) == 1
		})
		_, err = ours.TryRLock(t.Context())
		wantErr(t, "a reader behind a waiting writer", err, ErrHeld)
		read, also := make(chan *Lock, 1), make(chan *Lock, 1)
		go later(read, ours.RLock)
		go later(also, theirs.RLock)
		eventually(t, "the readers wait", func() bool {
			return waits(t, client, ours.reading) == 2
		})
		mustUnlock(t, one)
		mustUnlock(t, two)
		w := <-wrote
		if w == nil {
			return
		}
		select {
		case <-read:
			t.Error("a reader beside the writer")
		default:
		}
		_, err = ours.TryRLock(t.Context())
		wantErr(t, "a reader beside the writer", err, ErrHeld)
		mustUnlock(t, w)
		one, two = <-read, <-also
		if one == nil || two == nil {
			return
		}
		mustUnlock(t, one)
		mustUnlock(t, two)
		mustUnlock(t, get(ours.TryLock))
	})
}

// waits counts the processes that wait.
func waits(t *testing.T, client rueidis.Client, at place) int64 {
	t.Helper()
	n, err := client.Do(t.Context(), client.B().Zcard().Key(at.queue()).Build()).AsInt64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Under load a writer is never beside anyone, and everyone has a turn.
func TestRWLockExcludes(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := Options{Prefix: t.Name(), RetryDelay: 500 * time.Millisecond}
		var readers, writers atomic.Int32
		var all sync.WaitGroup
		for range 2 {
			l, err := openLocker(t, client, opt).RWLock("f")
			if err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				all.Go(func() {
					for range 15 {
						take, mine := l.RLock, &readers
						if i == 0 {
							take, mine = l.Lock, &writers
						}
						held, err := take(within(t, 30*time.Second))
						if err != nil {
							t.Error(err)
							return
						}
						mine.Add(1)
						if w, r := writers.Load(), readers.Load(); w > 1 || w == 1 && r > 0 {
							t.Errorf("%d writers and %d readers", w, r)
						}
						mine.Add(-1)
						mustUnlock(t, held)
					}
				})
			}
		}
		all.Wait()
	})
}

func TestSharedOptions(t *testing.T) {
	k := openLocker(t, redistest.Single(t).Client(t), Options{})
	if _, err := k.Semaphore("s", 0); err == nil {
		t.Error("a semaphore without permits is taken")
	}
	_, err := k.RWLock("")
	wantErr(t, "no name", err, ErrName)
	quorum := startMasters(t, 3).locker(t, Options{})
	_, err = quorum.Semaphore("s", 1)
	wantErr(t, "in a quorum", err, errQuorum)
}
