package hub

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// LocalBell is the bell inside one process. It loses nothing: Ring calls the
// handler before it returns.
type LocalBell struct {
	handler atomic.Pointer[chat.Handler]
}

// NewLocalBell returns a bell without a handler.
func NewLocalBell() *LocalBell { return &LocalBell{} }

// Listen sets the handler.
func (b *LocalBell) Listen(handler chat.Handler) { b.handler.Store(&handler) }

// Ring announces an event that is durable.
func (b *LocalBell) Ring(e *chat.Event) {
	if handler := b.handler.Load(); handler != nil {
		(*handler).Event(e)
	}
}

// Signal implements [chat.Bell].
func (b *LocalBell) Signal(_ context.Context, s chat.Signal) {
	if handler := b.handler.Load(); handler != nil {
		(*handler).Signal(s)
	}
}

// Subscribe does nothing: the handler gets all events.
func (b *LocalBell) Subscribe(context.Context, chat.Stream) error { return nil }

// Unsubscribe does nothing.
func (b *LocalBell) Unsubscribe(chat.Stream) {}

// grace is how long a person counts as online after their last connection has
// ended, so that a page reload does not show.
const grace = 2 * time.Second

// LocalPresence tracks who is online on a single node and signals changes.
type LocalPresence struct {
	bell chat.Bell

	mu      sync.Mutex
	here    map[chat.UserID]bool
	leaving map[chat.UserID]*time.Timer
}

// NewLocalPresence returns a presence that signals on the bell.
func NewLocalPresence(bell chat.Bell) *LocalPresence {
	return &LocalPresence{bell: bell, here: map[chat.UserID]bool{}, leaving: map[chat.UserID]*time.Timer{}}
}

// Enter records a person's first connection.
func (p *LocalPresence) Enter(ctx context.Context, user chat.UserID) {
	p.mu.Lock()
	if timer := p.leaving[user]; timer != nil {
		timer.Stop()
		delete(p.leaving, user)
	}
	news := !p.here[user]
	p.here[user] = true
	p.mu.Unlock()
	if news {
		p.bell.Signal(ctx, chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: user,
			Online: true})
	}
}

// Leave records that a person's last connection has ended. They are offline
// after the grace.
func (p *LocalPresence) Leave(ctx context.Context, user chat.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.here[user] || p.leaving[user] != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(grace, func() {
		p.mu.Lock()
		if p.leaving[user] != timer {
			p.mu.Unlock()
			return
		}
		delete(p.leaving, user)
		delete(p.here, user)
		p.mu.Unlock()
		p.bell.Signal(ctx, chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: user})
	})
	p.leaving[user] = timer
}

// Close stops all timers. No more signals are sent.
func (p *LocalPresence) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, timer := range p.leaving {
		timer.Stop()
	}
	clear(p.leaving)
}

// Online implements [chat.OnlineUsers].
func (p *LocalPresence) Online(_ context.Context, users []chat.UserID) ([]chat.UserID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	online := []chat.UserID{}
	for _, id := range users {
		if p.here[id] {
			online = append(online, id)
		}
	}
	return online, nil
}

// OnlinePage implements [chat.OnlineUsers].
func (p *LocalPresence) OnlinePage(_ context.Context, after chat.UserID,
	limit int) (chat.OnlineOutput, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := make([]chat.UserID, 0, limit+1)
	for id := range p.here {
		if at, _ := slices.BinarySearch(first, id); id > after && at <= limit {
			first = slices.Insert(first[:min(len(first), limit)], at, id)
		}
	}
	page := chat.OnlineOutput{Online: first}
	if len(first) > limit {
		page.Online, page.Next = first[:limit], first[limit-1]
	}
	return page, nil
}
