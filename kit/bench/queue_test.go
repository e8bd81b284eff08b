package bench

import (
	"context"
	"errors"
	"io"
	"log"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/parley-chat/parley/kit/queue"
	"github.com/parley-chat/parley/kit/redistest"
)

// jobs opens a queue that forgets completed jobs at once, as asynq does by
// default. What asynq does not do: end the work of a lease that it cannot
// renew, limits per key, a cancelling that a retry does not undo, schedules
// that fire once over all processes. What it does beside: count by day.
func jobs(b *testing.B, s *redistest.Server, name string) *queue.Queue[int] {
	b.Helper()
	q, err := queue.New[int](s.Client(b), queue.Options{Name: name, Retention: -1})
	if err != nil {
		b.Fatal(err)
	}
	return q
}

func tasks(s *redistest.Server) asynq.RedisClientOpt {
	return asynq.RedisClientOpt{Network: "unix", Addr: s.Addr()}
}

// server starts a worker of asynq until stop.
func server(b *testing.B, s *redistest.Server, concurrency int, check time.Duration,
	handler func()) (stop func()) {
	b.Helper()
	srv := asynq.NewServer(tasks(s), asynq.Config{Concurrency: concurrency, TaskCheckInterval: check,
		LogLevel: asynq.FatalLevel})
	err := srv.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { handler(); return nil }))
	if err != nil {
		b.Fatal(err)
	}
	return srv.Shutdown
}

// worker starts a worker of ours until stop.
func worker(b *testing.B, q *queue.Queue[int], concurrency int, handler func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- q.Run(ctx, queue.WorkerOptions{Concurrency: concurrency},
			func(context.Context, *queue.Job[int]) error { handler(); return nil })
	}()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	}
}

// BenchmarkEnqueue adds a job.
func BenchmarkEnqueue(b *testing.B) {
	s := redistest.Start(b)
	q := jobs(b, s, "enqueue")
	client := asynq.NewClient(tasks(s))
	b.Cleanup(func() { client.Close() })
	ctx := context.Background()
	beside(b, s,
		work{"kit", func(i int) error {
			_, err := q.Enqueue(ctx, i, queue.JobOptions{})
			return err
		}},
		work{"asynq", func(i int) error {
			_, err := client.EnqueueContext(ctx, asynq.NewTask("n", []byte(strconv.Itoa(i))))
			return err
		}},
	)
}

// BenchmarkQueue works a backlog of 2,000 jobs off, with 10 at a time, by
// turns: the time for one.
func BenchmarkQueue(b *testing.B) {
	const backlog = 2000
	log.SetOutput(io.Discard)
	s := redistest.Start(b)
	client := asynq.NewClient(tasks(s))
	b.Cleanup(func() { client.Close() })
	ctx := context.Background()
	q := jobs(b, s, "backlog")
	turns := []struct {
		name string
		run  func(handler func()) (stop func())
	}{
		{"kit", func(handler func()) func() {
			var entries []queue.Entry[int]
			for i := range backlog {
				entries = append(entries, queue.Entry[int]{Payload: i})
			}
			if _, err := q.EnqueueMany(ctx, entries); err != nil {
				b.Fatal(err)
			}
			return worker(b, q, 10, handler)
		}},
		{"asynq", func(handler func()) func() {
			for i := range backlog {
				if _, err := client.Enqueue(asynq.NewTask("n", []byte(strconv.Itoa(i)))); err != nil {
					b.Fatal(err)
				}
			}
			return server(b, s, 10, time.Second, handler)
		}},
	}
	took := make([][]float64, len(turns))
	for b.Loop() {
		for i, turn := range turns {
			var handled, first atomic.Int64
			all := make(chan struct{})
			stop := turn.run(func() {
				switch handled.Add(1) {
				case 1:
					first.Store(time.Now().UnixNano())
				case backlog:
					close(all)
				}
			})
			<-all
			took[i] = append(took[i], float64(time.Now().UnixNano()-first.Load())/backlog)
			stop()
		}
	}
	report(b, turns[0].name, turns[1].name, took)
}

// BenchmarkQueueIdle is from Enqueue to the handler, when nothing else is to be
// done. asynq asks for work every second by default; here every 10 ms, which
// costs a hundred commands a second for each queue and process.
func BenchmarkQueueIdle(b *testing.B) {
	s := redistest.Start(b)
	client := asynq.NewClient(tasks(s))
	b.Cleanup(func() { client.Close() })
	ctx := context.Background()
	q := jobs(b, s, "idle")
	heard := make(chan struct{})
	handler := func() { heard <- struct{}{} }
	b.Cleanup(worker(b, q, 10, handler))
	b.Cleanup(server(b, s, 10, 10*time.Millisecond, handler))
	took := make([][]float64, 2)
	enqueue := []func() error{
		func() error { _, err := q.Enqueue(ctx, 1, queue.JobOptions{}); return err },
		func() error { _, err := client.Enqueue(asynq.NewTask("n", nil)); return err },
	}
	for b.Loop() {
		for i, add := range enqueue {
			start := time.Now()
			if err := add(); err != nil {
				b.Fatal(err)
			}
			<-heard
			took[i] = append(took[i], float64(time.Since(start)))
		}
	}
	report(b, "kit", "asynq", took)
}

// report reports medians in ns, and ours by the peer's.
func report(b *testing.B, ours, peer string, took [][]float64) {
	for _, t := range took {
		slices.Sort(t)
	}
	a, c := took[0][len(took[0])/2], took[1][len(took[1])/2]
	b.ReportMetric(a, ours+"-ns/op")
	b.ReportMetric(c, peer+"-ns/op")
	b.ReportMetric(a/c, ours+"/"+peer)
	b.ReportMetric(0, "ns/op")
}
