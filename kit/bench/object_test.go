package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/om"

	"github.com/parley-chat/parley/kit/object"
	"github.com/parley-chat/parley/kit/redistest"
)

// The same record three times: for object without and with an index, and for
// om, which knows no ints but int64 and no times in a hash but as JSON.
type plainUser struct {
	ID      string    `redis:",key"`
	Version int64     `redis:",version"`
	Name    string    `redis:"name"`
	Email   string    `redis:"email"`
	Team    string    `redis:"team"`
	Age     int64     `redis:"age"`
	Active  bool      `redis:"active"`
	Bio     *string   `redis:"bio"`
	Joined  time.Time `redis:"joined"`
}

type indexedUser struct {
	ID      string    `redis:",key"`
	Version int64     `redis:",version"`
	Name    string    `redis:"name"`
	Email   string    `redis:"email,unique"`
	Team    string    `redis:"team,index"`
	Age     int64     `redis:"age,index"`
	Active  bool      `redis:"active"`
	Bio     *string   `redis:"bio"`
	Joined  time.Time `redis:"joined"`
}

type omUser struct {
	ID      string    `redis:",key"`
	Version int64     `redis:",ver"`
	Name    string    `json:"name"`
	Email   string    `json:"email"`
	Team    string    `json:"team"`
	Age     int64     `json:"age"`
	Active  bool      `json:"active"`
	Bio     *string   `json:"bio"`
	Joined  time.Time `json:"joined"`
}

var joined = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func indexed(i int) *indexedUser {
	return &indexedUser{ID: strconv.Itoa(i), Name: "Ada Lovelace",
		Email: fmt.Sprint(i, "@example.org"), Team: fmt.Sprint("team", i%100), Age: int64(i % 80),
		Active: true, Bio: new("wrote the first program"), Joined: joined}
}

// BenchmarkObjectSave overwrites one record again and again, with its version
// checked.
func BenchmarkObjectSave(b *testing.B) {
	client := redistest.Start(b).Client(b)
	ctx := context.Background()
	each := func(name string, save func(i int) error) {
		b.Run(name, func(b *testing.B) {
			defer serverCPU(b, client)()
			for i := 0; b.Loop(); i++ {
				if err := save(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	plain := plainUser(*indexed(1))
	plainRepo := got(object.NewRepository[plainUser](client, "plain", object.Options{}))
	each("object", func(i int) error { plain.Age = int64(i); return plainRepo.Save(ctx, &plain) })

	omRepo := om.NewHashRepository("om", omUser{}, client)
	omRec := omUser(*indexed(1))
	each("om", func(i int) error { omRec.Age = int64(i); return omRepo.Save(ctx, &omRec) })

	hand := indexed(1)
	each("HSET", func(i int) error { hand.Age = int64(i); return hset(ctx, client, "hand:1", hand) })

	full := indexed(1)
	fullRepo := got(object.NewRepository[indexedUser](client, "full", object.Options{}))
	each("object, 3 indexes, none changes",
		func(i int) error { full.Name = strconv.Itoa(i); return fullRepo.Save(ctx, full) })
	each("object, 3 indexes, one changes",
		func(i int) error { full.Age = int64(i % 80); return fullRepo.Save(ctx, full) })
	doc := indexed(1)
	docRepo := got(object.NewRepository[indexedUser](client, "doc", object.Options{Encoding: object.JSON}))
	each("object, JSON, 3 indexes, one changes",
		func(i int) error { doc.Age = int64(i % 80); return docRepo.Save(ctx, doc) })
}

// BenchmarkObjectBesideOm takes turns with om, so that both meet the same
// machine, and reports object's time as a share of om's.
func BenchmarkObjectBesideOm(b *testing.B) {
	client := redistest.Start(b).Client(b)
	ctx := context.Background()
	repo := got(object.NewRepository[plainUser](client, "plain", object.Options{}))
	omRepo := om.NewHashRepository("om", omUser{}, client)
	p, o := plainUser(*indexed(1)), omUser(*indexed(1))
	var save, omSave, fetch, omFetch time.Duration
	timed := func(sum *time.Duration, call func() error) {
		begin := time.Now()
		check(b, call())
		*sum += time.Since(begin)
	}
	for b.Loop() {
		p.Age++
		o.Age++
		timed(&save, func() error { return repo.Save(ctx, &p) })
		timed(&omSave, func() error { return omRepo.Save(ctx, &o) })
		timed(&fetch, func() error { _, err := repo.Fetch(ctx, "1"); return err })
		timed(&omFetch, func() error { _, err := omRepo.Fetch(ctx, "1"); return err })
	}
	b.ReportMetric(float64(save)/float64(omSave), "save/om")
	b.ReportMetric(float64(fetch)/float64(omFetch), "fetch/om")
}

// BenchmarkObjectSaveParallel saves new records from many goroutines: what the
// server can do.
func BenchmarkObjectSaveParallel(b *testing.B) {
	client := redistest.Start(b).Client(b)
	ctx := context.Background()
	var ids atomic.Int64
	each := func(name string, save func(i int) error) {
		b.Run(name, func(b *testing.B) {
			defer serverCPU(b, client)()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := save(int(ids.Add(1))); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	plainRepo := got(object.NewRepository[plainUser](client, "plain", object.Options{}))
	each("object", func(i int) error { rec := plainUser(*indexed(i)); return plainRepo.Save(ctx, &rec) })
	omRepo := om.NewHashRepository("om", omUser{}, client)
	each("om", func(i int) error { rec := omUser(*indexed(i)); return omRepo.Save(ctx, &rec) })
	each("HSET", func(i int) error { return hset(ctx, client, "hand:"+strconv.Itoa(i), indexed(i)) })
	fullRepo := got(object.NewRepository[indexedUser](client, "full", object.Options{}))
	each("object, 3 indexes", func(i int) error { return fullRepo.Save(ctx, indexed(i)) })
}

// BenchmarkObjectFetch reads one record; and 50 by id.
func BenchmarkObjectFetch(b *testing.B) {
	client := redistest.Start(b).Client(b)
	ctx := context.Background()
	plainRepo := got(object.NewRepository[plainUser](client, "plain", object.Options{}))
	omRepo := om.NewHashRepository("om", omUser{}, client)
	docRepo := got(object.NewRepository[indexedUser](client, "doc", object.Options{Encoding: object.JSON}))
	var ids []string
	for i := range 50 {
		p, o := plainUser(*indexed(i)), omUser(*indexed(i))
		check(b, plainRepo.Save(ctx, &p))
		check(b, omRepo.Save(ctx, &o))
		check(b, docRepo.Save(ctx, indexed(i)))
		check(b, hset(ctx, client, "hand:"+p.ID, indexed(i)))
		ids = append(ids, p.ID)
	}
	b.Run("object", func(b *testing.B) {
		defer serverCPU(b, client)()
		for b.Loop() {
			got(plainRepo.Fetch(ctx, "1"))
		}
	})
	b.Run("object, JSON", func(b *testing.B) {
		defer serverCPU(b, client)()
		for b.Loop() {
			got(docRepo.Fetch(ctx, "1"))
		}
	})
	b.Run("om", func(b *testing.B) {
		defer serverCPU(b, client)()
		for b.Loop() {
			got(omRepo.Fetch(ctx, "1"))
		}
	})
	b.Run("HGETALL", func(b *testing.B) {
		defer serverCPU(b, client)()
		for b.Loop() {
			got(client.Do(ctx, client.B().Hgetall().Key("hand:1").Build()).AsStrMap())
		}
	})
	b.Run("object, 50", func(b *testing.B) {
		defer serverCPU(b, client)()
		for b.Loop() {
			got(plainRepo.FetchMany(ctx, ids...))
		}
	})
	b.Run("om, 50", func(b *testing.B) { // it has no call for many
		defer serverCPU(b, client)()
		for b.Loop() {
			for _, id := range ids {
				got(omRepo.Fetch(ctx, id))
			}
		}
	})
}

// BenchmarkObjectFind looks up 50 of 10,000 records by an indexed field,
// against a sorted set of ids kept by hand and a pipeline of HGETALL (two round
// trips). om has no look-up without the query engine.
func BenchmarkObjectFind(b *testing.B) {
	client := redistest.Start(b).Client(b)
	ctx := context.Background()
	repo := got(object.NewRepository[indexedUser](client, "full", object.Options{}))
	for i := range 10000 {
		rec := indexed(i)
		check(b, repo.Save(ctx, rec))
		check(b, hset(ctx, client, "hand:"+rec.ID, rec))
		check(b, client.Do(ctx, client.B().Zadd().Key("hand!"+rec.Team).ScoreMember().ScoreMember(0,
			rec.ID).Build()).Error())
	}
	b.Run("object", func(b *testing.B) {
		defer serverCPU(b, client)()
		for i := 0; b.Loop(); i++ {
			if found, err := repo.Find(ctx, object.Eq("team", fmt.Sprint("team", i%100)),
				object.Page{Limit: 50}); err != nil || len(found.Records) != 50 {
				b.Fatal(len(found.Records), err)
			}
		}
	})
	b.Run("by hand", func(b *testing.B) {
		defer serverCPU(b, client)()
		for i := 0; b.Loop(); i++ {
			ids := got(client.Do(ctx, client.B().Zrange().Key(fmt.Sprint("hand!team", i%100)).Min(
				"0").Max("49").Build()).AsStrSlice())
			commands := make(rueidis.Commands, len(ids))
			for j, id := range ids {
				commands[j] = client.B().Hgetall().Key("hand:" + id).Build()
			}
			for _, answer := range client.DoMulti(ctx, commands...) {
				got(answer.AsStrMap())
			}
		}
	})
	b.Run("object, unique", func(b *testing.B) {
		defer serverCPU(b, client)()
		for i := 0; b.Loop(); i++ {
			got(repo.FetchBy(ctx, "email", fmt.Sprint(i%10000, "@example.org")))
		}
	})
}

func hset(ctx context.Context, client rueidis.Client, key string, u *indexedUser) error {
	return client.Do(ctx, client.B().Hset().Key(key).FieldValue().
		FieldValue("name", u.Name).FieldValue("email", u.Email).FieldValue("team", u.Team).
		FieldValue("age", strconv.FormatInt(u.Age, 10)).FieldValue("active", strconv.FormatBool(u.Active)).
		FieldValue("bio", *u.Bio).FieldValue("joined", u.Joined.Format(time.RFC3339Nano)).Build()).Error()
}

// serverCPU reports what Redis' main thread spent on an operation: on a busy
// machine it says more than the time that passed.
func serverCPU(b *testing.B, client rueidis.Client) (stop func()) {
	read := func() (seconds float64) {
		info := got(client.Do(context.Background(), client.B().Info().Section("cpu").Build()).ToString())
		for line := range strings.Lines(info) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok &&
				strings.HasSuffix(name, "_main_thread") {
				seconds += got(strconv.ParseFloat(value, 64))
			}
		}
		return seconds
	}
	before := read()
	return func() { b.ReportMetric((read()-before)*1e6/float64(b.N), "server-µs/op") }
}

func got[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
