package hub

import (
	"slices"
	"sync"
	"sync/atomic"
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
	wake    func()

	// attachMu is held while the connection is being attached to streams, so
	// that it is attached to each once. It is locked before everything else.
	attachMu sync.Mutex

	mu       sync.Mutex // nothing is locked while it is held
	owner    *userConns // nil while it is not registered
	queue    []Frame
	bytes    int // in queue and pending
	limit    int
	burst    int           // of bytes, what a sync may have over the limit until it is written
	inFlight int           // bytes that were taken last, and may not be written yet
	held     []Frame       // what came while hold is set
	space    chan struct{} // closed when the queue was drained, for who waits to add to it

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
	holding bool
	awake   bool // the owner was woken and has not yet found the queue empty
	reason  Reason
	joining bool  // a goroutine works on joins
	ending  uint8 // calls under way that may end the connection's own session
}

// NewConn returns a connection that is not yet registered. Wake is called, from
// any goroutine, when there is something to drain, and must not block; limit
// bounds what waits, in bytes.
func NewConn(encoder Encoder, limit int, wake func()) *Conn {
	return &Conn{encoder: encoder, limit: limit, wake: wake}
}

// Send queues a frame, such as the answer to a request.
func (c *Conn) Send(frame Frame) { c.push(frame, reply) }

// Ending announces a call that may end the connection's own session. Ended must
// follow with its answer, which is then the last frame that is sent.
func (c *Conn) Ending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending++
}

// Ended sends the answer to the call that Ending announced, also if the session
// has been ended.
func (c *Conn) Ended(frame Frame) {
	c.mu.Lock()
	c.ending--
	if c.reason == Revoked {
		c.queue = append(c.queue, frame)
		c.count(frame.Size())
		c.wakeLocked()
	}
	c.mu.Unlock()
	c.Send(frame)
}

// frameKind says how a frame is treated.
type frameKind int

const (
	news   frameKind = iota // follows the answer of a sync that is under way
	reply                   // overtakes it
	signal                  // news that may be dropped
)

// maxPending bounds what waits while a sync is being answered: a person's own
// stream and the server's, at most chat.Window events each.
const maxPending = 32 << 20

// maxPerson bounds what waits for one person, in bytes, over all their
// connections here: queued, or taken and not written yet.
const maxPerson = 32 << 20

// userConns is somebody with connections on this node. Nil counts nothing.
type userConns struct {
	conns   []*Conn // guarded by the hub's usersMu
	waiting atomic.Int64
}

func (p *userConns) count(size int) {
	if p != nil && size != 0 {
		p.waiting.Add(int64(size))
	}
}

// full reports whether size bytes more would be too many.
func (p *userConns) full(size int) bool {
	return p != nil && p.waiting.Load()+int64(size) > maxPerson
}

// setOwner counts what waits for the connection for somebody else, or for
// nobody with nil.
func (c *Conn) setOwner(p *userConns) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner.count(-c.bytes - c.inFlight)
	c.owner = p
	p.count(c.bytes + c.inFlight)
}

func (c *Conn) push(frame Frame, kind frameKind) {
	size := frame.Size()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != Open {
		return
	}
	limit := c.limit + c.burst
	if c.holding {
		limit = maxPending
	}
	if kind == signal {
		limit = c.limit / 4
	}
	if c.bytes > 0 && c.bytes+size > limit || c.owner.full(size) {
		if kind != signal {
			c.closeLocked(Slow)
		}
		return
	}
	c.count(size)
	if c.holding && kind != reply {
		c.held = append(c.held, frame)
		return
	}
	c.queue = append(c.queue, frame)
	c.wakeLocked()
}

// count adds to the bytes that wait. The lock is held.
func (c *Conn) count(size int) {
	c.bytes += size
	c.owner.count(size)
}

// wakeLocked wakes the owner if it is not awake. The lock is held.
func (c *Conn) wakeLocked() {
	if !c.awake {
		c.awake = true
		c.wake()
	}
}

// closeLocked closes the connection. What waits is dropped, except when the
// client is to come back. The lock is held.
func (c *Conn) closeLocked(why Reason) {
	if c.reason != Open {
		return
	}
	c.reason = why
	if why != Restart && why != Changed {
		c.queue, c.held = nil, nil
		c.count(-c.bytes)
	}
	c.wakeLocked()
	c.signalSpace()
}

func (c *Conn) signalSpace() {
	if c.space != nil {
		close(c.space)
		c.space = nil
	}
}

// Close closes the connection. The door finds out from Take.
func (c *Conn) Close(why Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(why)
}

// Wake has the door look at the connection, if there is something to drain or
// it is closed.
func (c *Conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != Open || len(c.queue) > 0 {
		c.wakeLocked()
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

// Next appends queued frames, which are Bytes, to buf, up to about max bytes
// and at least one, and returns it. If there is nothing to take it reports why
// the connection is closed, and the door goes to sleep until it is woken again.
func (c *Conn) Next(buf []byte, max int) ([]byte, Reason) {
	why := c.next(max-len(buf), func(f Frame) { buf = append(buf, f.(Bytes)...) })
	return buf, why
}

// NextFrames is Take for frames of any kind.
func (c *Conn) NextFrames(list []Frame, max int) ([]Frame, Reason) {
	why := c.next(max, func(f Frame) { list = append(list, f) })
	return list, why
}

func (c *Conn) next(max int, each func(Frame)) Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner.count(-c.inFlight)
	c.inFlight = 0
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
	c.inFlight = taken
	c.burst -= min(c.burst, taken)
	if n == 0 {
		c.awake = false
		if c.reason == Revoked && c.ending > 0 {
			return Open // not yet: Ended wakes the owner
		}
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
		c.signalSpace()
	}
	return Open
}

// waitForSpace waits until less than half of the queue is taken, or the
// connection is closed. While a sync is being answered there is nobody to wait
// for.
func (c *Conn) waitForSpace(done <-chan struct{}) {
	c.mu.Lock()
	if c.reason != Open || c.bytes <= c.limit/2 || c.holding {
		c.mu.Unlock()
		return
	}
	if c.space == nil {
		c.space = make(chan struct{})
	}
	room := c.space
	c.mu.Unlock()
	select {
	case <-room:
	case <-done:
	}
}

// beginSync keeps back the news that are pushed from now on.
func (c *Conn) beginSync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

// finishSync queues the frame, and after it what was held back. However much
// that is, the connection is not slow for it.
func (c *Conn) finishSync(frame Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding = false; c.reason == Open || c.reason == Restart || c.reason == Changed {
		c.count(frame.Size())
		c.queue = append(append(c.queue, frame), c.held...)
		c.burst = c.bytes
		if c.wakeLocked(); c.owner.full(0) {
			c.closeLocked(Slow)
		}
	}
	c.held = nil
}

// abortSync drops what was held back: the sync has failed.
func (c *Conn) abortSync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == Open || c.reason == Restart || c.reason == Changed { // else dropped already
		for _, frame := range c.held {
			c.count(-frame.Size())
		}
	}
	c.holding, c.held = false, nil
}

// recordLeave remembers that the connection was told of its person's leaving.
func (c *Conn) recordLeave(e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == nil {
		c.left = map[chat.Stream]int64{}
	}
	c.left[e.Stream] = max(c.left[e.Stream], e.Seq)
}

// recordJoin remembers a room.joined that the connection is told of.
func (c *Conn) recordJoin(e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joined != nil && e.Kind == chat.RoomJoined {
		c.joined[e.View.ID] = e.View.Position
	}
}

// trackJoins begins or ends to note.
func (c *Conn) trackJoins(begin bool) {
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

// setAttached adds or removes a topic from the list of those attached to. It
// reports false if the connection is closed.
func (c *Conn) setAttached(t *topic, attached bool) bool {
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
