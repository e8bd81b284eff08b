package hub

import (
	"context"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// Sync is the request of a connection to follow its streams.
type Sync struct {
	Positions map[chat.Stream]chat.Position // what the client holds
	Server    bool                          // whether it may follow the server's stream
	// Views returns the rooms that the person is in.
	Views func(context.Context) ([]chat.RoomView, error)
	// Answer makes the response. Events follow it.
	Answer func(Synced) Frame
}

// Synced is the content of a sync's response. Its lists are never nil.
type Synced struct {
	User, Server chat.Position
	Rooms        []chat.RoomView // those without a position
	Gone         []chat.Stream   // streams of Positions that the person may not read
}

// Sync attaches the connection to all streams of its person. It returns when
// all missed events are queued. After an error there was no response and the
// connection is attached to nothing. A failure after the response closes the
// connection with Changed.
//
// The person's own stream comes first: a room joined after it is attached
// arrives there, and one joined before is among the views. Joins that arrive
// meanwhile wait for their turn, so that a room is attached once, from the
// client's position.
func (h *Hub) Sync(ctx context.Context, c *Conn, s Sync) error {
	c.attachMu.Lock()
	defer c.attachMu.Unlock()
	h.detachAll(c)
	c.mu.Lock()
	c.joins, c.left = nil, nil // the views will show them
	c.mu.Unlock()
	c.beginSync()
	c.trackJoins(true)
	defer c.trackJoins(false)
	views, answer, err := h.state(ctx, c, s)
	if err != nil {
		h.detachAll(c)
		c.abortSync()
		return err
	}
	c.finishSync(answer)
	// Only this client waits for what follows.
	for i := range views {
		stream, known := chat.RoomStream(views[i].ID), views[i].Position
		from, given := s.Positions[stream]
		if !given {
			from = known
		}
		from = c.startsAt(views[i].ID, from, known)
		if err := h.attach(h.ctx, c, stream, from, known.Seq, given); err != nil {
			h.closeOnError(c, err)
			break
		}
	}
	return nil
}

// startsAt returns the place after which a room's events are to begin, where
// the client gave from, or is given the view at known. If it is told in the
// same breath that its person had left and come back, it forgets the room and
// takes the view of that room.joined, which may be older: its events then begin
// there, and another client drops what it has. Of another epoch, it is told to
// fetch.
func (c *Conn) startsAt(room chat.RoomID, from, known chat.Position) chat.Position {
	at, told := c.joinedAt(room)
	older := at.Epoch == from.Epoch && at.Seq < from.Seq || at.Epoch != from.Epoch &&
		from.Epoch == known.Epoch
	if told && older {
		return at
	}
	return from
}

// state attaches the connection to the streams that are not rooms' and returns
// the person's rooms and the answer.
func (h *Hub) state(ctx context.Context, c *Conn, s Sync) ([]chat.RoomView, Frame, error) {
	out := Synced{Rooms: []chat.RoomView{}, Gone: []chat.Stream{}}
	own := chat.UserStream(c.user)
	var err error
	if out.User, err = h.attachPersonal(ctx, c, own, s.Positions); err != nil {
		return nil, nil, err
	}
	if s.Server {
		if out.Server, err = h.attachPersonal(ctx, c, chat.ServerStream, s.Positions); err != nil {
			return nil, nil, err
		}
	}
	views, err := s.Views(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := h.catchUpStream(ctx, own); err != nil {
		return nil, nil, err
	}
	mine := map[chat.Stream]bool{own: true, chat.ServerStream: s.Server}
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
	return views, s.Answer(out), nil
}

// catchUpStream reads a stream up to the store's head, as the bell may be late.
// If the person left a room and rejoined it, the client must get these events
// before the room's events: a client that gets room.left drops what it has of
// the room.
func (h *Hub) catchUpStream(ctx context.Context, s chat.Stream) error {
	t, err := h.acquireTopic(ctx, s)
	if err != nil {
		return err
	}
	defer h.releaseTopic(t)
	return h.catchUp(ctx, t)
}

// attachPersonal attaches the connection to a stream that is not a room's: from
// its position, if it gave one, or from now on. It returns the place that the
// answer names: the client's own, or now.
func (h *Hub) attachPersonal(ctx context.Context, c *Conn, s chat.Stream,
	given map[chat.Stream]chat.Position) (chat.Position, error) {
	if from, ok := given[s]; ok {
		return from, h.attach(ctx, c, s, from, 0, true)
	}
	t, err := h.acquireTopic(ctx, s)
	if err != nil {
		return chat.Position{}, err
	}
	defer h.releaseTopic(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(c)
	return t.cursor, nil
}
