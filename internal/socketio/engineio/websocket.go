package engineio

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"
)

// conn is a session's WebSocket. Its reader, one goroutine at a time, owns the
// fields without a lock.
type conn struct {
	s   *Session
	nc  net.Conn        // nil until the upgrade; then not changed
	raw syscall.RawConn // nil if the socket cannot be read and written directly (TLS)

	in      inbox
	seen    int64  // unix nanoseconds: when a frame last came
	message []byte // fragments of a message so far
	begun   opcode // of a fragmented message under way, 0 if none is
	quick   uint8  // frames that came soon after the one before, up to many
	probing bool   // not yet the session's transport

	code int // to close with; guarded by the session's lock
	text string
	said bool // the close frame was written, or there is no use in it; guarded by the session's lock
}

// connect turns a request into a WebSocket. Early is what the client has sent
// already.
func (c *conn) connect(w http.ResponseWriter, r *http.Request) (early []byte, err error) {
	nc, buffered, _, err := gobwas.HTTPUpgrader{}.Upgrade(r, w)
	if err != nil {
		return nil, err // it was answered
	}
	nc.SetDeadline(time.Time{})
	early = make([]byte, buffered.Reader.Buffered())
	buffered.Reader.Read(early) // what is buffered is there at once
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.nc = nc
	if tcp, ok := nc.(*net.TCPConn); ok {
		c.raw, _ = tcp.SyscallConn()
	}
	return early, nil
}

// openWebSocket opens a session that never polls.
func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request) *refusal {
	if err := s.reserve(); err != nil {
		return err
	}
	session := newSession(s, r)
	c := &conn{s: session}
	early, err := c.connect(w, r)
	if err != nil {
		s.release()
		return nil
	}
	session.ws = c
	session.queue = append(session.queue, s.hello(session.id))
	session.size = session.queue[0].Size()
	// The request's own goroutine ends, and gives its buffers and stack back.
	if !s.add(session) {
		c.nc.Close()
	} else if !s.start(func() { c.run(early, true) }) {
		s.forget(session)
		s.work.Done() // it has never begun
		c.nc.Close()
	}
	return nil
}

// serveProbe takes the WebSocket that a polling session wants to be upgraded
// to.
func (s *Session) serveProbe(w http.ResponseWriter, r *http.Request) *refusal {
	c := &conn{s: s, probing: true}
	s.mu.Lock()
	taken := s.over || s.ws != nil || s.probe != nil
	if !taken {
		s.probe = c
	}
	s.mu.Unlock()
	if taken {
		c.turnAway(w, r)
		return nil
	}
	early, err := c.connect(w, r)
	if err != nil {
		s.unprobe(c)
		return nil
	}
	c.nc.SetReadDeadline(time.Now().Add(s.srv.cfg.UpgradeTimeout))
	if s.closed() || !s.srv.start(func() { c.run(early, false) }) {
		s.unprobe(c)
		c.nc.Close()
	}
	return nil
}

// turnAway closes a WebSocket that its session has no use for, as the protocol
// wants it: not by refusing the request.
func (c *conn) turnAway(w http.ResponseWriter, r *http.Request) {
	if _, err := c.connect(w, r); err == nil {
		c.write(sealClose(closePolicy, "the session has a WebSocket"))
		c.nc.Close()
	}
}

// unprobe has the session go on polling.
func (s *Session) unprobe(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == c {
		s.probe, s.probed = nil, false
	}
}

// run reads until the connection ends; it may return before. With first, the
// session begins with it.
func (c *conn) run(early []byte, first bool) {
	s := c.s
	if first {
		s.mu.Lock()
		s.wake()
		s.mu.Unlock()
		s.begin()
	}
	c.in.init(c, early)
	c.serve()
}

// serve reads until the connection ends, or is quiet. Then another goroutine
// waits for it: a stack that has grown does not become smaller while its
// goroutine waits, and much of what an idle connection takes is the stack.
func (c *conn) serve() {
	err := c.read()
	if err == errQuiet {
		go c.await() // it, or who comes after it, ends with over
		return
	}
	c.over(err)
}

// await waits until something comes, on a stack that is still small, and goes
// on.
func (c *conn) await() {
	if err := c.in.fillFresh(); err != nil {
		c.over(err)
		return
	}
	c.serve()
}

// over ends the connection, for a reason.
func (c *conn) over(err error) {
	s := c.s
	defer s.srv.work.Done()
	defer c.nc.Close()
	c.in.close()
	if c.probing {
		s.unprobe(c)
		return
	}
	var e *protocolError
	switch {
	case errors.As(err, &e):
		why := ReasonParse
		if e.code == closeNormal {
			why = ReasonClient
		}
		c.end(e.code, e.text)
		s.Close(why)
		c.linger()
	case errors.Is(err, io.EOF):
		s.Close(ReasonClient)
	default:
		s.Close(ReasonTransport)
	}
}

// end says with what the connection is to be closed, unless that was said
// before.
func (c *conn) end(code int, text string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.code == 0 && !c.s.over {
		c.code, c.text = code, text
	}
}

// hurry bounds how long what is left may take to be written. The lock is held.
func (c *conn) hurry() {
	c.nc.SetWriteDeadline(time.Now().Add(lingerFor))
	if c.code != 0 {
		return
	}
	switch c.s.reason {
	case ReasonShutdown:
		c.code = closeGoing
	case ReasonParse:
		c.code = closeProtocol
	case ReasonSlow:
		c.code = closePolicy
	default:
		c.code = closeNormal
	}
	c.text = string(c.s.reason)
}

// abort gives the connection up: the reader finds its socket closed. The lock
// is held.
func (c *conn) abort() {
	if c.nc != nil {
		c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

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

// read takes in frames until an error.
func (c *conn) read() error {
	in := &c.in
	for {
		for {
			f, used, bad := parse(in.bytes(), c.s.srv.cfg.MaxPayload)
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
			now := time.Now().UnixNano()
			if now-c.seen >= int64(often) {
				c.quick = 0
			} else if c.quick < many {
				c.quick++
			}
			c.seen = now
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
	switch f.op {
	case opPing:
		return c.pong(f.payload)
	case opPong:
		return nil
	case opClose:
		return closed(f.payload)
	case opContinuation:
		if c.begun == 0 {
			return violation("a continuation without a beginning")
		}
		if limit := c.s.srv.cfg.MaxPayload; len(c.message)+len(f.payload) > limit {
			return tooBig(limit)
		}
		c.message = append(c.message, f.payload...)
		if !f.fin {
			return nil
		}
		op, message := c.begun, c.message
		c.begun, c.message = 0, nil
		return c.complete(op, message)
	}
	if c.begun != 0 {
		return violation("a message begins inside another")
	}
	if f.fin {
		return c.complete(f.op, f.payload)
	}
	c.begun, c.message = f.op, append([]byte(nil), f.payload...)
	return nil
}

// pong answers a ping of RFC 6455.
func (c *conn) pong(payload []byte) error {
	b := append(appendHeader(make([]byte, 0, 2+len(payload)), opPong, len(payload)), payload...)
	if c.probing {
		return c.write(b)
	}
	if err := c.s.Send(&Packet{wire: b}); errors.Is(err, ErrSlow) {
		return err
	}
	return nil
}

// write writes at once, for a connection that no flusher knows yet.
func (c *conn) write(b []byte) error {
	c.nc.SetWriteDeadline(time.Now().Add(lingerFor))
	_, err := c.nc.Write(b)
	c.nc.SetWriteDeadline(time.Time{})
	return err
}

func (c *conn) complete(op opcode, message []byte) error {
	p := incoming{kind: kindMessage, binary: true, data: message}
	if op == opText {
		if !utf8.Valid(message) {
			return &protocolError{closeInvalid, "text is UTF-8"}
		}
		var err error
		if p, err = decode(message, false); err != nil {
			return violation("not a packet")
		}
	}
	if c.probing {
		return c.try(p)
	}
	switch err := c.s.receive(p); {
	case errors.Is(err, ErrClosed): // what still comes is not acted upon
		return nil
	case err != nil:
		return violation(err.Error())
	}
	return nil
}

// try takes the steps of an upgrade: a probe, and the upgrade itself.
func (c *conn) try(p incoming) error {
	s := c.s
	s.mu.Lock()
	probed := s.probed
	s.mu.Unlock()
	switch {
	case !probed && p.kind == kindPing && string(p.data) == "probe":
		// First the answer, then the poll: a client that hears of the poll
		// first would begin another.
		if err := c.write(probePacket.wire); err != nil {
			return err
		}
		s.mu.Lock()
		s.probed = true
		s.wake()
		s.mu.Unlock()
		return nil
	case probed && p.kind == kindUpgrade:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.over {
			return ErrClosed
		}
		c.nc.SetReadDeadline(time.Time{})
		s.wake() // a poll that is still there finds itself on a WebSocket session
		s.probe, s.probed, s.ws, c.probing = nil, false, c, false
		if len(s.queue) > 0 {
			s.wake()
		}
		return nil
	}
	return violation("not an upgrade")
}

// closed judges the client's close frame. It is always an error, with which to
// answer.
func closed(payload []byte) error {
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
		return &protocolError{closeNormal, ""}
	}
	return violation("a close code that may not be sent")
}
