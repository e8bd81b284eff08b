package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/live/livetest"
	"github.com/parley-chat/parley/internal/websocket/wstest"
	"github.com/parley-chat/parley/internal/wire"
)

// prompt is a presence without a grace: whoever leaves is gone.
type prompt struct {
	mu   sync.Mutex
	here []chat.UserID
	all  []chat.UserID // who was ever here
}

func (p *prompt) Enter(_ context.Context, user chat.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.here, p.all = append(p.here, user), append(p.all, user)
}

func (p *prompt) Leave(_ context.Context, user chat.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.here = slices.DeleteFunc(p.here, func(u chat.UserID) bool { return u == user })
}

func (p *prompt) Online(_ context.Context, users []chat.UserID) (online []chat.UserID, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		if slices.Contains(p.here, u) {
			online = append(online, u)
		}
	}
	return online, nil
}

func (p *prompt) OnlinePage(context.Context, chat.UserID, int) (chat.OnlineOutput, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return chat.OnlineOutput{Online: slices.Clone(p.here)}, nil
}

func (p *prompt) with(c *livetest.Config) { c.Hub.Presence, c.Chat.Presence = p, p }

// online waits until a person is online, or is not.
func (p *prompt) online(t *testing.T, what string, user chat.UserID, want bool) {
	t.Helper()
	wstest.Eventually(t, what, func() bool {
		online, _ := p.Online(t.Context(), []chat.UserID{user})
		return len(online) > 0 == want
	})
}

// TestHiddenPeopleAreNowhereOnline: not while connected, not when they connect,
// and again as soon as they show themselves.
func TestHiddenPeopleAreNowhereOnline(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		p, left := new(prompt), make(chan chat.UserID, 10)
		f := newFixture(t, func(c *livetest.Config) {
			p.with(c)
			c.Hub.Left = func(u chat.UserID) { left <- u }
		})
		token, mary := f.person("Mary", chat.RoleMember)
		hide := func(hide bool) {
			t.Helper()
			if _, err := f.UpdateAccount(t.Context(), mary,
				chat.UpdateAccountInput{HidesPresence: &hide}); err != nil {
				t.Fatal(err)
			}
		}
		first := f.synced(over, token)
		p.online(t, "to be online", mary.User.ID, true)
		hide(true)
		p.online(t, "to hide", mary.User.ID, false)
		second := f.synced(over, token)
		first.close()
		f.wantLife(over, second, "Mary")
		second.close()
		wstest.Eventually(t, "both to be gone", func() bool { return f.Hub.Stats().Conns == 0 })
		third := f.synced(over, token)
		if len(p.all) != 1 || len(left) != 1 {
			t.Errorf("was online %d times, and left %d, while hidden", len(p.all)-1, len(left)-1)
		}
		hide(false)
		p.online(t, "to show", mary.User.ID, true)
		third.close()
		p.online(t, "to leave", mary.User.ID, false)
	})
}

// TestHidingWhileLoggingIn hides after each look-up of the session: the hub,
// which may not know of the connection yet, does not show the person.
func TestHidingWhileLoggingIn(t *testing.T) {
	for _, hide := range []bool{true, false} {
		for nth := range int64(3) {
			p := new(prompt)
			f := newFixture(t, p.with)
			token, mary := f.person("Mary", chat.RoleMember)
			before := !hide
			_, err := f.UpdateAccount(t.Context(), mary, chat.UpdateAccountInput{HidesPresence: &before})
			if err != nil {
				t.Fatal(err)
			}
			var n atomic.Int64
			change := func() {
				if n.Add(1) == nth+1 {
					if _, err := f.UpdateAccount(context.Background(), mary,
						chat.UpdateAccountInput{HidesPresence: &hide}); err != nil {
						t.Error(err)
					}
				}
			}
			f.LookedUp.Store(&change)
			c := f.dial(transports[0], token)
			f.wantLife(transports[0], c, "Mary")
			f.LookedUp.Store(nil)
			if n.Load() > nth {
				p.online(t, fmt.Sprintf("hide %t, after look-up %d", hide, nth+1), mary.User.ID, !hide)
			}
			c.close()
		}
	}
}

// TestEmojiAreSignaledToEveryone, guests too, and sync says their revision.
func TestEmojiAreSignaledToEveryone(t *testing.T) {
	each(t, native, func(t *testing.T, over transport) {
		f := newFixture(t, nil)
		if _, err := f.Store.PutRecord(t.Context(), "server", "emoji", 0, []byte("[]")); err != nil {
			t.Fatal(err)
		}
		guest := f.dial(over, f.Person("Gast", chat.RoleGuest))
		if state := decode[wire.State](t, must(t, guest, "sync", map[string]any{})); state.Emoji != 1 {
			t.Errorf("revision %d, want 1", state.Emoji)
		}
		member := f.synced(over, f.Member("Pablo"))
		f.Bell.Signal(t.Context(),
			chat.Signal{Stream: chat.ServerStream, Kind: chat.EmojiChanged, Version: 2})
		for _, c := range []client{guest, member} {
			until(t, c, "signal", func(b json.RawMessage) bool {
				s := decode[chat.Signal](t, b)
				return s.Kind == chat.EmojiChanged && s.Version == 2
			})
		}
	})
}
