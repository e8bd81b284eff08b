package lock

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A Lock is held. It is extended in the background until Unlock, and safe for
// concurrent use.
type Lock struct {
	locker *Locker
	at     place
	id     string
	token  int64

	ctx    context.Context
	cancel context.CancelCauseFunc

	due time.Time // of the next extension; zero while one is under way. Guarded by the locker's mu.

	mu       sync.Mutex
	extended time.Time // when an extension was asked for last
	deadline time.Time // until when the lease is certain, by the local monotonic clock
	ended    bool      // not to be extended any more

	unlocking sync.Mutex
	// Redis has answered to a release; guarded by unlocking.
	answered bool
	// That was a release that went on after Unlock had failed, and Unlock has
	// not been told of it yet; guarded by unlocking.
	late bool
}

// hold begins to guard a lock that was granted. Its context is parent's child.
func (k *Locker) hold(parent context.Context, at place, id string, token int64,
	deadline time.Time) (*Lock, error) {
	l := &Lock{locker: k, at: at, id: id, token: token, deadline: deadline}
	l.ctx, l.cancel = context.WithCancelCause(parent)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		l.cancel(ErrClosed)
		k.forget(at, id)
		return nil, ErrClosed
	}
	k.held[l] = struct{}{}
	k.schedule(l, deadline.Add(k.opt.drift()-k.opt.Lease*2/3))
	return l, nil
}

// schedule has the lock extended at that time. One timer serves all locks, and
// is left to run out when they are released: most are released long before, and
// starting and stopping a timer for each would cost more than the rest. mu is
// held.
func (k *Locker) schedule(l *Lock, due time.Time) {
	l.due = due
	switch {
	case k.timer == nil:
		k.due, k.timer = due, time.AfterFunc(time.Until(due), k.extendDue)
	case due.Before(k.due):
		k.due = due
		k.timer.Reset(time.Until(due))
	}
}

// extendDue extends the locks whose time it is.
func (k *Locker) extendDue() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return // Close releases them
	}
	if k.timer != nil {
		k.timer.Stop() // schedule may have wound it up again
	}
	k.timer = nil
	now := time.Now()
	var next time.Time
	for l := range k.held {
		switch {
		case l.due.IsZero():
		case !l.due.After(now):
			l.due = time.Time{}
			k.work.Go(l.extend)
		case next.IsZero() || l.due.Before(next):
			next = l.due
		}
	}
	if !next.IsZero() {
		k.due, k.timer = next, time.AfterFunc(next.Sub(now), k.extendDue)
	}
}

// Context ends with Unlock, or with the cause [ErrLost] as soon as the lease
// cannot be guaranteed any more. That is measured on the local monotonic clock
// from before the lease was asked for, so that it comes before another can have
// the lock. A process that is stopped, or a machine that sleeps, learns of it
// when it goes on: what must never be overtaken needs [Lock.Token].
func (l *Lock) Context() context.Context { return l.ctx }

// Token returns the fencing token: higher than that of every earlier holder of
// this name. Give it to what the lock protects, and let that refuse any token
// lower than the highest it has seen.
func (l *Lock) Token() int64 { return l.token }

// Name returns the name passed to Lock.
func (l *Lock) Name() string { return l.at.name }

// Unlock ends the context, releases the lock and wakes one of those who wait.
// It is ErrLost if the lock was no longer the caller's; then nothing is
// released, in particular not another's lock. Other errors mean that Redis gave
// no answer: the release is repeated in the background until it does, or the
// lease is over, and Unlock can be called again to learn what became of it. A
// context that has ended already does not keep it from releasing.
func (l *Lock) Unlock(ctx context.Context) error {
	if err := l.locker.begin(l.at.name); err != nil {
		l.end()
		l.cancel(ErrClosed)
		return fmt.Errorf("%w: unlock %q: %w", ErrLost, l.at.name, err) // Close released it
	}
	defer l.locker.work.Done()
	return l.unlock(ctx, nil)
}

func (l *Lock) unlock(ctx context.Context, cause error) error {
	k := l.locker
	l.unlocking.Lock()
	defer l.unlocking.Unlock()
	l.end()
	l.cancel(cause)
	if l.late {
		l.late = false
		return nil
	}
	if l.answered {
		return fmt.Errorf("%w: %q was unlocked before", ErrLost, l.at.name)
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	votes := k.ask(ctx, k.releaser(l.at, l.id))
	switch votes.verdict {
	case granted, refused:
		l.answered = true
		k.drop(l)
		if cause == nil && l.extending() {
			k.forget(l.at, l.id)
		}
		if votes.verdict == granted {
			return nil
		}
		if cause := context.Cause(l.ctx); errors.Is(cause, ErrLost) {
			return fmt.Errorf("unlock: %w", cause)
		}
		return fmt.Errorf("%w: unlock %q: another has it, or Redis has forgotten it", ErrLost, l.at.name)
	}
	if cause == nil { // not while the locker is closing
		k.work.Go(l.releaseLater)
	}
	return fmt.Errorf("lock: unlock %q: %w", l.at.name, exec.Unavailable(ctx, votes.err))
}

// releaseLater repeats a release that Redis did not answer, so that a broken
// connection does not keep the lock for its whole lease. A repetition can only
// release this lock, never another's.
func (l *Lock) releaseLater() {
	k := l.locker
	l.mu.Lock()
	end := l.deadline
	l.mu.Unlock()
	pause := 5 * time.Millisecond
	for time.Now().Before(end) && k.sleep(k.ctx, pause) == nil {
		if l.released() {
			return
		}
		pause = min(2*pause, time.Second)
	}
}

// released asks once more for the release, and reports whether Redis answered.
func (l *Lock) released() bool {
	l.unlocking.Lock()
	defer l.unlocking.Unlock()
	if l.answered {
		return true
	}
	votes := l.locker.ask(l.locker.ctx, l.locker.releaser(l.at, l.id))
	if votes.verdict != granted && votes.verdict != refused {
		return false
	}
	// Of a release whose answer was lost, the next finds nothing: that is a
	// success as well, since the lease was not over.
	l.answered, l.late = true, true
	l.locker.drop(l)
	return true
}

// extend runs from a third of a lease on, until the lease is a new one or the
// lock is lost.
func (l *Lock) extend() {
	k := l.locker
	l.mu.Lock()
	deadline := l.deadline
	l.mu.Unlock()

	failure := errors.New("the process did not run in time to extend it")
	guard := time.AfterFunc(time.Until(deadline),
		func() { l.lose(errors.New("the lease could not be extended in time")) })
	defer guard.Stop()
	for !l.over() {
		start := time.Now()
		if !start.Before(deadline) {
			l.lose(failure)
			return
		}
		ctx, cancel := context.WithDeadline(k.ctx, deadline)
		l.mu.Lock()
		l.extended = start
		l.mu.Unlock()
		votes := k.ask(ctx, l.extension)
		cancel()
		switch votes.verdict {
		case granted:
			l.mu.Lock()
			ended := l.ended
			l.deadline = start.Add(k.opt.Lease - k.opt.drift())
			l.mu.Unlock()
			k.mu.Lock()
			defer k.mu.Unlock()
			if !ended && !k.closed {
				k.schedule(l, start.Add(k.opt.Lease/3))
			}
			return
		case refused:
			l.lose(errors.New("another has it, or Redis has forgotten it"))
			if len(k.masters) > 1 {
				k.forget(l.at, l.id) // what was taken again
			}
			return
		}
		if votes.err != nil {
			failure = votes.err
		}
		if k.sleep(context.Background(), k.opt.Lease/40+mathrand.N(k.opt.Lease/40)) != nil {
			return
		}
	}
}

func (l *Lock) extension(ctx context.Context, master rueidis.Client) (int64, error) {
	k := l.locker
	if len(k.masters) == 1 {
		return exec.Script(ctx, l.at.mode.extend, master, l.at.keys[1:2], []string{l.id, k.lease}).AsInt64()
	}
	return exec.Script(ctx, k.retaking, master, l.at.keys[:2],
		[]string{l.id, k.lease, strconv.FormatInt(l.token, 10)}).AsInt64()
}

// extending reports whether an extension may still be on its way to a master of
// a quorum, which would then get the lock again after its release.
func (l *Lock) extending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.locker.masters) > 1 && time.Since(l.extended) < 2*l.locker.opt.CallTimeout
}

func (l *Lock) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// end stops extending, and says whether it is the first to do so.
func (l *Lock) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := !l.ended
	l.ended = true
	return first
}

func (l *Lock) lose(why error) {
	if l.end() {
		l.cancel(fmt.Errorf("%w: %q: %w", ErrLost, l.at.name, why))
		l.locker.drop(l)
	}
}

func (k *Locker) drop(l *Lock) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, l)
}
