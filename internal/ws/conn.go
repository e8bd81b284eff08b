package ws

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/websocket"
)

// conn is one socket. Its reader owns the fields that no lock guards.
type conn struct {
	s   *Server
	out *hub.Conn
	ws  atomic.Pointer[websocket.Conn] // nil before the upgrade

	frames int32         // since window
	window int64         // unix seconds
	calls  chan struct{} // a place for each call under way; nil until the first

	started int64       // unix nanoseconds
	proving atomic.Bool // the session is being looked up again

	stranger bool // guarded by the server's lock

	mu   sync.Mutex
	who  chat.Caller
	last *websocket.CloseError // to close with, once the hub says Finished
	auth bool                  // authenticate is under way
}

func newConn(s *Server, who chat.Caller) *conn {
	c := &conn{s: s, started: time.Now().UnixNano(), who: chat.Caller{Addr: who.Addr, Agent: who.Agent}}
	c.out = hub.NewConn(encoder{}, s.cfg.Queue, c.wake)
	return c
}

func (c *conn) wake(*hub.Conn) {
	if w := c.ws.Load(); w != nil {
		w.Wake()
	}
}

// serve begins to read and write.
func (c *conn) serve(w *websocket.Conn) {
	c.ws.Store(w)
	w.Serve(c)
	w.Wake() // there may be something from before
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
	if c.last == nil {
		c.last = &websocket.CloseError{Code: code, Text: text}
	}
	c.mu.Unlock()
	c.out.Close(hub.Finished)
}

// look is the sweep's. It never waits.
func (c *conn) look(now time.Time) {
	who := c.caller()
	switch {
	case c.out.Closed() != hub.Open:
	case who.Anonymous() && now.UnixNano()-c.started >= int64(c.s.cfg.AuthTimeout):
		c.end(closeNoAuth, "authenticate within "+c.s.cfg.AuthTimeout.String())
	case !who.Anonymous() && !now.Before(who.ExpiresAt):
		if !c.proving.Swap(true) {
			c.s.workers.Go(c.prove) // not with who, which would be on the heap at each look
		}
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
		c.end(websocket.ClosePolicy, "the session has expired")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.ExpiresAt = list.Sessions[i].ExpiresAt
}

// Frame counts what the client sends.
func (c *conn) Frame() error {
	if limit := c.s.cfg.MaxFrames; limit > 0 {
		if now := time.Now().Unix(); now-c.window >= 10 {
			c.window, c.frames = now, 0
		}
		if c.frames++; int(c.frames) > limit {
			return &websocket.CloseError{Code: closeTooMany, Text: "too many frames: send fewer"}
		}
	}
	return nil
}

// Message takes a request. What comes after the end is not acted upon.
func (c *conn) Message(_ bool, message []byte) error {
	if c.out.Closed() == hub.Open {
		c.handle(message)
	}
	return nil
}

// Next takes from the hub's queue.
func (c *conn) Next(b []byte, max int) ([]byte, *websocket.CloseError) {
	b, why := c.out.Take(b, max)
	if why == hub.Open {
		return b, nil
	}
	return b, c.lastWords(why)
}

// Closed gives up what is still queued.
func (c *conn) Closed(error) { c.out.Close(hub.Finished) }

// Gone forgets the connection when its calls under way, which end within
// callTimeout, are done.
func (c *conn) Gone() {
	for range cap(c.calls) {
		c.calls <- struct{}{}
	}
	c.s.drop(c)
}

// lastWords says with what the connection is closed.
func (c *conn) lastWords(why hub.Reason) *websocket.CloseError {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	switch {
	case last != nil:
		return last
	case why == hub.Slow:
		c.s.slow.Add(1)
		return &websocket.CloseError{Code: closeSlow, Text: "too slow: resume with your positions"}
	case why == hub.Revoked:
		return &websocket.CloseError{Code: closeRevoked, Text: "the session was ended"}
	case why == hub.Restart, why == hub.Changed:
		return &websocket.CloseError{Code: websocket.CloseRestart, Text: "come back"}
	}
	return &websocket.CloseError{Code: websocket.CloseNormal}
}
