package compat

import (
	"context"
	"encoding/json"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
)

// conn is one socket of a demo client. Its handlers run one at a time, on a
// goroutine which owns the fields without a lock.
type conn struct {
	d      *Door
	socket *socketio.Socket
	out    *hub.Conn

	sent   int   // messages, for their ids
	events int   // since window
	window int64 // unix seconds

	proving atomic.Bool // the session is being looked up again
	bye     sync.Once

	mu  sync.Mutex
	who chat.Caller
}

// Connect takes a demo client's socket: the person with that token, who is told
// at once what happens in all their rooms. The hub knows the connection before
// the session is looked up a second time: one that ended in between was not
// heard of.
func (d *Door) Connect(s *socketio.Socket, token string, who chat.Caller) error {
	if d.leaving.Load() {
		return connectError(hub.ErrStopping)
	}
	ctx, cancel := context.WithTimeout(d.ctx, callTimeout)
	defer cancel()
	service := d.cfg.Service
	who, err := service.Authenticate(ctx, token, who)
	if err != nil {
		return d.failed("connect", err)
	}
	c := &conn{d: d, socket: s, who: who}
	c.out = hub.NewConn(encoder{d}, d.cfg.Queue, func(*hub.Conn) { d.workers.Go(c.drain) })
	if err := d.cfg.Hub.Register(ctx, c.out, who); err != nil {
		return d.failed("connect", err)
	}
	if _, err = service.Authenticate(ctx, token, chat.Caller{}); err == nil {
		err = c.follow(ctx)
	}
	if err != nil {
		d.cfg.Hub.Unregister(c.out)
		return d.failed("connect", err)
	}
	s.OnAny(c.take)
	s.OnDisconnect(c.gone)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns[c] = struct{}{}
	return nil
}

// follow attaches the connection to all that its person may follow, from now
// on.
func (c *conn) follow(ctx context.Context) error {
	service := c.d.cfg.Service
	return c.d.cfg.Hub.Sync(ctx, c.out, hub.Sync{
		Server: service.MayRead(ctx, c.who, chat.ServerStream) == nil,
		Views: func(ctx context.Context) ([]chat.RoomView, error) {
			list, err := service.ListRooms(ctx, c.who, chat.None{})
			for _, v := range list.Rooms {
				c.d.rooms.learn(v.Room)
			}
			return list.Rooms, err
		},
		Answer: func(hub.Synced) hub.Frame { return silence{} },
	})
}

// failed is how a refusal is told to who connects.
func (d *Door) failed(what string, err error) error {
	e := chat.AsError(err)
	if e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable && e != hub.ErrStopping {
		d.cfg.Log.Error("request failed", "event", what, "error", err)
	}
	return connectError(e)
}

func connectError(e *chat.Error) error { return &socketio.ConnectError{Message: e.Message} }

// gone is the end of the socket.
func (c *conn) gone(socketio.Reason) {
	c.d.cfg.Hub.Unregister(c.out)
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	delete(c.d.conns, c)
}

func (c *conn) caller() chat.Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// take handles one event. It is not cut short when the socket ends: a message
// may have been on its way to disk.
func (c *conn) take(e *socketio.Event) {
	if limit := c.d.cfg.MaxEvents; limit > 0 {
		if now := time.Now().Unix(); now-c.window >= 10 {
			c.window, c.events = now, 0
		}
		if c.events++; c.events > limit {
			c.out.Close(hub.Finished)
		}
	}
	if c.out.Closed() != hub.Open { // what still comes is not acted upon
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // one event's fault is not everybody's
			c.d.cfg.Log.ErrorContext(ctx, "event panicked", "event", e.Name, "panic", p, "stack",
				string(debug.Stack()))
			e.Ack(refusal{chat.ErrInternal.Message})
		}
	}()
	var err error
	switch e.Name { // also while the server is stopping: the demo's client would not say it again
	case "room.join":
		err = c.join(ctx, e)
	case "message":
		err = c.send(ctx, e)
	default:
		return
	}
	if err != nil {
		told := chat.AsError(err)
		if told.Code == chat.CodeInternal || told.Code == chat.CodeUnavailable {
			c.d.cfg.Log.ErrorContext(ctx, "request failed", "event", e.Name, "error", err)
		}
		e.Ack(refusal{told.Message}) // the demo's own client does not ask
		return
	}
	e.Ack()
}

// errShape is for events that are not as the demo's client sends them.
var errShape = &chat.Error{Code: chat.CodeInvalid,
	Message: "room.join takes a room's id; message takes {roomId, message}"}

// join says whether the room is there. There is nothing else to do: what
// happens in the person's rooms is told anyway, also after a connection was
// lost, when the demo's client does not ask again.
func (c *conn) join(ctx context.Context, e *socketio.Event) error {
	if e.Len() == 0 || len(e.Attachments) > 0 {
		return errShape
	}
	id, ok := looseText(e.JSON[0])
	if !ok {
		return errShape
	}
	who := c.caller()
	room, err := c.d.room(ctx, who, id)
	if err != nil {
		return err
	}
	_, err = act[chat.RoomView](ctx, c.d, who, "room.get", with(chat.RoomInput{Room: room}))
	return err
}

// send sends a message, from whom the session belongs to, now. Each gets an id
// of its own, so that equal ones stay apart.
func (c *conn) send(ctx context.Context, e *socketio.Event) error {
	var in struct {
		RoomID  json.RawMessage `json:"roomId"`
		Message string          `json:"message"`
	}
	if e.Len() == 0 || len(e.Attachments) > 0 || json.Unmarshal(e.JSON[0], &in) != nil {
		return errShape
	}
	id, ok := looseText(in.RoomID)
	if !ok {
		return errShape
	}
	who := c.caller()
	room, err := c.d.room(ctx, who, id)
	if err != nil {
		return err
	}
	c.sent++
	_, err = act[chat.Message](ctx, c.d, who, "message.send", with(chat.SendInput{
		Room: room, Text: in.Message, ClientID: clientID(c.socket) + strconv.Itoa(c.sent),
	}))
	return err
}

// clientID is how the ids of a socket's messages begin.
func clientID(s *socketio.Socket) string { return "demo:" + s.ID() + ":" }

// drain sends what waits for the connection, until there is nothing more. The
// hub has it running once at a time.
func (c *conn) drain() {
	var list []hub.Frame
	for {
		var why hub.Reason
		if list, why = c.out.TakeFrames(list[:0], 64<<10); len(list) == 0 {
			if why != hub.Open {
				c.bye.Do(func() { c.leave(why) })
			}
			return
		}
		for _, f := range list {
			if f, ok := f.(*frame); ok {
				f.send(c)
			}
		}
		clear(list)
	}
}

// leave closes the socket's session. A client that is to come back by itself is
// not disconnected from the namespace: official clients take that as final.
func (c *conn) leave(why hub.Reason) {
	if why == hub.Revoked || why == hub.Finished {
		c.socket.Disconnect()
	}
	c.socket.CloseSession()
}

// sweep looks now and then whether sessions have expired.
func (d *Door) sweep() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case now := <-tick.C:
			d.mu.Lock()
			for c := range d.conns {
				if !now.Before(c.caller().ExpiresAt) && c.out.Closed() == hub.Open && !c.proving.Swap(true) {
					d.workers.Go(c.prove)
				}
			}
			d.mu.Unlock()
		}
	}
}

// prove looks whether a session that seemed to expire was prolonged meanwhile,
// by use elsewhere.
func (c *conn) prove() {
	ctx, cancel := context.WithTimeout(c.d.ctx, callTimeout)
	defer cancel()
	defer c.proving.Store(false)
	list, err := c.d.cfg.Service.ListSessions(ctx, c.caller(), chat.None{})
	if err != nil {
		if c.d.ctx.Err() == nil {
			c.d.cfg.Log.Warn("looking a session up again", "error", err)
		}
		return // the sweep asks again
	}
	i := slices.IndexFunc(list.Sessions, func(x chat.Session) bool { return x.Current })
	if i < 0 {
		c.out.Close(hub.Revoked)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.ExpiresAt = list.Sessions[i].ExpiresAt
}
