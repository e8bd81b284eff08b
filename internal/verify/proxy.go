package verify

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy forwards TCP connections and can disturb them.
type proxy struct {
	to     string
	listen net.Listener
	wg     sync.WaitGroup

	mu      sync.Mutex
	blocked chan struct{} // nothing passes until it is closed; nil if everything does
	delay   time.Duration // at most, for what is read at once
	conns   map[net.Conn]bool
	closed  bool

	redis  bool    // the target is a Redis; set before the first connection
	chance float64 // see corrupt
	stats  bellStats
}

func newProxy(to string) (*proxy, error) { return openProxy(&proxy{to: to}) }

// newBellProxy returns a proxy to Redis that can corrupt published messages.
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

// pass copies one direction until an end closes, and then closes both.
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

// block holds all data back like an unplugged cable: connections stay open.
func (p *proxy) block() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked == nil {
		p.blocked = make(chan struct{})
	}
}

// unblock forwards what was held back.
func (p *proxy) unblock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked != nil {
		close(p.blocked)
		p.blocked = nil
	}
}

// slow delays each read by up to most.
func (p *proxy) slow(most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = most
}

// reset resets each connection with the given probability.
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

// close stops the proxy and closes all connections.
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
