package ratelimit

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

//go:embed enter.lua
var enterSource string

// ErrBusy means that as many are under way for the key as may be.
var ErrBusy = errors.New("ratelimit: too many are under way")

// ConcurrentOptions are settings; the zero value is ready to use.
type ConcurrentOptions struct {
	// Prefix begins every key in Redis. Default: "concurrent".
	Prefix string

	// Lease is how long one counts as under way after its process has died.
	// Living ones renew it. Default: 30 s.
	Lease time.Duration

	// OnFailure decides what Enter returns when Redis is away: not FailLocal.
	// Default: ReturnError.
	OnFailure OnFailure

	// OnError receives the errors that OnFailure hides, and those of renewing
	// and leaving. Default: a warning to [slog.Default].
	OnError func(error)

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s, and 100 ms if OnFailure is not ReturnError.
	Timeout time.Duration
}

// Concurrent bounds how many calls of a key are under way at a time, over all
// processes. It never waits: for that there is lock.Semaphore. It is safe for
// concurrent use.
type Concurrent struct {
	client  rueidis.Client
	opt     ConcurrentOptions
	breaker exec.Breaker
	enter   *rueidis.Lua
}

// NewConcurrent returns a limiter of what is under way. The client stays the
// caller's.
func NewConcurrent(client rueidis.Client, opt ConcurrentOptions) (*Concurrent, error) {
	if opt.Prefix == "" {
		opt.Prefix = "concurrent"
	}
	if strings.ContainsAny(opt.Prefix, "{}") {
		return nil, fmt.Errorf("ratelimit: the prefix %q has braces, which would move every key to one slot", opt.Prefix)
	}
	if opt.Lease == 0 {
		opt.Lease = 30 * time.Second
	}
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
		if opt.OnFailure != ReturnError {
			opt.Timeout = 100 * time.Millisecond
		}
	}
	if opt.Lease < time.Millisecond || opt.Timeout < 0 ||
		opt.OnFailure < ReturnError || opt.OnFailure > FailClosed {
		return nil, fmt.Errorf("ratelimit: options out of range: lease %s, timeout %s, on failure %d",
			opt.Lease, opt.Timeout, opt.OnFailure)
	}
	if opt.OnError == nil {
		opt.OnError = exec.Log
	}
	return &Concurrent{client: client, opt: opt, enter: rueidis.NewLuaScript(enterSource)}, nil
}

// Enter counts the caller as under way until leave is called, which it must be,
// once or more often. It is ErrBusy when most are under way already. Callers
// may name different numbers for the same key: each keeps to its own.
//
// Where Redis went away and forgot who is under way, each enters again when it
// renews its lease, three times in one; until then more than most may be.
func (c *Concurrent) Enter(ctx context.Context, key string, most int) (leave func(), err error) {
	if key == "" {
		return nil, ErrKey
	}
	if most < 1 {
		return nil, fmt.Errorf("%w, not %d", ErrCount, most)
	}
	if c.opt.OnFailure != ReturnError && c.breaker.Open() {
		err = exec.ErrOpen
	} else {
		p := &place{c: c, key: c.opt.Prefix + ":{" + tag(key) + "}", id: rand.Text()}
		var ok bool
		ok, err = p.enter(ctx, most)
		c.breaker.Note(err)
		switch {
		case err == nil && !ok:
			return nil, ErrBusy
		case err == nil:
			p.timer = time.AfterFunc(c.opt.Lease/3, p.renew)
			return p.leave, nil
		case c.opt.OnFailure == ReturnError || errors.Is(ctx.Err(), context.Canceled):
			p.leave() // it may have been counted
			return nil, fmt.Errorf("ratelimit: enter: %w", err)
		}
	}
	c.opt.OnError(fmt.Errorf("ratelimit: enter: %w", err))
	if c.opt.OnFailure == FailClosed {
		return nil, ErrBusy
	}
	return func() {}, nil
}

// Handler returns a handler that lets next serve most requests of a key at a
// time. Of opt it uses Key, Refused, which gets an empty result, and
// ErrorHandler.
func (c *Concurrent) Handler(most int, opt HTTP, next http.Handler) http.Handler {
	opt = opt.withDefaults()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := opt.Key(r)
		if key == "" {
			next.ServeHTTP(w, r)
			return
		}
		leave, err := c.Enter(r.Context(), key, most)
		switch {
		case errors.Is(err, ErrBusy):
			opt.Refused(w, r, Result{})
		case err != nil:
			opt.ErrorHandler(w, r, err)
		default:
			defer leave()
			next.ServeHTTP(w, r)
		}
	})
}

// A place is that of one who is under way.
type place struct {
	c       *Concurrent
	key, id string

	mu    sync.Mutex
	left  bool
	timer *time.Timer
}

func (p *place) enter(ctx context.Context, most int) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, p.c.opt.Timeout)
	defer cancel()
	ok, err := exec.Script(bounded, p.c.enter, p.c.client, []string{p.key},
		[]string{p.id, strconv.Itoa(most), strconv.FormatInt(p.c.opt.Lease.Milliseconds(), 10)}).AsBool()
	return ok, exec.Unavailable(ctx, err)
}

func (p *place) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return
	}
	if _, err := p.enter(context.Background(), 0); err != nil {
		p.c.opt.OnError(fmt.Errorf("ratelimit: renew: %w", err))
	}
	p.timer.Reset(p.c.opt.Lease / 3)
}

func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	if p.timer != nil {
		p.timer.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.c.opt.Timeout)
	defer cancel()
	c := p.c.client
	if err := c.Do(ctx, c.B().Zrem().Key(p.key).Member(p.id).Build()).Error(); err != nil {
		p.c.opt.OnError(fmt.Errorf("ratelimit: leave: %w", exec.Unavailable(context.Background(), err)))
	}
}
