package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// watched runs Watch and remembers what it was told.
type watched struct {
	mu      sync.Mutex
	open    []string
	revoked []string
	looks   int
	failed  []error
}

func watch(t *testing.T, m *Manager[login], every time.Duration, open ...string) *watched {
	t.Helper()
	w := &watched{open: open}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.Watch(ctx, WatchOptions{
			Open: func() []string {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.looks++
				return slices.Clone(w.open)
			},
			Revoked: func(id string) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.revoked = append(w.revoked, id)
			},
			OnError: func(err error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.failed = append(w.failed, err)
			},
			Every: every,
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
	})
	return w
}

func (w *watched) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		ok := holds()
		w.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s; revoked %v, looks %d, failed %v", what, w.revoked, w.looks, w.failed)
		}
	}
}

func TestWatchHearsRevocations(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{})
		w := watch(t, m, time.Hour)
		w.until(t, "the first look", func() bool { return w.looks > 0 })

		one, two, three := mustCreate(t, m, "ada", login{}), mustCreate(t, m, "ada", login{}),
			mustCreate(t, m, "bob", login{})
		wantNoError(t, one.Destroy(t.Context()))
		w.until(t, "logout", func() bool { return slices.Contains(w.revoked, one.ID()) })
		_, err := m.RevokeAll(t.Context(), "ada")
		wantNoError(t, err)
		w.until(t, "revoke all", func() bool { return slices.Contains(w.revoked, two.ID()) })
		wantNoError(t, three.Renew(t.Context()))
		wantNoError(t, m.Revoke(t.Context(), "bob", three.ID()))
		w.until(t, "revoke", func() bool { return slices.Contains(w.revoked, three.ID()) })
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.looks != 1 || len(w.revoked) != 3 || len(w.failed) != 0 {
			t.Errorf("looks %d, revoked %v, failed %v", w.looks, w.revoked, w.failed)
		}
	})
}

// What was published while nobody listened is found by the look that follows
// each subscription.
func TestWatchCatchesUp(t *testing.T) {
	client := redistest.Start(t).Client(t)
	m := newManager(t, client, Options[login]{})
	before, lost, alive := mustCreate(t, m, "ada", login{}), mustCreate(t, m, "ada", login{}),
		mustCreate(t, m, "ada", login{})
	wantNoError(t, before.Destroy(t.Context()))
	w := watch(t, m, time.Hour, before.ID(), lost.ID(), alive.ID())
	w.until(t, "what went before the first subscription",
		func() bool { return slices.Contains(w.revoked, before.ID()) })

	// Gone without an announcement, as when that was lost.
	wantNoError(t, client.Do(t.Context(), client.B().Del().Key(m.key(lost.ID())).Build()).Error())
	wantNoError(t, client.Do(t.Context(),
		client.B().Arbitrary("CLIENT", "KILL", "TYPE", "pubsub").Build()).Error())
	w.until(t, "what went while the connection was broken",
		func() bool { return slices.Contains(w.revoked, lost.ID()) })
	w.mu.Lock()
	if len(w.failed) == 0 || slices.Contains(w.revoked, alive.ID()) {
		t.Errorf("failed %v, revoked %v", w.failed, w.revoked)
	}
	w.mu.Unlock()
	// And announcements are heard again.
	w.until(t, "the next subscription", func() bool { return w.looks >= 3 })
	wantNoError(t, alive.Destroy(t.Context()))
	w.until(t, "a revocation after that", func() bool { return slices.Contains(w.revoked, alive.ID()) })
}

func TestWatchFindsExpired(t *testing.T) {
	client := redistest.Single(t).Client(t)
	m := newManager(t, client, Options[login]{IdleTimeout: 50 * time.Millisecond})
	s := mustCreate(t, m, "ada", login{})
	w := watch(t, m, 10*time.Millisecond, s.ID())
	w.until(t, "expiry", func() bool { return slices.Contains(w.revoked, s.ID()) })
}

// More announcements at once than Watch can hold end in a look, not in a loss.
func TestWatchFlood(t *testing.T) {
	client := redistest.Single(t).Client(t)
	m := newManager(t, client, Options[login]{})
	const flood = 5 * heard
	var cmds rueidis.Commands
	for range flood {
		cmds = append(cmds, client.B().Publish().Channel(m.channel()).Message("noise").Build())
	}
	s := mustCreate(t, m, "ada", login{})
	w := &watched{open: []string{s.ID()}}
	release := make(chan bool)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.Watch(ctx, WatchOptions{
			Open: func() []string { w.mu.Lock(); defer w.mu.Unlock(); w.looks++; return w.open },
			Revoked: func(id string) {
				if id == "noise" {
					<-release
					return
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.revoked = append(w.revoked, id)
			},
			Every: time.Hour,
		})
	}()
	w.until(t, "the first look", func() bool { return w.looks == 1 })
	for _, resp := range client.DoMulti(t.Context(), cmds...) {
		wantNoError(t, resp.Error())
	}
	wantNoError(t, s.Destroy(t.Context())) // its announcement finds no place
	close(release)
	w.until(t, "the look instead", func() bool { return slices.Contains(w.revoked, s.ID()) })
	cancel()
	wantError(t, <-done, context.Canceled)
}

func TestGone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{})
		var all, want []string
		for i := range lookAtOnce + 10 {
			if i%100 == 0 {
				all = append(all, mustCreate(t, m, "ada", login{}).ID())
			} else {
				id := newToken().id
				all, want = append(all, id), append(want, id)
			}
		}
		gone, err := m.Gone(t.Context(), all...)
		wantNoError(t, err)
		if !slices.Equal(gone, want) {
			t.Errorf("%d gone, want %d", len(gone), len(want))
		}
		if gone, err := m.Gone(t.Context()); err != nil || gone != nil {
			t.Errorf("of none: %v, %v", gone, err)
		}
	})
}
