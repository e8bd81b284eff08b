package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// good is what three clients of two rooms saw: ann in both, bob joins and
// leaves b, cat sends in a, with retries, drops and a resync.
func good() History {
	var h History
	add := func(r Record) { r.At = time.Duration(len(h)+1) * time.Millisecond; h = append(h, r) }
	seq, no, ids := map[string]int64{}, map[string]int64{}, map[string]string{}
	in := map[string]map[int]bool{"a": {1: true, 2: true, 3: true}, "b": {1: true}}
	user := map[int]string{1: "ann", 2: "bob", 3: "cat"}
	read := map[[2]any]int64{}
	base := func(client int, room string) {
		add(Record{Kind: Base, Client: client, User: user[client], Room: room, Seq: seq[room],
			ID: ids[room], No: no[room]})
	}
	event := func(room, what, member, message string) {
		prev := ids[room]
		seq[room]++
		ids[room] = fmt.Sprint(room, seq[room])
		r := Record{Kind: Got, Room: room, Seq: seq[room], ID: ids[room], Prev: prev, What: what,
			Member: member, Message: message}
		if message != "" {
			r.No, r.Text = no[room], strings.TrimPrefix(message, "m-")+".0"
		}
		for client := 1; client <= 3; client++ {
			if in[room][client] {
				r.Client, r.User = client, user[client]
				add(r)
			}
		}
	}
	send := func(client int, room, key string, tries int) {
		for range tries {
			add(Record{Kind: Send, Client: client, User: user[client], Room: room, Key: key})
		}
		no[room]++
		read[[2]any{client, room}] = no[room]
		message := "m-" + key
		event(room, "message.created", "", message)
		for range tries {
			add(Record{Kind: Ack, Client: client, User: user[client], Room: room, Key: key,
				No: no[room], Message: message})
		}
	}
	for client := 1; client <= 3; client++ {
		add(Record{Kind: Member, Client: client, User: user[client], Room: "a"})
	}
	add(Record{Kind: Member, Client: 1, User: "ann", Room: "b"})
	for client := 1; client <= 3; client++ {
		base(client, "a")
	}
	base(1, "b")
	var stored []Record
	say := func(client int, room, key string, tries int) {
		send(client, room, key, tries)
		stored = append(stored, Record{Kind: Stored, Room: room, No: no[room], Message: "m-" + key,
			Text: key + ".0", Key: key, User: user[client]})
	}
	say(3, "a", "c1", 1)
	say(1, "b", "a1", 2)
	in["b"][2] = true
	event("b", "member.joined", "bob", "")
	read[[2]any{2, "b"}] = no["b"]
	// Bob has the state as of joining, whose event does not count for it.
	base(2, "b")
	say(2, "b", "b1", 1)
	say(1, "b", "a2", 1)
	event("b", "member.left", "bob", "")
	in["b"][2] = false
	add(Record{Kind: Left, Client: 2, User: "bob", Room: "b"})
	say(1, "b", "a3", 1)
	add(Record{Kind: Send, Client: 2, User: "bob", Room: "b", Key: "b2"})
	add(Record{Kind: Refuse, Client: 2, User: "bob", Room: "b", Key: "b2"})
	add(Record{Kind: Dropped, Client: 3, User: "cat"})
	in["a"][3] = false
	say(1, "a", "a4", 1)
	say(2, "a", "b3", 1)
	in["a"][3] = true
	add(Record{Kind: Resync, Client: 3, User: "cat", Room: "a"})
	base(3, "a")
	for _, s := range stored {
		if s.Room == "a" && s.No >= 2 {
			add(Record{Kind: Fetched, Client: 3, User: "cat", Room: "a", No: s.No,
				Message: s.Message, Text: s.Text})
		}
	}
	say(3, "a", "c2", 1)
	h = append(h, stored...)
	for room, members := range in {
		for client := range members {
			if !members[client] {
				continue
			}
			r := Record{Kind: Holds, Client: client, User: user[client], Room: room, Seq: seq[room],
				ID: ids[room], No: no[room], Read: read[[2]any{client, room}], Members: 3}
			r.Unread = r.No - r.Read
			add(r)
			r.Kind = Fresh
			add(r)
		}
	}
	return h
}

func TestGood(t *testing.T) {
	h := good()
	v := Check(h, Nothing)
	if len(v.Violations) > 0 {
		t.Fatalf("%+v", v.Violations)
	}
	if v.Sent != 9 || v.Acknowledged != 8 || v.Stored != 8 || v.Resyncs != 1 || v.Unknown != 0 {
		t.Errorf("%+v", v)
	}
	var b bytes.Buffer
	if err := h.Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&b)
	if err != nil || !slices.Equal(h, again) {
		t.Errorf("written and read it is another: %v", err)
	}
}

// TestPlanted plants one fault at a time in the good history.
func TestPlanted(t *testing.T) {
	find := func(h History, which func(Record) bool) int {
		i := slices.IndexFunc(h, which)
		if i < 0 {
			t.Fatal("there is no such record")
		}
		return i
	}
	is := func(k Kind, client int, room string, no int64) func(Record) bool {
		return func(r Record) bool {
			return r.Kind == k && r.Client == client && r.Room == room &&
				r.No == no
		}
	}
	key := func(k Kind, key string) func(Record) bool {
		return func(r Record) bool { return r.Kind == k && r.Key == key }
	}
	for name, plant := range map[string]struct {
		fault Fault
		do    func(h History) History
	}{
		"an acknowledged message is not stored": {Lost,
			func(h History) History { i := find(h, key(Stored, "c2")); return slices.Delete(h, i, i+1) }},
		"a message is stored twice": {Twice, func(h History) History {
			r := h[find(h, key(Stored, "c2"))]
			r.No, r.Message = 5, "another"
			return append(h, r)
		}},
		"two messages have one number": {Twice, func(h History) History {
			r := h[find(h, key(Stored, "c2"))]
			r.Key, r.Message = "x", "x"
			return append(h, r)
		}},
		"a retry is another message": {Changed,
			func(h History) History { h[find(h, key(Ack, "a1"))].Message = "other"; return h }},
		"a refused send is stored": {Changed, func(h History) History {
			return append(h, Record{Kind: Stored, Room: "b", No: 5, Message: "m-b2", Key: "b2"})
		}},
		"a number is missing": {Hole,
			func(h History) History { h[find(h, key(Stored, "c2"))].No = 9; return h }},
		"an event does not reach a client": {Missing,
			func(h History) History { i := find(h, is(Got, 2, "a", 2)); return slices.Delete(h, i, i+1) }},
		"the last message does not reach a client": {Missing,
			func(h History) History { i := find(h, is(Got, 2, "a", 4)); return slices.Delete(h, i, i+1) }},
		"what was missed is not fetched": {Missing,
			func(h History) History {
				i := find(h, is(Fetched, 3, "a", 2))
				return slices.Delete(h,
					i, i+1)
			}},
		"two events come in the wrong order to one client": {Order, func(h History) History {
			i, j := find(h, is(Got, 2, "a", 2)), find(h, is(Got, 2, "a", 3))
			a, b := h[i], h[j]
			h[i].ID, h[i].Message, h[j].ID, h[j].Message = b.ID, b.Message, a.ID, a.Message
			return h
		}},
		"an event follows another one than it says": {Order, func(h History) History {
			h[find(h, is(Got, 3, "a", 1))].Prev = "x"
			h[find(h, is(Base, 3, "a", 0))].ID = "y"
			return h
		}},
		"history has another order than was live": {Order, func(h History) History {
			i, j := find(h, key(Stored, "a4")), find(h, key(Stored, "b3"))
			h[i].No, h[j].No = h[j].No, h[i].No
			return h
		}},
		"an event reaches somebody who has left": {Leaked, func(h History) History {
			r := h[find(h, is(Got, 1, "b", 4))]
			r.Client, r.User = 2, "bob"
			return slices.Insert(h, find(h, is(Got, 1, "b", 4))+1, r)
		}},
		"an event reaches somebody who never was there": {Leaked, func(h History) History {
			i := find(h, is(Got, 1, "b", 4))
			r := h[i]
			r.Client, r.User = 3, "cat"
			return slices.Insert(h, i+1, r)
		}},
		"a room's state reaches somebody who never was there": {Leaked, func(h History) History {
			return append(h, Record{Kind: Base, Client: 3, User: "cat", Room: "b", Seq: 4})
		}},
		"unread is miscounted": {Count, func(h History) History {
			h[find(h, func(r Record) bool { return r.Kind == Fresh && r.Client == 2 })].Unread++
			return h
		}},
		"a client follows to elsewhere": {State, func(h History) History {
			h[find(h, func(r Record) bool { return r.Kind == Holds && r.Client == 2 })].Members++
			return h
		}},
		"a client does not know a room": {State, func(h History) History {
			i := find(h, func(r Record) bool { return r.Kind == Holds && r.Room == "b" })
			return slices.Delete(h, i, i+1)
		}},
		"a message is before one that was acknowledged when it was sent": {Realtime, func(h History) History {
			i, j := find(h, key(Send, "c1")), find(h, key(Ack, "c2"))
			h[i].At = h[j].At + time.Second
			return h
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v := Check(plant.do(good()), Nothing)
			if v.Counts()[plant.fault] == 0 {
				t.Errorf("not found; found: %+v", v.Violations)
			}
			if first := v.First(1); len(first) != 1 || strings.TrimSpace(first[0].Text) == "" {
				t.Errorf("told as %+v", first)
			}
		})
	}
}

// TestComingBack: who comes back may be told of what was meanwhile, from when
// they asked to.
func TestComingBack(t *testing.T) {
	h := good()
	i := slices.IndexFunc(h, func(r Record) bool {
		return r.Kind == Got && r.Client == 1 &&
			r.Room == "b" && r.No == 4
	})
	meanwhile := h[i]
	meanwhile.Client, meanwhile.User = 2, "bob"
	joined := Record{Kind: Got, Client: 1, User: "ann", Room: "b", Seq: meanwhile.Seq + 1,
		ID: "again", Prev: meanwhile.ID, What: "member.joined", Member: "bob"}
	asked := Record{Kind: Join, Client: 2, User: "bob", Room: "b"}
	for name, c := range map[string]struct {
		then   []Record
		leaked int
	}{
		"asked before": {[]Record{asked, meanwhile, joined}, 0},
		"asked after":  {[]Record{meanwhile, asked, joined}, 1},
	} {
		if v := Check(slices.Insert(slices.Clone(h), i+1, c.then...),
			Nothing); v.Counts()[Leaked] != c.leaked {
			t.Errorf("%s: %+v", name, v.Violations)
		}
	}
}

// rolled is what two clients saw of a room whose last message was rolled back,
// and another given its number.
func rolled() History {
	var h History
	add := func(r Record) {
		r.At, r.Room = time.Duration(len(h)+1)*time.Millisecond, "a"
		if r.Client > 0 {
			r.User = []string{"ann", "bob"}[r.Client-1]
		}
		h = append(h, r)
	}
	both := func(r Record) {
		for r.Client = 1; r.Client <= 2; r.Client++ {
			add(r)
		}
	}
	both(Record{Kind: Member})
	both(Record{Kind: Base})
	add(Record{Kind: Send, Client: 1, Key: "kept"})
	both(Record{Kind: Got, Seq: 1, ID: "e1", What: "message.created", Message: "m1", No: 1, Text: "kept.0"})
	add(Record{Kind: Ack, Client: 1, Key: "kept", Message: "m1", No: 1})
	add(Record{Kind: Send, Client: 1, Key: "gone"})
	both(Record{Kind: Got, Seq: 2, ID: "e2", Prev: "e1", What: "message.created", Message: "m2",
		No: 2, Text: "gone.0"})
	add(Record{Kind: Injected, What: "failover"})
	for client := 1; client <= 2; client++ {
		add(Record{Kind: Resync, Client: client})
		add(Record{Kind: Base, Client: client, Seq: 1, ID: "e1", No: 1})
		add(Record{Kind: Fetched, Client: client, Message: "m1", No: 1, Text: "kept.0"})
	}
	add(Record{Kind: Send, Client: 2, Key: "new"})
	both(Record{Kind: Got, Seq: 2, ID: "f2", Prev: "e1", What: "message.created", Message: "n2",
		No: 2, Text: "new.0"})
	add(Record{Kind: Ack, Client: 2, Key: "new", Message: "n2", No: 2})
	both(Record{Kind: Got, Seq: 3, ID: "f3", Prev: "f2", What: "member.updated"})
	add(Record{Kind: Stored, Message: "m1", No: 1, Key: "kept", Text: "kept.0"})
	add(Record{Kind: Stored, Message: "n2", No: 2, Key: "new", Text: "new.0"})
	both(Record{Kind: Holds, Seq: 3, ID: "f3", No: 2, Read: 2})
	both(Record{Kind: Fresh, Seq: 3, ID: "f3", No: 2, Read: 2})
	return h
}

// TestRolledBack: what was not acknowledged may be rolled back, if every client
// is told.
func TestRolledBack(t *testing.T) {
	if v := Check(rolled(), Rollback); len(v.Violations) > 0 {
		t.Errorf("%+v", v.Violations)
	}
	if v := Check(rolled(), Nothing); v.Counts()[Order] == 0 {
		t.Error("where nothing may be rolled back, it is not found")
	}
	acked := slices.Insert(rolled(), 9,
		Record{Kind: Ack, At: 9 * time.Millisecond, Client: 1, User: "ann", Room: "a", Key: "gone",
			Message: "m2", No: 2})
	if v := Check(acked, Rollback); v.Counts()[Lost] != 1 {
		t.Errorf("what was acknowledged is lost, and that is not found: %+v", v.Violations)
	}
	if v := Check(acked, Loss); len(v.Violations) > 0 || v.Forgotten != 1 {
		t.Errorf("where it may be lost: %d forgotten, %+v", v.Forgotten, v.Violations)
	}
	of := func(client int, kinds ...Kind) func(Record) bool {
		return func(r Record) bool {
			return r.Client == client && slices.Contains(kinds, r.Kind) && r.At > 10*time.Millisecond
		}
	}
	for name, plant := range map[string]struct {
		fault Fault
		do    func(h History) History
	}{
		"a client is not told": {Order,
			func(h History) History { return slices.DeleteFunc(h, of(2, Resync, Base, Fetched)) }},
		"a client that is not told gets only what follows": {Order, func(h History) History {
			h = slices.DeleteFunc(h, of(2, Resync, Base, Fetched))
			return slices.DeleteFunc(h, func(r Record) bool { return r.Client == 2 && r.ID == "f2" })
		}},
		"a client keeps what was rolled back": {Order, func(h History) History {
			i := slices.IndexFunc(h, of(2, Fetched))
			h[i].Message = "m0"
			return h
		}},
		"a client does not fetch": {Missing,
			func(h History) History { return slices.DeleteFunc(h, of(2, Fetched)) }},
		"a stranger is told": {Leaked, func(h History) History {
			return append(h, Record{Kind: Got, Client: 3, User: "cat", Room: "a", Seq: 3, ID: "f3",
				Prev: "f2"})
		}},
	} {
		if v := Check(plant.do(rolled()), Rollback); v.Counts()[plant.fault] == 0 {
			t.Errorf("%s: not found; found: %+v", name, v.Violations)
		}
	}
}
