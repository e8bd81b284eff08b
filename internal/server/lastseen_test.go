package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// TestLastSeenIsWritten in the background, and what could not be written or is
// new when the server stops, at the end.
func TestLastSeenIsWritten(t *testing.T) {
	type call struct {
		user   chat.UserID
		answer chan error
	}
	calls := make(chan call)
	l := &lastSeen{log: slog.New(slog.DiscardHandler), left: map[chat.UserID]time.Time{},
		news: make(chan struct{}, 1),
		record: func(ctx context.Context, user chat.UserID, at time.Time) error {
			c := call{user, make(chan error)}
			calls <- c
			return <-c.answer
		}}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	l.Left("ada")
	c := <-calls
	c.answer <- chat.ErrUnavailable
	c = <-calls   // again, though nobody else has left
	l.Left("ben") // does not wait
	stop()
	c.answer <- errors.New("the store is away")
	users := map[chat.UserID]bool{}
	for range 2 {
		c := <-calls
		users[c.user] = true
		c.answer <- nil
	}
	<-done
	if c.user != "ada" || !users["ada"] || !users["ben"] {
		t.Errorf("first %s, then %v", c.user, users)
	}
}
