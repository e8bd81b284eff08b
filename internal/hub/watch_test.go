package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// byName encodes who came and who went.
type byName struct{ plain }

func (byName) Signal(s chat.Signal) Frame {
	if s.Online {
		return Bytes("+" + s.User + " ")
	}
	return Bytes("-" + s.User + " ")
}

// here says who is online, after it has called meanwhile.
type here struct {
	users     []chat.UserID
	err       error
	meanwhile func()
}

func (p *here) Online(_ context.Context, of []chat.UserID) (online []chat.UserID, err error) {
	if p.meanwhile != nil {
		p.meanwhile()
	}
	for _, u := range of {
		if slices.Contains(p.users, u) {
			online = append(online, u)
		}
	}
	return online, p.err
}
func (*here) OnlinePage(context.Context, chat.UserID, int) (chat.OnlineOutput, error) {
	return chat.OnlineOutput{}, nil
}
func (*here) Enter(context.Context, chat.UserID) {}
func (*here) Leave(context.Context, chat.UserID) {}

// watching is a hub whose news of presence is told when the test says so.
type watching struct {
	*Hub
	t *testing.T
	*here
}

func newWatching(t *testing.T) *watching {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what is gathered is told at once
	p := new(here)
	return &watching{&Hub{cfg: Config{Presence: p}, ctx: ctx, closed: true, watches: map[*Conn]*watch{},
		audiences: map[chat.UserID]*audience{}}, t, p}
}

func (h *watching) watch(c *Conn, users ...chat.UserID) {
	h.t.Helper()
	if err := h.Watch(h.t.Context(), c, users, func(online []chat.UserID) Frame {
		return Bytes(fmt.Sprint(online, " "))
	}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *watching) signal(online bool, users ...chat.UserID) {
	for _, u := range users {
		h.Signal(chat.Signal{Stream: chat.ServerStream, Kind: chat.Presence, User: u, Online: online})
	}
}

// told returns what a connection was sent, sorted: at one time, order says
// nothing.
func (h *watching) told(c *Conn) string {
	h.tellPresence(0)
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(takeAll(c)))), " ")
}

// TestWatch: a connection is told of those whom it watches, of each the newest,
// and of no one else.
func TestWatch(t *testing.T) {
	h := newWatching(t)
	h.here.users = []chat.UserID{"ada", "bob"}
	a, b, all := NewConn(byName{}, 1<<20, func() {}), NewConn(byName{}, 1<<20, func() {}),
		NewConn(byName{}, 1<<20, func() {})
	h.watch(a, "ada", "eve")
	h.watch(b, "bob")
	h.watch(all, Everyone)
	for c, want := range map[*Conn]string{a: "[ada] ", b: "[bob] ", all: "[] "} {
		if got := takeAll(c); got != want {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	h.signal(false, "ada", "bob", "zoe")
	h.signal(true, "ada")
	for c, want := range map[*Conn]string{a: "+ada", b: "-bob", all: "+ada -bob -zoe"} {
		if got := h.told(c); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}

	h.watch(a, "bob") // instead
	takeAll(a)
	h.signal(true, "ada", "bob", "eve")
	if got := h.told(a); got != "+bob" {
		t.Errorf("then told %q", got)
	}
	for _, c := range []*Conn{a, b, all} {
		h.watch(c)
	}
	h.signal(true, "bob")
	if len(h.watches)+len(h.audiences)+len(h.gathered) > 0 {
		t.Errorf("left are %d, %d, %d", len(h.watches), len(h.audiences), len(h.gathered))
	}
}

// TestWatchAnswer: what happens while presence is read comes after the answer,
// and a watch that failed tells nothing.
func TestWatchAnswer(t *testing.T) {
	h := newWatching(t)
	c := NewConn(byName{}, 1<<20, func() {})
	h.meanwhile = func() {
		h.signal(true, "ada")
		h.tellPresence(0)
	}
	h.watch(c, "ada")
	if got := takeAll(c); got != "[] +ada " {
		t.Errorf("sent %q", got)
	}
	h.here.err = errors.New("Redis is away")
	if err := h.Watch(t.Context(), c, []chat.UserID{"ada"}, nil); !errors.Is(err, h.here.err) {
		t.Error(err)
	}
	h.signal(false, "ada")
	if got := h.told(c); got != "" || len(h.audiences) > 0 {
		t.Errorf("after an error sent %q, %d watched", got, len(h.audiences))
	}
	c.Close(Finished)
	h.here.err = nil
	h.watch(c, "ada")
	if len(h.watches) > 0 {
		t.Error("a closed connection watches")
	}
}

// TestWatchManyPeople: news of many people, and one person with many who watch,
// cost no more for each.
func TestWatchManyPeople(t *testing.T) {
	h := newWatching(t)
	const people = 10_000 // at n² this would take very long
	conns := make([]*Conn, people)
	for i := range conns {
		conns[i] = NewConn(byName{}, 1<<20, func() {})
		h.watch(conns[i], "ada", chat.UserID(fmt.Sprint(i)))
	}
	for range 2 {
		for i := range people {
			h.signal(true, chat.UserID(fmt.Sprint(i)))
		}
	}
	if len(h.gathered) != people {
		t.Errorf("%d are told of", len(h.gathered))
	}
	h.tellPresence(0)
	for _, c := range conns {
		h.watch(c)
	}
	if len(h.audiences) > 0 {
		t.Error("somebody is still watched")
	}
}

// TestOnlinePages: pages of who is online follow each other, sorted.
func TestOnlinePages(t *testing.T) {
	p := NewLocalPresence(NewLocalBell())
	defer p.Close()
	var want []chat.UserID
	for i := range 25 {
		want = append(want, chat.UserID(fmt.Sprintf("u%02d", i)))
		p.Enter(t.Context(), want[i])
	}
	var got []chat.UserID
	for after := chat.UserID(""); ; {
		page, err := p.OnlinePage(t.Context(), after, 5)
		if err != nil || len(page.Online) > 5 {
			t.Fatal(page, err)
		}
		got = append(got, page.Online...)
		if after = page.Next; after == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages have %v", got)
	}
}
