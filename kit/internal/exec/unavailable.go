package exec

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
)

// ErrReply is what is made of an answer that is not what a script gives.
var ErrReply = errors.New("unexpected reply")

// errBound is why a context of Bound ended.
var errBound = errors.New("no answer in time")

// Bound bounds a call. Unavailable tells this end of the context from the
// caller's.
func Bound(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, errBound)
}

// Unavailable returns err so that it matches kit.ErrUnavailable, if that is
// what it means: Redis gave no answer although the caller's context goes on, or
// answered with what Busy and Passing know. Other errors it returns as they
// are.
func Unavailable(ctx context.Context, err error) error {
	awaitDeadline(ctx, err)
	if err == nil || ctx.Err() != nil && context.Cause(ctx) != errBound ||
		rueidis.IsRedisNil(err) || rueidis.IsParseErr(err) || errors.Is(err, ErrReply) {
		return err
	}
	if refusal, ok := Refusal(err); ok {
		code, _, _ := strings.Cut(refusal.Error(), " ")
		if !Passing(err) && !slices.Contains([]string{"READONLY", "NOREPLICAS"}, code) {
			return err
		}
	}
	return &unavailable{err}
}

// awaitDeadline waits until the context says that its deadline is past, when
// err and the clock say so: the connection has a timer of its own for the same
// moment, and it may be the first to fire.
func awaitDeadline(ctx context.Context, err error) {
	if !errors.Is(err, context.DeadlineExceeded) {
		return
	}
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		<-ctx.Done()
	}
}

type unavailable struct{ err error }

func (u *unavailable) Error() string {
	if errors.Is(u.err, context.DeadlineExceeded) {
		return kit.ErrUnavailable.Error() + ": no answer in time"
	}
	return kit.ErrUnavailable.Error() + ": " + u.err.Error()
}

func (u *unavailable) Is(target error) bool { return target == kit.ErrUnavailable }

// Unwrap hides a deadline that was not the caller's.
func (u *unavailable) Unwrap() error {
	if errors.Is(u.err, context.DeadlineExceeded) {
		return nil
	}
	return u.err
}
