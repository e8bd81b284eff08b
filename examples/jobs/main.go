// Command jobs is a queue of web hooks on kit/bus: any number of processes add
// them, any number work them off. What fails is tried again with a growing
// pause; what keeps failing becomes a dead letter, to be looked at, tried again
// or dropped.
//
//	export REDIS_URL=redis://localhost:6379
//	go run ./examples/jobs work                                      # until Ctrl-C
//	go run ./examples/jobs add http://localhost:9000/hook '{"n":1}'
//	go run ./examples/jobs dead                                      # what was given up, and why
//	go run ./examples/jobs again ID…
//	go run ./examples/jobs drop ID…
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/stream"
)

// hook is a job: to post a body to a URL.
type hook struct {
	URL  string          `json:"url"`
	Body json.RawMessage `json:"body"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal("jobs: ", err)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say work, add URL JSON, dead, again ID… or drop ID…")
	}
	cfg, err := connect.FromEnv(os.LookupEnv)
	if err != nil {
		return err
	}
	conn, err := connect.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	hooks, err := stream.NewTopic(conn.Client, "hooks",
		stream.TopicOptions{Prefix: "jobs", MaxAge: 7 * 24 * time.Hour})
	if err != nil {
		return err
	}
	workers, err := hooks.Group("workers", stream.GroupOptions{
		Concurrency:    8,
		HandlerTimeout: 10 * time.Second,
		MaxDeliveries:  4,
		OnError:        func(err error) { log.Print("jobs: ", err) },
	})
	if err != nil {
		return err
	}

	switch what, args := args[0], args[1:]; what {
	case "work":
		fmt.Printf("jobs: working, Redis is %s\n", cfg)
		err := workers.Consume(ctx, post)
		if ctx.Err() == nil {
			return err
		}
		fmt.Println("jobs: interrupted; what was under way is free for others")
		return nil
	case "add":
		if len(args) != 2 || !json.Valid([]byte(args[1])) {
			return errors.New("say add URL JSON")
		}
		payload, err := json.Marshal(hook{args[0], json.RawMessage(args[1])})
		if err != nil {
			return err
		}
		position, err := hooks.Append(ctx, string(payload))
		if err == nil {
			fmt.Println("jobs: added", position)
		}
		return err
	case "dead":
		for l, err := range workers.DeadLetters(ctx, "") {
			if err != nil {
				return err
			}
			fmt.Printf("%s\tdied %s after %d attempts: %s\t%s\n", l.ID,
				l.Died.Format(time.DateTime), l.Deliveries, l.Reason, l.Payload)
		}
		return nil
	case "again":
		n, err := workers.Redrive(ctx, args...)
		fmt.Println("jobs: to be tried again:", n)
		return err
	case "drop":
		n, err := workers.Discard(ctx, args...)
		fmt.Println("jobs: dropped:", n)
		return err
	default:
		return fmt.Errorf("what is %q?", what)
	}
}

// post does one job. It may come twice, if a process dies between the post and
// its acknowledgement: the receiver can tell by Delivery-ID.
func post(ctx context.Context, d stream.Delivery) error {
	var job hook
	if err := json.Unmarshal([]byte(d.Payload), &job); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, job.URL, bytes.NewReader(job.Body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Delivery-ID", d.Position)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	if w.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", job.URL, w.Status)
	}
	fmt.Printf("jobs: posted %s to %s\n", d.Position, job.URL)
	return nil
}
