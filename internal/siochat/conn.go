package siochat

import (
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/socketio"
)

// conn is one socket: the codec between Socket.IO and a session.
type conn struct {
	*live.Session
	s       *Server
	socket  *socketio.Socket
	dialect Dialect

	ready atomic.Bool // it is connected, and may be drained
	said  atomic.Bool // the goodbye was, or cannot be
}

// take handles one event.
func (c *conn) take(e *socketio.Event) {
	c.s.eventsIn.Add(1)
	if c.AllowFrame() && !c.Session.Closed() { // what still comes is not acted upon
		c.dialect.Event(e)
	}
}

// gone is the end of the socket.
func (c *conn) gone(why socketio.Reason) {
	if why == socketio.ReasonSlow {
		c.s.slow.Add(1)
	}
	c.abandon()
	c.End(why == socketio.ReasonClientLeft)
}

// abandon gives up what waits: there is no socket any more.
func (c *conn) abandon() {
	c.said.Store(true)
	c.Out.Close(hub.Finished)
}

// closeAfter is how long a session goes on after the goodbye: official clients
// that poll drop what comes together with its end.
const closeAfter = 300 * time.Millisecond

// finish says goodbye, once, and closes the session. A client that is to come
// back by itself is not disconnected from the namespace: official clients take
// that as final.
func (c *conn) finish(why hub.Reason) {
	if c.said.Swap(true) {
		return
	}
	closing := c.Closing(why)
	if closing.Code == live.CodeSlow {
		c.s.slow.Add(1)
	}
	if !closing.Told {
		c.dialect.Goodbye(closing)
	}
	if !closing.ComeBack {
		c.socket.Disconnect()
	}
	c.s.workers.Go(func() {
		select {
		case <-time.After(closeAfter):
		case <-c.s.ctx.Done():
		}
		c.socket.CloseSession()
	})
}
