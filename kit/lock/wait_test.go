package lock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// patient lockers do not poll within a test: only a wake-up can give them the
// lock.
var patient = Options{Lease: time.Minute, RetryDelay: time.Minute, Jitter: 0.01, CallTimeout: 5 * time.Second}

func TestWakeUp(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := patient
		opt.Prefix = t.Name()
		ours, theirs := openLocker(t, client, opt), openLocker(t, client, opt)
		for range 10 {
			l := mustLock(t, ours, "w")
			got := make(chan *Lock, 1)
			go func() {
				next, err := theirs.Lock(within(t, 20*time.Second), "w")
				if err != nil {
					t.Error(err)
				}
				got <- next
			}()
			waiting(t, theirs, "w", 1)
			mustUnlock(t, l)
			next := <-got
			if next == nil {
				return
			}
			if next.Token() <= l.Token() {
				t.Errorf("token %d after %d", next.Token(), l.Token())
			}
			mustUnlock(t, next)
		}
	})
}

// A handover costs the same however many wait, in one process or in as many.
func TestHandoverIsConstant(t *testing.T) {
	const waiters = 100
	for name, lockers := range map[string]int{"one process": 1, "a hundred": waiters} {
		t.Run(name, func(t *testing.T) {
			srv := redistest.Start(t)
			client := srv.Client(t)
			l := mustLock(t, openLocker(t, client, patient), "h")
			var all sync.WaitGroup
			for i := range lockers {
				k := openLocker(t, client, patient)
				for range waiters / lockers {
					all.Go(func() {
						l, err := k.Lock(within(t, 60*time.Second), "h")
						if err == nil {
							err = l.Unlock(t.Context())
						}
						if err != nil {
							t.Errorf("%d: %v", i, err)
						}
					})
				}
				waiting(t, k, "h", waiters/lockers)
			}
			before := srv.Commands()
			mustUnlock(t, l)
			all.Wait()
			after := srv.Commands()
			sent, total := 0, 0
			for name, n := range after {
				switch n -= before[name]; name {
				case "evalsha", "eval":
					sent += n
					fallthrough
				default:
					total += n
				}
			}
			t.Logf("a handover: %.2f commands sent, %.1f with those inside the scripts",
				float64(sent)/waiters, float64(total)/waiters)
			if sent > 3*waiters || total > 20*waiters {
				t.Errorf("%d handovers took %d commands sent, %d in all", waiters, sent, total)
			}
		})
	}
}

// However many locks a process waits for, it listens on one connection.
func TestOneConnectionWaits(t *testing.T) {
	client := redistest.Single(t).Client(t)
	connections := func() int {
		out, err := client.Do(t.Context(), client.B().Info().Section("clients").Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		return number(t, out, "connected_clients:")
	}
	ours, theirs := openLocker(t, client, patient), openLocker(t, client, patient)
	const names = 50
	var locks []*Lock
	for i := range names {
		locks = append(locks, mustLock(t, ours, fmt.Sprint("n", i)))
	}
	before := connections()
	var all sync.WaitGroup
	for i := range names {
		name := fmt.Sprint("n", i)
		all.Go(func() {
			l, err := theirs.Lock(within(t, 30*time.Second), name)
			if err == nil {
				err = l.Unlock(t.Context())
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		waiting(t, theirs, name, 1)
	}
	if n := connections() - before; n > 1 {
		t.Errorf("waiting for %d names takes %d connections", names, n)
	}
	for _, l := range locks {
		mustUnlock(t, l)
	}
	all.Wait()
}

// A process that died while it waited does not keep the others waiting, and a
// connection that breaks loses no wake-up.
func TestDeadWaiter(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		opt := patient
		opt.Prefix = t.Name()
		ours, theirs := openLocker(t, client, opt), openLocker(t, client, opt)
		for range 3 {
			l := mustLock(t, ours, "d")
			do(t, client, "ZADD", ours.keys("d")[2], "0", opt.Prefix+":wake:dead")
			got := make(chan error, 1)
			go func() {
				l, err := theirs.Lock(within(t, 20*time.Second), "d")
				if err == nil {
					err = l.Unlock(t.Context())
				}
				got <- err
			}()
			waiting(t, theirs, "d", 1)
			for _, node := range client.Nodes() {
				_ = node.Do(t.Context(), node.B().ClientKill().TypePubsub().Build())
			}
			mustUnlock(t, l)
			if err := <-got; err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A wake-up that reaches a caller who has just given up goes on to another.
func TestCancelledWaiterHandsOn(t *testing.T) {
	client := redistest.Single(t).Client(t)
	holder, quitter, heir := openLocker(t, client, patient), openLocker(t, client, patient),
		openLocker(t, client, patient)
	for round := range 60 {
		l := mustLock(t, holder, "c")
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			l, err := quitter.Lock(ctx, "c")
			if err == nil {
				err = l.Unlock(t.Context())
			} else if errors.Is(err, context.Canceled) {
				err = nil
			}
			if err != nil {
				t.Error(err)
			}
		})
		waiting(t, quitter, "c", 1)
		both.Go(func() {
			l, err := heir.Lock(within(t, 20*time.Second), "c")
			if err != nil {
				t.Errorf("round %d: %v", round, err)
				return
			}
			mustUnlock(t, l)
		})
		waiting(t, heir, "c", 1)
		both.Go(cancel)
		mustUnlock(t, l)
		both.Wait()
		if t.Failed() {
			return
		}
	}
}

func TestAttempts(t *testing.T) {
	client := redistest.Single(t).Client(t)
	l := mustLock(t, openLocker(t, client, Options{}), "a")
	start := time.Now()
	_, err := openLocker(t, client,
		Options{Tries: 4, RetryDelay: 20 * time.Millisecond}).Lock(within(t, 20*time.Second), "a")
	wantErr(t, "after the last attempt", err, ErrHeld)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("four attempts with a delay of 10 to 20 ms took %s", took)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = openLocker(t, client, Options{}).Lock(ctx, "a")
	wantErr(t, "when the context ends", err, ErrHeld)
	wantErr(t, "when the context ends", err, context.DeadlineExceeded)
	mustUnlock(t, l)
}

// Without any wake-up the delay finds a lock that is free.
func TestSafetyPoll(t *testing.T) {
	client := redistest.Single(t).Client(t)
	l := mustLock(t, openLocker(t, client, Options{}), "p")
	k := openLocker(t, client, Options{RetryDelay: 100 * time.Millisecond})
	got := make(chan error, 1)
	go func() {
		_, err := k.Lock(within(t, 20*time.Second), "p")
		got <- err
	}()
	waiting(t, k, "p", 1)
	do(t, client, "DEL", k.keys("p")[1]) // tells nobody
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Unlock of what was taken away", l.Unlock(t.Context()), ErrLost)
}
