package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
)

// queued is a store that writes messages only once there are ten, in the order
// in which they came.
type queued struct {
	chat.Store
	mu    sync.Mutex
	turns []chan struct{} // closed when it is that message's turn
}

func (s *queued) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	place := changes[0].OnQueued
	if place == nil {
		return s.Store.Commit(ctx, changes...)
	}
	changes[0].OnQueued = nil
	mine := make(chan struct{})
	s.mu.Lock()
	s.turns = append(s.turns, mine)
	n := len(s.turns)
	if n == 10 {
		close(s.turns[0])
	}
	s.mu.Unlock()
	place()
	select {
	case <-mine:
	case <-ctx.Done():
		return nil, chat.ErrUnavailable
	}
	r, err := s.Store.Commit(ctx, changes...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < len(s.turns) {
		close(s.turns[n])
	}
	return r, err
}

// TestSends hands ten messages of one connection to the store before the first
// of them is durable: they are stored in order, a refused one holds up nobody,
// and a call that comes after them sees them.
func TestSends(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		var store queued
		f := newFixture(t, func(c *livetest.Config) {
			store.Store = c.Chat.Store
			c.Chat.Store = &store
		})
		token := f.Member("Ada")
		ada := f.Who(token)
		room, err := f.CreateRoom(t.Context(), ada, chat.CreateRoomInput{Name: "Quick", Kind: chat.Private})
		if err != nil {
			t.Fatal(err)
		}
		c := f.dial(over, token)
		for i := range 11 {
			in := map[string]any{"room": room.ID, "text": fmt.Sprint("message ", i)}
			if i == 5 {
				in["text"] = strings.Repeat("x", 20_000)
			}
			c.send("message.send", in)
		}
		c.send("message.list", map[string]any{"room": room.ID})
		refused := 0
		for range 11 {
			switch _, code := answer(t, c, "message.send"); code {
			case "":
			case chat.CodeTooLarge:
				refused++
			default:
				t.Errorf("refused: %s", code)
			}
		}
		if refused != 1 {
			t.Errorf("%d refused", refused)
		}
		body, _ := answer(t, c, "message.list")
		var list struct{ Messages []chat.Message }
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for i := range 11 {
			if i != 5 {
				want = append(want, fmt.Sprint("message ", i))
			}
		}
		for _, m := range list.Messages {
			got = append(got, m.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("stored %q", got)
		}
	})
}
