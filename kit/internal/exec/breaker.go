package exec

import (
	"errors"
	"sync"
	"time"

	"github.com/parley-chat/parley/kit"
)

const (
	breakAfter = 3           // failures in a row
	breakFor   = time.Second // until one call tries again
)

// A Breaker spares callers that can do without Redis the wait for one that does
// not answer: after some failures in a row it is open, and lets one call a
// second try. The zero value is ready to use.
type Breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time
}

// Open reports whether not to ask Redis at all.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return false
	}
	now := time.Now()
	if now.Before(b.until) {
		return true
	}
	b.until = now.Add(breakFor) // this one tries
	return false
}

// Note counts the outcome of a call: a failure is an error that matches
// kit.ErrUnavailable.
func (b *Breaker) Note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !errors.Is(err, kit.ErrUnavailable) {
		b.failures = 0
		return
	}
	if b.failures++; b.failures >= breakAfter {
		b.until = time.Now().Add(breakFor)
	}
}

// ErrOpen is what a call that was not made returns; it matches
// kit.ErrUnavailable.
var ErrOpen error = &unavailable{errors.New("the last calls were not answered")}
