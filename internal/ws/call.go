package ws

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/wire"
)

const (
	// callTimeout bounds the work on one request.
	callTimeout = 10 * time.Second
	// maxCalls bounds the requests of one connection that are under way;
	// reading waits for a place.
	maxCalls = 16
)

// handle answers one request. Sends are done here, one after the other, so that
// a client's messages keep their order; the group that commits together is made
// of many connections. Everything else runs beside, in any order.
func (c *conn) handle(message []byte) {
	req, bad := wire.ParseRequest(message)
	if bad != nil {
		c.reply(bad)
		return
	}
	c.s.underWay.Add(1)
	if c.s.leaving.Load() {
		c.s.underWay.Add(-1)
		c.reply(wire.Error(req.ID, hub.ErrStopping))
		return
	}
	switch req.Method {
	case "message.send", "ping":
		defer c.s.underWay.Add(-1)
		c.reply(c.answer(req))
		return
	}
	if c.calls == nil {
		c.calls = make(chan struct{}, maxCalls)
	}
	c.calls <- struct{}{}
	go func() { // waited for by run, through calls
		defer func() { <-c.calls }()
		defer c.s.underWay.Add(-1)
		if frame := c.answer(req); frame != nil {
			c.reply(frame)
		}
	}()
}

func (c *conn) reply(frame []byte) { c.out.Send(encodeFrame(frame)) }

// answer returns the frame that answers, nil if the answer was sent already.
//
// A call is not cut short when its connection ends, only by callTimeout: a send
// may have been on its way to disk. A context for each connection would also
// cost more memory than everything else about it (575 bytes).
func (c *conn) answer(req wire.Request) (frame []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // one request's fault is not everybody's
			c.s.cfg.Log.ErrorContext(ctx, "request panicked", "method", req.Method, "panic", p,
				"stack", string(debug.Stack()))
			frame = wire.Error(req.ID, chat.ErrInternal)
		}
	}()
	var out any
	var err error
	switch req.Method {
	case "ping":
		var none struct{}
		out, err = none, req.Into(&none)
	case "authenticate":
		out, err = c.authenticate(ctx, req)
	case "sync":
		if err = c.sync(ctx, req); err == nil {
			return nil
		}
	default:
		action, ok := c.s.actions[req.Method]
		if !ok {
			return wire.UnknownMethod(req.ID, req.Method)
		}
		out, err = action.Call(ctx, c.s.cfg.Service, c.caller(), req.Into)
	}
	if err != nil {
		return wire.Error(req.ID, c.s.asError(ctx, req.Method, err))
	}
	return wire.Result(req.ID, out)
}

func (c *conn) authenticate(ctx context.Context, req wire.Request) (any, error) {
	var in wire.AuthenticateInput
	if err := req.Into(&in); err != nil {
		return nil, err
	}
	who := c.caller()
	if !who.Anonymous() {
		return nil, &chat.Error{Code: chat.CodeConflict,
			Message: "this socket is authenticated already: open another"}
	}
	if !c.begins() {
		return nil, &chat.Error{Code: chat.CodeConflict,
			Message: "authenticate is under way: wait for its answer"}
	}
	defer c.ends()
	if err := c.s.logIn(ctx, c, who, in.Token); err != nil {
		return nil, err
	}
	return c.s.cfg.Service.Me(ctx, c.caller(), chat.None{})
}

// begins reports whether no other authenticate is under way, and starts one.
func (c *conn) begins() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.auth {
		return false
	}
	c.auth = true
	return true
}

func (c *conn) ends() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.auth = false
}

// sync answers with the state and attaches the connection to what its person
// may follow.
func (c *conn) sync(ctx context.Context, req wire.Request) error {
	var in wire.SyncInput
	if err := req.Into(&in); err != nil {
		return err
	}
	who := c.caller()
	service := c.s.cfg.Service
	if who.Anonymous() {
		return chat.ErrUnauthenticated
	}
	if err := in.Check(service.Limits.RoomsJoined + 2); err != nil {
		return err
	}
	if in.Device != "" {
		c.setDevice(in.Device)
	}
	var online chat.OnlineOutput
	server := service.MayRead(ctx, who, chat.ServerStream) == nil
	return c.s.cfg.Hub.Sync(ctx, c.out, hub.Sync{
		Positions: in.Positions,
		Server:    server,
		// Read when the connection hears of changes already: who comes
		// meanwhile is in the list, or signalled after it.
		Views: func(ctx context.Context) (views []chat.RoomView, err error) {
			if online, err = service.ListOnline(ctx, who, chat.None{}); err != nil {
				return nil, err
			}
			list, err := service.ListRooms(ctx, who, chat.None{})
			return list.Rooms, err
		},
		Answer: func(s hub.Synced) hub.Frame {
			state := wire.State{
				User: who.User, Session: who.Session, UserPosition: s.User, Rooms: s.Rooms,
				Gone: s.Gone, Online: online.Online,
				Limits: service.Limits, HeartbeatS: int(c.s.cfg.Heartbeat / time.Second),
			}
			if server {
				state.ServerPosition = &s.Server
			}
			return encodeFrame(wire.Result(req.ID, state))
		},
	})
}
