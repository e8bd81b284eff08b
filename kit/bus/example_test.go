package bus_test

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/kit/bus"
	"github.com/parley-chat/parley/kit/redistest"
)

// A listener subscribes, and then reads what it keeps elsewhere: it misses
// nothing that comes after Subscribe returned.
func ExampleListen() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()

	heard := make(chan string)
	listener, err := bus.Listen(client, bus.Callbacks{
		Message: func(m bus.Message) { heard <- m.Channel + ": " + m.Payload },
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
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	const me = "node-1"

	done := make(chan string)
	listener, err := bus.Listen(client, bus.Callbacks{Message: func(m bus.Message) {
		e, err := bus.ParseEnvelope(m.Payload)
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
