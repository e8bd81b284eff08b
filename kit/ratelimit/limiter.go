package ratelimit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed prelude.lua
	preludeSource string
	//go:embed log.lua
	logSource string
	//go:embed counter.lua
	counterSource string
	//go:embed pace.lua
	paceSource string
	//go:embed judge.lua
	judgeSource string
)

// OnFailure decides what Allow returns when Redis cannot be reached.
type OnFailure int

const (
	// ReturnError returns the error. It is the default.
	ReturnError OnFailure = iota
	// FailOpen admits the call: better unlimited than unavailable.
	FailOpen
	// FailClosed refuses the call: better unavailable than unlimited.
	FailClosed
	// FailLocal applies the limits in this process alone, to what came since
	// Redis went away: the insurance of a fleet that has its limits to protect
	// something. Each limit becomes a bucket of its quota, or burst, so that a
	// window can see twice the quota of each process; see Options.Processes.
	FailLocal
)

// Options are a limiter's settings; the zero value is ready to use.
type Options struct {
	// Prefix begins every key in Redis. Limiters that share a prefix, a limit's
	// name and a key share the count. Default: "ratelimit".
	Prefix string

	// OnFailure decides what Allow returns when Redis is away, denies a command
	// or is full. Except with ReturnError, Redis is asked only once a second
	// after three calls in a row that it did not answer. Default: ReturnError.
	OnFailure OnFailure

	// Processes is how many share the quotas with FailLocal: each then allows
	// its part of them. Default: 1.
	Processes int

	// OnError receives the errors that OnFailure hides, one for each call:
	// Result.Err. Default: none is told.
	OnError func(error)

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s, and 100 ms if OnFailure is not ReturnError.
	Timeout time.Duration
}

// A Limiter applies its limits to keys. It is safe for concurrent use, holds no
// connection of its own and starts no goroutine.
type Limiter struct {
	client  rueidis.Client
	opt     Options
	breaker exec.Breaker
	local   insurance       // with FailLocal
	scripts [8]*rueidis.Lua // by the kinds that occur
	rules
}

// rules are limits that have been checked.
type rules struct {
	limits []Limit
	args   []string // of the script, after count and take
	script *rueidis.Lua
}

// New returns a limiter with at least one limit. The client stays the caller's:
// the limiter does not close it.
func New(client rueidis.Client, opt Options, limits ...Limit) (*Limiter, error) {
	if opt.Prefix == "" {
		opt.Prefix = "ratelimit"
	}
	if strings.ContainsAny(opt.Prefix, "{}") {
		return nil, fmt.Errorf("ratelimit: the prefix %q has braces, which would move every key to one slot", opt.Prefix)
	}
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
		if opt.OnFailure != ReturnError {
			opt.Timeout = 100 * time.Millisecond
		}
	}
	if opt.Processes == 0 {
		opt.Processes = 1
	}
	if opt.Timeout < 0 || opt.OnFailure < ReturnError || opt.OnFailure > FailLocal || opt.Processes < 0 {
		return nil, fmt.Errorf("ratelimit: options out of range: timeout %s, on failure %d, processes %d",
			opt.Timeout, opt.OnFailure, opt.Processes)
	}
	l := &Limiter{client: client, opt: opt}
	for kinds := 1; kinds < len(l.scripts); kinds++ {
		l.scripts[kinds] = rueidis.NewLuaScript(source(kinds))
	}
	var err error
	if l.rules, err = l.check(limits); err != nil {
		return nil, err
	}
	return l, nil
}

// check returns the rules that the limits make.
func (l *Limiter) check(limits []Limit) (r rules, err error) {
	if len(limits) == 0 {
		return r, errors.New("ratelimit: a limiter needs at least one limit")
	}
	kinds := 0
	for _, limit := range limits {
		if limit.Name == "" {
			limit.Name = "default"
		}
		limit.Window = limit.Window.Truncate(time.Microsecond)
		if err := limit.check(); err != nil {
			return r, err
		}
		if slices.ContainsFunc(r.limits, func(other Limit) bool { return other.Name == limit.Name }) {
			return r, fmt.Errorf("ratelimit: two limits are called %q", limit.Name)
		}
		kinds |= limit.kind().bit
		r.limits = append(r.limits, limit)
		r.args = append(r.args, limit.kind().name, strconv.FormatInt(limit.Quota, 10),
			strconv.FormatInt(limit.Window.Microseconds(), 10), strconv.FormatInt(limit.Burst, 10))
	}
	r.script = l.scripts[kinds]
	return r, nil
}

// source puts the script together from the kinds that occur, because each run
// of it pays for all that it defines.
func source(kinds int) string {
	text := preludeSource
	for _, k := range []*kind{exact, approximate, paced} {
		if kinds&k.bit != 0 {
			text += k.source
		}
	}
	return text + judgeSource
}

// Allow is AllowN with a count of 1.
func (l *Limiter) Allow(ctx context.Context, key string) (Result, error) {
	return l.AllowN(ctx, key, 1)
}

// AllowN takes count units for the key from every limit, or from none. A
// refusal is a Result, not an error.
//
// A count below 1 is ErrCount and one above a quota ErrTooLarge, whatever
// Options.OnFailure says. Other errors mean that Redis gave no answer; whether
// the call was counted is then unknown.
func (l *Limiter) AllowN(ctx context.Context, key string, count int64) (Result, error) {
	return l.run(ctx, l.rules, key, count, true)
}

// AllowLimits is AllowN by these limits instead of the limiter's own: those of
// the caller's plan, say. A limit shares what was taken with others of the same
// name and kind, so that a change of plan forgets nothing. They are checked as
// by New.
func (l *Limiter) AllowLimits(ctx context.Context, key string, count int64,
	limits ...Limit) (Result, error) {
	r, err := l.check(limits)
	if err != nil {
		return Result{}, err
	}
	return l.run(ctx, r, key, count, true)
}

// Wait takes count units for the key as soon as every limit allows it. It does
// not begin to wait for what comes after the context's deadline: that is
// context.DeadlineExceeded at once, with the refusal as the result. Who waits
// has no place in a line: a call that comes at the right moment is first. With
// FailClosed it returns the error of a Redis that is away.
func (l *Limiter) Wait(ctx context.Context, key string, count int64) (Result, error) {
	for {
		r, err := l.AllowN(ctx, key, count)
		switch deadline, ok := ctx.Deadline(); {
		case err != nil || r.Allowed:
			return r, err
		case r.Err != nil && r.RetryAfter == 0:
			return r, r.Err
		case ok && time.Until(deadline) < r.RetryAfter:
			return r, fmt.Errorf("ratelimit: a wait of %s: %w", r.RetryAfter, context.DeadlineExceeded)
		}
		timer := time.NewTimer(r.RetryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return r, fmt.Errorf("ratelimit: wait: %w", ctx.Err())
		}
	}
}

// Peek reports where the key stands without taking anything: Allowed says
// whether a call of one unit would pass now.
func (l *Limiter) Peek(ctx context.Context, key string) (Result, error) {
	return l.run(ctx, l.rules, key, 1, false)
}

// Reset forgets what was taken for the key, in each of the limiter's own
// limits; after a successful login, say. Options.OnFailure does not apply to
// it.
func (l *Limiter) Reset(ctx context.Context, key string) error {
	if key == "" {
		return ErrKey
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, l.opt.Timeout)
	defer cancel()
	keys := l.keys(l.limits, key)
	l.local.forget(keys)
	if err := l.client.Do(ctx, l.client.B().Del().Key(keys...).Build()).Error(); err != nil {
		return fmt.Errorf("ratelimit: reset: %w", exec.Unavailable(parent, err))
	}
	return nil
}

// Limits returns the limiter's limits in order; the caller owns the slice.
func (l *Limiter) Limits() []Limit {
	return append([]Limit(nil), l.limits...)
}

func (l *Limiter) keys(limits []Limit, key string) []string {
	keys := make([]string, len(limits))
	stem := l.opt.Prefix + ":{" + tag(key) + "}:"
	for i, limit := range limits {
		keys[i] = stem + limit.Name + limit.kind().mark
	}
	return keys
}

func (l *Limiter) run(ctx context.Context, rules rules, key string, count int64, take bool) (Result, error) {
	if key == "" {
		return Result{}, ErrKey
	}
	if count < 1 {
		return Result{}, fmt.Errorf("%w, not %d", ErrCount, count)
	}
	for _, limit := range rules.limits {
		if count > limit.most() {
			return Result{}, fmt.Errorf("%w: %d of limit %q with %d", ErrTooLarge, count,
				limit.Name, limit.most())
		}
	}

	args := make([]string, 0, 2+len(rules.args))
	args = append(append(args, strconv.FormatInt(count, 10), "0"), rules.args...)
	if take {
		args[1] = "1"
	}
	keys := l.keys(rules.limits, key)
	failed := func(err error) (Result, error) {
		r, err := l.failed(ctx, fmt.Errorf("ratelimit: %w", err))
		if why := r.Err; why != nil && l.opt.OnFailure == FailLocal {
			r = l.local.take(time.Now(), keys, rules.limits, count, int64(l.opt.Processes), take)
			r.Err = why
		}
		return r, err
	}
	if l.opt.OnFailure != ReturnError && l.breaker.Open() {
		return failed(exec.ErrOpen)
	}
	bounded, cancel := context.WithTimeout(ctx, l.opt.Timeout)
	defer cancel()
	reply, err := exec.Script(bounded, rules.script, l.client, keys, args).AsIntSlice()
	if err == nil && len(reply) != 2+3*len(rules.limits) {
		err = fmt.Errorf("the script replied %d numbers", len(reply))
	}
	err = exec.Unavailable(ctx, err)
	l.breaker.Note(err)
	if err != nil {
		return failed(err)
	}
	return rules.result(reply), nil
}

// failed answers for a Redis that did not. A caller who gave up gets the error
// in any case.
func (l *Limiter) failed(ctx context.Context, err error) (Result, error) {
	if l.opt.OnFailure == ReturnError || errors.Is(ctx.Err(), context.Canceled) {
		return Result{}, err
	}
	if l.opt.OnError != nil {
		l.opt.OnError(err)
	}
	return Result{Allowed: l.opt.OnFailure == FailOpen, Err: err}, nil
}
