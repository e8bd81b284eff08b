package bus

import (
	"context"
	"fmt"
	"strings"
	"time"
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

	// Visibility is how long a handler has, by its context. After it the event
	// is given to another. Default: 30 s.
	Visibility time.Duration

	// MaxDeliveries is how often an event is given to a handler before it goes
	// to the dead letters. Default: 5.
	MaxDeliveries int

	// Backoff is the pause after a failed delivery, which the argument counts
	// from 1; at most Visibility is used. Default: 250 ms, doubled each time.
	Backoff func(deliveries int) time.Duration

	// Failed hears what went wrong and was mended or waits for it, such as
	// broken connections, failed handlers, and, with ErrGap, events that the
	// group lost. It is called from several goroutines and must not block.
	// Default: slog.Warn.
	Failed func(error)
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
	Redriven   bool

	id string // in the stream that it came from
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
	if opt.Visibility == 0 {
		opt.Visibility = 30 * time.Second
	}
	if opt.MaxDeliveries == 0 {
		opt.MaxDeliveries = 5
	}
	if opt.Backoff == nil {
		opt.Backoff = func(n int) time.Duration { return 250 * time.Millisecond << min(n-1, 20) }
	}
	if opt.Failed == nil {
		opt.Failed = logFailure
	}
	if name == "" || opt.Concurrency < 0 || opt.Visibility < 10*time.Millisecond || opt.MaxDeliveries < 0 {
		return nil, fmt.Errorf("bus: group %q: options out of range: concurrency %d, visibility %s, deliveries %d", name, opt.Concurrency, opt.Visibility, opt.MaxDeliveries)
	}
	if err := checkPosition(opt.From); err != nil {
		return nil, err
	}
	return &Group{t: t, name: name, opt: opt}, nil
}

func (g *Group) retries() string { return g.t.stem + ":retry:" + g.name }
func (g *Group) dead() string    { return g.t.stem + ":dead:" + g.name }

// stream is the one that a delivery came from.
func (g *Group) stream(d Delivery) string {
	if d.Redriven {
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
			return made, g.fault("create", err)
		}
		made = made || err == nil && stream == g.t.stem
	}
	return made, nil
}

func (g *Group) fault(what string, err error) error {
	return fmt.Errorf("bus: group %s of %s: %s: %w", g.name, g.t.name, what, err)
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
		return g.fault("rewind", err)
	}
	return nil
}

// DropGroup removes a group that nobody runs, with its retries and dead
// letters. The topic then no longer keeps events for it.
func (t *Topic) DropGroup(ctx context.Context, name string) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	g := &Group{t: t, name: name}
	err := t.client.Do(ctx, t.client.B().XgroupDestroy().Key(t.stem).Group(name).Build()).Error()
	if err == nil || strings.Contains(err.Error(), "key to exist") {
		err = t.client.Do(ctx, t.client.B().Del().Key(g.retries(), g.dead()).Build()).Error()
	}
	if err != nil {
		return g.fault("drop", err)
	}
	return nil
}
