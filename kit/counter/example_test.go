package counter_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/parley-chat/parley/kit/counter"
	"github.com/parley-chat/parley/kit/redistest"
)

func ExampleStock() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	ctx := context.Background()
	stock, err := counter.NewStock(client, counter.Options{Prefix: "stock"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := stock.Add(ctx, "shop", "tea", 3); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stock.Take(ctx, "shop", map[string]int64{"tea": 2}))
	fmt.Println(stock.Take(ctx, "shop", map[string]int64{"tea": 2}))
	// Output:
	// <nil>
	// counter: not enough: there is 1 of "tea", not 2
}

func ExampleBudget() {
	client, stop := redistest.Example()
	defer stop()
	budget, err := counter.NewBudget(client, counter.BudgetOptions{Limit: 100, Period: counter.Month})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		spent, err := budget.Spend(context.Background(), "customer 7", 60)
		fmt.Println(spent.Left, errors.Is(err, counter.ErrNotEnough))
	}
	// Output:
	// 40 false
	// 40 true
}
