package bus

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
)

// A handoff is what waits for the handler: messages up to a bound, and at most
// one gap for each channel. It is guarded by the listener's mutex.
type handoff struct {
	items    []item
	messages int // in items and in the handler's hands
	wake     chan struct{}
}

type item struct {
	c                *channel
	channel, payload string
	gap              bool
}

// put hands a message over, or drops it and owes a gap. The caller holds the
// mutex.
func (l *Listener) put(c *channel, name, payload string) {
	if l.queue.messages >= l.opt.Queue {
		l.putGap(c)
		return
	}
	l.queue.messages++
	l.queue.add(item{c: c, channel: name, payload: payload})
}

// putGap hands a gap over; one that still waits there covers this one as well.
// The caller holds the mutex.
func (l *Listener) putGap(c *channel) {
	if !c.gapQueued {
		c.gapQueued = true
		l.queue.add(item{c: c, channel: c.name, gap: true})
	}
}

func (h *handoff) add(i item) {
	h.items = append(h.items, i)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// dispatch calls the handler.
func (l *Listener) dispatch(ctx context.Context) {
	var batch []item
	for {
		l.mu.Lock()
		batch, l.queue.items = l.queue.items, batch[:0]
		l.mu.Unlock()
		for i := range batch {
			it := batch[i]
			batch[i] = item{}
			l.mu.Lock()
			gone := it.c.gone || l.closed
			if it.gap {
				it.c.gapQueued = false // from here on, what is lost needs another
			}
			l.mu.Unlock()
			switch {
			case gone:
			case it.gap:
				l.handler.Gap(it.channel)
			default:
				l.handler.Message(it.channel, it.payload)
			}
			if !it.gap {
				l.mu.Lock()
				l.queue.messages--
				l.mu.Unlock()
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.queue.wake:
		}
	}
}

// backoff is a pause that grows while it is needed again soon, with jitter.
type backoff struct {
	step  int
	since time.Time
}

const (
	firstPause = 10 * time.Millisecond
	lastPause  = 3 * time.Second
)

// pause sleeps, and reports false if the context ended.
func (b *backoff) pause(ctx context.Context) bool {
	if time.Since(b.since) > 2*lastPause {
		b.step = 0
	}
	d := min(firstPause<<min(b.step, 10), lastPause)
	b.step++
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		b.since = time.Now()
		return true
	}
}

// logFailure is what hears failures if the program does not.
func logFailure(err error) { slog.Warn("bus: trouble with Redis; it is tried again", "error", err) }

// explained names the version that a block needs where an older Redis refuses
// what it does not know.
func explained(err error) error {
	if err != nil && strings.Contains(err.Error(), "acl_check_cmd") {
		return fmt.Errorf("a group needs Redis 7.0 or later: %w", err)
	}
	return err
}
