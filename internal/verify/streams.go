package verify

import (
	"maps"
	"math"
	"slices"
)

// collectMembership collects from the events who was a member of which room,
// and when.
func (j *checker) collectMembership() {
	for room, log := range j.logs {
		last, recorded := j.begin[room]
		for _, seq := range slices.Sorted(maps.Keys(log)) {
			if recorded && seq <= last {
				continue
			}
			if recorded && seq > last+1 {
				j.holes[room] = append(j.holes[room], seq)
			}
			last = seq
			e := log[seq]
			at := [2]string{room, e.member}
			spans := j.spans[at]
			switch e.what {
			case "member.joined":
				if n := len(spans); n == 0 || spans[n-1].to != math.MaxInt64 {
					j.spans[at] = append(spans, span{seq, math.MaxInt64})
				}
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

// mayKnow reports whether a client may get an event: its person was a member at
// that time, or joined later, as members may read earlier messages. It is true
// where membership is unknown: after events that no client got, and in rooms
// whose members were not recorded.
func (j *checker) mayKnow(r Record) bool {
	spans := j.spans[[2]string{r.Room, j.users[r.Client]}]
	_, recorded := j.begin[r.Room]
	if !recorded && len(spans) == 0 {
		return true
	}
	changed := int64(0) // last join or leave
	for _, s := range spans {
		if r.Seq >= s.from && r.Seq <= s.to || s.from > r.Seq && j.wantsIn[[2]any{r.Client, r.Room}] {
			return true
		}
		if s.to < r.Seq {
			changed = s.to
		}
	}
	return slices.ContainsFunc(j.holes[r.Room],
		func(hole int64) bool { return hole > changed && hole <= r.Seq })
}

// follower is a client's position in a room.
type follower struct {
	seq  int64
	id   string
	have int64 // number of the newest message it has without a gap

	holds map[int64]*content // messages, by number

	// only if the store may roll back
	ids      map[int64]string // of the events it holds, by seq
	messages map[int64]string // ids of the messages it holds, by number
}

// followers are the positions of all clients in their rooms.
type followers map[int]map[string]*follower

func (p followers) of(r Record) *follower { return p[r.Client][r.Room] }

func (p followers) put(r Record, f *follower) {
	if p[r.Client] == nil {
		p[r.Client] = map[string]*follower{}
	}
	p[r.Client][r.Room] = f
}

// checkStreams checks the events and states that each client got.
func (j *checker) checkStreams() {
	at := followers{}
	for _, r := range j.h {
		f := at.of(r)
		switch r.Kind {
		case Join:
			j.wantsIn[[2]any{r.Client, r.Room}] = true
		case Leave:
			j.wantsIn[[2]any{r.Client, r.Room}] = false
		case Base:
			if !j.mayKnow(r) {
				j.fault(Leaked, "the state of %s at event %d came to client %d (%s), who was not a member", r.Room, r.Seq, r.Client, j.users[r.Client])
			}
			if f == nil {
				at.put(r, &follower{seq: r.Seq, id: r.ID, have: r.No, holds: map[int64]*content{}})
				continue
			}
			f.seq, f.id = r.Seq, r.ID // what lies between is fetched
			clear(f.holds)            // and everything again
		case Left:
			delete(at[r.Client], r.Room)
		case Fetched:
			if f != nil {
				f.have += b2i(r.No == f.have+1)
				f.apply(r)
				j.checkShown(r, f.seq)
			}
			if m, ok := j.store[r.Room][r.No]; ok && m.Message != r.Message {
				j.fault(Order, "client %d fetched message %d of %s as %s, and history has %s",
					r.Client, r.No, r.Room, r.Message, m.Message)
			}
		case Got:
			j.checkEvent(r, f)
		}
	}
	j.checkComplete(at)
	j.checkContents(at)
}

// checkComplete checks that each client has all messages.
func (j *checker) checkComplete(at followers) {
	for client, rooms := range at {
		for room, f := range rooms {
			if head := int64(len(j.store[room])); f.have < head {
				j.fault(Missing, "client %d has messages of %s only up to %d of %d without a gap",
					client, room, f.have, head)
			}
		}
	}
}

func (j *checker) checkEvent(r Record, f *follower) {
	known := j.logs[r.Room][r.Seq]
	if known.id != r.ID || known.message != r.Message {
		j.fault(Order, "event %d of %s is %s to client %d, and %s to another", r.Seq, r.Room, r.ID,
			r.Client, known.id)
	}
	if r.Message != "" {
		if m, ok := j.store[r.Room][r.No]; !ok || m.Message != r.Message {
			j.fault(Order, "message %d of %s came to client %d as %s, and history has %q", r.No,
				r.Room, r.Client, r.Message, m.Message)
		}
	}
	if !j.mayKnow(r) {
		j.fault(Leaked, "event %d of %s came to client %d (%s), who was not a member", r.Seq, r.Room,
			r.Client, j.users[r.Client])
	}
	j.checkShown(r, r.Seq)
	switch {
	case f == nil: // of a room that the client holds no state of: not looked at, but not to be leaked either
	case r.Seq <= f.seq:
		j.Doubled++
	default:
		j.follow(r, f)
	}
}

// follow advances a client to the next event.
func (j *checker) follow(r Record, f *follower) {
	switch {
	case r.Seq != f.seq+1:
		j.fault(Missing, "client %d got event %d of %s after %d", r.Client, r.Seq, r.Room, f.seq)
	case f.id != "" && r.Prev != f.id:
		j.fault(Order, "event %d of %s follows %s, and client %d had %s before it", r.Seq, r.Room,
			r.Prev, r.Client, f.id)
	}
	f.seq, f.id = r.Seq, r.ID
	f.have += b2i(r.What == "message.created" && r.No == f.have+1)
	f.apply(r)
}

// checkRolledBack checks each client by itself, for stores that may roll back:
// what another client saw proves nothing there. What a client has got since its
// last state must be in the store.
func (j *checker) checkRolledBack() {
	at := followers{}
	invited := map[[2]string]bool{} // by room and person
	for _, r := range j.h {
		if who := [2]string{r.Room, r.Member}; r.Kind == Got && r.What == "member.joined" {
			invited[who] = true
		}
	}
	for _, r := range j.h {
		f := at.of(r)
		who := [2]string{r.Room, j.users[r.Client]}
		if _, recorded := j.begin[r.Room]; (r.Kind == Got || r.Kind == Base) && recorded &&
			!invited[who] && len(j.spans[who]) == 0 && !j.wantsIn[[2]any{r.Client, r.Room}] {
			j.fault(Leaked, "event %d of %s came to client %d (%s), who was never a member", r.Seq,
				r.Room, r.Client, who[1])
		}
		switch r.Kind {
		case Join:
			j.wantsIn[[2]any{r.Client, r.Room}] = true
		case Base:
			have := r.No
			if f != nil {
				have = 0 // it fetches everything
			}
			at.put(r, &follower{seq: r.Seq, id: r.ID, have: have, holds: map[int64]*content{},
				ids: map[int64]string{r.Seq: r.ID}, messages: map[int64]string{}})
		case Left:
			delete(at[r.Client], r.Room)
		case Fetched:
			if f != nil {
				f.messages[r.No] = r.Message
				f.have += b2i(r.No == f.have+1)
				f.apply(r)
			}
		case Got:
			j.checkRolledBackEvent(r, f)
		}
	}
	j.checkComplete(at)
	j.checkContents(at)
	for client, rooms := range at {
		for room, f := range rooms {
			for no, message := range f.messages {
				if m := j.store[room][no]; m.Message != message {
					j.fault(Order, "client %d relies on message %d of %s being %s, and history has %q", client, no, room, message, m.Message)
				}
			}
		}
	}
}

func (j *checker) checkRolledBackEvent(r Record, f *follower) {
	switch {
	case f == nil:
		return
	case r.Seq <= f.seq:
		if id, ok := f.ids[r.Seq]; ok && id != r.ID {
			j.fault(Order, "event %d of %s is %s to client %d, who had %s without having been told to fetch anew", r.Seq, r.Room, r.ID, r.Client, id)
		}
		j.Doubled++
		return
	}
	j.follow(r, f)
	f.ids[r.Seq] = r.ID
	if r.Message != "" {
		f.messages[r.No] = r.Message
	}
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
