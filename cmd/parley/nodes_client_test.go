package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/chat"
)

// participant is a program of a person: it follows everything, goes on at
// another node when its connection ends, and checks that each stream comes
// without a gap.
type participant struct {
	t             *testing.T
	f             *fleet
	token, device string
	me            chat.UserID
	cancel        context.CancelFunc
	done          sync.WaitGroup

	mu        sync.Mutex
	conn      *client.Conn // nil while there is none that has synced
	synced    int
	ends      []error
	positions map[chat.Stream]chat.Position
	messages  map[chat.RoomID][]chat.Message // that events brought, since the last resync
	events    []chat.Event                   // that are not messages
	signals   []chat.Signal
	resyncs   map[chat.Stream]int
	faults    []string
	sent      []chat.Message // to General and acknowledged, in the order in which they were sent
	slowest   time.Duration  // answer to a send
	away      int            // sends that were refused as unavailable
}

var devices struct {
	sync.Mutex
	n int
}

// arrive brings a client to the node, from where it goes on to the next when it
// must, and waits until it has synced.
func (f *fleet) arrive(token string, node int) *participant {
	f.t.Helper()
	devices.Lock()
	devices.n++
	c := &participant{
		t: f.t, f: f, token: token, device: fmt.Sprintf("device%d", devices.n),
		positions: map[chat.Stream]chat.Position{}, messages: map[chat.RoomID][]chat.Message{},
		resyncs: map[chat.Stream]int{},
	}
	devices.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.run(ctx, node) })
	f.t.Cleanup(c.leave)
	soon(f.t, "a client to sync", c.here)
	return c
}

func (c *participant) leave() {
	c.cancel()
	c.done.Wait()
}

// watch asks to be told when people come and go, over the connection that there
// is.
func (c *participant) watch(users ...chat.UserID) {
	c.t.Helper()
	c.must("presence.watch", map[string]any{"users": users}, nil)
}

func (c *participant) here() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

func (c *participant) run(ctx context.Context, node int) {
	for ; ctx.Err() == nil; node++ {
		if err := c.visit(ctx, c.f.node(node)); err != nil && ctx.Err() == nil {
			c.mu.Lock()
			c.ends = append(c.ends, err)
			c.mu.Unlock()
		}
		select {
		case <-time.After(20 * time.Millisecond): // between attempts
		case <-ctx.Done():
		}
	}
}

// visit is one connection, from its beginning to its end.
func (c *participant) visit(ctx context.Context, p *process) error {
	web, err := client.New(client.Config{URL: p.URL, Token: c.token})
	if err != nil {
		return err
	}
	conn, err := web.Dial(ctx, c.receive)
	if err != nil {
		return err
	}
	defer conn.Abort()
	asking, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	c.mu.Lock()
	from := maps.Clone(c.positions)
	c.mu.Unlock()
	if _, err := conn.Sync(asking, c.device, from); err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.synced++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.conn = nil
		c.mu.Unlock()
	}()
	select {
	case <-conn.Done():
		return conn.Err()
	case <-ctx.Done():
		return nil
	}
}

func (c *participant) receive(u client.Update) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case u.State != nil:
		c.begin(u.State)
	case u.Event != nil:
		c.event(*u.Event)
	case u.Signal != nil:
		c.signals = append(c.signals, *u.Signal)
	case u.Resumed != nil:
		if is := c.positions[u.Resumed.Stream]; is.Seq != u.Resumed.Position.Seq {
			c.fault("%s is resumed at %d, being at %d", u.Resumed.Stream, u.Resumed.Position.Seq, is.Seq)
		}
	case u.Resync != nil:
		c.resyncs[u.Resync.Stream]++
		c.positions[u.Resync.Stream] = u.Resync.Position
		if room, ok := u.Resync.Stream.Room(); ok {
			delete(c.messages, room)
		}
	}
}

// begin takes the answer to a sync.
func (c *participant) begin(s *client.State) {
	c.me = s.User.ID
	if _, ok := c.positions[chat.UserStream(c.me)]; !ok {
		c.positions[chat.UserStream(c.me)] = s.UserPosition
	}
	if _, ok := c.positions[chat.ServerStream]; !ok && s.ServerPosition != nil {
		c.positions[chat.ServerStream] = *s.ServerPosition
	}
	for _, v := range s.Rooms {
		c.positions[chat.RoomStream(v.ID)] = v.Position
	}
	for _, s := range s.Gone {
		delete(c.positions, s)
	}
}

func (c *participant) event(e chat.Event) {
	if at := c.positions[e.Stream]; !e.Follows(at) {
		c.fault("%s %d of %s does not follow %+v", e.Kind, e.Seq, e.Stream, at)
	}
	c.positions[e.Stream] = e.Position()
	if e.Kind == chat.MessageCreated {
		c.messages[e.Message.Room] = append(c.messages[e.Message.Room], *e.Message)
		return
	}
	c.events = append(c.events, e)
	switch e.Kind {
	case chat.RoomJoined:
		c.positions[chat.RoomStream(e.View.ID)] = e.View.Position
	case chat.RoomLeft:
		delete(c.positions, chat.RoomStream(e.Left))
	}
}

func (c *participant) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// call asks over the connection that there is.
func (c *participant) call(method string, params, out any) error {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil {
		return client.ErrClosed
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 15*time.Second)
	defer cancel()
	return conn.Call(ctx, method, params, out)
}

func (c *participant) must(method string, params, out any) {
	c.t.Helper()
	if err := c.call(method, params, out); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// send keeps at it until the message is acknowledged, as a client's outbox
// does; false if ctx was done before, or if it was refused for good, which is a
// fault.
func (c *participant) send(ctx context.Context, room chat.RoomID, id, text string) bool {
	for ctx.Err() == nil {
		var m chat.Message
		begin := time.Now()
		err := c.call("message.send", map[string]any{"room": room, "text": text, "client_id": id}, &m)
		c.mu.Lock()
		switch {
		case err == nil:
			if room == chat.GeneralID {
				c.sent = append(c.sent, m)
			}
			c.slowest = max(c.slowest, time.Since(begin))
			c.mu.Unlock()
			return true
		case errors.Is(err, client.ErrUnavailable):
			c.away++
			c.slowest = max(c.slowest, time.Since(begin))
		case !errors.Is(err, client.ErrClosed) && !isLost(err) && c.t.Context().Err() == nil:
			c.fault("send %s: %v", id, err)
			c.mu.Unlock()
			return false
		}
		c.mu.Unlock()
		time.Sleep(20 * time.Millisecond) // between attempts
	}
	return false
}

// isLost reports whether the connection broke before the answer came.
func isLost(err error) bool {
	return errors.Is(err, client.ErrUnconfirmed) && !errors.Is(err, context.DeadlineExceeded)
}

// chatter has the client send one message after the other, each until it is
// acknowledged, and returns what stops it.
func (c *participant) chatter(room chat.RoomID) (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ok := true; ok && ctx.Err() == nil; {
			n := c.count()
			// What was begun is brought to its end, so that it is known what
			// became of it.
			ok = c.send(c.t.Context(), room, fmt.Sprintf("%s-%d", c.device, n),
				fmt.Sprintf("%s says %d", c.device, n))
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

func (c *participant) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent)
}

func (c *participant) heard(room chat.RoomID, text string) func() bool {
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.ContainsFunc(c.messages[room], func(m chat.Message) bool { return m.Text == text })
	}
}

func (c *participant) signalled(want chat.Signal) func() bool {
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.Contains(c.signals, want)
	}
}

// soon waits for a state that is certain to come.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, 30*time.Second, what, is)
}

func within(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", limit, what)
		}
	}
}
