package verify

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// changedHistory is what ann, bob and cat saw of a room in which messages were
// edited, deleted and reacted to. Bob's connection ends before the first edit,
// and what he missed comes to him later, as it is then. Cat comes in late, and
// fetches.
func changedHistory() History {
	var h History
	user := []string{"ann", "bob", "cat"}
	add := func(r Record) {
		r.At, r.Room = time.Duration(len(h)+1)*time.Millisecond, "a"
		if r.Client > 0 && r.User == "" {
			r.User = user[r.Client-1]
		}
		h = append(h, r)
	}
	ids := []string{"", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"}
	got := func(client int, seq int64, what string, shown Record) {
		shown.Kind, shown.Client, shown.Seq, shown.What, shown.ID, shown.Prev = Got, client, seq,
			what, ids[seq], ids[seq-1]
		add(shown)
	}
	first := func(edits string) Record { return Record{No: 1, Message: "m1", Text: "k1." + edits} }
	second := Record{No: 2, Message: "m2", Text: "k2.0"}
	place := Record{No: 2, Message: "m2", Gone: true}
	likes := Record{No: 1, Emoji: "+", Member: "bob"}
	ask := func(client int, key, what string, no int64, text, emoji string) {
		add(Record{Kind: ChangeSent, Client: client, Key: key, What: what, No: no,
			Message: fmt.Sprint("m", no), Text: text, Emoji: emoji})
	}
	answer := func(client int, key string, shown Record) {
		shown.Kind, shown.Client, shown.Key = ChangeAcked, client, key
		add(shown)
	}
	for client := 1; client <= 2; client++ {
		add(Record{Kind: Member, Client: client})
		add(Record{Kind: Base, Client: client})
	}
	for i, shown := range []Record{first("0"), second} {
		add(Record{Kind: Send, Client: 1, Key: []string{"k1", "k2"}[i]})
		for client := 1; client <= 2; client++ {
			got(client, int64(i+1), "message.created", shown)
		}
		add(Record{Kind: Ack, Client: 1, Key: []string{"k1", "k2"}[i], No: shown.No, Message: shown.Message})
	}
	add(Record{Kind: Dropped, Client: 2})
	ask(1, "x1", "message.edit", 1, "k1.1", "")
	got(1, 3, "message.edited", first("1"))
	answer(1, "x1", first("1"))
	ask(1, "x2", "message.edit", 1, "k1.2", "")
	got(1, 4, "message.edited", first("2"))
	answer(1, "x2", first("2"))
	ask(1, "x3", "message.delete", 2, "", "")
	got(1, 5, "message.deleted", place)
	answer(1, "x3", place)
	got(2, 3, "message.edited", first("2")) // as it is now
	got(2, 4, "message.edited", first("2"))
	got(2, 5, "message.deleted", place)
	ask(2, "x4", "reaction.add", 1, "", "+")
	for client := 1; client <= 2; client++ {
		got(client, 6, "reaction.added", likes)
	}
	liked := first("2")
	liked.Reactions = "+:bob "
	answer(2, "x4", liked)
	add(Record{Kind: Join, Client: 3})
	for client := 1; client <= 2; client++ {
		got(client, 7, "member.joined", Record{Member: "cat"})
	}
	add(Record{Kind: Base, Client: 3, Seq: 7, ID: "e7", No: 2})
	for _, shown := range []Record{liked, place} {
		shown.Kind, shown.Client = Fetched, 3
		add(shown)
	}
	ask(3, "x5", "reaction.add", 1, "", "-")
	for client := 1; client <= 3; client++ {
		got(client, 8, "reaction.added", Record{No: 1, Emoji: "-", Member: "cat"})
	}
	both := liked
	both.Reactions += "-:cat "
	answer(3, "x5", both)
	ask(3, "x6", "reaction.remove", 1, "", "-")
	for client := 1; client <= 3; client++ {
		got(client, 9, "reaction.removed", Record{No: 1, Emoji: "-", Member: "cat"})
	}
	answer(3, "x6", liked)
	ask(1, "x7", "message.edit", 1, "k1.3", "") // never answered, and never done
	ask(1, "x8", "message.edit", 2, "k2.1", "")
	add(Record{Kind: ChangeRefused, Client: 1, Key: "x8"})
	for key, shown := range map[string]Record{"k1": liked, "k2": place} {
		shown.Kind, shown.Key, shown.User = Stored, key, "ann"
		add(shown)
	}
	for client := 1; client <= 3; client++ {
		read := []int64{2, 0, 2}[client-1]
		r := Record{Kind: Holds, Client: client, Seq: 9, ID: "e9", No: 2, Read: read,
			Unread: []int64{0, 1, 0}[client-1], Members: 3}
		add(r)
		r.Kind = Fresh
		add(r)
	}
	return h
}

// TestContents plants one fault at a time among what is done with messages.
func TestContents(t *testing.T) {
	if v := Check(changedHistory(), Nothing); len(v.Violations) > 0 || v.Changes != 6 {
		t.Fatalf("a good history: %d changes, %+v", v.Changes, v.Violations)
	}
	// its event of that number, or message where there is none
	of := func(h History, k Kind, client int, n int64) *Record {
		i := slices.IndexFunc(h, func(r Record) bool {
			return r.Kind == k && (client == 0 || r.Client == client) &&
				(r.Seq == n && k == Got || r.No == n && k != Got)
		})
		if i < 0 {
			t.Fatal("there is no such record")
		}
		return &h[i]
	}
	set := func(k Kind, client int, n int64, do func(*Record)) func(History) History {
		return func(h History) History { do(of(h, k, client, n)); return h }
	}
	without := func(k Kind, client int, n int64) func(History) History {
		return func(h History) History {
			gone := *of(h, k, client, n)
			return slices.DeleteFunc(h, func(r Record) bool { return r == gone })
		}
	}
	text := func(s string) func(*Record) { return func(r *Record) { r.Text, r.Gone = s, false } }
	reactions := func(s string) func(*Record) { return func(r *Record) { r.Reactions = s } }
	for name, plant := range map[string]struct {
		fault Fault
		do    func(History) History
	}{
		"an edit is lost":                         {Lost, set(Stored, 0, 1, text("k1.1"))},
		"both edits are lost":                     {Lost, set(Stored, 0, 1, text("k1.0"))},
		"the text is another one's":               {Lost, set(Stored, 0, 1, text("k9.0"))},
		"a deletion is lost":                      {Lost, set(Stored, 0, 2, text("k2.0"))},
		"a reaction is lost":                      {Lost, set(Stored, 0, 1, reactions(""))},
		"a reaction that was taken back is there": {Lost, set(Stored, 0, 1, reactions("+:bob -:cat "))},
		"a reaction is there that nobody added":   {Changed, set(Stored, 0, 1, reactions("+:bob *:ann "))},
		"a reaction is somebody else's":           {Changed, set(Stored, 0, 1, reactions("+:cat "))},
		"a reaction is stored twice":              {Twice, set(Stored, 0, 1, reactions("+:bob +:bob "))},
		"a reaction comes to a client twice":      {Twice, set(Fetched, 3, 1, reactions("+:bob +:bob "))},
		"a message is deleted by nobody": {Changed,
			set(Stored, 0, 1, func(r *Record) { r.Text, r.Reactions, r.Gone = "", "", true })},
		"a place keeps its text": {Leaked,
			set(Stored, 0, 2, func(r *Record) { r.Text = "k2.0" })},
		"a place keeps reactions": {Leaked, set(Fetched, 3, 2, reactions("+:bob "))},
		"a deletion comes with the text": {Leaked,
			set(Got, 2, 5, func(r *Record) { r.Text = "k2.0" })},
		"the deletion's event shows the message":  {Leaked, set(Got, 2, 5, text("k2.0"))},
		"who came later fetches a deleted text":   {Leaked, set(Fetched, 3, 2, text("k2.0"))},
		"an event undoes an edit":                 {Undone, set(Got, 2, 4, text("k1.1"))},
		"the edit's event does not show it":       {Undone, set(Got, 1, 3, text("k1.0"))},
		"who came later fetches a text of before": {Undone, set(Fetched, 3, 1, text("k1.1"))},
		"an answer shows another text":            {Changed, set(ChangeAcked, 1, 1, text("k1.0"))},
		"an answer to nothing": {Changed,
			set(ChangeSent, 1, 1, func(r *Record) { r.Key = "x9" })},
		"a refused edit is done":                  {Lost, set(Stored, 0, 2, text("k2.1"))},
		"a client is told of an edit that is not": {State, set(Got, 2, 4, text("k1.3"))},
		"a client holds a reaction too many": {State,
			set(Got, 3, 9, func(r *Record) { r.Member = "ann" })},
		"a client is told of a reaction of another": {State,
			set(Got, 1, 6, func(r *Record) { r.Member = "ann" })},
		"a client misses a reaction": {Missing, without(Got, 1, 6)},
		"a place counts as unread": {Count,
			set(Fresh, 2, 2, func(r *Record) { r.Unread = 2 })},
	} {
		if v := Check(plant.do(changedHistory()), Nothing); v.Counts()[plant.fault] == 0 {
			t.Errorf("%s: not found; found: %+v", name, v.Violations)
		}
	}
	// One who came later is told, by a node that is behind, what was deleted
	// before.
	late := changedHistory()
	i := slices.IndexFunc(late, func(r Record) bool { return r.Kind == Base && r.Client == 3 })
	old := *of(late, Got, 1, 2)
	old.Client, old.User = 3, "cat"
	if v := Check(slices.Insert(late, i+1, old), Nothing); v.Counts()[Leaked] == 0 {
		t.Errorf("an old event with a deleted text comes to one who came later: found %+v", v.Violations)
	}
	// What was not answered may be so or so.
	for _, s := range []string{"k1.2", "k1.3"} {
		h := slices.DeleteFunc(changedHistory(), func(r Record) bool {
			return r.Kind == Got || r.Kind == Fetched || r.Kind == Base || r.Kind == Holds || r.Kind == Fresh
		})
		of(h, Stored, 0, 1).Text = s
		if v := Check(h, Nothing); len(v.Violations) > 0 {
			t.Errorf("an unanswered edit: %+v", v.Violations)
		}
	}
	// Where acknowledged messages may be lost, so may be what was done with
	// them, and it is counted.
	h := set(Stored, 0, 1, text("k1.1"))(changedHistory())
	for i := range h {
		if h[i].No == 1 && h[i].Kind == Got && h[i].Seq >= 3 && h[i].Text != "" ||
			h[i].Kind == Fetched && h[i].No == 1 {
			h[i].Text = "k1.1"
		}
	}
	if v := Check(h, Loss); len(v.Violations) > 0 || v.Forgotten != 1 {
		t.Errorf("where it may be lost: %d forgotten, %+v", v.Forgotten, v.Violations)
	}
	if v := Check(h, Rollback); v.Counts()[Lost] != 1 {
		t.Errorf("where only what was not acknowledged may be: %+v", v.Violations)
	}
}
