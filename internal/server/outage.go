package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/depot"
	"github.com/parley-chat/parley/internal/hub"
)

// outage is a log handler for a server whose store can go away. While it is
// away, all that the server does fails, and would be logged: instead, the first
// error is, as the beginning of trouble, and its end. The others are still
// there with debug.
type outage struct {
	slog.Handler
	*trouble
}

type trouble struct {
	tell   *slog.Logger // as nobody's
	ctx    context.Context
	cancel context.CancelFunc
	waiter sync.WaitGroup

	mu    sync.Mutex
	ping  func(context.Context) error // nil until the store is open
	since time.Time                   // zero while all is well
	last  time.Time                   // of the newest error
	over  bool                        // nothing is told any more
}

// quiet is how long after the last error trouble is over: longer than the
// pauses of what looks at the store regularly.
const quiet = 4 * time.Second

func newOutage(h slog.Handler) *outage {
	t := &trouble{tell: slog.New(h)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return &outage{h, t}
}

// Handle implements [slog.Handler].
func (o *outage) Handle(ctx context.Context, r slog.Record) error {
	sign := false
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok && isAway(err) {
			sign = true
			o.notice(err)
		}
		return !sign
	})
	if !sign {
		return o.Handler.Handle(ctx, r)
	}
	if !o.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	r = r.Clone()
	r.Level = slog.LevelDebug
	return o.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (o *outage) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &outage{o.Handler.WithAttrs(attrs), o.trouble}
}

// WithGroup implements [slog.Handler].
func (o *outage) WithGroup(name string) slog.Handler {
	return &outage{o.Handler.WithGroup(name), o.trouble}
}

// isAway reports whether the store was the reason, not a client that hung up,
// nor the place for files, nor this server's own end.
func isAway(err error) bool {
	e, ok := errors.AsType[*chat.Error](err)
	return ok && e.Code == chat.CodeUnavailable && e != hub.ErrStopping &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, depot.ErrPlace)
}

// opened says how to ask whether the store is there.
func (t *trouble) opened(ping func(context.Context) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ping = ping
}

func (t *trouble) notice(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = time.Now()
	if t.over || !t.since.IsZero() {
		return
	}
	t.since = t.last
	t.tell.Warn("trouble with redis: what people do is refused, and tried again by their clients",
		// what is said to clients
		"error", strings.ReplaceAll(err.Error(), chat.ErrUnavailable.Error()+": ", ""))
	t.waiter.Go(t.await)
}

// await waits for the trouble to be over.
func (t *trouble) await() {
	tick := time.NewTicker(quiet / 8)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.ctx.Done():
			return
		}
		t.mu.Lock()
		ping, wait := t.ping, time.Since(t.last) < quiet
		t.mu.Unlock()
		if wait || ping == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(t.ctx, quiet)
		err := ping(ctx)
		cancel()
		t.mu.Lock()
		if err == nil && time.Since(t.last) >= quiet {
			t.tell.Info("redis works again", "after", t.last.Sub(t.since).Round(time.Millisecond))
			t.since = time.Time{}
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
	}
}

// close ends the telling.
func (t *trouble) close() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.cancel()
	t.waiter.Wait()
}
