package queue

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestLongJob keeps its lease for many times its length.
func TestLongJob(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		for range 2 {
			work(t, q, WorkerOptions{Lease: 150 * time.Millisecond},
				func(ctx context.Context, j *Job[string]) error {
					time.Sleep(time.Second) // is the work
					return context.Cause(ctx)
				})
		}
		id := enqueue(t, q, "long", JobOptions{})
		eventually(t, "it is done", func() bool { return get(t, q, id).State == Done })
		if info := get(t, q, id); info.Lost+info.Failures != 0 {
			t.Errorf("%+v", info)
		}
	})
}

// TestShutdown lets jobs finish for as long as they may, and gives the others
// back at once.
func TestShutdown(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		q := open(t, client, Options{})
		begun := make(chan string, 2)
		quick := make(chan struct{})
		stop := work(t, q, WorkerOptions{ShutdownTimeout: 200 * time.Millisecond},
			func(ctx context.Context, j *Job[string]) error {
				begun <- j.ID
				if j.ID == "quick" {
					<-quick
					return nil
				}
				<-ctx.Done()
				if !errors.Is(context.Cause(ctx), ErrShutdown) {
					t.Error(context.Cause(ctx))
				}
				return ctx.Err()
			})
		enqueue(t, q, "x", JobOptions{ID: "quick"})
		enqueue(t, q, "x", JobOptions{ID: "slow"})
		receive(t, begun)
		receive(t, begun)
		time.AfterFunc(50*time.Millisecond, func() { close(quick) })
		stop()
		if info := get(t, q, "quick"); info.State != Done {
			t.Errorf("%+v", info)
		}
		if info := get(t, q, "slow"); info.State != Ready || info.Failures+info.Lost != 0 {
			t.Errorf("%+v", info)
		}
	})
}

// TestOutage has Redis killed while a job runs, for less than the lease: it
// runs once. The queue is in the append-only file.
func TestOutage(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	q := open(t, s.Client(t), Options{OnError: silent})
	begun, goOn := make(chan int64, 10), make(chan struct{})
	work(t, q, WorkerOptions{Lease: 20 * time.Second}, func(ctx context.Context, j *Job[string]) error {
		begun <- j.Token
		<-goOn
		return context.Cause(ctx)
	})
	id := enqueue(t, q, "x", JobOptions{})
	receive(t, begun)
	s.Kill()
	close(goOn) // the handler ends while Redis is away
	s.Restart()
	eventually(t, "it is done", func() bool { return done(t, q, id) })
	if info := get(t, q, id); len(begun) != 0 || info.Failures+info.Lost != 0 {
		t.Errorf("%d more, %+v", len(begun), info)
	}
}

// TestLongOutage ends the handler's context before its lease can be over, and
// gives the job to another when Redis is back.
func TestLongOutage(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	q := open(t, s.Client(t), Options{OnError: silent, Timeout: 200 * time.Millisecond})
	const lease = 600 * time.Millisecond
	ended := make(chan error, 10)
	work(t, q, WorkerOptions{Lease: lease}, func(ctx context.Context, j *Job[string]) error {
		if j.Token > 1 {
			return nil
		}
		ended <- nil
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return context.Cause(ctx)
	})
	id := enqueue(t, q, "x", JobOptions{})
	receive(t, ended)
	s.Pause()
	paused := time.Now()
	if err := receive(t, ended); !errors.Is(err, ErrLost) || time.Since(paused) > lease {
		t.Errorf("%v after %s", err, time.Since(paused))
	}
	s.Resume()
	eventually(t, "it is done", func() bool { return done(t, q, id) })
}

// done reports whether Redis answers that the job is done.
func done(t testing.TB, q *Queue[string], id string) bool {
	info, err := q.Get(t.Context(), id)
	return err == nil && info.State == Done
}

// TestScriptFlush goes on when Redis has forgotten the scripts.
func TestScriptFlush(t *testing.T) {
	s := redistest.Start(t)
	q := open(t, s.Client(t), Options{})
	work(t, q, WorkerOptions{}, func(context.Context, *Job[string]) error { return nil })
	for range 100 {
		enqueue(t, q, "x", JobOptions{})
		if out, err := s.Do("SCRIPT", "FLUSH"); err != nil {
			t.Fatal(out, err)
		}
	}
	eventually(t, "all done", func() bool { return stats(t, q).Completed == 100 })
}

// TestLostWake finds a job although the one who was woken for it has died.
func TestLostWake(t *testing.T) {
	s := redistest.Start(t)
	client := s.Client(t)
	q := open(t, client, Options{})
	got := make(chan string, 1)
	work(t, q, WorkerOptions{PollInterval: 300 * time.Millisecond},
		func(_ context.Context, j *Job[string]) error { got <- j.ID; return nil })
	eventually(t, "the worker waits", func() bool { return blocked(t, client) })
	// The job comes with no word to anyone.
	tx := client.DoMulti(t.Context(), client.B().Hset().Key(q.keys[0]).FieldValue().FieldValue("mx",
		`{"m":1,"at":1}`).FieldValue("px", `"x"`).Build(),
		client.B().Zadd().Key(q.keys[1]).ScoreMember().ScoreMember(1, "x").Build())
	for _, reply := range tx {
		check(t, reply.Error())
	}
	receive(t, got)
}

// TestPoison gives up a job that has cost enough workers, without a handler
// that would say so.
func TestPoison(t *testing.T) {
	s := redistest.Start(t)
	client := s.Client(t)
	q := open(t, client, Options{OnError: silent})
	id := enqueue(t, q, "x", JobOptions{})
	for n := range 3 {
		// A worker that takes the job and is not heard of again.
		eventually(t, "it is taken", func() bool {
			reply, err := q.run(t.Context(), takeScript, "1", "1", "dead", "0", "0", "3", "1000000").ToArray()
			check(t, err)
			jobs, _ := reply[0].ToArray()
			return len(jobs) == 1
		})
		if info := get(t, q, id); info.State != Active || info.Lost != n {
			t.Errorf("%+v", info)
		}
	}
	eventually(t, "it is dead", func() bool {
		check(t, q.run(t.Context(), takeScript, "1", "1", "dead", "0", "0", "3", "1000000").Error())
		return get(t, q, id).State == Dead
	})
	if text := get(t, q, id).LastError; !strings.Contains(text, "lost 3 times") {
		t.Error(text)
	}
}

// TestFinishIsRepeatable finds what a call did whose answer was lost.
func TestFinishIsRepeatable(t *testing.T) {
	q := open(t, redistest.Single(t).Client(t), Options{})
	for _, how := range []string{"done", "failed", "dead", "snoozed", "released"} {
		id := enqueue(t, q, "x", JobOptions{})
		check(t, q.run(t.Context(), takeScript, "1", "30000", "w", "0", "0", "3", "1000000").Error())
		for range 2 {
			became, err := q.run(t.Context(), finishScript, "1:"+id, id, how, "3600000", "why", "1000000").ToString()
			if became != how || err != nil {
				t.Errorf("%s: %q, %v", how, became, err)
			}
		}
		if info := get(t, q, id); how == "failed" && info.Failures != 1 {
			t.Errorf("%+v", info)
		}
		_, err := q.Cancel(t.Context(), id)
		check(t, err)
	}
	became, err := q.run(t.Context(), finishScript, "9:x", "x", "failed", "0", "", "1").ToString()
	if became != "" || err != nil {
		t.Errorf("%q, %v", became, err)
	}
}

// TestDenied returns from Run when a command is denied, instead of trying for
// ever.
func TestDenied(t *testing.T) {
	redistest.Since(t, "7.0") // a worker cannot ask an older one beforehand
	for _, denied := range []string{"-zadd", "-zpopmin", "-evalsha", "-hset", "-blpop"} {
		s := redistest.Start(t)
		q := open(t, s.Client(t), Options{OnError: silent})
		enqueue(t, q, "x", JobOptions{})
		if out, err := s.Do("ACL", "SETUSER", "default", denied); err != nil {
			t.Fatal(out, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := q.Run(ctx, WorkerOptions{}, func(context.Context, *Job[string]) error { return nil })
		cancel()
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", denied, err)
		}
		if denied == "-evalsha" {
			continue
		}
		if s := stats(t, q); s.Ready != 1 {
			t.Errorf("%s: %+v", denied, s)
		}
	}
}

// TestFull refuses to enqueue on a Redis that is full, keeps what it has and
// finishes it.
func TestFull(t *testing.T) {
	s := redistest.Start(t)
	q := open(t, s.Client(t), Options{OnError: silent})
	begun, goOn := make(chan string, 5), make(chan struct{})
	work(t, q, WorkerOptions{Lease: 300 * time.Millisecond}, func(ctx context.Context, j *Job[string]) error {
		begun <- j.ID
		<-goOn
		return context.Cause(ctx)
	})
	id := enqueue(t, q, "x", JobOptions{})
	receive(t, begun)
	s.Do("CONFIG", "SET", "maxmemory", "1")
	if _, err := q.Enqueue(t.Context(), "y", JobOptions{}); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("enqueued on a full Redis: %v", err)
	}
	close(goOn)
	s.Do("CONFIG", "SET", "maxmemory", "0")
	eventually(t, "it is done", func() bool { return get(t, q, id).State == Done })
	if s := stats(t, q); s.Ready+s.Active+s.Delayed != 0 {
		t.Errorf("%+v", s)
	}
}

// TestSlotMove moves the queue's slot while jobs are enqueued and worked off.
func TestSlotMove(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a cluster takes seconds to start: left out with -short, which CI does not give")
	}
	cluster := redistest.StartCluster(t)
	q := open(t, cluster.Client(t), Options{Timeout: time.Minute})
	var mu sync.Mutex
	runs := map[string]int{}
	for range 2 {
		work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
			mu.Lock()
			runs[j.ID]++
			mu.Unlock()
			return nil
		})
	}
	const jobs = 600
	var producer sync.WaitGroup
	producer.Go(func() {
		for range jobs {
			_, err := q.Enqueue(context.Background(), "x", JobOptions{Delay: 5 * time.Millisecond})
			if err != nil {
				t.Error(err)
			}
		}
	})
	eventually(t, "some done", func() bool { return stats(t, q).Completed > 20 })
	for range 3 {
		finish := cluster.Migrate(t, q.keys[0])
		time.Sleep(50 * time.Millisecond) // the slot is between two masters for so long
		finish()
	}
	producer.Wait()
	eventually(t, "all done", func() bool { return stats(t, q).Completed == jobs })
	mu.Lock()
	defer mu.Unlock()
	for id, n := range runs {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
}

// TestFailover goes on with the replica, when a master is lost that had passed
// everything on.
func TestFailover(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	set := redistest.StartSentinel(t)
	q := open(t, set.Client(t), Options{OnError: silent})
	for range 50 {
		enqueue(t, q, "x", JobOptions{Delay: time.Second})
	}
	replace := set.Lose(t)
	work(t, q, WorkerOptions{}, func(context.Context, *Job[string]) error { return nil })
	replace()
	eventually(t, "all done", func() bool {
		s, err := q.Stats(t.Context())
		return err == nil && s.Completed == 50
	})
}

// TestErrLooksAtTheClock: of a process that was stopped for longer than its
// lease, the handler may go on before any timer runs.
func TestErrLooksAtTheClock(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	h := &holding{end: end}
	h.hold(time.Now().Add(time.Hour))
	handlers, cancel := context.WithTimeout(leased{ctx, h}, time.Hour)
	defer cancel()
	if err := (leased{ctx, h}).Err(); err != nil {
		t.Fatalf("within the lease: %v", err)
	}
	h.hold(time.Now().Add(-time.Millisecond))
	if err := (leased{ctx, h}).Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("after it: %v", err)
	}
	<-handlers.Done() // what is derived from it ends, too
	if !errors.Is(context.Cause(handlers), ErrLost) {
		t.Errorf("because of %v", context.Cause(handlers))
	}
}
