package once

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed begin.lua
	beginSource string
	//go:embed finish.lua
	finishSource string

	beginScript  = rueidis.NewLuaScript(beginSource)
	finishScript = rueidis.NewLuaScript(finishSource)
)

var (
	// ErrMismatch says that the key was used with another fingerprint.
	ErrMismatch = errors.New("once: the key was used for something else")

	// ErrRunning says that the work of the key still ran when the caller could
	// wait no longer.
	ErrRunning = errors.New("once: the work still runs elsewhere")

	// ErrLost says that the lease was lost while the work ran: another may have
	// done it too.
	ErrLost = errors.New("once: the lease was lost")

	// ErrKey refuses an empty key.
	ErrKey = errors.New("once: a key is needed")
)

// Options are the settings of a Once; the zero value is ready to use.
type Options struct {
	// Prefix begins every key in Redis. Default: "once".
	Prefix string

	// Retention is how long answers are kept. Default: 24 h.
	Retention time.Duration

	// Lease is how long a key stays with a caller that gives no sign of life.
	// At least 100 ms. Default: 30 s.
	Lease time.Duration

	// Timeout bounds each call to Redis, in addition to the caller's deadline.
	// Default: 2 s.
	Timeout time.Duration

	// OnError receives errors of work that was done all the same: a lease that
	// could not be renewed, an answer that could not be kept. Default: a
	// warning to [slog.Default].
	OnError func(error)
}

// A Once runs work once for each key. It is safe for concurrent use and holds
// no connection.
type Once struct {
	client rueidis.Client
	opt    Options
}

// New returns a Once. The client stays the caller's and must outlive it.
func New(client rueidis.Client, opt Options) (*Once, error) {
	if opt.Prefix == "" {
		opt.Prefix = "once"
	}
	if opt.Retention == 0 {
		opt.Retention = 24 * time.Hour
	}
	if opt.Lease == 0 {
		opt.Lease = 30 * time.Second
	}
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
	}
	if opt.OnError == nil {
		opt.OnError = exec.Log
	}
	if strings.ContainsAny(opt.Prefix, "{}") || opt.Retention < time.Millisecond ||
		opt.Lease < 100*time.Millisecond || opt.Timeout < 0 {
		return nil, fmt.Errorf("once: options out of range: prefix %q, retention %s, lease %s, timeout %s",
			opt.Prefix, opt.Retention, opt.Lease, opt.Timeout)
	}
	return &Once{client, opt}, nil
}

// Do runs work for the key, or returns the answer of the call that has: then
// replayed is true. It waits for one that is under way until the context ends,
// and then returns ErrRunning. The fingerprint, of any length, tells what the
// key is used for; calls with another one are ErrMismatch.
//
// Work's error is returned as it is, and the key is free again. ErrLost comes
// with work's answer. Any other error means that work has not been run.
func (o *Once) Do(ctx context.Context, key string, fingerprint []byte,
	work func(context.Context) ([]byte, error)) (answer []byte, replayed bool, err error) {
	return o.do(ctx, key, fingerprint, math.MaxInt64, work)
}

// do is Do that waits no longer than told.
func (o *Once) do(ctx context.Context, key string, fingerprint []byte, patience time.Duration,
	work func(context.Context) ([]byte, error)) (answer []byte, replayed bool, err error) {
	name, err := o.name(key)
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(fingerprint)
	owner, asked := rand.Text(), time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		begin := time.Now()
		reply, err := o.run(ctx, beginScript, name, owner, milliseconds(o.opt.Lease),
			string(sum[:])).AsStrSlice()
		if err == nil && len(reply) != 2 {
			err = exec.ErrReply
		}
		if err != nil {
			var refusal *rueidis.RedisError
			if !errors.As(err, &refusal) {
				o.free(ctx, name, owner) // it may have begun
			}
			return nil, false, fmt.Errorf("once: begin: %w", exec.Unavailable(ctx, err))
		}
		switch reply[0] {
		case "run":
			answer, err = o.perform(ctx, name, owner, begin, work)
			return answer, false, err
		case "done":
			return []byte(reply[1]), true, nil
		case "mismatch":
			return nil, false, ErrMismatch
		}
		if time.Since(asked)+pause > patience {
			return nil, false, ErrRunning
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, false, fmt.Errorf("%w: %w", ErrRunning, ctx.Err())
		}
	}
}

// Do is Once.Do for an answer that is kept as JSON, with the request, encoded
// as JSON, as the fingerprint.
func Do[A any](ctx context.Context, o *Once, key string, request any,
	work func(context.Context) (A, error)) (answer A, err error) {
	fingerprint, err := json.Marshal(request)
	if err != nil {
		return answer, fmt.Errorf("once: encode the request: %w", err)
	}
	text, _, err := o.Do(ctx, key, fingerprint, func(ctx context.Context) ([]byte, error) {
		value, err := work(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(value)
	})
	if len(text) > 0 {
		if fault := json.Unmarshal(text, &answer); fault != nil {
			err = errors.Join(err, fmt.Errorf("once: decode the answer: %w", fault))
		}
	}
	return answer, err
}

// perform runs the work under the lease and keeps its answer.
func (o *Once) perform(ctx context.Context, name, owner string, begin time.Time,
	work func(context.Context) ([]byte, error)) (answer []byte, err error) {
	working, end := context.WithCancelCause(ctx)
	beating := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(beating)
		o.beat(name, owner, begin, end, stop)
	}()
	succeeded := false
	defer func() {
		close(stop)
		<-beating
		lost := errors.Is(context.Cause(working), ErrLost)
		end(nil)
		if !succeeded { // or it panics
			o.free(ctx, name, owner)
			return
		}
		if kept := o.keep(ctx, name, owner, answer); lost && !kept {
			err = ErrLost
		}
	}()
	answer, err = work(working)
	succeeded = err == nil
	return answer, err
}

// beat renews the lease until told to stop, and ends the work when it is lost.
func (o *Once) beat(name, owner string, begin time.Time, end context.CancelCauseFunc,
	stop <-chan struct{}) {
	spare := o.opt.Lease/20 + 2*time.Millisecond
	expiry := time.NewTimer(time.Until(begin.Add(o.opt.Lease - spare)))
	defer expiry.Stop()
	ticker := time.NewTicker(o.opt.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-expiry.C:
			end(ErrLost)
			return
		case <-ticker.C:
		}
		asked := time.Now()
		ctx, cancel := context.WithDeadline(context.Background(), asked.Add(o.opt.Lease/4))
		held, err := o.run(ctx, finishScript, name, owner, "extend", milliseconds(o.opt.Lease), "").AsInt64()
		cancel()
		switch {
		case err != nil:
			o.opt.OnError(fmt.Errorf("once: extend: %w", exec.Unavailable(context.Background(), err)))
		case held == 0:
			end(ErrLost)
			return
		default:
			expiry.Reset(time.Until(asked.Add(o.opt.Lease - spare)))
		}
	}
}

// keep stores an answer, and reports whether it has. It repeats what got no
// answer, within the time-out.
func (o *Once) keep(ctx context.Context, name, owner string, answer []byte) bool {
	ctx, cancel := exec.Bound(context.WithoutCancel(ctx), o.opt.Timeout)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		held, err := o.run(ctx, finishScript, name, owner, "keep", milliseconds(o.opt.Retention),
			string(answer)).AsInt64()
		if err == nil && held == 1 {
			return true
		}
		var refusal *rueidis.RedisError
		if err == nil {
			err = ErrLost
		} else if !errors.As(err, &refusal) && ctx.Err() == nil {
			time.Sleep(min(pause, o.opt.Timeout/4)) // not answered
			continue
		}
		o.opt.OnError(fmt.Errorf("once: keep the answer: %w", exec.Unavailable(ctx, err)))
		return false
	}
}

// free gives the key back; if that fails, the lease ends by itself.
func (o *Once) free(ctx context.Context, name, owner string) {
	err := o.run(context.WithoutCancel(ctx), finishScript, name, owner, "free", "0", "").Error()
	if err != nil {
		o.opt.OnError(fmt.Errorf("once: free the key: %w", exec.Unavailable(context.WithoutCancel(ctx), err)))
	}
}

// Forget deletes the record of a key, so that the next call runs.
func (o *Once) Forget(ctx context.Context, key string) error {
	name, err := o.name(key)
	if err != nil {
		return err
	}
	ctx, cancel := exec.Bound(ctx, o.opt.Timeout)
	defer cancel()
	if err := o.client.Do(ctx, o.client.B().Del().Key(name).Build()).Error(); err != nil {
		return fmt.Errorf("once: forget: %w", exec.Unavailable(ctx, err))
	}
	return nil
}

func (o *Once) run(ctx context.Context, script *rueidis.Lua, name string,
	args ...string) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, o.opt.Timeout)
	defer cancel()
	return exec.Script(ctx, script, o.client, []string{name}, args)
}

// name is the key in Redis. What would make a long key, or a wrong hash tag, is
// hashed.
func (o *Once) name(key string) (string, error) {
	const hashed = "sha256-"
	if key == "" {
		return "", ErrKey
	}
	if len(key) > 128 || strings.ContainsAny(key, "{}") || strings.HasPrefix(key, hashed) {
		sum := sha256.Sum256([]byte(key))
		key = hashed + hex.EncodeToString(sum[:])
	}
	return o.opt.Prefix + ":{" + key + "}", nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
