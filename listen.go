package parley

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// Kind says what an [Event] tells.
type Kind string

// What [Server.Listen] tells of.
const (
	MessageSent    Kind = "message.created"
	MessageEdited  Kind = "message.edited"
	MessageDeleted Kind = "message.deleted"
	MemberJoined   Kind = "member.joined" // Member
	MemberLeft     Kind = "member.left"   // Member
	// Missed says that there was more in the room, or with no Room in any of
	// them, than could be had again.
	Missed Kind = "missed"
)

// Event is one thing that happened in a room.
type Event struct {
	Kind    Kind
	Room    RoomID
	By      UserID // empty for the program itself, and with Missed
	At      time.Time
	Message Message // with the kinds that begin with Message, as it is now
	Member  UserID  // who joined or left
}

// ErrClosed is what Listen returns once the server is closed.
var ErrClosed = errors.New("parley: the server is closed")

// Listen calls hear with what happens from now on in the rooms that a bot, or a
// person, is in, also in those that it is put into later: one event after the
// other, those of a room in their order, none twice. Its own messages are among
// them. What happens while hear works waits, in memory or in the log. The bot
// is shown as online meanwhile.
//
// Listen returns with ctx's error, with hear's, with [ErrClosed], or with
// [ErrForbidden] if the account is disabled; else it goes on. On several nodes
// each listener hears everything. Hear must not call Close.
func (s *Server) Listen(ctx context.Context, as UserID, hear func(context.Context, Event) error) error {
	s.closeMu.Lock()
	if s.closing.Err() != nil {
		s.closeMu.Unlock()
		return ErrClosed
	}
	s.listeners.Add(1)
	s.closeMu.Unlock()
	defer s.listeners.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	l := listener{server: s, as: chat.UserID(as), at: map[chat.Stream]chat.Position{}}
	l.hear = func(ctx context.Context, e Event) error {
		if err := hear(ctx, e); err != nil {
			return refused{err}
		}
		return nil
	}
	for {
		err := l.attend(ctx)
		var theirs refused
		switch {
		case s.closing.Err() != nil:
			return ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &theirs):
			return theirs.error
		case err == nil: // to be continued from where it is
			continue
		case errors.Is(err, chat.ErrUnavailable), errors.Is(err, chat.ErrRateLimited):
		default:
			return public(err)
		}
		select { // the data may be there again
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// listener is one call of Listen, over the connections that it takes.
type listener struct {
	server *Server
	as     chat.UserID
	hear   func(context.Context, Event) error
	at     map[chat.Stream]chat.Position // what was heard
}

// refused is an error of hear's, which ends the listening whatever it is.
type refused struct{ error }

// queue is how many bytes of events wait in memory; what is more is read again
// from the log.
const queue = 4 << 20

// attend listens with one connection until that ends. It returns nil if another
// is to go on.
func (l *listener) attend(ctx context.Context) error {
	service, h := l.server.core.Service, l.server.inner.Hub()
	who, err := service.As(ctx, l.as)
	if err != nil {
		return err
	}
	woken := make(chan struct{}, 1)
	conn := hub.NewConn(listening{}, queue, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	if err := h.Register(ctx, conn, who); err != nil {
		return err
	}
	// What was missed is read by another goroutine, which waits where this one
	// is slow.
	var wg sync.WaitGroup
	failed := make(chan error, 1)
	given := make(map[chat.Stream]chat.Position, len(l.at))
	for stream, p := range l.at {
		given[stream] = p
	}
	wg.Go(func() {
		err := h.Sync(ctx, conn, hub.Sync{
			Positions: given,
			Views: func(ctx context.Context) ([]chat.RoomView, error) {
				list, err := service.ListRooms(ctx, who, chat.None{})
				return list.Rooms, err
			},
			Answer: func(a hub.Synced) hub.Frame { return answer{a} },
		})
		if err != nil {
			failed <- err
		}
	})
	defer wg.Wait()
	defer h.Unregister(conn)
	var frames []hub.Frame
	for {
		var why hub.Reason
		frames, why = conn.NextFrames(frames[:0], 64<<10)
		for _, f := range frames {
			if again, err := l.take(ctx, f); again || err != nil {
				return err
			}
		}
		if len(frames) > 0 {
			continue
		}
		switch why {
		case hub.Open:
		case hub.Slow, hub.Changed:
			return nil
		case hub.Restart:
			return ErrClosed
		default:
			return chat.ErrForbidden
		}
		select {
		case <-woken:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take hears one frame. Again says that the connection cannot go on from there.
func (l *listener) take(ctx context.Context, f hub.Frame) (again bool, err error) {
	switch f := f.(type) {
	case answer:
		l.at[chat.UserStream(l.as)] = f.User
		for _, v := range f.Rooms {
			l.at[chat.RoomStream(v.ID)] = v.Position
		}
		for _, stream := range f.Gone {
			delete(l.at, stream)
		}
	case happened:
		err = l.event(ctx, f.Event)
	case resumed:
		l.at[f.stream] = f.at
	case resync:
		room, ok := f.stream.Room()
		if !ok { // of which rooms there are
			clear(l.at)
		} else {
			l.at[f.stream] = f.at
		}
		return !ok, l.hear(ctx, Event{Kind: Missed, Room: RoomID(room), At: time.Now()})
	}
	return false, err
}

func (l *listener) event(ctx context.Context, e *chat.Event) error {
	told := Event{Kind: Kind(e.Kind), By: UserID(e.By), At: e.At}
	room, _ := e.Stream.Room()
	told.Room = RoomID(room)
	switch e.Kind {
	case chat.MessageCreated, chat.MessageEdited, chat.MessageDeleted:
		told.Message = messageOf(*e.Message)
	case chat.MemberJoined, chat.MemberLeft:
		told.Member = UserID(e.Member.User)
	default:
		l.heard(e)
		return nil
	}
	if err := l.hear(ctx, told); err != nil {
		return err
	}
	l.heard(e)
	return nil
}

// heard notes where a stream is heard up to.
func (l *listener) heard(e *chat.Event) {
	l.at[e.Stream] = e.Position()
	switch e.Kind {
	case chat.RoomJoined:
		l.at[chat.RoomStream(e.View.ID)] = e.View.Position
	case chat.RoomLeft:
		delete(l.at, chat.RoomStream(e.Left))
	}
}

// listening makes frames that are what they tell.
type listening struct{}

type (
	answer   struct{ hub.Synced }
	happened struct{ *chat.Event }
	resumed  place
	resync   place
	place    struct {
		stream chat.Stream
		at     chat.Position
	}
	silence struct{}
)

func (answer) Size() int     { return 1 }
func (h happened) Size() int { return 512 + size(h.Message) }
func (resumed) Size() int    { return 1 }
func (resync) Size() int     { return 1 }
func (silence) Size() int    { return 1 }

func size(m *chat.Message) int {
	if m == nil {
		return 0
	}
	return len(m.Text)
}

func (listening) Event(e *chat.Event) hub.Frame                    { return happened{e} }
func (listening) Signal(chat.Signal) hub.Frame                     { return silence{} }
func (listening) Resumed(s chat.Stream, p chat.Position) hub.Frame { return resumed{s, p} }
func (listening) Resync(s chat.Stream, p chat.Position) hub.Frame  { return resync{s, p} }
func (listening) Goodbye(string, time.Duration) hub.Frame          { return silence{} }
