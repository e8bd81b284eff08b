package importer

import (
	"cmp"
	"slices"

	"github.com/parley-chat/parley/internal/archive"
)

// Report says what an import did. Of each kind, Read is Taken and Unchanged and
// LeftOut together.
type Report struct {
	Source  string   `json:"source"`
	File    string   `json:"file"`
	DryRun  bool     `json:"dry_run,omitempty"`
	Resumed bool     `json:"resumed,omitempty"` // an earlier run was interrupted
	Counts  []Count  `json:"counts"`            // of each kind
	Reasons []Reason `json:"reasons"`           // why things were left out or changed; by kind, the most frequent first

	counts  map[archive.Kind]*Count
	reasons map[reasonKey]*Reason
}

// Count counts what was read of one kind.
type Count struct {
	Kind      archive.Kind `json:"kind"`
	Read      int          `json:"read"`
	Taken     int          `json:"taken"`     // are new here
	Changed   int          `json:"changed"`   // of those taken: they differ from what was read
	Unchanged int          `json:"unchanged"` // were here before
	LeftOut   int          `json:"left_out"`
}

// Reason is one reason why things were left out or changed.
type Reason struct {
	Kind    archive.Kind `json:"kind"`
	LeftOut bool         `json:"left_out"` // changed otherwise
	Why     string       `json:"why"`
	Count   int          `json:"count"`
	Things  []Thing      `json:"things"` // the first [MaxThings]
}

// Thing is one thing that was left out or changed: where it stands in the
// source, and the address of what became of it here, if anything did.
type Thing struct {
	Where string `json:"where"`
	Link  string `json:"link,omitempty"`

	message uint64 // key of the message that it is or belongs to, 0 for none
}

// MaxThings is how many things one reason lists. All are counted.
const MaxThings = 1000

// maxReasons bounds how many reasons a report tells apart.
const maxReasons = 300

type reasonKey struct {
	kind    archive.Kind
	leftOut bool
	why     string
}

func newReport() *Report {
	r := &Report{counts: map[archive.Kind]*Count{}, reasons: map[reasonKey]*Reason{}}
	for _, kind := range archive.Kinds {
		r.counts[kind] = &Count{Kind: kind}
	}
	return r
}

// Count returns the numbers of one kind so far.
func (r *Report) Count(kind archive.Kind) Count { return *r.counts[kind] }

func (r *Report) taken(kind archive.Kind, n int) {
	r.counts[kind].Read += n
	r.counts[kind].Taken += n
}

func (r *Report) unchanged(kind archive.Kind, n int) {
	r.counts[kind].Read += n
	r.counts[kind].Unchanged += n
}

func (r *Report) leftOut(kind archive.Kind, n int, why string, where Thing) {
	if n == 0 {
		return
	}
	r.counts[kind].Read += n
	r.counts[kind].LeftOut += n
	r.because(reasonKey{kind, true, why}, n, where)
}

// changed says of something that was taken that it differs.
func (r *Report) changed(kind archive.Kind, why string, where Thing) {
	r.counts[kind].Changed++
	r.because(reasonKey{kind, false, why}, 1, where)
}

func (r *Report) because(key reasonKey, n int, where Thing) {
	reason := r.reasons[key]
	if reason == nil && len(r.reasons) >= maxReasons {
		key.why = "other reasons"
		reason = r.reasons[key]
	}
	if reason == nil {
		reason = &Reason{Kind: key.kind, LeftOut: key.leftOut, Why: key.why}
		r.reasons[key] = reason
	}
	reason.Count += n
	if len(reason.Things) < MaxThings {
		reason.Things = append(reason.Things, where)
	}
}

// finish fills in Counts and Reasons, and the addresses of messages.
func (r *Report) finish(link func(message uint64) string) {
	for _, kind := range archive.Kinds {
		r.Counts = append(r.Counts, *r.counts[kind])
	}
	for _, reason := range r.reasons {
		for i := range reason.Things {
			if t := &reason.Things[i]; t.message != 0 {
				t.Link = link(t.message)
			}
		}
		r.Reasons = append(r.Reasons, *reason)
	}
	order := func(k archive.Kind) int { return slices.Index(archive.Kinds, k) }
	slices.SortFunc(r.Reasons, func(a, b Reason) int {
		return cmp.Or(order(a.Kind)-order(b.Kind), b.Count-a.Count, cmp.Compare(a.Why, b.Why))
	})
}
