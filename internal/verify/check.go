package verify

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is the result of checking a history.
type Verdict struct {
	Sent, Acknowledged, Unknown, Stored int // sends, each counted once; unknown are those without any answer
	Forgotten                           int // acknowledged and not in history, where that is allowed
	Changes                             int // acknowledged edits, deletions and reactions
	// events that came to clients; those that came again are dropped by them
	Delivered, Doubled               int
	Resumed, Resyncs, Drops, Fetched int
	Waits                            []time.Duration // from sending to acknowledgement, ascending

	Violations []Violation
}

// Fault is a kind of violation.
type Fault string

const (
	Lost  Fault = "lost"  // acknowledged, and not in history
	Twice Fault = "twice" // in history more than once
	// a retry returned another message, or the stored message differs
	Changed  Fault = "changed"
	Hole     Fault = "hole"     // numbers have gaps
	Order    Fault = "order"    // two clients, or a client and the store, disagree about the order
	Missing  Fault = "missing"  // a client lacks events or messages
	Leaked   Fault = "leaked"   // a client got events or messages that it may not see
	Count    Fault = "count"    // the unread count is wrong
	Undone   Fault = "undone"   // a client got an outdated message
	State    Fault = "state"    // a client's state differs from a fetch
	Realtime Fault = "realtime" // acknowledgements contradict real time
)

// Allow says which losses the store's settings permit.
type Allow int

const (
	Nothing Allow = iota
	// unacknowledged events may be lost after clients saw them, and their
	// numbers reused; clients are notified
	Rollback
	Loss // acknowledged events may be lost too
)

// Violation is one violation that was found.
type Violation struct {
	Fault Fault
	Text  string
}

// entry is one event of a room as the first client got it.
type entry struct {
	id, prev, what, member, message string
	no                              int64
}

type sendState struct {
	room, message string
	no            int64
	acked         bool
	refused       bool
	from, to      int64 // nanoseconds; to is math.MaxInt64 without a response
	client        int
}

type checker struct {
	Verdict
	h         History
	sends     map[string]*sendState
	logs      map[string]map[int64]entry  // by room and seq
	store     map[string]map[int64]Record // by room and no
	users     map[int]string              // by client
	begin     map[string]int64            // by room: the event up to which its members were recorded
	spans     map[[2]string][]span        // by room and user
	holes     map[string][]int64          // by room: events before which some are known to nobody
	changes   map[string]*changeState
	changesOf map[messageKey][]*changeState // in the order in which they were asked for
	revisions map[messageKey]*revisions     // where nothing may be rolled back
	wantsIn   map[[2]any]bool               // by client and room: whether it last asked to join
}

// span is a part of a room's log during which a person was a member.
type span struct{ from, to int64 }

// Check checks a history. What allow permits is no violation if clients were
// notified.
func Check(h History, allow Allow) Verdict {
	j := &checker{
		h: h, sends: map[string]*sendState{}, logs: map[string]map[int64]entry{},
		store: map[string]map[int64]Record{}, users: map[int]string{},
		begin: map[string]int64{}, spans: map[[2]string][]span{}, holes: map[string][]int64{},
		wantsIn: map[[2]any]bool{},
		changes: map[string]*changeState{}, changesOf: map[messageKey][]*changeState{},
		revisions: map[messageKey]*revisions{},
	}
	j.collect()
	j.checkSends(allow)
	j.checkChanges(allow)
	if allow == Nothing {
		j.collectMembership()
		j.collectRevisions()
		j.checkStreams()
	} else {
		j.checkRolledBack()
	}
	j.checkRealtime()
	j.checkFinalState()
	slices.Sort(j.Waits)
	return j.Verdict
}

func (j *checker) fault(f Fault, format string, args ...any) {
	j.Violations = append(j.Violations, Violation{f, fmt.Sprintf(format, args...)})
}

// collect indexes the history.
func (j *checker) collect() {
	for _, r := range j.h {
		if r.User != "" && r.Kind != Stored {
			j.users[r.Client] = r.User
		}
		switch r.Kind {
		case Send:
			if j.sends[r.Key] == nil {
				j.sends[r.Key] = &sendState{room: r.Room, from: int64(r.At), to: math.MaxInt64,
					client: r.Client}
				j.Sent++
			}
		case Ack:
			s := j.sends[r.Key]
			switch {
			case s == nil:
				j.fault(Changed, "%s: acknowledged but never sent", r.Key)
			case s.acked && (s.message != r.Message || s.no != r.No):
				j.fault(Changed, "%s is message %d (%s), and a retry returned message %d (%s)",
					r.Key, s.no, s.message, r.No, r.Message)
			case !s.acked:
				s.acked, s.message, s.no, s.to = true, r.Message, r.No, int64(r.At)
				j.Acknowledged++
				j.Waits = append(j.Waits, r.At-time.Duration(s.from))
			}
		case Refuse:
			if s := j.sends[r.Key]; s != nil && !s.acked {
				s.refused = true
			}
		case ChangeSent, ChangeAcked, ChangeRefused:
			j.collectChange(r)
		case Member:
			j.begin[r.Room] = max(j.begin[r.Room], r.Seq)
			j.spans[[2]string{r.Room, r.User}] = []span{{0, math.MaxInt64}}
		case Got:
			j.Delivered++
			log := j.logs[r.Room]
			if log == nil {
				log = map[int64]entry{}
				j.logs[r.Room] = log
			}
			if _, ok := log[r.Seq]; !ok {
				log[r.Seq] = entry{r.ID, r.Prev, r.What, r.Member, r.Message, r.No}
			}
		case Stored:
			if j.store[r.Room] == nil {
				j.store[r.Room] = map[int64]Record{}
			}
			if old, ok := j.store[r.Room][r.No]; ok {
				j.fault(Twice, "%s has two messages numbered %d: %s and %s", r.Room, r.No,
					old.Message, r.Message)
			}
			j.store[r.Room][r.No] = r
			j.Verdict.Stored++
		case Resumed:
			j.Verdict.Resumed++
		case Resync:
			j.Resyncs++
		case Dropped:
			j.Drops++
		case Fetched:
			j.Verdict.Fetched++
		}
	}
}

// checkSends compares acknowledged sends with the stored messages.
func (j *checker) checkSends(allow Allow) {
	byKey := map[string][]Record{}
	for room, messages := range j.store {
		for no := int64(1); no <= int64(len(messages)); no++ {
			r, ok := messages[no]
			if !ok {
				j.fault(Hole, "%s has %d messages and none numbered %d", room, len(messages), no)
				break
			}
			if r.Key != "" {
				byKey[r.Key] = append(byKey[r.Key], r)
			}
		}
	}
	for key, s := range j.sends {
		found := byKey[key]
		switch {
		case len(found) > 1:
			j.fault(Twice, "%s is stored %d times, as messages %d and %d", key, len(found), found[0].No,
				found[1].No)
		case len(found) == 0 && s.acked && allow == Loss:
			j.Forgotten++
		case len(found) == 0 && s.acked:
			j.fault(Lost, "%s was acknowledged as message %d of %s, and is not stored", key, s.no, s.room)
		case len(found) == 1 && s.acked && (found[0].Message != s.message || found[0].No != s.no):
			j.fault(Changed, "%s was acknowledged as message %d (%s), and is stored as %d (%s)", key, s.no, s.message, found[0].No, found[0].Message)
		case len(found) == 1 && s.refused && !s.acked:
			j.fault(Changed, "%s was refused, and is stored as message %d of %s", key, found[0].No, s.room)
		}
		if !s.acked && !s.refused {
			j.Unknown++
		}
	}
}

// checkFinalState compares the final state of clients with what was fetched.
func (j *checker) checkFinalState() {
	holds := map[[2]any]Record{}
	for _, r := range j.h {
		if r.Kind == Holds {
			holds[[2]any{r.Client, r.Room}] = r
		}
	}
	for _, fresh := range j.h {
		if fresh.Kind != Fresh {
			continue
		}
		at := [2]any{fresh.Client, fresh.Room}
		held, ok := holds[at]
		delete(holds, at)
		floor := max(fresh.Read, fresh.Trimmed)
		deleted := int64(0)
		for no := floor + 1; no <= fresh.No; no++ {
			deleted += b2i(j.store[fresh.Room][no].Gone)
		}
		if want := max(0, fresh.No-floor) - deleted; fresh.Unread != want {
			j.fault(Count, "%s has %[3]d unread for client %[2]d, but %[4]d − max(%[5]d, %[6]d) − %[7]d deleted is %[8]d",
				fresh.Room, fresh.Client, fresh.Unread, fresh.No, fresh.Read, fresh.Trimmed, deleted, want)
		}
		switch {
		case !ok:
			j.fault(State, "client %d is a member of %s and does not hold it", fresh.Client, fresh.Room)
		case held.Seq != fresh.Seq || held.ID != fresh.ID || held.No != fresh.No ||
			held.Read != fresh.Read || held.Unread != fresh.Unread ||
			held.Members != fresh.Members || held.Trimmed != fresh.Trimmed:
			j.fault(State, "client %d followed %s to event %d: newest %d, read %d, unread %d, members %d; fetched it is at event %d: %d, %d, %d, %d",
				fresh.Client, fresh.Room, held.Seq, held.No, held.Read, held.Unread, held.Members,
				fresh.Seq, fresh.No, fresh.Read, fresh.Unread, fresh.Members)
		}
	}
	for _, held := range holds {
		j.fault(State, "client %d holds %s but is not a member", held.Client, held.Room)
	}
}

// appendOp is one send to a room's log, for porcupine.
type appendOp struct{ no int64 }

// appends is the model of a room: the next append gets the next number.
var appends = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, _ any) (bool, any) {
		no := input.(appendOp).no
		return no == state.(int64)+1, no
	},
}

// checkRealtime checks for each room that its messages can have been appended
// one after the other, each between its sending and its acknowledgement.
func (j *checker) checkRealtime() {
	for room, messages := range j.store {
		var ops []porcupine.Operation
		for no := int64(1); no <= int64(len(messages)); no++ {
			op := porcupine.Operation{ClientId: 0, Input: appendOp{no}, Call: 0, Return: math.MaxInt64}
			if s := j.sends[messages[no].Key]; s != nil {
				op.ClientId, op.Call, op.Return = s.client+1, s.from, s.to
			}
			ops = append(ops, op)
		}
		// Numbers say which order it must have been: it is one that real time
		// allows if no message was sent after a later one was acknowledged.
		// That is quick to see; porcupine then says the same of each small
		// piece.
		if !j.inOrder(room, ops) {
			continue
		}
		for piece := range slices.Chunk(ops, 200) {
			first := piece[0].Input.(appendOp).no
			model := appends
			model.Init = func() any { return first - 1 }
			if !porcupine.CheckOperations(model, piece) {
				j.fault(Realtime, "%s: messages %d to %d cannot have been appended in this order",
					room, first, piece[len(piece)-1].Input.(appendOp).no)
			}
		}
	}
}

// inOrder finds a message that was sent after a later one was acknowledged.
func (j *checker) inOrder(room string, ops []porcupine.Operation) bool {
	earliest := int64(math.MaxInt64) // acknowledgement of any later message
	later := int64(0)
	for _, op := range slices.Backward(ops) {
		if op.Call > earliest {
			j.fault(Realtime, "%s: message %d was sent after message %d was acknowledged", room,
				op.Input.(appendOp).no, later)
			return false
		}
		if op.Return < earliest {
			earliest, later = op.Return, op.Input.(appendOp).no
		}
	}
	return true
}

// Counts returns how often each fault was found, by name.
func (v Verdict) Counts() map[Fault]int {
	n := map[Fault]int{}
	for _, x := range v.Violations {
		n[x.Fault]++
	}
	return n
}

// First returns up to n violations, the most severe first.
func (v Verdict) First(n int) []Violation {
	rank := func(f Fault) int {
		return slices.Index([]Fault{Lost, Twice, Leaked, Undone, Changed, Order, Hole, Missing}, f)
	}
	some := slices.Clone(v.Violations)
	slices.SortStableFunc(some, func(a, b Violation) int {
		ra, rb := rank(a.Fault), rank(b.Fault)
		if ra < 0 {
			ra = 99
		}
		if rb < 0 {
			rb = 99
		}
		return cmp.Compare(ra, rb)
	})
	return some[:min(n, len(some))]
}
