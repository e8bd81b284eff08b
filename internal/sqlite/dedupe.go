package sqlite

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
)

// hash is a [chat.Change.SendHash]. The zero hash is a send that cannot be
// repeated.
type hash [16]byte

// dedupe remembers the sends of the last day.
//
// An index in the database over random hashes would dirty one page per message,
// and writing pages is what a commit costs. So new sends stay in memory until
// they fill a segment, which is then written at once, ordered by hash and many
// to a row: a handful of pages. A small Bloom filter per segment tells which
// segments may have a hash.
//
// Nothing is lost in a crash: messages keep the hash of their send, and the
// table dedupe_tails has the first message of each room that is in no segment.
// These messages are read at the start.
//
// Only the writer uses it.
type dedupe struct {
	*conn
	size     int                  // of a segment
	recent   map[hash]sentMessage // not in a segment
	segments []dedupeSegment
	tails    map[int64]bool // rooms in the table dedupe_tails
	undoing  bool
	undos    []func()
}

type sentMessage struct{ message, at int64 }

type dedupeSegment struct {
	num    int64
	newest int64 // time of its newest send
	filter filter
}

// A segment of this size is written in some milliseconds, and its messages are
// read at the start in some ten.
const segmentSize = 16 << 10

// Sends are written as rows of up to perRow of them, each the hash and the
// message's id. A row of that size fits on one page.
const (
	perRow   = 40
	sendSize = len(hash{}) + 8
)

// load reads the state from the database. It also undoes what a failed
// transaction had added.
func (d *dedupe) load() error {
	*d = dedupe{conn: d.conn, size: d.size, recent: map[hash]sentMessage{}, tails: map[int64]bool{}}
	if err := d.each(func(r row) {
		d.segments = append(d.segments, dedupeSegment{r.num(0), r.num(1), r.blob(2)})
	}, "SELECT num, newest, filter FROM dedupe_segments ORDER BY num"); err != nil {
		return err
	}
	from := map[int64]int64{}
	if err := d.each(func(r row) { from[r.num(0)] = r.num(1) }, "SELECT room, no FROM dedupe_tails"); err != nil {
		return err
	}
	for room, no := range from {
		d.tails[room] = true
		if err := d.each(func(r row) { d.recent[hash(r.blob(1))] = sentMessage{r.num(0), r.num(2)} },
			"SELECT id, send, at FROM messages WHERE id BETWEEN ? AND ? AND send IS NOT NULL",
			key(room, no), key(room+1, -1)); err != nil {
			return err
		}
	}
	return nil
}

func (d *dedupe) each(f func(row), sql string, args ...any) error {
	_, err := many(d.conn, func(r row) struct{} { f(r); return struct{}{} }, sql, args...)
	return err
}

// find returns the id of the message with the send hash h, 0 if there is none.
func (d *dedupe) find(h hash) (int64, error) {
	if s, ok := d.recent[h]; ok {
		return s.message, nil
	}
	for _, g := range slices.Backward(d.segments) {
		if !g.filter.has(h) {
			continue
		}
		// The row whose last hash is the first not below h.
		r, err := d.one("SELECT sends FROM dedupe_sends WHERE segment = ? AND last >= ? ORDER BY last LIMIT 1", g.num, h[:])
		if err != nil {
			return 0, err
		}
		if r == nil {
			continue
		}
		for b := range slices.Chunk(r.blob(0), sendSize) {
			if hash(b[:len(h)]) == h {
				return int64(binary.LittleEndian.Uint64(b[len(h):])), nil
			}
		}
	}
	return 0, nil
}

// begin starts to record undo functions of add.
func (d *dedupe) begin() { d.undos, d.undoing = nil, true }

// undo removes what was added since begin, after the database has rolled back.
func (d *dedupe) undo() {
	for _, f := range slices.Backward(d.undos) {
		f()
	}
	d.end()
}

// end stops recording.
func (d *dedupe) end() { d.undos, d.undoing = nil, false }

// add remembers a send.
func (d *dedupe) add(h hash, room, no, at int64) error {
	known := d.tails[room]
	if !known {
		if _, err := d.exec("INSERT INTO dedupe_tails (room, no) VALUES (?, ?)", room, no); err != nil {
			return err
		}
		d.tails[room] = true
	}
	d.recent[h] = sentMessage{key(room, no), at}
	if d.undoing {
		d.undos = append(d.undos, func() {
			delete(d.recent, h)
			if !known {
				delete(d.tails, room)
			}
		})
	}
	return nil
}

// flush writes a segment if there are enough sends, or all sends if all is
// true.
func (d *dedupe) flush(all bool) error {
	if len(d.recent) == 0 || len(d.recent) < d.size && !all {
		return nil
	}
	g := dedupeSegment{num: 1, filter: newFilter(len(d.recent))}
	if n := len(d.segments); n > 0 {
		g.num = d.segments[n-1].num + 1
	}
	hashes := make([]hash, 0, len(d.recent))
	for h, s := range d.recent {
		hashes = append(hashes, h)
		g.filter.add(h)
		g.newest = max(g.newest, s.at)
	}
	slices.SortFunc(hashes, func(a, b hash) int { return bytes.Compare(a[:], b[:]) })
	for some := range slices.Chunk(hashes, perRow) {
		b := make([]byte, 0, perRow*sendSize)
		for _, h := range some {
			b = append(b, h[:]...)
			b = binary.LittleEndian.AppendUint64(b, uint64(d.recent[h].message))
		}
		last := some[len(some)-1]
		if _, err := d.exec("INSERT INTO dedupe_sends (segment, last, sends) VALUES (?, ?, ?)", g.num,
			last[:], b); err != nil {
			return err
		}
	}
	if _, err := d.exec("INSERT INTO dedupe_segments (num, newest, filter) VALUES (?, ?, ?)", g.num,
		g.newest, []byte(g.filter)); err != nil {
		return err
	}
	if _, err := d.exec("DELETE FROM dedupe_tails"); err != nil {
		return err
	}
	d.segments = append(d.segments, g)
	clear(d.recent)
	clear(d.tails)
	return nil
}

// prune forgets sends before a time, at most one segment per call.
func (d *dedupe) prune(before int64) (more bool, err error) {
	maps.DeleteFunc(d.recent, func(_ hash, s sentMessage) bool { return s.at < before })
	i := slices.IndexFunc(d.segments, func(g dedupeSegment) bool { return g.newest < before })
	if i < 0 {
		return false, nil
	}
	num := d.segments[i].num
	for _, sql := range []string{"DELETE FROM dedupe_sends WHERE segment = ?",
		"DELETE FROM dedupe_segments WHERE num = ?"} {
		if _, err := d.exec(sql, num); err != nil {
			return false, err
		}
	}
	d.segments = slices.Delete(d.segments, i, i+1)
	return true, nil
}

// filter is a Bloom filter of 16 bits and 4 probes per hash: wrong about one
// absent hash in 400. Its length is a power of two.
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
