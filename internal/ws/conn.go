package ws

import (
	"sync/atomic"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/websocket"
	"github.com/parley-chat/parley/internal/wire"
)

// conn is one socket: the codec between a WebSocket and a session.
type conn struct {
	*live.Session
	server *Server
	socket atomic.Pointer[websocket.Conn] // nil before the upgrade

	tooSlow bool // it has been counted as such; for the flusher alone
}

func (c *conn) wake() {
	if w := c.socket.Load(); w != nil {
		w.Wake()
	}
}

// serve begins to read and write.
func (c *conn) serve(w *websocket.Conn) {
	c.socket.Store(w)
	w.Serve(c)
	w.Wake() // there may be something from before
}

// Frame counts what the client sends.
func (c *conn) Frame() error {
	if !c.Session.AllowFrame() {
		return closeError(c.Closing(hub.Finished))
	}
	return nil
}

// Message takes a request.
func (c *conn) Message(_ bool, message []byte) error {
	if c.Session.Closed() {
		return nil
	}
	req, bad := wire.ParseRequest(message)
	if bad != nil {
		c.Out.Send(encodeFrame(bad))
		return nil
	}
	c.Do(call{req})
	return nil
}

// Next takes from the session's queue.
func (c *conn) Next(b []byte, max int) ([]byte, *websocket.CloseError) {
	b, why := c.Out.Next(b, max)
	if why == hub.Open {
		return b, nil
	}
	closing := c.Closing(why)
	if closing.Code == live.CodeSlow && !c.tooSlow {
		c.tooSlow = true // Next is called again while other frames go out
		c.server.slow.Add(1)
	}
	return b, closeError(closing)
}

func closeError(c live.Closing) *websocket.CloseError {
	return &websocket.CloseError{Code: c.Code, Text: c.Reason}
}

// Closed gives up what is still queued.
func (c *conn) Closed(error) { c.Out.Close(hub.Finished) }

// Gone ends the session.
func (c *conn) Gone() { c.Session.End(false) }

// call is a request in JSON-RPC.
type call struct{ req wire.Request }

func (c call) Method() string           { return c.req.Method }
func (c call) Decode(into any) error    { return c.req.Into(into) }
func (c call) Result(out any) hub.Frame { return encodeFrame(wire.Result(c.req.ID, out)) }
func (c call) Refusal(e *chat.Error) hub.Frame {
	return encodeFrame(wire.Error(c.req.ID, e))
}
func (c call) Unknown() hub.Frame {
	return encodeFrame(wire.UnknownMethod(c.req.ID, c.req.Method))
}
