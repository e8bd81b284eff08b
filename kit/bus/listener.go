package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	// ErrClosed means that the listener was closed.
	ErrClosed = errors.New("bus: the listener is closed")
	// ErrUnsubscribed is what Subscribe returns if Unsubscribe took one of its
	// channels away before Redis confirmed it.
	ErrUnsubscribed = errors.New("bus: unsubscribed while subscribing")
)

// A Message is what was published in a channel.
type Message struct {
	Channel string
	Pattern string // the pattern that it was heard by; empty for Subscribe and SSubscribe
	Payload string
}

// Callbacks are called one at a time; messages of one channel keep their order.
// They do not run on the connection: a slow one delays only this listener's own
// messages. They may call Subscribe and Unsubscribe, but not Close.
type Callbacks struct {
	// Message receives each message of a channel that was subscribed to. Who
	// subscribed to a channel and to patterns that match it receives it once
	// for each: Message.Pattern tells them apart. Required.
	Message func(Message)

	// Gap reports that messages of a channel, or of a pattern, may have been
	// lost: the connection broke, or the queue was full. It comes after the
	// subscription was confirmed again, so that whatever is published from then
	// on arrives: a reader who now catches up from its position, wherever it
	// keeps that, misses nothing. Optional.
	Gap func(channel string)

	// OnError receives errors that the listener recovers from: a connection
	// broke, or a channel could not be subscribed to again. It is called from
	// several goroutines and must not block. Default: slog.Warn.
	OnError func(error)
}

// ListenOptions are a listener's settings; the zero value is ready to use.
type ListenOptions struct {
	// Queue is how many messages can wait for the handler. What is above is
	// dropped, and Gap tells. Default: 16384.
	Queue int

	// Timeout bounds each call of Subscribe, in addition to the caller's
	// deadline, and each step on a connection. Default: 10 s.
	Timeout time.Duration

	// Heartbeat is the time between two looks at each connection, which find
	// dead ones that no one uses, and channels that have moved to other nodes.
	// Default: 10 s.
	Heartbeat time.Duration
}

// A Listener holds subscriptions that come and go, on connections of its own:
// one, or in a Cluster one to each node that owns a sharded channel. It is safe
// for concurrent use.
type Listener struct {
	client  rueidis.Client
	handler Callbacks
	opt     ListenOptions
	cluster bool
	cancel  context.CancelFunc
	running sync.WaitGroup
	done    chan struct{} // closed when Close begins
	remap   chan struct{} // asks the keeper to look where channels belong

	mu       sync.Mutex
	closed   bool
	channels map[key]*channel
	links    map[string]*link // by the node's address; the only one outside of a Cluster has none
	views    []view           // of the Cluster, as several nodes see it
	home     string           // the node for plain channels and patterns
	ctx      context.Context  // of the links
	troubled map[*channel]bool
	queue    handoff
}

type kind uint8

const (
	plain kind = iota
	pattern
	sharded
)

type key struct {
	kind kind
	name string
}

// A channel is one subscription, of whatever kind. Its fields are guarded by
// the listener's mutex.
type channel struct {
	key
	slot      uint16
	link      *link // where it belongs; nil while that is unknown
	live      bool  // Redis has confirmed it on the link's present connection
	missed    bool  // a Gap is owed as soon as it is live again
	gapQueued bool
	gone      bool // no one wants it any more
	shared    bool // more than one call asked for it
	waiting   []*call
}

// A call of Subscribe waits until none of its channels is left, or one has
// failed.
type call struct {
	left int
	err  error
	done chan struct{}
}

func (c *call) end(err error) {
	select {
	case <-c.done:
	default:
		c.err = err
		close(c.done)
	}
}

// Listen returns a listener without subscriptions; it connects with the first
// one. The client stays the caller's.
func Listen(client rueidis.Client, handler Callbacks, opt ListenOptions) (*Listener, error) {
	if handler.Message == nil {
		return nil, errors.New("bus: listen: Callbacks.Message is missing")
	}
	if handler.Gap == nil {
		handler.Gap = func(string) {}
	}
	if handler.OnError == nil {
		handler.OnError = exec.Log
	}
	if opt.Queue == 0 {
		opt.Queue = 16384
	}
	if opt.Timeout == 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.Heartbeat == 0 {
		opt.Heartbeat = 10 * time.Second
	}
	if opt.Queue < 0 || opt.Timeout < 0 || opt.Heartbeat < 0 {
		return nil, fmt.Errorf("bus: listen: options out of range: queue %d, timeout %s, heartbeat %s", opt.Queue, opt.Timeout, opt.Heartbeat)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Listener{
		client: client, handler: handler, opt: opt,
		cluster: client.Mode() == rueidis.ClientModeCluster, cancel: cancel,
		done: make(chan struct{}), remap: make(chan struct{}, 1),
		ctx: ctx, channels: map[key]*channel{}, links: map[string]*link{}, troubled: map[*channel]bool{},
	}
	l.queue.wake = make(chan struct{}, 1)
	l.running.Go(func() { l.keep(ctx) })
	l.running.Go(func() { l.dispatch(ctx) })
	return l, nil
}

// Subscribe subscribes to channels and returns when Redis has confirmed them
// all: what is published from then on arrives. What is subscribed to already
// stays so. With an error, such as one of a denied channel or of the context,
// none of the channels that only this call asked for is subscribed to.
func (l *Listener) Subscribe(ctx context.Context, channels ...string) error {
	return l.subscribe(ctx, plain, channels)
}

// PSubscribe is Subscribe for patterns. Gap is called with the pattern. A
// channel that is subscribed to and matches patterns as well is heard once for
// each.
func (l *Listener) PSubscribe(ctx context.Context, patterns ...string) error {
	return l.subscribe(ctx, pattern, patterns)
}

// SSubscribe is Subscribe for sharded channels (SPUBLISH). In a Cluster each is
// subscribed to at the node that owns its slot, and follows the slot. Their
// messages are called by the same function as those of plain channels.
func (l *Listener) SSubscribe(ctx context.Context, channels ...string) error {
	return l.subscribe(ctx, sharded, channels)
}

// Unsubscribe ends subscriptions to channels. After it returns no message of
// theirs is handed to the handler, save for one that it may be busy with. Redis
// is told afterwards.
func (l *Listener) Unsubscribe(channels ...string) { l.unsubscribe(plain, channels) }

// PUnsubscribe is Unsubscribe for patterns.
func (l *Listener) PUnsubscribe(patterns ...string) { l.unsubscribe(pattern, patterns) }

// SUnsubscribe is Unsubscribe for sharded channels.
func (l *Listener) SUnsubscribe(channels ...string) { l.unsubscribe(sharded, channels) }

// Close ends the connections and waits for the handler to return. Messages that
// it was not given yet are dropped. It must not be called by the handler.
func (l *Listener) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.done)
		l.cancel()
	}
	l.mu.Unlock()
	l.running.Wait()
}

func (l *Listener) subscribe(ctx context.Context, kind kind, names []string) error {
	ctx, cancel := exec.Bound(ctx, l.opt.Timeout)
	defer cancel()
	call := &call{done: make(chan struct{})}
	var added, waited []*channel
	slots := l.slots(kind, names)

	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	asked := map[string]bool{}
	for i, name := range names {
		if asked[name] {
			continue
		}
		asked[name] = true
		c := l.channels[key{kind, name}]
		if c == nil {
			c = &channel{key: key{kind, name}, slot: slots[i]}
			l.channels[c.key] = c
			added = append(added, c)
			l.place(c)
		} else {
			c.shared = true
		}
		if !c.live {
			c.waiting = append(c.waiting, call)
			waited = append(waited, c)
			call.left++
			if c.link != nil {
				c.link.touch(c.key)
			}
		}
	}
	if call.left == 0 {
		call.end(nil)
	}
	l.mu.Unlock()

	var err error
	select {
	case <-call.done:
		err = call.err
	case <-ctx.Done():
		err = fmt.Errorf("bus: subscribe: %w", exec.Unavailable(ctx, ctx.Err()))
	case <-l.done:
		err = ErrClosed
	}
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range waited {
		c.waiting = without(c.waiting, call)
	}
	for _, c := range added {
		if !c.shared && !c.gone {
			l.forget(c)
		}
	}
	return err
}

// slots returns the slot of each name, as far as it matters where.
func (l *Listener) slots(kind kind, names []string) []uint16 {
	slots := make([]uint16, len(names))
	if l.cluster && kind == sharded {
		for i, name := range names {
			cmd := l.client.B().Ssubscribe().Channel(name).Build()
			slots[i] = cmd.Slot()
		}
	}
	return slots
}

func (l *Listener) unsubscribe(kind kind, names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if c := l.channels[key{kind, name}]; c != nil {
			l.forget(c)
			for _, call := range c.waiting {
				call.end(ErrUnsubscribed)
			}
		}
	}
}

// forget takes a channel out. The caller holds the mutex.
func (l *Listener) forget(c *channel) {
	c.gone = true
	delete(l.channels, c.key)
	delete(l.troubled, c)
	if c.link != nil {
		c.link.touch(c.key)
	}
}

// place gives a channel to the link of the node that it belongs to. The caller
// holds the mutex.
func (l *Listener) place(c *channel) {
	to := l.linkFor(c)
	if to == c.link {
		return
	}
	if c.link != nil {
		c.link.touch(c.key)
		l.lose(c)
	}
	if c.link = to; to != nil {
		to.touch(c.key)
	}
}

// lose notes that messages of a channel do not arrive. The caller holds the
// mutex.
func (l *Listener) lose(c *channel) {
	if c.live {
		c.live, c.missed = false, true
	}
}

// confirm notes that messages of a channel arrive. The caller holds the mutex.
func (l *Listener) confirm(c *channel) {
	if c.live {
		return
	}
	c.live = true
	delete(l.troubled, c)
	if c.missed {
		c.missed = false
		l.putGap(c)
	}
	for _, call := range c.waiting {
		if call.left--; call.left == 0 {
			call.end(nil)
		}
	}
	c.waiting = nil
}

// trouble has the keeper try a channel again, after a pause. The caller holds
// the mutex.
func (l *Listener) trouble(c *channel) {
	l.troubled[c] = true
	l.askRemap()
}

func (l *Listener) askRemap() {
	select {
	case l.remap <- struct{}{}:
	default:
	}
}

// keep looks where channels belong, at every heartbeat and when there is
// trouble.
func (l *Listener) keep(ctx context.Context) {
	tick := time.NewTicker(l.opt.Heartbeat)
	defer tick.Stop()
	var wait exec.Backoff
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.remap:
			if !wait.Pause(ctx) {
				return
			}
		}
		l.mu.Lock()
		idle := len(l.channels) == 0
		l.mu.Unlock()
		if l.cluster && !idle {
			views, err := l.look(ctx)
			if err != nil {
				if ctx.Err() == nil {
					l.handler.OnError(fmt.Errorf("bus: where channels belong: %w", err))
					l.askRemap()
				}
				continue
			}
			l.mu.Lock()
			l.views = views
			l.mu.Unlock()
		}
		l.mu.Lock()
		for _, c := range l.channels {
			if l.place(c); c.link == nil {
				l.askRemap()
			}
		}
		for c := range l.troubled {
			if c.link != nil {
				c.link.touch(c.key)
			}
		}
		clear(l.troubled)
		for addr, link := range l.links {
			if l.cluster && !l.known(addr) {
				link.cancel()
				delete(l.links, addr)
			}
		}
		l.mu.Unlock()
	}
}

func without(calls []*call, one *call) []*call {
	kept := calls[:0]
	for _, c := range calls {
		if c != one {
			kept = append(kept, c)
		}
	}
	return kept
}
