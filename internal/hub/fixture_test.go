package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// jsonEncoder makes frames that tests read back, one line each.
type jsonEncoder struct{}

// said is one frame. Exactly one of the fields is set.
type said struct {
	Event   *chat.Event                   `json:",omitempty"`
	Signal  *chat.Signal                  `json:",omitempty"`
	Resumed *at                           `json:",omitempty"`
	Resync  *at                           `json:",omitempty"`
	Goodbye string                        `json:",omitempty"`
	Answer  *hub.Synced                   `json:",omitempty"`
	Given   map[chat.Stream]chat.Position `json:",omitempty"` // with the answer: what was asked
	Other   string                        `json:",omitempty"`
}

type at struct {
	Stream   chat.Stream
	Position chat.Position
}

func line(s said) hub.Bytes {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

func (jsonEncoder) Event(e *chat.Event) hub.Frame  { return line(said{Event: e}) }
func (jsonEncoder) Signal(s chat.Signal) hub.Frame { return line(said{Signal: &s}) }
func (jsonEncoder) Resumed(s chat.Stream, p chat.Position) hub.Frame {
	return line(said{Resumed: &at{s, p}})
}
func (jsonEncoder) Resync(s chat.Stream, p chat.Position) hub.Frame {
	return line(said{Resync: &at{s, p}})
}
func (jsonEncoder) Goodbye(reason string, _ time.Duration) hub.Frame {
	return line(said{Goodbye: reason})
}

// chaosBell loses, doubles, delays and reorders rings, as its seed says.
type chaosBell struct {
	mu   sync.Mutex
	rng  *rand.Rand
	ear  chat.Handler
	late []*chat.Event
	off  bool // loses everything
	calm bool // loses nothing
}

func newChaosBell(seed uint64) *chaosBell { return &chaosBell{rng: rand.New(rand.NewPCG(seed, 7))} }

func (b *chaosBell) Subscribe(context.Context, chat.Stream) error { return nil }
func (b *chaosBell) Unsubscribe(chat.Stream)                      {}
func (b *chaosBell) Signal(_ context.Context, s chat.Signal)      { b.ear.Signal(s) }

func (b *chaosBell) ring(e *chat.Event) {
	b.mu.Lock()
	if b.calm {
		b.mu.Unlock()
		b.ear.Event(e)
		return
	}
	var now []*chat.Event
	if !b.off {
		switch b.rng.IntN(6) {
		case 0: // lost
		case 1:
			now = append(now, e, e)
		case 2, 3:
			b.late = append(b.late, e)
		default:
			now = append(now, e)
		}
		if b.rng.IntN(4) == 0 {
			b.rng.Shuffle(len(b.late), func(i, j int) { b.late[i], b.late[j] = b.late[j], b.late[i] })
			now = append(now, b.late...)
			b.late = nil
		}
	}
	b.mu.Unlock()
	for _, e := range now {
		b.ear.Event(e)
	}
}

func (b *chaosBell) set(off, calm bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.off, b.calm = off, calm
}

// fixture is a hub over a model and a bell of chaos.
type fixture struct {
	t     testing.TB
	model *chattest.Model
	bell  *chaosBell
	roles *hub.LocalPresence
	*hub.Hub

	mu sync.Mutex
	n  int
}

func newFixture(t testing.TB, seed uint64, change func(*hub.Config)) *fixture {
	f := &fixture{t: t, bell: newChaosBell(seed)}
	f.model = chattest.NewModel(func(e *chat.Event) { f.bell.ring(e) })
	f.roles = hub.NewLocalPresence(f.bell)
	cfg := hub.Config{Log: f.model, Bell: f.bell, Presence: f.roles, Check: 2 * time.Millisecond,
		Linger: 20 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	f.Hub = hub.New(cfg)
	f.bell.ear = f.Hub
	t.Cleanup(func() {
		f.Hub.Close()
		f.roles.Close()
	})
	return f
}

func (f *fixture) change(s chat.Stream, op chat.Operation) chat.Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return chat.Change{Stream: s, ID: fmt.Sprintf("e%07d", f.n), At: time.Unix(int64(f.n), 0).UTC(), Op: op}
}

func (f *fixture) commit(changes ...chat.Change) []chat.Result {
	f.t.Helper()
	r, err := f.model.Commit(context.Background(), changes...)
	if err != nil {
		f.t.Error(err)
	}
	return r
}

func (f *fixture) create(room chat.RoomID, users ...chat.UserID) {
	f.t.Helper()
	f.commit(f.change(chat.RoomStream(room), chat.CreateRoom{Room: chat.Room{ID: room,
		Kind: chat.Private, Name: string(room)}}))
	for _, u := range users {
		f.enter(room, u)
	}
}

func (f *fixture) enter(room chat.RoomID, u chat.UserID) {
	m := chat.Member{User: u, Role: chat.RoomMember}
	f.commit(f.change(chat.RoomStream(room), chat.AddMember{Member: m}),
		f.change(chat.UserStream(u), chat.ListRoom{Room: room}))
}

func (f *fixture) exit(room chat.RoomID, u chat.UserID) {
	f.commit(f.change(chat.RoomStream(room), chat.RemoveMember{User: u}),
		f.change(chat.UserStream(u), chat.UnlistRoom{Room: room}))
}

func (f *fixture) send(room chat.RoomID, u chat.UserID, text string) chat.Event {
	c := f.change(chat.RoomStream(room), chat.CreateMessage{From: u, Text: text})
	c.By = u
	return f.commit(c)[0].Event
}

func (f *fixture) addUser(u chat.UserID) {
	f.commit(f.change(chat.ServerStream, chat.CreateUser{Account: chat.Account{
		User: chat.User{ID: u, Name: string(u), Role: chat.RoleMember}, NameKey: string(u)}}))
}

// eventually waits for a state that is certain to come.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// client is a door with one connection. It checks what is sent against the log,
// stream by stream, and keeps the positions that a client would hold.
type client struct {
	f    *fixture
	me   chat.UserID
	conn *hub.Conn
	wake chan struct{}
	done chan struct{}

	mu      sync.Mutex
	given   map[chat.Stream]chat.Position // with the last sync
	streams map[chat.Stream]*followed
	frames  []said
	faults  []string
	reason  hub.Reason
	stuck   chan struct{} // while open, nothing is taken
}

// followed is one stream as it was sent on the connection since the last sync
// or resync.
type followed struct {
	starts []chat.Position // places that were announced, after which events may begin
	last   *chat.Event     // sent
}

func (w *followed) begin(p chat.Position) {
	if w.last != nil && w.last.Seq >= p.Seq {
		return
	}
	w.starts = append(w.starts, p)
}

// position is what a client holds: the farthest it was told.
func (w *followed) position() (p chat.Position) {
	for _, s := range w.starts {
		if s.Seq >= p.Seq {
			p = s
		}
	}
	if w.last != nil && w.last.Seq >= p.Seq {
		p = w.last.Position()
	}
	return p
}

func (f *fixture) connect(me chat.UserID, session chat.SessionID) *client {
	f.t.Helper()
	return f.connectWith(me, session, 1<<20, nil)
}

func (f *fixture) connectWith(me chat.UserID, session chat.SessionID, limit int,
	stuck chan struct{}) *client {
	f.t.Helper()
	c := &client{f: f, me: me, wake: make(chan struct{}, 1), done: make(chan struct{}),
		streams: map[chat.Stream]*followed{}, stuck: stuck}
	c.conn = hub.NewConn(jsonEncoder{}, limit, func() {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
	who := chat.Caller{User: chat.User{ID: me, Role: chat.RoleMember}, Session: session}
	if err := f.Register(context.Background(), c.conn, who); err != nil {
		f.t.Fatal(err)
	}
	go c.drain()
	return c
}

// drain is the door's part: it takes frames while there are any, then sleeps
// until woken.
func (c *client) drain() {
	defer close(c.done)
	defer c.f.Unregister(c.conn)
	for range c.wake {
		if c.stuck != nil {
			<-c.stuck
		}
		for {
			buf, why := c.conn.Next(nil, 4<<10)
			if len(buf) == 0 {
				if why != hub.Open {
					c.mu.Lock()
					c.reason = why
					c.mu.Unlock()
					return
				}
				break
			}
			c.apply(buf)
		}
	}
}

func (c *client) apply(buf []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dec := json.NewDecoder(bytes.NewReader(buf))
	for {
		var s said
		if dec.Decode(&s) != nil {
			return
		}
		c.frames = append(c.frames, s)
		switch {
		case s.Answer != nil:
			c.streams, c.given = map[chat.Stream]*followed{}, s.Given
			for stream, p := range c.given {
				c.stream(stream).begin(p)
			}
			c.stream(chat.UserStream(c.me)).begin(s.Answer.User)
			c.stream(chat.ServerStream).begin(s.Answer.Server)
			for _, v := range s.Answer.Rooms {
				c.stream(chat.RoomStream(v.ID)).begin(v.Position)
			}
			for _, gone := range s.Answer.Gone {
				delete(c.streams, gone)
			}
		case s.Resync != nil:
			c.streams[s.Resync.Stream] = &followed{starts: []chat.Position{s.Resync.Position}}
		case s.Resumed != nil:
			w := c.stream(s.Resumed.Stream)
			is := c.given[s.Resumed.Stream]
			if w.last != nil {
				is = w.last.Position()
			}
			if is.Seq != s.Resumed.Position.Seq {
				c.fault("resumed %s at %d, being at %d", s.Resumed.Stream, s.Resumed.Position.Seq, is.Seq)
			}
		case s.Event != nil:
			c.event(s.Event)
		}
	}
}

func (c *client) stream(s chat.Stream) *followed {
	if c.streams[s] == nil {
		c.streams[s] = &followed{}
	}
	return c.streams[s]
}

func (c *client) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// event takes one event, and notes whatever should not have been: it follows
// the event before, or, as the first or after the person had left, a place that
// was announced.
func (c *client) event(e *chat.Event) {
	w := c.stream(e.Stream)
	left := w.last != nil && w.last.Kind == chat.MemberLeft && w.last.Member.User == c.me
	switch {
	case w.last != nil && e.Follows(w.last.Position()):
	case (w.last == nil || left) && slices.ContainsFunc(w.starts, e.Follows):
	case w.last != nil:
		c.fault("%s %d of %s after %s %d; starts %v", e.Kind, e.Seq, e.Stream, w.last.Kind,
			w.last.Seq, w.starts)
	default:
		c.fault("%s %d of %s at the start; starts %v", e.Kind, e.Seq, e.Stream, w.starts)
	}
	w.last = e
	w.starts = slices.DeleteFunc(w.starts, func(p chat.Position) bool { return p.Seq < e.Seq })
	if e.Kind == chat.RoomJoined {
		c.stream(chat.RoomStream(e.View.ID)).begin(e.View.Position)
	}
}

// positions is what the client comes back with.
func (c *client) positions() map[chat.Stream]chat.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := map[chat.Stream]chat.Position{}
	for s, w := range c.streams {
		if p := w.position(); p.Epoch != "" {
			held[s] = p
		}
	}
	return held
}

// sync asks for everything, with the positions the client holds, or afresh.
func (c *client) sync(positions map[chat.Stream]chat.Position) error {
	return c.f.Sync(context.Background(), c.conn, hub.Sync{
		Positions: positions, Server: true,
		Views:  func(ctx context.Context) ([]chat.RoomView, error) { return c.f.model.Views(ctx, c.me) },
		Answer: func(s hub.Synced) hub.Frame { return line(said{Answer: &s, Given: positions}) },
	})
}

func (c *client) mustSync(positions map[chat.Stream]chat.Position) {
	c.f.t.Helper()
	if err := c.sync(positions); err != nil {
		c.f.t.Fatal(err)
	}
}

func (c *client) position(s chat.Stream) chat.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s] == nil {
		return chat.Position{}
	}
	return c.streams[s].position()
}

func (c *client) closed() hub.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

func (c *client) close() {
	c.conn.Close(hub.Finished)
	<-c.done
}

// reaches waits until the client has come to the head of a stream.
func (c *client) reaches(s chat.Stream) {
	c.f.t.Helper()
	heads, err := c.f.model.Heads(context.Background(), s)
	if err != nil {
		c.f.t.Fatal(err)
	}
	eventually(c.f.t, fmt.Sprintf("%s to come to %d of %s", c.me, heads[0].Seq, s), func() bool {
		return c.position(s).Seq >= heads[0].Seq || c.closed() != hub.Open
	})
}

func (c *client) noFaults() {
	c.f.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, fault := range c.faults[:min(5, len(c.faults))] {
		c.f.t.Errorf("%s: %s", c.me, fault)
	}
}
