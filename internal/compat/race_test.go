package compat_test

import (
	"context"
	"encoding/json"
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
	ada := f.person("Ada", "")
	res, got := ada.do("GET", socketPath, nil)
	var hello struct{ SID string }
	if res.StatusCode != 200 || json.Unmarshal([]byte(strings.TrimPrefix(got, "0")), &hello) != nil {
		t.Fatalf("opening: %s %s", res.Status, got)
	}
	p := &poller{c: ada, path: socketPath + "&sid=" + hello.SID}
	who := ada.who()
	out := func() {
		if _, err := f.LogOut(context.Background(), who, chat.None{}); err != nil {
			t.Error(err)
		}
	}
	store.then.Store(&out)
	p.send("40")
	// Refused, or closed by the hub, which may have heard of it meanwhile.
	if got := p.next(); !strings.HasPrefix(got, "44{") && got != "1" {
		t.Errorf("connecting is answered with %s", got)
	}
	eventually(t, "the connection to be forgotten", func() bool { return f.hub.Stats().Conns == 0 })
}
