package server

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/internal/outgoing"
)

// maintainEvery is how often expired data is deleted.
const maintainEvery = 10 * time.Minute

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

// followers returns what follows the log on this server.
func (c *Core) followers(allow netguard.AllowList, metrics prometheus.Registerer) (*follow.Runner, func()) {
	sender := outgoing.New(outgoing.Config{Service: c.Service, Version: Version(),
		Guard: netguard.Guard{AnyPort: true, Allow: allow}})
	runner := follow.New(follow.Config{
		Log: c.Store, Bell: c.Bell, Followers: []follow.Follower{sender.Follower()},
		Exclusive: c.Exclusive, Elsewhere: backend.ErrElsewhere, Logger: c.Log, Metrics: metrics,
	})
	c.Service.OutgoingChanged = func() { runner.Sweep(outgoing.Name) }
	return runner, sender.Close
}

// ears hears everything that a bell rings for: the hub, which serves those who
// are connected, and the followers.
type ears struct {
	*hub.Hub
	followers *follow.Runner
}

// Ring implements [chat.Ear].
func (e ears) Ring(event *chat.Event) {
	e.Hub.Ring(event)
	e.followers.Wake(event.Stream)
}

// Deaf implements [chat.Ear].
func (e ears) Deaf(s chat.Stream) {
	e.Hub.Deaf(s)
	e.followers.Wake(s)
}
