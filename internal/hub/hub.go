package hub

import (
	"context"
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

// Presence tracks who is connected to this node, and knows who is online on all
// nodes.
type Presence interface {
	chat.OnlineUsers
	Enter(ctx context.Context, user chat.UserID) // the first connection on this node
	Leave(ctx context.Context, user chat.UserID) // the last connection has ended
}

// Config is what a hub is made of.
type Config struct {
	Log      Log
	Bell     chat.Bell
	Presence Presence

	// Check is how often the heads of all topics are checked for missed events.
	// Default a second; negative for a bell that loses nothing.
	Check time.Duration
	// Linger is how long a topic stays open without connections; default 30 s.
	Linger time.Duration
	// MaxConns and MaxUserConns bound the connections in total and per person;
	// default 100,000 and 50.
	MaxConns, MaxUserConns int
	// Left, if not nil, is called when a person's last connection to this node
	// has ended, and when they begin to hide. It must not block.
	Left func(chat.UserID)
	// Resumes bounds how many connections read the store at once to catch up;
	// default 16.
	Resumes int

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// Stats are counters since the start.
type Stats struct {
	Conns     int64 // open now
	Topics    int64 // open now
	Delivered int64 // events delivered to topics, each counted once
	Repairs   int64 // gaps read from the store
	Resyncs   int64 // resyncs sent
	Resumes   int64 // streams resumed without a resync
}

// Hub delivers events to one node's live connections. It is a chat.Handler.
type Hub struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	gate   chan struct{} // a slot for each resume that reads the store

	workersMu sync.Mutex // nothing is locked while it is held
	workers   sync.WaitGroup
	closed    bool // no more workers are started

	mu     sync.Mutex // locked before a topic's
	topics map[chat.Stream]*topic

	usersMu  sync.Mutex // nothing is locked while it is held
	users    map[chat.UserID]*userConns
	count    int
	draining bool
	emptied  chan struct{} // closed after the last connection has ended, while draining
	finish   []func(context.Context)

	presenceMu sync.Mutex // held while Presence is called; locked before usersMu

	watchMu   sync.Mutex // locked before a connection's
	watches   map[*Conn]*watch
	audiences map[chat.UserID]*audience // of all people who are watched
	gathered  map[chat.UserID]bool      // who came or went, to be told soon; nil if no one

	delivered, repairs, resyncs, resumes atomic.Int64
}

// ErrFull is returned by Register when the limit of connections is reached.
var ErrFull = &chat.Error{Code: chat.CodeRateLimited,
	Message: "Too many connections. Close some and try again.", RetryAfter: time.Minute}

// ErrStopping is returned by Register once the hub stops.
var ErrStopping = &chat.Error{Code: chat.CodeUnavailable,
	Message: "The server is restarting. Try again in a moment.", RetryAfter: time.Second}

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
	h := &Hub{cfg: cfg, gate: make(chan struct{}, cfg.Resumes), topics: map[chat.Stream]*topic{},
		users: map[chat.UserID]*userConns{}, watches: map[*Conn]*watch{},
		audiences: map[chat.UserID]*audience{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.spawn(h.maintain)
	return h
}

// Close ends the hub's own goroutines and waits for them. All connections
// should have ended before.
func (h *Hub) Close() {
	h.workersMu.Lock()
	h.closed = true
	h.workersMu.Unlock()
	h.cancel()
	h.workers.Wait()
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	topics := len(h.topics)
	h.mu.Unlock()
	h.usersMu.Lock()
	conns := h.count
	h.usersMu.Unlock()
	return Stats{Conns: int64(conns), Topics: int64(topics), Delivered: h.delivered.Load(),
		Repairs: h.repairs.Load(), Resyncs: h.resyncs.Load(), Resumes: h.resumes.Load()}
}

// Register adds a person's connection, which may then Sync. From then on,
// ending the session closes the connection. Callers must check the session
// again after Register, in case it ended in between. Call Unregister after a
// success. After an error the connection is unchanged.
func (h *Hub) Register(ctx context.Context, c *Conn, who chat.Caller) error {
	if err := who.May(chat.ScopeRead); err != nil {
		return err
	}
	c.user, c.session, c.role = who.User.ID, who.Session, who.User.Role
	if err := h.admit(c, who.User); err != nil {
		return err
	}
	for _, s := range []chat.Stream{chat.UserStream(c.user), chat.ServerStream} {
		t, err := h.acquireTopic(ctx, s)
		if err != nil {
			h.unregister(c)
			return err
		}
		c.watched = append(c.watched, t)
	}
	return nil
}

func (h *Hub) admit(c *Conn, who chat.User) error {
	h.usersMu.Lock()
	p := h.users[c.user]
	switch {
	case h.draining:
		h.usersMu.Unlock()
		return ErrStopping
	case h.count >= h.cfg.MaxConns || p != nil && len(p.conns) >= h.cfg.MaxUserConns:
		h.usersMu.Unlock()
		return ErrFull
	}
	first := p == nil
	if first {
		p = &userConns{hides: who.HidesPresence}
		h.users[c.user] = p
	}
	h.count++
	p.conns = append(p.conns, c)
	h.usersMu.Unlock()
	c.setOwner(p)
	if first && !who.HidesPresence {
		h.updatePresence(c.user)
	}
	return nil
}

// Unregister closes and removes a registered connection.
func (h *Hub) Unregister(c *Conn) {
	c.Close(Finished)
	c.attachMu.Lock() // once closed it is not attached any more
	h.detachAll(c)
	c.attachMu.Unlock()
	h.unregister(c)
}

// unregister undoes Register.
func (h *Hub) unregister(c *Conn) {
	for _, t := range c.watched {
		h.releaseTopic(t)
	}
	c.watched = nil
	c.setOwner(nil)
	h.watchMu.Lock()
	h.unwatch(c)
	h.watchMu.Unlock()
	h.usersMu.Lock()
	p := h.users[c.user]
	i := -1
	if p != nil {
		i = slices.Index(p.conns, c)
	}
	if i < 0 {
		h.usersMu.Unlock()
		return
	}
	p.conns = slices.Delete(p.conns, i, i+1)
	last := len(p.conns) == 0 && !p.hides
	if len(p.conns) == 0 {
		delete(h.users, c.user)
	}
	if h.count--; h.count == 0 && h.emptied != nil {
		close(h.emptied)
		h.emptied = nil
	}
	h.usersMu.Unlock()
	if last {
		h.updatePresence(c.user)
	}
}

// updatePresence reports the person's current presence. Reading it under the
// lock keeps the order right when one connection starts while another ends, as
// in a page reload. People who hide are nowhere online.
func (h *Hub) updatePresence(user chat.UserID) {
	h.presenceMu.Lock()
	defer h.presenceMu.Unlock()
	h.usersMu.Lock()
	p := h.users[user]
	here := p != nil && !p.hides
	h.usersMu.Unlock()
	if here {
		h.cfg.Presence.Enter(h.ctx, user)
		return
	}
	h.cfg.Presence.Leave(h.ctx, user)
	if h.cfg.Left != nil {
		h.cfg.Left(user)
	}
}

// Hides says whether a person who is connected hides that they are, and returns
// whether that is new.
func (h *Hub) Hides(user chat.UserID, hides bool) bool {
	h.usersMu.Lock()
	p := h.users[user]
	changed := p != nil && p.hides != hides
	if changed {
		p.hides = hides
	}
	h.usersMu.Unlock()
	if changed {
		h.updatePresence(user)
	}
	return changed
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
	if p := h.users[user]; p != nil {
		return slices.Clone(p.conns)
	}
	return nil
}

// BeforeClosing registers a function that Drain calls after the goodbyes and
// before connections are closed, so that transports can finish requests. It
// must return when its context ends. Call it before Drain.
func (h *Hub) BeforeClosing(finish func(context.Context)) {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	h.finish = append(h.finish, finish)
}

// Drain refuses new connections, sends goodbyes with a random delay around
// retry, lets transports finish, and closes the connections once their queues
// are written. It returns when all have ended or ctx is done.
func (h *Hub) Drain(ctx context.Context, retry time.Duration) error {
	h.usersMu.Lock()
	h.draining = true
	var all []*Conn
	for _, p := range h.users {
		all = append(all, p.conns...)
	}
	finish := h.finish
	var emptied chan struct{}
	if h.count > 0 {
		emptied = make(chan struct{})
		h.emptied = emptied
	}
	h.usersMu.Unlock()
	for _, c := range all {
		c.push(c.encoder.Goodbye("the server is stopping", retry/2+rand.N(retry)), reply)
	}
	for _, f := range finish {
		f(ctx)
	}
	for _, c := range all {
		c.Close(Restart)
	}
	if emptied == nil {
		return nil
	}
	select {
	case <-emptied:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
