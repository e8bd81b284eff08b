package hub_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
)

// TestStreamsAreTheLog runs people who come and go, join, leave and send at the
// same time, over a bell that drops, doubles and reorders. Each connection's
// stream is the log over its membership: in order, without gap or double. In
// the end everyone is where the store is.
func TestStreamsAreTheLog(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { streamsAreTheLog(t, seed) })
	}
}

func streamsAreTheLog(t *testing.T, seed uint64) {
	f := newFixture(t, seed, nil)
	rooms := []chat.RoomID{"a", "b", "c"}
	users := []chat.UserID{"u0", "u1", "u2", "u3"}
	f.create("a", users...)
	f.create("b", users[:2]...)
	f.create("c")
	var wg sync.WaitGroup
	var ended atomic.Bool
	var changers, began sync.WaitGroup
	began.Add(2 * len(users))
	for i := range 3 {
		changers.Go(func() {
			began.Wait()
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range 250 {
				room, user := rooms[rng.IntN(3)], users[rng.IntN(4)]
				switch k := rng.IntN(10); {
				case k == 0:
					f.enter(room, user)
				case k == 1:
					f.exit(room, user)
				case k == 2:
					f.addUser(chat.UserID(fmt.Sprintf("new-%d-%d", i, n)))
				default:
					f.send(room, "bot", "text")
				}
			}
		})
	}
	var survivors sync.Map
	for i, u := range users {
		for k := range 2 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(100+10*i+k)))
				var held map[chat.Stream]chat.Position
				for n := 0; ; n++ {
					c := f.connect(u, chat.SessionID(fmt.Sprint(u, k)))
					if err := c.sync(held); err != nil {
						t.Error(err)
					}
					if n == 0 {
						began.Done()
					}
					if ended.Load() {
						survivors.Store(c, true)
						return
					}
					for range rng.IntN(2000) {
						c.position("server") // some time, without a clock
					}
					if rng.IntN(3) == 0 { // again on the same connection
						if err := c.sync(nil); err != nil {
							t.Error(err)
						}
					}
					c.close()
					c.noFaults()
					held = c.positions()
					if rng.IntN(4) == 0 {
						held = nil
					}
				}
			})
		}
	}
	changers.Wait()
	ended.Store(true)
	wg.Wait()
	survivors.Range(func(k, _ any) bool {
		c := k.(*client)
		c.reaches(chat.UserStream(c.me))
		c.reaches(chat.ServerStream)
		views, err := f.model.Views(t.Context(), c.me)
		if err != nil {
			t.Error(err)
			return false
		}
		for _, v := range views {
			c.reaches(chat.RoomStream(v.ID))
		}
		c.noFaults()
		if c.closed() != hub.Open {
			t.Errorf("%s was closed: %d", c.me, c.closed())
		}
		c.close()
		return true
	})
	s := f.Stats()
	if s.Conns != 0 || s.Delivered == 0 || s.Repairs == 0 {
		t.Errorf("in the end: %+v", s)
	}
}

// TestJoinsOvertake has people leave and join so fast that the news of joining
// overtake those of having left: nobody ends up attached twice, or not at all.
func TestJoinsOvertake(t *testing.T) {
	for seed := range uint64(4) {
		f := newFixture(t, seed, nil)
		f.create("a")
		var clients []*client
		for i := range 3 {
			c := f.connect("u", chat.SessionID(fmt.Sprint("s", i)))
			c.mustSync(nil)
			clients = append(clients, c)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 400 {
				f.send("a", "bot", "text")
			}
		})
		wg.Go(func() {
			for range 60 {
				f.enter("a", "u")
				f.exit("a", "u")
			}
			f.enter("a", "u")
		})
		wg.Wait()
		f.send("a", "bot", "the last")
		for _, c := range clients {
			c.reaches("user:u")
			c.reaches("room:a")
			c.noFaults()
			c.close()
		}
	}
}

// TestLostLastRing: nothing rings after it, so the look at the heads has to
// find it.
func TestLostLastRing(t *testing.T) {
	f := newFixture(t, 1, nil)
	f.create("a", "u")
	c := f.connect("u", "s")
	c.mustSync(nil)
	f.bell.set(true, false)
	f.send("a", "bot", "unheard")
	c.reaches("room:a")
	c.noFaults()
	c.close()
}

// TestDeaf: a bell that says it may have missed something is believed at once.
func TestDeaf(t *testing.T) {
	f := newFixture(t, 1, func(c *hub.Config) { c.Check = -1 })
	f.create("a", "u")
	c := f.connect("u", "s")
	c.mustSync(nil)
	f.bell.set(true, false)
	f.send("a", "bot", "unheard")
	f.Gap("room:a")
	c.reaches("room:a")
	c.noFaults()
	c.close()
}
