package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/redisstore"
)

// fsck finds and heals what a crash can leave in Redis.
type fsck struct {
	where
	Heal bool `help:"Heal what is found; otherwise it is only shown."`
}

// Run prints each finding, and fails if some were found and not healed.
func (f fsck) Run(ctx context.Context, c console) error {
	if err := f.check(); err != nil {
		return err
	}
	if !f.place().InRedis() {
		fmt.Fprintln(c.out, "The embedded store changes everything in one step: a crash leaves nothing half done, and nothing to heal.")
		return nil
	}
	data, err := f.place().OpenRedis(ctx, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer data.Close()
	check := redisstore.Fsck{
		Store: data.Store, Heal: f.Heal, NewID: identity.NewID, Now: time.Now,
		Found:    func(what string) { fmt.Fprintln(c.out, what) },
		Progress: func(rooms, people int) { fmt.Fprintf(c.err, "\r%d rooms, %d people", rooms, people) },
	}
	n, err := check.Run(ctx)
	fmt.Fprintln(c.err)
	switch {
	case err != nil:
		return err
	case n == 0:
		fmt.Fprintln(c.out, "nothing is half done")
	case f.Heal:
		fmt.Fprintf(c.out, "%d healed\n", n)
	default:
		return fmt.Errorf("%d found: parley fsck --heal puts them right, also beside running servers", n)
	}
	return nil
}
