package rank

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
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

// TestTies shares ranks, on any page, and orders equals by name.
func TestTies(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		r := must(New(client, Options{}))
		for member, score := range map[string]float64{"ann": 30, "bob": 20, "cid": 20, "dan": 20, "eve": 10, "fay": 0, "gus": -5} {
			must(r.Set(t.Context(), "b", member, score))
		}
		show := func(entries []Entry, err error) string {
			if err != nil {
				t.Error(err)
			}
			var all []string
			for _, e := range entries {
				all = append(all, fmt.Sprintf("%d %s %v", e.Rank, e.Member, e.Score))
			}
			return strings.Join(all, ", ")
		}
		for _, c := range []struct{ got, want string }{
			{show(r.Top(t.Context(), "b", 0, 5)), "1 ann 30, 2 bob 20, 2 cid 20, 2 dan 20, 5 eve 10"},
			{show(r.Top(t.Context(), "b", 2, 3)), "2 cid 20, 2 dan 20, 5 eve 10"},
			{show(r.Top(t.Context(), "b", 5, 10)), "6 fay 0, 7 gus -5"},
			{show(r.Top(t.Context(), "b", 9, 10)), ""},
			{show(r.Around(t.Context(), "b", "dan", 1)), "2 cid 20, 2 dan 20, 5 eve 10"},
			{show(r.Around(t.Context(), "b", "ann", 2)), "1 ann 30, 2 bob 20, 2 cid 20"},
		} {
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		}
		if e := must(r.Get(t.Context(), "b", "dan")); e != (Entry{"dan", 20, 2}) {
			t.Errorf("%+v", e)
		}
		if e := must(r.Add(t.Context(), "b", "eve", 10)); e != (Entry{"eve", 20, 2}) {
			t.Errorf("%+v", e)
		}
		if e := must(r.Best(t.Context(), "b", "eve", 15)); e != (Entry{"eve", 20, 2}) {
			t.Errorf("%+v", e)
		}
		if e := must(r.Best(t.Context(), "b", "eve", 35)); e != (Entry{"eve", 35, 1}) {
			t.Errorf("%+v", e)
		}
		if n := must(r.Remove(t.Context(), "b", "eve", "none")); n != 1 || must(r.Len(t.Context(), "b")) != 6 {
			t.Errorf("removed %d", n)
		}
		if _, err := r.Get(t.Context(), "b", "eve"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		for _, score := range []float64{math.NaN(), math.Inf(1)} {
			if _, err := r.Set(t.Context(), "b", "x", score); !errors.Is(err, ErrScore) {
				t.Error(err)
			}
		}
		if _, err := r.Set(t.Context(), "", "x", 1); !errors.Is(err, ErrKey) {
			t.Error(err)
		}
	})
}

// TestLowestFirst makes the shortest time the best.
func TestLowestFirst(t *testing.T) {
	client := redistest.Single(t).Client(t)
	r := must(New(client, Options{LowestFirst: true}))
	for _, time := range []float64{12.5, 11.25, 13} {
		must(r.Best(t.Context(), "100 m", "ann", time))
	}
	if e := must(r.Best(t.Context(), "100 m", "bob", 11.5)); e != (Entry{"bob", 11.5, 2}) {
		t.Errorf("%+v", e)
	}
	if e := must(r.Get(t.Context(), "100 m", "ann")); e != (Entry{"ann", 11.25, 1}) {
		t.Errorf("%+v", e)
	}
}

// TestModel compares with a sorted slice.
func TestModel(t *testing.T) {
	client := redistest.Single(t).Client(t)
	r := must(New(client, Options{}))
	model := map[string]float64{}
	for range 300 {
		member, score := fmt.Sprint("m", rand.IntN(40)), float64(rand.IntN(12))
		if rand.IntN(2) == 0 {
			model[member] += score
			must(r.Add(t.Context(), "b", member, score))
		} else {
			model[member] = score
			must(r.Set(t.Context(), "b", member, score))
		}
		var want []Entry
		for m, s := range model {
			want = append(want, Entry{m, s, 1})
			for _, other := range model {
				if other > s {
					want[len(want)-1].Rank++
				}
			}
		}
		slices.SortFunc(want, func(a, b Entry) int {
			if a.Rank != b.Rank {
				return int(a.Rank - b.Rank)
			}
			return strings.Compare(a.Member, b.Member)
		})
		offset := rand.IntN(len(want))
		want = want[offset:min(offset+7, len(want))]
		if got := must(r.Top(t.Context(), "b", offset, 7)); !slices.Equal(got, want) {
			t.Fatalf("from %d: %v, want %v", offset, got, want)
		}
	}
}

// TestPeriods has a board for each, which is kept for the retention after it.
func TestPeriods(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		r := must(New(client, Options{Period: Week, Retention: time.Hour}))
		lastWeek := time.Now().AddDate(0, 0, -7)
		must(r.Add(t.Context(), "b", "ann", 5))
		must(r.Add(t.Context(), "b", "ann", 5))
		must(r.At(time.Now()).Add(t.Context(), "b", "bob", 1))
		if top := must(r.Top(t.Context(), "b", 0, 9)); !slices.Equal(top, []Entry{{"ann", 10, 1}, {"bob", 1, 2}}) {
			t.Errorf("%v", top)
		}
		if top := must(r.At(lastWeek).Top(t.Context(), "b", 0, 9)); len(top) != 0 {
			t.Errorf("%v", top)
		}
		key := "rank:{b}:" + Week.Name(time.Now().UTC())
		ttl := must(client.Do(t.Context(), client.B().Ttl().Key(key).Build()).AsInt64())
		left := int64(time.Until(Week.Next(time.Now().UTC())).Seconds()) + 3600
		if ttl < left-5 || ttl > left+5 {
			t.Errorf("it is kept for %d s, not %d", ttl, left)
		}
	})
}

// TestConcurrent adds from many callers, and none of it is lost.
func TestConcurrent(t *testing.T) {
	client := redistest.Single(t).Client(t)
	r := must(New(client, Options{Period: Year}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 20 {
				if _, err := r.Add(context.Background(), "b", "ann", 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if e := must(r.Get(t.Context(), "b", "ann")); e.Score != 400 {
		t.Errorf("%+v", e)
	}
}
