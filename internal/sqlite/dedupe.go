package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// hash names a send: room, sender, device and client id. The zero hash is no send that can be repeated.
type hash [16]byte

func sendHash(c *chat.Change) hash {
	if c.Kind != chat.MessageCreated || c.Message == nil || c.Message.ClientID == "" {
		return hash{}
	}
	var b []byte
	for _, part := range []string{string(c.Stream), string(c.By), c.Device, c.Message.ClientID} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return hash(sum[:16])
}

// dedupe remembers the sends of the last day.
//
// An index in the database over random hashes would dirty one page per message, and writing pages is
// what a commit costs. So new sends stay in memory, in a generation of up to generationSize. A full one
// is frozen and written out in order of its hashes, a few with each batch, next to each other on
// few pages. A small Bloom filter per generation says which are worth asking.
//
// Nothing is lost in a crash: messages keep the hash of their send, and tails notes for each room
// from which message on the generations may not know it. That is read again at the start.
//
// Only the writer uses it.
type dedupe struct {
	*conn
	size           int // of a generation
	active, frozen period
	order          []hash          // of frozen, those still to be written
	generation     int64           // number of the one being written
	generations    []generation    // written ones
	tails          map[int64]int64 // what the table tails holds
	undoing        bool
	undos          []func()
}

// period is the sends between two freezes.
type period struct {
	sends  map[hash]sent
	newest map[int64]int64 // number of the newest such message by room
}

type sent struct{ message, at int64 }

type generation struct {
	num    int64
	newest int64 // time of its newest send
	filter filter
}

const generationSize = 16 << 10

func newPeriod() period { return period{sends: map[hash]sent{}, newest: map[int64]int64{}} }

// load reads what the database knows. It also takes back what a failed transaction had added.
func (d *dedupe) load() error {
	*d = dedupe{conn: d.conn, size: d.size, active: newPeriod(), frozen: newPeriod(), tails: map[int64]int64{}}
	if err := d.each(func(r row) {
		d.generations = append(d.generations, generation{r.num(0), r.num(1), r.blob(2)})
		d.generation = r.num(0)
	}, "SELECT num, newest, filter FROM generations ORDER BY num"); err != nil {
		return err
	}
	if err := d.each(func(r row) { d.tails[r.num(0)] = r.num(1) }, "SELECT room, no FROM tails"); err != nil {
		return err
	}
	for room, no := range d.tails {
		if err := d.each(func(r row) {
			d.active.sends[hash(r.blob(1))] = sent{r.num(0), r.num(2)}
			d.active.newest[room] = number(r.num(0))
		}, "SELECT id, send, at FROM messages WHERE id BETWEEN ? AND ? AND send IS NOT NULL", key(room, no+1), key(room+1, -1)); err != nil {
			return err
		}
	}
	d.generation++
	return nil
}

func (d *dedupe) each(f func(row), sql string, args ...any) error {
	_, err := many(d.conn, func(r row) struct{} { f(r); return struct{}{} }, sql, args...)
	return err
}

// find returns the id of the message that was sent with h, 0 if there is none.
func (d *dedupe) find(h hash) (int64, error) {
	for _, p := range []*period{&d.active, &d.frozen} {
		if s, ok := p.sends[h]; ok {
			return s.message, nil
		}
	}
	for i := range d.generations {
		g := &d.generations[len(d.generations)-1-i]
		if !g.filter.has(h) {
			continue
		}
		r, err := d.one("SELECT message FROM sends WHERE generation = ? AND hash = ?", g.num, h[:])
		if err != nil || r != nil {
			return r.first(), err
		}
	}
	return 0, nil
}

// begin starts to note how to undo what add does.
func (d *dedupe) begin() { d.undos, d.undoing = nil, true }

// undo takes back what was added since begin, after the database has done so.
func (d *dedupe) undo() {
	for _, f := range slices.Backward(d.undos) {
		f()
	}
	d.undos, d.undoing = nil, false
}

// add remembers a send.
func (d *dedupe) add(h hash, room, no, at int64) error {
	_, known := d.tails[room]
	if !known {
		if _, err := d.exec("INSERT INTO tails (room, no) VALUES (?, ?)", room, no-1); err != nil {
			return err
		}
		d.tails[room] = no - 1
	}
	before, had := d.active.newest[room]
	if d.undoing {
		d.undos = append(d.undos, func() {
			delete(d.active.sends, h)
			d.active.newest[room] = before
			if !had {
				delete(d.active.newest, room)
			}
			if !known {
				delete(d.tails, room)
			}
		})
	}
	d.active.sends[h] = sent{key(room, no), at}
	d.active.newest[room] = no
	return nil
}

// step goes on writing out the frozen generation, some more than the n sends that may have come.
func (d *dedupe) step(n int) error {
	d.undos, d.undoing = nil, false
	if len(d.frozen.sends) == 0 {
		if len(d.active.sends) < d.size {
			return nil
		}
		d.freeze()
	}
	return d.write(max(2*n, 64))
}

// flushAll writes everything out.
func (d *dedupe) flushAll() error {
	for len(d.frozen.sends)+len(d.active.sends) > 0 {
		if len(d.frozen.sends) == 0 {
			d.freeze()
		}
		if err := d.write(len(d.order)); err != nil {
			return err
		}
	}
	return nil
}

func (d *dedupe) freeze() {
	d.frozen, d.active = d.active, newPeriod()
	d.order = make([]hash, 0, len(d.frozen.sends))
	for h := range d.frozen.sends {
		d.order = append(d.order, h)
	}
	slices.SortFunc(d.order, func(a, b hash) int { return slices.Compare(a[:], b[:]) })
}

// write writes the next n sends of the frozen generation, and ends it with the last.
func (d *dedupe) write(n int) error {
	n = min(n, len(d.order))
	for _, h := range d.order[:n] {
		// A generation that a crash cut short left rows behind.
		if _, err := d.exec("INSERT INTO sends (generation, hash, message) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			d.generation, h[:], d.frozen.sends[h].message); err != nil {
			return err
		}
	}
	if d.order = d.order[n:]; len(d.order) > 0 {
		return nil
	}
	g := generation{num: d.generation, filter: newFilter(len(d.frozen.sends))}
	for h, s := range d.frozen.sends {
		g.filter.add(h)
		g.newest = max(g.newest, s.at)
	}
	if _, err := d.exec("INSERT INTO generations (num, newest, filter) VALUES (?, ?, ?)", g.num, g.newest, []byte(g.filter)); err != nil {
		return err
	}
	for room, no := range d.frozen.newest {
		var err error
		if _, more := d.active.newest[room]; more {
			d.tails[room] = no
			_, err = d.exec("UPDATE tails SET no = ? WHERE room = ?", no, room)
		} else {
			delete(d.tails, room)
			_, err = d.exec("DELETE FROM tails WHERE room = ?", room)
		}
		if err != nil {
			return err
		}
	}
	d.generations = append(d.generations, g)
	d.frozen = newPeriod()
	d.generation++
	return nil
}

// prune forgets generations that are past their time, n sends at most.
func (d *dedupe) prune(before int64, n int64) (more bool, err error) {
	for h, s := range d.active.sends {
		if s.at < before {
			delete(d.active.sends, h)
		}
	}
	for i, g := range d.generations {
		if g.newest >= before {
			continue
		}
		gone, err := d.exec("DELETE FROM sends WHERE (generation, hash) IN (SELECT generation, hash FROM sends WHERE generation = ? LIMIT ?)", g.num, n)
		if err != nil || gone == n {
			return true, err
		}
		if _, err := d.exec("DELETE FROM generations WHERE num = ?", g.num); err != nil {
			return true, err
		}
		d.generations = slices.Delete(d.generations, i, i+1)
		return true, nil
	}
	return false, nil
}

// filter is a Bloom filter of 16 bits and 4 probes per hash: wrong about one absent hash in 400.
// Its length is a power of two.
type filter []byte

func newFilter(n int) filter {
	size := 64
	for size < 2*n {
		size *= 2
	}
	return make(filter, size)
}

// probes are cut from the hash itself, which is random enough.
func (f filter) probe(h hash, i int) (at int, bit byte) {
	p := binary.LittleEndian.Uint32(h[4*i:]) & uint32(8*len(f)-1)
	return int(p / 8), 1 << (p % 8)
}

func (f filter) add(h hash) {
	for i := range 4 {
		at, bit := f.probe(h, i)
		f[at] |= bit
	}
}

func (f filter) has(h hash) bool {
	for i := range 4 {
		if at, bit := f.probe(h, i); f[at]&bit == 0 {
			return false
		}
	}
	return true
}
