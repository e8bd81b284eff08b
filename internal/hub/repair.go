package hub

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// repair reads the store from the cursor on, in one goroutine per topic. The
// topic is locked.
func (h *Hub) repair(t *topic) {
	if t.repairing || !t.open {
		t.again = true
		return
	}
	t.repairing = true
	t.users++ // so that it stays
	h.repairs.Add(1)
	h.spawn(func() {
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
			err := h.catchUp(h.ctx, t)
			t.mu.Lock()
			if err == nil && !t.again || h.ctx.Err() != nil {
				t.repairing = false
				t.release(h.cfg.Now())
				t.mu.Unlock()
				return
			}
			t.again = false
			t.mu.Unlock()
			if err != nil {
				h.cfg.Logger.Warn("reading what was missed", "stream", t.stream, "error", err)
				select {
				case <-time.After(wait/2 + rand.N(wait)):
				case <-h.ctx.Done():
				}
			}
		}
	})
}

// readPage is how many events are read from the store at once.
const readPage = 200

// storeTimeout bounds one call of the store.
const storeTimeout = 10 * time.Second

func (h *Hub) page(ctx context.Context, s chat.Stream, after chat.Position) ([]chat.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return h.cfg.Log.Events(ctx, s, after, readPage)
}

func (h *Hub) head(ctx context.Context, s chat.Stream) (chat.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	heads, err := h.cfg.Log.Heads(ctx, s)
	if err != nil {
		return chat.Position{}, err
	}
	return heads[0].Position, nil
}

// catchUp moves a topic's cursor to the head of its stream. The topic is not
// locked.
func (h *Hub) catchUp(ctx context.Context, t *topic) error {
	for {
		t.mu.Lock()
		at := t.cursor
		t.mu.Unlock()
		events, err := h.page(ctx, t.stream, at)
		// not found: rolled back to before the room existed
		if errors.Is(err, chat.ErrResync) || errors.Is(err, chat.ErrNotFound) {
			return h.restart(ctx, t, at)
		}
		if err != nil {
			return err
		}
		t.mu.Lock()
		for i := range events {
			if events[i].Follows(t.cursor) {
				h.deliver(t, &events[i])
			}
		}
		t.mu.Unlock()
		if len(events) < readPage {
			return nil
		}
	}
}

// restart moves a topic whose cursor the store does not know to the head of its
// stream, unless it has moved in the meantime.
func (h *Hub) restart(ctx context.Context, t *topic, from chat.Position) error {
	head, err := h.head(ctx, t.stream)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cursor != from {
		return nil
	}
	conns := slices.Clone(t.conns)
	for _, c := range conns {
		t.remove(c, h.cfg.Now())
	}
	t.cursor, t.ring, t.ringBytes = head, nil, 0
	if user, own := t.stream.User(); own {
		// The missed events may have ended sessions.
		for _, c := range h.conns(user) {
			c.Close(Changed)
		}
		return nil
	}
	for _, c := range conns {
		h.spawn(func() {
			c.attachMu.Lock()
			defer c.attachMu.Unlock()
			if !c.attached(t) { // a sync may have come first
				h.closeOnError(c, h.resync(h.ctx, c, t))
			}
		})
	}
	return nil
}

// spawn runs f in a goroutine that Close waits for, unless the hub is closed.
func (h *Hub) spawn(f func()) {
	h.workersMu.Lock()
	defer h.workersMu.Unlock()
	if !h.closed {
		h.workers.Go(f)
	}
}

// maintain checks the heads and closes unused topics, until the hub is closed.
func (h *Hub) maintain() {
	every := h.cfg.Check
	if every < 0 {
		every = h.cfg.Linger
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			h.closeTopics(func(*topic) bool { return true })
			return
		case <-tick.C:
		}
		now := h.cfg.Now()
		h.closeTopics(func(t *topic) bool { return t.users == 0 && now.Sub(t.idle) >= h.cfg.Linger })
		if h.cfg.Check > 0 {
			h.checkHeads()
		}
	}
}

// checkHeads repairs the topics whose streams have moved on unannounced or were
// rolled back.
func (h *Hub) checkHeads() {
	h.mu.Lock()
	var open []*topic
	for _, t := range h.topics {
		open = append(open, t)
	}
	h.mu.Unlock()
	for part := range slices.Chunk(open, 500) {
		streams, before := make([]chat.Stream, len(part)), make([]chat.Position, len(part))
		for i, t := range part {
			t.mu.Lock()
			streams[i], before[i] = t.stream, t.cursor
			t.mu.Unlock()
		}
		ctx, cancel := context.WithTimeout(h.ctx, storeTimeout)
		heads, err := h.cfg.Log.Heads(ctx, streams...)
		cancel()
		if err != nil {
			if h.ctx.Err() == nil {
				h.cfg.Logger.Warn("looking for lost rings", "error", err)
			}
			return
		}
		for i, t := range part {
			t.mu.Lock()
			// The cursor may have passed the head in the meantime. A head
			// behind the earlier cursor is a rollback: what was delivered had
			// been written.
			at := heads[i].Position
			if t.open && (at.Epoch != t.cursor.Epoch || at.Seq > t.cursor.Seq ||
				at.Seq == t.cursor.Seq && at.ID != t.cursor.ID || at.Seq < before[i].Seq) {
				h.repair(t)
			}
			t.mu.Unlock()
		}
	}
}
