package bus_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/kit/bus"
)

// A listener subscribes, and then reads what it keeps elsewhere: it misses
// nothing that comes after Subscribe returned.
func ExampleListen() {
	client, stop := bus.RedisForExample()
	defer stop()
	ctx := context.Background()

	heard := make(chan string)
	listener, err := bus.Listen(client, bus.Handler{
		Message: func(channel, payload string) { heard <- channel + ": " + payload },
		Gap:     func(channel string) { heard <- channel + ": catch up" },
	}, bus.ListenOptions{})
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	if err := listener.SSubscribe(ctx, "room:1", "room:2"); err != nil {
		panic(err)
	}
	client.Do(ctx, client.B().Spublish().Channel("room:1").Message("hello").Build())
	fmt.Println(<-heard)

	// The connection is lost, and mended without further ado.
	client.Do(ctx, client.B().Arbitrary("CLIENT", "KILL", "TYPE", "pubsub").Build())
	first, second := <-heard, <-heard
	fmt.Println(min(first, second))
	fmt.Println(max(first, second))
	// Output:
	// room:1: hello
	// room:1: catch up
	// room:2: catch up
}

// Events in envelopes say where they come from, so that a process can leave out
// its own.
func ExamplePublish() {
	client, stop := bus.RedisForExample()
	defer stop()
	ctx := context.Background()
	const me = "node-1"

	done := make(chan string)
	listener, err := bus.Listen(client, bus.Handler{Message: func(_, payload string) {
		e, err := bus.ParseEnvelope(payload)
		if err != nil || e.Origin == me {
			return
		}
		var user struct{ Name string }
		if err := e.Decode(&user); err == nil {
			done <- e.Type + " " + user.Name
		}
	}}, bus.ListenOptions{})
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	if err := listener.Subscribe(ctx, "users"); err != nil {
		panic(err)
	}
	for _, origin := range []string{me, "node-2"} {
		e, err := bus.NewEnvelope("renamed", origin, map[string]string{"name": "Ada of " + origin})
		if err != nil {
			panic(err)
		}
		if err := bus.Publish(ctx, client, "users", e); err != nil {
			panic(err)
		}
	}
	fmt.Println(<-done)
	// Output: renamed Ada of node-2
}

// A follower keeps its position, and goes on from there.
func ExampleTopic_Follow() {
	client, stop := bus.RedisForExample()
	defer stop()
	ctx := context.Background()

	topic, err := bus.NewTopic(client, "orders", bus.TopicOptions{MaxAge: 30 * 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	for _, payload := range []string{"apples", "pears", "plums"} {
		if _, err := topic.Append(ctx, payload); err != nil {
			panic(err)
		}
	}
	position, enough := bus.Beginning, errors.New("enough")
	for _, last := range []string{"pears", "plums"} {
		err := topic.Follow(ctx, position, func(e bus.Event) error {
			fmt.Println(e.Payload)
			position = e.Position // kept with what was done, if it is to be done once
			if e.Payload == last {
				return enough
			}
			return nil
		}, bus.Following{})
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
func ExampleGroup_Run() {
	client, stop := bus.RedisForExample()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())

	topic, err := bus.NewTopic(client, "mails", bus.TopicOptions{})
	if err != nil {
		panic(err)
	}
	died := make(chan bool, 1)
	senders, err := topic.Group("senders", bus.GroupOptions{
		MaxDeliveries: 2,
		Backoff:       func(int) time.Duration { return 10 * time.Millisecond },
	})
	if err != nil {
		panic(err)
	}
	sent, ended := make(chan string), make(chan error)
	for range 2 {
		go func() {
			ended <- senders.Run(ctx, func(_ context.Context, d bus.Delivery) error {
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
	letters, err := senders.DeadLetters(context.Background(), "", 10)
	for _, l := range letters {
		fmt.Println(l.Payload, l.Deliveries, l.Reason)
	}
	fmt.Println(err)
	// Output:
	// ada@example.org
	// context canceled context canceled
	// nobody@ 2 no such address
	// <nil>
}
