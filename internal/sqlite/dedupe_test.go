package sqlite

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// dedupeTest drives a dedupe with its messages against a plain map, through
// restarts, refused calls and failed transactions.
type dedupeTest struct {
	*testing.T
	d    *dedupe
	path string
	no   map[int64]int64 // newest message by room
	want map[hash]int64
}

func newDedupeTest(t *testing.T, size int) *dedupeTest {
	x := &dedupeTest{T: t, path: filepath.Join(t.TempDir(), "x.db"), no: map[int64]int64{},
		want: map[hash]int64{}}
	x.d = &dedupe{size: size}
	x.open()
	t.Cleanup(func() { x.d.close() })
	return x
}

func (x *dedupeTest) open() {
	x.Helper()
	c, err := openWriter(x.path)
	if err != nil {
		x.Fatal(err)
	}
	x.d.conn = c
	x.ok(x.d.load())
}

func (x *dedupeTest) ok(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

func (x *dedupeTest) sql(s string) {
	x.Helper()
	_, err := x.d.exec(s)
	x.ok(err)
}

func hashOf(n int) hash {
	c := chat.Change{Op: chat.CreateMessage{ClientID: fmt.Sprint(n)}}
	return c.SendHash()
}

// send writes a message and its send, as the writer does.
func (x *dedupeTest) send(room int64, n int) {
	x.Helper()
	h := hashOf(n)
	x.no[room]++
	id := key(room, x.no[room])
	_, err := x.d.exec("INSERT INTO messages (id, seq, event, author, text, client_id, send, at) VALUES (?, ?, '', '', '', '', ?, ?)", id, x.no[room], h[:], int64(n))
	x.ok(err)
	x.ok(x.d.add(h, room, x.no[room], int64(n)))
	x.want[h] = id
}

func (x *dedupeTest) check(sent int) {
	x.Helper()
	for n := range sent + 20 {
		got, err := x.d.find(hashOf(n))
		x.ok(err)
		if want := x.want[hashOf(n)]; got != want {
			x.Fatalf("send %d of %d: found message %d, want %d (%d segments, %d recent)",
				n, sent, got, want, len(x.d.segments), len(x.d.recent))
		}
	}
}

func TestDedupeGenerations(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			x := newDedupeTest(t, 40+r.IntN(300))
			n := 0
			for range 60 {
				batch := 1 + r.IntN(50)
				x.sql("BEGIN")
				switch r.IntN(6) {
				case 0: // the transaction fails
					no, want := maps.Clone(x.no), maps.Clone(x.want)
					for i := range batch {
						x.send(int64(1+r.IntN(5)), 1_000_000+n+i)
					}
					x.ok(x.d.flush(false))
					x.sql("ROLLBACK")
					x.no, x.want = no, want
					x.ok(x.d.load())
				case 1: // a call is refused after others of its batch
					x.send(int64(1+r.IntN(5)), n)
					n++
					no, want := maps.Clone(x.no), maps.Clone(x.want)
					x.sql("SAVEPOINT call")
					x.d.begin()
					for i := range batch {
						x.send(int64(1+r.IntN(5)), 2_000_000+n+i)
					}
					x.sql("ROLLBACK TO call")
					x.sql("RELEASE call")
					x.d.undo()
					x.no, x.want = no, want
					x.ok(x.d.flush(false))
					x.sql("COMMIT")
				default:
					for range batch {
						x.send(int64(1+r.IntN(5)), n)
						n++
					}
					x.ok(x.d.flush(false))
					x.sql("COMMIT")
				}
				switch r.IntN(12) {
				case 0: // a crash: what is in memory is gone
					x.ok(x.d.close())
					x.open()
				case 1: // a good end
					x.sql("BEGIN")
					x.ok(x.d.flush(true))
					x.sql("COMMIT")
					if len(x.d.tails) > 0 || len(x.d.recent) > 0 {
						t.Fatal("something is left after writing everything out")
					}
					x.ok(x.d.close())
					x.open()
				}
				x.check(n)
			}
			if len(x.d.segments) < 2 {
				t.Fatalf("only %d segments were written", len(x.d.segments))
			}
			// All of it can be forgotten, in bounded steps.
			x.ok(x.d.flush(true))
			for steps := 0; ; steps++ {
				more, err := x.d.prune(3_000_000)
				x.ok(err)
				if !more {
					break
				}
				if steps > len(x.want) {
					t.Fatal("pruning has no end")
				}
			}
			clear(x.want)
			x.check(n)
			for _, table := range []string{"dedupe_sends", "dedupe_segments"} {
				if r, err := x.d.one("SELECT count(*) FROM " + table); err != nil || r.num(0) != 0 {
					t.Fatalf("%v rows left in %s, %v", r, table, err)
				}
			}
		})
	}
}

func TestFilter(t *testing.T) {
	f := newFilter(1000)
	for n := range 1000 {
		f.add(hashOf(n))
	}
	wrong := 0
	for n := range 11_000 {
		switch has := f.has(hashOf(n)); {
		case n < 1000 && !has:
			t.Fatalf("%d is not found", n)
		case n >= 1000 && has:
			wrong++
		}
	}
	if wrong > 100 {
		t.Fatalf("wrong about %d of 10,000", wrong)
	}
}
