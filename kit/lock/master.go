package lock

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/rueidis"
)

// Open opens the client of one master. Its context ends when the locker is
// closed.
type Open func(ctx context.Context) (rueidis.Client, error)

// A master is one Redis of a locker. One that is opened by the locker is opened
// when it is first asked, and again when that failed.
type master struct {
	open Open // nil for a client that is the caller's

	mu      sync.Mutex
	client  rueidis.Client
	opening chan struct{} // closed when an attempt is over; nil while none is under way
	err     error         // of the last attempt
}

// get returns the client, and waits for it until ctx ends.
func (m *master) get(ctx context.Context, k *Locker) (rueidis.Client, error) {
	m.mu.Lock()
	if m.client != nil {
		defer m.mu.Unlock()
		return m.client, nil
	}
	over := m.opening
	if over == nil {
		over = make(chan struct{})
		m.opening = over
		k.work.Go(func() {
			client, err := m.open(k.ctx)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.client, m.err, m.opening = client, err, nil
			close(over)
		})
	}
	m.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, fmt.Errorf("connect: %w", m.err)
	}
	return m.client, nil
}

// close closes the client if the locker has opened it.
func (m *master) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open != nil && m.client != nil {
		m.client.Close()
	}
}
