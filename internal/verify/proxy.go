package verify

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy passes TCP connections on, as badly as it is told to.
type proxy struct {
	to     string
	listen net.Listener
	wg     sync.WaitGroup

	mu      sync.Mutex
	blocked chan struct{} // nothing passes until it is closed; nil if everything does
	delay   time.Duration // at most, for what is read at once
	conns   map[net.Conn]bool
	closed  bool

	redis  bool    // the other end is a Redis: set before anybody comes
	chance float64 // see garble
	stats  bellStats
}

func newProxy(to string) (*proxy, error) { return openProxy(&proxy{to: to}) }

// newBellProxy is one to Redis, whose published messages it can garble.
func newBellProxy(to string) (*proxy, error) { return openProxy(&proxy{to: to, redis: true}) }

func openProxy(p *proxy) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.listen, p.conns = l, map[net.Conn]bool{}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listen.Addr().String() }

func (p *proxy) accept() {
	for {
		near, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(near) })
	}
}

func (p *proxy) serve(near net.Conn) {
	if !p.keep(near) {
		return
	}
	defer p.drop(near)
	far, err := net.DialTimeout("tcp", p.to, 5*time.Second)
	if err != nil || !p.keep(far) {
		return
	}
	defer p.drop(far)
	var back sync.WaitGroup
	answers := p.pass
	if p.redis {
		answers = p.passAnswers
	}
	back.Go(func() { answers(near, far) })
	p.pass(far, near)
	back.Wait()
}

// keep lists a connection, so that it can be cut.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	c.Close()
}

// pass copies one direction until an end is gone; then both are.
func (p *proxy) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			held, delay := p.blocked, p.delay
			p.mu.Unlock()
			if held != nil {
				<-held
			}
			if delay > 0 {
				time.Sleep(rand.N(delay))
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// block keeps everything back, as a cable that is unplugged: connections stay,
// and nothing comes through.
func (p *proxy) block() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked == nil {
		p.blocked = make(chan struct{})
	}
}

// unblock lets what was held go on.
func (p *proxy) unblock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked != nil {
		close(p.blocked)
		p.blocked = nil
	}
}

// slow delays whatever is read at once by up to that.
func (p *proxy) slow(most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = most
}

// reset cuts connections, each with this chance, in the middle of whatever is
// under way.
func (p *proxy) reset(chance float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if rand.Float64() < chance {
			if tcp, ok := c.(*net.TCPConn); ok {
				tcp.SetLinger(0) // a reset, not an end
			}
			c.Close()
		}
	}
}

// close ends it and every connection.
func (p *proxy) close() {
	p.listen.Close()
	p.unblock()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
