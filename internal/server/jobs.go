package server

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/outgoing"
)

// maintainEvery is how often expired data is deleted.
const maintainEvery = 10 * time.Minute

// takeOver is how often a node tries to become the one that serves the outgoing
// webhooks.
const takeOver = 5 * time.Second

// maintain deletes expired data, now and then, on one node.
func (c *Core) maintain(ctx context.Context) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if err := c.Exclusive(ctx, "tend", c.Service.Maintain); err != nil &&
			!errors.Is(err, backend.ErrElsewhere) && ctx.Err() == nil {
			c.Log.Error("maintenance", "error", err)
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
		if err := c.Exclusive(ctx, "outgoing", runner.Run); err != nil &&
			!errors.Is(err, backend.ErrElsewhere) && ctx.Err() == nil {
			c.Log.Error("serving outgoing webhooks", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
