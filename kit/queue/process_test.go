package queue

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

var judgeFor = flag.Duration("judge", 4*time.Second, "for how long TestJudge breaks things")

const (
	roleVariable = "PARLEY_QUEUE_TEST_ROLE" // the address of Redis and the file to write to
	judgeLease   = 700 * time.Millisecond
	overLease    = judgeLease + 300*time.Millisecond
)

// judged opens the queue of TestJudge, in its process and in those of workers.
func judged(client rueidis.Client) (*Queue[work1], error) {
	return New[work1](client, Options{Name: "judge", Timeout: 500 * time.Millisecond,
		Retention: time.Hour, OnError: silent})
}

// work1 is a job of TestJudge.
type work1 struct {
	Steps int // of some milliseconds
	Fail  int // attempts that fail
}

// play is a worker in a process of its own. Of each run it writes down that it
// began, each step and that it ended, with the time.
func play(role string) int {
	addr, path, _ := strings.Cut(role, " ")
	opt := (&redistest.Server{}).Option()
	opt.InitAddress = []string{addr}
	client, err := rueidis.NewClient(opt)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	q, err := judged(client)
	if err == nil {
		err = q.Every("tick", "@every 1s", work1{Steps: 1}, JobOptions{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the judge lets go
		cancel()
	}()
	note := func(what string, j *Job[work1]) {
		fmt.Fprintln(file, what, j.ID, j.Token, time.Now().UnixNano(), os.Getpid())
	}
	err = q.Run(ctx, WorkerOptions{Concurrency: 8, Lease: judgeLease, MaxLost: 1000, PerKey: 2,
		ShutdownTimeout: 100 * time.Millisecond,
		Backoff:         func(int, error) time.Duration { return 5 * time.Millisecond },
	}, func(ctx context.Context, j *Job[work1]) error {
		note("begin", j)
		for range j.Payload.Steps {
			time.Sleep(5 * time.Millisecond) // is the work
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			note("step", j)
		}
		if j.Attempt <= j.Payload.Fail {
			return errors.New("as told")
		}
		note("end", j)
		return nil
	})
	client.Close()
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A workman is such a process.
type workman struct {
	cmd *exec.Cmd
	in  io.Closer
}

func (w *workman) end(s syscall.Signal) {
	w.cmd.Process.Signal(s)
	w.in.Close()
	w.cmd.Process.Signal(syscall.SIGCONT)
	w.cmd.Wait()
}

func hire(t *testing.T, role string) *workman {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	w := &workman{cmd: exec.Command(self)}
	w.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	w.cmd.Stderr = os.Stderr
	w.in, err = w.cmd.StdinPipe()
	check(t, err)
	check(t, w.cmd.Start())
	return w
}

// TestJudge kills and stops workers and Redis, which writes everything to its
// file before it answers, cuts connections and flushes scripts, while jobs are
// enqueued. Then every job that was acknowledged has run to its end, none is
// left in any state but done, and no two runs of one job overlap: not even
// those of a worker that was stopped for longer than its lease, but for the one
// step that it was about to do. With -judge it goes on for longer.
func TestJudge(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	client := s.Client(t)
	q, err := judged(client)
	check(t, err)
	path := t.TempDir() + "/log"
	role := s.Addr() + " " + path
	var workers []*workman
	for range 3 {
		workers = append(workers, hire(t, role))
	}
	t.Cleanup(func() {
		for _, w := range workers {
			w.end(syscall.SIGKILL)
		}
	})

	acknowledged := map[string]bool{}
	over := make(chan struct{})
	var producer sync.WaitGroup
	producer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-time.After(4 * time.Millisecond):
			}
			id := strconv.Itoa(n)
			job := work1{Steps: rand.IntN(8), Fail: max(rand.IntN(6)-3, 0)}
			if n%40 == 0 {
				job.Steps = int(overLease / (5 * time.Millisecond)) // longer than the lease
			}
			opt := JobOptions{ID: id, Delay: time.Duration(rand.IntN(200)) * time.Millisecond,
				Priority: rand.IntN(3), Key: []string{"", "a", "b", id}[rand.IntN(4)]}
			if n%7 == 6 {
				opt.Delay, opt.After = 0, []string{strconv.Itoa(n - 1), strconv.Itoa(n - 3)}
			}
			for {
				_, err := q.Enqueue(context.Background(), job, opt)
				if err == nil || errors.Is(err, ErrDuplicate) {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			acknowledged[id] = true
		}
	})

	deeds := map[string]int{}
	for deadline := time.Now().Add(*judgeFor); time.Now().Before(deadline); {
		time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond)
		i := rand.IntN(len(workers))
		w := workers[i]
		deed := []string{"kill", "stop", "redis", "pause", "flush", "cut"}[rand.IntN(6)]
		deeds[deed]++
		t.Log(deed, w.cmd.Process.Pid, time.Now().UnixMilli()%1e6)
		switch deed {
		case "kill":
			w.end(syscall.SIGKILL)
			workers[i] = hire(t, role)
		case "stop":
			w.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(overLease)
			w.cmd.Process.Signal(syscall.SIGCONT)
		case "redis":
			s.Kill()
			s.Restart()
		case "pause":
			s.Pause()
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
			s.Resume()
		case "flush":
			s.Do("SCRIPT", "FLUSH")
		case "cut":
			s.Do("CLIENT", "KILL", "TYPE", "normal")
		}
	}
	close(over)
	producer.Wait()
	eventually(t, "no job is left", func() bool {
		s, err := q.Stats(t.Context())
		return err == nil && s.Ready+s.Delayed+s.Blocked+s.Waiting+s.Active == 0
	})
	for _, w := range workers {
		w.in.Close()
		if err := w.cmd.Wait(); err != nil {
			t.Errorf("a worker ended: %v", err)
		}
	}
	workers = nil

	for id := range acknowledged {
		if info, err := q.Get(t.Context(), id); err != nil || info.State != Done {
			t.Errorf("job %s is %s, %v", id, info.State, err)
		}
	}
	runs := judge(t, path, acknowledged)
	t.Logf("%d jobs in %d runs; %v", len(acknowledged), runs, deeds)
}

// judge reads what the workers wrote.
func judge(t *testing.T, path string, acknowledged map[string]bool) (runs int) {
	t.Helper()
	// A step of 5 ms that takes so long was held up, by a signal or by a busy
	// machine, between the look at the context and the deed.
	const heldUp = int64(50 * time.Millisecond)
	type run struct {
		token, first, last, latest int64
		pid                        int
		ended                      bool
		deeds                      []string
	}
	jobs := map[string][]*run{}
	file, err := os.Open(path)
	check(t, err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var what, id string
		var token, at int64
		var pid int
		if _, err := fmt.Sscan(lines.Text(), &what, &id, &token, &at, &pid); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		i := slices.IndexFunc(jobs[id], func(r *run) bool { return r.token == token })
		if i < 0 {
			i = len(jobs[id])
			jobs[id] = append(jobs[id], &run{token: token, first: at, latest: at, pid: pid})
		}
		r := jobs[id][i]
		r.deeds = append(r.deeds, fmt.Sprint(what, " ", at/1e6%1e6))
		if what == "step" && at-r.latest < heldUp {
			r.last = at
		}
		r.latest = at
		if r.pid != pid {
			t.Errorf("job %s: two processes have the token %d", id, token)
		}
		r.ended = r.ended || what == "end"
	}
	ticks := 0
	for id, of := range jobs {
		runs += len(of)
		slices.SortFunc(of, func(a, b *run) int { return int(a.token - b.token) })
		for i, r := range of[1:] {
			if before := of[i]; before.last > r.first {
				t.Errorf("job %s: the run %d goes on %s after the run %d began: %v, then %v", id, before.token,
					time.Duration(before.last-r.first), r.token, before.deeds, r.deeds)
			}
		}
		if strings.HasPrefix(id, "tick@") {
			ticks++
		} else if !acknowledged[id] {
			t.Errorf("job %s was never enqueued", id)
		}
	}
	for id := range acknowledged {
		if !slices.ContainsFunc(jobs[id], func(r *run) bool { return r.ended }) {
			t.Errorf("job %s never ran to its end", id)
		}
	}
	if least := int(*judgeFor / (2 * time.Second)); ticks < least {
		t.Errorf("the schedule fired %d times", ticks)
	}
	return runs
}
