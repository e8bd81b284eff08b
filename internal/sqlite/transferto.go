package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// Destination is the directory that a migration writes to. It holds the
// directory's lock. Batches are written in one transaction each, together with
// the state, so that nothing is written twice.
type Destination struct {
	path   string
	epoch  string
	lock   *os.File
	conn   *conn
	writer *writer // not running: only its transactions are used
	source *Source
	state  []byte
	other  bool // something else is there

	room chat.RoomID // the one that was last looked for
	num  int64
}

var _ migrate.Destination = (*Destination)(nil)

// migrationKey is where the table meta keeps the state of a migration that is
// not finished.
const migrationKey = "migration"

// isWhole returns an error for the database of an unfinished migration.
func isWhole(c *conn, dir string) error {
	r, err := c.one("SELECT 1 FROM meta WHERE key = ?", migrationKey)
	if err == nil && r != nil {
		err = fmt.Errorf("%s holds a move or a restore that is not finished: run the same command again, or empty the directory", dir)
	}
	return err
}

// OpenDestination opens dir, and creates it if necessary. If it has other data,
// nothing is written.
func OpenDestination(dir string) (_ *Destination, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	d := &Destination{path: filepath.Join(dir, "parley.db")}
	if d.lock, err = lock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if err := d.inspect(); err != nil || d.other {
		return d, err
	}
	if d.conn, err = openWriter(d.path); err != nil {
		return d, err
	}
	if d.epoch, err = ensureEpoch(d.conn); err != nil {
		return d, err
	}
	if d.writer, err = newWriter(d.conn, d.epoch, Options{}); err != nil {
		return d, err
	}
	d.source = newSource(d.path, d.epoch, 2)
	return d, nil
}

// inspect checks what the directory has, without changing it.
func (d *Destination) inspect() (err error) {
	info, err := os.Stat(d.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := open(d.path, "query_only = 1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if r, err := c.one("SELECT count(*) FROM sqlite_master"); err != nil || r.first() == 0 {
		return err // a run that was killed had not come to the first table
	}
	// Of a run that was killed, or of an older version that nobody has used:
	// openWriter brings it up to date.
	if err = isCurrent(c, d.path); err != nil && !errors.Is(err, errOlder) {
		return err
	}
	r, err := c.one("SELECT value FROM meta WHERE key = ?", migrationKey)
	if err != nil {
		return err
	}
	if r != nil {
		d.state = []byte(r.text(0))
		return nil
	}
	r, err = c.one("SELECT (SELECT count(*) FROM streams) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM sessions) + (SELECT count(*) FROM invites)")
	d.other = r.first() > 0
	return err
}

// Close releases the directory.
func (d *Destination) Close() error {
	var errs []error
	if d.source != nil {
		errs = append(errs, d.source.Close())
	}
	if d.conn != nil {
		errs = append(errs, d.conn.close())
	}
	return errors.Join(append(errs, d.lock.Close())...)
}

// Unfinished implements [migrate.Destination].
func (d *Destination) Unfinished(context.Context) ([]byte, error) {
	if d.other {
		return nil, migrate.ErrNotEmpty
	}
	return d.state, nil
}

// Source implements [migrate.Destination].
func (d *Destination) Source() migrate.Source { return d.source }

// Begin implements [migrate.Destination].
func (d *Destination) Begin(ctx context.Context, state []byte) error {
	return d.Write(ctx, &migrate.Batch{}, state)
}

// Write implements [migrate.Destination].
func (d *Destination) Write(ctx context.Context, b *migrate.Batch, state []byte) error {
	if d.other {
		return migrate.ErrNotEmpty
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.writer.transaction(func() error {
		for _, write := range []func(*migrate.Batch) error{d.rooms, d.members, d.messages, d.sends,
			d.people, d.invites, d.records} {
			if err := write(b); err != nil {
				return err
			}
		}
		if b.Server != nil {
			if _, err := d.stream(chat.ServerStream, *b.Server, 0); err != nil {
				return err
			}
		}
		_, err := d.conn.exec("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", migrationKey, string(state))
		return err
	})
}

// Finish implements [migrate.Destination].
func (d *Destination) Finish(context.Context) error {
	return d.writer.transaction(func() error {
		if _, err := d.conn.exec("UPDATE rooms SET members = (SELECT count(*) FROM members WHERE room = num)"); err != nil {
			return err
		}
		_, err := d.conn.exec("DELETE FROM meta WHERE key = ?", migrationKey)
		return err
	})
}

// stream makes a log with its newest event, and returns its number. A log whose
// newest event is a message has one row of an event all the same, in the
// message's place: it says which message stands there (see Store.events). This
// row is never returned: readers before it get ErrResync, because earlier
// events are missing.
func (d *Destination) stream(name chat.Stream, h migrate.Head, no int64) (int64, error) {
	if h.Seq == 0 && no == 0 {
		if _, isRoom := name.Room(); !isRoom {
			return 0, nil
		}
	}
	r, err := d.conn.one("INSERT INTO streams (name) VALUES (?) RETURNING num", string(name))
	if err != nil {
		return 0, err
	}
	num := r.num(0)
	if h.Seq == 0 {
		return num, nil
	}
	e, payload := chat.Event{Kind: chat.MessageCreated}, []byte("{}")
	if h.Event != nil {
		e = h.Event.Clone()
		if e.View != nil {
			e.View.Position.Epoch = d.epoch
		}
		if payload, err = encodeBody(&e); err != nil {
			return 0, err
		}
	}
	_, err = d.conn.exec("INSERT INTO events (id, no, event, prev, kind, at, by, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		key(num, h.Seq), no, h.ID, e.Prev, string(e.Kind), milli(e.At), string(e.By), payload)
	return num, err
}

func (d *Destination) rooms(b *migrate.Batch) error {
	for i := range b.Rooms {
		r := &b.Rooms[i].Room
		num, err := d.stream(chat.RoomStream(r.ID), b.Rooms[i].Head, b.Rooms[i].No)
		if err != nil {
			return err
		}
		if err := insertRoom(d.conn, num, r, b.Rooms[i].Trimmed); err != nil {
			return err
		}
	}
	return nil
}

// numOf returns the number of a room. Records of one room come together.
func (d *Destination) numOf(room chat.RoomID) (int64, error) {
	if d.num != 0 && d.room == room {
		return d.num, nil
	}
	num, err := roomNum(d.conn, room)
	if err != nil {
		return 0, fmt.Errorf("room %s: %w", room, err)
	}
	d.room, d.num = room, num
	return num, nil
}

func (d *Destination) members(b *migrate.Batch) error {
	for i := range b.Members {
		m := &b.Members[i]
		num, err := d.numOf(m.Room)
		if err != nil {
			return err
		}
		if err := insertMember(d.conn, num, &m.Member, m.ReadNo, m.Spoke); err != nil {
			return err
		}
	}
	return nil
}

func (d *Destination) messages(b *migrate.Batch) error {
	for i := range b.Messages {
		m := &b.Messages[i]
		num, err := d.numOf(m.Room)
		if err != nil {
			return err
		}
		var prev, by any // NULL where the row says it without
		if m.Prev != "" {
			prev = m.Prev
		}
		if m.By != m.From {
			by = string(m.By)
		}
		column, err := encodeAnnotations(&m.Message)
		if err != nil {
			return err
		}
		id := key(num, m.No)
		if _, err := d.conn.exec("INSERT INTO messages ("+messageColumns+
			") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			id, m.Seq, m.ID, prev, string(m.From), by, m.Text, m.ClientID, milli(m.At), column); err != nil {
			return err
		}
		if err := d.writeAnnotations(id, m); err != nil {
			return err
		}
	}
	return nil
}

// writeAnnotations writes what stands beside a message.
func (d *Destination) writeAnnotations(id int64, m *migrate.Message) error {
	if err := d.writer.mention(id, nil, &m.Message); err != nil {
		return err
	}
	for _, e := range m.Edits {
		if _, err := d.conn.exec("INSERT INTO edits (message, text, at) VALUES (?, ?, ?)", id,
			e.Text, milli(e.At)); err != nil {
			return err
		}
	}
	if !m.PinnedAt.IsZero() {
		if _, err := d.conn.exec("INSERT INTO pins (message) VALUES (?)", id); err != nil {
			return err
		}
	}
	if m.Deleted() {
		if _, err := d.conn.exec("INSERT INTO deleted (message) VALUES (?)", id); err != nil {
			return err
		}
	}
	return nil
}

// sends are written as a segment at once, because the messages' rows do not
// have the hashes.
func (d *Destination) sends(b *migrate.Batch) error {
	sends := d.writer.sends
	for i := range b.Sends {
		num, err := d.numOf(b.Sends[i].Room)
		if err != nil {
			return err
		}
		known, err := sends.find(b.Sends[i].Hash)
		if err != nil {
			return err
		}
		if known != 0 {
			continue
		}
		if err := sends.add(b.Sends[i].Hash, num, b.Sends[i].No, milli(b.Sends[i].At)); err != nil {
			return err
		}
	}
	return sends.flush(true)
}

func (d *Destination) people(b *migrate.Batch) error {
	for i := range b.People {
		p := &b.People[i]
		a := &p.Account
		if _, err := insertAccount(d.conn, a, ""); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
		if _, err := d.stream(chat.UserStream(a.ID), p.Head, 0); err != nil {
			return err
		}
		for _, room := range p.Rooms {
			num, err := d.numOf(room.Room)
			if err != nil {
				return err
			}
			if _, err := d.conn.exec("INSERT INTO lists (user, room, notify) VALUES (?, ?, ?)",
				string(a.ID), num, string(room.Notify)); err != nil {
				return err
			}
		}
		for j := range p.Sessions {
			s := &p.Sessions[j]
			if _, err := insertSession(d.conn, s, ""); err != nil {
				return fmt.Errorf("session %s: %w", s.ID, err)
			}
		}
	}
	return nil
}

func (d *Destination) invites(b *migrate.Batch) error {
	for i := range b.Invites {
		v := &b.Invites[i]
		if _, err := d.conn.exec("INSERT INTO invites ("+inviteColumns+") VALUES (?, ?, ?, ?, ?, ?)",
			v.ID, v.CodeHash, string(v.Role), string(v.CreatedBy), milli(v.CreatedAt),
			milli(v.ExpiresAt)); err != nil {
			return fmt.Errorf("invite %s: %w", v.ID, err)
		}
	}
	return nil
}

func (d *Destination) records(b *migrate.Batch) error {
	for i := range b.Records {
		r := &b.Records[i]
		if _, err := d.conn.exec("INSERT INTO records (kind, id, version, value) VALUES (?, ?, ?, ?)", r.Kind, r.ID, r.Version, append([]byte{}, r.Value...)); err != nil {
			return fmt.Errorf("record %s %s: %w", r.Kind, r.ID, err)
		}
	}
	return nil
}
