package lock_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/lock"
	"github.com/parley-chat/parley/kit/redistest"
)

func Example() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	locker, err := lock.New(client, lock.Options{Lease: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()

	err = locker.With(context.Background(), "nightly report", func(ctx context.Context, token int64) error {
		// Only one process is here. ctx ends if it cannot be guaranteed any
		// more.
		_, err := locker.TryLock(ctx, "nightly report")
		fmt.Println(errors.Is(err, lock.ErrHeld))
		return nil
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// A job that one process at a time runs, and another takes over when that one
// ends.
func ExampleLocker_Lock() {
	client, stop := redistest.Example()
	defer stop()
	locker, err := lock.New(client, lock.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // for the waiting
	defer cancel()
	l, err := locker.Lock(ctx, "retention")
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := l.Unlock(ctx); err != nil {
			log.Print(err) // lost meanwhile, or Redis is away
		}
	}()
	for step := range 3 {
		select {
		case <-l.Context().Done():
			log.Print(context.Cause(l.Context())) // somebody else goes on
			return
		default:
			fmt.Println("step", step)
		}
	}
	// Output:
	// step 0
	// step 1
	// step 2
}

// What the lock protects refuses whoever has been overtaken.
func ExampleLock_Token() {
	client, stop := redistest.Example()
	defer stop()
	locker, err := lock.New(client, lock.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()

	var newest int64 // beside the data
	write := func(token int64) error {
		if token < newest {
			return errors.New("overtaken")
		}
		newest = token
		return nil
	}
	ctx := context.Background()
	old, err := locker.Lock(ctx, "account")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(write(old.Token()))
	// The process sleeps through its lease, and another takes the lock.
	client.Do(ctx, client.B().Del().Key("lock:{account}:owner").Build())
	current, err := locker.Lock(ctx, "account")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(write(current.Token()))
	fmt.Println(write(old.Token()))
	fmt.Println(errors.Is(old.Unlock(ctx), lock.ErrLost), current.Unlock(ctx))
	// Output:
	// <nil>
	// <nil>
	// overtaken
	// true <nil>
}

// Three masters that know nothing of each other. One of them may be away.
func ExampleNewQuorum() {
	var masters []rueidis.Client
	for _, address := range []string{"redis-a:6379", "redis-b:6379", "redis-c:6379"} {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}})
		if err != nil {
			log.Fatal(err)
		}
		defer client.Close()
		masters = append(masters, client)
	}
	locker, err := lock.NewQuorum(masters, lock.Options{Lease: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()
	l, err := locker.TryLock(context.Background(), "leader")
	if errors.Is(err, lock.ErrHeld) {
		return // another leads
	}
	if err != nil {
		log.Fatal(err) // no majority can be reached
	}
	fmt.Println("leading, term", l.Token())
	if err := l.Unlock(context.Background()); err != nil {
		log.Print(err)
	}
}

// Of all processes that call Lead one runs the schedule. When it dies or cannot
// be reached any more, another takes over within a lease.
func ExampleLocker_Lead() {
	ctx := context.Background()
	client, stop := redistest.Example()
	defer stop()
	locker, err := lock.New(client, lock.Options{Prefix: "example-lead"})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()
	err = locker.Lead(ctx, "schedule", func(ctx context.Context, token int64) error {
		fmt.Println("leading") // run the schedule until ctx ends
		return nil             // leave the lead to another, and return from Lead
	})
	fmt.Println(err)
	// Output:
	// leading
	// <nil>
}

// A transfer locks both accounts, whoever names them in which order.
func ExampleLocker_WithAll() {
	ctx := context.Background()
	client, stop := redistest.Example()
	defer stop()
	locker, err := lock.New(client, lock.Options{Prefix: "example-all"})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()
	err = locker.WithAll(ctx, []string{"account:2", "account:1"},
		func(ctx context.Context, locks lock.Locks) error {
			for _, l := range locks {
				fmt.Println(l.Name())
			}
			return nil
		})
	fmt.Println(err)
	// Output:
	// account:1
	// account:2
	// <nil>
}

// At most two conversions run at a time, over all processes. The permit of one
// that dies is free after a lease.
func ExampleLocker_Semaphore() {
	ctx := context.Background()
	client, stop := redistest.Example()
	defer stop()
	locker, err := lock.New(client, lock.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close()
	conversions, err := locker.Semaphore("conversions", 2)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		_, err := conversions.TryAcquire(ctx)
		fmt.Println(errors.Is(err, lock.ErrHeld))
	}
	// Output:
	// false
	// false
	// true
}
