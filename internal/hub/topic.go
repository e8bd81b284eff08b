package hub

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// topic is one stream on this node.
//
// Invariants, under mu once open: cursor is the position of the last event
// delivered to conns; ring holds the events that led there, dense, ending at
// cursor; a connection is in conns if and only if the topic is in its list.
type topic struct {
	stream chat.Stream
	ready  chan struct{} // closed when the topic is open, or failed to
	err    error         // why it failed; read after ready

	mu        sync.Mutex // locked before a connection's, after the hub's
	open      bool       // subscribed, and cursor set
	users     int        // who attaches or is attached, so that the topic is not closed
	idle      time.Time  // since when users is 0
	cursor    chat.Position
	ring      []record
	ringBytes int
	conns     []*Conn
	repairing bool
	again     bool                      // something came while repairing, or before the topic was open
	typing    map[chat.UserID]time.Time // when each was last told to type
}

// record is an event with its frames.
type record struct {
	event  *chat.Event
	frames frames
}

// frames are those of one event or signal, one per encoder that was needed so
// far.
type frames []encoded

type encoded struct {
	encoder Encoder
	frame   Frame
}

// get returns the frame for an encoder, and makes it once.
func (f *frames) get(e Encoder, encode func() Frame) Frame {
	for _, known := range *f {
		if known.encoder == e {
			return known.frame
		}
	}
	frame := encode()
	*f = append(*f, encoded{e, frame})
	return frame
}

// The ring is bounded in events and bytes. Older events are read from the
// store.
const (
	ringEvents = 256
	ringSize   = 256 << 10
)

// frame returns the event's frame for an encoder.
func (r *record) frame(e Encoder) Frame {
	return r.frames.get(e, func() Frame { return e.Event(r.event) })
}

// advance moves the cursor by an event that follows it, and gives it to
// everyone attached. The lock is held.
func (t *topic) advance(e *chat.Event) {
	if e.Message != nil && e.Kind != chat.MessageCreated {
		t.rewrite(e.Message)
	}
	r := record{event: e}
	for _, c := range t.conns {
		c.push(r.frame(c.encoder), news)
	}
	t.cursor = e.Position()
	t.ring = append(t.ring, r)
	t.ringBytes += r.size()
	drop := 0
	for len(t.ring)-drop > ringEvents || t.ringBytes > ringSize && drop < len(t.ring) {
		t.ringBytes -= t.ring[drop].size()
		drop++
	}
	if drop > 0 {
		t.ring = slices.Delete(t.ring, 0, drop)
	}
}

// rewrite updates a message in the ring, as the store does: clients that resume
// never get text that was edited or deleted.
func (t *topic) rewrite(m *chat.Message) {
	for i := range t.ring {
		r := &t.ring[i]
		if r.event.Message == nil || r.event.Message.No != m.No {
			continue
		}
		t.ringBytes -= r.size()
		e := *r.event
		e.Message = m
		*r = record{event: &e}
		t.ringBytes += r.size()
	}
}

// signal sends a signal to all attached connections. Busy connections skip it.
// The lock is held.
func (t *topic) signal(s chat.Signal) {
	var all frames
	for _, c := range t.conns {
		c.push(all.get(c.encoder, func() Frame { return c.encoder.Signal(s) }), signal)
	}
}

// typingEvery limits how often one person's typing is signaled to a room.
// Clients show it for five seconds.
const typingEvery = 2 * time.Second

// shouldSignalTyping reports whether to tell that somebody is typing: it was
// not told a moment ago. The lock is held.
func (t *topic) shouldSignalTyping(user chat.UserID, now time.Time) bool {
	if last, known := t.typing[user]; known && now.Sub(last) < typingEvery {
		return false
	}
	if t.typing == nil {
		t.typing = map[chat.UserID]time.Time{}
	}
	if len(t.typing) >= 64 {
		maps.DeleteFunc(t.typing, func(_ chat.UserID, at time.Time) bool {
			return now.Sub(at) >= typingEvery
		})
	}
	t.typing[user] = now
	return true
}

// size estimates what a record holds in memory.
func (r *record) size() int {
	n := 512
	if r.event.Message != nil {
		n += 2 * len(r.event.Message.Text)
	}
	return n
}

// since returns the records after p that lead to the cursor; false if the ring
// does not reach back so far, or knows that p is of another history. The lock
// is held.
func (t *topic) since(p chat.Position) ([]record, bool) {
	if p.Epoch != t.cursor.Epoch || p.Seq > t.cursor.Seq {
		return nil, false
	}
	if p.Seq == t.cursor.Seq {
		return nil, p.ID == "" || t.cursor.ID == "" || p.ID == t.cursor.ID
	}
	first := len(t.ring) - int(t.cursor.Seq-p.Seq)
	if first < 0 || !t.ring[first].event.Follows(p) {
		return nil, false
	}
	return t.ring[first:], true
}

// knows reports whether e is an event that led to the cursor, as far as the
// ring can tell. The lock is held.
func (t *topic) knows(e *chat.Event) bool {
	if e.Epoch != t.cursor.Epoch || e.Seq > t.cursor.Seq {
		return false
	}
	if e.Seq == t.cursor.Seq {
		return t.cursor.ID == "" || e.ID == t.cursor.ID
	}
	i := len(t.ring) - 1 - int(t.cursor.Seq-e.Seq)
	return i < 0 || t.ring[i].event.ID == e.ID
}

// add attaches a connection at the cursor; false if it is closed. The lock is
// held.
func (t *topic) add(c *Conn) bool {
	if !c.setAttached(t, true) {
		return false
	}
	t.conns = append(t.conns, c)
	t.users++
	return true
}

// remove detaches a connection, if it is attached. The lock is held.
func (t *topic) remove(c *Conn, now time.Time) {
	i := slices.Index(t.conns, c)
	if i < 0 {
		return
	}
	last := len(t.conns) - 1
	t.conns[i] = t.conns[last]
	t.conns[last] = nil
	t.conns = t.conns[:last]
	c.setAttached(t, false)
	t.release(now)
}

// release counts down the users. The lock is held.
func (t *topic) release(now time.Time) {
	if t.users--; t.users == 0 {
		t.idle = now
	}
}
