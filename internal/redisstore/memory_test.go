package redisstore_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

func dataset(t testing.TB, s *redistest.Server) float64 {
	t.Helper()
	info, err := s.Do("INFO", "memory")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "used_memory_dataset:")
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkMemoryOf reports what one of each takes of Redis' memory. See
// BenchmarkMemory for messages.
func BenchmarkMemoryOf(b *testing.B) {
	// some is how many are made: just over half of a power of two, where Redis'
	// tables are emptiest.
	const some = 9000
	for _, thing := range []struct {
		name string
		make func(c *costly, n int)
	}{
		{"room", func(c *costly, n int) {
			for range n {
				c.commit(c.create(chat.RoomID(c.id())))
			}
		}},
		{"talking-room", func(c *costly, n int) { // with two members and one message
			for range n {
				id, user := c.room(2)
				c.commit(c.message(id, user))
			}
		}},
		{"member", func(c *costly, n int) {
			id := chat.RoomID(c.id())
			changes := []chat.Change{c.create(id)}
			for range n {
				changes = append(changes, c.join(id, chat.UserID(c.id())))
				if len(changes) == 500 {
					c.commit(changes...)
					changes = nil
				}
			}
			if len(changes) > 0 {
				c.commit(changes...)
			}
		}},
		{"membership", func(c *costly, n int) { // with the room on the person's list, each in 20 rooms
			var rooms []chat.RoomID
			for range 20 {
				id, _ := c.room(0)
				rooms = append(rooms, id)
			}
			for range n / len(rooms) {
				user := chat.UserID(c.id())
				for _, id := range rooms {
					c.commit(c.join(id, user))
					c.commit(c.list(id, user))
				}
			}
		}},
		{"mention", func(c *costly, n int) { c.annotate(n, nil) }},
		{"edited", func(c *costly, n int) { c.annotate(n, edited) }},
		{"pinned", func(c *costly, n int) { c.annotate(n, pinned) }},
		{"reaction", func(c *costly, n int) { c.annotate(n, reacted) }},
		{"deleted", func(c *costly, n int) { c.annotate(n, deleted) }},
		{"account", func(c *costly, n int) {
			for range n {
				c.commit(c.person())
			}
		}},
		{"session", func(c *costly, n int) { // one for each of so many people
			for range n {
				c.must(c.store.CreateSession(c.t.Context(), c.session(chat.UserID(c.id()))))
			}
		}},
		{"online", func(c *costly, n int) {
			p := redisstore.NewPresence(c.store, "node-1-01K8NODE000000000000000000",
				redisstore.PresenceOptions{Lease: time.Hour})
			users := make([]chat.UserID, n)
			for i := range users {
				users[i] = chat.UserID(c.id())
				p.Enter(c.t.Context(), users[i])
			}
			for {
				if all, err := p.Online(c.t.Context(), users); err != nil || len(all) >= n {
					c.must(err)
					break
				}
			}
			p.Close()
		}},
		{"limit", func(c *costly, n int) { // of somebody who has sent ten messages in the last ten seconds
			l := redisstore.NewLimiter(c.store)
			for range n {
				user := c.id()
				for range 10 {
					_, err := l.Take(c.t.Context(), "send:"+user, 1, chat.Rate{Limit: 50, Window: time.Hour})
					c.must(err)
				}
			}
		}},
	} {
		b.Run(thing.name, func(b *testing.B) {
			for b.Loop() {
				c := newCostly(b, redistest.Start(b))
				thing.make(c, 20)
				before := dataset(b, c.server)
				thing.make(c, some)
				b.ReportMetric((dataset(b, c.server)-before)/some, "bytes/"+thing.name)
			}
		})
	}
	b.Run("person-who-reads", func(b *testing.B) { // whose stream is as long as it gets
		for b.Loop() {
			c := newCostly(b, redistest.Start(b))
			const people, reads = 20, 1500
			id, _ := c.room(2)
			var users []chat.UserID
			for range people {
				user := chat.UserID(c.id())
				c.commit(c.join(id, user))
				users = append(users, user)
			}
			before := dataset(b, c.server)
			for _, user := range users {
				for no := range int64(reads) {
					c.commit(chat.Change{Stream: chat.UserStream(user), ID: c.id(),
						At: time.Now(), By: user,
						Op: chat.MoveRead{Read: chat.Read{Room: id, No: 1000 + no}}})
				}
			}
			b.ReportMetric((dataset(b, c.server)-before)/people, "bytes/person")
		}
	})
	b.Run("message", func(b *testing.B) { // and what of it is left when the send is forgotten
		for b.Loop() {
			s, send := sender(b, 10, redisstore.Options{})
			before := dataset(b, s)
			const messages = 100_000
			for n := range int64(messages) {
				if err := send(n); err != nil {
					b.Fatal(err)
				}
			}
			keys, err := s.Do("KEYS", "*:sends:*")
			if err != nil {
				b.Fatal(err)
			}
			full := dataset(b, s)
			if out, err := s.Do(append([]string{"DEL"}, strings.Fields(keys)...)...); err != nil {
				b.Fatal(out, err)
			}
			b.ReportMetric((full-before)/messages, "bytes/message")
			b.ReportMetric((dataset(b, s)-before)/messages, "bytes/old-message")
		}
	})
}

// annotate sends messages of 100 bytes to one room, each of which is then
// changed, or, without an operation, mentions someone.
func (c *costly) annotate(n int, op func(no int64, user chat.UserID) chat.Operation) {
	room, user := c.room(2)
	for i := range int64(n) {
		if op == nil {
			c.commit(c.message(room, user, func(op *chat.CreateMessage) {
				op.Mentions = []chat.UserID{chat.UserID(c.id())}
			}))
			continue
		}
		c.commit(c.message(room, user))
		c.commit(chat.Change{Stream: chat.RoomStream(room), ID: c.id(), At: time.Now(), By: user,
			Op: op(i+1, user)})
	}
}

func edited(no int64, _ chat.UserID) chat.Operation {
	return chat.EditMessage{No: no, Text: text100[10:] + "new words "}
}

func pinned(no int64, _ chat.UserID) chat.Operation { return chat.PinMessage{No: no} }

func deleted(no int64, _ chat.UserID) chat.Operation { return chat.DeleteMessage{No: no} }

func reacted(no int64, user chat.UserID) chat.Operation {
	return chat.AddReaction{Reaction: chat.Reaction{No: no, Emoji: "👍", User: user}}
}
