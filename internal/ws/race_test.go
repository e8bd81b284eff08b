package ws_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// between is a store with which something happens right after a session was
// looked up.
type between struct {
	chat.Store
	then atomic.Pointer[func()]
}

func (s *between) Session(ctx context.Context, hash string) (chat.Session, chat.Account, error) {
	session, account, err := s.Store.Session(ctx, hash)
	if then := s.then.Swap(nil); then != nil {
		(*then)()
	}
	return session, account, err
}

// TestSessionEndsMeanwhile ends a session after it was looked up and before the
// hub knows of the socket, which therefore does not hear of it: the socket is
// not let in all the same.
func TestSessionEndsMeanwhile(t *testing.T) {
	store := &between{}
	f := newFixture(t, func(s *settings) { store.Store, s.chat.Store = s.chat.Store, store })
	end := func(token string) {
		who := f.who(token)
		out := func() {
			if _, err := f.LogOut(context.Background(), who, chat.None{}); err != nil {
				t.Error(err)
			}
		}
		store.then.Store(&out)
	}
	pablo, mary := f.person("Pablo"), f.person("Mary")
	end(pablo)
	res, conn, _ := f.upgrade("/api/v1/ws", bearer(pablo))
	if conn.Close(); res.StatusCode != 401 {
		t.Errorf("an upgrade: %s", res.Status)
	}
	c := f.dial("")
	end(mary)
	c.send("authenticate", map[string]any{"token": mary})
	c.closes("authenticate", 4001)
	eventually(t, "both connections to be forgotten", func() bool { return f.hub.Stats().Conns == 0 })
}
