package siodoor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/wire"
)

// Codes that goodbye tells, as the WebSocket door closes with; docs/protocol.md
// lists them.
const (
	codePolicy  = 1008
	codeRestart = 1012
	codeRevoked = 4001
	codeNoAuth  = 4002
	codeTooMany = 4003
	codeSlow    = 4008
)

// conn is one socket. What its handlers do is done by one goroutine at a time,
// which owns the fields without a lock.
type conn struct {
	s      *Server
	socket *socketio.Socket
	out    *hub.Conn
	visit  *visit

	frames int           // since window
	window int64         // unix seconds
	calls  chan struct{} // a place for each call under way; nil until the first

	proving atomic.Bool // the session is being looked up again

	mu   sync.Mutex
	who  chat.Caller
	last farewell // to close with, once the hub says Finished
	said bool     // it was
	auth bool     // authenticate is under way
}

// farewell is the goodbye of a socket that is closed.
type farewell struct {
	Reason  string `json:"reason"`
	Code    int    `json:"code"`
	RetryMS *int64 `json:"retry_ms,omitempty"` // nil if there is no use in coming back as before
}

// connect is the server's function for a client that connects. With a token in
// auth, that counts; else what the session's first request has brought; else
// the client has to authenticate.
func (s *Server) connect(socket *socketio.Socket, auth json.RawMessage, _ *http.Request) error {
	v := socket.Kept().(*visit)
	if !s.arrived(v) {
		return connectError(&chat.Error{Code: chat.CodeUnavailable,
			Message: "this session is over: open another"})
	}
	if v.guest && auth == nil {
		return s.connectGuest(socket, v)
	}
	c := &conn{s: s, socket: socket, visit: v, who: v.caller()}
	c.out = hub.NewConn(encoder{}, s.cfg.Queue, s.dirty.add)
	c.out.Door = c
	if err := c.begin(auth); err != nil {
		s.mu.Lock()
		s.wait(v)
		s.mu.Unlock()
		return connectError(s.asError(s.ctx, "connect", err))
	}
	socket.OnAny(c.take)
	socket.OnDisconnect(c.gone)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	return nil
}

// connectGuest hands a socket over, for good.
func (s *Server) connectGuest(socket *socketio.Socket, v *visit) error {
	err := s.cfg.Guests.Connect(socket, v.token, v.caller())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.wait(v)
	} else {
		s.uncount(v)
	}
	return err
}

func (c *conn) begin(auth json.RawMessage) error {
	if c.s.leaving.Load() {
		return hub.ErrStopping
	}
	token := c.visit.token
	if auth != nil {
		var in wire.AuthenticateInput
		if err := wire.Decode(auth, &in); err != nil {
			return err
		}
		if in.Token != "" {
			token = in.Token
		}
	}
	if token == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.s.ctx, callTimeout)
	defer cancel()
	return c.logIn(ctx, token)
}

// logIn makes the connection that of the token's person. The session is looked
// up again once the hub knows the connection: one that ended in between was not
// heard of.
func (c *conn) logIn(ctx context.Context, token string) error {
	service := c.s.cfg.Service
	who, err := service.Authenticate(ctx, token, c.caller())
	if err != nil {
		return err
	}
	if err := c.s.cfg.Hub.Register(ctx, c.out, who); err != nil {
		return err
	}
	if _, err := service.Authenticate(ctx, token, chat.Caller{}); err != nil {
		if errors.Is(err, chat.ErrUnauthenticated) {
			c.end(codeRevoked, "the session was ended")
		}
		c.s.cfg.Hub.Unregister(c.out) // a connection is registered once: this one is over
		return err
	}
	c.setWho(who)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.uncount(c.visit)
	return nil
}

// gone is the end of the socket. Calls under way end within callTimeout.
func (c *conn) gone(why socketio.Reason) {
	if why == socketio.ReasonSlow {
		c.s.slow.Add(1)
	}
	c.abandon()
	for range cap(c.calls) {
		c.calls <- struct{}{}
	}
	who := c.caller()
	if !who.Anonymous() {
		c.s.cfg.Hub.Unregister(c.out)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	delete(c.s.conns, c)
	if why != socketio.ReasonClientLeft {
		c.s.uncount(c.visit)
		return
	}
	if c.visit.owner == "" { // its session goes on, and may connect again
		c.visit.owner = ownerOf(who)
		c.s.count(c.visit)
	}
	c.s.wait(c.visit)
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

// end has the socket disconnected for good, with a goodbye.
func (c *conn) end(code int, reason string) {
	c.mu.Lock()
	if c.last.Code == 0 {
		c.last = farewell{Reason: reason, Code: code}
		if code == codeTooMany {
			minute := time.Minute.Milliseconds()
			c.last.RetryMS = &minute
		}
	}
	c.mu.Unlock()
	c.out.Close(hub.Finished)
}

// abandon gives up what waits: there is no socket any more to say anything to.
func (c *conn) abandon() {
	c.mu.Lock()
	c.said = true
	c.mu.Unlock()
	c.out.Close(hub.Finished)
}

// closeAfter is how long a session goes on after the last words: official
// clients that poll drop what comes together with its end.
const closeAfter = 300 * time.Millisecond

// lastWords says goodbye, once, and closes the session. A client that is to
// come back by itself is not disconnected from the namespace: official clients
// take that as final.
func (c *conn) lastWords(why hub.Reason) {
	c.mu.Lock()
	last, said := c.last, c.said
	c.said = true
	c.mu.Unlock()
	if said {
		return
	}
	soon := new(int64)
	final := true
	switch {
	case last.Code != 0:
	case why == hub.Slow:
		c.s.slow.Add(1)
		last, final = farewell{"too slow: resume with your positions", codeSlow, soon}, false
	case why == hub.Revoked:
		last = farewell{"the session was ended", codeRevoked, nil}
	case why == hub.Restart, why == hub.Changed:
		last, final = farewell{"come back", codeRestart, soon}, false
	}
	if last.Code != 0 && !(why == hub.Restart && c.s.leaving.Load()) { // that was told, with a better hint
		c.socket.Emit("goodbye", last)
	}
	if final {
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

// look is the sweep's. It never waits.
func (c *conn) look(now time.Time) {
	who := c.caller()
	switch {
	case c.out.Closed() != hub.Open:
	case who.Anonymous() && now.Sub(c.visit.since) >= c.s.cfg.AuthTimeout:
		c.end(codeNoAuth, "authenticate within "+c.s.cfg.AuthTimeout.String())
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
		c.end(codePolicy, "the session has expired")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.ExpiresAt = list.Sessions[i].ExpiresAt
}
