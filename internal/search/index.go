package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/parley-chat/parley/internal/chat"
)

// Name is the follower's name.
const Name = "search"

// Config says what an index is made of.
type Config struct {
	Dir   string // where its file search.db is; created if missing
	ID    string // of the server's data; an index of other data is dropped
	Store chat.Store
	Log   *slog.Logger
	// Rest is how many times as long as it has worked the index rests, so that
	// most of the processor is left to senders. It rests less while it is
	// built.
	Rest int
	// Read, if not nil, returns the text inside a file of a message, or what
	// could be read of it; see package extract. An error that is
	// [chat.ErrUnavailable] says that it can be read later. Until it is set and
	// ReadFiles runs, files are found by their names.
	Read func(context.Context, chat.File) (string, error)
}

// Index is an index of all messages. It implements [chat.SearchIndex]. Its
// methods are safe for concurrent use.
type Index struct {
	Config
	path string
	lock *os.File // of the directory

	gate  sync.RWMutex // held for writing while the files are replaced
	write *sql.Conn    // one at a time, see lane
	stmts map[string]*sql.Stmt
	dbs   []*sql.DB // of write and of read
	read  *sql.DB
	lane  sync.Mutex      // guards write and what follows
	said  map[string]bool // words that are in the vocabulary, not all of them
	prune string          // after this word the vocabulary is looked through

	again func()        // asks for all rooms to be compared
	files chan struct{} // a file is to be read

	mu      sync.RWMutex // guards what follows
	rooms   map[chat.RoomID]*room
	numbers map[int64]*room
	state   progress
}

// room is what the index knows of a room.
type room struct {
	num, home int64 // home is the room above a thread, or the room itself
	id        chat.RoomID
}

const (
	version = 6 // of the schema; older ones belong to an index without the text inside files
	schema  = `
		CREATE TABLE rooms (
			num    INTEGER PRIMARY KEY,
			id     TEXT NOT NULL UNIQUE,
			home   INTEGER NOT NULL,           -- num of the room above a thread, or its own
			cursor TEXT NOT NULL DEFAULT '',   -- JSON of the position in its stream
			built  INTEGER NOT NULL DEFAULT 0  -- messages up to this number were read; -1 for all
		);
		CREATE TABLE docs (
			id   INTEGER PRIMARY KEY, -- place in the order of all messages, see place
			room INTEGER NOT NULL,
			no   INTEGER NOT NULL,
			sum  INTEGER NOT NULL     -- of what is indexed
		);
		CREATE UNIQUE INDEX docs_room ON docs (room, no);
		CREATE TABLE inside ( -- the text inside the files of messages
			room  INTEGER NOT NULL,
			no    INTEGER NOT NULL,
			file  TEXT NOT NULL,
			text  TEXT NOT NULL DEFAULT '',
			tries INTEGER NOT NULL DEFAULT 0, -- how often reading it failed; -1 once it is read
			PRIMARY KEY (room, no, file)
		) WITHOUT ROWID;
		CREATE INDEX inside_unread ON inside (tries) WHERE tries >= 0;
		CREATE TABLE meta (id TEXT NOT NULL);
		CREATE TABLE vocabulary (word TEXT PRIMARY KEY) WITHOUT ROWID; -- what is in the column text of words
		CREATE TABLE parts ( -- of long words: what follows each of their letters
			part TEXT NOT NULL,
			word TEXT NOT NULL,
			PRIMARY KEY (part, word)
		) WITHOUT ROWID;
		CREATE VIRTUAL TABLE words USING fts5 (text, f, content = '', contentless_delete = 1, tokenize = 'ascii',
			prefix = '2 3');`

	readers = 4 // searches at once
)

// Open opens the index, and begins anew if it cannot be used.
func Open(ctx context.Context, cfg Config) (*Index, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the search index: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	x := &Index{Config: cfg, path: filepath.Join(cfg.Dir, "search.db"), lock: lock, again: func() {},
		said: map[string]bool{}, files: make(chan struct{}, 1)}
	err = x.open(ctx)
	if err != nil && ctx.Err() == nil {
		cfg.Log.Info("the search index is built again", "reason", err)
		err = x.reset(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return x, nil
}

func (x *Index) open(ctx context.Context) (err error) {
	f, err := os.OpenFile(x.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil { // SQLite gives its log the same mode
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.closeFiles())
		}
	}()
	one, err := x.db("-4000", 1)
	if err != nil {
		return err
	}
	if x.write, err = one.Conn(ctx); err != nil {
		return err
	}
	x.stmts = map[string]*sql.Stmt{}
	if x.read, err = x.db("-2000", readers); err != nil {
		return err
	}
	var have int
	if err := x.write.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have == 0 {
		step := fmt.Sprintf("BEGIN; %s; PRAGMA user_version = %d; COMMIT", schema, version)
		if _, err := x.write.ExecContext(ctx, step); err != nil {
			return err
		}
		if _, err := x.write.ExecContext(ctx, "INSERT INTO meta VALUES (?)", x.ID); err != nil {
			return err
		}
		have = version
	}
	if have != version {
		return fmt.Errorf("it has version %d", have)
	}
	var id string
	if err := x.write.QueryRowContext(ctx, "SELECT id FROM meta").Scan(&id); err != nil {
		return err
	}
	if id != x.ID {
		return errors.New("it belongs to other data")
	}
	return x.loadRooms(ctx)
}

func (x *Index) db(cache string, conns int) (*sql.DB, error) {
	u := url.URL{Scheme: "file", OmitHost: true, Path: x.path, RawQuery: url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(" + cache + ")",
		"journal_size_limit(16777216)"}}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	x.dbs = append(x.dbs, db)
	return db, nil
}

func (x *Index) loadRooms(ctx context.Context) error {
	rows, err := x.write.QueryContext(ctx, "SELECT num, id, home FROM rooms")
	if err != nil {
		return err
	}
	defer rows.Close()
	known, numbers := map[chat.RoomID]*room{}, map[int64]*room{}
	for rows.Next() {
		r := new(room)
		if err := rows.Scan(&r.num, &r.id, &r.home); err != nil {
			return err
		}
		known[r.id], numbers[r.num] = r, r
	}
	x.mu.Lock()
	x.rooms, x.numbers, x.state = known, numbers, progress{}
	x.mu.Unlock()
	return rows.Err()
}

// reset begins with an empty index. Nothing else uses it, or gate is held.
func (x *Index) reset(ctx context.Context) error {
	if err := x.closeFiles(); err != nil {
		x.Log.Warn("closing a search index that cannot be used", "error", err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(x.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the search index: %w", err)
		}
	}
	return x.open(ctx)
}

func (x *Index) closeFiles() error {
	var errs []error
	for _, s := range x.stmts {
		errs = append(errs, s.Close())
	}
	if x.write != nil {
		errs = append(errs, x.write.Close())
	}
	for _, db := range x.dbs {
		errs = append(errs, db.Close())
	}
	x.stmts, x.write, x.dbs, x.read = nil, nil, nil, nil
	clear(x.said)
	return errors.Join(errs...)
}

// Close closes the index. Its follower has stopped.
func (x *Index) Close() error {
	x.gate.Lock()
	defer x.gate.Unlock()
	err := x.closeFiles()
	if x.lock != nil {
		err = errors.Join(err, x.lock.Close())
		x.lock = nil
	}
	return err
}

// ErrIndex is in the errors of an index that cannot be used now, which are
// [chat.ErrUnavailable] too.
var ErrIndex = errors.New("the search index")

func unusable(cause error) error {
	return fmt.Errorf("%w: %w: %w", chat.ErrUnavailable, ErrIndex, cause)
}

var errClosed = errors.New("closed")

// whole runs f on the open index. If f finds it damaged, the index begins anew.
func (x *Index) whole(f func() error) error {
	x.gate.RLock()
	read := x.read
	err := unusable(errClosed)
	if read != nil {
		err = f()
	}
	x.gate.RUnlock()
	if !damaged(err) {
		return err
	}
	x.gate.Lock()
	defer x.gate.Unlock()
	if x.read == read { // no one else was faster
		x.Log.Warn("the search index is damaged and is built again", "error", err)
		if again := x.reset(context.Background()); again != nil {
			return unusable(again)
		}
		x.again()
	}
	return unusable(err)
}

// damaged reports whether an error says that the file is no sound database.
func damaged(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	const corrupt, notDatabase = 11, 26
	return e.Code()&0xff == corrupt || e.Code()&0xff == notDatabase
}

// exec runs a statement of the writing connection. The lane is held.
func (x *Index) exec(statement string, args ...any) error {
	s, err := x.stmt(statement)
	if err == nil {
		_, err = s.Exec(args...)
	}
	return err
}

// one reads one row by the writing connection, and reports whether there is
// one. The lane is held.
func (x *Index) one(statement string, args []any, to ...any) (bool, error) {
	s, err := x.stmt(statement)
	if err == nil {
		err = s.QueryRow(args...).Scan(to...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (x *Index) stmt(statement string) (*sql.Stmt, error) {
	if s, ok := x.stmts[statement]; ok {
		return s, nil
	}
	s, err := x.write.PrepareContext(context.Background(), statement)
	if err == nil {
		x.stmts[statement] = s
	}
	return s, err
}

// change runs f in a transaction, and then rests for some times as long as it
// took.
func (x *Index) change(ctx context.Context, rest int, f func() error) error {
	x.lane.Lock()
	defer x.lane.Unlock()
	began := time.Now()
	err := x.whole(func() error {
		if err := x.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		err := f()
		if err == nil {
			err = x.exec("COMMIT")
		}
		if err != nil {
			x.exec("ROLLBACK") // fails where SQLite has rolled back by itself
			clear(x.said)
		}
		return err
	})
	if rest > 0 && err == nil {
		t := time.NewTimer(time.Duration(rest) * time.Since(began))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return err
}
