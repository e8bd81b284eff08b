package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// client is a program of a person: it follows everything, goes on at another
// node when its socket ends, and checks that each stream comes without a gap.
type client struct {
	t             *testing.T
	f             *fleet
	token, device string
	me            chat.UserID
	cancel        context.CancelFunc
	done          sync.WaitGroup

	mu        sync.Mutex
	socket    *socket // nil while there is none that has synced
	synced    int
	ends      []error
	positions map[chat.Stream]chat.Position
	messages  map[chat.RoomID][]chat.Message // that events brought, since the last resync
	events    []chat.Event                   // that are not messages
	signals   []chat.Signal
	resyncs   map[chat.Stream]int
	online    []chat.UserID // as of the last sync
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
func (f *fleet) arrive(token string, node int) *client {
	f.t.Helper()
	devices.Lock()
	devices.n++
	c := &client{
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

func (c *client) leave() {
	c.cancel()
	c.done.Wait()
}

func (c *client) here() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.socket != nil
}

func (c *client) run(ctx context.Context, node int) {
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

// visit is one socket, from its beginning to its end.
func (c *client) visit(ctx context.Context, p *process) error {
	s, err := openSocket(ctx, p.url, c.token, c.hear)
	if err != nil {
		return err
	}
	defer s.close()
	asking, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	c.mu.Lock()
	params := map[string]any{"device": c.device, "positions": c.positions}
	c.mu.Unlock()
	if err := s.call(asking, "sync", params, c.take); err != nil {
		return err
	}
	c.mu.Lock()
	c.socket = s
	c.synced++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.socket = nil
		c.mu.Unlock()
	}()
	select {
	case <-s.over:
		return s.why
	case <-ctx.Done():
		return nil
	}
}

// take takes the answer to a sync.
func (c *client) take(result json.RawMessage) {
	var r struct {
		User           chat.User       `json:"user"`
		UserPosition   chat.Position   `json:"user_position"`
		ServerPosition chat.Position   `json:"server_position"`
		Rooms          []chat.RoomView `json:"rooms"`
		Gone           []chat.Stream   `json:"gone"`
		Online         []chat.UserID   `json:"online"`
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := json.Unmarshal(result, &r); err != nil {
		c.fault("sync: %v", err)
		return
	}
	c.me, c.online = r.User.ID, r.Online
	for stream, p := range map[chat.Stream]chat.Position{chat.UserStream(c.me): r.UserPosition,
		chat.ServerStream: r.ServerPosition} {
		if _, ok := c.positions[stream]; !ok {
			c.positions[stream] = p
		}
	}
	for _, v := range r.Rooms {
		c.positions[chat.RoomStream(v.ID)] = v.Position
	}
	for _, s := range r.Gone {
		delete(c.positions, s)
	}
}

func (c *client) hear(method string, params json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	switch method {
	case "event":
		var e chat.Event
		if err = json.Unmarshal(params, &e); err == nil {
			c.event(e)
		}
	case "signal":
		var s chat.Signal
		err = json.Unmarshal(params, &s)
		c.signals = append(c.signals, s)
	case "resync", "resumed":
		var at struct {
			Stream   chat.Stream   `json:"stream"`
			Position chat.Position `json:"position"`
		}
		err = json.Unmarshal(params, &at)
		if method == "resumed" {
			if is := c.positions[at.Stream]; is.Seq != at.Position.Seq {
				c.fault("%s is resumed at %d, being at %d", at.Stream, at.Position.Seq, is.Seq)
			}
			break
		}
		c.resyncs[at.Stream]++
		c.positions[at.Stream] = at.Position
		if room, ok := at.Stream.Room(); ok {
			delete(c.messages, room)
		}
	}
	if err != nil {
		c.fault("%s: %v", method, err)
	}
}

func (c *client) event(e chat.Event) {
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

func (c *client) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// call asks over the socket that there is.
func (c *client) call(method string, params, out any) error {
	c.mu.Lock()
	s := c.socket
	c.mu.Unlock()
	if s == nil {
		return errOver
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 15*time.Second)
	defer cancel()
	var bad error
	err := s.call(ctx, method, params, func(result json.RawMessage) {
		if out != nil {
			bad = json.Unmarshal(result, out)
		}
	})
	return errors.Join(err, bad)
}

func (c *client) must(method string, params, out any) {
	c.t.Helper()
	if err := c.call(method, params, out); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// send keeps at it until the message is acknowledged, as a client's outbox
// does; false if ctx was done before, or if it was refused for good, which is a
// fault.
func (c *client) send(ctx context.Context, room chat.RoomID, id, text string) bool {
	for ctx.Err() == nil {
		var m chat.Message
		begin := time.Now()
		err := c.call("message.send", map[string]any{"room": room, "text": text, "client_id": id}, &m)
		c.mu.Lock()
		no, isRefused := errors.AsType[refused](err)
		switch {
		case err == nil:
			if room == chat.GeneralID {
				c.sent = append(c.sent, m)
			}
			c.slowest = max(c.slowest, time.Since(begin))
			c.mu.Unlock()
			return true
		case isRefused && no.Code == "unavailable":
			c.away++
			c.slowest = max(c.slowest, time.Since(begin))
		case !errors.Is(err, errOver) && c.t.Context().Err() == nil:
			c.fault("send %s: %v", id, err)
			c.mu.Unlock()
			return false
		}
		c.mu.Unlock()
		time.Sleep(20 * time.Millisecond) // between attempts
	}
	return false
}

// chatter has the client send one message after the other, each until it is
// acknowledged, and returns what stops it.
func (c *client) chatter(room chat.RoomID) (stop func()) {
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

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent)
}

func (c *client) heard(room chat.RoomID, text string) func() bool {
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.ContainsFunc(c.messages[room], func(m chat.Message) bool { return m.Text == text })
	}
}

func (c *client) signalled(want chat.Signal) func() bool {
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
