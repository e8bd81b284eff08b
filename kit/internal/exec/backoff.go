package exec

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A Backoff is a pause that grows while it is needed again soon, with jitter.
// The zero value begins with 10 ms.
type Backoff struct {
	step  int
	since time.Time
}

const (
	firstBackoff = 10 * time.Millisecond
	lastBackoff  = 3 * time.Second
)

// Pause sleeps, and reports false if the context ended.
func (b *Backoff) Pause(ctx context.Context) bool {
	if time.Since(b.since) > 2*lastBackoff {
		b.step = 0
	}
	d := min(firstBackoff<<min(b.step, 10), lastBackoff)
	b.step++
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		b.since = time.Now()
		return true
	}
}

// Within bounds a step by a duration. It does so without a deadline on the
// context, because the client waits out one of those even if the context ends
// before.
func Within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.AfterFunc(d, cancel)
	defer timer.Stop()
	err := f(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %s: %w", d, context.DeadlineExceeded)
	}
	return err
}

// Passing reports whether what Redis answered passes by itself: what Busy
// knows, a slot that has moved, and a script that takes long.
func Passing(err error) bool {
	refusal, ok := Refusal(err)
	if !ok {
		return false
	}
	code, _, _ := strings.Cut(refusal.Error(), " ")
	return Busy(err) || between(err) || code == "MOVED" || code == "ASK" || code == "BUSY"
}

// Permanent reports whether Redis refused what it will refuse again: something
// that is denied, a key of another type, or a command that it does not know.
// Scripts wrap the reason in words of their own.
func Permanent(err error) bool {
	refusal, ok := Refusal(err)
	if !ok {
		return false
	}
	text := refusal.Error()
	for _, word := range []string{"NOPERM", "can't run this command", "ACL failure", "WRONGTYPE", "NOAUTH", "WRONGPASS",
		"unknown command", "Unknown Redis command",
		"syntax error", "acl_check_cmd"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
