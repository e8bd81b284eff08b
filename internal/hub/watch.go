package hub

import (
	"context"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Everyone stands for all people in Watch.
const Everyone chat.UserID = ""

// watch is whom a connection watches. It is guarded by the hub's watchMu.
type watch struct {
	conn      *Conn
	audiences []*audience
	answered  bool
	held      []chat.Signal // what came before the answer
}

// audience is who watches one person.
type audience struct {
	user    chat.UserID
	watches map[*watch]struct{}
}

// Watch replaces whom the connection is told of when they come and go. It sends
// what answer makes of those who are online, and later changes after that.
func (h *Hub) Watch(ctx context.Context, c *Conn, users []chat.UserID,
	answer func(online []chat.UserID) Frame) error {
	w := h.setWatch(c, users)
	online, err := []chat.UserID{}, error(nil)
	if len(users) > 0 { // read last: who comes meanwhile is told of later
		online, err = h.cfg.Presence.Online(ctx, users)
	}
	h.watchMu.Lock()
	defer h.watchMu.Unlock()
	if err != nil {
		if h.watches[c] == w {
			h.unwatch(c)
		}
		return err
	}
	c.push(answer(online), reply)
	for _, s := range w.held {
		c.push(c.encoder.Signal(s), signal)
	}
	w.answered, w.held = true, nil
	return nil
}

func (h *Hub) setWatch(c *Conn, users []chat.UserID) *watch {
	h.watchMu.Lock()
	defer h.watchMu.Unlock()
	h.unwatch(c)
	w := &watch{conn: c, audiences: make([]*audience, 0, len(users))}
	if len(users) == 0 || c.Closed() != Open { // Unregister might have been before
		return w
	}
	for _, user := range users {
		a := h.audiences[user]
		if a == nil {
			a = &audience{user: user, watches: map[*watch]struct{}{}}
			h.audiences[user] = a
		}
		a.watches[w] = struct{}{}
		w.audiences = append(w.audiences, a)
	}
	h.watches[c] = w
	return w
}

// unwatch ends what the connection watches. watchMu is held.
func (h *Hub) unwatch(c *Conn) {
	w := h.watches[c]
	if w == nil {
		return
	}
	delete(h.watches, c)
	for _, a := range w.audiences {
		if delete(a.watches, w); len(a.watches) == 0 {
			delete(h.audiences, a.user)
		}
	}
}

// News of who comes and goes is collected for gatherFor, or longer where many
// watch: a write costs some 10 µs. When thousands reconnect at once after a
// restart, it takes a fifth of a processor at most.
const (
	gatherFor  = 100 * time.Millisecond
	gatherEach = 50 * time.Microsecond
)

// gatherPresence notes who comes or goes, if someone here wants to know, in
// place of what was noted of them before.
func (h *Hub) gatherPresence(s chat.Signal) {
	h.watchMu.Lock()
	defer h.watchMu.Unlock()
	if h.audiences[s.User] == nil && h.audiences[Everyone] == nil {
		return
	}
	if h.gathered == nil {
		h.gathered = map[chat.UserID]bool{}
		wait := max(gatherFor, time.Duration(len(h.watches))*gatherEach)
		h.spawn(func() { h.tellPresence(wait) })
	}
	h.gathered[s.User] = s.Online
}

func (h *Hub) tellPresence(wait time.Duration) {
	select {
	case <-time.After(wait):
	case <-h.ctx.Done():
	}
	h.watchMu.Lock()
	defer h.watchMu.Unlock()
	for user, online := range h.gathered {
		s := chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: user, Online: online}
		var all frames
		for _, a := range []*audience{h.audiences[user], h.audiences[Everyone]} {
			if a == nil {
				continue
			}
			for w := range a.watches {
				if !w.answered {
					w.held = append(w.held, s)
					continue
				}
				c := w.conn
				c.push(all.get(c.encoder, func() Frame { return c.encoder.Signal(s) }), signal)
			}
		}
	}
	h.gathered = nil
}
