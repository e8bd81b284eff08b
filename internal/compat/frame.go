package compat

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
)

// encoder makes frames of what the demo's clients know of.
type encoder struct{ d *Server }

// silence is a frame of which nothing is sent.
type silence struct{}

func (silence) Size() int { return 1 }

func (e encoder) Event(event *chat.Event) hub.Frame {
	switch event.Kind {
	case chat.UserUpdated:
		e.d.people.learn(*event.User)
	case chat.MessageCreated:
		if chat.IsThread(event.Message.Room) {
			return silence{} // the demo's client knows no threads
		}
		return &frame{d: e.d, size: 256 + len(event.Message.Text), event: event}
	case chat.RoomJoined:
		if !isPair(event.View.Room) && event.View.Kind != chat.ThreadRoom && event.View.ID != chat.GeneralID {
			return &frame{d: e.d, size: 256, event: event}
		}
	}
	return silence{}
}

func (e encoder) Signal(s chat.Signal) hub.Frame {
	if s.Kind != chat.Presence {
		return silence{}
	}
	return &frame{d: e.d, size: 128, signal: s}
}

func (encoder) Resumed(chat.Stream, chat.Position) hub.Frame { return silence{} }
func (encoder) Resync(chat.Stream, chat.Position) hub.Frame  { return silence{} }
func (encoder) Goodbye(string, time.Duration) hub.Frame      { return silence{} }

// frame is an event or, without one, a signal of presence, rendered when the
// first connection sends it.
type frame struct {
	d      *Server
	size   int
	event  *chat.Event
	signal chat.Signal

	once sync.Once
	all  []telling
}

// telling is one event of Socket.IO, and whom it is not for.
type telling struct {
	packet *socketio.Packet
	about  chat.UserID   // that person
	sent   *chat.Message // the socket that sent it
}

// isFor reports whether a connection is told.
func (t telling) isFor(c *conn) bool {
	me := c.me
	if t.sent != nil && t.sent.From == me && strings.HasPrefix(t.sent.ClientID, clientID(c.socket)) {
		return false
	}
	return t.about != me
}

func (f *frame) Size() int { return f.size }

func (f *frame) send(c *conn) error {
	f.once.Do(f.render)
	for _, t := range f.all {
		if !t.isFor(c) {
			continue
		}
		if err := c.socket.Send(t.packet); err != nil {
			return err
		}
	}
	return nil
}

// render looks names and rooms up, which are in memory but for the first time.
// What cannot be looked up is not told live, but is there when the client is
// loaded again.
func (f *frame) render() {
	ctx, cancel := context.WithTimeout(f.d.ctx, callTimeout)
	defer cancel()
	var err error
	switch {
	case f.event == nil:
		err = f.renderPresence(ctx)
	case f.event.Kind == chat.RoomJoined:
		v := f.event.View
		var name string
		if name, err = f.d.shownName(ctx, v.Room); err == nil {
			f.tell("show.room", shownRoom{f.d.rooms.learn(v.Room), []any{name}}, telling{})
		}
	default:
		err = f.renderMessage(ctx)
	}
	if err != nil && f.d.ctx.Err() == nil {
		f.d.cfg.Log.Error("telling clients of the demo what happens", "error", err)
	}
}

// renderMessage tells of a message, and before a pair's first one of their
// room; its author's client has opened that itself.
func (f *frame) renderMessage(ctx context.Context) error {
	m := f.event.Message
	id, err := f.d.rooms.id(ctx, m.Room)
	if err != nil {
		return err
	}
	if m.No == 1 && strings.Contains(id, ":") {
		room, err := f.d.cfg.Service.Store.Room(ctx, m.Room)
		if err != nil {
			return err
		}
		names, err := f.d.pairNames(ctx, room.People)
		if err != nil {
			return err
		}
		f.tell("show.room", shownRoom{id, names}, telling{sent: m})
	}
	f.tell("message", messageOf(m, id), telling{})
	return nil
}

// renderPresence tells all others of someone who comes or goes.
func (f *frame) renderPresence(ctx context.Context) error {
	user, online := f.signal.User, f.signal.Online
	name, err := f.d.people.name(ctx, user)
	if err != nil {
		return err
	}
	event := "user.disconnected"
	if online {
		event = "user.connected"
	}
	f.tell(event, presence{person{userID(user), name}, online}, telling{about: user})
	return nil
}

func (f *frame) tell(event string, body any, t telling) {
	var err error
	if t.packet, err = socketio.Encode("/", event, body); err != nil {
		panic("compat: our own type does not encode: " + err.Error())
	}
	f.all = append(f.all, t)
}
