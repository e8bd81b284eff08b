package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/parley-chat/parley/kit/queue"
	"github.com/parley-chat/parley/kit/redistest"
)

type Mail struct {
	To, Subject string
}

func Example() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	mails, err := queue.New[Mail](client, queue.Options{Name: "mails"})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := mails.Enqueue(ctx, Mail{"ann@example.org", "Hello"}, queue.JobOptions{}); err != nil {
		log.Fatal(err)
	}
	err = mails.Run(ctx, queue.WorkerOptions{}, func(ctx context.Context, job *queue.Job[Mail]) error {
		fmt.Printf("to %s: %s\n", job.Payload.To, job.Payload.Subject)
		cancel() // so that the example ends
		return nil
	})
	fmt.Println(err)
	// Output:
	// to ann@example.org: Hello
	// context canceled
}

// What no retry would mend is a dead letter at once. It is looked at, and tried
// again when the cause is gone.
func ExampleAdmin_Redrive() {
	client, stop := redistest.Example()
	defer stop()
	mails, err := queue.New[Mail](client, queue.Options{OnError: func(error) {}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id, err := mails.Enqueue(ctx, Mail{To: "nowhere"}, queue.JobOptions{ID: "order 7"})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for info := (queue.Info{}); info.State != queue.Dead; info, _ = mails.Get(ctx, id) {
			time.Sleep(time.Millisecond)
		}
		for info, err := range mails.List(ctx, queue.Dead) {
			fmt.Println(info.ID, info.State, info.LastError, err)
		}
		if err := mails.Redrive(ctx, id); err != nil {
			log.Print(err)
		}
	}()
	attempts := 0
	err = mails.Run(ctx, queue.WorkerOptions{}, func(context.Context, *queue.Job[Mail]) error {
		if attempts++; attempts == 1 {
			return queue.Permanent(errors.New("no such host"))
		}
		cancel()
		return nil
	})
	fmt.Println(attempts, errors.Is(err, context.Canceled))
	// Output:
	// order 7 dead no such host <nil>
	// 2 true
}

// A report every working day at half past eight in Berlin, from whichever
// process is there, and none while the one before it is still being written.
func ExampleQueue_Every() {
	client, stop := redistest.Example()
	defer stop()
	reports, err := queue.New[string](client, queue.Options{Name: "reports"})
	if err != nil {
		log.Fatal(err)
	}
	err = reports.Every("daily", "CRON_TZ=Europe/Berlin 30 8 * * mon-fri", "sales",
		queue.JobOptions{Unique: "daily"})
	fmt.Println(err)
	// Output: <nil>
}
