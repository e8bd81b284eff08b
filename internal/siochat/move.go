package siochat

import (
	"sync"

	"github.com/parley-chat/parley/internal/hub"
)

// moveMax is about how many bytes of one connection are moved before it is
// another's turn.
const moveMax = 64 << 10

// roomMax is how many bytes may wait in a session when more is moved there;
// what else there is waits in the hub's queue, which knows what is too much.
const roomMax = 4 * moveMax

// dirty is the connections for which the hub has something, or that it has
// closed. One that is in it twice does no harm.
type dirty struct {
	mu   sync.Mutex
	cond sync.Cond
	list []*conn
	done bool
}

func (d *dirty) init() { d.cond.L = &d.mu }

func (d *dirty) add(c *conn) {
	d.mu.Lock()
	d.list = append(d.list, c)
	d.mu.Unlock()
	d.cond.Signal()
}

// all swaps what there is for the emptied batch, waiting for at least one;
// false at the end.
func (d *dirty) all(batch []*conn) ([]*conn, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.list) == 0 {
		if d.done {
			return nil, false
		}
		d.cond.Wait()
	}
	full := d.list
	d.list = batch[:0]
	return full, true
}

func (d *dirty) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	d.cond.Broadcast()
}

// move gives sockets what the hub has for them, until the end. It never waits
// for a client.
func (s *Server) move() {
	var batch []*conn
	var frames []hub.Frame
	for {
		var ok bool
		if batch, ok = s.dirty.all(batch); !ok {
			return
		}
		for i, c := range batch {
			if c.ready.Load() || c.said.Load() {
				frames = c.drain(frames)
			}
			batch[i] = nil
		}
	}
}

// drain moves what waits for the connection, and closes its socket after the
// last if the hub says so.
func (c *conn) drain(frames []hub.Frame) []hub.Frame {
	for {
		if c.Out.Closed() == hub.Open && !c.socket.Room(roomMax, nil) {
			c.Out.Sleep() // before asking again: what makes room from now on wakes it
			if !c.socket.Room(roomMax, c.Out.Wake) {
				return frames
			}
		}
		var why hub.Reason
		frames, why = c.Out.NextFrames(frames[:0], moveMax)
		if len(frames) == 0 {
			if why != hub.Open {
				c.finish(why)
			}
			return frames
		}
		for _, f := range frames {
			if c.dialect.Send(f) != nil { // it is disconnected
				c.abandon()
				break
			}
		}
		clear(frames)
	}
}
