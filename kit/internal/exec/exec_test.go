package exec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/lock"
	"github.com/parley-chat/parley/kit/object"
	"github.com/parley-chat/parley/kit/ratelimit"
	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/stream"
)

func TestMain(m *testing.M) { os.Exit(redistest.Main(m)) }

type record struct {
	ID   string `redis:",key"`
	Name string `redis:"name,unique"`
	Size int    `redis:"size,index"`
}

// TestWhileASlotMoves begins to move a slot, calls a block that writes several
// keys of it, and lets the move end once the call was refused: the call
// succeeds.
func TestWhileASlotMoves(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to start: left out with -short, which CI does not give")
	}
	cluster := redistest.StartCluster(t)
	client := cluster.Client(t)

	locker, err := lock.New(client, lock.Options{CallTimeout: time.Minute, Lease: 3 * time.Minute})
	check(t, err)
	t.Cleanup(locker.Close)
	topic, err := stream.NewTopic(client, "t",
		stream.TopicOptions{DropUnread: true, MaxLength: 5, Timeout: time.Minute})
	check(t, err)
	limiter, err := ratelimit.New(client, ratelimit.Options{Timeout: time.Minute},
		ratelimit.PerMinute(10), ratelimit.PerHour(100))
	check(t, err)
	records, err := object.NewRepository[record](client, "r", object.Options{Timeout: time.Minute})
	check(t, err)

	for _, c := range []struct {
		name, key string // a key of the slot
		moved     string // which has moved before the call, if not empty
		call      func(ctx context.Context, first bool) error
	}{
		{"lock", "lock:{n}", "", func(ctx context.Context, _ bool) error {
			l, err := locker.Lock(ctx, "n")
			if err != nil {
				return err
			}
			return l.Unlock(ctx)
		}},
		{"append", "bus:{t}", "", func(ctx context.Context, _ bool) error {
			_, err := topic.Append(ctx, "x")
			return err
		}},
		{"limit", "ratelimit:{k}", "", func(ctx context.Context, _ bool) error {
			_, err := limiter.Allow(ctx, "k")
			return err
		}},
		{"find", "{r}", "{r}:1", func(ctx context.Context, first bool) error {
			if first {
				return records.SaveFor(ctx, &record{ID: "1", Name: "one"}, time.Hour)
			}
			found, err := records.Find(ctx, object.All("size"), object.Page{})
			if err == nil && len(found.Records) != 1 {
				err = fmt.Errorf("found %v", found)
			}
			return err
		}},
		{"fetch by", "{r}", "{r}:1", func(ctx context.Context, first bool) error {
			if first {
				return nil
			}
			return failure(records.FetchBy(ctx, "name", "one"))
		}},
		{"save", "{r}", "", func(ctx context.Context, first bool) error {
			if first {
				return nil
			}
			return records.Save(ctx, &record{ID: "2", Name: "two"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name != "limit" { // whose keys are not there at first
				check(t, c.call(t.Context(), true))
			}
			var moved []string
			if c.moved != "" {
				moved = []string{c.moved}
			}
			finish := cluster.Migrate(t, c.key, moved...)
			before := refusals(t, cluster)
			done := make(chan error, 1)
			go func() { done <- c.call(t.Context(), false) }()
			for refusals(t, cluster) == before {
				select {
				case err := <-done:
					finish()
					t.Fatalf("it ended without having been refused: %v", err)
				default:
				}
			}
			finish()
			check(t, <-done)
		})
	}
}

// refusals counts how often the masters have answered TRYAGAIN, or that a
// script got at a key that is not there.
func refusals(t *testing.T, cluster *redistest.Cluster) (all string) {
	t.Helper()
	for _, s := range cluster.Masters {
		out, err := s.Do("INFO", "errorstats")
		check(t, err)
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "errorstat_TRYAGAIN") || strings.HasPrefix(line, "errorstat_ERR") {
				all += line
			}
		}
	}
	return all
}

// TestTheContextBoundsIt ends when the context does.
func TestTheContextBoundsIt(t *testing.T) {
	client := redistest.Start(t).Client(t)
	script := rueidis.NewLuaScript(`return redis.error_reply('LOADING still at it')`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := exec.Script(ctx, script, client, []string{"k"}, nil).Error()
	if !exec.Busy(err) && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
