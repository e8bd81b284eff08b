package lock

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/internal/exec"
)

// Lead runs work while this process has the lock, so that of all processes that
// call Lead with this name one leads at a time. When leadership is lost work's
// context ends with the cause ErrLost, and once work has returned Lead waits
// for its turn and runs it again. It rides out any outage of Redis.
//
// Lead returns when work returns while it leads, with work's error, when ctx
// ends, with ctx's error unless work returns another, and when Redis refuses
// the lock or the locker is closed.
func (k *Locker) Lead(ctx context.Context, name string,
	work func(ctx context.Context, token int64) error) error {
	var pause exec.Backoff
	for {
		lost := false
		led := false
		err := k.With(ctx, name, func(leading context.Context, token int64) error {
			led = true
			err := work(leading, token)
			lost = errors.Is(context.Cause(leading), ErrLost)
			return err
		})
		switch {
		case ctx.Err() != nil && !led:
			return ctx.Err()
		case lost && ctx.Err() == nil:
		case led:
			return err
		case !errors.Is(err, kit.ErrUnavailable) && !errors.Is(err, ErrHeld):
			return err
		}
		if !pause.Pause(ctx) {
			return ctx.Err()
		}
	}
}

// Locks are several locks that are held together, in the order of their names.
type Locks []*Lock

// LockAll takes the locks of all names, and waits for them; a name that comes
// twice counts once. All callers take them in the same order, so that two who
// want some of the same names never wait for each other. Each is a round trip
// of its own, since on a cluster they are on different nodes. Errors are those
// of Lock; then none is held.
func (k *Locker) LockAll(ctx context.Context, names ...string) (Locks, error) {
	return k.lockAll(ctx, context.WithoutCancel(ctx), names)
}

// WithAll runs work under the locks of all names and releases them, as With
// does with one.
func (k *Locker) WithAll(ctx context.Context, names []string,
	work func(ctx context.Context, locks Locks) error) (err error) {
	all, err := k.lockAll(ctx, ctx, names)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Unlock(ctx)) }()
	return work(all.Context(), all)
}

func (k *Locker) lockAll(ctx, parent context.Context, names []string) (Locks, error) {
	if len(names) == 0 {
		return nil, ErrName
	}
	var all Locks
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		l, err := k.lock(ctx, parent, k.at(name))
		if err != nil {
			return nil, errors.Join(err, all.Unlock(ctx))
		}
		all = append(all, l)
		parent = l.ctx // the last ends with any before it
	}
	return all, nil
}

// Context ends with Unlock, or with the cause ErrLost as soon as one of the
// locks is lost.
func (all Locks) Context() context.Context { return all[len(all)-1].ctx }

// Unlock releases all of them, also when one was lost; the error joins theirs.
func (all Locks) Unlock(ctx context.Context) error {
	var errs []error
	for _, l := range slices.Backward(all) {
		errs = append(errs, l.Unlock(ctx))
	}
	return errors.Join(errs...)
}
