package exec

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit"
)

// overdue is a context whose deadline has passed, but whose timer has not yet
// fired: it fires when its end is asked for.
type overdue struct {
	context.Context
	end func()
}

func (o overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func (o overdue) Done() <-chan struct{} {
	o.end()
	return o.Context.Done()
}

func TestDeadlineSeenByTheConnectionFirst(t *testing.T) {
	for cause, unavailable := range map[error]bool{errBound: true, context.DeadlineExceeded: false} {
		ctx, cancel := context.WithCancelCause(t.Context())
		late := overdue{ctx, func() { cancel(cause) }}
		err := Unavailable(late, context.DeadlineExceeded)
		if errors.Is(err, kit.ErrUnavailable) != unavailable {
			t.Errorf("a context ended by %q: %v", cause, err)
		}
	}
}
