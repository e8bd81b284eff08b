package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A State is where a job stands.
type State string

// The states of a job. A job that failed and is to be tried again is delayed. A
// blocked one waits for its key, a waiting one for other jobs. Done ones are
// completed, or cancelled.
const (
	Ready   State = "ready"
	Delayed State = "delayed"
	Blocked State = "blocked"
	Waiting State = "waiting"
	Active  State = "active"
	Done    State = "done"
	Dead    State = "dead"
)

// States are all states.
func States() []State { return []State{Ready, Delayed, Blocked, Waiting, Active, Done, Dead} }

// Info is what is known of a job. Times are by the clock of Redis, and zero
// where there is none.
type Info struct {
	ID        string
	State     State
	Cancelled bool
	Payload   json.RawMessage
	Result    json.RawMessage // of SetResult
	Progress  json.RawMessage // the last of Job.Progress

	Priority    int
	Key, Unique string
	After       []string
	MaxAttempts int
	Failures    int    // attempts that failed
	Lost        int    // attempts whose worker was lost
	LastError   string // of the last attempt that failed
	Worker      string // that has it, or had it last

	EnqueuedAt  time.Time
	DueAt       time.Time // of a delayed job
	StartedAt   time.Time // of the last attempt
	LeaseEndsAt time.Time // of an active job
	FinishedAt  time.Time // of a done or dead job
}

// Get looks a job up. It returns ErrNotFound when there is no record of it, or
// no longer.
func (a *Admin) Get(ctx context.Context, id string) (Info, error) {
	found, err := a.inspect(ctx, "ids", id)
	if err != nil {
		return Info{}, err
	}
	if len(found) == 0 {
		return Info{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return found[0], nil
}

// List yields the jobs of a state: ready ones in the order in which they will
// be taken, delayed ones as they are due, dead and done ones as they will be
// forgotten. It reads a hundred at a time; what moves meanwhile may be missed
// or come twice. After an error it ends.
func (a *Admin) List(ctx context.Context, state State) iter.Seq2[Info, error] {
	const page = 100
	return func(yield func(Info, error) bool) {
		if !slices.Contains(States(), state) {
			yield(Info{}, fmt.Errorf("queue: no state %q", state))
			return
		}
		for offset := 0; ; offset += page {
			found, err := a.inspect(ctx, string(state), strconv.Itoa(offset), strconv.Itoa(page))
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, info := range found {
				if !yield(info, nil) {
					return
				}
			}
			if len(found) < page {
				return
			}
		}
	}
}

func (a *Admin) inspect(ctx context.Context, args ...string) (found []Info, err error) {
	rows, err := a.run(ctx, inspectScript, args...).ToArray()
	if err != nil {
		return nil, fmt.Errorf("queue: inspect: %w", exec.Unavailable(ctx, err))
	}
	for _, row := range rows {
		f, err := row.AsStrSlice()
		if err != nil || len(f) != 7 {
			return nil, fmt.Errorf("queue: inspect: %w", exec.ErrReply)
		}
		var m meta
		if err := json.Unmarshal([]byte(f[2]), &m); err != nil {
			return nil, fmt.Errorf("queue: inspect %q: %w", f[0], err)
		}
		at, err := strconv.ParseFloat(f[6], 64)
		if err != nil {
			return nil, fmt.Errorf("queue: inspect %q: %w", f[0], err)
		}
		info := Info{ID: f[0], State: State(f[1]), Cancelled: m.Cancelled == 1,
			Payload: raw(f[3]), Result: raw(f[4]), Progress: raw(f[5]),
			Priority: m.Priority, Key: m.Key, Unique: m.Unique, After: m.After, MaxAttempts: m.MaxAttempts,
			Failures: m.Failures, Lost: m.Lost, LastError: m.Error, Worker: m.Worker,
			EnqueuedAt: instant(m.At), StartedAt: instant(m.Started), FinishedAt: instant(m.Finished)}
		switch info.State {
		case Delayed:
			info.DueAt = instant(int64(at))
		case Active:
			info.LeaseEndsAt = instant(int64(at))
		}
		found = append(found, info)
	}
	return found, nil
}

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Stats are counts of a queue.
type Stats struct {
	Ready, Delayed, Active, Dead, Done, Blocked, Waiting int64

	Paused bool

	// How often jobs have been completed, attempts have failed, jobs have
	// become dead letters and were cancelled, since the queue exists.
	Completed, Failed, Died, Cancelled int64

	// Latency is the age of the job that is next.
	Latency time.Duration
}

// Stats counts the queue's jobs, at a cost that does not depend on them.
func (a *Admin) Stats(ctx context.Context) (Stats, error) {
	n, err := a.run(ctx, statsScript).AsIntSlice()
	if err == nil && len(n) != 14 {
		err = exec.ErrReply
	}
	if err != nil {
		return Stats{}, fmt.Errorf("queue: stats: %w", exec.Unavailable(ctx, err))
	}
	s := Stats{Ready: n[0], Delayed: n[1], Active: n[2], Dead: n[3], Done: n[4], Blocked: n[5],
		Waiting: n[6], Paused: n[7] == 1, Completed: n[8], Failed: n[9], Died: n[10], Cancelled: n[11]}
	if n[12] > 0 {
		s.Latency = time.Duration(n[13]-n[12]) * time.Millisecond
	}
	return s, nil
}

// Pause has workers take no more jobs, in all processes, until Resume. Those
// under way go on, and jobs can be enqueued.
func (a *Admin) Pause(ctx context.Context) error { return a.pause(ctx, "1") }

// Resume ends Pause.
func (a *Admin) Resume(ctx context.Context) error { return a.pause(ctx, "0") }

func (a *Admin) pause(ctx context.Context, how string) error {
	if err := a.run(ctx, pauseScript, how).Error(); err != nil {
		return fmt.Errorf("queue: pause: %w", exec.Unavailable(ctx, err))
	}
	return nil
}

// Cancel cancels a job, and returns the state that it was in. A job that is
// Active has the context of its handler ended when the lease is next renewed,
// and is cancelled if the handler returns an error; one that is Done or Dead
// stays so. It returns ErrNotFound when there is no such job.
func (a *Admin) Cancel(ctx context.Context, id string) (State, error) {
	state, err := a.run(ctx, cancelScript, id, milliseconds(a.opt.DeadRetention)).ToString()
	if err != nil {
		return "", fmt.Errorf("queue: cancel: %w", exec.Unavailable(ctx, err))
	}
	if state == "" {
		return "", fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return State(state), nil
}

// Redrive puts dead letters back, as if they had never been tried. The error
// names those for which there is no dead letter (ErrNotFound), or whose unique
// name is another job's by now (ErrDuplicate); the others are back all the
// same.
func (a *Admin) Redrive(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	back, err := a.run(ctx, redriveScript, ids...).AsIntSlice()
	if err == nil && len(back) != len(ids) {
		err = exec.ErrReply
	}
	if err != nil {
		return fmt.Errorf("queue: redrive: %w", exec.Unavailable(ctx, err))
	}
	var all error
	for i, how := range back {
		switch how {
		case 0:
			all = errors.Join(all, fmt.Errorf("%w: %q", ErrNotFound, ids[i]))
		case -1:
			all = errors.Join(all, fmt.Errorf("%w: %q", ErrDuplicate, ids[i]))
		case -2:
			all = errors.Join(all, fmt.Errorf("%w: %q", ErrAfter, ids[i]))
		}
	}
	return all
}

// Delete deletes dead letters and the records of done jobs, and returns how
// many there were.
func (a *Admin) Delete(ctx context.Context, ids ...string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	n, err := a.run(ctx, removeScript, ids...).AsInt64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return 0, fmt.Errorf("queue: delete: %w", exec.Unavailable(ctx, err))
	}
	return int(n), nil
}
