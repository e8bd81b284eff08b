package siodoor

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/wire"
)

const (
	// callTimeout bounds the work on one request.
	callTimeout = 10 * time.Second
	// maxCalls bounds the requests of one connection that are under way; the
	// next waits for a place.
	maxCalls = 16
)

// take handles one event. Sends are done here, one after the other, so that a
// client's messages keep their order; the group that commits together is made
// of many connections. Everything else runs beside, in any order.
func (c *conn) take(e *socketio.Event) {
	c.s.eventsIn.Add(1)
	if limit := c.s.cfg.MaxFrames; limit > 0 {
		if now := time.Now().Unix(); now-c.window >= 10 {
			c.window, c.frames = now, 0
		}
		if c.frames++; c.frames > limit {
			c.end(codeTooMany, "too many events: send fewer")
		}
	}
	if c.out.Closed() != hub.Open { // what still comes is not acted upon
		return
	}
	c.s.underWay.Add(1)
	if c.s.leaving.Load() {
		c.s.underWay.Add(-1)
		c.refuse(e, hub.ErrStopping)
		return
	}
	switch e.Name {
	case "message.send", "ping":
		defer c.s.underWay.Add(-1)
		c.answer(e)
		return
	}
	if c.calls == nil {
		c.calls = make(chan struct{}, maxCalls)
	}
	c.calls <- struct{}{}
	go func() { // waited for by gone, through calls
		defer func() { <-c.calls }()
		defer c.s.underWay.Add(-1)
		c.answer(e)
	}()
}

func (c *conn) refuse(e *socketio.Event, why *chat.Error) {
	c.out.Send(newAnswer(e, failed{newFailure(why)}))
}

// answer does what an event asks for, and acknowledges it if that is wanted. It
// is not cut short when the connection ends, only by callTimeout: a send may
// have been on its way to disk.
func (c *conn) answer(e *socketio.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // one request's fault is not everybody's
			c.s.cfg.Log.ErrorContext(ctx, "request panicked", "event", e.Name, "panic", p, "stack",
				string(debug.Stack()))
			c.refuse(e, chat.ErrInternal)
		}
	}()
	out, err := c.do(ctx, e)
	switch {
	case err != nil:
		c.refuse(e, c.s.asError(ctx, e.Name, err))
	case out != nil:
		c.out.Send(newAnswer(e, out))
	}
}

// do returns the result, nil if it was sent already.
func (c *conn) do(ctx context.Context, e *socketio.Event) (any, error) {
	input, err := inputOf(e)
	if err != nil {
		return nil, err
	}
	into := func(in any) error {
		if input == nil {
			return nil
		}
		return wire.Decode(input, in)
	}
	switch e.Name {
	case "ping":
		var none struct{}
		return none, into(&none)
	case "authenticate":
		return c.authenticate(ctx, into)
	case "sync":
		return nil, c.sync(ctx, e, into)
	}
	action, ok := c.s.actions[e.Name]
	if !ok {
		return nil, &chat.Error{Code: chat.CodeNotFound,
			Message: "there is no action " + strconv.QuoteToASCII(e.Name[:min(len(e.Name), 64)])}
	}
	return action.Call(ctx, c.s.cfg.Service, c.caller(), into)
}

// inputOf returns the event's one argument, nil if there is none.
func inputOf(e *socketio.Event) (json.RawMessage, error) {
	switch {
	case len(e.Attachments) > 0:
		return nil, &chat.Error{Code: chat.CodeInvalid, Message: "bytes are not taken: send JSON"}
	case e.Len() > 1:
		return nil, &chat.Error{Code: chat.CodeInvalid,
			Message: "an event has one argument, an object, and may have an acknowledgement"}
	case e.Len() == 0 || string(e.JSON[0]) == "null":
		return nil, nil
	}
	input := bytes.TrimLeft(e.JSON[0], " \t\r\n")
	if len(input) > maxMessage {
		return nil, &chat.Error{Code: chat.CodeTooLarge, Message: "an event has at most 65536 bytes"}
	}
	if input[0] != '{' {
		return nil, &chat.Error{Code: chat.CodeInvalid, Message: "an event's argument is an object"}
	}
	return input, nil
}

func (c *conn) authenticate(ctx context.Context, into func(any) error) (any, error) {
	var in wire.AuthenticateInput
	if err := into(&in); err != nil {
		return nil, err
	}
	if !c.caller().Anonymous() {
		return nil, &chat.Error{Code: chat.CodeConflict,
			Message: "this socket is authenticated already: open another"}
	}
	if !c.begins() {
		return nil, &chat.Error{Code: chat.CodeConflict,
			Message: "authenticate is under way: wait for its answer"}
	}
	defer c.ends()
	if err := c.logIn(ctx, in.Token); err != nil {
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
func (c *conn) sync(ctx context.Context, e *socketio.Event, into func(any) error) error {
	var in wire.SyncInput
	if err := into(&in); err != nil {
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
			return newAnswer(e, state)
		},
	})
}
