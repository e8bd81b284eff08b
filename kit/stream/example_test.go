package stream_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/stream"
)

// A follower keeps its position, and goes on from there.
func ExampleTopic_Follow() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()

	topic, err := stream.NewTopic(client, "orders", stream.TopicOptions{MaxAge: 30 * 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	for _, payload := range []string{"apples", "pears", "plums"} {
		if _, err := topic.Append(ctx, payload); err != nil {
			panic(err)
		}
	}
	position, enough := stream.Beginning, errors.New("enough")
	for _, last := range []string{"pears", "plums"} {
		err := topic.Follow(ctx, position, func(e stream.Event) error {
			fmt.Println(e.Payload)
			position = e.Position // kept with what was done, if it is to be done once
			if e.Payload == last {
				return enough
			}
			return nil
		}, stream.FollowOptions{})
		fmt.Println(err)
	}
	// Output:
	// apples
	// pears
	// enough
	// plums
	// enough
}

// Two workers share the work. What one cannot do ends among the dead letters.
func ExampleGroup_Consume() {
	client, stop := redistest.Example()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())

	topic, err := stream.NewTopic(client, "mails", stream.TopicOptions{})
	if err != nil {
		panic(err)
	}
	died := make(chan bool, 1)
	senders, err := topic.Group("senders", stream.GroupOptions{
		MaxDeliveries: 2,
		Backoff:       func(int) time.Duration { return 10 * time.Millisecond },
	})
	if err != nil {
		panic(err)
	}
	sent, ended := make(chan string), make(chan error)
	for range 2 {
		go func() {
			ended <- senders.Consume(ctx, func(_ context.Context, d stream.Delivery) error {
				if d.Payload == "nobody@" {
					if d.Deliveries == 2 {
						died <- true
					}
					return errors.New("no such address")
				}
				sent <- d.Payload
				return nil
			})
		}()
	}
	for _, to := range []string{"nobody@", "ada@example.org"} {
		if _, err := topic.Append(ctx, to); err != nil {
			panic(err)
		}
	}
	fmt.Println(<-sent)
	<-died
	cancel()
	fmt.Println(<-ended, <-ended)
	for l, err := range senders.DeadLetters(context.Background(), "") {
		fmt.Println(l.Payload, l.Deliveries, l.Reason, err)
	}
	// Output:
	// ada@example.org
	// context canceled context canceled
	// nobody@ 2 no such address <nil>
}
