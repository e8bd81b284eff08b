package socketio

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// maxWaiting is how many packets of one session may wait to be acted upon;
// their bytes are bounded by MaxPayload.
const maxWaiting = 256

// client is what a session is to this package: its receiver.
type client struct {
	srv     *Server
	session *engineio.Session

	// Of the engine, which has one call at a time.
	partial     *packet // waits for attachments
	attachments [][]byte

	mu      sync.Mutex
	room    sync.Cond // signalled when waiting shrinks, and at the end
	jobs    []job
	waiting int  // bytes of jobs
	working bool // a worker is there
	over    bool
	reason  Reason
	sockets []*Socket   // connected, or about to be, one for each namespace
	left    []string    // namespaces that the server has disconnected it from: it may not know yet
	refused int         // CONNECTs in a row
	timer   *time.Timer // runs while it is in no namespace; nil while it is in one
}

// job is one thing for a worker to do: act upon a packet or, if socket is set,
// say goodbye to it.
type job struct {
	packet      packet
	attachments [][]byte
	socket      *Socket
	reason      Reason
}

func newClient(srv *Server, session *engineio.Session) *client {
	c := &client{srv: srv, session: session}
	c.room.L = &c.mu
	c.timer = time.AfterFunc(srv.opt.ConnectTimeout, c.timeout)
	return c
}

// timeout ends a session that is in no namespace.
func (c *client) timeout() {
	c.mu.Lock()
	none := len(c.sockets) == 0
	c.mu.Unlock()
	if none {
		c.session.Close(ReasonConnectTimeout)
	}
}

// Text takes a packet.
func (c *client) Text(b []byte) error {
	if c.partial != nil {
		return errFormat // the rest of its attachments has to come first
	}
	p, err := decodePacket(b)
	if err != nil {
		return err
	}
	if p.attachments > 0 {
		c.partial = &p
		return nil
	}
	return c.whole(p, nil)
}

// Binary takes an attachment.
func (c *client) Binary(b []byte) error {
	p := c.partial
	if p == nil {
		return errFormat
	}
	if p.size += len(b); p.size > c.srv.opt.MaxPayload {
		return errors.New("socketio: an event with its attachments is too large")
	}
	if c.attachments = append(c.attachments, bytes.Clone(b)); len(c.attachments) < p.attachments {
		return nil
	}
	attachments := c.attachments
	c.partial, c.attachments = nil, nil
	return c.whole(*p, attachments)
}

// whole takes a packet that is complete. Acknowledgements are not queued: a
// function that waits for one holds up the queue.
func (c *client) whole(p packet, attachments [][]byte) error {
	if p.kind == kindAck || p.kind == kindBinaryAck {
		if s := c.socket(p.namespace); s != nil {
			s.acknowledged(p.id, Args{p.args, attachments})
		}
		return nil
	}
	return c.enqueue(job{packet: p, attachments: attachments})
}

// enqueue waits for room in the queue.
func (c *client) enqueue(j job) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.over && len(c.jobs) > 0 &&
		(len(c.jobs) >= maxWaiting || c.waiting+j.packet.size > c.srv.opt.MaxPayload) {
		c.room.Wait()
	}
	if c.over {
		return engineio.ErrClosed
	}
	c.add(j)
	return nil
}

// add queues a job, and has it done. The lock is held.
func (c *client) add(j job) {
	c.jobs = append(c.jobs, j)
	c.waiting += j.packet.size
	c.work()
}

// work starts a worker if there is none. The lock is held.
func (c *client) work() {
	if !c.working {
		c.working = true
		c.srv.workers.Go(c.run)
	}
}

// Closed is the engine's word that the session has ended. What waits is still
// acted upon, unless it turns out to be malformed: it came before.
func (c *client) Closed(why engineio.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over, c.reason = true, why
	if c.timer != nil {
		c.timer.Stop()
	}
	for _, s := range c.sockets {
		s.cancel()
	}
	c.room.Broadcast()
	c.work()
}

// run acts upon what waits until nothing does.
func (c *client) run() {
	for {
		c.mu.Lock()
		if len(c.jobs) == 0 {
			c.jobs = nil
			if c.over && len(c.sockets) > 0 { // say goodbye to the sockets that are left
				for _, s := range c.sockets {
					c.jobs = append(c.jobs, job{socket: s, reason: c.reason})
				}
				c.sockets = nil
				c.mu.Unlock()
				continue
			}
			c.working = false
			c.mu.Unlock()
			return
		}
		j := c.jobs[0]
		c.jobs[0] = job{}
		c.jobs = c.jobs[1:]
		c.waiting -= j.packet.size
		c.room.Broadcast()
		c.mu.Unlock()
		if j.socket != nil {
			j.socket.gone(j.reason)
		} else if err := c.act(j); err != nil {
			c.session.Close(ReasonParse)
			c.mu.Lock()
			c.jobs = slices.DeleteFunc(c.jobs, func(j job) bool { return j.socket == nil })
			c.mu.Unlock()
		}
	}
}

// act does what a packet asks for. An error is the client's fault.
func (c *client) act(j job) error {
	p := j.packet
	if p.kind == kindConnect {
		return c.connect(p)
	}
	s := c.socket(p.namespace)
	if s == nil {
		if c.hadLeft(p.namespace) {
			return nil // it was on its way
		}
		return errFormat
	}
	if p.kind == kindDisconnect {
		c.remove(s)
		s.gone(ReasonClientLeft)
		return nil
	}
	s.handle(p.event(), p.id, Args{p.args[1:], j.attachments})
	return nil
}

func (c *client) connect(p packet) error {
	if s := c.socket(p.namespace); s != nil {
		return c.again(s)
	}
	ns := c.srv.namespace(p.namespace)
	if ns == nil {
		return c.refuse(p.namespace, &ConnectError{Message: "Invalid namespace"})
	}
	s := newSocket(c, ns)
	c.mu.Lock()
	if len(c.sockets) >= c.srv.opt.MaxNamespaces {
		c.mu.Unlock()
		return errFormat
	}
	if c.over {
		c.mu.Unlock()
		return nil
	}
	c.sockets = append(c.sockets, s)
	c.left = slices.DeleteFunc(c.left, func(name string) bool { return name == ns.name })
	c.mu.Unlock()
	r, _ := c.session.Kept().(*http.Request)
	if err := ns.connect(s, p.auth, r); err != nil {
		s.bye = nil // it was never there
		c.remove(s)
		s.gone(ReasonServerLeft)
		e, ok := errors.AsType[*ConnectError](err)
		if !ok {
			e = &ConnectError{Message: err.Error()}
		}
		return c.refuse(ns.name, e)
	}
	c.mu.Lock()
	c.refused = 0
	if c.timer != nil && len(c.sockets) > 0 { // it may have been disconnected meanwhile
		c.timer.Stop()
		c.timer = nil
	}
	c.mu.Unlock()
	s.accepted()
	return nil
}

// again answers a CONNECT to a namespace that the session is connected to as
// the first was answered. The official library sends two, in all its versions,
// if a program calls connect before the session is open.
func (c *client) again(s *Socket) error {
	if c.tooMany() {
		return errFormat
	}
	c.session.Send(s.hello())
	return nil
}

// tooMany counts a CONNECT that connects nothing, and reports whether there
// were too many in a row.
func (c *client) tooMany() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused++
	return c.refused > c.srv.opt.MaxNamespaces
}

// refuse answers a CONNECT. It is an error if that happens too often.
func (c *client) refuse(namespace string, e *ConnectError) error {
	if c.tooMany() {
		return errFormat
	}
	packet, err := control(kindConnectError, namespace, e)
	if err != nil { // its data cannot be encoded
		packet, _ = control(kindConnectError, namespace, &ConnectError{Message: e.Message})
	}
	c.session.Send(packet) // a session that is closed needs no answer
	return nil
}

// socket returns the one of a namespace, nil if there is none.
func (c *client) socket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.ns.name == namespace {
			return s
		}
	}
	return nil
}

func (c *client) hadLeft(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.left, namespace)
}

// remove takes a socket off the session, and has that wait for a CONNECT if it
// was the last; false if it was not there.
func (c *client) remove(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.take(s)
}

// take is remove with the lock held.
func (c *client) take(s *Socket) bool {
	i := slices.Index(c.sockets, s)
	if i < 0 {
		return false
	}
	c.sockets = slices.Delete(c.sockets, i, i+1)
	if len(c.sockets) == 0 && !c.over {
		if c.timer == nil {
			c.timer = time.AfterFunc(c.srv.opt.ConnectTimeout, c.timeout)
		} else {
			c.timer.Reset(c.srv.opt.ConnectTimeout)
		}
	}
	return true
}

// dismiss is the server's disconnection of a socket: the goodbye comes after
// what is being done for it.
func (c *client) dismiss(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.take(s) {
		return false
	}
	c.left = append(c.left, s.ns.name)
	c.add(job{socket: s, reason: ReasonServerLeft})
	return true
}
