package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/mail"
	"github.com/parley-chat/parley/internal/server"
)

// doctor examines the place of the data, or tries to send mail.
type doctor struct {
	storeFlags
	Mail       string `help:"Send a test to this address instead, with the server's settings for mail, and say what is wrong with them." placeholder:"ADDRESS" key:"-"`
	MailServer string `help:"SMTP server, as serve has it as --mail." placeholder:"URL" key:"mail"`
	mailFlags
}

// Run prints each finding, and fails if a server would refuse to start.
func (d doctor) Run(ctx context.Context, c console) error {
	if d.Mail != "" {
		return d.testMail(ctx, c)
	}
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

// testMail sends a test.
func (d doctor) testMail(ctx context.Context, c console) error {
	to, err := mail.ParseAddress(d.Mail)
	if err != nil {
		return fmt.Errorf("--mail: %w", err)
	}
	if d.MailServer == "" {
		return errors.New("the server has no SMTP server: set PARLEY_MAIL as it has it, or mail in its --config, or --mail-server")
	}
	cfg, err := d.mailConfig(d.MailServer, "Parley", "")
	if err != nil {
		return err
	}
	if err := mail.Test(ctx, cfg, to); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "mail: %s has taken a test from %s to %s. Look there, also in the spam folder.\n",
		cfg.Server, cfg.From, to)
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
