package hub

import (
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Frame is what connections of one kind are sent, encoded once for all of them
// and never changed. Doors that write bytes use Bytes.
type Frame interface {
	Size() int // in bytes, in a connection's queue
}

// Bytes is a frame that is written as it is.
type Bytes []byte

// Size is how many there are.
func (b Bytes) Size() int { return len(b) }

// Encoder turns what the hub says into frames for one kind of connection.
// Encoders are compared with ==; connections of a kind share one.
type Encoder interface {
	Event(*chat.Event) Frame
	Signals([]chat.Signal) Frame
	Resumed(chat.Stream, chat.Position) Frame
	Resync(chat.Stream, chat.Position) Frame
	Goodbye(reason string, retry time.Duration) Frame
}

// Reason says why the hub closes a connection. Each door has one table from
// reasons to its own codes.
type Reason uint8

const (
	Open     Reason = iota // not closed
	Slow                   // more was waiting for it than the queue holds
	Revoked                // its session was ended
	Restart                // the server stops
	Changed                // what it may see has changed: it should come back and sync
	Finished               // the door ended it
)

// Conn is one live connection of one person. A door makes it, drains it and
// closes it.
type Conn struct {
	// Set by Register. The whole caller is the door's: of thousands of
	// connections each byte counts.
	user    chat.UserID
	session chat.SessionID
	role    chat.Role

	encoder Encoder
	wake    func(*Conn)
	// Door is the door's own part of the connection; the hub does not look at
	// it.
	Door any

	// turn is held while the connection is being attached to streams, so that
	// it is attached to each once. It is locked before everything else.
	turn sync.Mutex

	mu    sync.Mutex // nothing is locked while it is held
	queue []Frame
	bytes int
	limit int
	burst int           // of bytes, what a sync may have over the limit until it is written
	held  []Frame       // what came while holding
	room  chan struct{} // closed when the queue was drained, for who waits to add to it

	topics []*topic // attached to
	// kept open so that the hub hears of ended sessions, attached or not
	watched []*topic
	joins   []*chat.Event // room.joined whose rooms are still to be attached
	// where room.joined had them, that the sync under way told of; nil if none
	// is
	joined map[chat.RoomID]chat.Position
	// seq at which the person was seen to leave rooms, since the last sync
	left map[chat.Stream]int64

	// Side by side they take no more than one of them.
	hold    bool
	awake   bool // the door was woken and has not yet found the queue empty
	reason  Reason
	joining bool // somebody sees to joins
}

// NewConn returns a connection that is not yet registered. Wake is called, from
// any goroutine and never blocking, when there is something to drain; limit
// bounds what waits, in bytes.
func NewConn(encoder Encoder, limit int, wake func(*Conn)) *Conn {
	return &Conn{encoder: encoder, limit: limit, wake: wake}
}

// Send queues a frame made by the door, such as the answer to a request.
func (c *Conn) Send(frame Frame) { c.push(frame, answer) }

// nature says how a frame is treated.
type nature int

const (
	news   nature = iota // follows the answer of a sync that is under way
	answer               // overtakes it
	signal               // news that may be dropped
)

// maxHeld bounds what waits while a sync is being answered: a person's own
// stream and the server's, at most chat.Window events each.
const maxHeld = 32 << 20

func (c *Conn) push(frame Frame, is nature) {
	size := frame.Size()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != Open {
		return
	}
	limit := c.limit + c.burst
	if c.hold {
		limit = maxHeld
	}
	if is == signal {
		limit = c.limit / 4
	}
	if c.bytes > 0 && c.bytes+size > limit {
		if is != signal {
			c.shut(Slow)
		}
		return
	}
	c.bytes += size
	if c.hold && is != answer {
		c.held = append(c.held, frame)
		return
	}
	c.queue = append(c.queue, frame)
	c.rouse()
}

// rouse wakes the door if it is not awake. The lock is held.
func (c *Conn) rouse() {
	if !c.awake {
		c.awake = true
		c.wake(c)
	}
}

// shut closes the connection: what waits is forgotten, except when the server
// stops. The lock is held.
func (c *Conn) shut(why Reason) {
	if c.reason != Open {
		return
	}
	c.reason = why
	if why != Restart && why != Changed {
		c.queue, c.held, c.bytes = nil, nil, 0
	}
	c.rouse()
	c.signalRoom()
}

func (c *Conn) signalRoom() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// Close closes the connection. The door finds out from Take.
func (c *Conn) Close(why Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut(why)
}

// Wake has the door look at the connection, if there is something to drain or
// it is closed.
func (c *Conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != Open || len(c.queue) > 0 {
		c.rouse()
	}
}

// Sleep is for a door that cannot take what there is for now: it is woken by
// what is queued next, by a Close, and by Wake.
func (c *Conn) Sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awake = false
}

// Closed reports why the connection was closed, Open if it was not.
func (c *Conn) Closed() Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// Take appends queued frames, which are Bytes, to buf, up to about max bytes
// and at least one, and returns it. If there is nothing to take it reports why
// the connection is closed, and the door goes to sleep until it is woken again.
func (c *Conn) Take(buf []byte, max int) ([]byte, Reason) {
	why := c.take(max-len(buf), func(f Frame) { buf = append(buf, f.(Bytes)...) })
	return buf, why
}

// TakeFrames is Take for frames of any kind.
func (c *Conn) TakeFrames(list []Frame, max int) ([]Frame, Reason) {
	why := c.take(max, func(f Frame) { list = append(list, f) })
	return list, why
}

func (c *Conn) take(max int, each func(Frame)) Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, taken := 0, 0
	for ; n < len(c.queue); n++ {
		size := c.queue[n].Size()
		if n > 0 && taken+size > max {
			break
		}
		each(c.queue[n])
		taken += size
	}
	c.bytes -= taken
	c.burst -= min(c.burst, taken)
	if n == 0 {
		c.awake = false
		return c.reason
	}
	if n == len(c.queue) {
		clear(c.queue)
		if c.queue = c.queue[:0]; cap(c.queue) > 64 {
			c.queue = nil // an idle connection keeps no large queue
		}
	} else {
		c.queue = slices.Delete(c.queue, 0, n)
	}
	if c.bytes <= c.limit/2 {
		c.signalRoom()
	}
	return Open
}

// waitRoom waits until less than half of the queue is taken, or the connection
// is closed. While a sync is being answered there is nobody to wait for.
func (c *Conn) waitRoom(done <-chan struct{}) {
	c.mu.Lock()
	if c.reason != Open || c.bytes <= c.limit/2 || c.hold {
		c.mu.Unlock()
		return
	}
	if c.room == nil {
		c.room = make(chan struct{})
	}
	room := c.room
	c.mu.Unlock()
	select {
	case <-room:
	case <-done:
	}
}

// startHold keeps back the news that are pushed from now on.
func (c *Conn) startHold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = true
}

// release queues the frame, and after it what was held back. However much that
// is, the connection is not slow for it.
func (c *Conn) release(frame Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold = false; c.reason == Open || c.reason == Restart || c.reason == Changed {
		c.bytes += frame.Size()
		c.queue = append(append(c.queue, frame), c.held...)
		c.burst = c.bytes
		c.rouse()
	}
	c.held = nil
}

// forget drops what was held back: the sync has failed.
func (c *Conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range c.held {
		c.bytes -= frame.Size()
	}
	c.hold, c.held, c.bytes = false, nil, max(c.bytes, 0)
}

// noteLeft remembers that the connection was told of its person's leaving.
func (c *Conn) noteLeft(e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == nil {
		c.left = map[chat.Stream]int64{}
	}
	c.left[e.Stream] = max(c.left[e.Stream], e.Seq)
}

// noteJoined remembers a room.joined that the connection is told of.
func (c *Conn) noteJoined(e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joined != nil && e.Kind == chat.RoomJoined {
		c.joined[e.View.ID] = e.View.Position
	}
}

// startJoined begins or ends to note.
func (c *Conn) startJoined(begin bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joined = nil
	if begin {
		c.joined = map[chat.RoomID]chat.Position{}
	}
}

// joinedAt returns the place that the connection was told of last with a
// room.joined of that room, if it was.
func (c *Conn) joinedAt(room chat.RoomID) (chat.Position, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.joined[room]
	return p, ok
}

// leftSince reports whether the connection was told of its person's leaving
// after that place.
func (c *Conn) leftSince(s chat.Stream, at chat.Position) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left[s] > at.Seq
}

// attached reports whether the connection is attached to a topic.
func (c *Conn) attached(t *topic) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.topics, t)
}

// note adds or removes a topic from the list of those attached to. It reports
// false if the connection is closed.
func (c *Conn) note(t *topic, attached bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !attached {
		if i := slices.Index(c.topics, t); i >= 0 {
			c.topics = slices.Delete(c.topics, i, i+1)
		}
		return true
	}
	if c.reason != Open {
		return false
	}
	c.topics = append(c.topics, t)
	return true
}

// attachedTo returns a copy of the topics attached to.
func (c *Conn) attachedTo() []*topic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.topics)
}
