package siochat_test

import (
	"context"
	"strings"
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
	c := f.open(bearer(pablo)) // which looks it up too
	end(pablo)
	c.write("40") // refused, or closed by the hub, which may have heard of it meanwhile
	if got, err := c.read(); err == nil && strings.HasPrefix(got, "40") {
		t.Errorf("connecting is answered with %s", got)
	}
	c = f.dial("")
	end(mary)
	c.write(`421["authenticate",{"token":"` + mary + `"}]`)
	c.closes("authenticate", 4001, true)
	eventually(t, "both connections to be forgotten", func() bool { return f.hub.Stats().Conns == 0 })
}
