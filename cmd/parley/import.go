package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/demoimport"
	"github.com/parley-chat/parley/internal/server"
	"github.com/parley-chat/parley/kit/connect"
)

// importDemo brings what the Redis chat demo for Node.js has.
type importDemo struct {
	From       string `arg:"" help:"The demo's Redis: redis://[user:password@]host[:port][/db]. It is only read." placeholder:"URL"`
	MaxMessage int    `help:"Maximum size of a message in bytes; longer ones are skipped. Use the same value as for serve." default:"16384"`
	storeFlags
}

// Run imports a demo and prints a report.
func (i importDemo) Run(ctx context.Context, c console) (err error) {
	if err := errors.Join(i.check(), checkMaxMessage(i.MaxMessage)); err != nil {
		return err
	}
	cfg, err := connect.Parse(i.From)
	if err != nil {
		return err
	}
	from, err := connect.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer from.Close()
	limits := chat.DefaultLimits
	limits.Message = i.MaxMessage
	to, err := server.OpenCore(ctx, server.CoreConfig{Store: i.storeFlags.config(), Limits: limits})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	last := time.Now()
	report, err := demoimport.Importer{From: from.Client, Service: to.Service,
		Progress: func(r demoimport.Report) {
			if time.Since(last) > 500*time.Millisecond {
				last = time.Now()
				fmt.Fprintf(c.err, "\r%d people, %d rooms, %d messages", r.People.Read, r.Rooms.Read,
					r.Messages.Read)
			}
		}}.Run(ctx)
	fmt.Fprintln(c.err)
	for _, line := range report.Skipped {
		fmt.Fprintln(c.out, "  "+line)
	}
	if report.More > 0 {
		fmt.Fprintf(c.out, "  and %d more\n", report.More)
	}
	for _, row := range []struct {
		name  string
		count demoimport.Count
	}{{"people", report.People}, {"rooms", report.Rooms}, {"messages", report.Messages}} {
		fmt.Fprintf(c.out, "%-9s %d read: %d new, %d there already, %d left out\n", row.name,
			row.count.Read, row.count.New, row.count.There, row.count.Skipped)
	}
	return err
}
