package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// GroupOptions are a consumer group's settings; the zero value is ready to use.
// All that run the group should agree on them.
type GroupOptions struct {
	// From is the position from which a group begins that does not exist yet.
	// Default: [Beginning].
	From string

	// Concurrency is how many events one Run handles at a time. With 1, the
	// default, and a single Run events are handled in order, save for those
	// that are tried again.
	Concurrency int

	// VisibilityTimeout is how long an event stays with a consumer that does
	// not renew it: a consumer that lives renews it in the background while the
	// handler runs, one that died loses it to another after this time. At least
	// 10 ms. Default: 30 s.
	VisibilityTimeout time.Duration

	// HandlerTimeout bounds a handler, by its context. A handler that goes on
	// regardless is renewed no longer, so that another gets the event. Default:
	// 30 minutes.
	HandlerTimeout time.Duration

	// MaxDeliveries is how often an event is given to a handler before it goes
	// to the dead letters. Default: 20, which with the default Backoff is two
	// hours.
	MaxDeliveries int

	// Backoff returns the pause after a failed delivery, counted from 1.
	// Default: 250 ms, doubled each time, up to 15 minutes.
	Backoff func(deliveries int) time.Duration

	// OnError receives errors that were recovered from or are being retried,
	// such as broken connections and failed handlers, and, with ErrGap, events
	// that the group lost. It is called from several goroutines and must not
	// block. Default: slog.Warn.
	OnError func(error)
}

// A Group shares a topic's events among all that run it, in any number of
// processes: each event is handled by one of them at least once. It is safe for
// concurrent use.
type Group struct {
	t    *Topic
	name string
	opt  GroupOptions
}

// A Delivery is an event as it is given to a handler.
type Delivery struct {
	Event          // of the topic, also if it came back from the dead letters
	Deliveries int // how often it was delivered, with this time

	retried bool   // it came from the retries
	id      string // in the stream that it came from
}

// Group returns a group of the topic. It is made in Redis when it first runs,
// or by Create.
func (t *Topic) Group(name string, opt GroupOptions) (*Group, error) {
	if opt.From == "" {
		opt.From = Beginning
	}
	if opt.Concurrency == 0 {
		opt.Concurrency = 1
	}
	if opt.VisibilityTimeout == 0 {
		opt.VisibilityTimeout = 30 * time.Second
	}
	if opt.HandlerTimeout == 0 {
		opt.HandlerTimeout = 30 * time.Minute
	}
	if opt.MaxDeliveries == 0 {
		opt.MaxDeliveries = 20
	}
	if opt.Backoff == nil {
		opt.Backoff = func(n int) time.Duration {
			return min(250*time.Millisecond<<min(n-1, 20), 15*time.Minute)
		}
	}
	if opt.OnError == nil {
		opt.OnError = exec.Log
	}
	if name == "" || opt.Concurrency < 0 || opt.VisibilityTimeout < 10*time.Millisecond ||
		opt.HandlerTimeout < 0 || opt.MaxDeliveries < 0 {
		return nil, fmt.Errorf("stream: group %q: options out of range: concurrency %d, visibility timeout %s, handler timeout %s, deliveries %d",
			name, opt.Concurrency, opt.VisibilityTimeout, opt.HandlerTimeout, opt.MaxDeliveries)
	}
	if err := checkPosition(opt.From); err != nil {
		return nil, err
	}
	return &Group{t: t, name: name, opt: opt}, nil
}

func (g *Group) retries() string { return g.t.stem + ":retry:" + g.name }
func (g *Group) dead() string    { return g.t.stem + ":dead:" + g.name }
func (g *Group) later() string   { return g.t.stem + ":later:" + g.name }

// stream is the one that a delivery came from.
func (g *Group) stream(d Delivery) string {
	if d.retried {
		return g.retries()
	}
	return g.t.stem
}

// Create makes the group, if it does not exist, so that it gets what is
// appended from now on although it does not run yet.
func (g *Group) Create(ctx context.Context) error {
	ctx, cancel := g.t.bound(ctx)
	defer cancel()
	_, err := g.create(ctx, g.opt.From)
	return err
}

// create reports whether the topic did not have the group.
func (g *Group) create(ctx context.Context, from string) (made bool, err error) {
	b := g.t.client.B()
	for stream, from := range map[string]string{g.t.stem: from, g.retries(): Beginning} {
		err := g.t.client.Do(ctx, b.XgroupCreate().Key(stream).Group(g.name).Id(
			from).Mkstream().Build()).Error()
		if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
			return made, g.fault("create", exec.Unavailable(ctx, err))
		}
		made = made || err == nil && stream == g.t.stem
	}
	return made, nil
}

func (g *Group) fault(what string, err error) error {
	return fmt.Errorf("stream: group %s of %s: %s: %w", g.name, g.t.name, what, err)
}

// Rewind has the group handle again all events after a position, or, with a
// later one, skip those up to it. What it is busy with is not affected.
func (g *Group) Rewind(ctx context.Context, after string) error {
	if err := checkPosition(after); err != nil {
		return err
	}
	ctx, cancel := g.t.bound(ctx)
	defer cancel()
	if _, err := g.create(ctx, after); err != nil {
		return err
	}
	if err := g.t.client.Do(ctx, g.t.client.B().XgroupSetid().Key(g.t.stem).Group(g.name).Id(
		after).Build()).Error(); err != nil {
		return g.fault("rewind", exec.Unavailable(ctx, err))
	}
	return nil
}

// DropGroup removes a group that no one runs, with its retries and dead
// letters. The topic then no longer keeps events for it.
func (t *Topic) DropGroup(ctx context.Context, name string) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	g := &Group{t: t, name: name}
	err := t.client.Do(ctx, t.client.B().XgroupDestroy().Key(t.stem).Group(name).Build()).Error()
	if err == nil || strings.Contains(err.Error(), "key to exist") {
		err = t.client.Do(ctx, t.client.B().Del().Key(g.retries(), g.dead(), g.later()).Build()).Error()
	}
	if err != nil {
		return g.fault("drop", exec.Unavailable(ctx, err))
	}
	return nil
}
