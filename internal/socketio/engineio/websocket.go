package engineio

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/parley-chat/parley/internal/websocket"
)

// link is a WebSocket of a session: its transport, or one that wants to become
// it. The session's lock guards the fields.
type link struct {
	s    *Session
	conn *websocket.Conn // nil until the upgrade; then not changed

	probing bool // not yet the session's transport
	probe   probe
}

// probe is how far the answer to a client's probe has got.
type probe uint8

const (
	unasked probe = iota
	asked
	writing
	answered
)

// openWebSocket opens a session that never polls.
func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request) *refusal {
	if err := s.reserve(); err != nil {
		return err
	}
	session := newSession(s, r)
	conn, err := s.ws.Upgrade(w, r)
	if err != nil {
		s.release()
		return nil
	}
	l := &link{s: session, conn: conn}
	session.ws = l
	session.queue = append(session.queue, s.hello(session.id))
	session.size = session.queue[0].Size()
	if !s.add(session) {
		conn.Refuse(websocket.CloseGoingAway, string(ReasonShutdown))
		return nil
	}
	session.begin()
	conn.Serve(l)
	conn.Wake()
	return nil
}

// serveProbe takes the WebSocket that a polling session wants to be upgraded
// to.
func (s *Session) serveProbe(w http.ResponseWriter, r *http.Request) *refusal {
	l := &link{s: s, probing: true}
	s.mu.Lock()
	taken := s.over || s.ws != nil || s.probe != nil
	if !taken {
		s.probe = l
	}
	s.mu.Unlock()
	conn, err := s.srv.ws.Upgrade(w, r)
	switch {
	case err != nil:
		s.unprobe(l)
		return nil
	case taken: // the protocol wants it closed, not the request refused
		conn.Refuse(websocket.ClosePolicy, "the session has a WebSocket")
		return nil
	}
	conn.SetReadDeadline(time.Now().Add(s.srv.cfg.UpgradeTimeout))
	s.mu.Lock()
	l.conn = conn
	if s.over {
		conn.Abort()
	}
	s.mu.Unlock()
	conn.Serve(l)
	return nil
}

// unprobe has the session go on polling, if l was to be its transport.
func (s *Session) unprobe(l *link) (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == l {
		s.probe, s.probed = nil, false
	}
	return l.probing
}

// Frame allows all: the heartbeat and the receiver bound what comes.
func (l *link) Frame() error { return nil }

// errUpgrade is for what is not a step of an upgrade. It closes without a close
// frame.
var errUpgrade = errors.New("engineio: not an upgrade")

// Message takes a packet.
func (l *link) Message(binary bool, message []byte) error {
	p, err := incoming{kind: kindMessage, binary: true, data: message}, error(nil)
	if !binary {
		p, err = decode(message, false)
	}
	l.s.mu.Lock()
	probing := l.probing
	l.s.mu.Unlock()
	switch {
	case probing && err != nil:
		return errUpgrade
	case probing:
		return l.step(p)
	case err == nil:
		err = l.s.receive(p)
	}
	if err == nil || errors.Is(err, ErrClosed) { // what still comes is not acted upon
		return nil
	}
	return &websocket.CloseError{Code: websocket.CloseProtocol, Text: err.Error()}
}

// step takes a step of an upgrade: the probe, or the upgrade itself.
func (l *link) step(p incoming) error {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case l.probe == unasked && p.kind == kindPing && string(p.data) == "probe":
		l.probe = asked
		l.conn.Wake()
		return nil
	case l.probe != unasked && p.kind == kindUpgrade && !s.over:
		l.conn.SetReadDeadline(time.Time{})
		s.wake() // a poll that is still there finds itself on a WebSocket session
		s.probe, s.probed, s.ws, l.probing = nil, false, l, false
		s.wake()
		return nil
	}
	return errUpgrade
}

// Next takes from the session's queue, after the answer to the probe.
func (l *link) Next(b []byte, max int) ([]byte, *websocket.CloseError) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch l.probe {
	case asked:
		l.probe = writing
		b = append(b, probePacket.wire...)
	case writing:
		// First the answer, then the poll: a client that hears of the poll
		// first would begin another.
		l.probe = answered
		if s.probe == l {
			s.probed = true
			s.wake()
		}
	}
	if l.probing {
		return b, nil
	}
	b = s.take(b, max, appendWire)
	if !s.over || len(s.queue) > 0 {
		return b, nil
	}
	end := &websocket.CloseError{Code: websocket.CloseNormal, Text: string(s.reason)}
	switch s.reason {
	case ReasonShutdown:
		end.Code = websocket.CloseGoingAway
	case ReasonParse:
		end.Code = websocket.CloseProtocol
	case ReasonSlow:
		end.Code = websocket.ClosePolicy
	}
	return b, end
}

func appendWire(p *Packet, b []byte) []byte { return append(b, p.wire...) }

// Closed ends the session, or only the attempt to upgrade it.
func (l *link) Closed(err error) {
	if l.s.unprobe(l) {
		return
	}
	e, orderly := errors.AsType[*websocket.CloseError](err)
	switch {
	case orderly && !e.ByClient:
		l.s.Close(ReasonParse)
	case orderly, errors.Is(err, io.EOF):
		l.s.Close(ReasonClient)
	default:
		l.s.Close(ReasonTransport)
	}
}

// Gone does nothing: the session has ended before.
func (l *link) Gone() {}
