package hub

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Frame is an encoded message for connections that share an encoder. It is
// never changed. Transports that write bytes use Bytes.
type Frame interface {
	Size() int // in bytes, in a connection's queue
}

// Bytes is a frame of raw bytes.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int { return len(b) }

// Encoder encodes frames for one kind of connection. Connections of a kind
// share one encoder; encoders are compared with ==.
type Encoder interface {
	Event(*chat.Event) Frame
	Signal(chat.Signal) Frame
	Resumed(chat.Stream, chat.Position) Frame
	Resync(chat.Stream, chat.Position) Frame
	Goodbye(reason string, retry time.Duration) Frame
}

// Reason says why a connection is closed. Each transport maps reasons to its
// own codes in one table.
type Reason uint8

const (
	Open     Reason = iota // not closed
	Slow                   // its queue overflowed
	Revoked                // its session has ended
	Restart                // the server stops
	Changed                // its permissions changed: the client should reconnect and sync
	Finished               // closed by the transport
)

// Conn is one live connection of one person. A transport creates it, sends what
// it queues, and closes it.
type Conn struct {
	// Set by Register. The transport keeps the whole caller: with thousands of
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
	burst    int           // bytes over the limit that a sync may queue until they are written
	inFlight int           // bytes that Next returned last, and may not be written yet
	held     []Frame       // frames that wait for the end of a sync
	space    chan struct{} // closed when the queue has space again

	topics []*topic // attached to
	// kept open for as long as the connection is registered, so that the hub
	// learns of ended sessions
	watched []*topic
	joins   []*chat.Event // room.joined whose rooms are still to be attached
	// positions of the room.joined events sent during a sync; nil without a
	// sync
	joined map[chat.RoomID]chat.Position
	// seq of the last member.left of the person per room, since the last sync
	left map[chat.Stream]int64

	// Together these take one word.
	holding bool
	awake   bool // the transport was woken and has not yet found the queue empty
	reason  Reason
	joining bool  // a goroutine works on joins
	ending  uint8 // calls in progress that may end the connection's own session
}

// NewConn returns a connection that is not yet registered. Wake is called from
// any goroutine when there are frames to send or the connection is closed, and
// must not block. Limit bounds the queue in bytes.
func NewConn(encoder Encoder, limit int, wake func()) *Conn {
	return &Conn{encoder: encoder, limit: limit, wake: wake}
}

// Send queues a frame, such as the response to a request.
func (c *Conn) Send(frame Frame) { c.push(frame, reply) }

// Ending announces a call that may end the connection's own session. Ended must
// follow with its response.
func (c *Conn) Ending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending++
}

// Ended sends the response to the call that Ending announced. If the session
// has ended, it is the last frame.
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

// frameKind says how a frame is queued.
type frameKind int

const (
	news   frameKind = iota // waits for the response of a running sync
	reply                   // does not wait
	signal                  // like news, and may be dropped
)

// maxPending bounds the bytes that wait for the end of a sync: of a person's
// own stream and the server's, at most chat.Window events each.
const maxPending = 32 << 20

// maxPerson bounds the bytes that wait for one person, over all their
// connections to this node: queued, or not written yet.
const maxPerson = 32 << 20

// userConns are one person's connections to this node. A nil userConns counts
// nothing.
type userConns struct {
	conns   []*Conn // guarded by the hub's usersMu
	hides   bool    // that they are online; guarded by the hub's usersMu
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

// setOwner counts the connection's waiting bytes for a person, or for no one
// with nil.
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

// wakeLocked wakes the transport if it is not awake. The lock is held.
func (c *Conn) wakeLocked() {
	if !c.awake {
		c.awake = true
		c.wake()
	}
}

// closeLocked closes the connection. Its queue is dropped, unless the client
// should reconnect. The lock is held.
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

// Close closes the connection. Next then returns the reason.
func (c *Conn) Close(why Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(why)
}

// Wake wakes the transport if there are frames to send or the connection is
// closed.
func (c *Conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != Open || len(c.queue) > 0 {
		c.wakeLocked()
	}
}

// Sleep is for a transport that cannot send for now. The next frame, Close or
// Wake wakes it.
func (c *Conn) Sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awake = false
}

// Closed returns why the connection was closed, or Open.
func (c *Conn) Closed() Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// Next takes queued frames, which must be Bytes, and appends them to buf: at
// least one, and about max bytes. If the queue is empty it returns why the
// connection is closed, or Open; the transport is then woken again when needed.
func (c *Conn) Next(buf []byte, max int) ([]byte, Reason) {
	why := c.next(max-len(buf), func(f Frame) { buf = append(buf, f.(Bytes)...) })
	return buf, why
}

// NextFrames is Next for frames of any type.
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

// waitForSpace waits until the queue is at most half full or the connection is
// closed. It does not wait during a sync, when nothing is sent.
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

// beginSync holds back news until finishSync or abortSync.
func (c *Conn) beginSync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

// finishSync queues the sync's response and then what was held back, which may
// exceed the limit.
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

// abortSync drops what was held back, after a sync has failed.
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

// recordLeave remembers that a member.left of the connection's person was sent.
func (c *Conn) recordLeave(e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == nil {
		c.left = map[chat.Stream]int64{}
	}
	c.left[e.Stream] = max(c.left[e.Stream], e.Seq)
}

// recordJoin remembers that a room.joined was sent, during a sync.
func (c *Conn) recordJoin(e *chat.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joined != nil && e.Kind == chat.RoomJoined {
		c.joined[e.View.ID] = e.View.Position
	}
}

// trackJoins starts or stops recordJoin.
func (c *Conn) trackJoins(begin bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joined = nil
	if begin {
		c.joined = map[chat.RoomID]chat.Position{}
	}
}

// joinedAt returns the position of the last room.joined that was sent for a
// room.
func (c *Conn) joinedAt(room chat.RoomID) (chat.Position, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.joined[room]
	return p, ok
}

// leftSince reports whether a member.left of the connection's person was sent
// after the position.
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

// setAttached adds a topic to the connection's list or removes it. It reports
// false if the connection is closed.
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

// attachedTo returns a copy of the list of attached topics.
func (c *Conn) attachedTo() []*topic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.topics)
}
