package socketio

import "sync"

// namespace is the sockets that are connected to it, and their rooms.
type namespace struct {
	name    string
	connect ConnectFunc

	mu      sync.RWMutex
	sockets map[*Socket]struct{}
	rooms   map[string]map[*Socket]struct{}
}

func (n *namespace) add(s *Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !s.left {
		n.sockets[s] = struct{}{}
	}
}

// remove has the socket leave everything, for good.
func (n *namespace) remove(s *Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.left = true
	delete(n.sockets, s)
	for room := range s.rooms {
		n.leave(s, room)
	}
	s.rooms = nil
}

// leave takes a socket off a room. The lock is held.
func (n *namespace) leave(s *Socket, room string) {
	delete(s.rooms, room)
	if delete(n.rooms[room], s); len(n.rooms[room]) == 0 {
		delete(n.rooms, room)
	}
}

// Join adds the socket to rooms of its namespace. Once it is disconnected it is
// in none.
func (s *Socket) Join(rooms ...string) {
	n := s.ns
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.left {
		return
	}
	for _, room := range rooms {
		if n.rooms[room] == nil {
			n.rooms[room] = map[*Socket]struct{}{}
		}
		if s.rooms == nil {
			s.rooms = map[string]struct{}{}
		}
		n.rooms[room][s] = struct{}{}
		s.rooms[room] = struct{}{}
	}
}

// Leave takes the socket off rooms.
func (s *Socket) Leave(rooms ...string) {
	s.ns.mu.Lock()
	defer s.ns.mu.Unlock()
	for _, room := range rooms {
		s.ns.leave(s, room)
	}
}

// Rooms returns the rooms that the socket is in, in no order.
func (s *Socket) Rooms() []string {
	s.ns.mu.RLock()
	defer s.ns.mu.RUnlock()
	list := make([]string, 0, len(s.rooms))
	for room := range s.rooms {
		list = append(list, room)
	}
	return list
}

// Target is who a broadcast goes to.
type Target struct {
	ns     *namespace
	rooms  []string
	except *Socket
}

// To returns the target of all who are in any of the rooms, or in the namespace
// if none is given. The namespace has to be one of OnConnect's.
func (s *Server) To(namespace string, rooms ...string) Target {
	n := s.namespace(namespace)
	if n == nil {
		panic("socketio: there is no namespace " + namespace)
	}
	return Target{ns: n, rooms: rooms}
}

// Except returns the target without one socket, as for all but the sender.
func (t Target) Except(s *Socket) Target {
	t.except = s
	return t
}

// Emit encodes an event once and sends it to everyone in the target. Whoever's
// queue is full is closed. The error is that of the encoding.
func (t Target) Emit(event string, args ...any) error {
	p, err := Encode(t.ns.name, event, args...)
	if err != nil {
		return err
	}
	t.send(p)
	return nil
}

func (t Target) send(p *Packet) {
	n := t.ns
	n.mu.RLock()
	defer n.mu.RUnlock()
	if len(t.rooms) == 0 {
		for s := range n.sockets {
			if s != t.except {
				s.send(p)
			}
		}
		return
	}
	for i, room := range t.rooms {
		for s := range n.rooms[room] {
			if s != t.except && !s.inAny(t.rooms[:i]) {
				s.send(p)
			}
		}
	}
}

// inAny reports whether the socket is in one of the rooms. The namespace's lock
// is held.
func (s *Socket) inAny(rooms []string) bool {
	for _, room := range rooms {
		if _, ok := s.rooms[room]; ok {
			return true
		}
	}
	return false
}

// Sockets returns who is in the target, in no order.
func (t Target) Sockets() []*Socket {
	n := t.ns
	n.mu.RLock()
	defer n.mu.RUnlock()
	var list []*Socket
	if len(t.rooms) == 0 {
		for s := range n.sockets {
			if s != t.except {
				list = append(list, s)
			}
		}
		return list
	}
	for i, room := range t.rooms {
		for s := range n.rooms[room] {
			if s != t.except && !s.inAny(t.rooms[:i]) {
				list = append(list, s)
			}
		}
	}
	return list
}
