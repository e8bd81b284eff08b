package lock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A queue has the callers of this process who wait for one lock. A single
// goroutine listens for all of them: it takes the baton that an unlocker lays
// down in Redis, and wakes the first. Redis gives batons to the listeners of
// all processes in the order in which they came. All fields are guarded by the
// locker's mu.
type queue struct {
	waiters []chan error // in order; each takes one value
	due     time.Time    // when the first is to try without having been woken
}

// wait returns when it is the caller's turn to try again, or with the reason
// why there is no use in that.
func (k *Locker) wait(ctx context.Context, keys keys, pause time.Duration, first bool) error {
	turn := make(chan error, 1)
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return ErrClosed
	}
	q := k.queues[keys[1]]
	if q == nil {
		q = &queue{}
		k.queues[keys[1]] = q
		k.work.Go(func() { k.listen(q, keys) })
	}
	q.due = time.Now().Add(pause)
	if first {
		q.waiters = slices.Insert(q.waiters, 0, turn) // keeps its place
	} else {
		q.waiters = append(q.waiters, turn)
	}
	k.mu.Unlock()

	var err error
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-k.ctx.Done():
		err = ErrClosed
	}
	k.mu.Lock()
	i := slices.Index(q.waiters, turn)
	if i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
	k.mu.Unlock()
	if i < 0 && <-turn == nil {
		k.handOn(keys)
	}
	return err
}

// wake gives the turn to the first who waits, if there is one.
func (k *Locker) wake(keys keys) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	q := k.queues[keys[1]]
	if q == nil || len(q.waiters) == 0 {
		return false
	}
	q.waiters[0] <- nil
	q.waiters = slices.Delete(q.waiters, 0, 1)
	q.due = time.Now().Add(k.opt.RetryDelay) // until it has tried
	return true
}

// handOn is for a turn that nobody takes: it goes to another here, or back to
// Redis for another process.
func (k *Locker) handOn(keys keys) {
	if !k.wake(keys) {
		k.work.Go(func() { k.giveBack(keys) })
	}
}

func (k *Locker) giveBack(keys keys) {
	// If that fails, the others find out by themselves, after
	// Options.RetryDelay.
	_, _ = k.askOne(context.Background(), k.masters[0],
		func(ctx context.Context, master rueidis.Client) (int64, error) {
			return exec.Script(ctx, k.passing, master, keys[1:], nil).AsInt64()
		})
}

// fail ends the waiting of all: what one was told by Redis holds for the
// others.
func (k *Locker) fail(keys keys, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if q := k.queues[keys[1]]; q != nil {
		for _, turn := range q.waiters {
			turn <- err
		}
		q.waiters = nil
	}
}

// listen serves a queue until nobody waits in it.
func (k *Locker) listen(q *queue, keys keys) {
	backoff := time.Duration(0)
	for {
		k.mu.Lock()
		if len(q.waiters) == 0 || k.closed {
			delete(k.queues, keys[1])
			k.mu.Unlock()
			return
		}
		start, pause := time.Now(), time.Until(q.due)
		k.mu.Unlock()

		err := k.baton(keys, pause)
		switch {
		case err == nil || rueidis.IsRedisNil(err):
			backoff = 0
			if !k.wake(keys) && err == nil {
				k.giveBack(keys)
			}
		case k.ctx.Err() != nil:
			k.giveBack(keys) // it may have been on its way when the connection was cut
		case len(k.masters) == 1 && !transient(err):
			k.fail(keys, fmt.Errorf("lock: wait: %w", err))
		default:
			// Whoever tries now finds out what there is to know. In a quorum
			// only the wake-up is missing.
			backoff = min(max(2*backoff, 50*time.Millisecond), time.Second)
			rest := backoff
			if len(k.masters) > 1 {
				rest = time.Until(start.Add(pause))
			}
			if k.sleep(context.Background(), rest) == nil {
				k.wake(keys)
			}
		}
	}
}

var errSilent = errors.New("lock: wait: no answer")

// baton blocks on a connection of its own until a baton is there, or with
// rueidis.Nil when the pause is over.
func (k *Locker) baton(keys keys, pause time.Duration) error {
	pause = max(pause, time.Millisecond)
	ctx, cancel := context.WithCancel(k.ctx)
	answer := make(chan error, 1)
	k.work.Go(func() {
		defer cancel()
		master, err := k.masters[0].get(ctx, k)
		if err != nil {
			answer <- err
			return
		}
		answer <- master.Do(ctx, master.B().Blpop().Key(keys[3]).Timeout(pause.Seconds()).Build()).Error()
	})
	// Not by a deadline of the context: connecting would not hear it, nor a
	// command that has one hear Close.
	guard := time.NewTimer(pause + k.opt.CallTimeout)
	defer guard.Stop()
	select {
	case err := <-answer:
		return err
	case <-guard.C:
		cancel()
		k.work.Go(func() {
			if <-answer == nil {
				k.giveBack(keys)
			}
		})
		return errSilent
	}
}

// transient tells the errors that go by themselves, such as those of a
// failover, from those that come again.
func transient(err error) bool {
	refusal, ok := exec.Refusal(err)
	if !ok {
		return true
	}
	code, _, _ := strings.Cut(refusal.Error(), " ")
	return slices.Contains([]string{"UNBLOCKED", "LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN",
		"TRYAGAIN", "MOVED", "ASK"}, code)
}
