package siochat

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
)

// nobody is a presence that tells nothing.
type nobody struct{}

func (nobody) Online(context.Context, []chat.UserID) ([]chat.UserID, error) { return nil, nil }
func (nobody) OnlinePage(context.Context, chat.UserID, int) (chat.OnlineOutput, error) {
	return chat.OnlineOutput{}, nil
}
func (nobody) Enter(context.Context, chat.UserID) {}
func (nobody) Leave(context.Context, chat.UserID) {}

// TestEncodedOnce: what goes to many connections is one packet.
func TestEncodedOnce(t *testing.T) {
	bell := hub.NewLocalBell()
	model := chattest.NewModel(bell.Ring)
	h := hub.New(hub.Config{Log: model, Bell: bell, Presence: nobody{}, Check: -1,
		Logger: slog.New(slog.DiscardHandler)})
	defer h.Close()
	bell.Listen(h)
	conns := make([]*hub.Conn, 3)
	for i := range conns {
		c := hub.NewConn(encoder{}, 1<<20, func() {})
		who := chat.Caller{User: chat.User{ID: chat.UserID("u" + string(rune('0'+i)))}}
		if err := h.Register(t.Context(), c, who); err != nil {
			t.Fatal(err)
		}
		defer h.Unregister(c)
		none := func(context.Context) ([]chat.RoomView, error) { return nil, nil }
		if err := h.Sync(t.Context(), c,
			hub.Sync{Server: true, Views: none,
				Answer: func(hub.Synced) hub.Frame { return encode("none", nil) }}); err != nil {
			t.Fatal(err)
		}
		c.NextFrames(nil, 1<<20)
		conns[i] = c
	}
	bell.Signal(t.Context(), chat.Signal{Stream: chat.ServerStream, Kind: chat.Typing, User: "u9"})
	e := chat.Event{Stream: chat.ServerStream, Kind: chat.UserCreated, ID: "e1",
		User: &chat.User{ID: "u9"}, At: time.Unix(1, 0)}
	head, err := model.Heads(t.Context(), chat.ServerStream)
	if err != nil {
		t.Fatal(err)
	}
	e.Epoch, e.Seq, e.Prev = head[0].Position.Epoch, head[0].Position.Seq+1, head[0].Position.ID
	bell.Ring(&e)
	var event *socketio.Packet
	var signal *socketio.Packet
	for i, c := range conns {
		list, why := c.NextFrames(nil, 1<<20)
		if len(list) != 2 || why != hub.Open {
			t.Fatalf("connection %d has %d frames, %v", i, len(list), why)
		}
		s, p := list[0].(*socketio.Packet), list[1].(*socketio.Packet)
		if i == 0 {
			signal, event = s, p
		}
		if s != signal || p != event {
			t.Errorf("connection %d has packets of its own", i)
		}
	}
}
