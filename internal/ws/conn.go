package ws

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// conn is one socket. Its reader goroutine owns the fields without a lock.
type conn struct {
	s   *Server
	out *hub.Conn

	nc  net.Conn
	raw syscall.RawConn // nil if the socket cannot be read and written directly (TLS)

	message []byte        // fragments of a message so far
	begun   bool          // a fragmented message is under way
	quick   uint8         // frames that came soon after the one before, up to many
	frames  int32         // since window
	window  int64         // unix seconds
	calls   chan struct{} // a place for each call under way; nil until the first

	started int64        // unix nanoseconds, as all of these
	seen    atomic.Int64 // when a frame last came
	partial atomic.Int64 // since when a frame or message is incomplete, 0 if none is
	pinged  atomic.Bool  // since it was last seen
	proving atomic.Bool  // the session is being looked up again

	stranger bool // guarded by the server's lock

	mu   sync.Mutex
	who  chat.Caller
	code int // to close with, once the hub says Finished
	text string
	up   bool // nc is set, and not yet closed
	auth bool // authenticate is under way
}

func newConn(s *Server, who chat.Caller) *conn {
	now := time.Now().UnixNano()
	c := &conn{s: s, started: now, who: chat.Caller{Addr: who.Addr, Agent: who.Agent}}
	c.seen.Store(now)
	c.out = hub.NewConn(encoder{}, s.cfg.Queue, s.dirty.add)
	c.out.Door = c
	return c
}

func (c *conn) caller() chat.Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

func (c *conn) setWho(who chat.Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = who
}

func (c *conn) setDevice(device string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.Device = device
}

func (c *conn) loggedIn() bool { return !c.caller().Anonymous() }

// end has the connection closed with a code, once what the hub holds for it is
// given up.
func (c *conn) end(code int, text string) {
	c.mu.Lock()
	if c.code == 0 {
		c.code, c.text = code, text
	}
	c.mu.Unlock()
	c.out.Close(hub.Finished)
}

// look is the sweep's. It never waits.
func (c *conn) look(now time.Time) {
	at := now.UnixNano()
	who := c.caller()
	beat, patience := int64(c.s.cfg.Heartbeat), int64(c.s.cfg.AuthTimeout)
	idle := at - c.seen.Load()
	partial := c.partial.Load()
	switch {
	case c.out.Closed() != hub.Open:
	case who.Anonymous() && at-c.started >= patience:
		c.end(closeNoAuth, "authenticate within "+c.s.cfg.AuthTimeout.String())
	case !who.Anonymous() && !now.Before(who.ExpiresAt):
		if !c.proving.Swap(true) {
			c.s.workers.Go(c.prove) // not with who, which would be on the heap at each look
		}
	case partial != 0 && at-partial >= patience:
		c.end(closeRestart, "a message was begun and not finished")
	case idle >= 2*beat:
		c.end(closeRestart, "nothing came for too long")
	case idle >= beat && !c.pinged.Swap(true):
		c.out.Send(pingFrame)
	}
}

// prove looks whether a session that seemed to expire was prolonged meanwhile,
// by use elsewhere.
func (c *conn) prove() {
	who := c.caller()
	ctx, cancel := context.WithTimeout(c.s.ctx, callTimeout)
	defer cancel()
	defer c.proving.Store(false)
	list, err := c.s.cfg.Service.ListSessions(ctx, who, chat.None{})
	if err != nil {
		c.s.asError(ctx, "session.list", err)
		return // the sweep asks again
	}
	i := slices.IndexFunc(list.Sessions, func(x chat.Session) bool { return x.Current })
	if i < 0 {
		c.end(closePolicy, "the session has expired")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.ExpiresAt = list.Sessions[i].ExpiresAt
}

// run reads until the connection ends, and drops it then; it may return before.
// Early is what the upgrade had read already.
func (c *conn) run(nc net.Conn, early []byte) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		c.raw, _ = tcp.SyscallConn()
	}
	c.mu.Lock()
	c.nc, c.up = nc, true
	c.mu.Unlock()
	c.out.Wake() // it may have been closed before
	c.serve(newInbox(c, early))
}

// serve reads until the connection ends, or is quiet. Then another goroutine
// waits for it: a stack that has grown does not become smaller while its
// goroutine waits, and most of what an idle connection takes is the stack.
func (c *conn) serve(in *inbox) {
	err := c.read(in)
	if err == errQuiet {
		go c.await(in) // it, or who comes after it, ends with over
		return
	}
	c.over(in, err)
}

// await waits until something comes, on a stack that is still small, and goes
// on.
func (c *conn) await(in *inbox) {
	if err := in.fillFresh(); err != nil {
		c.over(in, err)
		return
	}
	c.serve(in)
}

// over ends the connection, for a reason.
func (c *conn) over(in *inbox, err error) {
	defer c.s.drop(c)
	in.close()
	if e, ok := errors.AsType[*protocolError](err); ok {
		c.end(e.code, e.text)
		c.linger()
	}
	c.out.Close(hub.Finished)
	for range cap(c.calls) { // wait for calls under way: they end within callTimeout
		c.calls <- struct{}{}
	}
	c.mu.Lock()
	c.up = false
	c.mu.Unlock()
	c.nc.Close()
}

// lingerFor bounds how long a closed connection waits for the client to close
// too.
const lingerFor = 2 * time.Second

// linger reads on, and drops, until the client has closed: its close would
// otherwise be lost with what it sent.
func (c *conn) linger() {
	c.nc.SetReadDeadline(time.Now().Add(lingerFor))
	buf := make([]byte, 1<<10)
	for total := 0; total < 1<<20; {
		n, err := c.nc.Read(buf)
		if total += n; err != nil {
			return
		}
	}
}

// errQuiet is read's when nothing has come and little did before.
var errQuiet = errors.New("quiet")

// A client that sends often keeps its goroutine: changing it costs about a
// microsecond.
const (
	often = 100 * time.Millisecond // between two frames
	many  = 8                      // such frames, one after the other
)

// read takes in frames until an error. An orderly end is io.EOF.
func (c *conn) read(in *inbox) error {
	for {
		for {
			f, used, bad := parse(in.bytes())
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
			// Only whole frames count: a client that sends byte after byte is
			// not alive.
			now := time.Now().UnixNano()
			if now-c.seen.Swap(now) >= int64(often) {
				c.quick = 0
			} else if c.quick < many {
				c.quick++
			}
			c.pinged.Store(false)
			if !c.begun {
				c.partial.Store(0)
			}
		}
		if (len(in.bytes()) > 0 || c.begun) && c.partial.Load() == 0 {
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

// take handles one frame.
func (c *conn) take(f inFrame) error {
	c.s.framesIn.Add(1)
	if limit := c.s.cfg.MaxFrames; limit > 0 {
		if now := time.Now().Unix(); now-c.window >= 10 {
			c.window, c.frames = now, 0
		}
		if c.frames++; int(c.frames) > limit {
			return &protocolError{closeTooMany, "too many frames: send fewer"}
		}
	}
	if c.out.Closed() != hub.Open { // what still comes is not acted upon
		if f.op == opClose {
			return io.EOF
		}
		return nil
	}
	switch f.op {
	case opPing:
		c.out.Send(seal(opPong, f.payload))
	case opPong:
	case opClose:
		return c.closed(f.payload)
	case opBinary:
		return &protocolError{closeUnsupported, "frames are text"}
	case opText:
		if c.begun {
			return violation("a message begins inside another")
		}
		if f.fin {
			return c.complete(f.payload)
		}
		c.begun = true
		c.message = append(c.message[:0], f.payload...)
	case opContinuation:
		if !c.begun {
			return violation("a continuation without a beginning")
		}
		if len(c.message)+len(f.payload) > maxMessage {
			return &protocolError{closeTooBig, "a message has at most 65536 bytes"}
		}
		c.message = append(c.message, f.payload...)
		if f.fin {
			message := c.message
			c.message, c.begun = nil, false
			return c.complete(message)
		}
	}
	return nil
}

func (c *conn) complete(message []byte) error {
	if !utf8.Valid(message) {
		return &protocolError{closeInvalid, "text is UTF-8"}
	}
	c.handle(message)
	return nil
}

// closed answers the client's close, and ends the reading.
func (c *conn) closed(payload []byte) error {
	switch {
	case len(payload) == 0:
		return &protocolError{closeNormal, ""}
	case len(payload) == 1:
		return violation("a close frame has no or a whole code")
	case !utf8.Valid(payload[2:]):
		return &protocolError{closeInvalid, "a reason is UTF-8"}
	}
	switch code := int(binary.BigEndian.Uint16(payload)); {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return &protocolError{code, ""}
	}
	return violation("a close code that may not be sent")
}
