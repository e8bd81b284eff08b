// Package websocket is the server's side of WebSocket, RFC 6455, for thousands
// of connections of which most are idle.
//
// An idle connection is cheap: it has no goroutine (on Linux, and without TLS
// of its own), no buffer, no writer and no timer. A few flushers write for all
// connections and put many frames into one system call. A connection whose
// socket is full gets a goroutine of its own until everything is written. One
// sweep checks heartbeats and time-outs.
//
// The package has no queue. Whoever owns a connection is its [Handler]: it gets
// the messages, and is asked for what to write after [Conn.Wake].
package websocket

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Config describes a server.
type Config struct {
	Protocol   string // the subprotocol to choose if a client offers it
	MaxMessage int    // bytes in a message; default 64 KiB
	TextOnly   bool   // refuse binary messages with code 1003

	// Heartbeat is how long a client may be silent before it is pinged, and
	// then again before the connection is closed; 0 for ever.
	Heartbeat time.Duration
	// MessageTimeout bounds the time from the first byte of a message to its
	// last; 0 for no bound.
	MessageTimeout time.Duration
	// WriteTimeout bounds one write to a client whose socket is full; default
	// 30 s.
	WriteTimeout time.Duration
}

// Server has the connections of one kind. The zero value is not usable.
type Server struct {
	cfg     Config
	stop    chan struct{}
	readers sync.WaitGroup // one for each connection being served
	workers sync.WaitGroup // flushers, writers, the sweep and the lot
	lot     lot
	parks   bool
	dirty   dirty

	mu     sync.Mutex
	conns  map[*Conn]struct{}
	closed bool

	frames, writes, bytesIn, bytesOut atomic.Int64
}

// Stats counts what was read and written since the start.
type Stats struct{ Frames, Writes, BytesIn, BytesOut int64 }

// Handler owns one connection.
type Handler interface {
	// Frame is called for each frame from the client, control frames and
	// fragments too. An error closes the connection, see Message.
	Frame() error
	// Message takes a message; text is valid UTF-8. The bytes are valid during
	// the call. Nothing else is read meanwhile. A *CloseError closes the
	// connection with its code, any other error without a close frame.
	Message(binary bool, data []byte) error

	// Next appends frames to b until it has about max bytes. With nothing to
	// append it may return how to close the connection. After nil, Next is
	// called again only after Wake. What an earlier call returned has been
	// written.
	Next(b []byte, max int) ([]byte, *CloseError)

	// Closed is called once, when nothing more will be read: with a *CloseError
	// if the client closed, broke the protocol or went silent. Next is still
	// called if a close frame is to be written. It must not wait.
	Closed(err error)
	// Gone is called after Closed, when the socket is closed too. It may wait.
	Gone()
}

// New returns a server. Close must be called.
func New(cfg Config) *Server {
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 64 << 10
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 30 * time.Second
	}
	s := &Server{cfg: cfg, stop: make(chan struct{}), conns: map[*Conn]struct{}{}}
	s.dirty.init()
	for range flushers {
		s.workers.Go(s.flush)
	}
	if s.parks = s.lot.open(); s.parks {
		s.workers.Go(s.lot.run)
	}
	if cfg.Heartbeat > 0 || cfg.MessageTimeout > 0 {
		s.workers.Go(s.sweep)
	}
	return s
}

// Close closes the connections that are left and waits for every goroutine.
func (s *Server) Close() {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	for c := range s.conns {
		c.stop()
	}
	s.mu.Unlock()
	s.readers.Wait()
	if again {
		return
	}
	close(s.stop)
	if s.parks {
		s.lot.close()
	}
	s.dirty.close()
	s.workers.Wait()
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	return Stats{s.frames.Load(), s.writes.Load(), s.bytesIn.Load(), s.bytesOut.Load()}
}

// Upgrade answers the request for a WebSocket. An error means that the request
// was refused and answered. Otherwise the connection must be served or closed.
func (s *Server) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	// The library reads only the first line of these; RFC 9110 makes several
	// lines one list.
	header := r.Header.Clone()
	joinLines(header, "Connection")
	joinLines(header, "Upgrade")
	if listed(header.Get("Upgrade"), "websocket") {
		header.Set("Upgrade", "websocket")
	}
	asked := *r
	asked.Header = header
	// The library refuses only after it has taken the connection over, which
	// loses the headers that every answer has.
	if status, fault := checkHandshake(&asked); fault != "" {
		w.Header().Set("Connection", "close")
		w.Header().Set("Sec-WebSocket-Version", "13")
		http.Error(w, fault, status)
		return nil, errors.New(fault)
	}
	up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == s.cfg.Protocol && p != "" }}
	nc, buffered, _, err := up.Upgrade(&asked, w)
	if err != nil {
		if nc != nil { // taken over before it was refused
			nc.Close()
		}
		return nil, err
	}
	nc.SetDeadline(time.Time{})
	c := &Conn{srv: s}
	var early []byte
	if n := buffered.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		buffered.Reader.Read(early) // what is buffered is there at once
	}
	c.init(nc, early)
	return c, nil
}

// checkHandshake checks what RFC 6455 asks of a request, and that no body comes
// with it: its bytes would be taken for frames.
func checkHandshake(r *http.Request) (status int, fault string) {
	key, version := r.Header.Values("Sec-WebSocket-Key"), r.Header.Get("Sec-WebSocket-Version")
	switch {
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, "a WebSocket begins with GET"
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return http.StatusHTTPVersionNotSupported, "a WebSocket begins with HTTP/1.1"
	case r.ContentLength != 0:
		return http.StatusBadRequest, "a WebSocket begins without a body"
	case r.Header.Get("Upgrade") != "websocket":
		return http.StatusBadRequest, `Upgrade must be "websocket"`
	case !listed(r.Header.Get("Connection"), "upgrade"):
		return http.StatusBadRequest, `Connection must be "Upgrade"`
	case len(key) != 1 || len(key[0]) != 24:
		return http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64, once"
	case version == "":
		return http.StatusBadRequest, "Sec-WebSocket-Version is missing"
	case version != "13":
		return http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13"
	}
	return 0, ""
}

func joinLines(h http.Header, name string) {
	if lines := h.Values(name); len(lines) > 1 {
		h.Set(name, strings.Join(lines, ", "))
	}
}

func listed(list, token string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(t string) bool {
		return strings.EqualFold(strings.TrimSpace(t), token)
	})
}

// add counts a connection that begins to be served; false if the server is
// closed.
func (s *Server) add(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	s.readers.Add(1)
	return true
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.readers.Done()
}

// sweep checks every connection once a second, or more often if the time-outs
// are short.
func (s *Server) sweep() {
	every := time.Second
	for _, d := range []time.Duration{s.cfg.Heartbeat, s.cfg.MessageTimeout} {
		if d > 0 {
			every = min(every, max(5*time.Millisecond, d/8))
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-tick.C:
			s.mu.Lock()
			for c := range s.conns {
				c.checkTimeouts(now)
			}
			s.mu.Unlock()
		}
	}
}

var errServerClosed = errors.New("websocket: the server is closed")
