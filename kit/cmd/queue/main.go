// Command queue inspects and steers queues of package queue.
//
//	export REDIS_URL=redis://localhost:6379
//	go run github.com/parley-chat/parley/kit/cmd/queue [-prefix queue] NAME COMMAND
//
//	stats                 counts, as JSON
//	list STATE            jobs that are ready, delayed, blocked, active, done or dead: one a line, as JSON
//	get ID                one job, as JSON
//	schedules             schedules and their next times, one a line, as JSON
//	pause, resume
//	cancel ID…
//	redrive ID… | all     dead letters
//	delete ID…            dead letters and records of done jobs
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/queue"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.LookupEnv, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "queue:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, env func(string) (string, bool), args []string, out io.Writer) error {
	flags := flag.NewFlagSet("queue", flag.ContinueOnError)
	prefix := flags.String("prefix", "queue", "begins every key in Redis")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if args = flags.Args(); len(args) < 2 {
		return errors.New("say which queue, and stats, list STATE, get ID, schedules, pause, resume, cancel ID, redrive ID or delete ID")
	}
	cfg, err := connect.FromEnv(env)
	if err != nil {
		return err
	}
	conn, err := connect.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	q, err := queue.NewAdmin(conn.Client, queue.Options{Name: args[0], Prefix: *prefix})
	if err != nil {
		return err
	}
	return obey(ctx, q, args[1], args[2:], json.NewEncoder(out))
}

func obey(ctx context.Context, q *queue.Admin, command string, args []string, out *json.Encoder) error {
	if n, known := map[string]int{"stats": 0, "schedules": 0, "pause": 0, "resume": 0, "list": 1, "get": 1,
		"cancel": -1, "redrive": -1, "delete": -1}[command]; !known {
		return fmt.Errorf("there is no command %q", command)
	} else if n >= 0 && len(args) != n || len(args) == 0 && n < 0 {
		return fmt.Errorf("%s: wrong number of arguments", command)
	}
	switch command {
	case "stats":
		s, err := q.Stats(ctx)
		return errors.Join(err, out.Encode(s))
	case "schedules":
		all, err := q.Schedules(ctx)
		for _, s := range all {
			err = errors.Join(err, out.Encode(s))
		}
		return err
	case "pause":
		return q.Pause(ctx)
	case "resume":
		return q.Resume(ctx)
	case "list":
		for info, err := range q.List(ctx, queue.State(args[0])) {
			if err == nil {
				err = out.Encode(info)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case "get":
		info, err := q.Get(ctx, args[0])
		if err != nil {
			return err
		}
		return out.Encode(info)
	case "redrive":
		if len(args) == 1 && args[0] == "all" {
			args = nil
			for info, err := range q.List(ctx, queue.Dead) {
				if err != nil {
					return err
				}
				args = append(args, info.ID)
			}
		}
		return q.Redrive(ctx, args...)
	case "delete":
		n, err := q.Delete(ctx, args...)
		return errors.Join(err, out.Encode(map[string]int{"deleted": n}))
	}
	var all error // cancel
	for _, id := range args {
		state, err := q.Cancel(ctx, id)
		if err == nil {
			err = out.Encode(map[string]string{"id": id, "was": string(state)})
		}
		all = errors.Join(all, err)
	}
	return all
}
