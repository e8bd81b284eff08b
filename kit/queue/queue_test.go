package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestOrder takes jobs by priority, and those of one priority in their order.
func TestOrder(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		for i, p := range []int{0, -100, 5, 0, 100, 5} {
			enqueue(t, q, fmt.Sprint(p, "/", i), JobOptions{Priority: p})
		}
		got := make(chan string, 10)
		work(t, q, WorkerOptions{Concurrency: 1}, func(_ context.Context, j *Job[string]) error {
			got <- j.Payload
			return nil
		})
		for _, want := range []string{"100/4", "5/2", "5/5", "0/0", "0/3", "-100/1"} {
			if p := receive(t, got); p != want {
				t.Errorf("got %s, want %s", p, want)
			}
		}
	})
}

// TestDelay runs a job when it is due, although the worker was idle and had no
// reason to look so soon.
func TestDelay(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		got := make(chan time.Time, 2)
		work(t, q, WorkerOptions{PollInterval: 15 * time.Second},
			func(context.Context, *Job[string]) error { got <- time.Now(); return nil })
		eventually(t, "the worker waits", func() bool { return blocked(t, client) })
		start := time.Now()
		id := enqueue(t, q, "soon", JobOptions{Delay: 150 * time.Millisecond})
		if state := get(t, q, id).State; state != Delayed {
			t.Errorf("it is %s", state)
		}
		// Redis counts whole milliseconds.
		if after := receive(t, got).Sub(start); after < 149*time.Millisecond || after > 5*time.Second {
			t.Errorf("it ran after %s", after)
		}
		enqueue(t, q, "at", JobOptions{At: time.Now().Add(-time.Hour)})
		receive(t, got)
	})
}

// blocked reports whether a client waits in Redis.
func blocked(t testing.TB, client rueidis.Client) bool {
	for _, node := range client.Nodes() {
		info, err := node.Do(t.Context(), node.B().Info().Section("clients").Build()).ToString()
		if err == nil && strings.Contains(info, "blocked_clients:") && !strings.Contains(info, "blocked_clients:0") {
			return true
		}
	}
	return false
}

// TestDuplicates refuses an id while there is a record of it, and a unique name
// while its job is unfinished.
func TestDuplicates(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{OnError: silent})
		first := enqueue(t, q, "a", JobOptions{ID: "one", Unique: "u"})
		refused := func(opt JobOptions) {
			t.Helper()
			if id, err := q.Enqueue(t.Context(), "b", opt); !errors.Is(err, ErrDuplicate) || id != first {
				t.Errorf("%+v: %q, %v", opt, id, err)
			}
		}
		refused(JobOptions{ID: "one"})
		refused(JobOptions{Unique: "u"})
		ids, err := q.EnqueueMany(t.Context(), []Entry[string]{{"x", JobOptions{ID: "x"}},
			{"b", JobOptions{Unique: "u"}}, {"y", JobOptions{ID: "y"}}})
		if !errors.Is(err, ErrDuplicate) || !slices.Equal(ids, []string{"x", "one", "y"}) {
			t.Errorf("%v, %v", ids, err)
		}
		stop := work(t, q, WorkerOptions{}, func(context.Context, *Job[string]) error { return nil })
		eventually(t, "all done", func() bool { return stats(t, q).Done == 3 })
		stop()
		refused(JobOptions{ID: "one"}) // there is a record
		enqueue(t, q, "c", JobOptions{Unique: "u"})

		first = enqueue(t, q, "d", JobOptions{ID: "d", Unique: "held", UniqueFor: 300 * time.Millisecond})
		if _, err := q.Cancel(t.Context(), "d"); err != nil {
			t.Fatal(err)
		}
		refused(JobOptions{Unique: "held"})
		eventually(t, "the name is free", func() bool {
			_, err := q.Enqueue(t.Context(), "e", JobOptions{Unique: "held"})
			return err == nil
		})
	})
}

// TestDeadLetterFreesItsName lets a job of the same name in when another of it
// has been given up, and refuses to have both at once.
func TestDeadLetterFreesItsName(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{OnError: silent})
		id := enqueue(t, q, "bad", JobOptions{Unique: "u"})
		stop := work(t, q, WorkerOptions{}, func(context.Context, *Job[string]) error {
			return Permanent(errors.New("no good"))
		})
		eventually(t, "it is dead", func() bool { return get(t, q, id).State == Dead })
		stop()
		second := enqueue(t, q, "again", JobOptions{Unique: "u"})
		if err := q.Redrive(t.Context(), id); !errors.Is(err, ErrDuplicate) {
			t.Errorf("redrive: %v", err)
		}
		if _, err := q.Cancel(t.Context(), second); err != nil {
			t.Error(err)
		}
		if err := q.Redrive(t.Context(), id, "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("redrive: %v", err)
		}
		if info := get(t, q, id); info.State != Ready || info.LastError != "no good" {
			t.Errorf("%+v", info)
		}
	})
}

// TestRetries tries again after the back-off, tells the attempt and the error
// before, and gives up at the end.
func TestRetries(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		var dead []string
		q := open(t, client, Options{OnError: func(err error) {
			dead = append(dead, err.Error())
		}})
		var seen []string
		stop := work(t, q, WorkerOptions{Concurrency: 1,
			Backoff: func(n int, err error) time.Duration {
				seen = append(seen, fmt.Sprint("backoff ", n, " ", err))
				return time.Millisecond
			}}, func(_ context.Context, j *Job[string]) error {
			seen = append(seen, fmt.Sprint(j.Attempt, " ", j.LastError))
			switch j.Attempt {
			case 1:
				return errors.New("first")
			case 2:
				panic("second")
			case 3:
				return RetryAfter(2*time.Millisecond, errors.New("third"))
			}
			return errors.New("last\xff")
		})
		id := enqueue(t, q, "x", JobOptions{MaxAttempts: 4})
		eventually(t, "it is dead", func() bool { return get(t, q, id).State == Dead })
		stop()
		for i, line := range seen {
			seen[i], _, _ = strings.Cut(line, "\n") // without the stack
		}
		if want := []string{"1 ", "backoff 1 first", "2 first",
			"backoff 2 queue: the handler panicked: second", "3 queue: the handler panicked: second",
			"4 third", "backoff 4 last\xff"}; !slices.Equal(seen, want) {
			t.Errorf("%q", seen)
		}
		if info := get(t, q, id); info.LastError != "last\uFFFD" || info.Failures != 4 || info.FinishedAt.IsZero() {
			t.Errorf("%+v", info)
		}
		if len(dead) != 1 || !strings.Contains(dead[0], "is a dead letter") {
			t.Errorf("told %q", dead)
		}
		if s := stats(t, q); s.Failed != 4 || s.Died != 1 || s.Dead != 1 {
			t.Errorf("%+v", s)
		}
		for info, err := range q.List(t.Context(), Dead) {
			if err != nil || info.ID != id {
				t.Errorf("%+v, %v", info, err)
			}
		}
		if n, err := q.Delete(t.Context(), id, "none"); n != 1 || err != nil {
			t.Errorf("deleted %d, %v", n, err)
		}
	})
}

// TestSnooze runs a job again without counting it.
func TestSnooze(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		got := make(chan *Job[string], 10)
		work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
			got <- j
			if j.Token < 3 {
				return Snooze(time.Millisecond)
			}
			return nil
		})
		id := enqueue(t, q, "x", JobOptions{MaxAttempts: 1})
		for token := range 3 {
			if j := receive(t, got); j.Attempt != 1 || j.Token != int64(token+1) {
				t.Errorf("%+v", j)
			}
		}
		eventually(t, "it is done", func() bool { return get(t, q, id).State == Done })
	})
}

// TestResultAndProgress shows both by inspection, until the retention is over.
func TestResultAndProgress(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		begun, goOn := make(chan *Job[string]), make(chan struct{})
		work(t, q, WorkerOptions{Worker: "w1", PollInterval: 10 * time.Millisecond},
			func(ctx context.Context, j *Job[string]) error {
				if err := j.Progress(ctx, map[string]int{"percent": 50}); err != nil {
					return err
				}
				begun <- j
				<-goOn
				return j.SetResult([]int{1, 2})
			})
		id := enqueue(t, q, "x", JobOptions{Retention: 300 * time.Millisecond, Priority: 7, Key: "k"})
		j := receive(t, begun)
		info := get(t, q, id)
		if info.State != Active || string(info.Progress) != `{"percent":50}` || info.Worker != "w1" ||
			info.Priority != 7 || info.Key != "k" || string(info.Payload) != `"x"` ||
			time.Until(info.LeaseEndsAt) < 20*time.Second || info.StartedAt.Before(info.EnqueuedAt) {
			t.Errorf("%+v", info)
		}
		close(goOn)
		eventually(t, "it is done", func() bool { return get(t, q, id).State == Done })
		if info := get(t, q, id); string(info.Result) != "[1,2]" || info.FinishedAt.IsZero() {
			t.Errorf("%+v", info)
		}
		if err := j.Progress(t.Context(), 1); !errors.Is(err, ErrLost) {
			t.Errorf("progress of a finished job: %v", err)
		}
		eventually(t, "it is forgotten", func() bool {
			_, err := q.Get(t.Context(), id)
			return errors.Is(err, ErrNotFound)
		})
		n, err := client.Do(t.Context(), client.B().Hlen().Key(q.keys[0]).Build()).AsInt64()
		if n != 0 || err != nil {
			t.Errorf("%d fields are left, %v", n, err)
		}
	})
}

// TestCancel cancels jobs in each state.
func TestCancel(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		cancel := func(id string, want State) {
			t.Helper()
			if state, err := q.Cancel(t.Context(), id); state != want || err != nil {
				t.Errorf("%s: it was %q, %v; want %s", id, state, err, want)
			}
		}
		cancel(enqueue(t, q, "x", JobOptions{ID: "ready"}), Ready)
		cancel(enqueue(t, q, "x", JobOptions{ID: "delayed", Delay: time.Hour}), Delayed)
		cause := make(chan error, 1)
		begun := make(chan string, 5)
		work(t, q, WorkerOptions{Lease: 300 * time.Millisecond, PerKey: 1},
			func(ctx context.Context, j *Job[string]) error {
				begun <- j.ID
				if j.ID != "active" {
					return nil
				}
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return ctx.Err()
			})
		enqueue(t, q, "x", JobOptions{ID: "active", Key: "k"})
		receive(t, begun)
		enqueue(t, q, "x", JobOptions{ID: "blocked", Key: "k"})
		enqueue(t, q, "x", JobOptions{ID: "next", Key: "k"})
		eventually(t, "two are blocked", func() bool { return stats(t, q).Blocked == 2 })
		cancel("blocked", Blocked)
		cancel("active", Active)
		if err := receive(t, cause); !errors.Is(err, ErrCancelled) {
			t.Errorf("the context ended with %v", err)
		}
		if id := receive(t, begun); id != "next" {
			t.Errorf("%s runs", id)
		}
		eventually(t, "all done", func() bool { return stats(t, q).Done == 5 })
		cancel("next", Done)
		if _, err := q.Cancel(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		for _, id := range []string{"ready", "delayed", "blocked", "active", "next"} {
			if info := get(t, q, id); info.State != Done || info.Cancelled != (id != "next") {
				t.Errorf("%s: %+v", id, info)
			}
		}
		if s := stats(t, q); s.Cancelled != 4 || s.Completed != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPause keeps jobs from being taken until Resume.
func TestPause(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		check(t, q.Pause(t.Context()))
		got := make(chan string, 1)
		work(t, q, WorkerOptions{PollInterval: 15 * time.Second},
			func(_ context.Context, j *Job[string]) error { got <- j.ID; return nil })
		enqueue(t, q, "x", JobOptions{})
		eventually(t, "the worker waits", func() bool { return blocked(t, client) })
		if s := stats(t, q); !s.Paused || s.Ready != 1 || len(got) != 0 {
			t.Errorf("%+v, %d begun", s, len(got))
		}
		check(t, q.Resume(t.Context()))
		receive(t, got)
	})
}

// TestPerKey runs as many jobs of a key as may, over two workers, and none is
// left behind.
func TestPerKey(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		var mu sync.Mutex
		running, most := map[string]int{}, map[string]int{}
		handler := func(_ context.Context, j *Job[string]) error {
			mu.Lock()
			running[j.Key]++
			most[j.Key] = max(most[j.Key], running[j.Key])
			mu.Unlock()
			time.Sleep(2 * time.Millisecond) // is the work
			mu.Lock()
			running[j.Key]--
			mu.Unlock()
			if j.Attempt == 1 && strings.HasSuffix(j.Payload, "7") {
				return RetryAfter(time.Millisecond, errors.New("once"))
			}
			return nil
		}
		for i := range 90 {
			enqueue(t, q, fmt.Sprint(i), JobOptions{Key: []string{"a", "b", "ab"}[i%3]})
		}
		for range 2 {
			work(t, q, WorkerOptions{PerKey: 2}, handler)
		}
		eventually(t, "all done", func() bool { return stats(t, q).Completed == 90 })
		mu.Lock()
		defer mu.Unlock()
		for _, key := range []string{"a", "b", "ab"} {
			if most[key] != 2 {
				t.Errorf("%d of %q ran at the same time", most[key], key)
			}
		}
	})
}

// TestPerKeyInterval keeps the starts of one key apart, by the clock of Redis.
func TestPerKeyInterval(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		for i := range 12 {
			enqueue(t, q, "x", JobOptions{ID: fmt.Sprint(i), Key: fmt.Sprint(i % 2)})
		}
		const gap = 40 * time.Millisecond
		for range 2 {
			work(t, q, WorkerOptions{PerKeyInterval: gap},
				func(context.Context, *Job[string]) error { return nil })
		}
		eventually(t, "all done", func() bool { return stats(t, q).Completed == 12 })
		last := map[string]time.Time{}
		for i := range 12 {
			info := get(t, q, fmt.Sprint(i))
			if before, ok := last[info.Key]; ok && info.StartedAt.Sub(before) < gap {
				t.Errorf("job %d started %s after the one before", i, info.StartedAt.Sub(before))
			}
			last[info.Key] = info.StartedAt
		}
	})
}

// TestTimeout ends the handler's context.
func TestTimeout(t *testing.T) {
	q := open(t, redistest.Single(t).Client(t), Options{OnError: silent})
	work(t, q, WorkerOptions{}, func(ctx context.Context, _ *Job[string]) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	id := enqueue(t, q, "x", JobOptions{Timeout: 10 * time.Millisecond, MaxAttempts: 1})
	eventually(t, "it is dead", func() bool { return get(t, q, id).State == Dead })
	if text := get(t, q, id).LastError; text != context.DeadlineExceeded.Error() {
		t.Errorf("it failed with %q", text)
	}
}

// TestUndecodable makes a payload of another type a dead letter.
func TestUndecodable(t *testing.T) {
	client := redistest.Single(t).Client(t)
	q := open(t, client, Options{OnError: silent})
	id := enqueue(t, q, "text", JobOptions{})
	other, err := New[int](client, Options{OnError: silent})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- other.Run(ctx, WorkerOptions{}, func(context.Context, *Job[int]) error { return nil })
	}()
	eventually(t, "it is dead", func() bool { return get(t, q, id).State == Dead })
	cancel()
	<-done
}

// TestRefusals refuses what is out of range.
func TestRefusals(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for _, opt := range []Options{{Name: "a{b"}, {Timeout: -1}, {MaxAttempts: -1}, {DeadRetention: -1}} {
		if _, err := New[string](client, opt); err == nil {
			t.Errorf("%+v passes", opt)
		}
	}
	q := open(t, client, Options{})
	for _, opt := range []JobOptions{{Priority: 101}, {ID: "a\x00"}, {Key: "\xff"}, {Unique: "\n"}, {Timeout: -1}} {
		if _, err := q.Enqueue(t.Context(), "x", opt); err == nil {
			t.Errorf("%+v passes", opt)
		}
	}
	for _, opt := range []WorkerOptions{{Concurrency: -1}, {Lease: time.Millisecond}, {PerKey: -1}} {
		if err := q.Run(t.Context(), opt, nil); err == nil {
			t.Errorf("%+v passes", opt)
		}
	}
	if s := stats(t, q); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}
