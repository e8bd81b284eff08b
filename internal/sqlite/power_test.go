//go:build linux

package sqlite

import (
	flags "flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

var powerCuts = flags.Int("powercuts", 40, "at how many points TestPowerLoss cuts the power")

// diskOp is one thing that SQLite asked of the disk, or an acknowledgement that
// was given after what is before it.
type diskOp struct {
	what string // write, truncate, sync, delete, ack
	file string // its name
	at   int64  // where; size of the file; of a sync or delete, 1 if the directory was synced with it
	data []byte
	ack  ack
}

// disk notes what SQLite asks of files, in the order in which it was done.
type disk struct {
	mu    sync.Mutex
	deeds []diskOp
}

func (d *disk) note(x diskOp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deeds = append(d.deeds, x)
}

// platter is a file after a power cut, as far as it has come: what is synced,
// and what is not.
type platter struct {
	there   bool // for certain
	data    []byte
	pending []diskOp
}

func (p *platter) do(x diskOp) {
	switch x.what {
	case "write":
		if need := int(x.at) + len(x.data); need > len(p.data) {
			p.data = append(p.data, make([]byte, need-len(p.data))...)
		}
		copy(p.data[x.at:], x.data)
	case "truncate":
		if n := int(x.at); n < len(p.data) {
			p.data = p.data[:n]
		} else {
			p.data = append(p.data, make([]byte, n-len(p.data))...)
		}
	}
}

// apply takes what is asked of the file. What was deleted and is made anew is
// another file: the old one does not come back.
func (p *platter) apply(x diskOp) {
	if n := len(p.pending); n > 0 && p.pending[n-1].what == "delete" || x.what == "delete" && x.at != 0 {
		*p = platter{}
	}
	switch {
	case x.what == "delete" && x.at != 0: // and the directory was synced
	case x.what == "sync":
		for _, y := range p.pending {
			p.do(y)
		}
		p.pending, p.there = nil, true
	default:
		p.pending = append(p.pending, x)
	}
}

// entered is a sync of the directory: what was made is there, and what was
// deleted is not.
func (p *platter) entered() {
	if n := len(p.pending); n > 0 && p.pending[n-1].what == "delete" {
		*p = platter{}
		return
	}
	p.there = p.there || len(p.pending) > 0
}

// sector is what a disk writes whole.
const sector = 512

// left returns what is there after the cut: what was synced, and of the rest
// what chance left, sector by sector, in whatever order.
func (p *platter) left(r *rand.Rand) (data []byte, there bool) {
	now := &platter{data: slices.Clone(p.data)}
	there = p.there
	deleted := false
	keep := []float64{0, 0.5, 0.9, 1}[r.IntN(4)] // of nothing, of some, of nearly all, of all
	for _, x := range p.pending {
		switch x.what {
		case "delete":
			deleted = deleted || r.Float64() < keep
		case "truncate":
			if r.Float64() < keep {
				now.do(x)
				there = true
			}
		case "write":
			for at := int64(0); at < int64(len(x.data)); {
				end := min(int64(len(x.data)), (x.at+at)/sector*sector+sector-x.at)
				if r.Float64() < keep {
					now.do(diskOp{what: "write", at: x.at + at, data: x.data[at:end]})
					there = true
				}
				at = end
			}
		}
	}
	return now.data, there && !deleted
}

// TestPowerLoss has many send while every write and sync of the database's
// files is noted. Then it cuts the power at many points: of each file it leaves
// what was synced by then, and of what was not, by chance, nothing, some
// sectors or all. On each such disk the store opens and has every message that
// had been acknowledged.
func TestPowerLoss(t *testing.T) {
	d := &disk{}
	record(t, d)
	dir := t.TempDir()
	ctx := t.Context()
	for run := range 2 {
		s, err := Open(ctx, dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		// So that the log moves into the database while people send.
		if err := s.write(ctx, func(c *conn) error {
			return c.script(
				"PRAGMA wal_autocheckpoint = 40")
		}); err != nil {
			t.Fatal(err)
		}
		if err := crashSetUp(ctx, s); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				for k := range 60 {
					room, id := crashRooms[(i+k)%len(crashRooms)], fmt.Sprintf("%d-%d-%d", run, i, k)
					r, err := s.Commit(ctx, crashSend(room, i, id))
					if err != nil {
						t.Error(err)
						return
					}
					d.note(diskOp{what: "ack", ack: ack{room: room, no: r[0].Event.Message.No, id: id,
						sender: i}})
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	count := map[string]int{}
	for _, x := range d.deeds {
		count[x.what+" "+x.file]++
	}
	t.Logf("%v", count)
	if count["sync parley.db-wal"] == 0 || count["write parley.db"] < 100 || count["ack "] != 2*6*60 {
		t.Fatal("that is not what a busy store asks of a disk")
	}

	r := rand.New(rand.NewPCG(1, rand.Uint64()))
	cuts := map[int]bool{}
	for len(cuts) < min(*powerCuts, len(d.deeds)) {
		cuts[r.IntN(len(d.deeds))+1] = true
	}
	files := map[string]*platter{}
	var acks []ack
	for i, x := range d.deeds {
		if x.what == "ack" {
			acks = append(acks, x.ack)
		} else {
			if files[x.file] == nil {
				files[x.file] = &platter{}
			}
			if x.what == "sync" && x.at != 0 { // the directory, with it
				for _, f := range files {
					f.entered()
				}
			}
			files[x.file].apply(x)
		}
		if cuts[i+1] {
			cutPower(t, r, files, acks)
			if t.Failed() {
				t.Fatalf("cut after %d of %d", i+1, len(d.deeds))
			}
		}
	}
}

// cutPower opens a store on what is left.
func cutPower(t *testing.T, r *rand.Rand, files map[string]*platter, acks []ack) {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if data, there := files[name].left(r); there {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Errorf("open what is left: %v", err)
		return
	}
	if err := s.read(t.Context(), func(c *conn) error {
		got, err := c.one("PRAGMA integrity_check")
		if err == nil && got.text(0) != "ok" {
			err = fmt.Errorf("it is damaged: %s", got.text(0))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := crashSetUp(t.Context(), s); err != nil {
		t.Errorf("go on with it: %v", err)
	}
	if _, err := s.Commit(t.Context(), crashSend(crashRooms[0], 0, "after")); err != nil {
		t.Errorf("send after it: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkAcks(t, dir, acks)
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
