package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"
)

// PendingSend is a message on its way.
type PendingSend struct {
	in      SendInput
	ended   chan struct{}
	message Message // read after ended
	err     error   // read after ended

	// Guarded by the outbox.
	stop    func() bool // stops the wait for the end of its context
	conn    *Conn       // over which it is under way; nil if it waits to be written
	written bool        // it was under way at least once
	tries   int         // how often it was refused for a passing reason
}

// ClientID is the id under which it is sent, also again.
func (p *PendingSend) ClientID() string { return p.in.ClientID }

// Wait returns the message as the server stored it, or why it did not.
func (p *PendingSend) Wait(ctx context.Context) (Message, error) {
	select {
	case <-p.ended:
		return p.message, p.err
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
}

// SendAsync sends a message and does not wait for the answer. Messages arrive
// in the order in which they are handed in. Without an answer, and after
// refusals that pass, the message is sent again under the same client id, until
// ctx is done; so it arrives once. An empty ClientID is filled in.
//
// When the server refuses one message, those after it go on. A refusal that
// passes (unavailable, rate_limited) holds back what is not under way yet; what
// is under way may overtake.
func (f *Follower) SendAsync(ctx context.Context, in SendInput) *PendingSend {
	if in.ClientID == "" {
		in.ClientID = rand.Text()
	}
	p := &PendingSend{in: in, ended: make(chan struct{})}
	f.outbox.add(ctx, p)
	return p
}

// outbox holds the sends that have no answer, in order.
type outbox struct {
	inFlight int
	wake     chan struct{} // holds a token when there may be something to write

	mu     sync.Mutex
	sends  []*PendingSend
	hold   time.Time // nothing is written before
	closed error     // why nothing is taken any more
}

// maxInternal is how often a send is repeated that the server fails at.
const maxInternal = 5

func (o *outbox) init(inFlight int) {
	o.inFlight, o.wake = inFlight, make(chan struct{}, 1)
}

func (o *outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) add(ctx context.Context, p *PendingSend) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		p.err = o.closed
		close(p.ended)
		return
	}
	o.sends = append(o.sends, p)
	p.stop = context.AfterFunc(ctx, func() { o.abandon(p, ctx.Err()) })
	o.poke()
}

// finish ends a send that is still in the outbox. o.mu is held.
func (o *outbox) finish(p *PendingSend, m Message, err error) {
	if i := slices.Index(o.sends, p); i >= 0 {
		o.sends = slices.Delete(o.sends, i, i+1)
		p.stop()
		p.message, p.err = m, err
		close(p.ended)
		o.poke()
	}
}

// abandon ends a send whose context is done.
func (o *outbox) abandon(p *PendingSend, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.written {
		err = unconfirmed(err)
	}
	o.finish(p, Message{}, err)
}

// end ends all sends, those to come too.
func (o *outbox) end(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = err
	for len(o.sends) > 0 {
		p := o.sends[0]
		if p.written {
			o.finish(p, Message{}, unconfirmed(err))
		} else {
			o.finish(p, Message{}, err)
		}
	}
}

// write writes what is to be sent over a connection, until that ends or ctx is
// done.
func (o *outbox) write(ctx context.Context, conn *Conn) {
	for {
		p, wait := o.take(conn)
		if p != nil {
			o.start(conn, p)
			continue
		}
		select {
		case <-o.wake:
		case <-wait:
		case <-conn.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// take returns the next send to write over conn, or nil and when to look again.
func (o *outbox) take(conn *Conn) (*PendingSend, <-chan time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if wait := time.Until(o.hold); wait > 0 {
		return nil, time.After(wait)
	}
	for _, p := range o.sends[:min(len(o.sends), o.inFlight)] {
		if p.conn != conn {
			p.conn, p.written = conn, true
			return p, nil
		}
	}
	return nil, nil
}

func (o *outbox) start(conn *Conn, p *PendingSend) {
	var m Message
	answered := func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if p.conn != conn {
			return
		}
		switch {
		case errors.Is(err, ErrUnconfirmed): // the next connection takes it
		case isPassing(err) && (p.tries < maxInternal || !errors.Is(err, ErrInternal)):
			p.conn = nil
			o.hold = time.Now().Add(max(retryAfter(err), backOff(min(p.tries, 3))))
			p.tries++
			o.poke()
		default:
			o.finish(p, m, err)
		}
	}
	take := func(result json.RawMessage) error { return json.Unmarshal(result, &m) }
	if err := conn.start("message.send", p.in, &pendingCall{take: take, done: answered}); err != nil &&
		!errors.Is(err, ErrClosed) {
		answered(err)
	}
}
