package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// searcher keeps the index of messages, in a database of its own: indexing takes nothing from the path
// of a send but a note that a room has news. The database says for each room up to which message
// it knows it, in the same transaction as the index itself, so that a crash loses nothing and doubles
// nothing. The index holds no texts and can be built again from the messages; that is what happens
// when it is missing, damaged, of another version, or ahead of a store that was restored.
type searcher struct {
	path  string
	log   *slog.Logger
	store *pool
	index *conn // used by run only, after open
	find  pool
	quit  chan struct{}
	wake  chan struct{} // holds one token while rooms may have news

	mu    sync.Mutex // guards dirty
	dirty map[int64]bool
}

const (
	searchVersion = 1
	searchSchema  = `
		CREATE TABLE indexed (
			room  INTEGER PRIMARY KEY,
			no    INTEGER NOT NULL, -- the newest message that the index knows
			event TEXT NOT NULL     -- its id
		);
		CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'ascii');`

	indexDelay = 200 * time.Millisecond // from a message to its indexing, so that many go together
	indexChunk = 256                    // messages in one transaction
	indexShare = 9                      // rest so many times as long as was worked
	indexRetry = 10 * time.Second       // after a failure
)

// openSearch opens the index at path, anew if it is no good.
func openSearch(path string, store *pool, log *slog.Logger) (*searcher, error) {
	s := &searcher{
		path: path, log: log, store: store, find: newPool(path, 2),
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
	c, err := open(s.path, "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -4000")
	if err != nil {
		return err
	}
	version, err := pragma(c, "user_version")
	if err == nil && version == 0 {
		err = c.script(fmt.Sprintf("BEGIN; %s; PRAGMA user_version = %d; COMMIT", searchSchema, searchVersion))
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

// reset starts with an empty index, before anybody uses it.
func (s *searcher) reset() error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the search index: %w", err)
		}
	}
	return s.open()
}

// touch notes that a room has new messages.
func (s *searcher) touch(room int64) {
	s.mu.Lock()
	s.dirty[room] = true
	s.mu.Unlock()
	s.wakeUp()
}

func (s *searcher) stop() { close(s.quit) }

// close is called after run has returned.
func (s *searcher) close() error {
	return errors.Join(s.find.close(), s.index.close())
}

// run indexes until stop.
func (s *searcher) run() {
	for err := s.survey(); ; err = s.work() {
		rest := indexDelay
		if err != nil && !s.stopping() {
			s.log.Warn("indexing messages for search failed and will be tried again", "error", err)
			rest = indexRetry
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

// survey finds the rooms that were written after they were indexed. An index that knows what is
// not there is thrown away.
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
	stale := false
	err := s.store.read(context.Background(), func(c *conn) error {
		trimmed := map[int64]int64{}
		rooms, err := many(c, func(r row) int64 { trimmed[r.num(0)] = r.num(1); return r.num(0) }, "SELECT num, trimmed FROM rooms")
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
		s.log.Info("the search index is built again", "reason", "it knows messages that the store does not have")
		return s.again()
	}
	return nil
}

// again empties the index and has all rooms indexed.
func (s *searcher) again() error {
	if err := s.index.script("BEGIN; DROP TABLE words; DROP TABLE indexed;" + searchSchema + "; COMMIT"); err != nil {
		return err
	}
	return s.survey()
}

// work indexes all rooms that have news. It rests in between, so that senders keep most of the machine.
func (s *searcher) work() error {
	for {
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
		for {
			began := time.Now()
			n, err := s.chunk(room)
			if err != nil {
				s.touch(room)
				return err
			}
			if !s.rest(indexShare * time.Since(began)) {
				return nil
			}
			if n < indexChunk {
				break
			}
		}
	}
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
			"SELECT id, event, text FROM messages WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", key(room, mark.first()+1), key(room+1, -1), int64(indexChunk))
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
	if _, err := s.index.exec("DELETE FROM words WHERE rowid BETWEEN ? AND ?", key(room, 1), key(room, trimmed)); err != nil {
		return 0, err
	}
	if len(messages) == 0 {
		return 0, nil
	}
	if _, err := s.index.exec("BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			s.index.exec("ROLLBACK")
		}
	}()
	for _, m := range messages {
		if _, err := s.index.exec("INSERT INTO words (rowid, text) VALUES (?, ?)", m.id, document(m.text)); err != nil {
			return 0, err
		}
	}
	last := messages[len(messages)-1]
	if _, err := s.index.exec("INSERT INTO indexed VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET no = ?2, event = ?3", room, number(last.id), last.event); err != nil {
		return 0, err
	}
	_, err = s.index.exec("COMMIT")
	return len(messages), err
}

// Search returns up to limit messages of the rooms that hold all words of the query, newest first.
// Words match by their beginning, writing without spaces anywhere; see terms.go. A message is found some
// moments after it was sent. Rooms that are not there are skipped.
func (s *Store) Search(ctx context.Context, rooms []chat.RoomID, query string, limit int) ([]chat.Message, error) {
	match := expression(query)
	if match == "" || limit <= 0 {
		return nil, nil
	}
	var found []chat.Message
	err := s.read(ctx, func(c *conn) error {
		for _, room := range rooms {
			num, err := roomNum(c, room)
			if errors.Is(err, chat.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			var ids []int64
			if err := s.search.find.read(ctx, func(c *conn) error {
				return c.query(ctx, func(r row) error { ids = append(ids, r.num(0)); return nil },
					"SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?",
					match, key(num, 1), key(num+1, -1), int64(limit))
			}); err != nil {
				return err
			}
			for _, id := range ids {
				e, err := readMessage(c, room, id, s.epoch)
				if err != nil {
					return err
				}
				if e != nil {
					found = append(found, *e.Message)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b chat.Message) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return found[:min(len(found), limit)], nil
}
