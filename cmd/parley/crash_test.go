package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/server"
)

// crashes is how often the server is killed.
const crashes = 20

// TestCrash kills the real server in the middle of concurrent sends, again and
// again, and looks for every acknowledged message: exactly once, in the order
// of its sender, without a hole in the numbers.
func TestCrash(t *testing.T) {
	data := t.TempDir()
	var log sender
	for round := range crashes {
		p := launch(t, data, "--demo", "--max-sends=-1", "--max-calls=-1", "--max-logins=-1",
			"--log-level=error")
		token := p.logIn("Pablo")
		if round > 0 {
			log.retryUnanswered(t, p.URL, token)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		before := log.acked.Load()
		for range 16 {
			wg.Go(func() { log.run(ctx, p.URL, token) })
		}
		// Kill it after a number of acknowledgements, so that it is always in
		// the middle of something.
		for target := before + 20 + rand.Int64N(200); log.acked.Load() < target; {
			time.Sleep(time.Millisecond) // paces the look at a counter; nothing is asserted about time
		}
		p.Kill()
		cancel()
		wg.Wait()
		log.check(t, data, round)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d messages acknowledged", crashes, log.acked.Load())
}

// sender remembers what it sent and what was acknowledged.
type sender struct {
	next  atomic.Int64
	acked atomic.Int64

	mu         sync.Mutex
	places     map[string]int64 // client id to the number that was acknowledged
	unanswered map[string]bool
}

func (s *sender) run(ctx context.Context, url, token string) {
	for ctx.Err() == nil {
		id := fmt.Sprintf("c%d", s.next.Add(1))
		s.mu.Lock()
		if s.places == nil {
			s.places, s.unanswered = map[string]int64{}, map[string]bool{}
		}
		s.unanswered[id] = true
		s.mu.Unlock()
		if s.send(ctx, url, token, id) != nil {
			return
		}
	}
}

func (s *sender) send(ctx context.Context, url, token, id string) error {
	var m chat.Message
	_, err := call(ctx, url, "POST", "/rooms/general/messages", token,
		map[string]string{"text": "message " + id, "client_id": id}, &m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unanswered, id)
	s.places[id] = m.No
	s.acked.Add(1)
	return nil
}

// retryUnanswered does what a client does after a restart: it sends again, with
// the same client ids, what was not answered, whether or not it had been
// stored.
func (s *sender) retryUnanswered(t *testing.T, url, token string) {
	s.mu.Lock()
	var ids []string
	for id := range s.unanswered {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		if err := s.send(t.Context(), url, token, id); err != nil {
			t.Fatal(err)
		}
	}
}

// check opens the data as the killed server left it and compares it with what
// was acknowledged.
func (s *sender) check(t *testing.T, data string, round int) {
	t.Helper()
	c, err := server.OpenCore(t.Context(), server.CoreConfig{Store: server.StoreConfig{Data: data}})
	if err != nil {
		t.Fatalf("after kill %d: %v", round, err)
	}
	defer c.Close()
	seen := map[string]int64{}
	for last := int64(0); ; {
		page, err := c.Service.Store.Messages(t.Context(), chat.GeneralID,
			chat.Page{From: chat.After, No: last, Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			if m.No != last+1 {
				t.Fatalf("after kill %d: message %d follows message %d", round, m.No, last)
			}
			last = m.No
			if other := seen[m.ClientID]; other != 0 && m.ClientID[0] == 'c' {
				t.Errorf("after kill %d: %s is there twice, as %d and %d", round, m.ClientID, other, m.No)
			}
			seen[m.ClientID] = m.No
		}
	}
	for id, no := range s.places {
		if seen[id] != no {
			t.Errorf("after kill %d: %s was acknowledged as %d and is at %d", round, id, no, seen[id])
		}
	}
	heads, err := c.Service.Store.Heads(t.Context(), chat.RoomStream(chat.GeneralID))
	if err != nil {
		t.Fatal(err)
	}
	from := chat.Position{Epoch: heads[0].Epoch, Seq: max(0, heads[0].Seq-chat.Window)}
	for {
		events, err := c.Service.Store.Events(t.Context(), chat.RoomStream(chat.GeneralID), from, 200)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for i := range events {
			if !events[i].Follows(from) {
				t.Fatalf("after kill %d: event %+v does not follow %+v", round, events[i], from)
			}
			from = events[i].Position()
		}
	}
	if from.Seq != heads[0].Seq {
		t.Errorf("after kill %d: events end at %d, the head is %d", round, from.Seq, heads[0].Seq)
	}
}
