package main

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/kit/redistest"
)

// urls of sets, as --store takes them.
func sentinelURL(set *redistest.Sentinel) string {
	var at []string
	for _, s := range set.Sentinels {
		at = append(at, s.Addr())
	}
	return "redis+sentinel://" + strings.Join(at, ",") + "/" + redistest.MasterSet
}

func clusterURL(c *redistest.Cluster) string {
	var at []string
	for _, s := range c.Masters {
		at = append(at, s.Addr())
	}
	return "redis+cluster://" + strings.Join(at, ",")
}

// absence is a Redis that goes away and comes back without losing what it has
// acknowledged.
type absence struct {
	name string
	// start starts one and returns its URL, and what makes it go; that returns
	// what brings it back.
	start func(t *testing.T) (url string, leave func() (comeBack func()))
}

var absences = []absence{
	{"restart", func(t *testing.T) (string, func() func()) {
		s := redistest.StartTCP(t, "--appendonly", "yes", "--appendfsync", "always")
		return s.URL(), func() func() { s.Kill(); return s.Restart }
	}},
	{"pause", func(t *testing.T) (string, func() func()) {
		s := redistest.StartTCP(t)
		return s.URL(), func() func() {
			s.Pause()
			at := time.Now()
			return func() {
				time.Sleep(10*time.Second - time.Since(at)) // the length of the outage is what this is about
				s.Resume()
			}
		}
	}},
	{"sentinel failover", func(t *testing.T) (string, func() func()) {
		set := redistest.StartSentinel(t)
		return sentinelURL(set), func() func() {
			replace := set.Lose(t)
			return replace
		}
	}},
	{"cluster master restart", func(t *testing.T) (string, func() func()) {
		c := redistest.StartCluster(t)
		return clusterURL(c), func() func() {
			out, err := c.Masters[0].Do("CLUSTER", "KEYSLOT", "{room:general}")
			slot, err2 := strconv.Atoi(out)
			if err != nil || err2 != nil {
				t.Fatal(out, err, err2)
			}
			owner := c.Masters[slot*3/16384]
			if out, err := owner.Do("SAVE"); err != nil {
				t.Fatal(out, err)
			}
			owner.Kill()
			return owner.Restart
		}
	}},
}

// TestRedisGoesAndComes takes Redis away from two nodes full of people.
func TestRedisGoesAndComes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, o := range absences {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			url, leave := o.start(t)
			f := startFleet(t, 2, url)
			tokens := f.people()
			senders := f.senders(tokens)
			stop := chatterAll(senders)
			more(t, senders, 10)
			stop() // so that nothing is acknowledged that the next master does not have
			comeBack := leave()
			stop = chatterAll(senders)
			for _, c := range senders {
				soon(t, "a send to be refused", func() bool {
					c.mu.Lock()
					defer c.mu.Unlock()
					return c.away > 0
				})
			}
			comeBack()
			back := time.Now()
			more(t, senders, 10)
			t.Logf("everybody goes on %v after", time.Since(back))
			stop()
			f.check(senders...)
			for _, c := range senders {
				c.mu.Lock()
				if c.synced != 1 {
					t.Errorf("%s had to connect %d times: %v", c.device, c.synced, c.ends)
				}
				if c.slowest > 12*time.Second { // a handler gives up after ten
					t.Errorf("%s waited %v to be answered", c.device, c.slowest)
				}
				if len(c.resyncs) > 0 {
					t.Errorf("%s had to fetch anew: %v", c.device, c.resyncs)
				}
				c.mu.Unlock()
			}
			for i, p := range f.nodes {
				soon(t, "the trouble to be over",
					func() bool { return strings.Contains(p.Output(), "the store is back") })
				p.Signal(syscall.SIGTERM)
				if err := p.Wait(); err != nil {
					t.Errorf("node %d ended with %v", i, err)
				}
				var loud []string
				for line := range strings.Lines(p.Output()) {
					advice := strings.Contains(line, " about=") // on Redis' settings
					if !advice && (strings.Contains(line, "level=WARN") ||
						strings.Contains(line, "level=ERROR")) {
						loud = append(loud, line)
					}
				}
				if len(loud) != 1 || !strings.Contains(loud[0], "the store is away") ||
					strings.Count(p.Output(), "the store is back") != 1 {
					t.Errorf("node %d tells of one outage with\n%s", i, p.Output())
				}
			}
		})
	}
}

// rollback is a Redis that comes back without the newest of what it has
// acknowledged.
type rollback struct {
	name string
	// start starts one and returns its URL, and what makes it forget all from
	// then on; that returns what takes it back to there.
	start func(t *testing.T) (url string, remember func() (forget func()))
}

var rollbacks = []rollback{
	{"older dump", func(t *testing.T) (string, func() func()) {
		s := redistest.StartTCP(t)
		return s.URL(), func() func() {
			if out, err := s.Do("SAVE"); err != nil {
				t.Fatal(out, err)
			}
			return func() {
				s.Kill()
				s.Restart()
			}
		}
	}},
	{"failover to a replica that was cut off", func(t *testing.T) (string, func() func()) {
		set := redistest.StartSentinel(t)
		// they take no replica that was without its master for ten times as
		// long
		for _, w := range set.Sentinels {
			if out, err := w.Do("SENTINEL", "SET", redistest.MasterSet, "down-after-milliseconds",
				"3000"); err != nil || out != "OK" {
				t.Fatal(out, err)
			}
		}
		return sentinelURL(set), func() func() {
			master, replica := set.Servers[0], set.Servers[1]
			soon(t, "the replica to have everything", func() bool { return replicated(t, master) == 1 })
			if out, err := replica.Do("REPLICAOF", "127.0.0.1", "1"); err != nil {
				t.Fatal(out, err)
			}
			return func() {
				master.Kill()
				within(t, time.Minute, "the replica to take over", func() bool {
					at, err := set.Master()
					return err == nil && at == replica.Addr()
				})
			}
		}
	}},
}

// replicated returns how many replicas have all that was written so far.
func replicated(t *testing.T, s *redistest.Server) int {
	t.Helper()
	out, err := s.Do("WAIT", "1", "1000")
	n, err2 := strconv.Atoi(out)
	if err != nil || err2 != nil {
		t.Fatal(out, err, err2)
	}
	return n
}

// TestRedisForgets rolls the log back below people's feet: they are told to
// fetch anew, and then hear what the others hear.
func TestRedisForgets(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, r := range rollbacks {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			url, remember := r.start(t)
			f := startFleet(t, 2, url)
			tokens := f.people()
			writer, quiet := f.arrive(tokens[0], 0), f.arrive(tokens[1], 1)
			general := chat.RoomStream(chat.GeneralID)
			say := func(id string) {
				t.Helper()
				if !writer.send(t.Context(), chat.GeneralID, id, id) {
					t.Fatal(writer.faults)
				}
				soon(t, "everyone to hear "+id,
					func() bool {
						return writer.heard(chat.GeneralID, id)() &&
							quiet.heard(chat.GeneralID, id)()
					})
			}
			say("kept")
			forget := remember()
			for i := range 5 {
				say("lost-" + strconv.Itoa(i))
			}
			forget()
			for _, c := range []*participant{writer, quiet} {
				soon(t, "a resync", func() bool {
					c.mu.Lock()
					defer c.mu.Unlock()
					return c.resyncs[general] > 0
				})
			}
			for i := range 8 { // as many and more, so that numbers are used again
				say("after-" + strconv.Itoa(i))
			}
			all := f.history(tokens[0], chat.GeneralID)
			at := slices.IndexFunc(all, func(m chat.Message) bool { return m.Text == "kept" })
			if at < 0 {
				t.Fatal("what was kept is gone")
			}
			var texts []string
			for _, m := range all[at+1:] {
				texts = append(texts, m.Text)
			}
			if len(texts) != 8 || texts[0] != "after-0" || texts[7] != "after-7" {
				t.Errorf("after what was kept come %q", texts)
			}
			for _, c := range []*participant{writer, quiet} {
				c.mu.Lock()
				for i, m := range c.messages[chat.GeneralID] {
					if want := all[len(all)-len(c.messages[chat.GeneralID])+i]; m.ID != want.ID {
						t.Errorf("%s heard %q where %q is", c.device, m.Text, want.Text)
					}
				}
				for _, fault := range c.faults {
					t.Errorf("%s: %s", c.device, fault)
				}
				c.mu.Unlock()
			}
		})
	}
}

// TestRedisForgetsAndGoesOn rolls the log back and has it grow past where
// people are before they can look: the numbers follow, and only the ids tell.
func TestRedisForgetsAndGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	redis := redistest.StartTCP(t)
	f := startFleet(t, 2, redis.URL())
	tokens := f.people()
	quiet := f.arrive(tokens[1], 1)
	post := func(id string) error {
		_, err := call(t.Context(), f.node(0).URL, "POST", "/rooms/general/messages", tokens[0],
			map[string]string{"text": id, "client_id": id}, nil)
		return err
	}
	if out, err := redis.Do("SAVE"); err != nil {
		t.Fatal(out, err)
	}
	if err := post("lost"); err != nil {
		t.Fatal(err)
	}
	soon(t, "the message that will be lost", quiet.heard(chat.GeneralID, "lost"))
	redis.Kill()
	redis.Restart()
	for i := range 3 {
		id := "after-" + strconv.Itoa(i)
		soon(t, "a send to be acknowledged", func() bool { return post(id) == nil })
	}
	var now chat.RoomView
	if _, err := call(t.Context(), f.node(0).URL, "GET", "/rooms/general", tokens[0], nil, &now); err != nil {
		t.Fatal(err)
	}
	general := chat.RoomStream(chat.GeneralID)
	soon(t, "the place of the others", func() bool {
		quiet.mu.Lock()
		defer quiet.mu.Unlock()
		return quiet.positions[general] == now.Position
	})
	quiet.mu.Lock()
	defer quiet.mu.Unlock()
	if quiet.resyncs[general] == 0 || len(quiet.faults) > 0 {
		t.Errorf("resyncs %v, faults %q", quiet.resyncs, quiet.faults)
	}
}

// TestSlotMoves moves General to another master, with everything in it, while
// people write.
func TestSlotMoves(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	set := redistest.StartCluster(t)
	f := startFleet(t, 2, clusterURL(set))
	senders := f.senders(f.people())
	stop := chatterAll(senders)
	more(t, senders, 10)
	moveGeneral(t, set)
	more(t, senders, 10)
	stop()
	f.check(senders...)
	for _, c := range senders {
		c.mu.Lock()
		if c.synced != 1 || len(c.resyncs) > 0 {
			t.Errorf("%s had to connect %d times, and to fetch anew %v: %v", c.device, c.synced,
				c.resyncs, c.ends)
		}
		c.mu.Unlock()
	}
}

func moveGeneral(t *testing.T, set *redistest.Cluster) {
	t.Helper()
	do := func(s *redistest.Server, args ...string) string {
		t.Helper()
		out, err := s.Do(args...)
		if err != nil {
			t.Fatal(args, out, err)
		}
		return out
	}
	slot := do(set.Masters[0], "CLUSTER", "KEYSLOT", "{room:general}")
	n, err := strconv.Atoi(slot)
	if err != nil {
		t.Fatal(err)
	}
	owner := n * 3 / 16384
	from, to := set.Masters[owner], set.Masters[(owner+1)%3]
	id := do(to, "CLUSTER", "MYID")
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", do(from, "CLUSTER", "MYID"))
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", id)
	host, port, _ := strings.Cut(to.Addr(), ":")
	moved := 0
	for {
		// one by one: the room is in two halves meanwhile
		keys := strings.Fields(do(from, "CLUSTER", "GETKEYSINSLOT", slot, "1"))
		if len(keys) == 0 {
			break
		}
		do(from, append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, keys...)...)
		moved++
	}
	for _, s := range []*redistest.Server{to, from, set.Masters[(owner+2)%3]} {
		do(s, "CLUSTER", "SETSLOT", slot, "NODE", id)
	}
	if moved < 5 {
		t.Fatalf("%d keys of General were moved", moved)
	}
}
