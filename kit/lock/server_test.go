package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	code := redistest.Main(m)
	shared.end()
	err := goleak.Find(
		// A closed cluster client sleeps out the pause before its next look at the slots.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
	)
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Deployments take seconds to start, so the tests share them.
var (
	sentinel = sync.OnceValue(func() *redistest.Sentinel { return redistest.StartSentinel(&shared) })
	cluster  = sync.OnceValue(func() *redistest.Cluster { return redistest.StartCluster(&shared) })
)

// eachRedis runs a test on a single Redis, behind Sentinels and on a cluster.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Need(t)
	t.Run("single", func(t *testing.T) {
		test(t, redistest.Start(t).Client(t))
	})
	for name, connect := range map[string]func(testing.TB) rueidis.Client{
		"sentinel": func(t testing.TB) rueidis.Client { return sentinel().Client(t) },
		"cluster":  func(t testing.TB) rueidis.Client { return cluster().Client(t) },
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("takes seconds to start")
			}
			test(t, connect(t))
		})
	}
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

// waiting polls until n callers wait in the locker and a listener of it is blocked in Redis, or has to be.
func waiting(t testing.TB, k *Locker, name string, n int) {
	t.Helper()
	eventually(t, "waiters", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		q := k.queues[k.keys(name)[1]]
		return q != nil && len(q.waiters) == n
	})
}

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

// RedisForExample is a client of an empty Redis. All examples share the server.
func RedisForExample() (client rueidis.Client, stop func()) {
	client, err := rueidis.NewClient(exampleServer().Option())
	if err == nil {
		err = client.Do(context.Background(), client.B().Flushall().Build()).Error()
	}
	if err != nil {
		panic(err)
	}
	return client, client.Close
}

var exampleServer = sync.OnceValue(func() *redistest.Server { return redistest.Start(&shared) })

// MasterForExample is a client of an empty Redis of its own.
func MasterForExample() (client rueidis.Client, stop func()) {
	client, err := rueidis.NewClient(redistest.Start(&shared).Option())
	if err != nil {
		panic(err)
	}
	return client, client.Close
}

// packageTB stands in for a test that lasts as long as all of them.
type packageTB struct {
	testing.TB
	cleanups []func()
}

var shared packageTB

func (tb *packageTB) Helper()                        {}
func (tb *packageTB) Cleanup(f func())               { tb.cleanups = append(tb.cleanups, f) }
func (tb *packageTB) Fatal(why ...any)               { panic(fmt.Sprint(why...)) }
func (tb *packageTB) Fatalf(why string, args ...any) { panic(fmt.Sprintf(why, args...)) }
func (tb *packageTB) Errorf(why string, args ...any) { panic(fmt.Sprintf(why, args...)) }
func (tb *packageTB) Skip(why ...any)                { panic(fmt.Sprint(why...)) }

func (tb *packageTB) end() {
	for _, f := range slices.Backward(tb.cleanups) {
		f()
	}
}
