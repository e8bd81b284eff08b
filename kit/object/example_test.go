package object_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/object"
	"github.com/parley-chat/parley/kit/redistest"
)

type User struct {
	ID      string    `redis:",key"`
	Version int64     `redis:",version"`
	Name    string    `redis:"name,unique"`
	Team    string    `redis:"team,index"`
	Skills  []string  `redis:"skills,index"`
	Joined  time.Time `redis:"joined,index"`
	Bio     *string   `redis:"bio"`
}

func Example() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()

	users, err := object.NewRepository[User](client, "app:user", object.Options{})
	if err != nil {
		panic(err) // a mistake in User's tags
	}
	bio := "wrote the first program"
	ada := &User{Name: "ada", Team: "engine", Skills: []string{"maths", "poetry"}, Bio: &bio}
	if err := users.Save(ctx, ada); err != nil {
		panic(err)
	}
	fmt.Println(len(ada.ID), ada.Version > 0) // Save made an id and a version

	got, err := users.Fetch(ctx, ada.ID)
	fmt.Println(got.Name, *got.Bio, err)
	// Output:
	// 26 true
	// ada wrote the first program <nil>
}

// Two people edit the same record; the second one learns of it.
func ExampleRepository_Save() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	users := repository(client)
	_ = users.Save(ctx, &User{ID: "1", Name: "ada"})

	mine, _ := users.Fetch(ctx, "1")
	yours, _ := users.Fetch(ctx, "1")
	mine.Team = "engine"
	yours.Team = "poetry"
	fmt.Println(users.Save(ctx, mine))
	fmt.Println(errors.Is(users.Save(ctx, yours), object.ErrConflict))

	// Someone removes it meanwhile: a late save does not bring it back.
	_ = users.Remove(ctx, "1")
	fmt.Println(errors.Is(users.Save(ctx, mine), object.ErrNotFound))
	// Output:
	// <nil>
	// true
	// true
}

// What is nil is cleared.
func ExampleRepository_Save_clear() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	users := repository(client)
	bio := "wrote the first program"
	ada := &User{ID: "1", Name: "ada", Bio: &bio}
	_ = users.Save(ctx, ada)
	ada.Bio = nil
	_ = users.Save(ctx, ada)
	got, _ := users.Fetch(ctx, "1")
	fmt.Println(got.Bio == nil)
	// Output: true
}

// A unique value belongs to one record.
func ExampleRepository_FetchBy() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	users := repository(client)
	_ = users.Save(ctx, &User{ID: "1", Name: "ada"})

	err := users.Save(ctx, &User{ID: "2", Name: "ada"})
	var taken *object.TakenError
	if errors.As(err, &taken) {
		fmt.Println(taken)
	}
	ada, _ := users.FetchBy(ctx, "name", "ada")
	fmt.Println(ada.ID)
	// Output:
	// value of name is taken
	// 1
}

// Pages in the order of a field, newest first.
func ExampleRepository_Find() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	users := repository(client)
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, name := range []string{"ada", "bob", "cyd", "dan", "eve"} {
		_ = users.Save(ctx, &User{Name: name, Joined: day.AddDate(0, 0, i), Skills: []string{"go", name}})
	}

	page := object.Page{Limit: 2, Desc: true}
	for {
		found, err := users.Find(ctx, object.AtLeast("joined", day.AddDate(0, 0, 1)), page)
		if err != nil {
			panic(err)
		}
		for _, user := range found.Records {
			fmt.Println(user.Name, user.Joined.Format(time.DateOnly))
		}
		fmt.Println("-")
		if page.After = found.Next; page.After == "" {
			break
		}
	}
	found, _ := users.Find(ctx, object.Eq("skills", "cyd"), object.Page{})
	fmt.Println(len(found.Records), found.Records[0].Name)

	others := object.Not(object.Eq("skills", "ada"))
	found, _ = users.Find(ctx, object.All("joined").And(object.Eq("skills", "go"), others), object.Page{})
	fmt.Println(len(found.Records), found.Records[0].Name)
	// Output:
	// eve 2026-01-05
	// dan 2026-01-04
	// -
	// cyd 2026-01-03
	// bob 2026-01-02
	// -
	// 1 cyd
	// 4 bob
}

// All records that meet a condition, two a round trip.
func ExampleRepository_List() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	users := repository(client)
	for _, name := range []string{"ada", "bob", "cyd", "dan", "eve"} {
		_ = users.Save(ctx, &User{Name: name, Skills: []string{"go"}})
	}
	n := 0
	for user, err := range users.List(ctx, object.Eq("skills", "go"), object.Page{Limit: 2}) {
		if err != nil {
			panic(err)
		}
		if n++; user.Name == "" {
			fmt.Println("no name")
		}
	}
	fmt.Println(n)
	for _, err := range users.List(ctx, object.Eq("shoes", 43), object.Page{}) {
		fmt.Println(err)
	}
	// Output:
	// 5
	// object: find object_test.User by shoes: object_test.User has no index on "shoes"
}

// A document may hold what a hash cannot.
func ExampleOptions_json() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()

	type Line struct{ Product, Price string }
	type Order struct {
		ID      string            `redis:",key" json:"id"`
		Version int64             `redis:",version" json:"-"`
		State   string            `redis:"state,index" json:"state"`
		Lines   []Line            `json:"lines"`
		Labels  map[string]string `json:"labels,omitempty"`
	}
	orders, err := object.NewRepository[Order](client, "shop:order",
		object.Options{Encoding: object.JSON, TTL: 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	_ = orders.Save(ctx, &Order{ID: "7", State: "open", Lines: []Line{{"tea", "3.20"}}})
	found, _ := orders.Find(ctx, object.Eq("state", "open"), object.Page{})
	life, _ := orders.TTL(ctx, "7")
	fmt.Println(found.Records[0].Lines, life > 23*time.Hour)
	// Output: [{tea 3.20}] true
}

// A mistake in the tags shows at the start.
func ExampleNewRepository() {
	client, stop := redistest.Example()
	defer stop()
	type Task struct {
		ID    string            `redis:",key"`
		Notes map[string]string `redis:"notes"`
	}
	_, err := object.NewRepository[Task](client, "task", object.Options{})
	fmt.Println(err)
	// Output: object: object_test.Task.Notes: map[string]string is not supported in a hash; keep it in a JSON record
}

// The query engine combines conditions; values are escaped. Plain Redis has
// none.
func ExampleRepository_Search() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	users := repository(client)
	if err := users.CreateSearchIndex(ctx); errors.Is(err, object.ErrNoQueryEngine) {
		fmt.Println("use Find")
		return
	}
	recs, total, err := users.Search(ctx, object.Search{
		Where:  []object.Condition{object.Eq("team", "R&D {west}"), object.Eq("skills", "go")},
		SortBy: "joined", Desc: true,
	})
	fmt.Println(len(recs), total, err)
	// Output: use Find
}

func repository(client rueidis.Client) *object.Repository[User] {
	users, err := object.NewRepository[User](client, "app:user", object.Options{})
	if err != nil {
		panic(err)
	}
	return users
}
