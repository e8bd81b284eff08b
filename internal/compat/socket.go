package compat

import (
	"context"
	"encoding/json"
	"runtime/debug"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/siochat"
	"github.com/parley-chat/parley/internal/socketio"
)

// conn is one socket of a demo client. Its events run one at a time, on a
// goroutine which owns the fields.
type conn struct {
	d       *Server
	socket  *socketio.Socket
	session *live.Session
	me      chat.UserID

	sent int // messages, for their ids
}

// Encoder encodes what happens for demo clients.
func (s *Server) Encoder() hub.Encoder { return encoder{s} }

// Connect begins the session of a demo client, which is told at once what
// happens in all its person's rooms.
func (s *Server) Connect(ctx context.Context, session *live.Session,
	socket *socketio.Socket) (siochat.Dialect, error) {
	err := session.Follow(ctx, nil, func(synced live.Synced) hub.Frame {
		for _, v := range synced.Views {
			s.rooms.learn(v.Room)
		}
		return silence{}
	})
	if err == nil {
		err = session.WatchEveryone(ctx, silence{})
	}
	return &conn{d: s, socket: socket, session: session, me: session.Caller().User.ID}, err
}

// Send sends what the encoder made.
func (c *conn) Send(f hub.Frame) error {
	if f, ok := f.(*frame); ok {
		return f.send(c)
	}
	return nil
}

// Goodbye says nothing: the demo's client would not understand.
func (c *conn) Goodbye(live.Closing) {}

// Event handles one event. It is not cut short when the socket ends: a message
// may have been on its way to disk.
func (c *conn) Event(e *socketio.Event) {
	// Also while the server is stopping: the demo's client would not send it
	// again.
	if c.session.Enter() {
		defer c.session.Leave()
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // one event's fault is not everyone's
			c.d.cfg.Log.ErrorContext(ctx, "event panicked", "event", e.Name, "panic", p, "stack",
				string(debug.Stack()))
			e.Ack(refusal{chat.ErrInternal.Message})
		}
	}()
	var err error
	switch e.Name {
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
	who := c.session.Caller()
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
	who := c.session.Caller()
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
