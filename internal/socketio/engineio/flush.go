package engineio

import (
	"errors"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// flushers is how many connections are written to at once: half of the
// processors. With more, writes hold fewer packets.
var flushers = max(1, runtime.GOMAXPROCS(0)/2)

// writeMax is about how many bytes one write has.
const writeMax = 64 << 10

// dirty is the sessions that have something to write over a WebSocket. A
// session is in it at most once, while it is busy.
type dirty struct {
	mu   sync.Mutex
	cond sync.Cond
	list []*Session
	done bool
}

func (d *dirty) init() { d.cond.L = &d.mu }

func (d *dirty) add(s *Session) {
	d.mu.Lock()
	d.list = append(d.list, s)
	d.mu.Unlock()
	d.cond.Signal()
}

// some moves up to n sessions into batch, waiting for at least one; false at
// the end.
func (d *dirty) some(batch []*Session, n int) ([]*Session, bool) {
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

// drainAll writes for sessions until the end.
func (s *Server) drainAll() {
	buf := make([]byte, 0, writeMax+4<<10)
	var batch []*Session
	for {
		var ok bool
		if batch, ok = s.dirty.some(batch[:0], 32); !ok {
			return
		}
		for i, session := range batch {
			buf = session.ws.drain(buf)
			batch[i] = nil
		}
		if cap(buf) > 4*writeMax {
			buf = make([]byte, 0, writeMax+4<<10)
		}
	}
}

func appendWire(p *Packet, b []byte) []byte { return append(b, p.wire...) }

// next fills b with what is to be written next. Nothing means that there is
// nothing, and the session is no longer busy. With last, b ends in a close
// frame.
func (c *conn) next(b []byte) (_ []byte, last bool) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	b = s.take(b[:0], writeMax, appendWire)
	if s.over && len(s.queue) == 0 && !c.said {
		c.said = true
		return append(b, sealClose(c.code, c.text)...), true
	}
	s.busy = len(b) > 0
	return b, false
}

// drain writes what waits for the connection. If its socket is full, a
// goroutine takes over.
func (c *conn) drain(buf []byte) []byte {
	for {
		var last bool
		if buf, last = c.next(buf); len(buf) == 0 {
			return buf
		}
		n, err := c.tryWrite(buf)
		switch {
		case err != nil:
			c.give()
		case n < len(buf):
			rest := append([]byte(nil), buf[n:]...)
			c.s.srv.flush.Go(func() { c.push(rest, last) })
			return buf
		case last:
			c.hangUp()
		}
	}
}

// tryWrite writes what the socket takes at once.
func (c *conn) tryWrite(b []byte) (n int, err error) {
	if c.raw == nil {
		return 0, nil
	}
	var failure error
	err = c.raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			m, err := syscall.Write(int(fd), b[n:])
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
	return n, errors.Join(err, failure)
}

// push writes, waiting for the socket, and then whatever has come meanwhile.
// With last, b is the last that is said.
func (c *conn) push(b []byte, last bool) {
	for len(b) > 0 {
		s := c.s
		s.mu.Lock()
		if !s.over { // else hurry has set it
			c.nc.SetWriteDeadline(time.Now().Add(s.srv.cfg.PingInterval + s.srv.cfg.PingTimeout))
		}
		s.mu.Unlock()
		_, err := c.nc.Write(b)
		s.mu.Lock()
		if !s.over {
			c.nc.SetWriteDeadline(time.Time{}) // flushers write without one
		}
		s.mu.Unlock()
		switch {
		case err != nil:
			c.give()
		case last:
			c.hangUp()
		}
		b, last = c.next(b)
	}
}

// give gives the connection up: nothing more is said, and the reader finds its
// socket closed.
func (c *conn) give() {
	s := c.s
	s.Close(ReasonTransport)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.said = true
	s.empty()
	c.abort()
}

// hangUp says that nothing more comes, and has the reader wait for the client's
// own end, but not for long.
func (c *conn) hangUp() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.nc.SetReadDeadline(time.Now().Add(lingerFor))
}
