package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/internal/chat"
)

// socket is one WebSocket. A goroutine reads it until it is over.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	hear func(method string, params json.RawMessage) // called by the goroutine
	over chan struct{}
	why  error // read after over

	out   sync.Mutex // held while a frame is written
	mu    sync.Mutex
	last  int64
	calls map[int64]*pending
}

type pending struct {
	take func(result json.RawMessage) // called by the goroutine that reads, before it reads on; may be nil
	done chan error
}

// refused is an answer that is an error.
type refused struct{ Code, Message string }

func (r refused) Error() string { return r.Code + ": " + r.Message }

// closed is a close frame.
type closed struct {
	Code   ws.StatusCode
	Reason string
}

func (c closed) Error() string { return fmt.Sprintf("closed with %d %s", c.Code, c.Reason) }

var errOver = errors.New("the socket is over")

func openSocket(ctx context.Context, url, token string, hear func(string, json.RawMessage)) (*socket, error) {
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}}), Timeout: 10 * time.Second}
	conn, early, _, err := d.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/api/v1/ws")
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, in: early, hear: hear, over: make(chan struct{}), calls: map[int64]*pending{}}
	if early == nil {
		s.in = bufio.NewReader(conn)
	}
	go s.read()
	return s, nil
}

func (s *socket) close() {
	s.conn.Close()
	<-s.over
}

func (s *socket) write(f ws.Frame) error {
	s.out.Lock()
	defer s.out.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	return ws.WriteFrame(s.conn, ws.MaskFrameInPlace(f))
}

func (s *socket) read() {
	for s.why == nil {
		s.why = s.frame()
	}
	s.conn.Close()
	s.mu.Lock()
	for _, p := range s.calls {
		p.done <- errOver
	}
	s.calls = nil
	s.mu.Unlock()
	close(s.over)
}

func (s *socket) frame() error {
	h, err := ws.ReadHeader(s.in)
	if err != nil {
		return err
	}
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(s.in, body); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return s.write(ws.NewPongFrame(body))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(body)
		return closed{code, reason}
	case ws.OpText:
	default:
		return nil
	}
	var f struct {
		ID     int64           `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Message string `json:"message"`
			Data    struct {
				Code string `json:"code"`
			} `json:"data"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	if f.Method != "" {
		s.hear(f.Method, f.Params)
		return nil
	}
	s.mu.Lock()
	p := s.calls[f.ID]
	delete(s.calls, f.ID)
	s.mu.Unlock()
	switch {
	case p == nil:
	case f.Error != nil:
		p.done <- refused{f.Error.Data.Code, f.Error.Message}
	default:
		if p.take != nil {
			p.take(f.Result)
		}
		p.done <- nil
	}
	return nil
}

// call asks, and returns when the answer was taken.
func (s *socket) call(ctx context.Context, method string, params any, take func(json.RawMessage)) error {
	p := &pending{take: take, done: make(chan error, 1)}
	s.mu.Lock()
	if s.calls == nil {
		s.mu.Unlock()
		return errOver
	}
	s.last++
	id := s.last
	s.calls[id] = p
	s.mu.Unlock()
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := s.write(ws.NewTextFrame(frame)); err != nil {
		return errOver
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

type jsonText = json.RawMessage

// fleet is the nodes of one chat.
type fleet struct {
	t     *testing.T
	store string
	args  []string

	mu    sync.Mutex
	nodes []*process
}

func startFleet(t *testing.T, n int, store string, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, store: store, args: append([]string{"--demo", "--max-sends=-1", "--max-calls=-1", "--max-logins=-1", "--drain=20s"}, args...)}
	for range n {
		f.add()
	}
	return f
}

// add starts one more.
func (f *fleet) add() *process { return f.addOn(f.store) }

// addOn starts one that reaches the store in its own way.
func (f *fleet) addOn(store string) *process {
	f.t.Helper()
	p := launch(f.t, f.t.TempDir(), append([]string{"--store", store}, f.args...)...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = append(f.nodes, p)
	return p
}

// remove has nobody come to a node any more.
func (f *fleet) remove(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = slices.DeleteFunc(slices.Clone(f.nodes), func(o *process) bool { return o == p })
}

func (f *fleet) node(i int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[i%len(f.nodes)]
}

// client is a program of a person: it follows everything, goes on at another node when its socket ends, and
// checks that each stream comes without a gap.
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

// arrive brings a client to the node, from where it goes on to the next when it must, and waits until it has synced.
func (f *fleet) arrive(token string, node int) *client {
	f.t.Helper()
	devices.Lock()
	devices.n++
	c := &client{
		t: f.t, f: f, token: token, device: fmt.Sprintf("device%d", devices.n),
		positions: map[chat.Stream]chat.Position{}, messages: map[chat.RoomID][]chat.Message{}, resyncs: map[chat.Stream]int{},
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
	for stream, p := range map[chat.Stream]chat.Position{chat.UserStream(c.me): r.UserPosition, chat.ServerStream: r.ServerPosition} {
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

// send keeps at it until the message is acknowledged, as a client's outbox does; false if ctx was done before, or if it
// was refused for good, which is a fault.
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

// chatter has the client send one message after the other, each until it is acknowledged, and returns what stops it.
func (c *client) chatter(room chat.RoomID) (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ok := true; ok && ctx.Err() == nil; {
			n := c.count()
			// What was begun is brought to its end, so that it is known what became of it.
			ok = c.send(c.t.Context(), room, fmt.Sprintf("%s-%d", c.device, n), fmt.Sprintf("%s says %d", c.device, n))
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

// history reads all messages of a room, and checks that their numbers are dense.
func (f *fleet) history(token string, room chat.RoomID) []chat.Message {
	f.t.Helper()
	var all []chat.Message
	for {
		var page struct {
			Messages []chat.Message `json:"messages"`
		}
		path := fmt.Sprintf("/rooms/%s/messages?limit=200&after=%d", room, len(all))
		if _, err := call(f.t.Context(), f.node(0).url, "GET", path, token, nil, &page); err != nil {
			f.t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			return all
		}
		for _, m := range page.Messages {
			if all = append(all, m); m.No != int64(len(all)) {
				f.t.Fatalf("message %d stands at %d", m.No, len(all))
			}
		}
	}
}

// check compares what the clients sent and heard in General with its history: each acknowledged message is there once, where it
// was acknowledged to be, in its sender's order, and everyone heard all of them.
func (f *fleet) check(clients ...*client) {
	f.t.Helper()
	all := f.history(clients[0].token, chat.GeneralID)
	ids := map[string]int{}
	for _, m := range all {
		ids[m.ClientID]++
	}
	for id, n := range ids {
		if n > 1 && strings.HasPrefix(id, "device") {
			f.t.Errorf("%s is there %d times", id, n)
		}
	}
	for _, c := range clients {
		soon(f.t, c.device+" to have heard everything", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			said := c.messages[chat.GeneralID]
			return len(said) == 0 && len(c.sent) == 0 || len(said) > 0 && said[len(said)-1].No >= all[len(all)-1].No
		})
		c.mu.Lock()
		var last int64
		for _, m := range c.sent {
			if m.No <= last {
				f.t.Errorf("%s: %d comes after %d", c.device, m.No, last)
			}
			if last = m.No; m.No > int64(len(all)) || all[m.No-1].ID != m.ID {
				f.t.Errorf("%s: %s was acknowledged as %d, which is another or none", c.device, m.ClientID, m.No)
			}
		}
		for i, m := range c.messages[chat.GeneralID] {
			if first := c.messages[chat.GeneralID][0].No; m.No != first+int64(i) || all[m.No-1].ID != m.ID {
				f.t.Errorf("%s heard %d as the %dth after %d", c.device, m.No, i, first)
			}
		}
		for _, fault := range c.faults {
			f.t.Errorf("%s: %s", c.device, fault)
		}
		c.mu.Unlock()
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
