package lock

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(redistest.MainNoLeaks(m))
}

// eachRedis runs a test on a single Redis, behind Sentinels and on a cluster,
// each empty.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) { test(t, d.Client(t)) })
}

func openLocker(t testing.TB, client rueidis.Client, opt Options) *Locker {
	t.Helper()
	k, err := New(client, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// within is a context that ends a test that hangs.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func mustLock(t testing.TB, k *Locker, name string) *Lock {
	t.Helper()
	l, err := k.Lock(within(t, 20*time.Second), name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustUnlock(t testing.TB, l *Lock) {
	t.Helper()
	if err := l.Unlock(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// wantHonest wants an error that is neither contention nor loss.
func wantHonest(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, ErrHeld) || errors.Is(err, ErrLost) || errors.Is(err, ErrClosed) {
		t.Errorf("%s: error %v", what, err)
	}
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// waiting polls until n callers wait in the locker and Redis knows of it.
func waiting(t testing.TB, k *Locker, name string, n int) {
	t.Helper()
	eventually(t, "waiters", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		q := k.queues[k.keys(name)[2]]
		return q != nil && len(q.waiters) == n && (k.live != 0 || len(k.masters) > 1)
	})
}

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}
