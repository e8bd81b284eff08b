package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/files"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/search"
)

// outageLog is a log handler for a server whose store can go away. While it is
// away everything fails, and every failure would be logged. Instead the handler
// logs the first error and the end of the outage. The other errors are logged
// at the debug level.
type outageLog struct {
	slog.Handler
	*outage
}

// outage is what the handlers of one server share.
type outage struct {
	log    *slog.Logger // without the attributes of whoever noticed the outage
	ctx    context.Context
	cancel context.CancelFunc
	waiter sync.WaitGroup

	mu    sync.Mutex
	ping  func(context.Context) error // nil until the store is open
	since time.Time                   // zero while all is well
	last  time.Time                   // of the newest error
	over  bool                        // nothing is told any more
}

// quiet is how long after the last error an outage is over. It is longer than
// the pauses of everything that uses the store regularly.
const quiet = 4 * time.Second

func newOutageLog(h slog.Handler) *outageLog {
	o := &outage{log: slog.New(h)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return &outageLog{h, o}
}

// Handle implements [slog.Handler].
func (o *outageLog) Handle(ctx context.Context, r slog.Record) error {
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
func (o *outageLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &outageLog{o.Handler.WithAttrs(attrs), o.outage}
}

// WithGroup implements [slog.Handler].
func (o *outageLog) WithGroup(name string) slog.Handler {
	return &outageLog{o.Handler.WithGroup(name), o.outage}
}

// isAway reports whether the store failed, and not a client that hung up, the
// place for files, the search index, or a server that stops.
func isAway(err error) bool {
	e, ok := errors.AsType[*chat.Error](err)
	return ok && e.Code == chat.CodeUnavailable && e != hub.ErrStopping && e != chat.ErrNoSearch &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, files.ErrStorage) &&
		!errors.Is(err, search.ErrIndex)
}

// opened says how to ask whether the store works. The methods of a nil outage
// do nothing.
func (o *outage) opened(ping func(context.Context) error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ping = ping
}

func (o *outage) notice(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = time.Now()
	if o.over || !o.since.IsZero() {
		return
	}
	o.since = o.last
	o.log.Warn("the store is away: requests are refused, and clients try again",
		// what is said to clients
		"error", strings.ReplaceAll(err.Error(), chat.ErrUnavailable.Error()+": ", ""))
	o.waiter.Go(o.await)
}

// await waits for the end of the outage.
func (o *outage) await() {
	tick := time.NewTicker(quiet / 8)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-o.ctx.Done():
			return
		}
		o.mu.Lock()
		ping, wait := o.ping, time.Since(o.last) < quiet
		o.mu.Unlock()
		if wait || ping == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(o.ctx, quiet)
		err := ping(ctx)
		cancel()
		o.mu.Lock()
		if err == nil && time.Since(o.last) >= quiet {
			o.log.Info("the store is back", "after", o.last.Sub(o.since).Round(time.Millisecond))
			o.since = time.Time{}
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
	}
}

// close stops the watching.
func (o *outage) close() {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	o.cancel()
	o.waiter.Wait()
}
