package live

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/wire"
)

// Call is one request from a client, as its transport decodes and encodes it.
type Call interface {
	Method() string
	Decode(into any) error
	Result(out any) hub.Frame
	Refusal(e *chat.Error) hub.Frame
	Unknown() hub.Frame // there is no such method
}

// Enter counts a call, so that a stopping server waits for it. It returns false
// if no more calls are accepted. Call Leave after true.
func (c *Session) Enter() bool {
	c.srv.calls.Add(1)
	if c.srv.draining.Load() {
		c.Leave()
		return false
	}
	return true
}

// Leave is the end of a call.
func (c *Session) Leave() { c.srv.calls.Add(-1) }

// Do runs a call. Calls run concurrently, but the messages of one client keep
// their order: a send is handed to the store after those before it, and all
// other calls begin after the sends before them are done. Only the transport's
// reader calls Do.
func (c *Session) Do(call Call) {
	if !c.Enter() {
		c.Out.Send(call.Refusal(hub.ErrStopping))
		return
	}
	switch ctx := context.Background(); call.Method() {
	case "ping":
		defer c.Leave()
		c.respond(ctx, call)
	case "message.send":
		before, queued := c.queued, make(chan struct{})
		c.queued = queued
		c.sends.Add(1)
		c.start(func() {
			defer c.sends.Done()
			if before != nil {
				<-before
			}
			inPlace := sync.OnceFunc(func() { close(queued) })
			defer inPlace() // if it is refused
			c.respond(chat.WithQueued(ctx, inPlace), call)
		})
	default:
		c.sends.Wait()
		c.start(func() { c.respond(ctx, call) })
	}
}

// start runs a call on a goroutine of its own, which End waits for. It waits
// while there are maxCalls.
func (c *Session) start(call func()) {
	if c.calls == nil {
		c.calls = make(chan struct{}, maxCalls)
	}
	c.calls <- struct{}{}
	go func() {
		defer func() { <-c.calls }()
		defer c.Leave()
		call()
	}()
}

// ending are the actions that may end the session that asks for them.
var ending = map[string]bool{"session.delete": true, "session.revoke": true, "token.revoke": true,
	"account.password": true}

// respond runs a call and sends the response.
//
// A call is not canceled when its connection ends, only by callTimeout: a send
// may be in progress. A context for each connection would also cost more memory
// than everything else about it (575 bytes).
func (c *Session) respond(ctx context.Context, call Call) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	method := call.Method()
	if ending[method] {
		c.Out.Ending()
	}
	frame, err := c.frame(ctx, call)
	switch {
	case ending[method]:
		c.Out.Ended(frame)
	case frame != nil:
		c.Out.Send(frame)
	}
	if method == "authenticate" {
		c.Finish(err)
	}
}

// frame returns the response to a call, nil if it was sent already, and the
// error.
func (c *Session) frame(ctx context.Context, call Call) (frame hub.Frame, err error) {
	defer func() {
		if p := recover(); p != nil { // one call's fault is not everyone's
			c.srv.cfg.Log.ErrorContext(ctx, "request panicked", "method", call.Method(), "panic", p,
				"stack", string(debug.Stack()))
			frame, err = call.Refusal(chat.ErrInternal), chat.ErrInternal
		}
	}()
	var out any
	switch call.Method() {
	case "ping":
		var none struct{}
		if err = c.srv.cfg.Service.Admit(ctx, c.Caller()); err == nil {
			out, err = none, call.Decode(&none)
		}
	case "authenticate":
		out, err = c.authenticate(ctx, call)
	case "sync":
		if err = c.sync(ctx, call); err == nil {
			return nil, nil
		}
	case "presence.watch":
		if err = c.watch(ctx, call); err == nil {
			return nil, nil
		}
	default:
		action, ok := c.srv.actions[call.Method()]
		if !ok {
			return call.Unknown(), nil
		}
		out, err = action.Call(ctx, c.srv.cfg.Service, c.Caller(), call.Decode)
	}
	if err != nil {
		return call.Refusal(c.srv.AsError(ctx, call.Method(), err)), err
	}
	return call.Result(out), nil
}

func (c *Session) authenticate(ctx context.Context, call Call) (any, error) {
	if err := c.srv.cfg.Service.Admit(ctx, c.Caller()); err != nil {
		return nil, err
	}
	var in wire.AuthenticateInput
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	c.mu.Lock()
	known, busy := !c.who.Anonymous(), c.authenticating
	c.authenticating = true
	c.mu.Unlock()
	switch {
	case known:
		return nil, &chat.Error{Code: chat.CodeConflict,
			Message: "This connection is already authenticated. Open another one."}
	case busy:
		return nil, &chat.Error{Code: chat.CodeConflict,
			Message: "authenticate is still in progress. Wait for its answer."}
	}
	defer func() {
		c.mu.Lock()
		c.authenticating = false
		c.mu.Unlock()
	}()
	if err := c.LogIn(ctx, in.Token); err != nil {
		return nil, err
	}
	return c.srv.cfg.Service.Me(ctx, c.Caller(), chat.None{})
}

// sync responds with the state and attaches the connection to the person's
// streams.
func (c *Session) sync(ctx context.Context, call Call) error {
	service := c.srv.cfg.Service
	if c.Caller().Anonymous() {
		return chat.ErrUnauthenticated
	}
	if err := service.Admit(ctx, c.Caller()); err != nil {
		return err
	}
	var in wire.SyncInput
	if err := call.Decode(&in); err != nil {
		return err
	}
	if err := in.Check(service.Limits.RoomsJoined + 2); err != nil {
		return err
	}
	if in.Device != "" {
		c.mu.Lock()
		c.who.Device = in.Device
		c.mu.Unlock()
	}
	id, err := service.ServerID(ctx)
	if err != nil {
		return err
	}
	who := c.Caller()
	emoji, err := service.EmojiRevision(ctx)
	if err != nil {
		return err
	}
	return c.Follow(ctx, in.Positions, func(s Synced) hub.Frame {
		state := wire.State{
			ServerID: id, User: who.User, Session: who.Session, UserPosition: s.User, Rooms: s.Rooms,
			Gone:   s.Gone,
			Emoji:  emoji,
			Limits: service.Limits, HeartbeatS: int(c.Heartbeat / time.Second),
		}
		if s.MayBrowse {
			state.ServerPosition = &s.Server
		}
		return call.Result(state)
	})
}

// Synced is the state in the response to a sync.
type Synced struct {
	hub.Synced
	MayBrowse bool            // the person may follow the server's stream
	Views     []chat.RoomView // all of the person's rooms
}

// Follow attaches the connection to the person's streams, from the given
// positions or from now on.
func (c *Session) Follow(ctx context.Context, positions map[chat.Stream]chat.Position,
	answer func(Synced) hub.Frame) error {
	who, service := c.Caller(), c.srv.cfg.Service
	state := Synced{MayBrowse: service.MayRead(ctx, who, chat.ServerStream) == nil}
	return c.srv.cfg.Hub.Sync(ctx, c.Out, hub.Sync{
		Positions: positions,
		Server:    state.MayBrowse,
		Views: func(ctx context.Context) ([]chat.RoomView, error) {
			list, err := service.ListRooms(ctx, who, chat.None{})
			state.Views = list.Rooms
			return list.Rooms, err
		},
		Answer: func(s hub.Synced) hub.Frame {
			state.Synced = s
			return answer(state)
		},
	})
}

// watch responds with who of the given people is online, and from then on tells
// the client when they come and go.
func (c *Session) watch(ctx context.Context, call Call) error {
	service, who := c.srv.cfg.Service, c.Caller()
	if who.Anonymous() {
		return chat.ErrUnauthenticated
	}
	if err := service.Admit(ctx, who); err != nil {
		return err
	}
	var in chat.WatchInput
	if err := call.Decode(&in); err != nil {
		return err
	}
	users, err := service.Watched(who, in)
	if err != nil {
		return err
	}
	return c.srv.cfg.Hub.Watch(ctx, c.Out, users, func(online []chat.UserID) hub.Frame {
		return call.Result(chat.WatchOutput{Online: online})
	})
}

// WatchEveryone has the client told of all who come and go, after a first
// frame. Guests are told of no one.
func (c *Session) WatchEveryone(ctx context.Context, first hub.Frame) error {
	users := []chat.UserID{hub.Everyone}
	if c.srv.cfg.Service.MayRead(ctx, c.Caller(), chat.ServerStream) != nil {
		users = nil
	}
	return c.srv.cfg.Hub.Watch(ctx, c.Out, users, func([]chat.UserID) hub.Frame { return first })
}
