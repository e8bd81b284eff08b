package counter

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) { test(t, d.Client(t)) })
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// TestLastPiece has many take from what is enough for some.
func TestLastPiece(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		s := must(NewStock(client, Options{}))
		if n := must(s.Add(t.Context(), "shop", "tea", 25)); n != 25 {
			t.Errorf("there are %d", n)
		}
		var took, refused atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				switch err := s.Take(t.Context(), "shop", map[string]int64{"tea": 2}); {
				case err == nil:
					took.Add(1)
				case errors.Is(err, ErrNotEnough):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took.Load() != 12 || refused.Load() != 8 {
			t.Errorf("%d took, %d were refused", took.Load(), refused.Load())
		}
		if left := must(s.All(t.Context(), "shop")); !maps.Equal(left, map[string]int64{"tea": 1}) {
			t.Errorf("%v are left", left)
		}
	})
}

// TestAllOrNone takes nothing when one of several items is short, and says
// which.
func TestAllOrNone(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		s := must(NewStock(client, Options{}))
		must(s.Add(t.Context(), "shop", "tea", 5))
		err := s.Take(t.Context(), "shop", map[string]int64{"tea": 2, "cup": 1, "spoon": 0})
		if !errors.Is(err, ErrNotEnough) || !strings.Contains(err.Error(), `0 of "cup", not 1`) {
			t.Error(err)
		}
		must(s.Add(t.Context(), "shop", "cup", 1))
		if err := s.Take(t.Context(), "shop", map[string]int64{"tea": 2, "cup": 1}); err != nil {
			t.Error(err)
		}
		if left := must(s.All(t.Context(), "shop")); !maps.Equal(left, map[string]int64{"tea": 3, "cup": 0}) {
			t.Errorf("%v are left", left)
		}
		for _, want := range []int64{8, 10, 10} {
			if n := must(s.Refill(t.Context(), "shop", "tea", 5, 10)); n != want {
				t.Errorf("refilled to %d", n)
			}
		}
		if n := must(s.Refill(t.Context(), "shop", "tea", 5, 2)); n != 10 {
			t.Errorf("refilled to %d", n)
		}
		for _, n := range []int64{-1, most + 1} {
			if _, err := s.Add(t.Context(), "shop", "tea", n); !errors.Is(err, ErrAmount) {
				t.Error(err)
			}
			if err := s.Take(t.Context(), "shop", map[string]int64{"tea": n}); !errors.Is(err, ErrAmount) {
				t.Error(err)
			}
		}
		if err := s.Take(t.Context(), "", nil); !errors.Is(err, ErrKey) {
			t.Error(err)
		}
	})
}

// TestBudget spends up to the limit, and anew in the next period.
func TestBudget(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		b := must(NewBudget(client, BudgetOptions{Limit: 100, Period: Year}))
		var spent atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				switch _, err := b.Spend(t.Context(), "k", 30); {
				case err == nil:
					spent.Add(30)
				case !errors.Is(err, ErrNotEnough):
					t.Error(err)
				}
			})
		}
		all.Wait()
		now := time.Now().UTC()
		state, err := b.Spend(t.Context(), "k", 11)
		if spent.Load() != 90 || state.Left != 10 || !errors.Is(err, ErrNotEnough) ||
			!state.EndsAt.Equal(Year.Next(now)) {
			t.Errorf("%d, %+v, %v", spent.Load(), state, err)
		}
		// The record of a period that has ended counts for nothing.
		if err := client.Do(t.Context(), client.B().Hset().Key("budget:{k}").FieldValue().FieldValue("p",
			fmt.Sprint(Year.Start(now).UnixMilli())).Build()).Error(); err != nil {
			t.Fatal(err)
		}
		if state := must(b.Spend(t.Context(), "k", 0)); state.Left != 100 {
			t.Errorf("%+v", state)
		}
		if ttl := must(client.Do(t.Context(), client.B().Ttl().Key("budget:{k}").Build()).AsInt64()); ttl <= 0 {
			t.Errorf("it is kept for %d", ttl)
		}
	})
}

// TestUnique counts each member once, in a period and over several.
func TestUnique(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		u := must(NewUnique(client, UniqueOptions{Retention: time.Hour}))
		for i := range 500 {
			if err := u.Add(t.Context(), "page", fmt.Sprint("user ", i%250)); err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now()
		yesterday := Day.Name(now.UTC().AddDate(0, 0, -1))
		must(client.Do(t.Context(), client.B().Pfadd().Key("unique:{page}:"+yesterday).Element("user 1", "another").Build()).AsInt64())
		if n := must(u.Count(t.Context(), "page", now.Add(-time.Minute), now)); n < 240 || n > 260 {
			t.Errorf("%d", n)
		}
		if n := must(u.Count(t.Context(), "page", now.AddDate(0, 0, -1), now)); n < 241 || n > 261 {
			t.Errorf("%d with yesterday", n)
		}
		ttl := must(client.Do(t.Context(), client.B().Ttl().Key("unique:{page}:"+Day.Name(now.UTC())).Build()).AsInt64())
		if ttl <= 0 || ttl > 25*3600 {
			t.Errorf("it is kept for %d s", ttl)
		}
		if _, err := u.Count(t.Context(), "page", time.Unix(0, 0), now); err == nil {
			t.Error("it unites too many")
		}
	})
}

// TestSkewedClock refuses a caller whose clock is more than a period off.
func TestSkewedClock(t *testing.T) {
	client := redistest.Single(t).Client(t)
	b := must(NewBudget(client, BudgetOptions{Limit: 5}))
	_, periods := Day.Around(time.Now().AddDate(0, 0, 3))
	err := b.run(t.Context(), spendScript, []string{"budget:{k}"}, periods, "1", "5").Error()
	if err == nil || !strings.Contains(err.Error(), "CLOCK") {
		t.Error(err)
	}
}

// TestAway returns an error in time.
func TestAway(t *testing.T) {
	s := redistest.Start(t)
	stock := must(NewStock(s.Client(t), Options{Timeout: 100 * time.Millisecond}))
	s.Pause()
	if err := stock.Take(t.Context(), "k", map[string]int64{"x": 1}); err == nil || errors.Is(err, ErrNotEnough) {
		t.Error(err)
	}
}
