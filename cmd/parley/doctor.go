package main

import (
	"context"
	"fmt"
	"io"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/server"
)

// doctor examines the place of the data.
type doctor struct {
	storeFlags
}

// Run prints each finding, and fails if a server would refuse to start.
func (d doctor) Run(ctx context.Context, c console) error {
	if err := d.check(); err != nil {
		return err
	}
	driver, err := server.Driver(d.config())
	if err != nil {
		return flagged(err)
	}
	findings, err := driver.Doctor(ctx, d.config())
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, "data:", driver.Name(d.config()))
	if refusals := show(c.out, findings); refusals > 0 {
		return fmt.Errorf("%d refusals: a server does not start here", refusals)
	}
	return nil
}

// show prints findings as a table, and returns how many refuse.
func show(out io.Writer, findings []backend.Finding) (refusals int) {
	at := ""
	for _, f := range findings {
		if f.Where != at {
			at = f.Where
			fmt.Fprintf(out, "\n%s\n", at)
		}
		fmt.Fprintf(out, "  %-8s %-22s %s\n", f.Level, f.About, f.Is)
		if f.Risk != "" {
			fmt.Fprintf(out, "  %-8s %-22s   risk: %s\n", "", "", f.Risk)
		}
		if f.Mend != "" {
			fmt.Fprintf(out, "  %-8s %-22s   mend: %s\n", "", "", f.Mend)
		}
		if f.Level == backend.Refusal {
			refusals++
		}
	}
	return refusals
}
