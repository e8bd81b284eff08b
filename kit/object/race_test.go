package object

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// Of many who save the same version at the same time, exactly one gets through.
func testConcurrentSaves(t *testing.T, client rueidis.Client) {
	repo := must(NewRepository[item](client, "race", Options{}))
	rec := &item{Color: "red", Score: ptr(0)}
	if err := repo.Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 50; round++ {
		var won atomic.Int32
		var wg sync.WaitGroup
		for saver := range 8 {
			wg.Go(func() {
				mine := *rec
				mine.Score, mine.Color = ptr(round), fmt.Sprint("saver ", saver)
				switch err := repo.Save(t.Context(), &mine); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d savers won", round, won.Load())
		}
		var err error
		if rec, err = repo.Fetch(t.Context(), rec.ID); err != nil || *rec.Score != round {
			t.Fatalf("round %d: %+v, %v", round, rec, err)
		}
		found, err := repo.Find(t.Context(), All("color"), Page{})
		if err != nil || len(found.Records) != 1 || found.Records[0].Color != rec.Color {
			t.Fatalf("round %d: index and record differ: %+v, %v", round, found, err)
		}
	}
}

// Everyone adds one, again until it works: none is lost.
func TestNoLostUpdate(t *testing.T) {
	repo := must(NewRepository[item](single(t), "count", Options{}))
	rec := &item{Score: ptr(0)}
	if err := repo.Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				for {
					mine, err := repo.Fetch(t.Context(), rec.ID)
					if err != nil {
						t.Error(err)
						return
					}
					*mine.Score++
					if err = repo.Save(t.Context(), mine); err == nil {
						break
					} else if !errors.Is(err, ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if got, err := repo.Fetch(t.Context(), rec.ID); err != nil || *got.Score != 200 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Of many who claim the same value, exactly one gets it; the others' records
// are not made.
func testUniqueRace(t *testing.T, client rueidis.Client) {
	repo := must(NewRepository[item](client, "claim", Options{}))
	for round := range 50 {
		email := fmt.Sprintf("%d@example.org", round)
		var winner atomic.Pointer[item]
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				rec := &item{ID: fmt.Sprintf("%d-%d", round, i), Color: email, Email: &email}
				err := repo.Save(t.Context(), rec)
				var taken *TakenError
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(rec)
				case !errors.Is(err, ErrTaken) || !errors.As(err, &taken) || taken.Field != "email":
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d claims won", round, won.Load())
		}
		got, err := repo.FetchBy(t.Context(), "email", email)
		if err != nil || got.ID != winner.Load().ID {
			t.Fatalf("round %d: %+v, %v", round, got, err)
		}
		found, err := repo.Find(t.Context(), Eq("color", email), Page{})
		if err != nil || len(found.Records) != 1 {
			t.Fatalf("round %d: a loser left something: %+v, %v", round, found, err)
		}
	}
}

// A value that a save refused for another reason is not claimed, and one that
// is given up is free at once.
func TestClaimsFollowTheRecord(t *testing.T) {
	repo := must(NewRepository[item](single(t), "claims", Options{}))
	a, b := &item{ID: "a", Email: ptr("x")}, &item{ID: "b", Email: ptr("y")}
	for _, rec := range []*item{a, b} {
		if err := repo.Save(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	stale := *a
	if err := repo.Save(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	stale.Email = ptr("z")
	if err := repo.Save(t.Context(), &stale); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	b.Email = ptr("z")
	if err := repo.Save(t.Context(), b); err != nil {
		t.Fatalf("claimed by a refused save: %v", err)
	}
	a.Email = ptr("y")
	if err := repo.Save(t.Context(), a); err != nil {
		t.Fatalf("not free after it was given up: %v", err)
	}
	if err := repo.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	a.Email = ptr("z")
	if err := repo.Save(t.Context(), a); err != nil {
		t.Fatalf("not free after a remove: %v", err)
	}
}

// An expired record is nowhere; its claims are free; and a record made anew
// under its id does not bring them back.
func testExpiry(t *testing.T, client rueidis.Client) {
	repo := must(NewRepository[item](client, "expiry", Options{}))
	rec := &item{ID: "a", Color: "red", Email: ptr("x")}
	if err := repo.SaveFor(t.Context(), rec, time.Hour); err != nil {
		t.Fatal(err)
	}
	if ttl, err := repo.TTL(t.Context(), "a"); err != nil || ttl <= 59*time.Minute || ttl > time.Hour {
		t.Fatalf("%s, %v", ttl, err)
	}
	if err := repo.Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if ttl, err := repo.TTL(t.Context(), "a"); err != nil || ttl <= 59*time.Minute {
		t.Fatalf("Save changed the life to %s, %v", ttl, err)
	}
	if err := repo.Persist(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if ttl, err := repo.TTL(t.Context(), "a"); err != nil || ttl != 0 {
		t.Fatalf("%s, %v", ttl, err)
	}
	if err := repo.Expire(t.Context(), "a", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	waitGone(t, t.Context(), repo, "a")

	other := &item{ID: "b", Color: "red", Email: ptr("x")}
	if err := repo.Save(t.Context(), other); err != nil {
		t.Fatalf("claim of an expired record: %v", err)
	}
	if err := repo.Save(t.Context(), rec); !errors.Is(err, ErrNotFound) {
		t.Fatalf("save after expiry: %v", err)
	}
	again := &item{ID: "a", Color: "red", Email: ptr("x")}
	if err := repo.Save(t.Context(), again); !errors.Is(err, ErrTaken) {
		t.Fatalf("the old claim came back: %v", err)
	}
	found, err := repo.Find(t.Context(), Eq("color", "red"), Page{})
	if err != nil || len(found.Records) != 1 || found.Records[0].ID != "b" {
		t.Fatalf("%+v, %v", found, err)
	}
}

// Saves clear up after expired records that no look-up meets, and one look-up
// does a bounded part of it.
func TestExpiredIndexEntries(t *testing.T) {
	client := single(t)
	for partitions := range 3 {
		repo := must(NewRepository[spread](client, fmt.Sprintf("stale%d", partitions),
			Options{Partitions: partitions + 1}))
		size := func() (n int64) {
			for _, sh := range repo.shards {
				n += must(client.Do(t.Context(), client.B().Zcard().Key(sh.indexes[0]).Build()).AsInt64())
			}
			return n
		}
		for i := range 900 {
			if err := repo.Save(t.Context(),
				&spread{ID: fmt.Sprintf("%03d", i), Weight: float64(i), Color: "red"}); err != nil {
				t.Fatal(err)
			}
		}
		// What stays is at both ends and in the middle.
		stays := map[string]bool{"000": true, "001": true, "450": true, "451": true, "452": true,
			"898": true, "899": true}
		for i := range 900 {
			if id := fmt.Sprintf("%03d", i); !stays[id] {
				if err := repo.Expire(t.Context(), id, time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
		}
		waitGone(t, t.Context(), repo, "897")
		before := size()
		var got []string
		page, rounds := Page{Limit: 3}, 0
		for {
			found, err := repo.Find(t.Context(), All("weight"), page)
			if err != nil {
				t.Fatal(err)
			}
			rounds++
			for _, rec := range found.Records {
				got = append(got, rec.ID)
			}
			if now := size(); before-now > int64(2*(256+3)*len(repo.shards)) {
				t.Errorf("one look-up dropped %d entries", before-now)
			} else {
				before = now
			}
			if page.After = found.Next; page.After == "" {
				break
			}
		}
		if fmt.Sprint(got) != "[000 001 450 451 452 898 899]" {
			t.Errorf("%d partitions, %d pages: %v", partitions+1, rounds, got)
		}
		if size() != int64(2*len(stays)) {
			t.Errorf("%d entries are left of expired records", size()-int64(2*len(stays)))
		}
	}

	repo := must(NewRepository[item](client, "swept", Options{}))
	for i := range 20 {
		if err := repo.SaveFor(t.Context(), &item{ID: fmt.Sprint(i), Email: ptr(fmt.Sprint(i))},
			time.Millisecond); err != nil {
			t.Fatal(err)
		}
		waitGone(t, t.Context(), repo, fmt.Sprint(i))
	}
	if n := must(client.Do(t.Context(),
		client.B().Hlen().Key(repo.shards[0].indexes[1]).Build()).AsInt64()); n > 5 {
		t.Errorf("saves left %d claims of expired records", n)
	}
}

// A partition that is held up by expired records holds up the order of all.
func TestMergeWaitsForTheSlowest(t *testing.T) {
	client := single(t)
	repo := must(NewRepository[spread](client, "slow", Options{Partitions: 2}))
	id := func(partition, n int) string {
		for i := 0; ; i++ {
			if id := fmt.Sprintf("%d.%d", n, i); repo.shard(id) == &repo.shards[partition] {
				return id
			}
		}
	}
	save := func(partition, n int) string {
		rec := &spread{ID: id(partition, n), Weight: float64(n)}
		if err := repo.Save(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		return rec.ID
	}
	want := []string{save(0, 1000), save(1, 1001), save(0, 1002)}
	last := ""
	for n := range 600 {
		last = save(0, n)
	}
	for n := range 600 {
		if err := repo.Expire(t.Context(), id(0, n), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	waitGone(t, t.Context(), repo, last)
	var got []string
	page, pages := Page{Limit: 5}, 0
	for {
		found, err := repo.Find(t.Context(), All("weight"), page)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, rec := range found.Records {
			got = append(got, rec.ID)
		}
		if page.After = found.Next; page.After == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || pages < 3 {
		t.Errorf("%v in %d pages, want %v", got, pages, want)
	}
}

// TestUpdate counts from many callers at a time, and none is lost.
func TestUpdate(t *testing.T) {
	repo := must(NewRepository[item](redistest.Single(t).Client(t), "app:item", Options{}))
	if err := repo.Save(t.Context(), &item{ID: "a", Score: ptr(0)}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				if _, err := repo.Update(t.Context(), "a", func(rec *item) error {
					*rec.Score++
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	enough := errors.New("enough")
	rec, err := repo.Update(t.Context(), "a", func(rec *item) error {
		if *rec.Score != 80 {
			t.Errorf("%d of 80 counted", *rec.Score)
		}
		return enough
	})
	if rec != nil || !errors.Is(err, enough) {
		t.Error(rec, err)
	}
	if _, err := repo.Update(t.Context(), "none", func(*item) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
