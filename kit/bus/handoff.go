package bus

import (
	"context"
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

func (i item) message() Message {
	m := Message{Channel: i.channel, Payload: i.payload}
	if i.c.kind == pattern {
		m.Pattern = i.c.name
	}
	return m
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
				l.handler.Message(it.message())
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
