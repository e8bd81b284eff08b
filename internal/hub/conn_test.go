package hub

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// plain encodes everything as nothing much.
type plain struct{}

func (plain) Event(*chat.Event) Frame                      { return Bytes("event") }
func (plain) Signal(chat.Signal) Frame                     { return Bytes("signal") }
func (plain) Resumed(chat.Stream, chat.Position) Frame     { return Bytes("resumed") }
func (plain) Resync(chat.Stream, chat.Position) Frame      { return Bytes("resync") }
func (plain) Goodbye(reason string, _ time.Duration) Frame { return Bytes("goodbye") }

func newConn(limit int) *Conn { return NewConn(plain{}, limit, func() {}) }

func takeAll(c *Conn) string {
	b, _ := c.Next(nil, 1<<30)
	return string(b)
}

// TestForget: after a sync that failed, what was kept back is not sent and
// takes no room in the queue; what comes then is sent again at once.
func TestForget(t *testing.T) {
	p := &userConns{}
	c := newConn(100)
	c.setOwner(p)
	c.beginSync()
	c.push(Bytes("kept back"), news)
	c.push(Bytes("an answer"), reply)
	c.abortSync()
	c.push(Bytes(", then news"), news)
	if got := takeAll(c); got != "an answer, then news" {
		t.Errorf("sent %q", got)
	}
	c.beginSync()
	c.finishSync(Bytes("synced"))
	if got := takeAll(c); got != "synced" {
		t.Errorf("a later sync sends %q", got)
	}
	takeAll(c)
	if c.bytes != 0 || p.waiting.Load() != 0 || c.holding {
		t.Errorf("%d bytes are counted, %d of the person, hold %v", c.bytes, p.waiting.Load(), c.holding)
	}
}

// TestPersonIsBounded: what waits for one person is bounded over all their
// connections, also while it is being written.
func TestPersonIsBounded(t *testing.T) {
	p := &userConns{}
	var conns []*Conn
	large := make(Bytes, 1<<20)
	open := 0
	for range 2 * maxPerson / len(large) {
		c := newConn(1 << 20)
		c.setOwner(p)
		c.Send(large)
		if c.Closed() == Open {
			open++
			takeAll(c) // it may not be written yet
		}
		conns = append(conns, c)
	}
	if open != maxPerson/len(large) {
		t.Errorf("%d MB wait for one person", open)
	}
	for _, c := range conns {
		takeAll(c) // it was
		c.setOwner(nil)
	}
	if n := p.waiting.Load(); n != 0 {
		t.Errorf("then %d bytes are counted", n)
	}
}

// TestAnswerAfterTheEnd: the answer to a call that ends its own session is
// sent, and nothing else is, before the owner hears of the end.
func TestAnswerAfterTheEnd(t *testing.T) {
	c := newConn(100)
	c.Send(Bytes("news"))
	c.Ending()
	c.Close(Revoked)
	c.Send(Bytes("more news"))
	if b, why := c.Next(nil, 100); len(b) > 0 || why != Open {
		t.Errorf("before the answer: %q, %v", b, why)
	}
	if c.Closed() != Revoked {
		t.Error("calls would still be taken")
	}
	c.Ended(Bytes("{}"))
	if got := takeAll(c); got != "{}" {
		t.Errorf("sent %q", got)
	}
	if _, why := c.Next(nil, 100); why != Revoked {
		t.Errorf("then %v", why)
	}
}

// TestTypingIsCoalesced: somebody's typing is told to a room once in a while,
// and at once again after they have sent.
func TestTypingIsCoalesced(t *testing.T) {
	now := time.Unix(1000, 0)
	h := &Hub{cfg: Config{Now: func() time.Time { return now }}, topics: map[chat.Stream]*topic{}}
	room := chat.RoomStream("a")
	tp := &topic{stream: room, open: true}
	h.topics[room] = tp
	c := newConn(1 << 20)
	tp.conns = []*Conn{c}
	types := func(user chat.UserID) string {
		h.Signal(chat.Signal{Stream: room, Kind: chat.Typing, User: user})
		return takeAll(c)
	}
	for range 600 {
		types("ada")
		now = now.Add(10 * time.Second / 600)
	}
	told := 0
	for range 600 {
		if types("ada") != "" {
			told++
		}
		now = now.Add(10 * time.Second / 600)
	}
	if told < 4 || told > 6 {
		t.Errorf("told %d times in 10 s", told)
	}
	if types("bob") == "" {
		t.Error("another person's typing is not told")
	}
	h.deliver(tp, &chat.Event{Stream: room, Kind: chat.MessageCreated, Message: &chat.Message{From: "bob"}})
	takeAll(c)
	if types("bob") == "" {
		t.Error("typing right after a message is not told")
	}
}

// TestSpawnAfterClose: a hub that is closed starts no worker.
func TestSpawnAfterClose(t *testing.T) {
	h := &Hub{cfg: Config{Logger: slog.New(slog.DiscardHandler)}}
	h.ctx, h.cancel = context.WithCancel(t.Context())
	h.Close()
	h.spawn(func() { t.Error("it runs") })
	h.workers.Wait()
}
