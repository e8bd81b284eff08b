package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

const (
	// readAtOnce bounds the events of one read.
	readAtOnce = 100
	// longestBlock bounds how long a read waits on the server, after which its
	// connection was alive.
	longestBlock = 2 * time.Second
)

// FollowOptions configures [Topic.Follow]; the zero value is ready to use.
type FollowOptions struct {
	// OnError receives errors that Follow recovers from, such as broken
	// connections. It must not block. Default: slog.Warn.
	OnError func(error)
}

// Follow calls the handler with every event after a position, each once and in
// order, and then with those that come, until the context ends, whose error it
// returns. The caller keeps the position of what it has handled, and begins
// there the next time.
//
// It reads on a connection of its own, and reconnects for as long as it takes.
// An error of the handler ends it and is returned, and so does what Redis
// refuses for a reason that does not pass by itself, such as a missing
// permission. If events after the position
// exist no more, or Redis has lost events that this reader has seen, it returns
// a [*GapError] before it calls the handler with any later one. An event that
// something other than append.lua added does not say what was before it, so
// that a gap before it is not noticed.
func (t *Topic) Follow(ctx context.Context, after string, handler func(Event) error,
	opt FollowOptions) error {
	if err := checkPosition(after); err != nil {
		return err
	}
	if opt.OnError == nil {
		opt.OnError = exec.Log
	}
	f := &follower{t: t, at: after, handler: handler}
	var wait exec.Backoff
	for {
		err := f.read(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var ended *endError
		if errors.As(err, &ended) {
			return ended.why
		}
		if exec.Permanent(err) {
			return fmt.Errorf("stream: follow %s: %w", t.name, err)
		}
		opt.OnError(fmt.Errorf("stream: follow %s: %w", t.name, err))
		if !wait.Pause(ctx) {
			return ctx.Err()
		}
	}
}

type follower struct {
	t       *Topic
	at      string
	seen    bool // an event was read at this position
	handler func(Event) error
}

// endError is one that reading again does not mend.
type endError struct{ why error }

func (e *endError) Error() string { return e.why.Error() }

// read reads on one connection until something fails.
func (f *follower) read(ctx context.Context) error {
	t := f.t
	home := t.home()
	conn, release := t.client.Dedicate()
	defer func() { conn.Close(); release() }()
	for {
		if now := t.home(); now != home {
			return fmt.Errorf("the server is now %s, no longer %s", now, home)
		}
		var entries []rueidis.XRangeEntry
		err := exec.Within(ctx, t.opt.Timeout, func(ctx context.Context) (err error) {
			entries, err = conn.Do(ctx, conn.B().Xrange().Key(t.stem).Start("("+f.at).End(
				"+").Count(readAtOnce).Build()).AsXRange()
			return err
		})
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			// There may be nothing because it is gone, or because the server
			// was replaced by one that knows less.
			err := exec.Within(ctx, t.opt.Timeout, func(ctx context.Context) error {
				s, err := t.state(ctx, conn)
				switch {
				case err != nil:
					return err
				case earlier(f.at, s.before):
					return &endError{&GapError{After: f.at, Until: s.before}}
				case f.seen && earlier(s.last, f.at):
					return &endError{&GapError{After: f.at, Until: s.last}}
				}
				return nil
			})
			if err != nil {
				return err
			}
			err = exec.Within(ctx, longestBlock+t.opt.Timeout, func(ctx context.Context) error {
				streams, err := conn.Do(ctx, conn.B().Xread().Count(readAtOnce).Block(
					longestBlock.Milliseconds()).Streams().Key(t.stem).Id(f.at).Build()).AsXRead()
				entries = streams[t.stem]
				if rueidis.IsRedisNil(err) {
					return nil
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		for _, entry := range entries {
			// What a position names may never have been an event. Once one was
			// seen, the next must name it.
			if prev := entry.FieldValues["prev"]; prev != "" && prev != f.at &&
				(f.seen || earlier(f.at, prev)) {
				return &endError{&GapError{After: f.at, Until: prev}}
			}
			if err := f.handler(Event{Position: entry.ID, Payload: payload(entry.FieldValues)}); err != nil {
				return &endError{err}
			}
			f.at, f.seen = entry.ID, true
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

// home is the server that a connection is made to, where that can change:
// outside of a Cluster, which redirects.
func (t *Topic) home() string {
	if t.client.Mode() == rueidis.ClientModeCluster {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(t.client.Nodes())), " ")
}
