package redisstore_test

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestContendedReactions has 200 people react to one message at once, through
// three nodes on one Redis: none is lost, none counts twice, and the log has
// each of them once. With -v it tells what a reaction cost.
func TestContendedReactions(t *testing.T) {
	const people, messages, nodes = 200, 5, 3
	server := redistest.Start(t)
	c := newCostly(t, server)
	stores := []*redisstore.Store{c.store}
	for len(stores) < nodes {
		stores = append(stores, newCostly(t, server).store)
	}
	room := chat.RoomID(c.id())
	users := make([]chat.UserID, people)
	changes := []chat.Change{c.create(room)}
	for i := range users {
		users[i] = chat.UserID(c.id())
		changes = append(changes, c.join(room, users[i]))
	}
	c.commit(changes...)
	for range messages {
		c.commit(c.message(room, users[0]))
	}
	// react has each person do something to a message, and returns how often
	// that changed something.
	react := func(no int64, op func(chat.Reaction) chat.Operation) int {
		t.Helper()
		var wg sync.WaitGroup
		changed := make([]int, people)
		for i, user := range users {
			id := c.id()
			wg.Go(func() {
				r, err := stores[i%nodes].Commit(t.Context(), chat.Change{
					Stream: chat.RoomStream(room), ID: id, At: time.Now(), By: user, MustBeIn: user,
					MustSpeak: true, Op: op(chat.Reaction{No: no, Emoji: "👍", User: user})})
				if err != nil {
					t.Error(err)
				} else if !r[0].NoOp {
					changed[i]++
				}
			})
		}
		wg.Wait()
		n := 0
		for _, one := range changed {
			n += one
		}
		return n
	}
	add := func(r chat.Reaction) chat.Operation { return chat.AddReaction{Reaction: r} }
	remove := func(r chat.Reaction) chat.Operation { return chat.RemoveReaction{Reaction: r} }

	before, head := cost(t, server), heads(t, c.store, room)
	for no := range int64(messages) {
		if n := react(no+1, add); n != people {
			t.Fatalf("%d of %d reactions changed something", n, people)
		}
	}
	t.Logf("a reaction: %s", cost(t, server).per(before, people*messages))

	if after := heads(t, c.store, room); after.Seq != head.Seq+people*messages {
		t.Errorf("the log went from %d to %d", head.Seq, after.Seq)
	}
	all, err := c.store.Messages(t.Context(), room, chat.Page{Limit: messages})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if len(m.Reactions) != 1 || len(m.Reactions[0].Users) != people {
			t.Errorf("message %d has the reactions %v", m.No, m.Reactions)
		}
	}
	if n := react(1, add); n != 0 {
		t.Errorf("%d reactions counted twice", n)
	}
	if n := react(1, remove); n != people {
		t.Errorf("%d of %d reactions were removed", n, people)
	}
}

func heads(t *testing.T, s *redisstore.Store, room chat.RoomID) chat.Head {
	t.Helper()
	h, err := s.Heads(t.Context(), chat.RoomStream(room))
	if err != nil {
		t.Fatal(err)
	}
	return h[0]
}

// spent is what Redis has spent until now.
type spent struct {
	at                     time.Time
	cpu                    float64 // seconds, of all threads
	scripts, commands      int64
	scriptTime             int64 // µs
	bytesIn, bytesReturned int64
}

var scriptStats = regexp.MustCompile(`cmdstat_(eval\w*):calls=(\d+),usec=(\d+)`)

func cost(t *testing.T, s *redistest.Server) spent {
	t.Helper()
	info, err := s.Do("INFO", "everything")
	if err != nil {
		t.Fatal(err)
	}
	number := func(name string) (n float64) {
		if m := regexp.MustCompile(`(?m)^` + name + `:([\d.]+)`).FindStringSubmatch(info); m != nil {
			n, _ = strconv.ParseFloat(m[1], 64)
		}
		return n
	}
	total := spent{at: time.Now(), cpu: number("used_cpu_sys") + number("used_cpu_user"),
		commands: int64(number("total_commands_processed")), bytesIn: int64(number("total_net_input_bytes")),
		bytesReturned: int64(number("total_net_output_bytes"))}
	for _, m := range scriptStats.FindAllStringSubmatch(info, -1) {
		calls, _ := strconv.ParseInt(m[2], 10, 64)
		usec, _ := strconv.ParseInt(m[3], 10, 64)
		total.scripts, total.scriptTime = total.scripts+calls, total.scriptTime+usec
	}
	return total
}

func (s spent) per(before spent, n int64) string {
	each := func(v float64) float64 { return v / float64(n) }
	return fmt.Sprintf("%.0f µs wall, %.0f µs of Redis' CPU, %.0f µs in %.2f scripts, %.2f commands, %.0f bytes in, %.0f out",
		each(float64(s.at.Sub(before.at).Microseconds())), each((s.cpu-before.cpu)*1e6),
		each(float64(s.scriptTime-before.scriptTime)), each(float64(s.scripts-before.scripts)),
		each(float64(s.commands-before.commands)), each(float64(s.bytesIn-before.bytesIn)),
		each(float64(s.bytesReturned-before.bytesReturned)))
}
