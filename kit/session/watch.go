package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// WatchOptions configures [Manager.Watch].
type WatchOptions struct {
	// Open returns the ids of the sessions that have something open, such as
	// sockets. It may have repeats.
	Open func() []string

	// Revoked hears that a session is gone, whether or not it has something
	// open here, possibly more than once. It is called by Watch's goroutine and
	// should not block.
	Revoked func(id string)

	// Every is the time between two looks at all open sessions, which find
	// expired ones. Default: 30 s.
	Every time.Duration

	// OnError receives errors that Watch recovers from: announcements or looks
	// that did not work. Default: Options.OnError.
	OnError func(error)
}

// heard is how many announcements can wait for Watch. If there are more, it
// looks at all open sessions instead.
const heard = 1024

// Watch tells of revoked and expired sessions until the context ends, whose
// error it returns. It has a connection of its own for the announcements. After
// each connect it looks at all open sessions once, so that nothing that was
// announced before or between is missed.
func (m *Manager[T]) Watch(ctx context.Context, w WatchOptions) error {
	if w.Open == nil || w.Revoked == nil {
		return errors.New("session: watch: Open and Revoked are needed")
	}
	if w.Every <= 0 {
		w.Every = 30 * time.Second
	}
	if w.OnError == nil {
		w.OnError = m.opt.OnError
	}
	for attempt := 0; ; attempt++ {
		confirmed, err := m.listen(ctx, w)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.OnError(fmt.Errorf("session: watch: %w", err))
		if confirmed {
			attempt = 0
		}
		// Without announcements the looks are all there is, so a broken
		// subscription does not stop them.
		m.look(ctx, w)
		pause := min(100*time.Millisecond<<min(attempt, 6), w.Every)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
	}
}

// listen serves one connection. It returns when that breaks, and whether the
// subscription had been confirmed.
func (m *Manager[T]) listen(ctx context.Context, w WatchOptions) (confirmed bool, err error) {
	conn, release := m.client.Dedicate()
	defer release()

	// The hooks run on the connection's reader, which must not wait.
	announced := make(chan string, heard)
	look := make(chan struct{}, 1)
	askLook := func() {
		select {
		case look <- struct{}{}:
		default:
		}
	}
	broken := conn.SetPubSubHooks(rueidis.PubSubHooks{
		OnSubscription: func(s rueidis.PubSubSubscription) {
			if s.Kind == "subscribe" {
				askLook()
			}
		},
		OnMessage: func(msg rueidis.PubSubMessage) {
			select {
			case announced <- msg.Message:
			default:
				askLook()
			}
		},
	})
	subscribing, cancel := m.bound(ctx)
	err = conn.Do(subscribing, conn.B().Subscribe().Channel(m.channel()).Build()).Error()
	cancel()
	if err != nil {
		return false, fmt.Errorf("subscribe: %w", err)
	}

	ticker := time.NewTicker(w.Every)
	defer ticker.Stop()
	for {
		select {
		case id := <-announced:
			w.Revoked(id)
		case <-look:
			confirmed = true
			m.look(ctx, w)
		case <-ticker.C:
			m.look(ctx, w)
		case err, ok := <-broken:
			if !ok || err == nil {
				err = errors.New("the connection was closed")
			}
			return confirmed, err
		case <-ctx.Done():
			return confirmed, ctx.Err()
		}
	}
}

func (m *Manager[T]) look(ctx context.Context, w WatchOptions) {
	gone, err := m.Gone(ctx, w.Open()...)
	for _, id := range gone {
		w.Revoked(id)
	}
	if err != nil && ctx.Err() == nil {
		w.OnError(err)
	}
}

// lookAtOnce bounds how many commands Gone has under way.
const lookAtOnce = 1000

// Gone returns which of the sessions exist no more. It is one cheap command for
// each. With an error it returns those it could find out about.
func (m *Manager[T]) Gone(ctx context.Context, ids ...string) ([]string, error) {
	var gone []string
	var failure error
	for len(ids) > 0 {
		n := min(len(ids), lookAtOnce)
		some := ids[:n]
		ids = ids[n:]
		cmds := make(rueidis.Commands, n)
		for i, id := range some {
			cmds[i] = m.client.B().Exists().Key(m.key(id)).Build()
		}
		bounded, cancel := m.bound(ctx)
		for i, resp := range m.client.DoMulti(bounded, cmds...) {
			exists, err := resp.AsBool()
			switch {
			case err != nil:
				failure = fmt.Errorf("session: gone: %w", exec.Unavailable(bounded, err))
			case !exists:
				gone = append(gone, some[i])
			}
		}
		cancel()
		if failure != nil {
			break
		}
	}
	return gone, failure
}
