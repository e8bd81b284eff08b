package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A Job is what a handler gets: one attempt of one job.
type Job[T any] struct {
	ID      string
	Payload T

	// Attempt counts the attempts from 1 on; those that Snooze or a shutdown
	// ended do not count.
	Attempt int

	// LastError is how the attempt before this one failed.
	LastError string

	// EnqueuedAt is when the job was enqueued, by the clock of Redis.
	EnqueuedAt time.Time

	// Key is that of the JobOptions.
	Key string

	// Token grows with each run of this job. Hand it to what the job writes to,
	// and let that refuse one lower than the highest it has seen: see the
	// package's documentation.
	Token int64

	admin  *Admin
	member string // of the active set
	result string
}

// SetResult keeps a value, encoded as JSON, to be looked up by [Admin.Get] when
// the job is completed, for as long as its retention.
func (j *Job[T]) SetResult(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("queue: encode a result: %w", err)
	}
	j.result = string(text)
	return nil
}

// Progress publishes how far the job is, encoded as JSON, for [Admin.Get]. It
// returns ErrLost when the job is another worker's by now.
func (j *Job[T]) Progress(ctx context.Context, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("queue: encode a progress: %w", err)
	}
	held, err := j.admin.run(ctx, progressScript, j.member, j.ID, string(text)).AsInt64()
	if err != nil {
		return fmt.Errorf("queue: progress: %w", exec.Unavailable(ctx, err))
	}
	if held == 0 {
		return ErrLost
	}
	return nil
}

func newJob[T any](admin *Admin, id, member string, m meta) *Job[T] {
	return &Job[T]{
		ID: id, Attempt: m.Failures + m.Lost + 1, LastError: m.Error, EnqueuedAt: time.UnixMilli(m.At),
		Key: m.Key, Token: m.Token, admin: admin, member: member,
	}
}

func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + strconv.Itoa(os.Getpid())
}
