package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

const (
	// seenPause is between two rounds of writing, so that who reloads a page
	// again and again is written once.
	seenPause = 2 * time.Second
	// seenAtEnd bounds how long a stopping server writes.
	seenAtEnd = 2 * time.Second
	// seenAtOnce is how many people are written at a time.
	seenAtOnce = 8
)

// lastSeen records in the background when people left this node.
type lastSeen struct {
	record func(ctx context.Context, user chat.UserID, at time.Time) error
	log    *slog.Logger

	mu   sync.Mutex
	left map[chat.UserID]time.Time
	news chan struct{} // holds one item while left may have something
}

func newLastSeen(service *chat.Service, log *slog.Logger) *lastSeen {
	return &lastSeen{record: service.RecordSeen, log: log, left: map[chat.UserID]time.Time{},
		news: make(chan struct{}, 1)}
}

// Left notes that a person left. It never blocks.
func (l *lastSeen) Left(user chat.UserID) {
	l.mu.Lock()
	l.left[user] = time.Now()
	l.mu.Unlock()
	l.wake()
}

func (l *lastSeen) wake() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// run writes what is noted until ctx is done, and then what is left.
func (l *lastSeen) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-l.news:
			l.write(ctx)
		case <-ctx.Done():
		}
		select {
		case <-time.After(seenPause):
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenAtEnd)
	defer cancel()
	l.write(last)
}

// write writes what is noted. What fails is noted again, unless its person has
// left once more, and is news again.
func (l *lastSeen) write(ctx context.Context) {
	l.mu.Lock()
	left := l.left
	l.left = map[chat.UserID]time.Time{}
	l.mu.Unlock()
	var failed error // guarded by mu
	var all sync.WaitGroup
	slots := make(chan struct{}, seenAtOnce)
	for user, at := range left {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := l.record(ctx, user, at); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				if failed = err; l.left[user].IsZero() {
					l.left[user] = at
				}
			}
		})
	}
	all.Wait()
	if failed == nil {
		return
	}
	l.wake()
	// That the store is away is said once, by the store.
	if ctx.Err() == nil && chat.AsError(failed).Code != chat.CodeUnavailable {
		l.log.Warn("when people were last seen could not be written", "people", len(left), "error", failed)
	}
}
