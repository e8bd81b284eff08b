package hub

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// open returns the topic of a stream, subscribed and with a cursor, and counts the caller as its user until leave.
func (h *Hub) open(ctx context.Context, s chat.Stream) (*topic, error) {
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
		h.leave(t)
		return nil, ctx.Err()
	}
	if t.err != nil {
		h.leave(t)
		return nil, t.err
	}
	return t, nil
}

// start subscribes to the bell, and only then reads the head: what is rung later is heard, what was rung before is in
// the head. It outlives the caller that happened to be first.
func (h *Hub) start(t *topic) error {
	if err := h.cfg.Bell.Subscribe(h.ctx, t.stream); err != nil {
		return err
	}
	heads, err := h.cfg.Log.Heads(h.ctx, t.stream)
	if err != nil {
		h.cfg.Bell.Unsubscribe(t.stream)
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursor, t.open = heads[0].Position, true
	if t.again {
		t.again = false
		h.repair(t)
	}
	return nil
}

func (h *Hub) leave(t *topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(h.cfg.Now())
}

// attach gives the connection everything that happened in a stream after from, and then what happens. The person was a
// member of the room at the position whose number is known, if it is a room's stream. With announce,
// resumed is said when what was missed is complete.
func (h *Hub) attach(ctx context.Context, c *Conn, s chat.Stream, from chat.Position, known int64, announce bool) error {
	t, err := h.open(ctx, s)
	if err != nil {
		return err
	}
	defer h.leave(t)
	for caughtUp := false; ; {
		t.mu.Lock()
		if slices.Contains(t.conns, c) {
			t.mu.Unlock()
			return nil
		}
		if records, ok := t.since(from); ok {
			defer t.mu.Unlock()
			for i := range records {
				c.push(records[i].bytes(c.encoder), false)
				if leaves(records[i].event, c, known) {
					return nil
				}
			}
			if announce {
				h.resumes.Add(1)
				c.push(c.encoder.Resumed(s, t.cursor), false)
			}
			t.add(c)
			return nil
		}
		ahead := from.Epoch == t.cursor.Epoch && from.Seq > t.cursor.Seq
		t.mu.Unlock()

		var events []chat.Event
		if !ahead {
			if events, err = h.read(ctx, s, from); errors.Is(err, chat.ErrResync) {
				return h.resync(ctx, c, t)
			} else if err != nil {
				return err
			}
		}
		for i := range events {
			c.waitRoom(ctx.Done())
			c.push(c.encoder.Event(&events[i]), false)
			if leaves(&events[i], c, known) || c.Closed() != Open {
				return nil
			}
			from = events[i].Position()
		}
		if len(events) == 0 { // the topic is behind the store, or the position ahead of both
			if caughtUp {
				return h.resync(ctx, c, t)
			}
			caughtUp = true
			if err := h.catchUp(ctx, t); err != nil {
				return err
			}
		}
	}
}

// read reads a page of events, when it is this connection's turn.
func (h *Hub) read(ctx context.Context, s chat.Stream, from chat.Position) ([]chat.Event, error) {
	select {
	case h.gate <- struct{}{}:
		defer func() { <-h.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.cfg.Log.Events(ctx, s, from, readPage)
}

// leaves reports whether with e the connection's person left the room, after the position known.
func leaves(e *chat.Event, c *Conn, known int64) bool {
	return e.Kind == chat.MemberLeft && e.Member.User == c.who.User.ID && e.Seq > known
}

// resync tells the connection to fetch a stream anew, and attaches it at the cursor, if it may still read it. The position is
// taken before the membership is looked up: who leaves in between is seen to leave by attach.
func (h *Hub) resync(ctx context.Context, c *Conn, t *topic) error {
	t.mu.Lock()
	at := t.cursor
	t.mu.Unlock()
	if room, ok := t.stream.Room(); ok {
		if _, err := h.cfg.Log.Member(ctx, room, c.who.User.ID); errors.Is(err, chat.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
	}
	h.resyncs.Add(1)
	c.push(c.encoder.Resync(t.stream, at), false)
	return h.attach(ctx, c, t.stream, at, at.Seq, false)
}

// follow attaches a connection to a room that its person has joined, once it is not in the middle of a sync.
func (h *Hub) follow(c *Conn, e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.syncing {
		c.deferred = append(c.deferred, e)
		return
	}
	h.spawn(func() { h.settle(c, h.join(h.ctx, c, e)) })
}

func (h *Hub) join(ctx context.Context, c *Conn, e *chat.Event) error {
	return h.attach(ctx, c, chat.RoomStream(e.View.ID), e.View.Position, e.View.Position.Seq, false)
}

// settle closes a connection that could not be given a stream: it comes back and syncs.
func (h *Hub) settle(c *Conn, err error) {
	if err == nil || h.ctx.Err() != nil {
		return
	}
	h.cfg.Logger.Warn("attaching a connection", "user", c.who.User.ID, "error", err)
	c.Close(Changed)
}

// Sync is what a connection asks for, to be given what happens.
type Sync struct {
	Positions map[chat.Stream]chat.Position // what the client holds
	Server    bool                          // whether it may follow the server's stream
	// Views returns the rooms that the person is in.
	Views func(context.Context) ([]chat.RoomView, error)
	// Answer makes the frame that answers; what happens follows it.
	Answer func(Synced) []byte
}

// Synced is what there is to answer.
type Synced struct {
	User, Server chat.Position
	Rooms        []chat.RoomView // those without a position
	Gone         []chat.Stream   // positions for what may not be read
}

// Sync attaches the connection to all that its person may follow. An error leaves it attached to nothing.
//
// The person's own stream comes first: a room joined after it is attached arrives there, and one joined before is among
// the views. Joins that arrive meanwhile wait, so that a room is attached once, from the client's position.
func (h *Hub) Sync(ctx context.Context, c *Conn, s Sync) error {
	c.mu.Lock()
	if c.syncing {
		c.mu.Unlock()
		return &chat.Error{Code: chat.CodeConflict, Message: "a sync is under way: wait for its answer"}
	}
	c.syncing = true
	c.mu.Unlock()
	h.detachAll(c)
	err := h.sync(ctx, c, s)
	if err != nil {
		h.detachAll(c)
		c.release(nil)
	}
	for {
		c.mu.Lock()
		joins := c.deferred
		c.deferred = nil
		c.syncing = len(joins) > 0 && err == nil
		again := c.syncing
		c.mu.Unlock()
		if !again {
			return err
		}
		for _, e := range joins {
			if err = h.join(ctx, c, e); err != nil {
				h.detachAll(c)
				break
			}
		}
	}
}

func (h *Hub) sync(ctx context.Context, c *Conn, s Sync) error {
	c.startHold()
	var out Synced
	var err error
	if out.User, err = h.begin(ctx, c, chat.UserStream(c.who.User.ID), s.Positions); err != nil {
		return err
	}
	if s.Server {
		if out.Server, err = h.begin(ctx, c, chat.ServerStream, s.Positions); err != nil {
			return err
		}
	}
	views, err := s.Views(ctx)
	if err != nil {
		return err
	}
	mine := map[chat.Stream]bool{chat.UserStream(c.who.User.ID): true, chat.ServerStream: s.Server}
	for i := range views {
		stream := chat.RoomStream(views[i].ID)
		mine[stream] = true
		if _, given := s.Positions[stream]; !given {
			out.Rooms = append(out.Rooms, views[i])
		}
	}
	for stream := range s.Positions {
		if !mine[stream] {
			out.Gone = append(out.Gone, stream)
		}
	}
	slices.Sort(out.Gone)
	c.release(s.Answer(out))
	for i := range views {
		stream, known := chat.RoomStream(views[i].ID), views[i].Position
		from, given := s.Positions[stream]
		if !given {
			from = known
		}
		if err := h.attach(ctx, c, stream, from, known.Seq, given); err != nil {
			return err
		}
	}
	return nil
}

// begin attaches the connection to a stream that is not a room's: from its position, if it gave one, or from now on. It
// returns the place that the answer names: the client's own, or now.
func (h *Hub) begin(ctx context.Context, c *Conn, s chat.Stream, given map[chat.Stream]chat.Position) (chat.Position, error) {
	if from, ok := given[s]; ok {
		return from, h.attach(ctx, c, s, from, 0, true)
	}
	t, err := h.open(ctx, s)
	if err != nil {
		return chat.Position{}, err
	}
	defer h.leave(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(c)
	return t.cursor, nil
}
