package main

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/server"
)

// fsck finds and heals what a crash can leave half done.
type fsck struct {
	storeFlags
	Heal bool `help:"Repair what is found. Without it, fsck only reports."`
}

// Run prints each finding, and fails if some were found and not healed.
func (f fsck) Run(ctx context.Context, c console) error {
	if err := f.check(); err != nil {
		return err
	}
	driver, err := server.Driver(f.config())
	if err != nil {
		return flagged(err)
	}
	if driver.Fsck == nil {
		fmt.Fprintln(c.out, "The embedded store changes everything in one step: a crash leaves nothing half done, and nothing to heal.")
		return nil
	}
	n, err := driver.Fsck(ctx, f.config(), backend.Fsck{
		Heal:     f.Heal,
		Found:    func(what string) { fmt.Fprintln(c.out, what) },
		Progress: func(rooms, people int) { fmt.Fprintf(c.err, "\r%d rooms, %d people", rooms, people) },
	})
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
