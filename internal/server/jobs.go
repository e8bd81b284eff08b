package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/outgoing"
)

// tendEvery is how often what is past its time is forgotten.
const tendEvery = 10 * time.Minute

// takeOver is how often a node looks whether it is to serve the outgoing
// webhooks.
const takeOver = 5 * time.Second

// tend forgets, now and then, what is past its time.
func (c *Core) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := c.alone(ctx, "tend", c.Service.Tend); err != nil &&
			!errors.Is(err, errElsewhere) && ctx.Err() == nil {
			c.Log.Error("forgetting what is past its time", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sendOut posts what outgoing webhooks are due, on one node at a time.
func (c *Core) sendOut(ctx context.Context, allow []string) {
	runner := outgoing.New(outgoing.Config{Service: c.Service, Allow: allow, Version: Version(), Log: c.Log})
	tick := time.NewTicker(takeOver)
	defer tick.Stop()
	for {
		if err := c.alone(ctx, "outgoing", runner.Run); err != nil &&
			!errors.Is(err, errElsewhere) && ctx.Err() == nil {
			// of the lock: the store is away
			c.Log.Error("serving outgoing webhooks", "error", fmt.Errorf("%w: %w", chat.ErrUnavailable, err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
