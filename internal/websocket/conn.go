package websocket

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
)

// lingerFor bounds how long a connection that is closed here waits for the
// client to close too.
const lingerFor = 2 * time.Second

// Conn is one connection. Its reader, one goroutine at a time, owns the fields
// that no lock guards.
type Conn struct {
	srv *Server
	h   Handler
	nc  net.Conn
	raw syscall.RawConn // nil if the socket cannot be used directly (TLS, Windows)
	fd  int             // of raw, open until finish closes it

	in      inbox
	message []byte // the fragments of a message so far
	begun   opcode // of a fragmented message under way, 0 for none
	quick   uint8  // frames in a row that came fast, up to many

	seen    atomic.Int64 // when the last frame came, in unix nanoseconds
	partial atomic.Int64 // since when a frame or message is incomplete, 0 for none
	pinged  atomic.Bool  // since the last frame

	mu      sync.Mutex
	control []byte     // pings and pongs to be written before anything else
	closing CloseError // what to close with; code 0: whatever the handler says
	up      bool       // being served
	woken   bool       // there may be something to write
	busy    bool       // a flusher or a writer has the connection, or will
	yields  bool       // closing is only for a handler that has nothing to close with
	ended   bool       // the handler was told
	said    bool       // the close frame was written, or will not be
	hurried bool       // the write deadline is set for good
	hasty   bool       // there is a read deadline
	parked  bool       // nobody reads, until unpark
}

func (c *Conn) init(nc net.Conn, early []byte) {
	c.nc = nc
	if tcp, ok := nc.(*net.TCPConn); ok && direct {
		if raw, err := tcp.SyscallConn(); err == nil {
			c.raw = raw
			raw.Control(func(fd uintptr) { c.fd = int(fd) })
		}
	}
	c.seen.Store(time.Now().UnixNano())
	c.in.init(c, early)
}

// Serve begins to read and write, for h, and returns at once.
func (c *Conn) Serve(h Handler) {
	c.h = h
	if !c.srv.add(c) {
		c.end(errServerClosed)
		h.Gone()
		c.nc.Close()
		return
	}
	c.mu.Lock()
	c.up = true
	woken := c.woken
	c.mu.Unlock()
	if woken {
		c.Wake()
	}
	// The goroutine of the request ends, and returns its buffers and stack.
	go c.serve()
}

// Refuse closes a connection that is not served.
func (c *Conn) Refuse(code int, text string) {
	c.in.release()
	c.nc.SetWriteDeadline(time.Now().Add(lingerFor))
	c.nc.Write(appendClose(nil, &CloseError{Code: code, Text: text}))
	c.nc.Close()
}

// SetReadDeadline ends the connection if nothing was read by then. The zero
// time lifts it.
func (c *Conn) SetReadDeadline(t time.Time) {
	c.nc.SetReadDeadline(t)
	c.mu.Lock()
	c.hasty = !t.IsZero()
	c.mu.Unlock()
	if !t.IsZero() { // for which somebody has to wait
		c.unpark()
	}
}

// Abort gives the connection up, without a close frame.
func (c *Conn) Abort() { c.SetReadDeadline(time.Unix(1, 0)) }

// Hurry bounds how long the client may take for what is still to be written.
func (c *Conn) Hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.hurried {
		c.hurried = true
		c.nc.SetWriteDeadline(time.Now().Add(lingerFor))
	}
}

// serve reads until the connection ends or becomes quiet. Then it waits without
// a goroutine, or else with a new one: a stack that has grown does not shrink
// while its goroutine waits.
func (c *Conn) serve() {
	err := c.read()
	if err != errQuiet {
		c.finish(err)
	} else if !c.park() {
		go c.resume()
	}
}

// park has the connection wait without a goroutine, if it may.
func (c *Conn) park() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parked = !c.hasty && c.srv.parks && c.srv.lot.watch(c, c.fd) == nil
	return c.parked
}

// unpark has somebody read again.
func (c *Conn) unpark() {
	c.mu.Lock()
	parked := c.parked
	c.parked = false
	c.mu.Unlock()
	if parked {
		go c.resume()
	}
}

// resume waits until something comes.
func (c *Conn) resume() {
	if err := c.in.fill(); err != nil {
		c.finish(err)
		return
	}
	c.serve()
}

// finish ends the connection because of err.
func (c *Conn) finish(err error) {
	defer c.srv.remove(c)
	c.in.release()
	c.message = nil
	c.mu.Lock()
	said := c.said
	c.mu.Unlock()
	c.end(err)
	if e, ok := errors.AsType[*CloseError](err); ok && !(said && e.ByClient) {
		c.linger()
	}
	c.mu.Lock()
	c.up, c.said = false, true
	c.mu.Unlock()
	if c.raw != nil {
		c.srv.lot.forget(c.fd)
	}
	c.nc.Close()
	c.h.Gone()
}

// end tells the handler, once, that the connection ends, and has a close frame
// written if err is a *CloseError.
func (c *Conn) end(err error) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	if e, ok := errors.AsType[*CloseError](err); ok {
		c.closing = *e
	} else {
		c.said = true
	}
	c.mu.Unlock()
	c.h.Closed(err)
	c.Wake()
}

// stop ends the connection because the server is closed. What the handler
// closes with comes first.
func (c *Conn) stop() {
	c.mu.Lock()
	c.yields = !c.ended
	c.mu.Unlock()
	c.end(&CloseError{Code: CloseRestart, Text: "the server is stopping"})
	c.Hurry()
}

// linger reads on until the client has closed, and drops what comes. A socket
// that is closed with unread bytes is reset, and the close frame would be lost.
func (c *Conn) linger() {
	c.SetReadDeadline(time.Now().Add(lingerFor))
	buf := make([]byte, 1<<10)
	for total := 0; total < 1<<20; {
		n, err := c.nc.Read(buf)
		if total += n; err != nil {
			return
		}
	}
}

// checkTimeouts is called by the sweep and must not wait.
func (c *Conn) checkTimeouts(now time.Time) {
	at, beat, limit := now.UnixNano(), int64(c.srv.cfg.Heartbeat), int64(c.srv.cfg.MessageTimeout)
	idle, partial := at-c.seen.Load(), c.partial.Load()
	switch {
	case limit > 0 && partial != 0 && at-partial >= limit:
		c.end(&CloseError{Code: CloseRestart, Text: "a message was not finished in time"})
	case beat > 0 && idle >= 2*beat:
		c.end(&CloseError{Code: CloseRestart, Text: "the client was silent for too long"})
	case beat > 0 && idle >= beat:
		if !c.pinged.Swap(true) {
			c.sendControl(pingFrame)
		}
	}
}

// errQuiet is returned by read when nothing has come and little came before.
var errQuiet = errors.New("websocket: quiet")

// A client that sends often keeps its goroutine: changing it costs about a
// microsecond.
const (
	often = 100 * time.Millisecond // between two frames
	many  = 8                      // such frames in a row
)

// read takes in frames until there is an error.
func (c *Conn) read() error {
	in := &c.in
	for {
		for {
			f, used, bad := parse(in.bytes(), c.srv.cfg.MaxMessage)
			if bad != nil {
				return bad
			}
			if used == 0 {
				break
			}
			if err := c.take(f); err != nil {
				return err
			}
			in.drop(used)
			c.saw()
		}
		if (!in.empty() || c.begun != 0) && c.partial.Load() == 0 {
			c.partial.Store(time.Now().UnixNano())
		}
		if c.quick < many && in.empty() && c.raw != nil {
			return errQuiet
		}
		if err := in.fill(); err != nil {
			return err
		}
	}
}

// saw notes that a whole frame has come. Less does not count: a client that
// sends byte after byte is not alive.
func (c *Conn) saw() {
	now := time.Now().UnixNano()
	if now-c.seen.Swap(now) >= int64(often) {
		c.quick = 0
	} else if c.quick < many {
		c.quick++
	}
	if c.pinged.Load() {
		c.pinged.Store(false)
	}
	if c.begun == 0 && c.partial.Load() != 0 {
		c.partial.Store(0)
	}
}

// take handles one frame.
func (c *Conn) take(f frame) error {
	c.srv.frames.Add(1)
	if err := c.h.Frame(); err != nil {
		return err
	}
	limit := c.srv.cfg.MaxMessage
	switch f.op {
	case opPing:
		b := make([]byte, 0, HeaderSize(len(f.payload))+len(f.payload))
		c.sendControl(append(appendHeader(b, opPong, len(f.payload)), f.payload...))
	case opPong:
	case opClose:
		return parseClose(f.payload)
	case opContinuation:
		if c.begun == 0 {
			return violation("a continuation without a beginning")
		}
		if len(c.message)+len(f.payload) > limit {
			return tooBig(limit)
		}
		if c.message = append(c.message, f.payload...); !f.fin {
			return nil
		}
		op, message := c.begun, c.message
		c.begun, c.message = 0, nil
		return c.complete(op, message)
	default:
		if f.op == opBinary && c.srv.cfg.TextOnly {
			return &CloseError{Code: CloseUnsupported, Text: "messages must be text"}
		}
		if c.begun != 0 {
			return violation("a message begins inside another")
		}
		if f.fin {
			return c.complete(f.op, f.payload)
		}
		c.begun, c.message = f.op, append([]byte(nil), f.payload...)
	}
	return nil
}

func (c *Conn) complete(op opcode, message []byte) error {
	if op == opText && !utf8.Valid(message) {
		return &CloseError{Code: CloseInvalid, Text: "text must be UTF-8"}
	}
	return c.h.Message(op == opBinary, message)
}
