package lock

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// One leads at a time, leadership that is lost is taken up again, and Lead
// returns with the work.
func TestLead(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := Options{Prefix: t.Name(), Lease: 600 * time.Millisecond, RetryDelay: 100 * time.Millisecond}
		var leading atomic.Int32
		var terms atomic.Int32
		var last atomic.Int64
		done := errors.New("done")
		key := opt.Prefix + ":{leader}:owner"
		var all sync.WaitGroup
		for range 3 {
			k := openLocker(t, client, opt)
			all.Go(func() {
				err := k.Lead(within(t, 20*time.Second), "leader", func(ctx context.Context, token int64) error {
					if n := leading.Add(1); n != 1 {
						t.Errorf("%d lead", n)
					}
					defer leading.Add(-1)
					if last.Swap(token) >= token {
						t.Errorf("token %d", token)
					}
					if terms.Add(1) > 3 {
						return done
					}
					// Taken away: the context ends before another can lead, if
					// the lease is what keeps it out.
					do(t, client, "PEXPIRE", key, "60000")
					do(t, client, "SET", key, "another", "PX", "700")
					<-ctx.Done()
					return ctx.Err()
				})
				if !errors.Is(err, done) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// Lead rides out a Redis that is away, and ends with its context.
func TestLeadOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	k := openLocker(t, srv.Client(t), Options{Lease: 600 * time.Millisecond, Outage: -1})
	ctx, cancel := context.WithCancel(within(t, 30*time.Second))
	terms := make(chan int64)
	ended := make(chan error, 1)
	go func() {
		ended <- k.Lead(ctx, "l", func(ctx context.Context, token int64) error {
			terms <- token
			<-ctx.Done()
			return context.Cause(ctx)
		})
	}()
	first := <-terms
	srv.Kill()
	srv.Restart()
	if second := <-terms; second <= first {
		t.Errorf("token %d after %d", second, first)
	}
	cancel()
	wantErr(t, "Lead", <-ended, context.Canceled)
}

// Several names are taken as one, by callers who name them in any order.
func TestLockAll(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := Options{Prefix: t.Name()}
		var all sync.WaitGroup
		inside := map[string]*atomic.Int32{"a": {}, "b": {}, "c": {}}
		for _, names := range [][]string{{"a", "b"}, {"b", "a", "b"}, {"c", "a"}, {"b", "c"}, {"c", "b", "a"}} {
			k := openLocker(t, client, opt)
			all.Go(func() {
				for range 10 {
					hold := func(ctx context.Context, locks Locks) error {
						for _, l := range locks {
							if n := inside[l.Name()].Add(1); n != 1 {
								t.Errorf("%d hold %s", n, l.Name())
							}
							defer inside[l.Name()].Add(-1)
						}
						return ctx.Err()
					}
					err := k.WithAll(within(t, 20*time.Second), names, hold)
					if err != nil {
						t.Errorf("%v: %v", names, err)
					}
				}
			})
		}
		all.Wait()
	})
}

// If one of several is lost, the context of all of them ends; the others are
// released. If one cannot be had, none is kept.
func TestLockAllLoss(t *testing.T) {
	client := redistest.Single(t).Client(t)
	k := openLocker(t, client, Options{Lease: 300 * time.Millisecond})
	for _, taken := range []string{"a", "b"} {
		all, err := k.LockAll(within(t, 20*time.Second), "b", "a")
		if err != nil {
			t.Fatal(err)
		}
		do(t, client, "DEL", k.keys(taken)[1])
		<-all.Context().Done()
		wantErr(t, "the cause", context.Cause(all.Context()), ErrLost)
		wantErr(t, "Unlock", all.Unlock(t.Context()), ErrLost)
		for _, name := range []string{"a", "b"} {
			l, err := k.TryLock(t.Context(), name)
			if err != nil {
				t.Fatal(name, err)
			}
			mustUnlock(t, l)
		}
	}
	held := mustLock(t, k, "b")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := k.LockAll(ctx, "b", "a")
	wantErr(t, "LockAll", err, ErrHeld)
	if l, err := k.TryLock(t.Context(), "a"); err != nil {
		t.Error("kept: ", err)
	} else {
		mustUnlock(t, l)
	}
	mustUnlock(t, held)
}
