package cache_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

func ExampleCache_Get() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	users, err := cache.New(client, cache.Options[user]{
		Name:        unique(nil),
		TTL:         time.Hour,
		Jitter:      0.1,
		NegativeTTL: time.Minute,
		OnError:     func(err error) { fmt.Println(err) },
	})
	if err != nil {
		panic(err)
	}
	defer users.Close()

	fromDB := func(_ context.Context, id string) (user, error) {
		fmt.Println("loading", id)
		if id != "ada" {
			return user{}, cache.ErrNotFound
		}
		return user{"Ada", 36}, nil
	}
	for _, id := range []string{"ada", "ada", "bob", "bob"} {
		u, err := users.Get(context.Background(), id, fromDB)
		if errors.Is(err, cache.ErrNotFound) {
			fmt.Println(id, "does not exist")
			continue
		}
		fmt.Println(u.Name, u.Age, err)
	}
	// Output:
	// loading ada
	// Ada 36 <nil>
	// Ada 36 <nil>
	// loading bob
	// bob does not exist
	// bob does not exist
}

func ExampleCache_GetMany() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	squares, err := cache.New(client, cache.Options[int]{Name: unique(nil), TTL: time.Hour})
	if err != nil {
		panic(err)
	}
	defer squares.Close()
	load := func(_ context.Context, keys []string) (map[string]int, error) {
		fmt.Println("loading", len(keys))
		out := make(map[string]int)
		for _, k := range keys {
			out[k] = len(k) * len(k)
		}
		return out, nil
	}
	for _, keys := range [][]string{{"a", "bb"}, {"a", "bb", "ccc"}} {
		m, err := squares.GetMany(context.Background(), keys, load)
		fmt.Println(m, err)
	}
	// Output:
	// loading 2
	// map[a:1 bb:4] <nil>
	// loading 1
	// map[a:1 bb:4 ccc:9] <nil>
}

func ExampleCache_Update() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	names, err := cache.New(client,
		cache.Options[string]{Name: unique(nil), TTL: time.Hour, Codec: cache.String{}})
	if err != nil {
		panic(err)
	}
	defer names.Close()
	db := map[string]string{"1": "Ada"}
	_, err = names.Update(context.Background(), "1", func(context.Context) (string, error) {
		db["1"] = "Augusta Ada" // UPDATE ... RETURNING
		return db["1"], nil
	})
	fmt.Println(err)
	fmt.Println(names.Peek(context.Background(), "1"))
	// Output:
	// <nil>
	// Augusta Ada true <nil>
}

func ExampleCache_InvalidateTag() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	previews, err := cache.New(client, cache.Options[string]{
		Name: unique(nil),
		TTL:  time.Hour,
		Tags: func(key string) []string { return []string{"site:" + key[:len("a.example")]} },
	})
	if err != nil {
		panic(err)
	}
	defer previews.Close()
	ctx := context.Background()
	for _, url := range []string{"a.example/1", "a.example/2", "b.example/1"} {
		if err := previews.Set(ctx, url, "preview"); err != nil {
			panic(err)
		}
	}
	fmt.Println(previews.InvalidateTag(ctx, "site:a.example"))
	for _, url := range []string{"a.example/1", "a.example/2", "b.example/1"} {
		_, ok, err := previews.Peek(ctx, url)
		fmt.Println(url, ok, err)
	}
	// Output:
	// <nil>
	// a.example/1 false <nil>
	// a.example/2 false <nil>
	// b.example/1 true <nil>
}

// Serve what is there at once, refresh it behind the reader's back, and keep it
// in the process as well.
func ExampleOptions() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	c, err := cache.New(client, cache.Options[string]{
		Name:         unique(nil),
		TTL:          time.Minute,
		RefreshAhead: 10 * time.Second, // asked for in its last 10 s: refreshed meanwhile
		Stale:        time.Hour,        // the source may be away for an hour
		LocalSize:    10_000,
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	fmt.Println(c.Get(context.Background(), "k",
		func(context.Context, string) (string, error) { return "v", nil }))
	// Output: v <nil>
}
