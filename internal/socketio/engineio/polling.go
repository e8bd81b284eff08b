package engineio

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// pollMax is about how many bytes a poll is answered with. What is left is
	// for the next.
	pollMax = 256 << 10
	// probeHold is how long a poll that comes after a probe was answered waits
	// for something to tell, before it is sent back so that the client can
	// upgrade. One that was there before is sent back at once.
	probeHold = 100 * time.Millisecond
)

// openPolling answers a handshake.
func (s *Server) openPolling(w http.ResponseWriter, r *http.Request) *refusal {
	if err := s.reserve(); err != nil {
		return err
	}
	session := newSession(s, r)
	session.proof = s.newProof(w, r)
	if !s.add(session) {
		return errStopping
	}
	session.begin()
	s.answer(w, "text/plain; charset=UTF-8", s.hello(session.id, "websocket").appendTo(nil))
	return nil
}

// answer writes a whole response, not waiting forever for the client to take
// it.
func (s *Server) answer(w http.ResponseWriter, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	// A ResponseWriter without deadlines has its own idea of them.
	c := http.NewResponseController(w)
	c.SetWriteDeadline(time.Now().Add(s.cfg.PingInterval + s.cfg.PingTimeout))
	w.Write(body)
	c.Flush()
	c.SetWriteDeadline(time.Time{})
}

// servePoll answers a GET, once there is something to tell.
func (s *Session) servePoll(w http.ResponseWriter, r *http.Request) *refusal {
	if s.expired(time.Now()) {
		s.Close(ReasonPingTimeout)
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // the server's would end the wait
	s.mu.Lock()
	if s.ws != nil || s.over && !s.linger {
		s.mu.Unlock()
		return errSession
	}
	if s.waiting != nil {
		s.mu.Unlock()
		s.Close(ReasonTransport)
		return errRequest
	}
	wake := make(chan struct{}, 1)
	s.waiting = wake
	late, held := s.probed, false
	var hold <-chan time.Time
	if late {
		timer := time.NewTimer(probeHold)
		defer timer.Stop()
		hold = timer.C
	}
	var body []byte
	for {
		if s.ws != nil {
			s.waiting = nil
			s.mu.Unlock()
			return errSession
		}
		body = s.take(nil, pollMax, (*Packet).appendTo)
		switch {
		case s.over && len(s.queue) == 0:
			body = s.farewell(body)
		case len(body) == 0 && s.probed && (held || !late):
			body = []byte{kindNoop}
		}
		if len(body) > 0 {
			break
		}
		s.mu.Unlock()
		gone := false
		select {
		case <-wake:
		case <-hold:
			held = true
		case <-r.Context().Done():
			gone = true
		}
		s.mu.Lock()
		if gone {
			s.waiting = nil
			s.mu.Unlock()
			s.Close(ReasonTransport)
			return errRequest
		}
	}
	s.waiting = nil
	done := s.over && len(s.queue) == 0
	if done {
		s.linger = false
		s.timer.Stop()
	}
	s.mu.Unlock()
	if done {
		s.srv.forget(s)
	}
	s.srv.answer(w, "text/plain; charset=UTF-8", body)
	return nil
}

// farewell appends the last packet of a session: close, or a noop for a client
// that has closed itself.
func (s *Session) farewell(b []byte) []byte {
	if s.reason == ReasonClient {
		if len(b) > 0 {
			return b
		}
		return append(b, kindNoop)
	}
	if len(b) > 0 {
		b = append(b, separator)
	}
	return append(b, kindClose)
}

// servePost answers a POST.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request) *refusal {
	s.mu.Lock()
	if s.ws != nil || s.over {
		s.mu.Unlock()
		return errSession
	}
	if s.posting {
		s.mu.Unlock()
		s.Close(ReasonTransport)
		return errRequest
	}
	s.posting = true
	s.mu.Unlock()
	failed := s.takeIn(w, r)
	s.mu.Lock()
	s.posting = false // before the answer: the next request may come right after it
	s.mu.Unlock()
	if failed == nil {
		s.srv.answer(w, "text/html", []byte("ok"))
	}
	return failed
}

// takeIn receives the packets of a request.
func (s *Session) takeIn(w http.ResponseWriter, r *http.Request) *refusal {
	limit := int64(s.srv.cfg.MaxPayload)
	if r.ContentLength > limit {
		s.Close(ReasonParse)
		return errTooBig
	}
	c := http.NewResponseController(w)
	c.SetReadDeadline(time.Now().Add(s.srv.cfg.PingTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			s.Close(ReasonParse)
			return errTooBig
		}
		s.Close(ReasonTransport)
		return errRequest
	}
	c.SetReadDeadline(time.Time{})
	err = decodePayload(body, s.receive)
	switch {
	case errors.Is(err, ErrClosed):
		return errSession
	case err != nil:
		s.Close(ReasonParse)
		return errRequest
	}
	return nil
}
