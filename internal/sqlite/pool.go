package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// pool is a pool of read-only connections.
type pool struct {
	path   string
	free   chan *conn    // open and unused
	tokens chan struct{} // one token for each connection that may still be opened
	closed chan struct{}
	frozen bool // its only connection stays in one transaction
}

func newPool(path string, size int) pool {
	p := pool{path: path, free: make(chan *conn, size), tokens: make(chan struct{}, size),
		closed: make(chan struct{})}
	for range size {
		p.tokens <- struct{}{}
	}
	return p
}

// acquire returns a connection, which must be released.
func (p *pool) acquire(ctx context.Context) (*conn, error) {
	select {
	case <-p.closed:
		return nil, unavailable(errClosed)
	default:
	}
	select { // an open one is better than a new one
	case c := <-p.free:
		return c, nil
	default:
	}
	select {
	case c := <-p.free:
		return c, nil
	case <-p.tokens:
		c, err := open(p.path, "query_only = 1", "cache_size = -2000", "busy_timeout = 5000")
		if err != nil {
			p.tokens <- struct{}{}
			return nil, unavailable(err)
		}
		return c, nil
	case <-p.closed:
		return nil, unavailable(errClosed)
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}

func (p *pool) release(c *conn) { p.free <- c }

// freeze has the readers of a pool of one connection see the database as it is
// now, until the pool is closed.
func (p *pool) freeze() error {
	c, err := p.acquire(context.Background())
	if err != nil {
		return err
	}
	defer p.release(c)
	p.frozen = true
	// A transaction begins with the first statement that reads.
	return c.script("BEGIN; SELECT count(*) FROM sqlite_master")
}

// close waits until all connections are released and closes them.
func (p *pool) close() error {
	close(p.closed)
	var errs []error
	for range cap(p.tokens) {
		select {
		case c := <-p.free:
			errs = append(errs, c.close())
		case <-p.tokens:
		}
	}
	return errors.Join(errs...)
}

// read runs f on a read-only connection in one transaction, so that f sees a
// consistent state.
func (p *pool) read(ctx context.Context, f func(*conn) error) (err error) {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	c, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.release(c)
	if !p.frozen {
		if _, err := c.exec("BEGIN"); err != nil {
			return unavailable(err)
		}
		defer func() {
			if _, endErr := c.exec("COMMIT"); endErr != nil && err == nil {
				err = unavailable(endErr)
			}
		}()
	}
	err = f(c)
	var refusal *chat.Error
	if err != nil && !errors.As(err, &refusal) {
		err = unavailable(fmt.Errorf("read: %w", err))
	}
	return err
}

func (s *Store) read(ctx context.Context, f func(*conn) error) error { return s.readers.read(ctx, f) }
