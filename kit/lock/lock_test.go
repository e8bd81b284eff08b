package lock

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestLock(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		ours, theirs := openLocker(t, client, Options{Prefix: t.Name()}),
			openLocker(t, client, Options{Prefix: t.Name()})
		var last int64
		for _, name := range []string{"jobs", "{a}{b", strings.Repeat("x", 200)} {
			l := mustLock(t, ours, name)
			_, err := theirs.TryLock(t.Context(), name)
			wantErr(t, "held by another", err, ErrHeld)
			_, err = ours.TryLock(t.Context(), name)
			wantErr(t, "held by the same locker", err, ErrHeld)
			if err := l.Context().Err(); err != nil {
				t.Errorf("the context of a lock that is held has ended: %v", err)
			}
			mustUnlock(t, l)
			if l.Context().Err() == nil || errors.Is(context.Cause(l.Context()), ErrLost) {
				t.Errorf("after Unlock the context's cause is %v", context.Cause(l.Context()))
			}
			wantErr(t, "the second Unlock", l.Unlock(t.Context()), ErrLost)

			other, err := theirs.TryLock(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if other.Token() <= l.Token() {
				t.Errorf("token %d after %d", other.Token(), l.Token())
			}
			wantErr(t, "Unlock of what another has", l.Unlock(t.Context()), ErrLost)
			if _, err := ours.TryLock(t.Context(), name); !errors.Is(err, ErrHeld) {
				t.Errorf("a late Unlock freed another's lock: %v", err)
			}
			mustUnlock(t, other)
			last = max(last, other.Token())
		}
		if last < time.Now().Add(-time.Hour).UnixMicro() {
			t.Errorf("the clock does not carry the token %d", last)
		}
	})
}

// Many callers in several lockers count in a plain variable under the lock.
func TestExclusion(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		var counter, last int64 // guarded by the lock alone
		var inside atomic.Int32
		var callers sync.WaitGroup
		const lockers, each, rounds = 4, 5, 10
		for range lockers {
			k := openLocker(t, client, Options{Prefix: t.Name()})
			for range each {
				callers.Go(func() {
					for range rounds {
						err := k.With(within(t, 60*time.Second), "counter",
							func(_ context.Context, token int64) error {
								if n := inside.Add(1); n != 1 {
									t.Errorf("%d inside", n)
								}
								if token <= last {
									t.Errorf("token %d after %d", token, last)
								}
								last = token
								counter++
								inside.Add(-1)
								return nil
							})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		callers.Wait()
		if counter != lockers*each*rounds {
			t.Errorf("counted %d", counter)
		}
	})
}

// A lock outlives its lease while its holder lives. (TestScriptFlush has
// extensions on every kind of Redis.)
func TestExtend(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opt := Options{Lease: 600 * time.Millisecond}
	k, rival := openLocker(t, client, opt), openLocker(t, client, opt)
	l := mustLock(t, k, "long")
	for end := time.Now().Add(1800 * time.Millisecond); time.Now().Before(end); time.Sleep(
		5 * time.Millisecond) {
		if _, err := rival.TryLock(t.Context(), "long"); !errors.Is(err, ErrHeld) {
			t.Fatalf("a rival's TryLock: %v", err)
		}
	}
	if err := l.Context().Err(); err != nil {
		t.Fatal(context.Cause(l.Context()))
	}
	mustUnlock(t, l)
}

// The token grows over the loss of its counter, however soon that comes.
func TestTokenSurvivesFlush(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	k := openLocker(t, client, Options{})
	var last int64
	for range 3 {
		for range 3 {
			l := mustLock(t, k, "n")
			if l.Token() <= last {
				t.Fatalf("token %d after %d", l.Token(), last)
			}
			last = l.Token()
			mustUnlock(t, l)
		}
		do(t, client, "FLUSHALL") // also within the second of those before
	}

	// A counter that is ahead of the clock goes on from where it is.
	ahead := time.Now().Add(24 * time.Hour).UnixMicro()
	do(t, client, "SET", k.keys("n")[0], strconv.FormatInt(ahead, 10))
	if l := mustLock(t, k, "n"); l.Token() != ahead+1 {
		t.Errorf("token %d after %d", l.Token(), ahead)
	}
}

func TestWith(t *testing.T) {
	client := redistest.Single(t).Client(t)
	k := openLocker(t, client, Options{})
	boom := errors.New("boom")
	err := k.With(t.Context(), "w", func(context.Context, int64) error { return boom })
	wantErr(t, "the work's error", err, boom)

	func() {
		defer func() {
			if recover() != "bang" {
				t.Error("the panic is gone")
			}
		}()
		k.With(t.Context(), "w", func(context.Context, int64) error { panic("bang") })
	}()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 7))
	err = k.With(ctx, "w", func(inner context.Context, _ int64) error {
		if inner.Value(key{}) != 7 {
			t.Error("the context's values are gone")
		}
		cancel()
		<-inner.Done()
		if errors.Is(context.Cause(inner), ErrLost) {
			t.Error(context.Cause(inner))
		}
		return nil
	})
	if err != nil {
		t.Errorf("a context that ended kept With from unlocking: %v", err)
	}
	err = k.With(t.Context(), "w", func(inner context.Context, _ int64) error {
		do(t, client, "DEL", k.keys("w")[1])
		return nil
	})
	wantErr(t, "lost meanwhile", err, ErrLost)

	l, err := k.TryLock(t.Context(), "w")
	if err != nil {
		t.Fatal("With left the lock behind: ", err)
	}
	mustUnlock(t, l)
}

// The lock's context does not end with the one that bounds the waiting.
func TestContextBoundsTheWaiting(t *testing.T) {
	k := openLocker(t, redistest.Single(t).Client(t), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	l, err := k.Lock(ctx, "c")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.Context().Err(); err != nil {
		t.Error(err)
	}
	if err := l.Unlock(ctx); err != nil {
		t.Error("with a context that had ended: ", err)
	}
	if _, err := k.TryLock(t.Context(), "c"); err != nil {
		t.Error("not released: ", err)
	}
}

func TestClose(t *testing.T) {
	client := redistest.Single(t).Client(t)
	k, err := New(client, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := mustLock(t, k, "a")
	waited := make(chan error, 1)
	go func() {
		_, err := k.Lock(t.Context(), "a")
		waited <- err
	}()
	waiting(t, k, "a", 1)
	k.Close()
	wantErr(t, "a caller who waits", <-waited, ErrClosed)
	wantErr(t, "the context of a lock", context.Cause(l.Context()), ErrClosed)
	wantErr(t, "Unlock", l.Unlock(t.Context()), ErrClosed)
	_, err = k.Lock(t.Context(), "a")
	wantErr(t, "Lock", err, ErrClosed)
	_, err = k.TryLock(t.Context(), "a")
	wantErr(t, "TryLock", err, ErrClosed)
	k.Close()
	if _, err := openLocker(t, client, Options{}).TryLock(t.Context(), "a"); err != nil {
		t.Error("Close did not release: ", err)
	}
}

func TestOptions(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for _, opt := range []Options{
		{Prefix: "{a}"},
		{Lease: time.Millisecond},
		{Lease: time.Second + time.Microsecond},
		{Lease: -time.Second},
		{Lease: time.Second, CallTimeout: time.Second},
		{CallTimeout: -1},
		{RetryDelay: -1},
		{Tries: -1},
		{Jitter: 2},
		{Jitter: -0.1},
	} {
		if _, err := New(client, opt); err == nil {
			t.Errorf("%+v is taken", opt)
		}
	}
	if _, err := NewQuorum([]rueidis.Client{client, client}, Options{}); err == nil {
		t.Error("a quorum of two is taken")
	}
	k := openLocker(t, client, Options{})
	_, err := k.Lock(t.Context(), "")
	wantErr(t, "no name", err, ErrName)
	for _, pair := range [][2]string{{"{x}", "x"},
		{strings.Repeat("x", 129), strings.Repeat("x", 130)}, {"{x}", tag("{x}")}} {
		if tag(pair[0]) == tag(pair[1]) {
			t.Errorf("%q and %q are one lock", pair[0], pair[1])
		}
	}
}
