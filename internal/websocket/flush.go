package websocket

import (
	"errors"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// flushers is how many connections are written to at the same time: half of the
// processors. With more, each write holds fewer frames and all together cost
// more (0.9 µs a delivery with one on two processors, 1.2 with two).
var flushers = max(1, runtime.GOMAXPROCS(0)/2)

// writeMax is about how many bytes are written at once.
const writeMax = 64 << 10

// maxControl bounds the pings and pongs that wait to be written, in bytes. Only
// the newest matter.
const maxControl = 4 << 10

// dirty lists the connections that have something to write, each at most once.
type dirty struct {
	mu   sync.Mutex
	cond sync.Cond
	list []*Conn
	done bool
}

func (d *dirty) init() { d.cond.L = &d.mu }

func (d *dirty) add(c *Conn) {
	d.mu.Lock()
	d.list = append(d.list, c)
	d.mu.Unlock()
	d.cond.Signal()
}

// some moves up to n connections into batch and waits until there is at least
// one; false at the end.
func (d *dirty) some(batch []*Conn, n int) ([]*Conn, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.list) == 0 {
		if d.done {
			return batch, false
		}
		d.cond.Wait()
	}
	n = min(n, (len(d.list)+flushers-1)/flushers)
	batch = append(batch, d.list[:n]...)
	rest := copy(d.list, d.list[n:])
	clear(d.list[rest:])
	d.list = d.list[:rest]
	return batch, true
}

func (d *dirty) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	d.cond.Broadcast()
}

// Wake has the handler asked for what to write, soon.
func (c *Conn) Wake() {
	c.mu.Lock()
	c.woken = true
	first := c.up && !c.busy
	if first {
		c.busy = true
	}
	c.mu.Unlock()
	if first {
		c.srv.dirty.add(c)
	}
}

// sendControl has a control frame written.
func (c *Conn) sendControl(frame []byte) {
	c.mu.Lock()
	if len(c.control)+len(frame) > maxControl {
		c.control = nil
	}
	c.control = append(c.control, frame...)
	c.mu.Unlock()
	c.Wake()
}

// flush writes for connections until the end.
func (s *Server) flush() {
	buf := make([]byte, 0, writeMax+4<<10)
	var batch []*Conn
	for {
		var ok bool
		if batch, ok = s.dirty.some(batch[:0], 32); !ok {
			return
		}
		for i, c := range batch {
			buf = c.drain(buf)
			batch[i] = nil
		}
		if cap(buf) > 4*writeMax {
			buf = make([]byte, 0, writeMax+4<<10)
		}
	}
}

// next fills b with what is to be written next. If that is nothing, the
// connection is no longer busy. With last, b ends in the close frame.
func (c *Conn) next(b []byte) (_ []byte, last bool) {
	b = b[:0]
	for {
		c.mu.Lock()
		c.woken = false
		said := c.said
		b = append(b, c.control...)
		c.control = nil
		c.mu.Unlock()
		var end *CloseError
		if !said {
			b, end = c.h.Next(b, writeMax)
		}
		c.mu.Lock()
		if said = c.said; said { // maybe since then
			b, c.control = b[:0], nil
		}
		if c.closing.Code != 0 && (end == nil || !c.yields) {
			end = &c.closing
		}
		if end != nil && !said && len(b) == 0 {
			c.said = true
			b = appendClose(b, end)
			c.mu.Unlock()
			return b, true
		}
		if len(b) == 0 && c.woken && !said {
			c.mu.Unlock()
			continue
		}
		c.busy = len(b) > 0
		c.mu.Unlock()
		return b, false
	}
}

// drain writes what there is for a connection. If its socket is full, a
// goroutine takes over.
func (c *Conn) drain(buf []byte) []byte {
	for {
		var last bool
		if buf, last = c.next(buf); len(buf) == 0 {
			return buf
		}
		n, err := c.tryWrite(buf)
		switch {
		case err != nil:
			c.give(err)
		case n < len(buf):
			rest := append([]byte(nil), buf[n:]...)
			c.srv.workers.Go(func() { c.push(rest, last) })
			return buf
		case last:
			c.hangUp()
		}
	}
}

// tryWrite writes what the socket takes at once.
func (c *Conn) tryWrite(b []byte) (n int, err error) {
	if c.raw == nil {
		return 0, nil
	}
	var failure error
	err = c.raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			m, err := sysWrite(fd, b[n:])
			if err == syscall.EINTR {
				continue
			}
			if err == syscall.EAGAIN {
				break
			}
			if err != nil {
				failure = err
				break
			}
			n += m
			if m < len(b) {
				break
			}
		}
		return true
	})
	c.srv.writes.Add(1)
	c.srv.bytesOut.Add(int64(n))
	return n, errors.Join(err, failure)
}

// push writes and waits for the socket, until nothing more is to be written.
func (c *Conn) push(b []byte, last bool) {
	for len(b) > 0 {
		wait := c.srv.cfg.WriteTimeout
		if last {
			wait = lingerFor
		}
		c.setWriteDeadline(time.Now().Add(wait))
		n, err := c.nc.Write(b)
		c.setWriteDeadline(time.Time{}) // flushers write without one
		c.srv.writes.Add(1)
		c.srv.bytesOut.Add(int64(n))
		switch {
		case err != nil:
			c.give(err)
		case last:
			c.hangUp()
		}
		b, last = c.next(b)
	}
}

func (c *Conn) setWriteDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.hurried {
		c.nc.SetWriteDeadline(t)
	}
}

// give gives up a connection that cannot be written to.
func (c *Conn) give(err error) {
	c.mu.Lock()
	c.said = true
	c.mu.Unlock()
	c.end(err)
	c.Abort()
}

// hangUp says that nothing more comes. The reader waits for the client's own
// end, but not for long.
func (c *Conn) hangUp() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.SetReadDeadline(time.Now().Add(lingerFor))
}
