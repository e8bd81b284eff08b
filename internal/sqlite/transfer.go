package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// Source reads all data of a directory, for a migration or a backup. It changes
// nothing. One for a migration holds the directory's lock.
type Source struct {
	store *Store // what reads; nothing else of it is there
	lock  *os.File
	moves map[memberKey]int64 // read positions that do not stand in members yet
	sends *dedupe             // made when first asked
}

var _ migrate.Source = (*Source)(nil)

// OpenSource opens the data in dir. No server may use them at the same time.
func OpenSource(dir string) (*Source, error) {
	path, err := existing(dir)
	if err != nil {
		return nil, err
	}
	l, err := lock(dir)
	if err != nil {
		return nil, err
	}
	s := newSource(path, "", 2)
	s.lock = l
	if err := s.prepare(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenSnapshot reads the data in dir as they are now, beside a server that goes
// on with them. The database's log grows by what is written until Close.
func OpenSnapshot(dir string) (*Source, error) {
	path, err := existing(dir)
	if err != nil {
		return nil, err
	}
	s := newSource(path, "", 1)
	if err := s.store.readers.freeze(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.prepare(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// existing returns the path of the database in dir.
func existing(dir string) (string, error) {
	path := filepath.Join(dir, "parley.db")
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("there is no data in %s", dir)
	}
	return path, err
}

func newSource(path, epoch string, connections int) *Source {
	return &Source{store: &Store{readers: newPool(path, connections), epoch: epoch}}
}

// prepare checks that the data are a store's.
func (s *Source) prepare(path string) error {
	return s.store.read(context.Background(), func(c *conn) error {
		if err := isCurrent(c, path); err != nil {
			return err
		}
		if err := isWhole(c, filepath.Dir(path)); err != nil {
			return err
		}
		r, err := c.one("SELECT value FROM meta WHERE key = 'epoch'")
		if err != nil {
			return err
		}
		if r == nil {
			return fmt.Errorf("%s has no epoch: it was never opened by a server", path)
		}
		s.store.epoch = r.text(0)
		s.moves, err = allReadMoves(c)
		return err
	})
}

var errOlder = errors.New("an older version of Parley")

// isCurrent returns an error unless the database has this version's schema:
// upgrading would change it.
func isCurrent(c *conn, path string) error {
	have, err := pragma(c, "user_version")
	if err != nil {
		return fmt.Errorf("%s cannot be read as a database: it is damaged or something else (%w)", path, err)
	}
	id, err := pragma(c, "application_id")
	if err != nil {
		return err
	}
	names, err := migrations.ReadDir("migrations")
	switch want := int64(len(names)); {
	case err != nil:
		return err
	case id != applicationID:
		return fmt.Errorf("%s belongs to another program", path)
	case have < want:
		return fmt.Errorf("%s was written by %w: start this version's server on it once", path, errOlder)
	case have > want:
		return fmt.Errorf("%s was written by a newer version of Parley: use that one", path)
	}
	return nil
}

func allReadMoves(c *conn) (map[memberKey]int64, error) {
	moves := map[memberKey]int64{}
	err := eachReadMove(c, func(room, no int64, user []byte) {
		at := memberKey{room, chat.UserID(user)}
		moves[at] = max(moves[at], no)
	})
	return moves, err
}

// Close releases the directory.
func (s *Source) Close() error {
	err := s.store.readers.close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Epoch implements [migrate.Source].
func (s *Source) Epoch() string { return s.store.epoch }

// head reads the end of a log, and the number of the newest message.
func (s *Source) head(c *conn, stream chat.Stream, h head) (migrate.Head, error) {
	end := migrate.Head{Seq: h.seq, ID: h.id}
	if h.seq == 0 || h.lastIsMsg {
		return end, nil
	}
	events, err := s.store.otherEvents(c, stream, h.num, h.seq-1, 1)
	if err != nil {
		return end, err
	}
	// One that is a message stands there where a migration has ended: see
	// Destination.room.
	if len(events) == 1 && events[0].Kind != chat.MessageCreated {
		end.Event = &events[0]
	}
	return end, nil
}

// Rooms implements [migrate.Source].
func (s *Source) Rooms(ctx context.Context, after chat.RoomID, limit int) (rooms []migrate.Room, err error) {
	err = s.store.read(ctx, func(c *conn) error {
		type numbered struct {
			chat.Room
			num, trimmed int64
		}
		all, err := many(c, func(r row) numbered { return numbered{scanRoom(r), r.num(0), r.num(11)} },
			"SELECT "+roomColumns+" FROM rooms WHERE id > ? ORDER BY id LIMIT ?", string(after), int64(limit))
		if err != nil {
			return err
		}
		for _, r := range all {
			h, err := readHeadOf(c, r.num)
			if err != nil {
				return err
			}
			end, err := s.head(c, chat.RoomStream(r.ID), h)
			if err != nil {
				return err
			}
			rooms = append(rooms, migrate.Room{Room: r.Room, Head: end, No: h.no, Trimmed: r.trimmed})
		}
		return nil
	})
	return rooms, err
}

// Members implements [migrate.Source].
func (s *Source) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) (members []migrate.Member, err error) {
	err = s.store.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil {
			return err
		}
		members, err = manyScanned(c, func(r row) (migrate.Member, error) {
			m, err := scanMember(r, room)
			return migrate.Member{Member: m, ReadNo: max(r.num(4), s.moves[memberKey{num, m.User}]),
				Spoke: r.num(5)}, err
		}, "SELECT "+memberColumns+", read_no, spoke FROM members WHERE room = ? AND user > ? ORDER BY user LIMIT ?", num, string(after), int64(limit))
		return err
	})
	return members, err
}

// Messages implements [migrate.Source].
func (s *Source) Messages(ctx context.Context, room chat.RoomID, after int64,
	limit int) (messages []migrate.Message, err error) {
	err = s.store.read(ctx, func(c *conn) error {
		num, err := roomNum(c, room)
		if err != nil {
			return err
		}
		events, err := messageEvents(c, room, "", "id BETWEEN ? AND ? ORDER BY id LIMIT ?",
			key(num, after+1), key(num+1, -1), int64(limit))
		if err != nil {
			return err
		}
		for _, e := range events {
			m := migrate.Message{Message: *e.Message, By: e.By, Prev: e.Prev}
			if !m.EditedAt.IsZero() {
				if m.Edits, err = editsOf(c, key(num, m.No)); err != nil {
					return err
				}
			}
			messages = append(messages, m)
		}
		return nil
	})
	return messages, err
}

// People implements [migrate.Source].
func (s *Source) People(ctx context.Context, after chat.UserID, limit int) (people []migrate.Person,
	err error) {
	err = s.store.read(ctx, func(c *conn) error {
		accounts, err := many(c, func(r row) chat.Account { return scanAccount(r, 0) },
			"SELECT "+accountColumns+" FROM accounts WHERE id > ? ORDER BY id LIMIT ?",
			string(after), int64(limit))
		if err != nil {
			return err
		}
		for _, a := range accounts {
			p := migrate.Person{Account: a}
			h, err := readHead(c, chat.UserStream(a.ID))
			if err != nil {
				return err
			}
			if p.Head, err = s.head(c, chat.UserStream(a.ID), h); err != nil {
				return err
			}
			if p.Rooms, err = many(c, func(r row) migrate.Listed {
				return migrate.Listed{Room: chat.RoomID(r.text(0)), Notify: chat.NotifyLevel(r.text(1))}
			},
				"SELECT id, notify FROM lists JOIN rooms ON num = room WHERE user = ? ORDER BY id",
				string(a.ID)); err != nil {
				return err
			}
			if p.Sessions, err = many(c, scanSession,
				"SELECT "+sessionColumns+" FROM sessions s WHERE s.user = ? ORDER BY s.id",
				string(a.ID)); err != nil {
				return err
			}
			people = append(people, p)
		}
		return nil
	})
	return people, err
}

// Invites implements [migrate.Source].
func (s *Source) Invites(ctx context.Context, after chat.Invite, limit int) (invites []chat.Invite,
	err error) {
	since := int64(-1 << 62)
	if after.ID != "" {
		since = milli(after.CreatedAt)
	}
	err = s.store.read(ctx, func(c *conn) error {
		invites, err = many(c, scanInvite,
			"SELECT "+inviteColumns+" FROM invites WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?",
			since, after.ID, int64(limit))
		return err
	})
	return invites, err
}

// Records implements [migrate.Source].
func (s *Source) Records(ctx context.Context, after migrate.Record,
	limit int) (records []migrate.Record, err error) {
	err = s.store.read(ctx, func(c *conn) error {
		records, err = many(c, func(r row) migrate.Record {
			return migrate.Record{Kind: r.text(3),
				Record: scanRecord(r)}
		},
			"SELECT "+recordColumns+", kind FROM records WHERE (kind, id) > (?, ?) ORDER BY kind, id LIMIT ?", after.Kind, after.ID, int64(limit))
		return err
	})
	return records, err
}

// Server implements [migrate.Source].
func (s *Source) Server(ctx context.Context) (end migrate.Head, err error) {
	err = s.store.read(ctx, func(c *conn) error {
		h, err := readHead(c, chat.ServerStream)
		if err != nil {
			return err
		}
		end, err = s.head(c, chat.ServerStream, h)
		return err
	})
	return end, err
}

// Sends implements [migrate.Source]: the segments, then the sends that are in
// no segment.
func (s *Source) Sends(ctx context.Context, since time.Time, give func([]migrate.Send) error) error {
	return s.store.read(ctx, func(c *conn) error {
		g := &sendGiver{c: c, since: milli(since), rooms: map[int64]chat.RoomID{}}
		err := c.query(ctx, func(r row) error {
			for b := r.blob(0); len(b) >= sendSize; b = b[sendSize:] {
				if err := g.add(hash(b), int64(binary.LittleEndian.Uint64(b[len(hash{}):])),
					nil); err != nil {
					return err
				}
			}
			return g.give(give, sendsAtOnce)
		}, "SELECT s.sends FROM dedupe_segments g JOIN dedupe_sends s ON s.segment = g.num WHERE g.newest >= ?", g.since)
		if err != nil {
			return err
		}
		err = c.query(ctx, func(r row) error {
			at := r.num(2)
			if err := g.add(hash(r.blob(1)), r.num(0), &at); err != nil {
				return err
			}
			return g.give(give, sendsAtOnce)
		}, "SELECT m.id, m.send, m.at FROM dedupe_tails t JOIN messages m ON m.id BETWEEN (t.room << 36) + t.no AND ((t.room + 1) << 36) - 1 WHERE m.send IS NOT NULL")
		if err != nil {
			return err
		}
		return g.give(give, 1)
	})
}

// sendsAtOnce is how many sends are handed on together.
const sendsAtOnce = 2000

// sendGiver gathers sends and says which rooms they belong to.
type sendGiver struct {
	c     *conn
	since int64
	rooms map[int64]chat.RoomID
	some  []migrate.Send
}

// add adds the send of a message that is not too old. At is its time, if known.
func (g *sendGiver) add(h hash, id int64, at *int64) error {
	if at == nil {
		r, err := g.c.one("SELECT at FROM messages WHERE id = ?", id)
		if err != nil || r == nil {
			return err
		}
		n := r.num(0)
		at = &n
	}
	if *at < g.since {
		return nil
	}
	room, ok := g.rooms[id>>shift]
	if !ok {
		r, err := g.c.one("SELECT id FROM rooms WHERE num = ?", id>>shift)
		if err != nil || r == nil {
			return err
		}
		room = chat.RoomID(r.text(0))
		g.rooms[id>>shift] = room
	}
	g.some = append(g.some, migrate.Send{Room: room, No: number(id), Hash: h, At: unmilli(*at)})
	return nil
}

// give passes on what was collected, if it is at least so many.
func (g *sendGiver) give(to func([]migrate.Send) error, least int) error {
	if len(g.some) < least {
		return nil
	}
	some := g.some
	g.some = nil
	return to(some)
}

// Forgotten implements [migrate.Source].
func (s *Source) Forgotten(ctx context.Context, sends []migrate.Send) (lost int, err error) {
	err = s.store.read(ctx, func(c *conn) error {
		if s.sends == nil {
			d := &dedupe{conn: c}
			if err := d.load(); err != nil {
				return err
			}
			s.sends = d
		}
		s.sends.conn = c
		for i := range sends {
			num, err := roomNum(c, sends[i].Room)
			if errors.Is(err, chat.ErrNotFound) {
				lost++
				continue
			}
			if err != nil {
				return err
			}
			id, err := s.sends.find(sends[i].Hash)
			if err != nil {
				return err
			}
			if id != key(num, sends[i].No) {
				lost++
			}
		}
		return nil
	})
	return lost, err
}
