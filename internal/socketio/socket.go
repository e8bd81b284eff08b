package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

var (
	// ErrDisconnected is returned for a socket that is no longer connected.
	ErrDisconnected = errors.New("socketio: the socket is disconnected")
	// ErrSlow is returned when more waits for a client than may, which closes
	// its session.
	ErrSlow = errors.New("socketio: the client does not fetch what is sent to it")
)

// Socket is a client in one namespace. On, OnAny and OnDisconnect are for the
// function given to Server.OnConnect, and for what the socket itself calls; all
// other methods may be called at any time, from any goroutine.
type Socket struct {
	c   *client
	ns  *namespace
	id  string
	ctx context.Context
	// cancel ends ctx.
	cancel context.CancelFunc

	// Of the session's worker.
	handlers map[string]func(*Event)
	other    func(*Event)
	bye      func(Reason)

	rooms map[string]struct{} // guarded by the namespace's lock, as is left
	left  bool

	mu      sync.Mutex
	up      bool                // the client knows that it is connected
	done    bool                // nothing more is sent
	held    []*engineio.Packet  // to be sent once it is up
	size    int                 // bytes in held
	lastID  int64               // of what an acknowledgement was wanted for
	pending map[int64]chan Args // acknowledgements to come
}

func newSocket(c *client, ns *namespace) *Socket {
	s := &Socket{c: c, ns: ns, id: engineio.NewID()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// ID returns the socket's identifier, which its client knows too. It is no
// secret, and differs from the session's.
func (s *Socket) ID() string { return s.id }

// Kept returns what Options.Keep has kept of the request that opened the
// socket's session.
func (s *Socket) Kept() any { return s.c.session.Kept() }

// Namespace returns the name of the socket's namespace.
func (s *Socket) Namespace() string { return s.ns.name }

// Context returns a context that ends when the socket is disconnected.
func (s *Socket) Context() context.Context { return s.ctx }

// On has f called for events of this name, in the order they came. A later On
// of the same name replaces it.
func (s *Socket) On(event string, f func(e *Event)) {
	if s.handlers == nil {
		s.handlers = map[string]func(*Event){}
	}
	s.handlers[event] = f
}

// OnAny has f called for events that On says nothing of. Without it they are
// dropped.
func (s *Socket) OnAny(f func(e *Event)) { s.other = f }

// OnDisconnect has f called once, after everything else for this socket, if it
// was connected: if the function given to Server.OnConnect returned nil.
func (s *Socket) OnDisconnect(f func(why Reason)) { s.bye = f }

// Emit sends an event. See Encode for arguments.
func (s *Socket) Emit(event string, args ...any) error {
	p, err := Encode(s.ns.name, event, args...)
	if err != nil {
		return err
	}
	return s.send(p)
}

// Send sends what Encode made for the socket's namespace.
func (s *Socket) Send(p *Packet) error {
	if p.namespace != s.ns.name {
		return errors.New("socketio: the packet is for " + p.namespace)
	}
	return s.send(p)
}

// Room reports whether at most so many bytes wait for the client, over all
// namespaces. If not, f, unless nil, is called once when that has become so, or
// the session has ended; another call of Room replaces it. It must not wait,
// nor use the socket. Who has much to send need not have a client closed as
// slow that only takes its time.
func (s *Socket) Room(bytes int, f func()) bool { return s.c.session.Room(bytes, f) }

// EmitWithAck sends an event and waits for the client to acknowledge it, with
// arguments, or for ctx to end, or for the socket to be disconnected, which is
// ErrDisconnected. An acknowledgement that comes after ctx has ended is
// dropped.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	if err := ctx.Err(); err != nil {
		return Args{}, err
	}
	answer := make(chan Args, 1)
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	if s.pending == nil {
		s.pending = map[int64]chan Args{}
	}
	s.pending[id] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.pending, id); len(s.pending) == 0 {
			s.pending = nil
		}
	}()
	p, err := encodeEvent(s.ns.name, id, event, args)
	if err != nil {
		return Args{}, err
	}
	if err := s.send(p); err != nil {
		return Args{}, err
	}
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return Args{}, ctx.Err()
	case <-s.ctx.Done():
		return Args{}, ErrDisconnected
	}
}

// acknowledged takes an acknowledgement. One that nobody waits for, or a second
// one, is dropped.
func (s *Socket) acknowledged(id int64, a Args) {
	s.mu.Lock()
	answer := s.pending[id]
	delete(s.pending, id)
	s.mu.Unlock()
	if answer != nil {
		answer <- a
	}
}

// Disconnect has the client leave the namespace. Its session stays, if it is in
// others.
func (s *Socket) Disconnect() {
	if !s.c.dismiss(s) {
		return
	}
	s.cancel()
	packet, _ := control(kindDisconnect, s.ns.name, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	if s.up { // else accepted says so
		s.c.session.Send(packet)
	}
}

// CloseSession closes the whole session, in all namespaces, once the client has
// got what was sent to it. A client of the official library connects again by
// itself then, other than after Disconnect.
func (s *Socket) CloseSession() { s.c.session.Close(ReasonServerClosed) }

func (s *Socket) send(p *Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || s.ctx.Err() != nil {
		return ErrDisconnected
	}
	if !s.up {
		if s.size += p.Size(); s.size > s.c.srv.opt.MaxQueue {
			return ErrSlow
		}
		s.held = append(s.held, p.parts...)
		return nil
	}
	return s.forward(p.parts...)
}

// forward sends over the session. The lock is held, so that packets stay in
// order.
func (s *Socket) forward(packets ...*engineio.Packet) error {
	switch err := s.c.session.Send(packets...); {
	case errors.Is(err, engineio.ErrSlow):
		return ErrSlow
	case err != nil:
		return ErrDisconnected
	}
	return nil
}

// accepted tells the client that it is connected, and what was sent meanwhile.
func (s *Socket) accepted() {
	hello := s.hello()
	s.ns.add(s) // before the lock, which broadcasts take inside of the namespace's
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = true
	s.forward(slices.Concat([]*engineio.Packet{hello}, s.held)...)
	s.held = nil
	if s.done { // disconnected before it was connected
		bye, _ := control(kindDisconnect, s.ns.name, nil)
		s.forward(bye)
	}
}

// hello is the packet that tells the client that it is connected.
func (s *Socket) hello() *engineio.Packet {
	p, _ := control(kindConnect, s.ns.name, map[string]string{"sid": s.id})
	return p
}

// handle has an event handled, by the session's worker.
func (s *Socket) handle(name string, id int64, args Args) {
	f := s.handlers[name]
	if f == nil {
		f = s.other
	}
	if f != nil {
		f(&Event{Name: name, Socket: s, Args: args, id: id})
	}
}

// gone is the end of a socket, which is no longer its session's, by the
// session's worker.
func (s *Socket) gone(why Reason) {
	s.cancel()
	s.mu.Lock()
	s.done = true
	s.held = nil
	s.mu.Unlock()
	s.ns.remove(s)
	if s.bye != nil {
		s.bye(why)
	}
}
