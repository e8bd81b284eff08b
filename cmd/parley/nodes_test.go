package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/kit/redistest"
)

// people logs in those of the demo: Pablo, the owner, then Joe, Mary and Alex.
func (f *fleet) people() []string {
	f.t.Helper()
	var tokens []string
	for _, name := range []string{"Pablo", "Joe", "Mary", "Alex"} {
		tokens = append(tokens, f.node(len(tokens)).logIn(name))
	}
	return tokens
}

// senders brings eight clients to the nodes in turn.
func (f *fleet) senders(tokens []string) []*participant {
	f.t.Helper()
	var all []*participant
	for i := range 8 {
		all = append(all, f.arrive(tokens[i%3], i)) // not Alex
	}
	return all
}

func chatterAll(clients []*participant) (stop func()) {
	var stops []func()
	for _, c := range clients {
		stops = append(stops, c.chatter(chat.GeneralID))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// more waits until each has had so many more messages acknowledged.
func more(t *testing.T, clients []*participant, n int) {
	t.Helper()
	var goals []int
	for _, c := range clients {
		goals = append(goals, c.count()+n)
	}
	for i, c := range clients {
		soon(t, "more messages to be acknowledged", func() bool { return c.count() >= goals[i] })
	}
}

// TestNodes has people on three nodes do what they would do on one.
func TestNodes(t *testing.T) {
	t.Parallel()
	redis := redistest.StartTCP(t)
	f := startFleet(t, 3, redis.URL())
	tokens := f.people()
	pablo, joe, mary := f.arrive(tokens[0], 0), f.arrive(tokens[1], 1), f.arrive(tokens[2], 2)
	all := []*participant{pablo, joe, mary}

	for _, c := range all {
		text := "hello from " + c.device
		c.send(t.Context(), chat.GeneralID, "hello-"+c.device, text)
		for _, other := range all {
			soon(t, "everyone to hear "+text, other.heard(chat.GeneralID, text))
		}
	}
	joe.must("typing.send", map[string]any{"room": chat.GeneralID}, nil)
	for _, other := range []*participant{pablo, mary} {
		soon(t, "others to see who types",
			other.signalled(chat.Signal{Stream: chat.RoomStream(chat.GeneralID), Kind: chat.Typing,
				User: joe.me}))
	}

	alex := f.arrive(tokens[3], 1)
	for _, c := range all {
		c.watch(alex.me)
	}
	alex.leave()
	for _, c := range all {
		soon(t, "others to see who goes",
			c.signalled(chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: alex.me}))
	}
	alex = f.arrive(tokens[3], 1)
	soon(t, "those who were there to be online", func() bool {
		var now struct {
			Online []chat.UserID `json:"online"`
		}
		alex.must("presence.list", map[string]any{}, &now)
		return len(now.Online) == 4
	})
	for _, c := range all {
		soon(t, "others to see who comes",
			c.signalled(chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: alex.me,
				Online: true}))
	}

	var room chat.RoomView
	pablo.must("room.create", map[string]any{"name": "Secret", "kind": "private",
		"users": []chat.UserID{mary.me}}, &room)
	soon(t, "the new room to appear", func() bool {
		mary.mu.Lock()
		defer mary.mu.Unlock()
		return slices.ContainsFunc(mary.events,
			func(e chat.Event) bool { return e.Kind == chat.RoomJoined && e.View.ID == room.ID })
	})
	pablo.send(t.Context(), room.ID, "s1", "between us")
	soon(t, "the member to hear", mary.heard(room.ID, "between us"))
	mary.send(t.Context(), room.ID, "s2", "of course")
	soon(t, "the other member to hear", pablo.heard(room.ID, "of course"))
	if joe.mu.Lock(); len(joe.messages[room.ID]) > 0 {
		t.Error("Joe heard what is private")
	}
	joe.mu.Unlock()
	f.check(all...)
}

// TestNodeIsKilled pulls a node's plug under load.
func TestNodeIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a lease to end")
	}
	t.Parallel()
	redis := redistest.StartTCP(t)
	f := startFleet(t, 2, redis.URL())
	tokens := f.people()
	senders := f.senders(tokens)
	// Alex is only on the node that dies, and does not come back.
	silent, err := dial(t, f.node(0).URL, tokens[3], nil, ignore)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(silent.Abort)
	var alex struct {
		User chat.User `json:"user"`
	}
	if _, err := call(t.Context(), f.node(1).URL, "GET", "/account", tokens[3], nil, &alex); err != nil {
		t.Fatal(err)
	}
	watcher := f.arrive(tokens[0], 1)
	watcher.watch(alex.User.ID)
	soon(t, "Alex to be online", func() bool {
		var now struct {
			Online []chat.UserID `json:"online"`
		}
		watcher.must("presence.list", map[string]any{}, &now)
		return slices.Contains(now.Online, alex.User.ID)
	})

	stop := chatterAll(senders)
	more(t, senders, 20)
	dead := f.node(0)
	f.remove(dead)
	dead.Kill()
	killed := time.Now()
	more(t, senders, 20)
	stop()
	within(t, 20*time.Second-time.Since(killed), "Alex to be offline",
		watcher.signalled(chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: alex.User.ID}))
	t.Logf("offline after %v", time.Since(killed))
	var now struct {
		Online []chat.UserID `json:"online"`
	}
	watcher.must("presence.list", map[string]any{}, &now)
	if len(now.Online) != 3 || slices.Contains(now.Online, alex.User.ID) {
		t.Errorf("online are %v", now.Online)
	}
	moved := 0
	for _, c := range senders {
		c.mu.Lock()
		if c.synced > 1 {
			moved++
		}
		c.mu.Unlock()
	}
	if moved == 0 {
		t.Error("nobody had to move")
	}
	f.check(append(senders, watcher)...)
}

// TestRollingRestart replaces all nodes, one after the other, under load.
func TestRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	redis := redistest.StartTCP(t)
	f := startFleet(t, 3, redis.URL())
	senders := f.senders(f.people())
	stop := chatterAll(senders)
	for _, old := range slices.Clone(f.nodes) {
		more(t, senders, 10)
		f.add()
		f.remove(old)
		old.Signal(syscall.SIGTERM)
		if err := old.Wait(); err != nil {
			t.Errorf("a node ended with %v\n%s", err, old.Output())
		}
	}
	more(t, senders, 10)
	stop()
	f.check(senders...)
}

// tap passes connections on to addr, and keeps what comes back.
type tap struct {
	listener net.Listener
	heard    parleytest.Buffer
}

func startTap(t *testing.T, addr string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tap := &tap{listener: l}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				near.Close()
				continue
			}
			pass := func(to io.Writer, from net.Conn) {
				io.Copy(to, from)
				near.Close()
				far.Close()
			}
			passing.Go(func() { pass(far, near) })
			// Kept first: who is told by it may ask at once what was heard.
			passing.Go(func() { pass(io.MultiWriter(&tap.heard, near), far) })
		}
	})
	t.Cleanup(func() { // after the node that connects here has ended
		l.Close()
		passing.Wait()
	})
	return tap
}

// TestPrivateMessagesStayAway listens to all that Redis tells a node on which
// no member of a private room is.
func TestPrivateMessagesStayAway(t *testing.T) {
	t.Parallel()
	redis := redistest.StartTCP(t)
	tap := startTap(t, redis.Addr())
	f := startFleet(t, 2, redis.URL(), "--search=off") // with it, a node reads all there is
	third := f.addOn("redis://" + tap.listener.Addr().String())
	tokens := f.people()
	pablo, joe, mary := f.arrive(tokens[0], 0), f.arrive(tokens[1], 1), f.arrive(tokens[2], 2)
	var room chat.RoomView
	pablo.must("room.create", map[string]any{"name": "Secret", "kind": "private",
		"users": []chat.UserID{joe.me}}, &room)
	pablo.send(t.Context(), room.ID, "p1", "a-private-word")
	soon(t, "the member to hear", joe.heard(room.ID, "a-private-word"))
	joe.send(t.Context(), room.ID, "p2", "a-private-answer")
	soon(t, "the other member to hear", pablo.heard(room.ID, "a-private-answer"))
	pablo.send(t.Context(), chat.GeneralID, "g1", "a-public-word")
	soon(t, "everyone to hear", mary.heard(chat.GeneralID, "a-public-word"))
	if !strings.Contains(tap.heard.String(), "a-public-word") {
		t.Fatal("nothing is heard of what the third node is told")
	}
	if strings.Contains(tap.heard.String(), "a-private") {
		t.Error("the third node was told what is private")
	}
	numbers := func(room chat.RoomID) string {
		out, err := redis.Do("PUBSUB", "SHARDNUMSUB", "parley:{room:"+string(room)+"}:bell")
		if err != nil {
			t.Fatal(out, err)
		}
		return strings.Fields(out)[1]
	}
	if got, all := numbers(room.ID), numbers(chat.GeneralID); got != "2" || all != "3" {
		t.Errorf("%s nodes listen to the private room and %s to General, want 2 and 3", got, all)
	}

	// Once a member is there, it is told.
	guest := f.arrive(tokens[1], slices.Index(f.nodes, third))
	pablo.send(t.Context(), room.ID, "p3", "a-later-word")
	soon(t, "the member on the third node to hear", guest.heard(room.ID, "a-later-word"))
	if !strings.Contains(tap.heard.String(), "a-later-word") || numbers(room.ID) != "3" {
		t.Error("the third node heard of it in another way")
	}
}
