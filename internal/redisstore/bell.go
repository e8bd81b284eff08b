package redisstore

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/kit/bus"
)

// Bell is a [chat.Bell] on sharded pub/sub: a stream's channel is in the
// stream's slot, so the script that appends an event publishes it in the same
// step. A message is an event as JSON, as clients get it (docs/protocol.md), or
// a signal, or on the server's channel {"room": ...}, a room that is about to
// be created: a gap in its stream, as no one can have subscribed to it.
//
// After a lost connection, [chat.Handler]'s Gap is called once the channel is
// subscribed again.
type Bell struct {
	store    *Store
	handler  atomic.Pointer[chat.Handler]
	listener *bus.Listener

	mu   sync.Mutex
	refs map[chat.Stream]int // calls of Subscribe without their Unsubscribe
}

var _ chat.Bell = (*Bell)(nil)

// NewBell returns a bell without a handler. The client is used for
// subscriptions; the caller closes it.
func NewBell(s *Store, subscriber rueidis.Client) (*Bell, error) {
	b := &Bell{store: s, refs: map[chat.Stream]int{}}
	var err error
	b.listener, err = bus.Listen(subscriber, bus.Callbacks{
		Message: func(m bus.Message) { b.message(m.Channel, m.Payload) },
		Gap:     b.gap,
		OnError: func(err error) { s.log.Warn("redis subscription", "error", failed("subscriptions", err)) },
	}, bus.ListenOptions{Queue: 1 << 16})
	return b, err
}

// Close ends the connections.
func (b *Bell) Close() { b.listener.Close() }

// Listen sets the handler.
func (b *Bell) Listen(handler chat.Handler) { b.handler.Store(&handler) }

// Subscribe implements [chat.Bell].
func (b *Bell) Subscribe(ctx context.Context, s chat.Stream) error {
	b.mu.Lock()
	b.refs[s]++
	b.mu.Unlock()
	if err := b.listener.SSubscribe(ctx, b.store.keys.channel(s)); err != nil {
		b.Unsubscribe(s)
		return failed("subscribe to "+string(s), err)
	}
	return nil
}

// Unsubscribe implements [chat.Bell].
func (b *Bell) Unsubscribe(s chat.Stream) {
	b.mu.Lock()
	defer b.mu.Unlock() // held, so that a Subscribe from now on comes after
	if b.refs[s]--; b.refs[s] <= 0 {
		delete(b.refs, s)
		b.listener.SUnsubscribe(b.store.keys.channel(s))
	}
}

// Signal implements [chat.Bell].
func (b *Bell) Signal(ctx context.Context, signal chat.Signal) {
	text, err := json.Marshal(signal)
	if err == nil {
		c := b.store.client
		err = c.Do(ctx, c.B().Spublish().Channel(b.store.keys.channel(signal.Stream)).Message(
			string(text)).Build()).Error()
	}
	if err != nil && ctx.Err() == nil {
		b.store.log.Debug("signal lost", "kind", signal.Kind, "error", err)
	}
}

// made is what the server's channel says before a room is created.
type made struct {
	Room chat.RoomID `json:"room"`
}

// stream returns the stream of a channel.
func (b *Bell) stream(channel string) chat.Stream {
	_, rest, _ := strings.Cut(channel, "{")
	name, _, _ := strings.Cut(rest, "}")
	return chat.Stream(name)
}

func (b *Bell) message(channel, payload string) {
	handler := b.handler.Load()
	if handler == nil {
		return
	}
	e, err := b.store.decode(payload)
	if err == nil && e.Seq > 0 {
		(*handler).Event(&e)
		return
	}
	var made made
	if b.stream(channel) == chat.ServerStream && json.Unmarshal([]byte(payload), &made) == nil &&
		made.Room != "" {
		(*handler).Gap(chat.RoomStream(made.Room))
		return
	}
	var signal chat.Signal
	if err := json.Unmarshal([]byte(payload), &signal); err != nil || signal.Stream != b.stream(channel) {
		b.store.log.Warn("unknown message on a channel", "channel", channel)
		return
	}
	(*handler).Signal(signal)
}

func (b *Bell) gap(channel string) {
	if handler := b.handler.Load(); handler != nil {
		(*handler).Gap(b.stream(channel))
	}
}
