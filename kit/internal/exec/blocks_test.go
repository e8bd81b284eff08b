package exec_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/bus"
	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/counter"
	"github.com/parley-chat/parley/kit/lock"
	"github.com/parley-chat/parley/kit/object"
	"github.com/parley-chat/parley/kit/once"
	"github.com/parley-chat/parley/kit/queue"
	"github.com/parley-chat/parley/kit/rank"
	"github.com/parley-chat/parley/kit/ratelimit"
	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/session"
	"github.com/parley-chat/parley/kit/stream"
)

type login struct{ Device string }

func failure[T any](_ T, err error) error { return err }

func listFailure[T any](list iter.Seq2[T, error]) (failure error) {
	for _, err := range list {
		failure = err
	}
	return failure
}

// blocks returns calls of every block that need Redis.
func blocks(t *testing.T, client rueidis.Client,
	timeout time.Duration) map[string]func(context.Context) error {
	t.Helper()
	quiet := func(error) {}
	locker, err := lock.New(client, lock.Options{CallTimeout: timeout, Outage: -1})
	check(t, err)
	t.Cleanup(locker.Close)
	limiter, err := ratelimit.New(client, ratelimit.Options{Timeout: timeout}, ratelimit.PerMinute(10))
	check(t, err)
	records, err := object.NewRepository[record](client, "r", object.Options{Timeout: timeout})
	check(t, err)
	texts, err := cache.New(client, cache.Options[string]{Name: "c", TTL: time.Hour, Timeout: timeout,
		OnError: quiet})
	check(t, err)
	t.Cleanup(texts.Close)
	sessions, err := session.New(client, session.Options[login]{Timeout: timeout})
	check(t, err)
	topic, err := stream.NewTopic(client, "t", stream.TopicOptions{Timeout: timeout})
	check(t, err)
	group, err := topic.Group("g", stream.GroupOptions{OnError: quiet})
	check(t, err)
	jobs, err := queue.New[string](client, queue.Options{Timeout: timeout, OnError: quiet})
	check(t, err)
	stock, err := counter.NewStock(client, counter.Options{Timeout: timeout})
	check(t, err)
	budget, err := counter.NewBudget(client, counter.BudgetOptions{Limit: 5, Timeout: timeout})
	check(t, err)
	unique, err := counter.NewUnique(client, counter.UniqueOptions{Timeout: timeout})
	check(t, err)
	board, err := rank.New(client, rank.Options{Timeout: timeout})
	check(t, err)
	keys, err := once.New(client, once.Options{Timeout: timeout, OnError: quiet})
	check(t, err)
	listener, err := bus.Listen(client, bus.Callbacks{
		Message: func(bus.Message) {}, Gap: func(string) {}, OnError: quiet,
	}, bus.ListenOptions{Timeout: timeout})
	check(t, err)
	t.Cleanup(listener.Close)

	now := time.Now()
	return map[string]func(ctx context.Context) error{
		"bus.Subscribe": func(ctx context.Context) error {
			return listener.Subscribe(ctx, "x")
		},
		"cache.Delete": func(ctx context.Context) error { return texts.Delete(ctx, "k") },
		"cache.Peek": func(ctx context.Context) error {
			_, _, err := texts.Peek(ctx, "k")
			return err
		},
		"cache.Set": func(ctx context.Context) error { return texts.Set(ctx, "k", "v") },
		"cache.Invalidate": func(ctx context.Context) error {
			return texts.InvalidateTag(ctx, "t")
		},
		"cache.Update": func(ctx context.Context) error {
			_, err := texts.Update(ctx, "k", func(context.Context) (string, error) { return "v", nil })
			return err
		},
		"counter.All": func(ctx context.Context) error {
			return failure(stock.All(ctx, "k"))
		},
		"counter.Spend": func(ctx context.Context) error {
			return failure(budget.Spend(ctx, "k", 1))
		},
		"counter.Take": func(ctx context.Context) error {
			return stock.Take(ctx, "k", map[string]int64{"a": 1})
		},
		"counter.Unique.Add": func(ctx context.Context) error {
			return unique.Add(ctx, "k", "m")
		},
		"counter.Unique.Count": func(ctx context.Context) error {
			return failure(unique.Count(ctx, "k", now, now))
		},
		"lock.TryLock": func(ctx context.Context) error {
			return failure(locker.TryLock(ctx, "k"))
		},
		"lock.Lock": func(ctx context.Context) error {
			return failure(locker.Lock(ctx, "l"))
		},
		"object.Fetch": func(ctx context.Context) error {
			return failure(records.Fetch(ctx, "1"))
		},
		"object.FetchMany": func(ctx context.Context) error {
			return failure(records.FetchMany(ctx, "1", "2"))
		},
		"object.FetchBy": func(ctx context.Context) error {
			return failure(records.FetchBy(ctx, "name", "x"))
		},
		"object.Find": func(ctx context.Context) error {
			_, err := records.Find(ctx, object.All("size"), object.Page{})
			return err
		},
		"object.Remove": func(ctx context.Context) error { return records.Remove(ctx, "1") },
		"object.Save": func(ctx context.Context) error {
			return records.Save(ctx, &record{ID: "1"})
		},
		"object.TTL": func(ctx context.Context) error {
			return failure(records.TTL(ctx, "1"))
		},
		"once.Do": func(ctx context.Context) error {
			_, _, err := keys.Do(ctx, "k", nil, func(context.Context) ([]byte, error) { return nil, nil })
			return err
		},
		"once.Forget": func(ctx context.Context) error { return keys.Forget(ctx, "k") },
		"queue.Cancel": func(ctx context.Context) error {
			return failure(jobs.Cancel(ctx, "1"))
		},
		"queue.Enqueue": func(ctx context.Context) error {
			return failure(jobs.Enqueue(ctx, "x", queue.JobOptions{}))
		},
		"queue.Schedules": func(ctx context.Context) error {
			return failure(jobs.Schedules(ctx))
		},
		"queue.Stats": func(ctx context.Context) error { return failure(jobs.Stats(ctx)) },
		"rank.Add": func(ctx context.Context) error {
			return failure(board.Add(ctx, "b", "m", 1))
		},
		"rank.Len": func(ctx context.Context) error { return failure(board.Len(ctx, "b")) },
		"rank.Top": func(ctx context.Context) error {
			return failure(board.Top(ctx, "b", 0, 1))
		},
		"ratelimit.Allow": func(ctx context.Context) error {
			return failure(limiter.Allow(ctx, "k"))
		},
		"ratelimit.Reset": func(ctx context.Context) error { return limiter.Reset(ctx, "k") },
		"session.Create": func(ctx context.Context) error {
			return failure(sessions.Create(ctx, "u", login{}))
		},
		"session.List": func(ctx context.Context) error {
			return listFailure(sessions.List(ctx, "u"))
		},
		"session.RevokeAll": func(ctx context.Context) error {
			return failure(sessions.RevokeAll(ctx, "u"))
		},
		"stream.Append": func(ctx context.Context) error {
			return failure(topic.Append(ctx, "x"))
		},
		"stream.Create": func(ctx context.Context) error { return group.Create(ctx) },
		"stream.Dead": func(ctx context.Context) error {
			return listFailure(group.DeadLetters(ctx, ""))
		},
	}
}

// TestUnavailable tells a Redis that is silent, or gone, from a caller who does
// not wait, in every block by the same error.
func TestUnavailable(t *testing.T) {
	for name, stop := range map[string]func(*redistest.Server){
		"silent": (*redistest.Server).Pause, "gone": (*redistest.Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			srv := redistest.Start(t)
			calls := blocks(t, srv.Client(t), 300*time.Millisecond)
			stop(srv)
			t.Cleanup(srv.Resume)
			var all sync.WaitGroup
			for name, call := range calls {
				all.Go(func() {
					err := call(t.Context())
					if !errors.Is(err, kit.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			all.Wait()
			for name, call := range calls {
				all.Go(func() {
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					if err := call(ctx); err == nil || errors.Is(err, kit.ErrUnavailable) {
						t.Errorf("%s, given up by its caller: %v", name, err)
					}
				})
			}
			all.Wait()
		})
	}
}
