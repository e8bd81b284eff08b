package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Options are a queue's settings; the zero value is ready to use.
type Options struct {
	// Name of the queue. Default: "default".
	Name string

	// Prefix begins every key in Redis. Default: "queue".
	Prefix string

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 5 s.
	Timeout time.Duration

	// MaxAttempts is how many times a job may fail before it becomes a dead
	// letter, unless JobOptions says otherwise. Default: 20, which the default
	// back-off spreads over four days.
	MaxAttempts int

	// Retention is how long a completed or cancelled job, and its result, can
	// be looked up, unless JobOptions says otherwise. Default: 1 minute;
	// negative: not at all.
	Retention time.Duration

	// DeadRetention is how long dead letters are kept. Default: 90 days.
	DeadRetention time.Duration

	// OnError receives errors that are being retried and jobs that were lost or
	// given up. It must not block. Default: a warning to [slog.Default].
	OnError func(error)
}

func (opt Options) complete() (Options, error) {
	if opt.Name == "" {
		opt.Name = "default"
	}
	if opt.Prefix == "" {
		opt.Prefix = "queue"
	}
	if strings.ContainsAny(opt.Prefix+opt.Name, "{}") {
		return opt, fmt.Errorf("queue: braces in the prefix %q or the name %q", opt.Prefix, opt.Name)
	}
	fill(&opt.Timeout, 5*time.Second)
	fill(&opt.Retention, time.Minute)
	fill(&opt.DeadRetention, 90*24*time.Hour)
	if opt.MaxAttempts == 0 {
		opt.MaxAttempts = 20
	}
	if opt.OnError == nil {
		opt.OnError = exec.Log
	}
	if opt.Timeout < 0 || opt.DeadRetention < 0 || opt.MaxAttempts < 1 {
		return opt, fmt.Errorf("queue: options out of range: timeout %s, dead retention %s, attempts %d",
			opt.Timeout, opt.DeadRetention, opt.MaxAttempts)
	}
	return opt, nil
}

func fill(d *time.Duration, with time.Duration) {
	if *d == 0 {
		*d = with
	}
}

// JobOptions are the settings of one job; the zero value is ready to use.
type JobOptions struct {
	// ID names the job. Enqueue refuses an id for as long as there is a record
	// of a job that has it. Default: a random one.
	ID string

	// Delay and At say when the job is due; the later counts. Default: now.
	Delay time.Duration
	At    time.Time

	// Priority, from -100 to 100: ready jobs with a higher one are taken first,
	// those with the same one in their order.
	Priority int

	// Unique, if set, refuses the job while another with the same name is
	// unfinished. A dead letter is finished.
	Unique string

	// UniqueFor keeps the unique name taken for at least so long after it was
	// enqueued, also when the job is finished sooner.
	UniqueFor time.Duration

	// Key groups jobs, by customer say, for the limits
	// [WorkerOptions.PerKey] and [WorkerOptions.PerKeyInterval].
	Key string

	// After has the ids of jobs of this queue that must be completed first;
	// they may be entries before this one in the same EnqueueMany. When one of
	// them becomes a dead letter or is cancelled, so does this job become a
	// dead letter. Delay and At cannot be had with it.
	After []string

	// MaxAttempts and Retention replace those of Options.
	MaxAttempts int
	Retention   time.Duration

	// Timeout ends the context of the job's handler. Default: none.
	Timeout time.Duration
}

func (o JobOptions) check() error {
	for what, text := range map[string]string{"id": o.ID, "unique name": o.Unique, "key": o.Key} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			return fmt.Errorf("queue: the %s %q is not valid UTF-8, or has control characters", what, text)
		}
	}
	for _, id := range o.After {
		if err := (JobOptions{ID: id}).check(); err != nil || id == "" {
			return errors.Join(err, fmt.Errorf("queue: no job can be called %q", id))
		}
	}
	if len(o.After) > 0 && (o.Delay > 0 || !o.At.IsZero()) {
		return errors.New("queue: a job that waits for others cannot have a time of its own")
	}
	if o.Priority < -100 || o.Priority > 100 || o.MaxAttempts < 0 || o.Timeout < 0 || o.UniqueFor < 0 {
		return fmt.Errorf("queue: job options out of range: %+v", o)
	}
	return nil
}

// WorkerOptions are the settings of Run; the zero value is ready to use.
type WorkerOptions struct {
	// Concurrency is how many jobs this Run handles at the same time. Default:
	// 10.
	Concurrency int

	// Lease is how long a job stays with a worker that gives no sign of life.
	// Workers renew it every third of that. At least 100 ms. Default: 30 s.
	Lease time.Duration

	// Backoff returns the pause after the nth failure of a job, from 1 on.
	// Default: [Backoff].
	Backoff func(failures int, err error) time.Duration

	// MaxLost is after how many lost workers a job becomes a dead letter, so
	// that a job that crashes its process does not do so for ever. Default: 5.
	MaxLost int

	// ShutdownTimeout is how long handlers may go on after Run's context has
	// ended before theirs end too. Default: 8 s; negative: none.
	ShutdownTimeout time.Duration

	// PerKey is how many jobs of one key may run at the same time, over all
	// processes. Default: 0, any number.
	PerKey int

	// PerKeyInterval is the shortest time between the starts of two jobs of one
	// key, over all processes. Default: none.
	PerKeyInterval time.Duration

	// PollInterval bounds how long an idle worker waits without asking. Workers
	// are woken when there is work; this is the net under it. Default: 2 s.
	PollInterval time.Duration

	// Worker names this process in what inspection shows. Default: host and
	// process id.
	Worker string
}

func (opt WorkerOptions) complete() (WorkerOptions, error) {
	if opt.Concurrency == 0 {
		opt.Concurrency = 10
	}
	if opt.MaxLost == 0 {
		opt.MaxLost = 5
	}
	if opt.Backoff == nil {
		opt.Backoff = func(failures int, _ error) time.Duration { return Backoff(failures) }
	}
	fill(&opt.Lease, 30*time.Second)
	fill(&opt.ShutdownTimeout, 8*time.Second)
	fill(&opt.PollInterval, 2*time.Second)
	if opt.Worker == "" {
		opt.Worker = workerName()
	}
	if opt.Concurrency < 0 || opt.MaxLost < 0 || opt.Lease < 100*time.Millisecond || opt.PerKey < 0 ||
		opt.PerKeyInterval < 0 || opt.PollInterval < time.Millisecond {
		return opt, fmt.Errorf("queue: worker options out of range: %d at a time, lease %s, %d lost, %d per key every %s, poll %s",
			opt.Concurrency, opt.Lease, opt.MaxLost, opt.PerKey, opt.PerKeyInterval, opt.PollInterval)
	}
	return opt, nil
}

// Backoff is the default pause after the nth failure: 10 s, doubled each time
// up to 12 h, less a random part of up to a quarter.
func Backoff(failures int) time.Duration {
	const most = 12 * time.Hour
	pause := most
	if failures < 13 {
		pause = min(10*time.Second<<max(failures-1, 0), most)
	}
	return pause - rand.N(pause/4)
}

var (
	// ErrDuplicate says that the id or the unique name is another job's.
	ErrDuplicate = errors.New("queue: there is such a job already")

	// ErrAfter says that a job to wait for is not there, or will not be
	// completed.
	ErrAfter = errors.New("queue: a job to wait for is not there, or will not be completed")

	// ErrNotFound says that there is no record of the job.
	ErrNotFound = errors.New("queue: no such job")

	// ErrLost is the cause of a handler's context that ended because the lease
	// could not be renewed: another worker may have the job.
	ErrLost = errors.New("queue: the lease was lost")

	// ErrCancelled is the cause of a handler's context that ended because the
	// job was cancelled.
	ErrCancelled = errors.New("queue: the job was cancelled")

	// ErrShutdown is the cause of a handler's context that ended because Run
	// had to.
	ErrShutdown = errors.New("queue: the worker shuts down")
)

// outcome is an error of a handler that says what is to become of the job.
type outcome struct {
	how   string
	pause time.Duration
	err   error
}

func (o *outcome) Error() string { return o.err.Error() }
func (o *outcome) Unwrap() error { return o.err }

// Permanent wraps an error that no further attempt would mend: the job becomes
// a dead letter at once.
func Permanent(err error) error { return &outcome{how: "dead", err: err} }

// RetryAfter wraps an error with the pause before the next attempt, in place of
// WorkerOptions.Backoff.
func RetryAfter(pause time.Duration, err error) error {
	return &outcome{how: "failed", pause: max(pause, time.Millisecond), err: err}
}

// Snooze has the job run again after a pause. It does not count as a failure.
func Snooze(pause time.Duration) error {
	return &outcome{how: "snoozed", pause: pause, err: errors.New("queue: snoozed")}
}
