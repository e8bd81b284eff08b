package session

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// The master behind Sentinels is lost: until it is replaced every call says
// that Redis gave no answer, and does nothing. With the new master everything
// is as it was left, what was destroyed stays so, and revocations are heard
// again.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	set := redistest.StartSentinel(t)
	m := newManager(t, set.Client(t), Options[login]{Timeout: 100 * time.Millisecond})
	ada, gone, bob := mustCreate(t, m, "ada", login{Views: 7}), mustCreate(t, m, "ada", login{}),
		mustCreate(t, m, "bob", login{})
	wantNoError(t, gone.Destroy(t.Context()))
	w := watch(t, m, time.Hour, ada.ID(), bob.ID())
	w.until(t, "the first look", func() bool { return w.looks > 0 })

	read := mustLoad(t, m, ada.Token())
	replace := set.Lose(t)
	for name, call := range calls(m, read) {
		wantAway(t, name, call(t.Context()))
	}
	if w := serve(m, ada.Token(), unreachable(t)); w.Code != http.StatusServiceUnavailable ||
		w.Header().Get("Set-Cookie") != "" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	w.until(t, "the loss is told", func() bool { return len(w.failed) > 0 })

	replace()
	m = newManager(t, m.client, Options[login]{}) // with time to answer
	got, err := m.Load(t.Context(), ada.Token())
	for deadline := time.Now().Add(20 * time.Second); err != nil; got,
		err = m.Load(t.Context(), ada.Token()) {
		wantAway(t, "load until the new master is found", err)
		if time.Now().After(deadline) {
			t.Fatalf("the new master was not found: %v", err)
		}
	}
	if got.Data.Views != 7 || got.User() != "ada" || got.ID() != ada.ID() {
		t.Errorf("read back: %+v of %s", got.Data, got.User())
	}
	if found := ids(t, m, "ada"); !slices.Equal(found, []string{ada.ID()}) {
		t.Errorf("listed %v, want %v", found, ada.ID())
	}
	_, err = m.Load(t.Context(), gone.Token())
	wantError(t, err, ErrNotFound)
	got.Data.Views++
	wantNoError(t, got.Save(t.Context()))
	if again := mustLoad(t, m, ada.Token()); again.Data.Views != 8 {
		t.Errorf("saved 8 views, read %d", again.Data.Views)
	}

	w.until(t, "it listens to the new master", func() bool { return w.looks > 1 })
	wantNoError(t, m.Revoke(t.Context(), "bob", bob.ID()))
	w.until(t, "a revocation on the new master",
		func() bool { return slices.Equal(w.revoked, []string{bob.ID()}) })
}
