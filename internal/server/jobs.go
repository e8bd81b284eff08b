package server

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/mail"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/internal/outgoing"
	"github.com/parley-chat/parley/internal/push"
	"github.com/parley-chat/parley/internal/search"
)

const (
	// maintainEvery is how often expired data is deleted.
	maintainEvery = 10 * time.Minute
	// sendDueEvery is how late a scheduled message may be.
	sendDueEvery = 2 * time.Second
)

// every does a job now and then, on one node.
func (c *Core) every(ctx context.Context, pause time.Duration, job string, do func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := c.Exclusive(ctx, job, do); err != nil &&
			!errors.Is(err, backend.ErrElsewhere) && ctx.Err() == nil {
			c.Log.Error("a job failed", "job", job, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// followers returns what follows the log on this server, and of that what sends
// mail; nil if nothing does.
func (c *Core) followers(cfg Config) (*follow.Runner, *mail.Sender, func()) {
	sender := outgoing.New(outgoing.Config{Service: c.Service, Version: Version(),
		Guard: netguard.Guard{AnyPort: true, Allow: cfg.OutgoingAllow}})
	all := []follow.Follower{sender.Follower()}
	notifier := push.New(push.Config{Service: c.Service, Contact: cfg.Contact,
		Guard: netguard.Guard{AnyPort: true}})
	if cfg.Push != PushOff {
		all = append(all, notifier.Follower())
		c.Service.Push, c.Service.PushWithoutContent = notifier.Send, cfg.Push == PushSender
	}
	var mailer *mail.Sender
	if cfg.Mail != nil {
		settings := *cfg.Mail
		settings.Service, settings.Log = c.Service, c.Log
		if cfg.MailAfter > 0 { // who waits for seconds is looked for more often
			settings.Sweep = min(15*time.Second, max(time.Second, cfg.MailAfter))
		}
		mailer = mail.New(settings)
		all = append(all, mailer.Follower())
		c.Service.Mail, c.Service.MailAfter = mailer.Send, cfg.MailAfter
	}
	var runner *follow.Runner
	if c.search != nil {
		all = append(all, c.search.Follower(func() { runner.Sweep(search.Name) }))
	}
	var bell chat.Bell
	if c.Shared { // otherwise it rings for all streams by itself
		bell = c.Bell
	}
	runner = follow.New(follow.Config{
		Log: c.Store, Bell: bell, Followers: all,
		Exclusive: c.Exclusive, Elsewhere: backend.ErrElsewhere, Logger: c.Log, Metrics: cfg.Metrics,
	})
	c.Service.OutgoingChanged = func() { runner.Sweep(outgoing.Name) }
	notifier.Wake, notifier.SweepNow = runner.Wake, func() { runner.Sweep(push.Name) }
	c.Service.PushChanged = notifier.SweepNow
	c.Service.MailChanged = func() { runner.Sweep(mail.Name) }
	return runner, mailer, func() {
		sender.Close()
		notifier.Close()
	}
}

// bellHandlers passes what a bell says to the hub and to the followers.
type bellHandlers struct {
	*hub.Hub
	followers *follow.Runner
}

// Event implements [chat.Handler].
func (e bellHandlers) Event(event *chat.Event) {
	e.Hub.Event(event)
	e.followers.Wake(event.Stream)
}

// Gap implements [chat.Handler].
func (e bellHandlers) Gap(s chat.Stream) {
	e.Hub.Gap(s)
	e.followers.Gap(s)
}
