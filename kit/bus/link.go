package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A link keeps one connection to one node, and on it the subscriptions that
// belong there. It works by what should be: each change of what is wanted makes
// the name dirty, and the link compares that with what the connection holds.
type link struct {
	l      *Listener
	addr   string
	cancel context.CancelFunc
	kick   chan struct{}

	// Guarded by the listener's mutex.
	dirty map[key]bool
	conn  *subscriber
}

// touch has the link look at a channel. The caller holds the mutex.
func (k *link) touch(name key) {
	k.dirty[name] = true
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// run connects as long as there is something to subscribe to.
func (k *link) run(ctx context.Context) {
	var wait exec.Backoff
	for ctx.Err() == nil {
		if !k.wanted() {
			select {
			case <-ctx.Done():
				return
			case <-k.kick:
				continue
			}
		}
		err := k.serve(ctx)
		k.down()
		if ctx.Err() != nil {
			return
		}
		k.l.handler.OnError(fmt.Errorf("bus: subscriptions%s: %w", at(k.addr), err))
		k.l.askRemap()
		wait.Pause(ctx)
	}
}

func at(addr string) string {
	if addr == "" {
		return ""
	}
	return " at " + addr
}

func (k *link) wanted() bool {
	k.l.mu.Lock()
	defer k.l.mu.Unlock()
	for _, c := range k.l.channels {
		if c.link == k {
			return true
		}
	}
	clear(k.dirty)
	return false
}

// down takes note that the connection is gone.
func (k *link) down() {
	l := k.l
	l.mu.Lock()
	defer l.mu.Unlock()
	k.conn = nil
	if k.addr != "" && l.home == k.addr {
		l.home = "" // any other node serves plain channels as well
	}
	for _, c := range l.channels {
		if c.link == k {
			l.lose(c)
		}
	}
}

// serve lets one connection live.
func (k *link) serve(ctx context.Context) error {
	conn, release, where, err := k.dedicate(ctx)
	if err != nil {
		return err
	}
	// It is not put back for others to use: it may be dead, or have
	// subscriptions whose end was not confirmed.
	defer func() { conn.Close(); release() }()

	s := &subscriber{link: k, conn: conn, held: map[key]bool{}, asked: map[key]bool{},
		settled: make(chan struct{}, 1)}
	s.broken = conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: s.message, OnSubscription: s.subscription})
	k.l.mu.Lock()
	k.conn = s
	for name, c := range k.l.channels {
		if c.link == k {
			k.dirty[name] = true
		}
	}
	k.l.mu.Unlock()

	heartbeat := time.NewTicker(k.l.opt.Heartbeat)
	defer heartbeat.Stop()
	for {
		if err := s.reconcile(ctx); err != nil {
			return err
		}
		select {
		case <-k.kick:
		case <-heartbeat.C:
			if now := k.where(); now != where {
				return fmt.Errorf("the server is now %s, no longer %s", now, where)
			}
			if err := s.beat(ctx); err != nil {
				return fmt.Errorf("heartbeat: %w", err)
			}
		case err := <-s.broken:
			return lost(err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func lost(err error) error {
	if err == nil {
		return errors.New("the connection was closed")
	}
	return err
}
