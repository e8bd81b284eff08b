package hub

import (
	"context"
	"errors"

	"github.com/parley-chat/parley/internal/chat"
)

// attach gives the connection everything that happened in a stream after from,
// and then what happens. The person was a member of the room at the position
// whose number is known, if it is a room's stream. With announce, resumed is
// said when what was missed is complete. The caller holds c.attachMu.
func (h *Hub) attach(ctx context.Context, c *Conn, s chat.Stream, from chat.Position, known int64,
	announce bool) error {
	t, err := h.acquireTopic(ctx, s)
	if err != nil {
		return err
	}
	defer h.releaseTopic(t)
	for caughtUp := false; ; {
		c.waitForSpace(ctx.Done())
		step := h.tryAttach(c, t, from, known, announce)
		if step == done {
			return nil
		}
		var events []chat.Event
		if step == older {
			if events, err = h.read(ctx, s, from); errors.Is(err, chat.ErrResync) {
				return h.resync(ctx, c, t)
			} else if err != nil {
				return err
			}
		}
		for i := range events {
			c.waitForSpace(ctx.Done())
			c.recordJoin(&events[i])
			c.push(c.encoder.Event(&events[i]), news)
			if leaves(&events[i], c, known) {
				c.recordLeave(&events[i])
				return nil
			}
			if c.Closed() != Open {
				return nil
			}
			from = events[i].Position()
		}
		if len(events) > 0 {
			continue
		}
		// The topic is behind the store, or the position ahead of both.
		if caughtUp {
			return h.resync(ctx, c, t)
		}
		caughtUp = true
		if err := h.catchUp(ctx, t); err != nil {
			return err
		}
	}
}

// What step found.
type attachResult int

const (
	done  attachResult = iota // the connection is attached, or was there already, or has left
	older                     // the ring does not reach back to the position
	// the position, or where the person was known to be a member, is after the
	// topic's cursor
	ahead
)

// tryAttach attaches the connection at the cursor if the ring has all that
// happened since from.
func (h *Hub) tryAttach(c *Conn, t *topic, from chat.Position, known int64, announce bool) attachResult {
	t.mu.Lock()
	defer t.mu.Unlock()
	after := from.Epoch == t.cursor.Epoch && max(from.Seq, known) > t.cursor.Seq
	if c.leftSince(t.stream, from) {
		return done // having joined before is old news
	}
	if c.attached(t) {
		if after {
			// it was attached before it left, and has come back since: the
			// topic has seen neither
			return ahead
		}
		return done
	}
	records, ok := t.since(from)
	switch {
	case after:
		return ahead
	case !ok:
		return older
	}
	for i := range records {
		c.recordJoin(records[i].event)
		c.push(records[i].frame(c.encoder), news)
		if leaves(records[i].event, c, known) {
			c.recordLeave(records[i].event)
			return done
		}
	}
	if announce {
		h.resumes.Add(1)
		c.push(c.encoder.Resumed(t.stream, t.cursor), news)
	}
	t.add(c)
	return done
}

// read reads a page of events, when it is this connection's turn.
func (h *Hub) read(ctx context.Context, s chat.Stream, from chat.Position) ([]chat.Event, error) {
	select {
	case h.gate <- struct{}{}:
		defer func() { <-h.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.page(ctx, s, from)
}

// leaves reports whether with e the connection's person left the room, after
// the position known.
func leaves(e *chat.Event, c *Conn, known int64) bool {
	return e.Kind == chat.MemberLeft && e.Member.User == c.user && e.Seq > known
}

// resync tells the connection to fetch a stream anew, and attaches it at the
// cursor, if it may still read it. The position is that of the store, and taken
// before the membership is looked up: who leaves in between is seen to leave by
// attach, and who comes back then is told so after the connection was attached
// to their own stream.
func (h *Hub) resync(ctx context.Context, c *Conn, t *topic) error {
	if err := h.catchUp(ctx, t); err != nil {
		return err
	}
	t.mu.Lock()
	at := t.cursor
	t.mu.Unlock()
	if room, ok := t.stream.Room(); ok {
		is, err := h.isMember(ctx, room, c.user)
		if err != nil {
			return err
		}
		// or so says a Redis that is just being replaced: the client finds out
		// by syncing, rather than wait for ever
		if !is {
			c.Close(Changed)
			return nil
		}
	}
	h.resyncs.Add(1)
	c.push(c.encoder.Resync(t.stream, at), news)
	return h.attach(ctx, c, t.stream, at, at.Seq, false)
}

func (h *Hub) isMember(ctx context.Context, room chat.RoomID, user chat.UserID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := h.cfg.Log.Member(ctx, room, user)
	if errors.Is(err, chat.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// queueJoin has a connection attached to a room that its person has joined,
// when it is its turn. A topic is locked.
func (h *Hub) queueJoin(c *Conn, e *chat.Event) {
	c.recordJoin(e)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != Open {
		return
	}
	c.joins = append(c.joins, e)
	if !c.joining {
		c.joining = true
		h.spawn(func() { h.attachJoins(c) })
	}
}

// attachJoins attaches a connection to the rooms that were joined, one after
// the other: who leaves and comes back is attached from where they came back.
func (h *Hub) attachJoins(c *Conn) {
	c.attachMu.Lock()
	defer c.attachMu.Unlock()
	for {
		c.mu.Lock()
		joins := c.joins
		c.joins = nil
		c.joining = len(joins) > 0
		c.mu.Unlock()
		if len(joins) == 0 {
			return
		}
		for _, e := range joins {
			at := e.View.Position
			h.closeOnError(c, h.attach(h.ctx, c, chat.RoomStream(e.View.ID), at, at.Seq, false))
		}
	}
}

// closeOnError closes a connection that could not be given a stream: it comes
// back and syncs.
func (h *Hub) closeOnError(c *Conn, err error) {
	if err == nil || h.ctx.Err() != nil {
		return
	}
	h.cfg.Logger.Warn("attaching a connection", "user", c.user, "error", err)
	c.Close(Changed)
}
