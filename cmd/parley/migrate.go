package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/server"
)

// migration moves all data from one place to another.
type migration struct {
	From string `required:"" help:"Source: a directory, or a URL as for --store. It is only read. No server may use it during the move." placeholder:"DIR|URL"`
	To   string `required:"" help:"Destination: a directory, or a URL. It must be empty, or hold an unfinished earlier run, which then continues." placeholder:"DIR|URL"`

	FromPrefix string `help:"Key prefix of a source in Redis." default:"parley"`
	ToPrefix   string `help:"Key prefix of a destination in Redis." default:"parley"`
	// Of the settings of Redis that it is refused for, this one alone may be
	// overruled.
	RedisEviction bool `help:"Move even to a Redis that evicts keys when it is full (allkeys-*)."`
	Force         bool `help:"Read from Redis even while a server uses the data. Changes made during the move may be missing; then the comparison at the end fails."`
}

// Run copies, compares, and only then makes the destination usable.
func (m migration) Run(ctx context.Context, c console) (err error) {
	err = m.run(ctx, c)
	if ctx.Err() != nil {
		return errors.New("stopped: the same command goes on from here")
	}
	return err
}

func (m migration) run(ctx context.Context, c console) (err error) {
	fromConfig, toConfig := m.ends()
	fromDriver, err := server.Driver(fromConfig)
	if err != nil {
		return end("from", err)
	}
	toDriver, err := server.Driver(toConfig)
	if err != nil {
		return end("to", err)
	}
	from, err := fromDriver.Source(ctx, fromConfig, m.Force)
	if err != nil {
		return end("from", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := toDriver.Destination(ctx, toConfig)
	if err != nil {
		return end("to", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()

	err = transfer(ctx, c, newMeter(c.err), from, to, nil)
	if errors.Is(err, migrate.ErrNotEmpty) {
		return fmt.Errorf("%s holds data already: choose an empty place, nothing was written", toDriver.Name(toConfig))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Both sides hold the same. Now run: parley serve %s\nThe source is as it was; delete it when you are sure, and start no server on it.\n", m.serve())
	return nil
}

// transfer copies all records, compares both sides, has the rest done if there
// is any, and only then makes the destination usable.
func transfer(ctx context.Context, c console, show *meter, from migrate.Source, to migrate.Destination,
	rest func() error) error {
	err := migrate.Copy(ctx, from, to, migrate.Options{Report: show.copied})
	show.end()
	if err != nil {
		return err
	}
	report, err := migrate.Verify(ctx, from, to.Source(), migrate.Since(time.Now()), show.compared)
	show.end()
	if err != nil {
		return err
	}
	if err := table(c.out, report); err != nil {
		return err
	}
	if !report.OK() {
		return differ(report)
	}
	if rest != nil {
		if err := rest(); err != nil {
			return err
		}
	}
	return to.Finish(ctx)
}

// end says at which end an error is.
func end(flag string, err error) error {
	if wrong, ok := errors.AsType[*server.SettingError](err); ok {
		err = wrong.Err
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

// differ says what is not the same, and what to do about it.
func differ(r *migrate.Report) error {
	more := ""
	if r.More > 0 {
		more = fmt.Sprintf("\n  and %d more", r.More)
	}
	return fmt.Errorf("the two sides differ:\n  %s%s\nNo server will start on the destination. See that nothing uses the source, empty the destination, and begin anew",
		strings.Join(r.Differences, "\n  "), more)
}

func table(out io.Writer, r *migrate.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tSOURCE\tDESTINATION\tSHA-256\t")
	for _, row := range r.Rows {
		sum, same := row.ToSum, "same"
		if row.FromSum != row.ToSum {
			sum = row.FromSum + ", " + row.ToSum
		}
		if !row.Same {
			same = "DIFFERS"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.What, grouped(row.From), grouped(row.To), sum, same)
	}
	return w.Flush()
}

// ends are the stores that the data moves between.
func (m migration) ends() (from, to server.StoreConfig) {
	from, to = storeAt(m.From), storeAt(m.To)
	from.RedisPrefix, to.RedisPrefix = m.FromPrefix, m.ToPrefix
	to.RedisEviction = m.RedisEviction
	return from, to
}

// storeAt is a directory or a URL.
func storeAt(place string) server.StoreConfig {
	if place == "redis" || strings.Contains(place, "://") {
		return server.StoreConfig{Store: place}
	}
	return server.StoreConfig{Data: place}
}

// serve is how a server is started on the destination.
func (m migration) serve() string {
	if storeAt(m.To).Store == "" {
		return "--data " + m.To
	}
	flags := "--store …" // the same as --to, whose password is not for the screen
	if u, err := url.Parse(m.To); err == nil {
		flags = "--store " + u.Redacted()
	}
	if m.ToPrefix != "parley" {
		flags += " --redis-prefix " + m.ToPrefix
	}
	return flags
}
