package ws

import (
	"errors"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/parley-chat/parley/internal/hub"
)

// flushers is how many connections are written to at once: half of the
// processors. With more, writes hold fewer frames and cost more altogether
// (measured by make bench: 0.9 µs a delivery with one on two processors, 1.2
// with two).
var flushers = max(1, runtime.GOMAXPROCS(0)/2)

// writeMax is about how many bytes one write has.
const writeMax = 64 << 10

// dirty is the connections that have something to write. A connection is in it
// at most once: the hub wakes it only after it was found empty.
type dirty struct {
	mu   sync.Mutex
	cond sync.Cond
	list []*conn
	done bool
}

func (d *dirty) init() { d.cond.L = &d.mu }

func (d *dirty) add(c *hub.Conn) {
	d.mu.Lock()
	d.list = append(d.list, c.Door.(*conn))
	d.mu.Unlock()
	d.cond.Signal()
}

// some moves up to n connections into batch, waiting for at least one; false at
// the end.
func (d *dirty) some(batch []*conn, n int) ([]*conn, bool) {
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

// flush writes what is dirty until the end.
func (s *Server) flush() {
	buf := make([]byte, 0, writeMax+4<<10)
	var batch []*conn
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

// drain writes what waits for the connection. If its socket is full, a
// goroutine takes over.
func (c *conn) drain(buf []byte) []byte {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	for {
		var why hub.Reason
		buf, why = c.out.Take(buf[:0], writeMax)
		last := false
		if len(buf) == 0 {
			if why == hub.Open || !up {
				return buf
			}
			frame := c.lastWords(why)
			if frame == nil {
				return buf
			}
			buf, last = append(buf, frame...), true
		}
		if !up {
			continue // before the upgrade or after the end: nobody is there
		}
		n, err := c.try(buf)
		switch {
		case err != nil:
			c.abort()
		case n < len(buf):
			rest := append([]byte(nil), buf[n:]...)
			c.s.workers.Go(func() { c.push(rest, last) })
			return buf
		case last:
			c.hangUp()
		}
	}
}

// try writes what the socket takes at once.
func (c *conn) try(b []byte) (n int, err error) {
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
	c.s.writes.Add(1)
	c.s.bytesOut.Add(int64(n))
	return n, errors.Join(err, failure)
}

// push writes, waiting for the socket, and then whatever has come meanwhile.
// With last, b is the last that is said.
func (c *conn) push(b []byte, last bool) {
	for {
		wait := c.s.cfg.Heartbeat
		if last {
			wait = lingerFor
		}
		c.nc.SetWriteDeadline(time.Now().Add(wait))
		n, err := c.nc.Write(b)
		c.s.writes.Add(1)
		c.s.bytesOut.Add(int64(n))
		switch {
		case err != nil:
			c.lastWords(hub.Finished) // nobody would hear them
			c.abort()
		case last:
			c.hangUp()
		}
		c.nc.SetWriteDeadline(time.Time{}) // flushers write without one
		var why hub.Reason
		if b, why = c.out.Take(b[:0], writeMax); len(b) > 0 {
			continue
		}
		if why == hub.Open {
			return
		}
		frame := c.lastWords(why)
		if frame == nil {
			return
		}
		b, last = append(b, frame...), true
	}
}

// abort gives the connection up: the reader finds its socket closed.
func (c *conn) abort() {
	c.out.Close(hub.Finished)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// lastWords returns the close frame, nil if it was returned before.
func (c *conn) lastWords(why hub.Reason) []byte {
	c.mu.Lock()
	code, text := c.code, c.text
	c.code, c.text = -1, ""
	c.mu.Unlock()
	switch {
	case code < 0:
		return nil
	case code > 0:
	case why == hub.Slow:
		c.s.slow.Add(1)
		code, text = closeSlow, "too slow: resume with your positions"
	case why == hub.Revoked:
		code, text = closeRevoked, "the session was ended"
	case why == hub.Restart, why == hub.Changed:
		code, text = closeRestart, "come back"
	default:
		code = closeNormal
	}
	return sealClose(code, text)
}

// hangUp says that nothing more comes, and has the reader wait for the client's
// own end, but not for long.
func (c *conn) hangUp() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.nc.SetReadDeadline(time.Now().Add(lingerFor))
}
