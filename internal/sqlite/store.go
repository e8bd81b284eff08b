package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Options configure a store. The zero value is valid.
type Options struct {
	// Ring is called with each event once it is durable, in order per stream,
	// from one goroutine, before the Commit that made it returns. It does not
	// block and does not change the event.
	Ring func(*chat.Event)
	Log  *slog.Logger // default slog.Default()

	// Tests make these small.
	generation int // sends in a generation, default generationSize
	fold       int // moves until they are folded, default foldAt
}

// Store is a [chat.Store] in one directory. Its methods are safe for concurrent
// use.
type Store struct {
	dir     string
	log     *slog.Logger
	epoch   string
	lock    *os.File
	writing *conn // used by the writer while it runs
	calls   chan *call
	quit    chan struct{} // closed by Close: no more calls are taken
	stopped chan struct{} // closed when the last call that was taken has its answer
	readers pool
	closing sync.Once
	closed  error
	run     sync.WaitGroup
}

var _ chat.Store = (*Store)(nil)

// Open opens the store in dir for this process alone, and creates dir if
// necessary.
func Open(ctx context.Context, dir string, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	s := &Store{
		dir: dir, log: o.Log,
		calls: make(chan *call, maxBatch), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; i >= 0 && err != nil; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	if s.lock, err = lock(dir); err != nil {
		return nil, err
	}
	undo = append(undo, s.lock.Close)

	path := filepath.Join(dir, "parley.db")
	if err = isThere(dir); err != nil {
		return nil, err
	}
	if err = keepPrivate(dir, o.Log); err != nil {
		return nil, err
	}
	c, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	s.writing = c
	undo = append(undo, c.close)
	if err = isWhole(c, dir); err == nil {
		s.epoch, err = ensureEpoch(c)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	noteDatabase(s.lock)
	w, err := newWriter(c, s.epoch, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.readers = newPool(path, max(4, runtime.GOMAXPROCS(0)))
	undo = append(undo, s.readers.close)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	durable := make(chan []*call, 2)
	w.calls, w.quit, w.done = s.calls, s.quit, durable
	s.run.Go(w.run)
	s.run.Go(func() {
		defer close(s.stopped)
		for batch := range durable {
			complete(batch, o.Ring)
		}
	})
	return s, nil
}

// isThere returns an error if the database is missing or empty although the
// directory has had one: SQLite would create a new one, and people would find
// an empty server. The database has its first page, of 512 bytes or more,
// before there is anything else; a file of one byte counts as empty with
// SQLite.
func isThere(dir string) error {
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	if size("parley.db") < 512 && (size("parley.db-wal")+size("search.db") > 0 || hasDatabase(dir)) {
		return fmt.Errorf("%s has lost its parley.db: restore a backup, or empty the directory to begin anew", dir)
	}
	return nil
}

// openWriter opens the connection that writes, and brings the schema up to
// date.
func openWriter(path string) (*conn, error) {
	if err := create(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// As this process has the directory to itself (see lock), nothing else
	// holds the write lock.
	c, err := open(path)
	if err != nil {
		return nil, err
	}
	if err := migrateAfterPragmas(c, path); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func migrateAfterPragmas(c *conn, path string) error {
	if _, err := pragma(c, "user_version"); err != nil {
		return upgrade(c, path) // tells what is wrong
	}
	for _, p := range []string{
		"journal_mode = WAL",
		"synchronous = FULL",            // an acknowledged message survives a power cut
		"wal_autocheckpoint = 4000",     // 16 MB
		"journal_size_limit = 67108864", // of the log's file, should it ever have grown beyond
		"cache_size = -8000",            // 8 MB
		"temp_store = MEMORY",
		"secure_delete = FAST", // a deleted text is overwritten in its page
	} {
		if err := c.script("PRAGMA " + p); err != nil {
			return fmt.Errorf("open %s: PRAGMA %s: %w", path, p, err)
		}
	}
	return upgrade(c, path)
}

// Close finishes accepted calls and closes the database. Later calls fail with
// ErrUnavailable.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.quit)
		s.run.Wait()
		// The writing connection is closed last: it checkpoints the log into
		// the database.
		s.closed = errors.Join(s.readers.close(), s.writing.close(), s.lock.Close())
	})
	return s.closed
}

// Commit implements [chat.Store]; the whole call is atomic.
func (s *Store) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	for i := range changes {
		if err := changes[i].Check(); err != nil {
			return nil, err
		}
	}
	c := &call{changes: changes, results: make([]chat.Result, len(changes))}
	if err := s.do(ctx, c); err != nil {
		return nil, err
	}
	// Events given to the bell are shared, so the caller gets copies.
	results := make([]chat.Result, len(changes))
	for i, r := range c.results {
		r.Event = r.Event.Clone()
		results[i] = r
	}
	return results, nil
}

// write runs f in a transaction of the writer. If f returns a *chat.Error, it
// must not have written anything.
func (s *Store) write(ctx context.Context, f func(*conn) error) error {
	return s.do(ctx, &call{run: f})
}

// do passes c to the writer and waits for the result.
func (s *Store) do(ctx context.Context, c *call) error {
	c.ctx, c.done = ctx, make(chan struct{})
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	select {
	case <-s.quit:
		return unavailable(errClosed)
	default:
	}
	select {
	case s.calls <- c:
		for i := range c.changes {
			if queued := c.changes[i].OnQueued; queued != nil {
				queued()
			}
		}
	case <-ctx.Done():
		return unavailable(ctx.Err())
	case <-s.quit:
		return unavailable(errClosed)
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return unavailable(ctx.Err())
	case <-s.stopped:
	}
	select {
	case <-c.done:
		return c.err
	default: // came in after the writer had left
		return unavailable(errClosed)
	}
}

var errClosed = errors.New("the store is closed")

// unavailable returns ErrUnavailable with its cause.
func unavailable(cause error) error { return fmt.Errorf("%w: %w", chat.ErrUnavailable, cause) }

// Prune implements [chat.Store].
func (s *Store) Prune(ctx context.Context, now time.Time) (more bool, err error) {
	err = s.do(ctx, &call{prune: func(w *writer) (err error) {
		more, err = w.prune(now)
		return err
	}})
	return more, err
}

// Ping implements [chat.Store]: the writer answers, and the database can be
// read. Whether the disk takes writes, [Store.Health] says.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.probe(ctx); err != nil {
		return err
	}
	return s.read(ctx, func(c *conn) error {
		_, err := c.one("SELECT 1")
		return err
	})
}

// Health returns what does not work although the database can be read: "store"
// while the disk does not take writes.
func (s *Store) Health(ctx context.Context) map[string]string {
	if refused, _ := s.probe(ctx); refused {
		return map[string]string{"store": "read-only: the disk is full or failing"}
	}
	return nil
}

// probe asks the writer, which tries a write if the last one failed. It reports
// whether the disk refused it. The error says that the writer did not answer.
func (s *Store) probe(ctx context.Context) (refused bool, err error) {
	err = s.do(ctx, &call{ping: true})
	if err == nil || ctx.Err() != nil || errors.Is(err, errClosed) {
		return false, err
	}
	return true, nil
}
