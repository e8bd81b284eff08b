package bus

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// afterGap publishes until a message arrives: what is published after the last
// gap does, and there may be several.
func afterGap(t *testing.T, h *heard, channel string, publish func(payload string) error) {
	t.Helper()
	n := 0
	until(t, "a message in "+channel+" after the gap", func() bool {
		n++
		h.mu.Lock()
		gaps := len(h.gaps)
		h.mu.Unlock()
		payload := fmt.Sprint("after ", n)
		if publish(payload) != nil {
			return false
		}
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(
			time.Millisecond) {
			h.mu.Lock()
			heard, more := h.index(channel+" "+payload) >= 0, len(h.gaps) > gaps
			h.mu.Unlock()
			if heard || more {
				return heard
			}
		}
		t.Fatalf("%q was published after the gap and did not arrive; failed %v", payload, h.failed)
		return false
	})
}

func (h *heard) index(message string) int {
	for i, m := range h.messages {
		if m == message {
			return i
		}
	}
	return -1
}

func TestListenerFollowsSentinelFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartSentinel(t)
	client := set.Client(t)
	l, h := listen(t, client, ListenOptions{Heartbeat: 200 * time.Millisecond, Timeout: 2 * time.Second})
	wantNoError(t, l.Subscribe(t.Context(), "a"))
	wantNoError(t, l.SSubscribe(t.Context(), "s"))
	set.Servers[0].Pause() // its connections stay open
	h.hasGap(t, "a")
	afterGap(t, h, "a", func(p string) error {
		return client.Do(t.Context(), client.B().Publish().Channel("a").Message(p).Build()).Error()
	})
	h.hasGap(t, "s")
	afterGap(t, h, "s", func(p string) error {
		return client.Do(t.Context(), client.B().Spublish().Channel("s").Message(p).Build()).Error()
	})
}

// A slot that moves takes its channels along; all others hear nothing of it.
func TestListenerFollowsSlot(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartCluster(t)
	client := set.Client(t)
	l, h := listen(t, client, ListenOptions{Heartbeat: time.Hour})
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprint("room:", i))
	}
	wantNoError(t, l.SSubscribe(t.Context(), names...))
	slot := slotOf(client, names[0])
	to := (int(slot)*3/16384 + 1) % 3
	moveSlot(t, set, slot, to)
	h.hasGap(t, names[0])
	for _, name := range names {
		spublish(t, client, name, "moved")
	}
	for _, name := range names {
		h.has(t, name+" moved")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range h.gaps {
		if slotOf(client, name) != slot {
			t.Errorf("a gap in %s, which did not move", name)
		}
	}
}

func slotOf(client rueidis.Client, name string) uint16 {
	cmd := client.B().Ssubscribe().Channel(name).Build()
	return cmd.Slot()
}

func moveSlot(t *testing.T, set *redistest.Cluster, slot uint16, to int) {
	t.Helper()
	at := func(node int, args ...string) string {
		t.Helper()
		out, err := set.Masters[node].Do(append([]string{"CLUSTER"}, args...)...)
		wantNoError(t, err)
		return out
	}
	n, from := strconv.Itoa(int(slot)), int(slot)*3/16384
	id := at(to, "MYID")
	// A node that was importing gets a newer epoch, without which the old
	// owner's claim would win.
	at(to, "SETSLOT", n, "IMPORTING", at(from, "MYID"))
	at(from, "SETSLOT", n, "MIGRATING", id)
	for i := range set.Masters {
		if out := at((to+i)%len(set.Masters), "SETSLOT", n, "NODE", id); out != "OK" {
			t.Fatal(out)
		}
	}
}

func TestListenerFollowsClusterFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartCluster(t)
	replica := set.AddReplica(t, 0)
	client := set.Client(t)
	l, h := listen(t, client, ListenOptions{Heartbeat: 200 * time.Millisecond, Timeout: 2 * time.Second})
	name := ""
	for i := 0; name == ""; i++ { // one of the first master's
		if n := fmt.Sprint("room:", i); int(slotOf(client, n)) < 5000 {
			name = n
		}
	}
	wantNoError(t, l.SSubscribe(t.Context(), name))
	wantNoError(t, l.Subscribe(t.Context(), "plain"))
	set.Masters[0].Kill()
	h.hasGap(t, name)
	afterGap(t, h, name, func(p string) error {
		return client.Do(t.Context(), client.B().Spublish().Channel(name).Message(p).Build()).Error()
	})
	// PUBLISH goes to any node, and the client may take the dead one for alive
	// until it asks again.
	until(t, "a publish", func() bool {
		return client.Do(t.Context(), client.B().Publish().Channel("plain").Message(
			"x").Build()).Error() == nil
	})
	if out, err := replica.Do("ROLE"); err != nil || !strings.HasPrefix(out, "master") {
		t.Errorf("the replica is %q, %v", out, err)
	}
}

// Without a replica the channels are back when their master is.
func TestListenerWaitsForMaster(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartCluster(t)
	client := set.Client(t)
	l, h := listen(t, client, ListenOptions{Timeout: 2 * time.Second})
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprint("room:", i))
	}
	wantNoError(t, l.SSubscribe(t.Context(), names...))
	set.Masters[1].Kill()
	until(t, "a failure", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.failed) > 0 })
	set.Masters[1].Restart()
	for _, name := range names {
		if slot := int(slotOf(client, name)); slot >= 16384/3 && slot < 16384*2/3 {
			h.hasGap(t, name)
			afterGap(t, h, name, func(p string) error {
				return client.Do(t.Context(), client.B().Spublish().Channel(name).Message(p).Build()).Error()
			})
		}
	}
}

// A node that is cut off from the others goes on answering but may hear
// nothing: when it is back, that was a gap.
func TestListenerCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartCluster(t)
	client := set.Client(t)
	l, h := listen(t, client, ListenOptions{Heartbeat: 100 * time.Millisecond, Timeout: 2 * time.Second})
	name := ""
	for i := 0; name == ""; i++ {
		if n := fmt.Sprint("room:", i); int(slotOf(client, n)) < 5000 {
			name = n
		}
	}
	wantNoError(t, l.SSubscribe(t.Context(), name))
	state := func(want string) {
		t.Helper()
		until(t, "the state "+want, func() bool {
			info, _ := set.Masters[0].Do("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:"+want)
		})
	}
	set.Masters[1].Pause()
	set.Masters[2].Pause()
	state("fail")
	beats := func() int { return set.Masters[0].Commands()["cluster|info"] }
	for seen := beats(); beats() < seen+3; {
	}
	h.mu.Lock()
	if len(h.gaps) != 0 {
		t.Errorf("gaps %v before it was over", h.gaps)
	}
	h.mu.Unlock()
	set.Masters[1].Resume()
	set.Masters[2].Resume()
	h.hasGap(t, name)
	state("ok")
	afterGap(t, h, name, func(p string) error {
		return client.Do(t.Context(), client.B().Spublish().Channel(name).Message(p).Build()).Error()
	})
}

// RESP2 has a connection for subscriptions beside the one for commands.
func TestListenerResp2(t *testing.T) {
	server := redistest.Start(t)
	option := server.Option()
	option.AlwaysRESP2, option.DisableCache = true, true
	client, err := rueidis.NewClient(option)
	wantNoError(t, err)
	defer client.Close()
	l, h := listen(t, client, ListenOptions{Heartbeat: 20 * time.Millisecond})
	wantNoError(t, l.Subscribe(t.Context(), "a", "b"))
	wantNoError(t, l.SSubscribe(t.Context(), "s"))
	wantNoError(t, l.PSubscribe(t.Context(), "p.*"))
	l.Unsubscribe("b")
	spublish(t, client, "s", "1")
	h.has(t, "s 1")
	killSubscribers(t, client)
	h.hasGap(t, "a")
	h.hasGap(t, "p.*")
	publish(t, client, "a", "2")
	publish(t, client, "p.x", "3")
	h.has(t, "a 2")
	h.has(t, "p.x 3")
}
