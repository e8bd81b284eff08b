package once

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

func open(t testing.TB, client rueidis.Client, opt Options) *Once {
	t.Helper()
	if opt.OnError == nil {
		opt.OnError = func(err error) { t.Error(err) }
	}
	o, err := New(client, opt)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func silent(error) {}

func answer(text string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(text), nil }
}

// TestOneRun has many callers with one key, in what could be two processes: one
// works, all get its answer.
func TestOneRun(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		a, b := open(t, d.Client(t), Options{}), open(t, d.Client(t), Options{})
		var runs, replays atomic.Int64
		var all sync.WaitGroup
		for i := range 40 {
			o := []*Once{a, b}[i%2]
			all.Go(func() {
				got, replayed, err := o.Do(t.Context(), "k", []byte("same"), func(context.Context) ([]byte, error) {
					runs.Add(1)
					time.Sleep(20 * time.Millisecond) // is the work
					return []byte(fmt.Sprint("answer of ", i)), nil
				})
				again, _, _ := o.Do(t.Context(), "k", []byte("same"), answer("another"))
				if err != nil || len(got) == 0 || string(got) != string(again) {
					t.Errorf("%q, then %q, %v", got, again, err)
				}
				if replayed {
					replays.Add(1)
				}
			})
		}
		all.Wait()
		if runs.Load() != 1 || replays.Load() != 39 {
			t.Errorf("%d runs, %d replays", runs.Load(), replays.Load())
		}
		if _, _, err := a.Do(t.Context(), "k", []byte("other"), answer("x")); !errors.Is(err, ErrMismatch) {
			t.Errorf("another fingerprint: %v", err)
		}
		if err := a.Forget(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		if got, _, err := b.Do(t.Context(), "k", []byte("other"), answer("new")); string(got) != "new" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestFailureFrees runs again after an error and after a panic.
func TestFailureFrees(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		o := open(t, d.Client(t), Options{})
		bad := errors.New("bad")
		if _, _, err := o.Do(t.Context(), "k", nil, func(context.Context) ([]byte, error) {
			return nil, bad
		}); !errors.Is(err, bad) {
			t.Error(err)
		}
		func() {
			defer func() {
				if recover() != "worse" {
					t.Error("the panic does not get through")
				}
			}()
			o.Do(t.Context(), "k", nil, func(context.Context) ([]byte, error) { panic("worse") })
		}()
		got, replayed, err := o.Do(t.Context(), "k", nil, answer("good"))
		if string(got) != "good" || replayed || err != nil {
			t.Errorf("%q, %v, %v", got, replayed, err)
		}
	})
}

// TestDeadWorker takes over when the lease of one that died is over.
func TestDeadWorker(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		o := open(t, d.Client(t), Options{})
		name, _ := o.name("k")
		fingerprint := sha256.Sum256(nil)
		if err := o.run(t.Context(), beginScript, name, "dead", "200", string(fingerprint[:])).Error(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		got, replayed, err := o.Do(t.Context(), "k", nil, answer("mine"))
		if string(got) != "mine" || replayed || err != nil || time.Since(begin) < 150*time.Millisecond {
			t.Errorf("%q, %v, %v after %s", got, replayed, err, time.Since(begin))
		}
		// The dead one comes back and may not overwrite.
		if n, err := o.run(t.Context(), finishScript, name, "dead", "keep", "1000", "old").AsInt64(); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// TestLongWork renews its lease.
func TestLongWork(t *testing.T) {
	t.Parallel()
	o := open(t, redistest.Start(t).Client(t), Options{Lease: 120 * time.Millisecond})
	begun := make(chan bool)
	var all sync.WaitGroup
	all.Go(func() {
		_, _, err := o.Do(t.Context(), "k", nil, func(ctx context.Context) ([]byte, error) {
			close(begun)
			time.Sleep(time.Second) // is the work
			return []byte("done"), ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	got, replayed, err := o.Do(t.Context(), "k", nil, answer("second"))
	if string(got) != "done" || !replayed || err != nil {
		t.Errorf("%q, %v, %v", got, replayed, err)
	}
	all.Wait()
}

// TestLost ends the work's context when the key has been taken from it.
func TestLost(t *testing.T) {
	o := open(t, redistest.Single(t).Client(t), Options{Lease: 150 * time.Millisecond, OnError: silent})
	got, _, err := o.Do(t.Context(), "k", nil, func(ctx context.Context) ([]byte, error) {
		if err := o.Forget(ctx, "k"); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), ErrLost) {
			t.Error(context.Cause(ctx))
		}
		return []byte("done"), nil
	})
	if string(got) != "done" || !errors.Is(err, ErrLost) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAway does not work when Redis gives no answer, and does not wait beyond
// the caller's context.
func TestAway(t *testing.T) {
	s := redistest.Start(t)
	o := open(t, s.Client(t), Options{Timeout: 100 * time.Millisecond, OnError: silent})
	s.Pause()
	if _, _, err := o.Do(t.Context(), "k", nil, answer("x")); err == nil {
		t.Error("it ran without Redis")
	}
	s.Resume()
	begun, goOn := make(chan bool), make(chan bool)
	var all sync.WaitGroup
	all.Go(func() {
		o.Do(t.Context(), "long", nil, func(context.Context) ([]byte, error) {
			close(begun)
			<-goOn
			return nil, nil
		})
	})
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := o.Do(ctx, "long", nil, answer("x"))
	if !errors.Is(err, ErrRunning) && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(goOn)
	all.Wait()
}

// TestAnswerOutlivesAnOutage keeps the answer of work that ended while Redis
// was restarted.
func TestAnswerOutlivesAnOutage(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	o := open(t, s.Client(t), Options{OnError: silent, Timeout: 10 * time.Second})
	_, _, err := o.Do(t.Context(), "k", nil, func(context.Context) ([]byte, error) {
		s.Kill()
		go s.Restart()
		return []byte("kept"), nil
	})
	if err != nil {
		t.Error(err)
	}
	got, replayed, err := o.Do(t.Context(), "k", nil, answer("x"))
	for n := 0; err != nil && n < 100; n++ { // on a connection that was cut
		got, replayed, err = o.Do(t.Context(), "k", nil, answer("x"))
	}
	if string(got) != "kept" || !replayed || err != nil {
		t.Errorf("%q, %v, %v", got, replayed, err)
	}
}

// TestTyped keeps a value and tells requests apart.
func TestTyped(t *testing.T) {
	o := open(t, redistest.Single(t).Client(t), Options{})
	type order struct{ Item string }
	pay := func(context.Context) (int, error) { return 42, nil }
	for range 2 {
		if n, err := Do(t.Context(), o, "k", order{"tea"}, pay); n != 42 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if _, err := Do(t.Context(), o, "k", order{"milk"}, pay); !errors.Is(err, ErrMismatch) {
		t.Error(err)
	}
	if _, err := Do(t.Context(), o, "", order{}, pay); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}
