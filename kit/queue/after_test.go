package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// TestAfter runs a job when the jobs that it waits for are completed, and not
// before, although one of them fails at first.
func TestAfter(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{Retention: time.Hour})
		entries := []Entry[string]{}
		for i := range 20 {
			entries = append(entries, Entry[string]{"part", JobOptions{ID: fmt.Sprint("part ", i)}})
		}
		sum := JobOptions{ID: "sum", Priority: 100}
		for _, e := range entries {
			sum.After = append(sum.After, e.Options.ID)
		}
		entries = append(entries, Entry[string]{"sum", sum},
			Entry[string]{"last", JobOptions{ID: "last", After: []string{"sum", "part 3"}}})
		_, err := q.EnqueueMany(t.Context(), entries)
		check(t, err)
		if s := stats(t, q); s.Waiting != 2 || s.Ready != 20 {
			t.Errorf("%+v", s)
		}
		if info := get(t, q, "last"); info.State != Waiting || len(info.After) != 2 {
			t.Errorf("%+v", info)
		}
		var parts atomic.Int64
		order := make(chan string, 5)
		for range 2 {
			work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
				if j.Payload != "part" {
					order <- fmt.Sprint(j.Payload, " after ", parts.Load())
					return nil
				}
				if j.ID == "part 7" && j.Attempt == 1 {
					return RetryAfter(50*time.Millisecond, errors.New("once"))
				}
				parts.Add(1)
				return nil
			})
		}
		for _, want := range []string{"sum after 20", "last after 20"} {
			if got := receive(t, order); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		eventually(t, "all done", func() bool { return stats(t, q).Done == 22 })
		enqueue(t, q, "late", JobOptions{After: []string{"sum"}}) // which is done
		receive(t, order)
		n, err := client.Do(t.Context(), client.B().Hkeys().Key(q.keys[9]).Build()).AsStrSlice()
		if text := strings.Join(n, " "); err != nil || strings.Contains(text, "w:") {
			t.Errorf("control has %s, %v", text, err)
		}
	})
}

// TestAfterFailure gives up a job whose predecessor is given up or cancelled,
// those that wait for it too, and has them back when they are redriven in
// order.
func TestAfterFailure(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{OnError: silent})
		var mended atomic.Bool
		work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
			if j.ID == "a" && !mended.Load() {
				return Permanent(errors.New("broken"))
			}
			return nil
		})
		_, err := q.EnqueueMany(t.Context(), []Entry[string]{{"", JobOptions{ID: "a"}},
			{"", JobOptions{ID: "b", After: []string{"a"}}}, {"", JobOptions{ID: "c", After: []string{"b"}}}})
		check(t, err)
		eventually(t, "all are dead", func() bool { return stats(t, q).Dead == 3 })
		if info := get(t, q, "b"); !strings.Contains(info.LastError, "waits for is dead: a") {
			t.Errorf("%+v", info)
		}
		if err := q.Redrive(t.Context(), "b"); !errors.Is(err, ErrAfter) {
			t.Errorf("redriven before what it waits for: %v", err)
		}
		mended.Store(true)
		check(t, q.Redrive(t.Context(), "a", "b", "c"))
		eventually(t, "all are done", func() bool { return stats(t, q).Completed == 3 })

		enqueue(t, q, "", JobOptions{ID: "x", Delay: time.Hour})
		enqueue(t, q, "", JobOptions{ID: "y", After: []string{"x"}})
		enqueue(t, q, "", JobOptions{ID: "z", After: []string{"x"}})
		if state, err := q.Cancel(t.Context(), "z"); state != Waiting || err != nil {
			t.Errorf("%s, %v", state, err)
		}
		if state, err := q.Cancel(t.Context(), "x"); state != Delayed || err != nil {
			t.Errorf("%s, %v", state, err)
		}
		if info := get(t, q, "y"); info.State != Dead || !strings.Contains(info.LastError, "was cancelled: x") {
			t.Errorf("%+v", info)
		}
	})
}

// TestAfterRefusals adds nothing when a job to wait for is not there.
func TestAfterRefusals(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		for _, entries := range [][]Entry[string]{
			{{"", JobOptions{ID: "a"}}, {"", JobOptions{ID: "b", After: []string{"none"}}}},
			{{"", JobOptions{ID: "b", After: []string{"a"}}}, {"", JobOptions{ID: "a"}}}, // too late
			{{"", JobOptions{ID: "a", After: []string{"a"}}}},
			{{"", JobOptions{ID: "a", Unique: "u"}}, {"", JobOptions{ID: "b", After: []string{"a"}}}},
			{{"", JobOptions{ID: "a"}}, {"", JobOptions{After: []string{"a"}, Delay: time.Hour}}},
			{{"", JobOptions{ID: "a"}}, {"", JobOptions{After: []string{"a\n"}}}},
		} {
			if ids, err := q.EnqueueMany(t.Context(), entries); err == nil {
				t.Errorf("%+v: %v", entries, ids)
			}
		}
		if s := stats(t, q); s != (Stats{}) {
			t.Errorf("%+v", s)
		}
	})
}
