package cache

import (
	"context"
	"strings"
)

// A look is one read of an entry that callers in this process share: those who
// asked for it before it was sent.
type look[V any] struct {
	done    chan struct{} // closed when the rest may be read
	reading reading[V]
	snap    snapshot
	at      int64
	err     error // of Redis
	void    bool  // it says nothing to others: they look again
}

// looks are the reads of one key: one is under way, and the next begins when
// that has ended. Who comes in between must not take a result from before it
// asked, so it waits for the next.
type looks[V any] struct{ now, next *look[V] }

// look reads the entry of key, or waits for another caller's read. Who leads it
// must call looked with what came of it; others must treat a lease as taken by
// the one who leads. The error is ctx's.
func (c *Cache[V]) look(ctx context.Context, key string) (l *look[V], leads bool, err error) {
	l = &look[V]{}
	c.looking.Lock()
	all := c.looks[key]
	if all == nil {
		c.looks[strings.Clone(key)] = &looks[V]{now: l}
		c.looking.Unlock()
		return l, true, nil
	}
	for _, of := range []**look[V]{&all.now, &all.next} {
		if *of != nil && (*of).done == nil {
			(*of).done = make(chan struct{}) // someone waits
		}
	}
	before := all.now.done
	if leads = all.next == nil; leads {
		all.next = l
	}
	l = all.next
	if l.done == nil {
		l.done = make(chan struct{})
	}
	wait := l.done
	c.looking.Unlock()
	if leads {
		wait = before
	}
	select {
	case <-wait:
		return l, leads, nil
	case <-ctx.Done():
		if leads {
			l.void = true
			c.looked(key, l)
		}
		return nil, false, ctx.Err()
	}
}

// looked ends a read, or gives up one that has not begun, tells those who wait
// for it, and lets the next begin.
func (c *Cache[V]) looked(key string, l *look[V]) {
	c.looking.Lock()
	all := c.looks[key]
	if all.next != l {
		all.now = all.next
	}
	if all.next = nil; all.now == nil {
		delete(c.looks, key)
	}
	done := l.done
	c.looking.Unlock()
	if done != nil {
		close(done)
	}
}
