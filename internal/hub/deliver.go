package hub

import (
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// Event implements [chat.Handler].
func (h *Hub) Event(e *chat.Event) {
	t := h.topic(e.Stream)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.open:
		t.again = true
	case e.Follows(t.cursor):
		h.deliver(t, e)
	case !t.knows(e):
		h.repair(t)
	}
}

// Gap implements [chat.Handler].
func (h *Hub) Gap(s chat.Stream) {
	if t := h.topic(s); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		h.repair(t)
	}
}

// Signal implements [chat.Handler].
func (h *Hub) Signal(s chat.Signal) {
	switch s.Kind {
	case chat.Presence:
		h.gatherPresence(s)
		return
	case chat.EmojiChanged, chat.ReportsChanged, chat.ServerChanged:
		h.signalAll(s)
		return
	}
	t := h.topic(s.Stream)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Kind != chat.Typing || t.shouldSignalTyping(s.User, h.cfg.Now()) {
		t.signal(s)
	}
}

// signalAll sends a signal to everyone on this node, guests too.
func (h *Hub) signalAll(s chat.Signal) {
	h.usersMu.Lock()
	var conns []*Conn
	for _, p := range h.users {
		conns = append(conns, p.conns...)
	}
	h.usersMu.Unlock()
	var all frames
	for _, c := range conns {
		c.push(all.get(c.encoder, func() Frame { return c.encoder.Signal(s) }), signal)
	}
}

// deliver advances a topic by the next event and applies the event's effect on
// connections. The topic is locked.
func (h *Hub) deliver(t *topic, e *chat.Event) {
	t.advance(e)
	h.delivered.Add(1)
	switch e.Kind {
	case chat.MessageCreated:
		delete(t.typing, e.Message.From)
	case chat.MemberLeft:
		h.detachUser(t, e)
	case chat.RoomJoined:
		for _, c := range t.conns {
			h.queueJoin(c, e)
		}
	case chat.SessionRevoked:
		user, _ := t.stream.User()
		for _, c := range h.conns(user) {
			if len(e.Sessions) == 0 || slices.Contains(e.Sessions, c.session) {
				c.Close(Revoked)
			}
		}
	case chat.UserUpdated:
		h.Hides(e.User.ID, e.User.HidesPresence)
		for _, c := range h.conns(e.User.ID) {
			if e.User.Disabled {
				c.Close(Revoked)
			} else if e.User.Role != c.role {
				c.Close(Changed)
			}
		}
	}
}

// detachUser detaches the connections of a person who has left the room. The
// topic is locked.
func (h *Hub) detachUser(t *topic, e *chat.Event) {
	now := h.cfg.Now()
	for i := len(t.conns) - 1; i >= 0; i-- {
		if c := t.conns[i]; c.user == e.Member.User {
			t.remove(c, now)
			c.recordLeave(e)
		}
	}
}
