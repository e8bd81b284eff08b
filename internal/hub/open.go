package hub

import (
	"context"

	"github.com/parley-chat/parley/internal/chat"
)

// topic returns the topic of a stream, nil if there is none.
func (h *Hub) topic(s chat.Stream) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topics[s]
}

// acquireTopic returns the topic of a stream, subscribed and with a cursor, and
// counts the caller as its user until leave.
func (h *Hub) acquireTopic(ctx context.Context, s chat.Stream) (*topic, error) {
	h.mu.Lock()
	t := h.topics[s]
	first := t == nil
	if first {
		t = &topic{stream: s, ready: make(chan struct{})}
		h.topics[s] = t
	}
	t.mu.Lock()
	t.users++
	t.mu.Unlock()
	h.mu.Unlock()
	if first {
		t.err = h.start(t)
		if t.err != nil {
			h.mu.Lock()
			delete(h.topics, s)
			h.mu.Unlock()
		}
		close(t.ready)
	}
	select {
	case <-t.ready:
	case <-ctx.Done():
		h.releaseTopic(t)
		return nil, ctx.Err()
	}
	if t.err != nil {
		h.releaseTopic(t)
		return nil, t.err
	}
	return t, nil
}

// start subscribes to the bell and then reads the head, so that no event falls
// between. It does not end with the caller's context, as other callers may wait
// for it.
func (h *Hub) start(t *topic) error {
	ctx, cancel := context.WithTimeout(h.ctx, storeTimeout)
	defer cancel()
	if err := h.cfg.Bell.Subscribe(ctx, t.stream); err != nil {
		return err
	}
	head, err := h.head(ctx, t.stream)
	if err != nil {
		h.cfg.Bell.Unsubscribe(t.stream)
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursor, t.open = head, true
	if t.again {
		t.again = false
		h.repair(t)
	}
	return nil
}

func (h *Hub) releaseTopic(t *topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(h.cfg.Now())
}

// closeTopics closes the topics for which which returns true. It is called with
// the topic locked.
func (h *Hub) closeTopics(which func(*topic) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for stream, t := range h.topics {
		t.mu.Lock()
		gone := t.open && which(t)
		t.mu.Unlock()
		if gone {
			delete(h.topics, stream)
			h.cfg.Bell.Unsubscribe(stream)
		}
	}
}
