package sqlite

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// maxBatch is how many calls share one transaction at most.
const maxBatch = 512

// maxYields bounds how long a batch is gathered where many others want to run.
const maxYields = 4

// call is one request to the writer: changes, or one of the functions.
type call struct {
	ctx     context.Context
	changes []chat.Change
	results []chat.Result
	run     func(*conn) error
	prune   func(*writer) error
	ping    bool

	err  error
	done chan struct{} // closed when results and err are final
}

// writer is the goroutine that owns the writing connection. Only it uses these
// fields after run has started.
type writer struct {
	*conn
	epoch string
	calls <-chan *call
	quit  <-chan struct{}
	done  chan<- []*call

	// Caches of the database.
	streams map[chat.Stream]*stream
	members map[memberKey]*member
	sends   *dedupe
	reads   *readMoves

	failed bool // whether the last transaction did
	// unknown: sends and reads could not be read again after a failure.
	unknown bool
}

// stream is a log's end and, for rooms, the room.
type stream struct {
	head
	room    *chat.Room // nil if it is not a room's, or there is no such room
	members int64
	trimmed int64 // number of the newest message that is gone
	pruned  int64 // seq at which old events were last looked at
}

type memberKey struct {
	room int64
	user chat.UserID
}

// member is a person's membership in a room. in is false for people who are not
// members.
type member struct {
	chat.Member
	in     bool
	readNo int64
	spoke  int64 // when they sent their last message while the room was slow
}

// asMember returns m as a chat.Member, nil for nil.
func (m *member) asMember() *chat.Member {
	if m == nil {
		return nil
	}
	return &m.Member
}

func (m *member) spokeAt() time.Time {
	if m == nil {
		return time.Time{}
	}
	return unmilli(m.spoke)
}

// Each cache is emptied when it has more entries than this.
const (
	maxStreams = 20_000
	maxMembers = 100_000
)

func newWriter(c *conn, epoch string, o Options) (*writer, error) {
	w := &writer{conn: c, epoch: epoch}
	w.forget()
	w.sends = &dedupe{conn: c, size: cmp.Or(o.generation, segmentSize)}
	w.reads = &readMoves{conn: c, limit: cmp.Or(o.fold, foldLimit)}
	return w, w.reload()
}

// ensureEpoch returns the epoch of the directory, and creates it if necessary.
func ensureEpoch(c *conn) (string, error) {
	if _, err := c.exec("INSERT INTO meta VALUES ('epoch', ?) ON CONFLICT DO NOTHING",
		rand.Text()); err != nil {
		return "", fmt.Errorf("write the epoch: %w", err)
	}
	r, err := c.one("SELECT value FROM meta WHERE key = 'epoch'")
	if err != nil {
		return "", fmt.Errorf("read the epoch: %w", err)
	}
	return r.text(0), nil
}

// forget empties the caches, which is right at any time.
func (w *writer) forget() {
	w.streams, w.members = map[chat.Stream]*stream{}, map[memberKey]*member{}
}

// run writes batches until quit is closed and all accepted calls are done.
func (w *writer) run() {
	defer close(w.done)
	for {
		var batch []*call
		select {
		case c := <-w.calls:
			batch = append(batch, c)
		case <-w.quit:
			w.shutDown()
			return
		}
		batch = w.gather(batch)
		w.write(batch)
		w.done <- batch
	}
}

// gather adds the calls that are waiting to batch. It lets others run a few
// times: callers that just got a result often call again, and a commit costs
// the same for many calls as for few. Without other goroutines this takes no
// time.
func (w *writer) gather(batch []*call) []*call {
	for yields := 0; len(batch) < maxBatch; {
		select {
		case c := <-w.calls:
			batch = append(batch, c)
			continue
		default:
		}
		if yields++; yields > maxYields {
			break
		}
		runtime.Gosched()
	}
	return batch
}

// shutDown fails the waiting calls and writes out delayed writes.
func (w *writer) shutDown() {
	for {
		select {
		case c := <-w.calls:
			c.err = unavailable(errClosed)
			w.done <- []*call{c}
			continue
		default:
		}
		break
	}
	if !w.failed {
		w.transaction(func() error { return w.flush(true) }) // only saves time at the next start
	}
}

// write applies a batch in one transaction and sets the result of every call.
func (w *writer) write(batch []*call) {
	if len(w.streams) > maxStreams || len(w.members) > maxMembers {
		w.forget()
	}
	err := w.transaction(func() error {
		for _, c := range batch {
			if err := w.apply(c); err != nil {
				return err
			}
		}
		return w.flush(false)
	})
	w.failed = err != nil
	if err != nil {
		for _, c := range batch {
			c.err, c.results = unavailable(err), nil
		}
	}
}

// flush writes delayed writes if there are enough, or all of them.
func (w *writer) flush(all bool) error {
	if err := w.reads.flush(all); err != nil {
		return err
	}
	return w.sends.flush(all)
}

// transaction runs f between BEGIN and COMMIT. After a failure the database is
// unchanged and the writer reloads its state. If that fails, the next
// transaction reloads it first.
func (w *writer) transaction(f func() error) error {
	if w.unknown {
		if err := w.reload(); err != nil {
			return err
		}
	}
	_, err := w.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = f()
	}
	if err == nil {
		_, err = w.exec("COMMIT")
	}
	if err == nil {
		return nil
	}
	w.exec("ROLLBACK") // fails where SQLite has rolled back by itself
	w.forget()
	return errors.Join(err, w.reload())
}

// reload reads sends and read positions from the database. Until it succeeds,
// the state in memory must not be used.
func (w *writer) reload() error {
	err := errors.Join(w.sends.load(), w.reads.load())
	w.unknown = err != nil
	return err
}

// apply runs one call. A *chat.Error is that call's result; a returned error
// fails the whole batch.
func (w *writer) apply(c *call) error {
	if err := c.ctx.Err(); err != nil {
		c.err = unavailable(err) // nobody waits any more
		return nil
	}
	var err error
	switch {
	case c.run != nil:
		err = c.run(w.conn)
	case c.prune != nil:
		err = c.prune(w)
	case c.ping && w.failed: // a new value each time: SQLite does not write what is there already
		_, err = w.exec("INSERT INTO meta VALUES ('ping', ?1) ON CONFLICT DO UPDATE SET value = ?1",
			rand.Text())
	case len(c.changes) == 1: // judged before anything is written
		c.results[0], err = w.change(&c.changes[0])
	case len(c.changes) > 1:
		err = w.applyAll(c)
	}
	if refusal, ok := errors.AsType[*chat.Error](err); ok && refusal != nil {
		c.err = err
		return nil
	}
	return err
}

// applyAll applies all changes of c or none.
func (w *writer) applyAll(c *call) error {
	if _, err := w.exec("SAVEPOINT call"); err != nil {
		return err
	}
	w.sends.begin()
	defer w.sends.end()
	mark := w.reads.savepoint()
	for i := range c.changes {
		r, err := w.change(&c.changes[i])
		if _, refused := errors.AsType[*chat.Error](err); refused && i > 0 {
			if _, err := w.exec("ROLLBACK TO call"); err != nil {
				return err
			}
			w.sends.undo()
			w.reads.undo(mark)
			w.forget()
		}
		if err != nil {
			_, releaseErr := w.exec("RELEASE call")
			return errors.Join(err, releaseErr)
		}
		c.results[i] = r
	}
	_, err := w.exec("RELEASE call")
	return err
}

// complete rings the events of a batch and returns its calls.
func complete(batch []*call, ring func(*chat.Event)) {
	for _, c := range batch {
		if c.err == nil && ring != nil {
			for i := range c.results {
				if r := &c.results[i]; !r.NoOp && !r.Duplicate {
					ring(&r.Event)
				}
			}
		}
		close(c.done)
	}
}
