package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Run handles jobs until the context ends. It then takes no more, lets those
// that are under way finish for ShutdownTimeout, ends their contexts with
// ErrShutdown and returns the context's error when all handlers have returned.
// What was interrupted is ready for others at once.
//
// A handler's nil completes the job. An error or a panic has it tried again
// after a pause, and at the end makes it a dead letter; see Permanent,
// RetryAfter and Snooze. The handler's context ends with the cause ErrLost when
// the lease cannot be renewed, ErrCancelled when the job is cancelled, and with
// context.DeadlineExceeded after JobOptions.Timeout. A handler that goes on
// regardless keeps its place, and its job to itself.
//
// Run waits for a Redis that is away; Options.OnError is told. It returns
// errors that a retry cannot fix, such as a denied command.
func (q *Queue[T]) Run(ctx context.Context, opt WorkerOptions,
	handler func(context.Context, *Job[T]) error) error {
	opt, err := opt.complete()
	if err != nil {
		return err
	}
	r := &runner[T]{q: q, opt: opt, handler: handler, free: make(chan struct{}, opt.Concurrency),
		held: map[string]*holding{}}
	for range opt.Concurrency {
		r.free <- struct{}{}
	}
	var endJobs context.CancelCauseFunc
	r.jobs, endJobs = context.WithCancelCause(context.WithoutCancel(ctx))
	defer endJobs(nil)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var aside sync.WaitGroup
	aside.Go(func() { r.beat(background) })
	taking, stopTaking := context.WithCancel(ctx)
	aside.Go(func() { q.fire(taking) })

	err = r.fetch(taking)
	stopTaking()
	patience := time.AfterFunc(max(opt.ShutdownTimeout, 0), func() { endJobs(ErrShutdown) })
	r.busy.Wait()
	patience.Stop()
	stop()
	aside.Wait()
	r.waits.Wait()
	return err
}

// A runner is one Run.
type runner[T any] struct {
	q       *Queue[T]
	opt     WorkerOptions
	handler func(context.Context, *Job[T]) error
	jobs    context.Context // parent of the handlers'
	free    chan struct{}   // has one element for each job that may begin
	busy    sync.WaitGroup  // handlers
	waits   sync.WaitGroup  // calls that wait in Redis

	mu   sync.Mutex
	held map[string]*holding // by the member of the active set
}

// A holding is a job that this runner has the lease of.
type holding struct {
	end    context.CancelCauseFunc
	expiry *time.Timer // ends the job's context
	until  atomic.Int64
}

var clock = time.Now() // where the times of holding.until begin

// hold keeps until when the lease is held, and returns for how long that is.
func (h *holding) hold(until time.Time) time.Duration {
	h.until.Store(int64(until.Sub(clock)))
	return time.Until(until)
}

// over reports whether the lease is held no more.
func (h *holding) over() bool { return int64(time.Since(clock)) > h.until.Load() }

// spare is by how much the local end of a lease comes before that in Redis, for
// clocks that run at different speeds and for a busy machine.
func (r *runner[T]) spare() time.Duration { return r.opt.Lease/20 + 2*time.Millisecond }

// fetch takes jobs and starts them.
func (r *runner[T]) fetch(ctx context.Context) error {
	var rest pause
	checked := false
	for {
		n := r.slots(ctx)
		if n == 0 {
			return ctx.Err()
		}
		var err error
		if !checked {
			err = r.q.allowed(ctx)
			checked = err == nil
		}
		started, next := 0, time.Duration(0)
		if err == nil {
			started, next, err = r.take(ctx, n)
		}
		for range n - started {
			r.free <- struct{}{}
		}
		switch {
		case err != nil && permanent(err):
			return err
		case err != nil:
			r.q.opt.OnError(err)
			rest.wait(ctx)
		case started == n || next == 0:
			rest = 0
		default:
			rest = 0
			wait := r.opt.PollInterval
			if next > 0 {
				wait = min(wait, next)
			}
			r.idle(ctx, wait)
		}
	}
}

// slots waits until at least one job may begin and returns how many may.
func (r *runner[T]) slots(ctx context.Context) (n int) {
	select {
	case <-ctx.Done():
		return 0
	case <-r.free:
	}
	for n = 1; ; n++ {
		select {
		case <-r.free:
		default:
			if ctx.Err() != nil { // both were ready
				return 0
			}
			return n
		}
	}
}

// take starts up to n jobs, and returns in how long there may be more: negative
// when that is unknown.
func (r *runner[T]) take(ctx context.Context, n int) (started int, next time.Duration, err error) {
	begin := time.Now()
	// Not bounded by ctx: what Redis hands out is to be heard of.
	reply, err := r.q.run(context.WithoutCancel(ctx), takeScript, strconv.Itoa(n),
		milliseconds(r.opt.Lease), r.opt.Worker, strconv.Itoa(r.opt.PerKey),
		milliseconds(r.opt.PerKeyInterval), strconv.Itoa(r.opt.MaxLost),
		milliseconds(r.q.opt.DeadRetention)).ToArray()
	if err == nil && len(reply) != 3 {
		err = exec.ErrReply
	}
	if err != nil {
		return 0, 0, fmt.Errorf("queue: take: %w", exec.Unavailable(context.WithoutCancel(ctx), err))
	}
	ms, _ := reply[1].AsInt64()
	lost, _ := reply[2].ToArray()
	for _, job := range lost {
		f, _ := job.AsStrSlice()
		if len(f) == 2 {
			text := "queue: job %q: its worker was lost; it is tried again"
			if f[1] == "1" {
				text = "queue: job %q: its worker was lost; it is a dead letter now"
			}
			r.q.opt.OnError(fmt.Errorf(text, f[0]))
		}
	}
	jobs, _ := reply[0].ToArray()
	for _, job := range jobs {
		f, err := job.AsStrSlice()
		if err != nil || len(f) != 4 {
			return started, 0, errors.New("queue: take: unexpected job")
		}
		r.start(f[0], f[1], f[2], f[3], begin)
		started++
	}
	return started, time.Duration(ms) * time.Millisecond, nil
}

// start runs a job that was taken.
func (r *runner[T]) start(id, token, head, payload string, begin time.Time) {
	member := token + ":" + id
	ctx, end := context.WithCancelCause(r.jobs)
	h := &holding{end: end}
	h.expiry = time.AfterFunc(h.hold(begin.Add(r.opt.Lease-r.spare())), func() { end(ErrLost) })
	r.mu.Lock()
	r.held[member] = h
	r.mu.Unlock()
	r.busy.Go(func() {
		defer func() {
			r.mu.Lock()
			delete(r.held, member)
			r.mu.Unlock()
			h.expiry.Stop()
			end(nil)
			r.free <- struct{}{}
		}()
		var m meta
		err := json.Unmarshal([]byte(head), &m)
		job := newJob[T](&r.q.Admin, id, member, m)
		if err == nil {
			err = json.Unmarshal([]byte(payload), &job.Payload)
		}
		if err != nil {
			err = Permanent(fmt.Errorf("queue: decode the job: %w", err))
		} else if h.over() {
			end(ErrLost) // the answer took as long as the lease
			err = ErrLost
		} else {
			err = r.call(ctx, h, job, time.Duration(m.Timeout)*time.Millisecond)
		}
		r.finish(ctx, job, m.Failures+1, err)
	})
}

// call runs the handler.
func (r *runner[T]) call(ctx context.Context, h *holding, job *Job[T],
	timeout time.Duration) (err error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("queue: the handler panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return r.handler(leased{ctx, h}, job)
}

// leased is the context of a handler. Its Err looks at the clock: where the
// process was stopped for longer than the lease, the handler may run on before
// the timer does.
type leased struct {
	context.Context
	h *holding
}

func (c leased) Err() error {
	if c.h.over() {
		c.h.end(ErrLost)
	}
	return c.Context.Err()
}

// finish tells Redis how a job ended, until it answers. The lease is renewed
// meanwhile.
func (r *runner[T]) finish(ctx context.Context, job *Job[T], failures int, err error) {
	how, wait, text := "done", time.Duration(0), job.result
	if err != nil {
		how, wait, text = r.judge(ctx, failures, err)
	}
	var rest pause
	for begin := time.Now(); ; {
		became, fault := r.q.run(context.WithoutCancel(ctx), finishScript, job.member, job.ID, how,
			milliseconds(wait), text, milliseconds(r.q.opt.DeadRetention)).ToString()
		switch {
		case fault == nil && became == "":
			r.q.opt.OnError(fmt.Errorf("%w: job %q had ended as %s", ErrLost, job.ID, how))
			return
		case fault == nil && became == "dead":
			r.q.opt.OnError(fmt.Errorf("queue: job %q is a dead letter: %w", job.ID, err))
			return
		case fault == nil:
			return
		}
		r.q.opt.OnError(fmt.Errorf("queue: job %q: %w", job.ID, exec.Unavailable(context.WithoutCancel(ctx), fault)))
		if permanent(fault) || r.jobs.Err() != nil && time.Since(begin) > r.q.opt.Timeout {
			return // another has it when the lease is over
		}
		rest.wait(context.WithoutCancel(ctx))
	}
}

// judge says what a handler's error makes of its job.
func (r *runner[T]) judge(ctx context.Context, failures int, err error) (how string,
	wait time.Duration, text string) {
	text = strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "")
	}
	var o *outcome
	told := errors.As(err, &o)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrCancelled):
		return "cancelled", 0, text
	case told && o.how != "failed":
		return o.how, o.pause, text
	case errors.Is(cause, ErrShutdown), errors.Is(cause, ErrLost):
		return "released", 0, text
	case told && o.pause > 0:
		return "failed", o.pause, text
	}
	return "failed", max(r.opt.Backoff(failures, err), 0), text
}

// maxReason is how much of an error's text is kept, in bytes.
const maxReason = 4096

// beat renews the leases of what is held.
func (r *runner[T]) beat(ctx context.Context) {
	ticker := time.NewTicker(r.opt.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var rest pause
		for begin := time.Now(); ; {
			err := r.renew()
			if err == nil {
				break
			}
			r.q.opt.OnError(err)
			if time.Since(begin) > r.opt.Lease/3 {
				break
			}
			rest.wait(ctx)
		}
	}
}

// renew renews all leases once, and ends the contexts of jobs that are lost or
// to be cancelled.
func (r *runner[T]) renew() error {
	r.mu.Lock()
	args := []string{milliseconds(r.opt.Lease)}
	for member := range r.held {
		args = append(args, member)
	}
	r.mu.Unlock()
	if len(args) == 1 {
		return nil
	}
	begin := time.Now()
	states, err := r.q.run(context.Background(), extendScript, args...).AsIntSlice()
	if err == nil && len(states) != len(args)-1 {
		err = exec.ErrReply
	}
	if err != nil {
		return fmt.Errorf("queue: renew leases: %w", exec.Unavailable(context.Background(), err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, member := range args[1:] {
		h := r.held[member]
		switch {
		case h == nil: // it has ended meanwhile
		case states[i] == 0:
			h.end(ErrLost)
		case states[i] == 2:
			h.end(ErrCancelled)
			fallthrough
		default:
			h.expiry.Reset(h.hold(begin.Add(r.opt.Lease - r.spare())))
		}
	}
	return nil
}

// idle waits in Redis until there may be work, at most as long as told.
func (r *runner[T]) idle(ctx context.Context, wait time.Duration) {
	wait = max(wait, time.Millisecond)
	begin := time.Now()
	calling, cancel := context.WithCancel(ctx)
	answer := make(chan error, 1)
	r.waits.Go(func() {
		defer cancel()
		client := r.q.client
		answer <- client.Do(calling, client.B().Blpop().Key(r.q.wakeKey()).Timeout(
			wait.Seconds()).Build()).Error()
	})
	// Not by a deadline of the context, which connecting would not hear.
	guard := time.NewTimer(wait + r.q.opt.Timeout)
	defer guard.Stop()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		cancel()
		return
	case <-guard.C:
		cancel()
		err = errors.New("no answer")
	}
	if err == nil || rueidis.IsRedisNil(err) || ctx.Err() != nil {
		return
	}
	// Whether it is worth telling, take finds out.
	sleep(ctx, min(wait-time.Since(begin), 100*time.Millisecond))
}

// errDenied says that the user may not do what a worker must.
var errDenied = errors.New("queue: the user of Redis lacks a permission")

// allowed checks the permissions that scripts need.
func (a *Admin) allowed(ctx context.Context) error {
	denied, err := a.run(ctx, checkScript).ToString()
	if err == nil && denied != "" {
		err = fmt.Errorf("%w: %s", errDenied, denied)
	}
	return err
}

// permanent tells errors that come again from those that pass by themselves.
func permanent(err error) bool {
	return errors.Is(err, errDenied) || exec.Permanent(err)
}

// A pause grows with each wait.
type pause time.Duration

func (p *pause) wait(ctx context.Context) {
	*p = min(max(2**p, pause(20*time.Millisecond)), pause(time.Second))
	sleep(ctx, time.Duration(*p))
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
