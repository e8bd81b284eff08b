package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// Codes with which sessions end, on every transport; docs/protocol.md lists
// them.
const (
	CodeNormal  = 1000
	CodePolicy  = 1008
	CodeRestart = 1012
	CodeRevoked = 4001
	CodeNoAuth  = 4002
	CodeTooMany = 4003
	CodeSlow    = 4008
)

// Closing is how a session ends.
type Closing struct {
	Code   int
	Reason string
	// ComeBack means that the client should reconnect automatically.
	ComeBack bool
	// After is when reconnecting manually makes sense; 0 for never.
	After time.Duration
	// Told means that the client was already notified.
	Told bool
}

// Session is one connection of one client.
type Session struct {
	Out       *hub.Conn     // frames to send, for the transport
	Heartbeat time.Duration // told to clients
	srv       *Server
	handshake *Handshake // nil after Begin

	// Of the transport's reader.
	frames int32         // since window
	window int64         // unix seconds
	calls  chan struct{} // a slot for each running call; nil until the first
	queued chan struct{} // closed when the newest send has its place; nil before
	sends  sync.WaitGroup

	checking atomic.Bool // the session is being checked again

	mu             sync.Mutex
	who            chat.Caller
	closing        *Closing // set if it was not closed by the hub
	authenticating bool
	registered     bool
}

// NewSession starts an unauthenticated session. Wake is called when Out has
// frames to send.
func (h *Handshake) NewSession(encoder hub.Encoder, heartbeat time.Duration, wake func()) *Session {
	c := &Session{srv: h.s, handshake: h, who: h.caller(), Heartbeat: heartbeat}
	c.Out = hub.NewConn(encoder, h.s.cfg.Queue, wake)
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.s.sessions[c] = struct{}{}
	return c
}

// Caller is who the session belongs to.
func (c *Session) Caller() chat.Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// Closed reports whether the session has ended. Further frames of the client
// are ignored.
func (c *Session) Closed() bool { return c.Out.Closed() != hub.Open }

// Close ends the session and drops queued frames.
func (c *Session) Close(code int, reason string) {
	c.mu.Lock()
	if c.closing == nil {
		c.closing = &Closing{Code: code, Reason: reason}
		if code == CodeTooMany {
			c.closing.After = time.Minute
		}
	}
	c.mu.Unlock()
	c.Out.Close(hub.Finished)
}

// Closing says how the session ends, for the hub's reason.
func (c *Session) Closing(why hub.Reason) Closing {
	c.mu.Lock()
	closing := c.closing
	c.mu.Unlock()
	switch {
	case closing != nil:
		return *closing
	case why == hub.Slow:
		return Closing{Code: CodeSlow, Reason: "Too slow. Resume with your positions.", ComeBack: true}
	case why == hub.Revoked:
		return Closing{Code: CodeRevoked, Reason: "The session was ended."}
	case why == hub.Restart, why == hub.Changed:
		told := why == hub.Restart && c.srv.draining.Load() // by goodbye, with a better hint
		return Closing{Code: CodeRestart, Reason: "come back", ComeBack: true, Told: told}
	}
	return Closing{Code: CodeNormal, Told: true}
}

// End ends the session after its connection has closed. It waits for running
// calls, which end within callTimeout. With again, the handshake may start
// another session.
func (c *Session) End(again bool) {
	c.Out.Close(hub.Finished)
	for range cap(c.calls) {
		c.calls <- struct{}{}
	}
	c.mu.Lock()
	registered := c.registered
	c.mu.Unlock()
	if registered {
		c.srv.cfg.Hub.Unregister(c.Out)
	}
	h, s := c.handshake, c.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c)
	if h == nil {
		s.conns--
		return
	}
	if !again {
		h.release()
		return
	}
	if h.owner == "" && !h.released {
		h.owner = ownerOf(c.who)
		h.count()
	}
	h.wait()
}

// AllowFrame counts a frame of the client. It returns false and ends the
// session if there are too many.
func (c *Session) AllowFrame() bool {
	limit := c.srv.cfg.MaxFrames
	if limit < 0 {
		return true
	}
	if now := time.Now().Unix(); now-c.window >= 10 {
		c.window, c.frames = now, 0
	}
	if c.frames++; int(c.frames) > limit {
		c.Close(CodeTooMany, "Too many frames. Send fewer.")
		return false
	}
	return true
}

// errChanged is returned if a person's role changed during the login.
var errChanged = &chat.Error{Code: chat.CodeUnavailable,
	Message: "Your role has just changed. Try again.", RetryAfter: time.Second}

// LogIn authenticates the session with a token.
//
// After an error the session stays unauthenticated. Call Finish after sending
// the error.
func (c *Session) LogIn(ctx context.Context, token string) error {
	who, err := c.srv.cfg.Service.Authenticate(ctx, token, c.handshake.caller())
	if err != nil {
		return err
	}
	return c.register(ctx, token, who)
}

// Begin is LogIn with the admitted token, for a handshake with a single
// session.
func (c *Session) Begin(ctx context.Context) error {
	h := c.handshake
	token, who := h.Token, *h.known
	if err := c.register(ctx, token, who); err != nil {
		return err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.handshake = nil // of thousands of connections each byte counts
	return nil
}

// register checks the session again after registering with the hub, as it may
// have ended in between.
func (c *Session) register(ctx context.Context, token string, who chat.Caller) error {
	if err := c.srv.cfg.Hub.Register(ctx, c.Out, who); err != nil {
		return err
	}
	c.mu.Lock()
	c.registered = true
	c.mu.Unlock()
	now, err := c.srv.cfg.Service.Authenticate(ctx, token, c.handshake.caller())
	// If they began or ceased to hide meanwhile, until that is certain.
	for err == nil && c.srv.cfg.Hub.Hides(now.User.ID, now.User.HidesPresence) {
		now, err = c.srv.cfg.Service.Authenticate(ctx, token, c.handshake.caller())
	}
	switch {
	case errors.Is(err, chat.ErrUnauthenticated):
		c.Close(CodeRevoked, "The session was ended.")
		return err
	case err != nil:
		return err
	case now.User.Role != who.User.Role:
		return errChanged
	}
	c.mu.Lock()
	c.who = now
	c.mu.Unlock()
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.handshake.authenticated()
	return nil
}

// Finish closes the session after an unavailable or internal error of LogIn, so
// that the client reconnects.
func (c *Session) Finish(err error) {
	if err == nil {
		return
	}
	if e := chat.AsError(err); e.Code == chat.CodeUnavailable || e.Code == chat.CodeInternal {
		c.Out.Close(hub.Changed)
	}
}

// checkTimeouts is called by the sweep and must not block.
func (c *Session) checkTimeouts(now time.Time) {
	c.mu.Lock()
	anonymous, expires := c.who.Anonymous(), c.who.ExpiresAt
	c.mu.Unlock()
	switch {
	case c.Closed():
	case anonymous && now.Sub(c.handshake.since) >= c.srv.cfg.AuthTimeout:
		c.Close(CodeNoAuth, "authenticate within "+c.srv.cfg.AuthTimeout.String())
	case !anonymous && !now.Before(expires):
		if !c.checking.Swap(true) {
			c.srv.workers.Go(c.checkExpiry)
		}
	}
}

// checkExpiry checks whether an expired session was extended by use elsewhere.
func (c *Session) checkExpiry() {
	ctx, cancel := context.WithTimeout(c.srv.ctx, callTimeout)
	defer cancel()
	defer c.checking.Store(false)
	list, err := c.srv.cfg.Service.ListSessions(ctx, c.Caller(), chat.None{})
	if err != nil {
		c.srv.AsError(ctx, "session.list", err)
		return // the sweep asks again
	}
	i := slices.IndexFunc(list.Sessions, func(x chat.Session) bool { return x.Current })
	if i < 0 {
		c.Close(CodePolicy, "The session has expired.")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.ExpiresAt = list.Sessions[i].ExpiresAt
}
