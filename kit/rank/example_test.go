package rank_test

import (
	"context"
	"fmt"
	"log"

	"github.com/parley-chat/parley/kit/rank"
	"github.com/parley-chat/parley/kit/redistest"
)

func Example() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	ctx := context.Background()
	board, err := rank.New(client, rank.Options{Period: rank.Month})
	if err != nil {
		log.Fatal(err)
	}
	for _, game := range []struct {
		player string
		points float64
	}{{"ann", 30}, {"bob", 20}, {"cid", 10}, {"cid", 10}, {"dan", 5}} {
		if _, err := board.Add(ctx, "chess", game.player, game.points); err != nil {
			log.Fatal(err)
		}
	}
	near, err := board.Around(ctx, "chess", "cid", 1)
	fmt.Println(near, err)
	// Output: [{bob 20 2} {cid 20 2} {dan 5 4}] <nil>
}
