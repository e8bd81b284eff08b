package verify

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// Verdict is what a history is worth.
type Verdict struct {
	Sent, Acknowledged, Unknown, Stored int // sends, each counted once; unknown are those without any answer
	Delivered, Doubled                  int // events that came to clients; those that came again are dropped by them
	Resumed, Resyncs, Drops, Fetched    int

	Violations []Violation
}

// Fault is a promise that was broken.
type Fault string

const (
	Lost     Fault = "lost"     // acknowledged, and not in history
	Twice    Fault = "twice"    // in history more than once
	Changed  Fault = "changed"  // a retry gave another message, or history has another than was acknowledged
	Hole     Fault = "hole"     // numbers are not dense
	Order    Fault = "order"    // two clients, or a client and history, disagree about what came when
	Missing  Fault = "missing"  // a client lacks what it should have
	Leaked   Fault = "leaked"   // a client got what it should not
	Count    Fault = "count"    // unread is not what follows from the rest
	State    Fault = "state"    // state and events are not what a fetch shows
	Realtime Fault = "realtime" // acknowledgements contradict real time
)

// Violation is one fault found.
type Violation struct {
	Fault Fault
	Text  string
}

// entry is one event of a room, as the first client that got it saw it.
type entry struct {
	id, prev, what, member, message string
	no                              int64
}

type sendState struct {
	room, message string
	no            int64
	acked         bool
	refused       bool
	from, to      int64 // nanoseconds; to is math.MaxInt64 while there is no answer
	client        int
}

type judge struct {
	Verdict
	h     History
	sends map[string]*sendState
	logs  map[string]map[int64]entry  // by room and seq
	store map[string]map[int64]Record // by room and no
	users map[int]string              // by client
	spans map[[2]string][]span        // by room and user
}

// span is a stretch of a room's log during which somebody was in it.
type span struct{ from, to int64 }

// Check judges a history. It may leave out what is lost in a loss that was announced: forgiven are acknowledged messages
// that history lacks where lossy is set, as after Redis lost what it had not synced.
func Check(h History, lossy bool) Verdict {
	j := &judge{h: h, sends: map[string]*sendState{}, logs: map[string]map[int64]entry{}, store: map[string]map[int64]Record{}, users: map[int]string{}, spans: map[[2]string][]span{}}
	j.collect()
	j.sentAndStored(lossy)
	if !lossy { // numbers that were rolled back are given again: what clients saw of them before cannot be compared
		j.membership()
		j.streams()
		j.realtime()
	}
	j.ends()
	return j.Verdict
}

func (j *judge) fault(f Fault, format string, args ...any) {
	j.Violations = append(j.Violations, Violation{f, fmt.Sprintf(format, args...)})
}

// collect reads sends, events and what is stored.
func (j *judge) collect() {
	for _, r := range j.h {
		if r.User != "" && r.Kind != Stored {
			j.users[r.Client] = r.User
		}
		switch r.Kind {
		case Send:
			if j.sends[r.Key] == nil {
				j.sends[r.Key] = &sendState{room: r.Room, from: int64(r.At), to: math.MaxInt64, client: r.Client}
				j.Sent++
			}
		case Ack:
			s := j.sends[r.Key]
			switch {
			case s == nil:
				j.fault(Changed, "%s: an acknowledgement of what was never sent", r.Key)
			case s.acked && (s.message != r.Message || s.no != r.No):
				j.fault(Changed, "%s is message %d (%s), and when it was sent again it was %d (%s)", r.Key, s.no, s.message, r.No, r.Message)
			case !s.acked:
				s.acked, s.message, s.no, s.to = true, r.Message, r.No, int64(r.At)
				j.Acknowledged++
			}
		case Refuse:
			if s := j.sends[r.Key]; s != nil && !s.acked {
				s.refused = true
			}
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
				j.fault(Twice, "%s has two messages numbered %d: %s and %s", r.Room, r.No, old.Message, r.Message)
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

// sentAndStored compares what was acknowledged with what is stored.
func (j *judge) sentAndStored(lossy bool) {
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
			j.fault(Twice, "%s is in history %d times, as %d and %d", key, len(found), found[0].No, found[1].No)
		case len(found) == 0 && s.acked && !lossy:
			j.fault(Lost, "%s was acknowledged as message %d of %s, and is not in history", key, s.no, s.room)
		case len(found) == 1 && s.acked && !lossy && (found[0].Message != s.message || found[0].No != s.no):
			j.fault(Changed, "%s was acknowledged as message %d (%s), and history has it as %d (%s)", key, s.no, s.message, found[0].No, found[0].Message)
		case len(found) == 1 && s.refused && !s.acked:
			j.fault(Changed, "%s was refused, and is message %d of %s", key, found[0].No, s.room)
		}
		if !s.acked && !s.refused {
			j.Unknown++
		}
	}
}

// membership makes out from the events who was in which room from where to where.
func (j *judge) membership() {
	for room, log := range j.logs {
		seqs := make([]int64, 0, len(log))
		for seq := range log {
			seqs = append(seqs, seq)
		}
		slices.Sort(seqs)
		for _, seq := range seqs {
			e := log[seq]
			at := [2]string{room, e.member}
			spans := j.spans[at]
			switch e.what {
			case "member.joined":
				j.spans[at] = append(spans, span{seq, math.MaxInt64})
			case "member.left":
				if n := len(spans); n > 0 && spans[n-1].to == math.MaxInt64 {
					spans[n-1].to = seq
				} else { // in it before anything was recorded
					j.spans[at] = append(spans, span{0, seq})
				}
			}
		}
	}
}

// follower is a client's place in a room.
type follower struct {
	seq  int64
	id   string
	have int64 // number of the newest message it has, without a hole since its first state; -1 for none yet
}

// streams follows each client through what it got.
func (j *judge) streams() {
	at := map[int]map[string]*follower{}
	place := func(r Record) *follower {
		if at[r.Client] == nil {
			at[r.Client] = map[string]*follower{}
		}
		return at[r.Client][r.Room]
	}
	for _, r := range j.h {
		f := place(r)
		switch r.Kind {
		case Base:
			if f == nil {
				at[r.Client][r.Room] = &follower{r.Seq, r.ID, r.No}
				continue
			}
			f.seq, f.id = r.Seq, r.ID // what lies between is fetched
		case Left:
			delete(at[r.Client], r.Room)
		case Fetched:
			if f != nil && r.No == f.have+1 {
				f.have = r.No
			}
			if m, ok := j.store[r.Room][r.No]; ok && m.Message != r.Message {
				j.fault(Order, "client %d fetched message %d of %s as %s, and history has %s", r.Client, r.No, r.Room, r.Message, m.Message)
			}
		case Got:
			j.got(r, f)
		}
	}
	for client, rooms := range at {
		for room, f := range rooms {
			if head := int64(len(j.store[room])); f.have < head {
				j.fault(Missing, "client %d has messages of %s up to %d of %d without a hole", client, room, f.have, head)
			}
		}
	}
}

func (j *judge) got(r Record, f *follower) {
	known := j.logs[r.Room][r.Seq]
	if known.id != r.ID || known.message != r.Message {
		j.fault(Order, "event %d of %s is %s to client %d, and %s to another", r.Seq, r.Room, r.ID, r.Client, known.id)
	}
	if r.Message != "" {
		if m, ok := j.store[r.Room][r.No]; !ok || m.Message != r.Message {
			j.fault(Order, "message %d of %s came to client %d as %s, and history has %q", r.No, r.Room, r.Client, r.Message, m.Message)
		}
	}
	if !j.mayKnow(r.Room, j.users[r.Client], r.Seq) {
		j.fault(Leaked, "event %d of %s came to client %d (%s), who was not in it", r.Seq, r.Room, r.Client, j.users[r.Client])
	}
	switch {
	case f == nil:
		return // of a room that the client holds no state of: not looked at, but not to be leaked either
	case r.Seq <= f.seq:
		j.Doubled++
		return
	case r.Seq != f.seq+1:
		j.fault(Missing, "client %d got event %d of %s after %d", r.Client, r.Seq, r.Room, f.seq)
	case f.id != "" && r.Prev != f.id:
		j.fault(Order, "event %d of %s follows %s, and client %d had %s before it", r.Seq, r.Room, r.Prev, r.Client, f.id)
	}
	f.seq, f.id = r.Seq, r.ID
	if r.Message != "" && r.No == f.have+1 {
		f.have = r.No
	}
}

// mayKnow reports whether the person was in the room at that event. Who was in it before the record began has no span.
func (j *judge) mayKnow(room, user string, seq int64) bool {
	spans := j.spans[[2]string{room, user}]
	if len(spans) == 0 {
		return true
	}
	for _, s := range spans {
		if seq >= s.from && seq <= s.to {
			return true
		}
	}
	// Before the first that was recorded one may have been in it.
	return false
}

// ends compares what clients hold at the end with what is fetched.
func (j *judge) ends() {
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
		if want := max(0, fresh.No-max(fresh.Read, fresh.Trimmed)); fresh.Unread != want {
			j.fault(Count, "%s tells client %d of %d unread, and %d − max(%d, %d) is %d", fresh.Room, fresh.Client, fresh.Unread, fresh.No, fresh.Read, fresh.Trimmed, want)
		}
		switch {
		case !ok:
			j.fault(State, "client %d is in %s and does not know it", fresh.Client, fresh.Room)
		case held.Seq != fresh.Seq || held.ID != fresh.ID || held.No != fresh.No || held.Read != fresh.Read || held.Unread != fresh.Unread || held.Members != fresh.Members || held.Trimmed != fresh.Trimmed:
			j.fault(State, "client %d followed %s to event %d: newest %d, read %d, unread %d, members %d; fetched it is at event %d: %d, %d, %d, %d",
				fresh.Client, fresh.Room, held.Seq, held.No, held.Read, held.Unread, held.Members, fresh.Seq, fresh.No, fresh.Read, fresh.Unread, fresh.Members)
		}
	}
	for _, held := range holds {
		j.fault(State, "client %d holds %s, in which it is not", held.Client, held.Room)
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

// realtime checks for each room that its messages can have been appended one after the other, each between its sending and its
// acknowledgement.
func (j *judge) realtime() {
	for room, messages := range j.store {
		var ops []porcupine.Operation
		for no := int64(1); no <= int64(len(messages)); no++ {
			op := porcupine.Operation{ClientId: 0, Input: appendOp{no}, Call: 0, Return: math.MaxInt64}
			if s := j.sends[messages[no].Key]; s != nil {
				op.ClientId, op.Call, op.Return = s.client+1, s.from, s.to
			}
			ops = append(ops, op)
		}
		// Numbers say which order it must have been: it is one that real time allows if no message was sent after a later one was
		// acknowledged. That is quick to see; porcupine then says the same of each small piece.
		if !j.inOrder(room, ops) {
			continue
		}
		for piece := range slices.Chunk(ops, 200) {
			first := piece[0].Input.(appendOp).no
			model := appends
			model.Init = func() any { return first - 1 }
			if !porcupine.CheckOperations(model, piece) {
				j.fault(Realtime, "%s: messages %d to %d cannot have been appended in this order", room, first, piece[len(piece)-1].Input.(appendOp).no)
			}
		}
	}
}

// inOrder finds a message that was sent after a later one was acknowledged.
func (j *judge) inOrder(room string, ops []porcupine.Operation) bool {
	earliest := int64(math.MaxInt64) // acknowledgement of any later message
	later := int64(0)
	for _, op := range slices.Backward(ops) {
		if op.Call > earliest {
			j.fault(Realtime, "%s: message %d was sent after message %d was acknowledged", room, op.Input.(appendOp).no, later)
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

// First returns up to n violations, the gravest kinds first.
func (v Verdict) First(n int) []Violation {
	rank := func(f Fault) int { return slices.Index([]Fault{Lost, Twice, Leaked, Changed, Order, Hole, Missing}, f) }
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
