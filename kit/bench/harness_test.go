package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// work is one way to do what is compared.
type work struct {
	name string            // without spaces
	do   func(i int) error // i counts the calls
}

// turn is how many operations are timed at once: enough that looking at the
// clock costs nothing.
const turn = 16

// beside has ours and the peers do the same work by turns, each beginning as
// often as the others, so that what else the machine does falls on all of them
// alike. For each it reports the median time of an operation (NAME-ns/op) and
// its round trips (NAME-trips/op), and for each peer our time by the peer's
// (ours/NAME). One caller, so that what the server reads at once is a round
// trip.
func beside(b *testing.B, s *redistest.Server, ours work, peers ...work) {
	b.Helper()
	all := append([]work{ours}, peers...)
	done := make([]int, len(all))
	run := func(which, n int) time.Duration {
		start := time.Now()
		for range n {
			if err := all[which].do(done[which]); err != nil {
				b.Fatalf("%s: %v", all[which].name, err)
			}
			done[which]++
		}
		return time.Since(start)
	}
	trips := make([]float64, len(all))
	for which := range all {
		run(which, turn) // connects, loads scripts
		trips[which] = roundTrips(b, s, func(n int) { run(which, n) })
	}
	took := make([][]time.Duration, len(all))
	for first := 0; b.Loop(); first++ {
		for k := range all {
			which := (first + k) % len(all)
			took[which] = append(took[which], run(which, turn))
		}
	}
	medians := make([]float64, len(all))
	for which, w := range all {
		slices.Sort(took[which])
		medians[which] = float64(took[which][len(took[which])/2]) / turn
		b.ReportMetric(medians[which], w.name+"-ns/op")
		b.ReportMetric(trips[which], w.name+"-trips/op")
		if which > 0 {
			b.ReportMetric(medians[0]/medians[which], ours.name+"/"+w.name)
		}
	}
	b.ReportMetric(0, "ns/op") // of all together: says nothing
}

// roundTrips returns how often the server read for one operation, without what
// it read to be asked.
func roundTrips(b *testing.B, s *redistest.Server, run func(n int)) float64 {
	b.Helper()
	const n = 200
	before, asked := reads(b, s), reads(b, s)
	own := asked - before
	run(n)
	return float64(reads(b, s)-asked-own) / n
}

func reads(b *testing.B, s *redistest.Server) (n int) {
	b.Helper()
	out, err := s.Do("INFO", "stats")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(out, "total_reads_processed:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		b.Fatal(err)
	}
	return n
}
