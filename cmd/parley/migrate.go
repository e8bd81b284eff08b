package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/server"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/connect"
)

// migration moves all data from one place to another.
type migration struct {
	From string `required:"" help:"Where the data is: a directory, or a URL as for --store. It is only read, and no server may use it meanwhile." placeholder:"DIR|URL"`
	To   string `required:"" help:"Where it is to be: a directory, or a URL. It must be empty, or hold what an earlier run has left unfinished: then that goes on." placeholder:"DIR|URL"`

	FromPrefix string `help:"Beginning of the keys of data in Redis." default:"parley"`
	ToPrefix   string `help:"Beginning that the keys are to have in Redis." default:"parley"`
	// Of the settings of Redis that it is refused for, this one alone may be
	// overruled.
	RedisEviction bool `help:"Move to a Redis even if it is set to throw keys away when it is full (allkeys-*)."`
	Force         bool `help:"Read from Redis although a server uses the data. What changes meanwhile may be missing; then the comparison at the end fails."`
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
	from, closeFrom, err := m.openSource(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeFrom()) }()
	to, closeTo, err := m.openDestination(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTo()) }()

	show := newMeter(c.err)
	err = migrate.Copy(ctx, from, to, migrate.Options{Report: show.copied})
	show.end()
	switch {
	case errors.Is(err, migrate.ErrNotEmpty):
		return fmt.Errorf("%s holds data already: choose an empty place, nothing was written", m.name(m.To))
	case err != nil:
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
	if err := to.Finish(ctx); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Both sides hold the same. Now run: parley serve %s\nThe source is as it was; delete it when you are sure, and start no server on it.\n", m.serve())
	return nil
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

// inRedis reports whether a place is a URL.
func inRedis(place string) bool { return place == "redis" || strings.Contains(place, "://") }

// name is a place without secrets.
func (m migration) name(place string) string {
	if !inRedis(place) {
		return place
	}
	return server.Place{Store: place, RedisPrefix: m.ToPrefix}.Reach()
}

// serve is how a server is started on the destination.
func (m migration) serve() string {
	if !inRedis(m.To) {
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

func (m migration) openSource(ctx context.Context) (migrate.Source, func() error, error) {
	if !inRedis(m.From) {
		s, err := sqlite.OpenSource(m.From)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	conn, err := dialRedis(ctx, m.From)
	if err != nil {
		return nil, nil, fmt.Errorf("--from: %w", err)
	}
	s, err := redisstore.OpenSource(ctx, conn.Client, m.FromPrefix)
	if err == nil && !m.Force {
		err = unused(ctx, s.Store, "--force reads all the same")
	}
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("--from: %w", err)
	}
	return s, closeRedis(conn), nil
}

func (m migration) openDestination(ctx context.Context) (migrate.Destination, func() error, error) {
	if !inRedis(m.To) {
		d, err := sqlite.OpenDestination(m.To)
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	}
	conn, err := dialRedis(ctx, m.To)
	if err != nil {
		return nil, nil, fmt.Errorf("--to: %w", err)
	}
	err = server.Place{Store: m.To, RedisEviction: m.RedisEviction}.Admit(ctx, conn,
		slog.New(slog.DiscardHandler))
	var d *redisstore.Destination
	if err == nil {
		d, err = redisstore.OpenDestination(conn.Client, m.ToPrefix)
	}
	if err == nil {
		err = unused(ctx, d.Store, "a destination must be nobody's")
	}
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("--to: %w", err)
	}
	return d, closeRedis(conn), nil
}

func dialRedis(ctx context.Context, place string) (*connect.Conn, error) {
	cfg, err := server.Place{Store: place}.Redis()
	if wrong := (*server.SettingError)(nil); errors.As(err, &wrong) {
		return nil, wrong.Err
	}
	if err != nil {
		return nil, err
	}
	return connect.Open(ctx, cfg, connect.OnEvent(func(e connect.Event) {
		if e.Kind != connect.Connected {
			slog.Debug("redis", "event", e.String())
		}
	}))
}

func closeRedis(conn *connect.Conn) func() error {
	return func() error {
		conn.Close()
		return nil
	}
}

// unused refuses data that a server uses.
func unused(ctx context.Context, s *redisstore.Store, hint string) error {
	nodes, err := s.Nodes(ctx)
	if err != nil || len(nodes) == 0 {
		return err
	}
	return fmt.Errorf("a server uses these data (%s): stop it first; one that was killed counts for ten seconds more (%s)", strings.Join(nodes, ", "), hint)
}
