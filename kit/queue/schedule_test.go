package queue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestEvery fires each time once, although four workers declare the schedule.
func TestEvery(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		var mu sync.Mutex
		ran := map[string]int{}
		for range 4 {
			q := open(t, client, Options{})
			check(t, q.Every("tick", "@every 1s", "x", JobOptions{}))
			work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
				mu.Lock()
				defer mu.Unlock()
				ran[j.ID]++
				return nil
			})
		}
		eventually(t, "it has fired twice", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(ran) >= 2
		})
		mu.Lock()
		defer mu.Unlock()
		for id, n := range ran {
			if n != 1 {
				t.Errorf("%s ran %d times", id, n)
			}
		}
		if n := len(ran); n > 4 {
			t.Errorf("it fired %d times", n)
		}
	})
}

// TestMissedTimes makes up for all of them with one job.
func TestMissedTimes(t *testing.T) {
	client := redistest.Single(t).Client(t)
	q := open(t, client, Options{})
	check(t, q.Every("hourly", "@hourly", "x", JobOptions{}))
	missed := time.Now().Truncate(time.Hour).Add(-5 * time.Hour)
	check(t, client.Do(t.Context(), client.B().Hset().Key(q.schedulesKey()).FieldValue().FieldValue("hourly",
		fmt.Sprintf("%d @hourly", missed.UnixMilli())).Build()).Error())
	got := make(chan string, 5)
	stop := work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
		got <- j.ID
		return nil
	})
	if id := receive(t, got); id != fmt.Sprint("hourly@", missed.UnixMilli()) {
		t.Errorf("%s ran", id)
	}
	eventually(t, "the next is known", func() bool {
		all, err := q.Schedules(t.Context())
		return err == nil && len(all) == 1 && all[0].Spec == "@hourly" &&
			all[0].NextAt.After(missed.Add(5*time.Hour))
	})
	stop()
	if s := stats(t, q); s.Completed != 1 || len(got) != 0 {
		t.Errorf("%+v", s)
	}
	check(t, q.Unschedule(t.Context(), "hourly"))
	if all, err := q.Schedules(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
}

// TestScheduleWithoutOverlap leaves a time out while the job before it is
// unfinished.
func TestScheduleWithoutOverlap(t *testing.T) {
	t.Parallel()
	q := open(t, redistest.Start(t).Client(t), Options{})
	check(t, q.Every("tick", "@every 1s", "x", JobOptions{Unique: "tick"}))
	begun, goOn := make(chan string, 5), make(chan struct{})
	work(t, q, WorkerOptions{}, func(_ context.Context, j *Job[string]) error {
		begun <- j.ID
		<-goOn
		return nil
	})
	first := receive(t, begun)
	at := func() time.Time {
		all, err := q.Schedules(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0].NextAt
	}
	next := at()
	eventually(t, "a time has passed", func() bool { return at().After(next) })
	if s := stats(t, q); s.Ready+s.Active != 1 {
		t.Errorf("%+v", s)
	}
	close(goOn)
	if second := receive(t, begun); second == first {
		t.Error("the same ran twice")
	}
}

// TestNewSpecWins lets the process that was started last have its way, and the
// other find that out.
func TestNewSpecWins(t *testing.T) {
	client := redistest.Single(t).Client(t)
	older, newer := open(t, client, Options{}), open(t, client, Options{})
	check(t, older.Every("s", "@every 1s", "x", JobOptions{}))
	check(t, newer.Every("s", "@yearly", "x", JobOptions{}))
	old := older.schedules[0]
	check(t, older.tick(t.Context(), &old))
	check(t, newer.tick(t.Context(), &newer.schedules[0]))
	for range 2 {
		check(t, older.tick(t.Context(), &old))
		if !old.loser {
			t.Error("the old spec holds")
		}
	}
	// Nobody keeps the new one.
	check(t, client.Do(t.Context(), client.B().Hset().Key(older.schedulesKey()).FieldValue().FieldValue("s",
		fmt.Sprintf("%d @yearly", time.Now().Add(-2*takeover).UnixMilli())).Build()).Error())
	check(t, older.tick(t.Context(), &old))
	if all, err := older.Schedules(t.Context()); err != nil || all[0].Spec != "@every 1s" || old.loser {
		t.Errorf("%v, %v", all, err)
	}
	for _, bad := range [][2]string{{"", "@daily"}, {"s", "@daily"}, {"b", "never"}} {
		if err := older.Every(bad[0], bad[1], "x", JobOptions{}); err == nil {
			t.Errorf("%v passes", bad)
		}
	}
}
