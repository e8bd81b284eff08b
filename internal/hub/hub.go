package hub

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Log is what the hub reads of the store.
type Log interface {
	Heads(ctx context.Context, streams ...chat.Stream) ([]chat.Head, error)
	Events(ctx context.Context, s chat.Stream, after chat.Position, limit int) ([]chat.Event, error)
	Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Member, error)
}

// Presence is told who is here, and knows who is online on all nodes.
type Presence interface {
	chat.Roster
	Enter(ctx context.Context, user chat.UserID) // the first connection on this node
	Leave(ctx context.Context, user chat.UserID) // the last one is gone
}

// Config is what a hub is made of.
type Config struct {
	Log      Log
	Bell     chat.Bell
	Presence Presence

	// Check is how often the heads of all topics are looked at, to find rings that were lost at the end.
	// Default a second; negative for a bell that loses nothing.
	Check time.Duration
	// Linger is how long a topic stays open after the last connection has left it; default 30 s.
	Linger time.Duration
	// MaxConns and MaxUserConns bound the connections, in all and of one person; default 100,000 and 50.
	MaxConns, MaxUserConns int
	// Resumes bounds how many connections read the store at once to catch up; default 16.
	Resumes int

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// Stats counts what happened since the start.
type Stats struct {
	Conns     int64 // open now
	Topics    int64 // open now
	Delivered int64 // events given to topics, each once however many connections follow
	Repairs   int64 // gaps read from the store
	Resyncs   int64 // streams that had to be fetched anew, per connection
	Resumes   int64 // streams resumed, per connection
}

// Hub is one node's live connections. It is a chat.Ear.
type Hub struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	gate   chan struct{} // a place for each resume that reads the store

	mu     sync.Mutex // locked before a topic's
	topics map[chat.Stream]*topic

	usersMu  sync.Mutex // nothing is locked while it is held
	users    map[chat.UserID][]*Conn
	count    int
	draining bool

	delivered, repairs, resyncs, resumes atomic.Int64
}

// ErrFull is returned by Register where no connection more is allowed.
var ErrFull = &chat.Error{Code: chat.CodeRateLimited, Message: "too many connections: close some and try again", RetryAfter: time.Minute}

// ErrStopping is returned by Register once the hub stops.
var ErrStopping = &chat.Error{Code: chat.CodeUnavailable, Message: "the server is stopping: come back in a moment", RetryAfter: time.Second}

// New returns a hub. Close must be called.
func New(cfg Config) *Hub {
	if cfg.Check == 0 {
		cfg.Check = time.Second
	}
	if cfg.Linger == 0 {
		cfg.Linger = 30 * time.Second
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 100_000
	}
	if cfg.MaxUserConns == 0 {
		cfg.MaxUserConns = 50
	}
	if cfg.Resumes == 0 {
		cfg.Resumes = 16
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	h := &Hub{cfg: cfg, gate: make(chan struct{}, cfg.Resumes), topics: map[chat.Stream]*topic{}, users: map[chat.UserID][]*Conn{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.wg.Go(h.tend)
	return h
}

// Close ends the hub's own goroutines and waits for them. Connections should be gone by then.
func (h *Hub) Close() {
	h.cancel()
	h.wg.Wait()
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	topics := len(h.topics)
	h.mu.Unlock()
	h.usersMu.Lock()
	conns := h.count
	h.usersMu.Unlock()
	return Stats{Conns: int64(conns), Topics: int64(topics), Delivered: h.delivered.Load(), Repairs: h.repairs.Load(), Resyncs: h.resyncs.Load(), Resumes: h.resumes.Load()}
}

// Register takes in a person's connection, which may then Sync. From its return on, an end of its session closes the
// connection; whoever looked the session up before looks again after it. Unregister must follow a success.
func (h *Hub) Register(ctx context.Context, c *Conn, who chat.Caller) error {
	c.who = who
	if err := h.admit(c); err != nil {
		return err
	}
	for _, s := range []chat.Stream{chat.UserStream(c.who.User.ID), chat.ServerStream} {
		t, err := h.open(ctx, s)
		if err != nil {
			h.Unregister(c)
			return err
		}
		c.watched = append(c.watched, t)
	}
	return nil
}

func (h *Hub) admit(c *Conn) error {
	user := c.who.User.ID
	h.usersMu.Lock()
	switch {
	case h.draining:
		h.usersMu.Unlock()
		return ErrStopping
	case h.count >= h.cfg.MaxConns || len(h.users[user]) >= h.cfg.MaxUserConns:
		h.usersMu.Unlock()
		return ErrFull
	}
	h.count++
	h.users[user] = append(h.users[user], c)
	first := len(h.users[user]) == 1
	h.usersMu.Unlock()
	if first {
		h.cfg.Presence.Enter(h.ctx, user)
	}
	return nil
}

// Unregister lets go of a connection that was registered.
func (h *Hub) Unregister(c *Conn) {
	c.Close(Finished)
	h.detachAll(c)
	for _, t := range c.watched {
		h.leave(t)
	}
	c.watched = nil
	user := c.who.User.ID
	h.usersMu.Lock()
	i := slices.Index(h.users[user], c)
	if i < 0 {
		h.usersMu.Unlock()
		return
	}
	h.count--
	h.users[user] = slices.Delete(h.users[user], i, i+1)
	last := len(h.users[user]) == 0
	if last {
		delete(h.users, user)
	}
	h.usersMu.Unlock()
	if last {
		h.cfg.Presence.Leave(h.ctx, user)
	}
}

func (h *Hub) detachAll(c *Conn) {
	for _, t := range c.attachedTo() {
		t.mu.Lock()
		t.remove(c, h.cfg.Now())
		t.mu.Unlock()
	}
}

// conns returns the person's connections on this node.
func (h *Hub) conns(user chat.UserID) []*Conn {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	return slices.Clone(h.users[user])
}

// Drain refuses new connections, tells everyone to come back within about retry, and closes them when what was
// waiting for them is written. It returns when all are gone or ctx is done.
func (h *Hub) Drain(ctx context.Context, retry time.Duration) error {
	h.usersMu.Lock()
	h.draining = true
	var all []*Conn
	for _, conns := range h.users {
		all = append(all, conns...)
	}
	h.usersMu.Unlock()
	for _, c := range all {
		c.push(c.encoder.Goodbye("the server is stopping", retry/2+rand.N(retry)), false)
		c.Close(Restart)
	}
	for {
		h.usersMu.Lock()
		left := h.count
		h.usersMu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ring takes an event from the bell.
func (h *Hub) Ring(e *chat.Event) {
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

// Deaf takes the bell's word that rings may have been lost.
func (h *Hub) Deaf(s chat.Stream) {
	if t := h.topic(s); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		h.repair(t)
	}
}

// Signal takes a signal from the bell.
func (h *Hub) Signal(s chat.Signal) {
	t := h.topic(s.Stream)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var frames []frame
next:
	for _, c := range t.conns {
		for _, f := range frames {
			if f.encoder == c.encoder {
				c.push(f.bytes, true)
				continue next
			}
		}
		f := frame{c.encoder, c.encoder.Signal(s)}
		frames = append(frames, f)
		c.push(f.bytes, true)
	}
}

// topic returns the topic of a stream, nil if there is none.
func (h *Hub) topic(s chat.Stream) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topics[s]
}

// deliver moves a topic by the next event, and does what the event asks of the hub. The topic is locked.
func (h *Hub) deliver(t *topic, e *chat.Event) {
	t.advance(e)
	h.delivered.Add(1)
	switch e.Kind {
	case chat.MemberLeft:
		h.expel(t, e.Member.User)
	case chat.RoomJoined:
		for _, c := range t.conns {
			h.follow(c, e)
		}
	case chat.SessionRevoked:
		user, _ := t.stream.User()
		for _, c := range h.conns(user) {
			if slices.Contains(e.Sessions, c.who.Session) {
				c.Close(Revoked)
			}
		}
	case chat.UserUpdated:
		for _, c := range h.conns(e.User.ID) {
			if e.User.Disabled {
				c.Close(Revoked)
			} else if e.User.Role != c.who.User.Role {
				c.Close(Changed)
			}
		}
	}
}

// expel detaches the connections of somebody who has left the room. The topic is locked.
func (h *Hub) expel(t *topic, user chat.UserID) {
	now := h.cfg.Now()
	for i := len(t.conns) - 1; i >= 0; i-- {
		if t.conns[i].who.User.ID == user {
			t.remove(t.conns[i], now)
		}
	}
}

// repair reads the store from the cursor on, in one goroutine per topic. The topic is locked.
func (h *Hub) repair(t *topic) {
	if t.repairing || !t.open {
		t.again = true
		return
	}
	if h.ctx.Err() != nil {
		return
	}
	t.repairing = true
	t.users++ // so that it stays
	h.repairs.Add(1)
	h.wg.Go(func() {
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
			err := h.catchUp(h.ctx, t)
			t.mu.Lock()
			if err == nil && !t.again || h.ctx.Err() != nil {
				t.repairing = false
				t.leave(h.cfg.Now())
				t.mu.Unlock()
				return
			}
			t.again = false
			t.mu.Unlock()
			if err != nil {
				h.cfg.Logger.Warn("reading what was missed", "stream", t.stream, "error", err)
				select {
				case <-time.After(wait/2 + rand.N(wait)):
				case <-h.ctx.Done():
				}
			}
		}
	})
}

// readPage is how many events are read from the store at once.
const readPage = 200

// catchUp moves a topic's cursor to the head of its stream. The topic is not locked.
func (h *Hub) catchUp(ctx context.Context, t *topic) error {
	for {
		t.mu.Lock()
		at := t.cursor
		t.mu.Unlock()
		events, err := h.cfg.Log.Events(ctx, t.stream, at, readPage)
		if errors.Is(err, chat.ErrResync) {
			return h.restart(ctx, t, at)
		}
		if err != nil {
			return err
		}
		t.mu.Lock()
		for i := range events {
			if events[i].Follows(t.cursor) {
				h.deliver(t, &events[i])
			}
		}
		t.mu.Unlock()
		if len(events) < readPage {
			return nil
		}
	}
}

// restart puts a topic whose cursor the store cannot follow at the head of its stream, unless it has moved meanwhile.
func (h *Hub) restart(ctx context.Context, t *topic, from chat.Position) error {
	heads, err := h.cfg.Log.Heads(ctx, t.stream)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cursor != from {
		return nil
	}
	conns := slices.Clone(t.conns)
	for _, c := range conns {
		t.remove(c, h.cfg.Now())
	}
	t.cursor, t.ring, t.ringBytes = heads[0].Position, nil, 0
	if _, own := t.stream.User(); own {
		// Sessions may have been ended in what cannot be read any more.
		for _, c := range conns {
			c.Close(Changed)
		}
		return nil
	}
	h.spawn(func() {
		for _, c := range conns {
			h.settle(c, h.resync(h.ctx, c, t))
		}
	})
	return nil
}

// spawn runs f in a goroutine that Close waits for.
func (h *Hub) spawn(f func()) {
	if h.ctx.Err() == nil {
		h.wg.Go(f)
	}
}

// tend looks at the heads now and then, and closes topics that nobody uses.
func (h *Hub) tend() {
	every := h.cfg.Check
	if every < 0 {
		every = h.cfg.Linger
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			h.closeTopics(func(*topic) bool { return true })
			return
		case <-tick.C:
		}
		now := h.cfg.Now()
		h.closeTopics(func(t *topic) bool { return t.users == 0 && now.Sub(t.idle) >= h.cfg.Linger })
		if h.cfg.Check > 0 {
			h.checkHeads()
		}
	}
}

// closeTopics closes those for which which, called with the topic locked, says so.
func (h *Hub) closeTopics(which func(*topic) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for stream, t := range h.topics {
		t.mu.Lock()
		gone := t.open && which(t)
		t.mu.Unlock()
		if gone {
			delete(h.topics, stream)
			h.cfg.Bell.Unsubscribe(stream)
		}
	}
}

// checkHeads repairs the topics whose streams have moved on without a ring.
func (h *Hub) checkHeads() {
	h.mu.Lock()
	var open []*topic
	for _, t := range h.topics {
		open = append(open, t)
	}
	h.mu.Unlock()
	for part := range slices.Chunk(open, 500) {
		streams := make([]chat.Stream, len(part))
		for i, t := range part {
			streams[i] = t.stream
		}
		heads, err := h.cfg.Log.Heads(h.ctx, streams...)
		if err != nil {
			if h.ctx.Err() == nil {
				h.cfg.Logger.Warn("looking for lost rings", "error", err)
			}
			return
		}
		for i, t := range part {
			t.mu.Lock()
			if t.open && heads[i].Position != t.cursor {
				h.repair(t)
			}
			t.mu.Unlock()
		}
	}
}
