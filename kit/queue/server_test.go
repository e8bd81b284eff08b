package queue

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(redistest.MainNoLeaks(m))
}

// eachRedis runs a test on a single Redis, behind Sentinels and on a cluster,
// each empty.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) { test(t, d.Client(t)) })
}

// open returns a queue that fails the test when it is told of an error, unless
// the options say otherwise.
func open(t testing.TB, client rueidis.Client, opt Options) *Queue[string] {
	t.Helper()
	if opt.OnError == nil {
		opt.OnError = func(err error) { t.Error(err) }
	}
	q, err := New[string](client, opt)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func silent(error) {}

// work runs a worker until stop is called, or the test ends.
func work(t testing.TB, q *Queue[string], opt WorkerOptions,
	handler func(context.Context, *Job[string]) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := q.Run(ctx, opt, handler); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("Run does not return")
		}
	}
	t.Cleanup(stop)
	return stop
}

func enqueue(t testing.TB, q *Queue[string], payload string, opt JobOptions) string {
	t.Helper()
	id, err := q.Enqueue(t.Context(), payload, opt)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func get(t testing.TB, q *Queue[string], id string) Info {
	t.Helper()
	info, err := q.Get(t.Context(), id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return info
}

func stats(t testing.TB, q *Queue[string]) Stats {
	t.Helper()
	s, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// receive returns what a channel brings within some seconds.
func receive[V any](t testing.TB, ch <-chan V) (v V) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return v
}
