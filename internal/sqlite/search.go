package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// searcher keeps the index of messages, in a database of its own: a send only
// notes that a room has new messages. The index stores for each room the number
// of the last indexed message, in the same transaction as the index itself, so
// that a crash loses and repeats nothing. The index holds no texts. It is
// rebuilt from the messages if it is missing, damaged, of another version, or
// newer than a restored store.
type searcher struct {
	path  string
	log   *slog.Logger
	store *pool
	index *conn         // used by run only, after open
	find  pool          // of the index, for searches
	texts pool          // of the store, for searches
	retry time.Duration // rest after a failure
	quit  chan struct{}
	wake  chan struct{} // holds one token while rooms may have news

	done atomic.Int64 // rows of the store's table reindex up to this one are in the index

	mu    sync.Mutex // guards dirty
	dirty map[int64]bool
}

const (
	searchVersion = 2
	searchSchema  = `
		CREATE TABLE indexed (
			room  INTEGER PRIMARY KEY,
			no    INTEGER NOT NULL, -- the newest message that the index knows
			event TEXT NOT NULL     -- its id
		);
		CREATE TABLE reindexed (seq INTEGER NOT NULL); -- the newest change of an older message that the index knows
		INSERT INTO reindexed VALUES (0);
		CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'ascii');`

	// wordsOf is the indexed text of a message m: its text and the names of its
	// files.
	wordsOf = `m.text || coalesce((SELECT ' ' || group_concat(j.value ->> 'name', ' ') FROM json_each(m.annotations, '$.files') j WHERE m.annotations IS NOT NULL), '')`

	indexDelay = 200 * time.Millisecond // from a message to its indexing, so that many go together
	indexChunk = 256                    // messages in one transaction
	findConns  = 2                      // searches at once
	indexShare = 9                      // rest so many times as long as was worked
)

// openSearch opens the index at path, and creates it again if it is damaged.
func openSearch(path string, store *pool, log *slog.Logger) (*searcher, error) {
	s := &searcher{
		path: path, log: log, store: store, retry: 10 * time.Second,
		find: newPool(path, findConns), texts: newPool(store.path, findConns),
		quit: make(chan struct{}), wake: make(chan struct{}, 1), dirty: map[int64]bool{},
	}
	err := s.open()
	if err != nil {
		log.Info("the search index is built again", "reason", err)
		err = s.reset()
	}
	return s, err
}

func (s *searcher) open() error {
	if err := create(s.path); err != nil {
		return err
	}
	c, err := open(s.path, "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -4000")
	if err != nil {
		return err
	}
	version, err := pragma(c, "user_version")
	if err == nil && version == 0 {
		err = c.script(fmt.Sprintf("BEGIN; %s; PRAGMA user_version = %d; COMMIT", searchSchema,
			searchVersion))
		version = searchVersion
	}
	if err == nil && version != searchVersion {
		err = fmt.Errorf("the index has version %d", version)
	}
	if err != nil {
		return errors.Join(err, c.close())
	}
	s.index = c
	return nil
}

// reset creates an empty index, before it is used.
func (s *searcher) reset() error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the search index: %w", err)
		}
	}
	return s.open()
}

// touch notes that a room has new or changed messages.
func (s *searcher) touch(room int64) {
	s.mu.Lock()
	s.dirty[room] = true
	s.mu.Unlock()
	s.wakeUp()
}

func (s *searcher) stop() { close(s.quit) }

// close is called after run has returned.
func (s *searcher) close() error {
	return errors.Join(s.find.close(), s.texts.close(), s.index.close())
}

// run indexes until stop. Until a survey has succeeded it is tried again before
// anything is indexed.
func (s *searcher) run() {
	for next := s.survey; ; {
		err := next()
		rest := indexDelay
		if err == nil {
			next = s.work
		}
		if err != nil && !s.stopping() {
			s.log.Warn("indexing messages for search failed and will be tried again", "error", err)
			rest = s.retry
			s.wakeUp()
		}
		if !s.rest(rest) {
			return
		}
		select {
		case <-s.wake:
		case <-s.quit:
			return
		}
	}
}

func (s *searcher) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *searcher) stopping() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// rest waits, and reports whether to go on.
func (s *searcher) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.quit:
		return false
	}
}

// survey finds the rooms with messages that are not indexed. An index that is
// ahead of the store, or that has missed changes, is dropped.
func (s *searcher) survey() error {
	type mark struct {
		no    int64
		event string
	}
	marks := map[int64]mark{}
	if err := s.index.query(context.Background(), func(r row) error {
		marks[r.num(0)] = mark{r.num(1), r.text(2)}
		return nil
	}, "SELECT room, no, event FROM indexed"); err != nil {
		return err
	}
	done, err := s.index.one("SELECT seq FROM reindexed")
	if err != nil {
		return err
	}
	known := len(marks) > 0
	stale := false
	var newest int64 // change of an older message
	err = s.store.read(context.Background(), func(c *conn) error {
		// Changes are numbered without holes, and the oldest are forgotten once
		// they are in the index.
		r, err := c.one("SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'reindex'), (SELECT min(seq) FROM reindex)")
		if err != nil {
			return err
		}
		newest = r.num(0)
		if oldest := r.num(1); done.first() > newest || done.first() < newest &&
			(oldest == 0 || oldest > done.first()+1) {
			stale = true
		}
		trimmed := map[int64]int64{}
		rooms, err := many(c, func(r row) int64 { trimmed[r.num(0)] = r.num(1); return r.num(0) },
			"SELECT num, trimmed FROM rooms")
		if err != nil {
			return err
		}
		for _, room := range rooms {
			h, err := readHeadOf(c, room)
			if err != nil {
				return err
			}
			m := marks[room]
			if m.no > trimmed[room] {
				r, err := c.one("SELECT event FROM messages WHERE id = ?", key(room, m.no))
				if err != nil {
					return err
				}
				stale = stale || r == nil || r.text(0) != m.event
			}
			if m.no < h.no || stale {
				s.touch(room)
			}
			delete(marks, room)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if stale || len(marks) > 0 {
		if known {
			s.log.Info("the search index is built again", "reason", "it knows what the store does not have")
		}
		return s.again(newest)
	}
	s.done.Store(done.first())
	s.wakeUp()
	return nil
}

// again empties the index and starts to index all rooms.
func (s *searcher) again(newest int64) error {
	if err := s.index.script(fmt.Sprintf(
		"BEGIN; DROP TABLE words; DROP TABLE indexed; DROP TABLE reindexed; %s; UPDATE reindexed SET seq = %d; COMMIT", searchSchema, newest)); err != nil {
		return err
	}
	return s.survey()
}

// work indexes all changes and all rooms with new messages. It pauses in
// between to leave most of the processor to senders.
func (s *searcher) work() error {
	for !s.stopping() {
		if err := s.paced(s.changes); err != nil {
			s.wakeUp()
			return err
		}
		s.mu.Lock()
		var room int64
		for room = range s.dirty {
			break
		}
		delete(s.dirty, room)
		s.mu.Unlock()
		if room == 0 {
			return nil
		}
		if err := s.paced(func() (int, error) { return s.chunk(room) }); err != nil {
			s.touch(room)
			return err
		}
	}
	return nil
}

// paced calls do, which indexes some messages and returns how many, until there
// are no more or stop is called.
func (s *searcher) paced(do func() (int, error)) error {
	for {
		began := time.Now()
		n, err := do()
		if err != nil || n == 0 || !s.rest(indexShare*time.Since(began)) || n < indexChunk {
			return err
		}
	}
}

// changes indexes the next messages that have changed after they were indexed,
// and returns how many.
func (s *searcher) changes() (n int, err error) {
	type change struct {
		id   int64
		text string // empty for one that is gone or deleted
	}
	var changes []change
	seq := s.done.Load()
	err = s.store.read(context.Background(), func(c *conn) error {
		return c.query(context.Background(), func(r row) error {
			seq = r.num(0)
			changes = append(changes, change{r.num(1), r.text(2)})
			return nil
		}, "SELECT r.seq, r.message, "+wordsOf+
			" FROM reindex r LEFT JOIN messages m ON m.id = r.message WHERE r.seq > ? ORDER BY r.seq LIMIT ?", seq, int64(indexChunk))
	})
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	err = s.write(func() error {
		known := map[int64]int64{}
		for _, m := range changes {
			room := m.id >> shift
			if _, ok := known[room]; !ok {
				mark, err := s.index.one("SELECT no FROM indexed WHERE room = ?", room)
				if err != nil {
					return err
				}
				known[room] = mark.first()
			}
			if number(m.id) > known[room] { // its turn comes
				continue
			}
			if _, err := s.index.exec("DELETE FROM words WHERE rowid = ?", m.id); err != nil {
				return err
			}
			if m.text == "" {
				continue
			}
			if _, err := s.index.exec("INSERT INTO words (rowid, text) VALUES (?, ?)", m.id,
				document(m.text)); err != nil {
				return err
			}
		}
		_, err := s.index.exec("UPDATE reindexed SET seq = ?", seq)
		return err
	})
	if err == nil {
		s.done.Store(seq)
	}
	return len(changes), err
}

// write runs f in a transaction of the index.
func (s *searcher) write(f func() error) error {
	_, err := s.index.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = f()
	}
	if err == nil {
		_, err = s.index.exec("COMMIT")
	}
	if err != nil {
		s.index.exec("ROLLBACK") // fails where SQLite has rolled back by itself
	}
	return err
}

// chunk indexes the next messages of a room and returns how many.
func (s *searcher) chunk(room int64) (n int, err error) {
	mark, err := s.index.one("SELECT no FROM indexed WHERE room = ?", room)
	if err != nil {
		return 0, err
	}
	type message struct {
		id          int64
		event, text string
	}
	var messages []message
	var trimmed int64
	err = s.store.read(context.Background(), func(c *conn) error {
		messages, err = many(c, func(r row) message { return message{r.num(0), r.text(1), r.text(2)} },
			"SELECT id, event, "+wordsOf+" FROM messages m WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", key(room, mark.first()+1), key(room+1, -1), int64(indexChunk))
		if err != nil {
			return err
		}
		r, err := c.one("SELECT trimmed FROM rooms WHERE num = ?", room)
		trimmed = r.first()
		return err
	})
	if err != nil {
		return 0, err
	}
	if _, err := s.index.exec("DELETE FROM words WHERE rowid BETWEEN ? AND ?", key(room, 1),
		key(room, trimmed)); err != nil {
		return 0, err
	}
	if len(messages) == 0 {
		return 0, nil
	}
	err = s.write(func() error {
		for _, m := range messages {
			if m.text == "" {
				continue
			}
			if _, err := s.index.exec("INSERT INTO words (rowid, text) VALUES (?, ?)", m.id,
				document(m.text)); err != nil {
				return err
			}
		}
		last := messages[len(messages)-1]
		_, err := s.index.exec("INSERT INTO indexed VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET no = ?2, event = ?3", room, number(last.id), last.event)
		return err
	})
	return len(messages), err
}
