package main

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/internal/server"
	"github.com/parley-chat/parley/kit/redistest"
)

// serveByClock serves in this process, by a clock that is off by what off says,
// until the test has ended. It returns where.
func serveByClock(t *testing.T, w storeFlags, off func() time.Duration) (url string) {
	t.Helper()
	w.RedisPrefix = "parley"
	s := serve{
		storeFlags: w, SignUp: "open", SessionIdle: 24 * time.Hour, SessionMax: 48 * time.Hour,
		MaxMessage: 1 << 10, MaxRooms: 100, MaxSends: -1, MaxCalls: -1, MaxLogins: -1,
		MaxSockets: 100, MaxUserSockets: 50, MaxSocketFrames: -1,
		// a connection that a client opened and has not used yet takes 5 s
		LogLevel: "error", Drain: 30 * time.Second,
	}
	a := &app{log: s.logger(io.Discard), drain: s.Drain, failed: make(chan error, 2)}
	var err error
	a.core, err = server.OpenCore(t.Context(),
		server.CoreConfig{Store: s.storeFlags.config(), SignUp: s.signUp(), SessionIdle: s.SessionIdle,
			SessionMax: s.SessionMax, Limits: s.limits(), Log: a.log})
	if err != nil {
		t.Fatal(err)
	}
	a.core.Service.Now = func() time.Time { return time.Now().Add(off()) }
	if err := a.core.Service.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.serve(s, nil, nil, nil, prometheus.NewRegistry(), listener, nil)
	t.Cleanup(func() {
		stopped, stop := context.WithCancel(context.Background())
		stop()
		if err := a.wait(stopped); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// addWrong starts a node in this process, whose clock is wrong by so much.
func (f *fleet) addWrong(by time.Duration) {
	f.t.Helper()
	url := serveByClock(f.t, storeFlags{Store: f.store}, func() time.Duration { return by })
	p := &process{parleytest.At(f.t, url), f.t}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = append(f.nodes, p)
}

// TestWrongClocks has two nodes whose clocks are an hour off beside one whose
// clock is right.
func TestWrongClocks(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a lease to end")
	}
	t.Parallel()
	redis := redistest.StartTCP(t)
	f := startFleet(t, 1, redis.URL())
	f.addWrong(time.Hour)
	f.addWrong(-time.Hour)
	tokens := f.people() // each logged in at another node
	senders := f.senders(tokens)
	begin := time.Now()
	stop := chatterAll(senders)
	more(t, senders, 20)
	stop()
	f.check(senders...)

	// The same send, first through one node and then through each other.
	for first := range f.nodes {
		id := "again-" + string(rune('a'+first))
		var got []chat.Message
		for i := range f.nodes {
			var m chat.Message
			p := f.node(first + i)
			if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", tokens[0],
				map[string]string{"text": id, "client_id": id}, &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		for _, m := range got {
			if m.ID != got[0].ID || m.No != got[0].No {
				t.Errorf("the send through node %d is at %d, and through another at %d", first,
					got[0].No, m.No)
			}
		}
	}

	// Nobody is taken for gone, nor stays for ever: a lease is over, by the
	// right clock.
	want := []chat.UserID{senders[0].me, senders[1].me, senders[2].me}
	senders[0].watch(want...)
	senders[1].watch(want...)
	slices.Sort(want)
	for time.Since(begin) < 11*time.Second {
		for i, p := range f.nodes {
			var now struct {
				Online []chat.UserID `json:"online"`
			}
			if _, err := call(t.Context(), p.URL, "GET", "/presence", tokens[0], nil, &now); err != nil {
				t.Fatal(err)
			}
			slices.Sort(now.Online)
			if !slices.Equal(now.Online, want) {
				t.Fatalf("at node %d %v are online, want %v", i, now.Online, want)
			}
		}
		time.Sleep(200 * time.Millisecond) // between two looks
	}
	for i, c := range senders {
		if i%3 == 2 {
			c.leave()
		}
	}
	gone := chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: senders[2].me}
	soon(t, "the others to see who goes",
		func() bool { return senders[0].signalled(gone)() && senders[1].signalled(gone)() })
	senders[0].mu.Lock()
	defer senders[0].mu.Unlock()
	for _, s := range senders[0].signals {
		if s.Kind == chat.Presence && !s.Online && s != gone {
			t.Errorf("%s was said to have gone", s.User)
		}
	}
}
