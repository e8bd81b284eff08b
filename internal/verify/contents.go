package verify

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// changeState is one requested change of a message.
type changeState struct {
	Record
	acked, refused bool
	message        string // id of the changed message in the response
}

// messageKey identifies a message.
type messageKey struct {
	room string
	no   int64
}

// revisions are the events that changed a message.
type revisions struct {
	edits   []int64 // ascending
	deleted int64   // 0 if it was not
}

// content is a message's content as a client holds it.
type content struct {
	text      string
	gone      bool
	reactions string // sorted
}

func contentOf(r Record) *content { return &content{r.Text, r.Gone, sorted(r.Reactions)} }

func (c content) String() string {
	if c.gone {
		return "deleted" + strings.TrimSuffix(" and yet "+c.text+c.reactions, " and yet ")
	}
	return strings.TrimSpace(fmt.Sprintf("%q %s", c.text, c.reactions))
}

// react adds or removes a reaction.
func (c *content) react(r Record) {
	one := strings.TrimSpace(reaction(r.Emoji, r.Member))
	all := slices.DeleteFunc(strings.Fields(c.reactions), func(s string) bool { return s == one })
	if r.What == "reaction.added" {
		all = append(all, one)
	}
	c.reactions = sorted(strings.Join(all, " "))
}

func sorted(reactions string) string {
	all := strings.Fields(reactions)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// collectChange collects a requested change or its response. It is part of
// collect.
func (j *checker) collectChange(r Record) {
	m := j.changes[r.Key]
	switch {
	case r.Kind == ChangeSent && m == nil:
		m = &changeState{Record: r}
		j.changes[r.Key] = m
		j.changesOf[messageKey{r.Room, r.No}] = append(j.changesOf[messageKey{r.Room, r.No}], m)
	case r.Kind == ChangeSent:
	case m == nil:
		j.fault(Changed, "%s: acknowledged but never requested", r.Key)
	case r.Kind == ChangeRefused:
		m.refused = true
	default:
		m.acked, m.message = true, r.Message
		j.Changes++
		if m.What == "message.edit" && m.Message == r.Message && r.Text != m.Text {
			j.fault(Changed, "message %d of %s was edited to %q, and the response has %q", m.No,
				m.Room, m.Text, r.Text)
		}
	}
}

// checkChanges compares acknowledged changes with the stored messages.
func (j *checker) checkChanges(allow Allow) {
	lost := func(format string, args ...any) {
		if allow == Loss {
			j.Forgotten++
		} else {
			j.fault(Lost, format, args...)
		}
	}
	for room, messages := range j.store {
		for no, r := range messages {
			j.checkChanged(r, j.changesOf[messageKey{room, no}], lost)
		}
	}
	for _, r := range j.h {
		if r.Kind != Got && r.Kind != Fetched && r.Kind != Stored {
			continue
		}
		all := strings.Fields(sorted(r.Reactions))
		if twice := len(all) - len(slices.Compact(slices.Clone(all))); twice > 0 {
			j.fault(Twice, "message %d of %s has a reaction twice (%s): %s", r.No, r.Room, r.Kind,
				r.Reactions)
		}
		if r.Gone && (r.Text != "" || r.Reactions != "") {
			j.fault(Leaked, "message %d of %s is deleted, and shows %q %s (%s, client %d)", r.No,
				r.Room, r.Text, r.Reactions, r.Kind, r.Client)
		}
	}
}

// checkChanged compares a stored message with the changes that were requested.
func (j *checker) checkChanged(r Record, asked []*changeState, lost func(string, ...any)) {
	text, maybe := r.Key+".0", map[string]bool{}
	if r.Key == "" || j.sends[r.Key] == nil {
		text = r.Text
	}
	gone, perhapsGone := false, false
	there := map[string]bool{}   // reactions according to the last response
	perhaps := map[string]bool{} // those whose last request got no response
	for _, m := range asked {
		counts := m.acked && m.message == r.Message
		unknown := !m.acked && !m.refused
		one := strings.TrimSpace(reaction(m.Emoji, m.User))
		switch m.What {
		case "message.edit":
			if counts {
				text, maybe = m.Text, map[string]bool{}
			}
			maybe[m.Text] = maybe[m.Text] || unknown
		case "message.delete":
			gone, perhapsGone = gone || counts, perhapsGone || unknown
		default:
			if counts {
				there[one], perhaps[one] = m.What == "reaction.add", false
			}
			perhaps[one] = perhaps[one] || unknown
		}
	}
	switch {
	case r.Gone && !gone && !perhapsGone:
		j.fault(Changed, "message %d of %s is deleted, and no one deleted it", r.No, r.Room)
		return
	case r.Gone:
		return
	case gone:
		lost("the deletion of message %d of %s was acknowledged, and %q is stored", r.No, r.Room, r.Text)
		return
	case r.Text != text && !maybe[r.Text]:
		lost("message %d of %s was acknowledged as %q, and is stored as %q", r.No, r.Room, text, r.Text)
	}
	has := map[string]bool{}
	for _, one := range strings.Fields(r.Reactions) {
		has[one] = true
		if _, known := there[one]; !known && !perhaps[one] {
			j.fault(Changed, "message %d of %s has a reaction that no one added: %s", r.No, r.Room, one)
		}
	}
	for one, want := range there {
		if has[one] != want && !perhaps[one] {
			lost("message %d of %s: reaction %s was acknowledged as %v, and is stored as %v", r.No, r.Room, one, want, has[one])
		}
	}
}

// collectRevisions collects from the events when messages changed.
func (j *checker) collectRevisions() {
	for room, log := range j.logs {
		for _, seq := range slices.Sorted(maps.Keys(log)) {
			e := log[seq]
			if e.what != "message.edited" && e.what != "message.deleted" {
				continue
			}
			t := j.revisions[messageKey{room, e.no}]
			if t == nil {
				t = &revisions{}
				j.revisions[messageKey{room, e.no}] = t
			}
			if e.what == "message.deleted" {
				t.deleted = seq
			} else {
				t.edits = append(t.edits, seq)
			}
		}
	}
}

// checkShown checks that a message that a client got includes all changes up to
// that event. Each edit of a message has a greater number than the one before,
// so that after n edits its text's number is n at least.
func (j *checker) checkShown(r Record, seq int64) {
	t := j.revisions[messageKey{r.Room, r.No}]
	if t == nil || r.Message == "" || r.Gone {
		return
	}
	if t.deleted > 0 && (seq >= t.deleted || j.joinedAfter(r, t.deleted)) {
		j.fault(Leaked, "message %d of %s was deleted at event %d, and came to client %d at event %d as %q", r.No, r.Room, t.deleted, r.Client, seq, r.Text)
		return
	}
	_, number, ok := strings.Cut(r.Text, ".")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return
	}
	if least := upTo(t.edits, seq); n < least {
		j.fault(Undone, "message %d of %s was edited %d times by event %d, and came to client %d with it as %q", r.No, r.Room, least, seq, r.Client, r.Text)
	}
}

// upTo counts what is no greater than seq.
func upTo(list []int64, seq int64) int {
	n, _ := slices.BinarySearch(list, seq+1)
	return n
}

// joinedAfter reports whether a client's person first joined the room after the
// event.
func (j *checker) joinedAfter(r Record, seq int64) bool {
	spans := j.spans[[2]string{r.Room, j.users[r.Client]}]
	return len(spans) > 0 && spans[0].from > seq && len(j.holes[r.Room]) == 0
}

// apply updates a client's content with a record.
func (f *follower) apply(r Record) {
	switch {
	case r.Message != "":
		f.holds[r.No] = contentOf(r)
	case r.Emoji != "":
		if c := f.holds[r.No]; c != nil && !c.gone {
			c.react(r)
		}
	}
}

// checkContents compares the final content of each client with the stored
// messages.
func (j *checker) checkContents(all followers) {
	for client, rooms := range all {
		for room, f := range rooms {
			for no, c := range f.holds {
				r, ok := j.store[room][no]
				if want := contentOf(r); ok && *c != *want {
					j.fault(State, "client %d holds message %d of %s as %v, and history has it as %v", client, no, room, c, want)
				}
			}
		}
	}
}
