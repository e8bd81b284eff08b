package engineio

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// Reason says why a session has ended, in the words of the reference server
// where it has any.
type Reason string

// Reasons that this package gives. Close may be called with others.
const (
	ReasonClient      Reason = "transport close"      // the client has closed
	ReasonTransport   Reason = "transport error"      // a connection broke, or requests came that may not
	ReasonPingTimeout Reason = "ping timeout"         // a ping was not answered
	ReasonParse       Reason = "parse error"          // the client has broken the protocol
	ReasonSlow        Reason = "slow client"          // more than MaxQueue waited
	ReasonShutdown    Reason = "server shutting down" // by Server.Close
)

var (
	// ErrClosed is returned once the session is closed.
	ErrClosed = errors.New("engineio: the session is closed")
	// ErrSlow is returned when the queue is full, which closes the session.
	ErrSlow = errors.New("engineio: the client does not fetch what is sent to it")
)

// lingerFor bounds how long a closed session waits: polling, for one more
// request to be told; WebSocket, for the client to close too.
const lingerFor = 2 * time.Second

// Session is one client's. Its methods may be called at any time, from any
// goroutine.
type Session struct {
	srv   *Server
	id    string
	kept  any    // of the request that opened it
	proof *proof // that a request comes from its client; nil if it never polled

	in sync.Mutex // held while the receiver has a message

	mu     sync.Mutex
	recv   Receiver
	queue  []*Packet
	size   int // bytes in queue
	over   bool
	reason Reason
	linger bool   // over, but one more poll is answered
	room   func() // to be called once size is at most roomAt; nil for none
	roomAt int

	// Heartbeat.
	timer  *time.Timer
	due    time.Time // of the next ping, or of the pong if pinged
	pinged bool

	// Polling.
	waiting chan struct{} // wakes the pending GET; nil if there is none
	posting bool

	// WebSocket.
	ws     *link // once upgraded
	probe  *link // wants to become ws
	probed bool  // the probe was answered
}

// newSession makes a session, which is to be added and begun.
func newSession(srv *Server, r *http.Request) *Session {
	return &Session{srv: srv, id: NewID(), kept: srv.cfg.Keep(r)}
}

// keep copies of a request what does not hold on to its connection.
func keep(r *http.Request) any {
	u := *r.URL
	return &http.Request{
		Method: r.Method, URL: &u, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: r.Header.Clone(), Host: r.Host, RemoteAddr: r.RemoteAddr, RequestURI: r.RequestURI,
		TLS: r.TLS,
	}
}

// begin starts the heartbeat and introduces the session to its receiver.
func (s *Session) begin() {
	s.mu.Lock()
	if !s.over {
		s.due = time.Now().Add(s.srv.cfg.PingInterval)
		s.timer = time.AfterFunc(s.srv.cfg.PingInterval, s.beat)
	}
	s.mu.Unlock()
	recv := s.srv.cfg.Accept(s)
	s.mu.Lock()
	s.recv = recv
	over := s.over
	s.mu.Unlock()
	if over {
		s.finish(recv)
	}
}

// finish tells the receiver of the end, once there are both.
func (s *Session) finish(recv Receiver) {
	defer s.srv.work.Done()
	recv.Closed(s.reason)
}

// ID returns the session's identifier.
func (s *Session) ID() string { return s.id }

// Kept returns what Config.Keep has kept of the request that opened the
// session.
func (s *Session) Kept() any { return s.kept }

// Send queues packets, one right after the other. It does not wait.
func (s *Session) Send(packets ...*Packet) error {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return ErrClosed
	}
	size := s.size
	for _, p := range packets {
		size += p.Size()
	}
	if s.size > 0 && size > s.srv.cfg.MaxQueue {
		s.mu.Unlock()
		s.Close(ReasonSlow)
		return ErrSlow
	}
	s.queue, s.size = append(s.queue, packets...), size
	s.wake()
	s.mu.Unlock()
	return nil
}

// Room reports whether at most so many bytes wait for the client. If not, f,
// unless nil, is called once when that has become so, or the session has ended;
// another call of Room replaces it. It must not wait, nor use the session.
func (s *Session) Room(bytes int, f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.size <= bytes {
		return true
	}
	if f != nil {
		s.room, s.roomAt = f, bytes
	}
	return false
}

// tellRoom does what Room has promised. The lock is held.
func (s *Session) tellRoom() {
	if f := s.room; f != nil && (s.over || s.size <= s.roomAt) {
		s.room = nil
		f()
	}
}

// wake has somebody look at the session who can write for it. The lock is held.
func (s *Session) wake() {
	switch {
	case s.ws != nil:
		s.ws.conn.Wake()
	case s.waiting != nil:
		select {
		case s.waiting <- struct{}{}:
		default: // it is awake
		}
	}
}

// Close ends the session. What is queued is still delivered, if the client
// fetches it soon, except after ReasonSlow, ReasonParse, ReasonTransport and
// ReasonPingTimeout. Only the first call counts.
func (s *Session) Close(why Reason) {
	stopping := s.srv.stopping()
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over, s.reason = true, why
	s.tellRoom()
	if s.timer != nil {
		s.timer.Stop()
	}
	orderly := true
	switch why {
	case ReasonSlow, ReasonParse, ReasonTransport, ReasonPingTimeout:
		orderly = false
		s.empty()
	}
	if s.ws == nil && orderly && !stopping {
		s.linger = true
		s.timer = time.AfterFunc(lingerFor, s.stopLingering)
	}
	if s.ws != nil {
		s.ws.conn.Hurry()
	}
	if s.probe != nil && s.probe.conn != nil {
		s.probe.conn.Abort()
	}
	s.wake()
	recv, linger := s.recv, s.linger
	s.mu.Unlock()
	if !linger {
		s.srv.forget(s)
	}
	if recv != nil {
		s.finish(recv)
	}
}

// stopLingering has a closed session wait for no further poll.
func (s *Session) stopLingering() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.linger {
		s.linger = false
		s.timer.Stop()
		s.srv.forget(s)
	}
}

func (s *Session) empty() {
	s.queue, s.size = nil, 0
}

// take removes packets from the front of the queue and returns what write makes
// of them, until that has about enough bytes. The lock is held.
func (s *Session) take(b []byte, enough int, write func(p *Packet, b []byte) []byte) []byte {
	n := 0
	for n < len(s.queue) && len(b) < enough {
		p := s.queue[n]
		b = write(p, b)
		s.size -= p.Size()
		n++
	}
	s.tellRoom()
	if n < len(s.queue) {
		rest := copy(s.queue, s.queue[n:])
		clear(s.queue[rest:])
		s.queue = s.queue[:rest]
		return b
	}
	clear(s.queue)
	s.queue = s.queue[:0]
	if cap(s.queue) > 8 { // an idle session has none of the memory of a busy one
		s.queue = nil
	}
	return b
}

// beat is the timer's.
func (s *Session) beat() {
	if s.expired(time.Now()) {
		s.Close(ReasonPingTimeout)
	}
}

// expired pings when that is due, and reports whether the answer to a ping is
// overdue.
func (s *Session) expired(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	if !now.Before(s.due) && !s.pinged {
		s.pinged = true
		// the server itself was away: that is not the client's fault
		if s.due = s.due.Add(s.srv.cfg.PingTimeout); !now.Before(s.due) {
			s.due = now.Add(s.srv.cfg.PingTimeout)
		}
		s.queue = append(s.queue, pingPacket)
		s.size += pingPacket.Size()
		s.wake()
	}
	if !now.Before(s.due) {
		return true
	}
	s.timer.Reset(s.due.Sub(now))
	return false
}

// pong puts off the next ping, to an interval after the last.
func (s *Session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pinged && !s.over {
		s.pinged = false
		s.due = s.due.Add(s.srv.cfg.PingInterval - s.srv.cfg.PingTimeout)
		s.timer.Reset(time.Until(s.due))
	}
}

func (s *Session) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// receive acts upon one packet. An error is the client's fault, or ErrClosed.
func (s *Session) receive(p incoming) error {
	if s.closed() {
		return ErrClosed
	}
	switch p.kind {
	case kindMessage:
		s.in.Lock()
		defer s.in.Unlock()
		if p.binary {
			return s.recv.Binary(p.data)
		}
		return s.recv.Text(p.data)
	case kindPong:
		s.pong()
	case kindClose:
		s.Close(ReasonClient)
	case kindNoop:
	default:
		return errFormat
	}
	return nil
}
