package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/wsclient"
)

// maxRequest is how many bytes a request over a WebSocket may have.
const maxRequest = 64 << 10

// Conn is one WebSocket. It ends when it breaks; a [Follower] comes back. Its
// methods may be called from several goroutines at a time.
type Conn struct {
	Actions
	socket  *wsclient.Conn
	receive func(u Update, size int) error
	alive   time.Duration // see Config.KeepAlive
	ended   chan struct{}
	err     error // why it ended; read after ended

	out   sync.Mutex // held while a request gets its id and is written
	mu    sync.Mutex
	last  int64
	calls map[int64]*pendingCall // nil once it has ended
}

// pendingCall waits for its answer.
type pendingCall struct {
	take func(result json.RawMessage) error // called before anything later is read; may be nil
	done func(error)                        // called once
}

// Dial opens a WebSocket. Everything that comes is given to receive, in order,
// from one goroutine that reads nothing else meanwhile; receive must not wait
// for an answer over the same connection. Call Sync to get events.
func (c *Client) Dial(ctx context.Context, receive func(Update)) (*Conn, error) {
	return c.dial(ctx, func(u Update, _ int) error {
		receive(u)
		return nil
	})
}

// dial is Dial for a receiver that is told how many bytes an update had, and
// that can end the connection with an error.
func (c *Client) dial(ctx context.Context, receive func(Update, int) error) (*Conn, error) {
	socket, err := wsclient.Dial(ctx, c.base+"/ws", wsclient.Options{Header: c.header(), TLS: c.cfg.TLS,
		DialContext: c.cfg.DialContext})
	if refused, ok := errors.AsType[*wsclient.HandshakeError](err); ok {
		return nil, refusal(refused.Status, refused.Header, refused.Body)
	}
	if err != nil {
		return nil, err
	}
	conn := &Conn{socket: socket, receive: receive, ended: make(chan struct{}),
		calls: map[int64]*pendingCall{}, alive: c.cfg.KeepAlive}
	conn.Actions.do = func(ctx context.Context, a action, in, out any) error {
		return conn.Call(ctx, a.name, in, out)
	}
	go conn.read()
	return conn, nil
}

// Sync asks for events from the given positions on, or from now on for streams
// without. The State is given to receive, before the first event, and returned.
func (c *Conn) Sync(ctx context.Context, device string, from map[Stream]Position) (State, error) {
	if from == nil {
		from = map[Stream]Position{} // null is refused
	}
	var state State
	err := c.call(ctx, "sync", map[string]any{"device": device, "positions": from},
		func(result json.RawMessage) error {
			if err := json.Unmarshal(result, &state); err != nil {
				return err
			}
			return c.receive(Update{State: &state}, len(result))
		})
	return state, err
}

// Watch replaces whom the connection is told of when they come and go: at most
// 500 people. Who of them is online is given to receive, before the first
// Signal of it, and returned.
func (c *Conn) Watch(ctx context.Context, users []UserID) (Watched, error) {
	var watched Watched
	err := c.call(ctx, "presence.watch", map[string]any{"users": slices.Concat([]UserID{}, users)},
		func(result json.RawMessage) error {
			if err := json.Unmarshal(result, &watched); err != nil {
				return err
			}
			return c.receive(Update{Watched: &watched}, len(result))
		})
	return watched, err
}

// Ping returns when everything that the server had sent before has been given
// to receive.
func (c *Conn) Ping(ctx context.Context) error { return c.Call(ctx, "ping", none{}, &none{}) }

// Call does an action by its name: one that this package does not know yet. The
// result goes into out, which may be nil.
func (c *Conn) Call(ctx context.Context, name string, in, out any) error {
	if out == nil {
		return c.call(ctx, name, in, nil)
	}
	return c.call(ctx, name, in, func(result json.RawMessage) error {
		return json.Unmarshal(result,
			out)
	})
}

func (c *Conn) call(ctx context.Context, name string, in any, take func(json.RawMessage) error) error {
	done := make(chan error, 1)
	if err := c.start(name, in, &pendingCall{take: take,
		done: func(err error) { done <- err }}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return unconfirmed(ctx.Err())
	}
}

// start sends a request. If it returns an error, the request was not sent and
// done is not called. Requests are sent in the order of the calls.
func (c *Conn) start(name string, in any, p *pendingCall) error {
	params, err := json.Marshal(in)
	if err != nil {
		return err
	}
	c.out.Lock()
	defer c.out.Unlock()
	c.mu.Lock()
	if c.calls == nil {
		c.mu.Unlock()
		return ErrClosed
	}
	c.last++
	id := c.last
	frame := make([]byte, 0, len(params)+len(name)+64)
	frame = append(frame, `{"jsonrpc":"2.0","id":`...)
	frame = strconv.AppendInt(frame, id, 10)
	frame = append(frame, `,"method":"`+name+`","params":`...)
	frame = append(append(frame, params...), '}')
	if len(frame) > maxRequest {
		c.mu.Unlock()
		return &Error{Code: CodeTooLarge, Message: fmt.Sprintf("a request has at most %d bytes",
			maxRequest)}
	}
	c.calls[id] = p
	c.mu.Unlock()
	// If this fails the connection ends, and read tells p.
	c.socket.Write(frame)
	return nil
}

// Close ends the connection and waits until receive is not called any more. It
// must not be called from receive.
func (c *Conn) Close() {
	c.socket.Goodbye()
	<-c.ended
}

// Abort is Close without telling the server, as when a cable is cut.
func (c *Conn) Abort() {
	c.socket.Close()
	<-c.ended
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.ended }

// Err returns why the connection ended, nil before that. A [*CloseError] is
// what the server said.
func (c *Conn) Err() error {
	select {
	case <-c.ended:
		return c.err
	default:
		return nil
	}
}

// read handles what comes until the connection ends.
func (c *Conn) read() {
	ping := time.AfterFunc(c.alive, func() {
		c.start("ping", none{}, &pendingCall{done: func(error) {}})
	})
	defer ping.Stop()
	var buf []byte
	for c.err == nil {
		ping.Reset(c.alive)
		c.socket.SetReadDeadline(time.Now().Add(2 * c.alive))
		if buf, c.err = c.socket.Read(buf[:0]); c.err == nil {
			c.err = c.handle(buf)
		}
		if cap(buf) > 64<<10 {
			buf = nil // a large answer is rare: its memory is not kept
		}
	}
	c.socket.Close()
	if end, ok := errors.AsType[*CloseError](c.err); ok &&
		(end.Code == closeRevoked || end.Code == closeExpired) {
		c.err = fmt.Errorf("%w: %w", ErrUnauthenticated, end)
	}
	c.mu.Lock()
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	for _, p := range calls {
		p.done(unconfirmed(c.err))
	}
	close(c.ended)
}

func (c *Conn) handle(message []byte) error {
	var f struct {
		ID     int64           `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  *rpcError       `json:"error"`
	}
	if err := json.Unmarshal(message, &f); err != nil {
		return fmt.Errorf("a message from the server: %w", err)
	}
	if f.Method != "" {
		u, err := decode(f.Method, f.Params)
		if err == nil && u != (Update{}) {
			err = c.receive(u, len(message))
		}
		return err
	}
	c.mu.Lock()
	p := c.calls[f.ID]
	delete(c.calls, f.ID)
	c.mu.Unlock()
	switch {
	case p == nil:
	case f.Error != nil:
		p.done(f.Error.error())
	case p.take != nil:
		p.done(p.take(f.Result))
	default:
		p.done(nil)
	}
	return nil
}

// decode makes an Update of a notification, the zero one of a notification that
// this package does not know.
func decode(method string, params json.RawMessage) (u Update, err error) {
	var into any
	switch method {
	case "event":
		u.Event = &Event{}
		into = u.Event
	case "signal":
		u.Signal = &Signal{}
		into = u.Signal
	case "resumed":
		u.Resumed = &StreamPosition{}
		into = u.Resumed
	case "resync":
		u.Resync = &StreamPosition{}
		into = u.Resync
	case "goodbye":
		u.Goodbye = &Goodbye{}
		into = u.Goodbye
	default:
		return Update{}, nil
	}
	if err := json.Unmarshal(params, into); err != nil {
		return Update{}, fmt.Errorf("%s from the server: %w", method, err)
	}
	return u, nil
}
