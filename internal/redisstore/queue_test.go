package redisstore_test

import (
	"errors"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestTogether: of messages that go in one script each is judged as if it went
// alone.
func TestTogether(t *testing.T) {
	s := redistest.Start(t)
	c := newCostly(t, s)
	const room, pablo, joe, nobody = chat.RoomID("01K8ROOM000000000000000000"),
		chat.UserID("pablo"), chat.UserID("joe"), chat.UserID("nobody")
	c.commit(c.create(room), c.join(room, pablo), c.join(room, joe))
	send := func(from chat.UserID, client string) chat.Change {
		return c.message(room, from, func(op *chat.CreateMessage) { op.ClientID = client })
	}
	before := c.commit(send(pablo, "before"))[0]
	alone := s.Commands()

	batch := []chat.Change{
		send(pablo, "one"), send(nobody, "one"), send(joe, "one"), send(pablo, "one"),
		send(pablo, "before"), send(joe, ""), send(joe, ""),
	}
	for _, round := range []struct {
		no  [7]int64 // 0 where it is refused
		new [7]bool
	}{
		{[7]int64{2, 0, 3, 2, 1, 4, 5}, [7]bool{0: true, 2: true, 5: true, 6: true}},
		// whoever tries again with an id finds what they sent
		{[7]int64{2, 0, 3, 2, 1, 6, 7}, [7]bool{5: true, 6: true}},
	} {
		for i := range batch {
			batch[i].ID = c.id()
		}
		results, errs, err := c.store.Together(t.Context(), room, batch...)
		c.must(err)
		for i, r := range results {
			if round.no[i] == 0 {
				if !errors.Is(errs[i], chat.ErrNotFound) {
					t.Errorf("message %d: %v, want that it is refused", i, errs[i])
				}
				continue
			}
			if errs[i] != nil || r.Event.Message.No != round.no[i] || r.Duplicate == round.new[i] ||
				round.new[i] != (r.Event.ID == batch[i].ID) {
				t.Errorf("message %d: %+v, %v, want number %d, new: %v", i, r, errs[i], round.no[i],
					round.new[i])
			}
		}
		if results[3].Event.ID != results[0].Event.ID || results[4].Event.ID != before.Event.ID {
			t.Errorf("%s and %s are repeats of %s and %s", results[3].Event.ID, results[4].Event.ID,
				results[0].Event.ID, before.Event.ID)
		}
	}
	for user, read := range map[chat.UserID]int64{pablo: 2, joe: 7} {
		if v, err := c.store.View(t.Context(), room, user); err != nil || v.ReadNo != read {
			t.Errorf("%s has read up to %d, %v, want %d", user, v.ReadNo, err, read)
		}
	}
	if n := s.Commands()["hget"] - alone["hget"]; n > 12 {
		t.Errorf("%d look-ups one by one for two scripts", n)
	}
}
