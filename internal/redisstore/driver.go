package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/links"
	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/lock"
	"github.com/parley-chat/parley/kit/prom"
)

// driver is the Redis store as a [backend.Driver].
type driver struct{}

// Driver opens data in Redis, which any number of processes can share.
func Driver() backend.Driver {
	var d driver
	return backend.Driver{
		Schemes: []string{"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel",
			"redis+cluster", "rediss+cluster"},
		Shared: true,
		Check:  d.check, Name: d.name, Doctor: d.examine, Fsck: d.fsck,
		Open: func(ctx context.Context, c backend.Config, env backend.Env) (*backend.Backend, error) {
			return d.open(ctx, c, env, jobLease)
		},
		Source: func(ctx context.Context, c backend.Config, force bool) (backend.Source, error) {
			if force {
				return d.source(ctx, c, "")
			}
			return d.source(ctx, c, "--force reads all the same")
		},
		Destination: d.destination,
		Snapshot:    d.snapshot,
	}
}

// jobLease is how long a node that dies keeps others from its job.
const jobLease = 30 * time.Second

func (d driver) check(c backend.Config) error {
	if c.RedisWait < 0 {
		return &backend.SettingError{Setting: "RedisWait", Err: errors.New("must be at least 0")}
	}
	_, err := d.address(c)
	return err
}

// address says how Redis is reached.
func (d driver) address(c backend.Config) (connect.Config, error) {
	var cfg connect.Config
	var err error
	if c.Store == "redis" {
		cfg, err = connect.FromEnv(os.LookupEnv)
	} else {
		cfg, err = connect.Parse(c.Store)
	}
	if err != nil {
		return cfg, &backend.SettingError{Setting: "Store", Err: err}
	}
	return cfg, nil
}

func (d driver) name(c backend.Config) string {
	cfg, err := d.address(c)
	if err != nil {
		return "redis"
	}
	return fmt.Sprintf("%s, keys %s:*", strings.TrimSpace(cfg.String()), c.RedisPrefix)
}

// dial waits for Redis. The metrics, if any, count its connections.
func (d driver) dial(ctx context.Context, c backend.Config, env backend.Env,
	metrics *prom.Connections) (*connect.Conn, error) {
	cfg, err := d.address(c)
	if err != nil {
		return nil, err
	}
	cfg.OnEvent = func(e connect.Event) {
		if metrics != nil {
			metrics.Event(e)
		}
		if e.Kind == connect.Failed {
			env.Log.Warn("redis", "error", fmt.Errorf("%w: %v", chat.ErrUnavailable, e))
		} else { // a connection that is lost is opened again with the next command
			env.Log.Debug("redis", "event", e.String())
		}
	}
	return connect.Open(ctx, cfg)
}

// open opens everything. What was opened is closed again if a later part
// fails.
func (d driver) open(ctx context.Context, c backend.Config, env backend.Env,
	lease time.Duration) (_ *backend.Backend, err error) {
	var closers []func() error
	closeAll := func() (err error) {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i]())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	opened := func(close func()) {
		closers = append(closers, func() error { close(); return nil })
	}

	var metrics *prom.Connections
	if env.Metrics != nil {
		metrics = prom.NewConnections()
		if err := env.Metrics.Register(metrics); err != nil {
			return nil, fmt.Errorf("redis metrics: %w", err)
		}
		opened(func() { env.Metrics.Unregister(metrics) })
	}
	conn, err := d.dial(ctx, c, env, metrics)
	if err != nil {
		return nil, err
	}
	opened(conn.Close)
	if err := d.admit(ctx, c, conn, env.Log); err != nil {
		return nil, err
	}
	store, err := Open(ctx, conn.Client,
		Options{Prefix: c.RedisPrefix, Replicas: c.RedisWait, Log: env.Log})
	if err != nil {
		return nil, err
	}
	closers = append(closers, store.Close)
	bell, err := NewBell(store, conn.Subscriber)
	if err != nil {
		return nil, err
	}
	opened(bell.Close)
	locker, err := lock.New(conn.Client, lock.Options{Prefix: c.RedisPrefix + ":lock", Lease: lease})
	if err != nil {
		return nil, err
	}
	opened(locker.Close)
	previews, err := links.NewShared(conn.Client, c.RedisPrefix+":link")
	if err != nil {
		return nil, err
	}
	opened(previews.Close)
	return &backend.Backend{
		Store: store, Bell: bell, Limiter: NewLimiter(store), Previews: previews,
		Presence:  NewPresence(store, nodeName(), PresenceOptions{}),
		Exclusive: exclusive(locker), Health: store.Health,
		// Redis tells what its publish/subscribe loses; this finds what it does
		// not tell.
		Check: 3 * time.Second,
		Close: closeAll,
	}, nil
}

// nodeName is different for each process.
func nodeName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), identity.NewID())
}

// exclusive runs jobs under locks, which every node tries to take.
func exclusive(locker *lock.Locker) func(context.Context, string, func(context.Context) error) error {
	return func(ctx context.Context, job string, do func(context.Context) error) error {
		l, err := locker.TryLock(ctx, job)
		if errors.Is(err, lock.ErrHeld) {
			return backend.ErrElsewhere
		}
		if err != nil {
			return failed("lock "+job, err)
		}
		both, cancel := context.WithCancel(l.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		err = do(both)
		return errors.Join(err, l.Unlock(ctx))
	}
}

func (d driver) consult(ctx context.Context, c backend.Config,
	conn *connect.Conn) ([]backend.Finding, error) {
	return Doctor{
		Client: conn.Client, Subscriber: conn.Subscriber, Prefix: c.RedisPrefix,
		Replicas: c.RedisWait, Eviction: c.RedisEviction,
	}.Examine(ctx)
}

// admit logs the doctor's warnings, and returns an error if Redis is not fit
// for the data.
func (d driver) admit(ctx context.Context, c backend.Config, conn *connect.Conn, log *slog.Logger) error {
	findings, err := d.consult(ctx, c, conn)
	if err != nil {
		return err
	}
	var refused error
	for _, f := range findings {
		switch f.Level {
		case backend.Refusal:
			refused = errors.Join(refused, errors.New(f.String()))
		case backend.Warning:
			log.Warn("redis: "+f.Is, "about", f.About, "at", f.Where, "risk", f.Risk, "mend", f.Mend)
		}
	}
	if refused != nil {
		return fmt.Errorf("redis is not fit for the data (parley doctor shows everything):\n%w", refused)
	}
	return nil
}

// quiet is the environment of a command, which has its own words for errors.
var quiet = backend.Env{Log: slog.New(slog.DiscardHandler)}

func (d driver) examine(ctx context.Context, c backend.Config) ([]backend.Finding, error) {
	conn, err := d.dial(ctx, c, quiet, nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return d.consult(ctx, c, conn)
}

func (d driver) fsck(ctx context.Context, c backend.Config, f backend.Fsck) (int, error) {
	conn, err := d.dial(ctx, c, quiet, nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := d.admit(ctx, c, conn, quiet.Log); err != nil {
		return 0, err
	}
	store, err := Open(ctx, conn.Client,
		Options{Prefix: c.RedisPrefix, Replicas: c.RedisWait, Log: quiet.Log})
	if err != nil {
		return 0, err
	}
	check := Fsck{Store: store, Heal: f.Heal, NewID: identity.NewID, Now: time.Now,
		Found: f.Found, Progress: f.Progress}
	n, err := check.Run(ctx)
	return n, errors.Join(err, store.Close())
}

// source and destination close the connection that they use.
type source struct {
	*Source
	conn *connect.Conn
}

func (s source) Close() error {
	s.conn.Close()
	return nil
}

type destination struct {
	*Destination
	conn *connect.Conn
}

func (d destination) Close() error {
	d.conn.Close()
	return nil
}

// source opens data to be read. With a hint they must not be in use: it is for
// who finds that they are.
func (d driver) source(ctx context.Context, c backend.Config, hint string) (backend.Source, error) {
	conn, err := d.dial(ctx, c, quiet, nil)
	if err != nil {
		return nil, err
	}
	s, err := OpenSource(ctx, conn.Client, c.RedisPrefix)
	if err == nil && hint != "" {
		err = unused(ctx, s.Store, hint)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return source{s, conn}, nil
}

// maintenance is the job that deletes what is too old, see [backend.Backend].
const maintenance = "maintain"

// snapshot opens data that may be in use. Until it is closed, no node does its
// maintenance.
func (d driver) snapshot(ctx context.Context, c backend.Config) (_ backend.Source, err error) {
	conn, err := d.dial(ctx, c, quiet, nil)
	if err != nil {
		return nil, err
	}
	closers := []func(){conn.Close}
	done := func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	s, err := OpenSnapshot(ctx, conn.Client, c.RedisPrefix)
	if err != nil {
		return nil, err
	}
	locker, err := lock.New(conn.Client, lock.Options{Prefix: c.RedisPrefix + ":lock", Lease: jobLease})
	if err != nil {
		return nil, err
	}
	closers = append(closers, locker.Close)
	held, err := locker.Lock(ctx, maintenance)
	if err != nil {
		return nil, failed("wait for maintenance", err)
	}
	closers = append(closers, func() {
		// One that was lost let retention go on, which the reader has noticed.
		_ = held.Unlock(context.WithoutCancel(ctx))
	})
	return snapshot{s, done}, nil
}

type snapshot struct {
	*Source
	done func()
}

func (s snapshot) Close() error {
	s.done()
	return nil
}

func (d driver) destination(ctx context.Context, c backend.Config) (backend.Destination, error) {
	conn, err := d.dial(ctx, c, quiet, nil)
	if err != nil {
		return nil, err
	}
	// The doctor judges the server, not what is under the prefix.
	err = d.admit(ctx, backend.Config{Store: c.Store, RedisEviction: c.RedisEviction}, conn, quiet.Log)
	var to *Destination
	if err == nil {
		to, err = OpenDestination(conn.Client, c.RedisPrefix)
	}
	if err == nil {
		err = unused(ctx, to.Store, "a destination must not be in use")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return destination{to, conn}, nil
}

// unused refuses data that a server uses.
func unused(ctx context.Context, s *Store, hint string) error {
	nodes, err := s.Nodes(ctx)
	if err != nil || len(nodes) == 0 {
		return err
	}
	return fmt.Errorf("a server uses these data (%s): stop it first; one that was killed counts for ten seconds more (%s)",
		strings.Join(nodes, ", "), hint)
}
