package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/limit"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/lock"
)

// CoreConfig says where the data is and what the domain allows.
type CoreConfig struct {
	Place
	Name                    string
	SignUp                  chat.SignUp
	External                *chat.External // another program logs people in; nil for none
	SessionIdle, SessionMax time.Duration
	Retain                  time.Duration
	Limits                  chat.Limits
	Log                     *slog.Logger          // nil for none
	Metrics                 prometheus.Registerer // may be nil
}

// Core is the domain on its store, without any door.
type Core struct {
	Service *chat.Service
	Where   string       // the data's place, for people to read
	Log     *slog.Logger // that tells of the store's outages once

	place   Place
	files   io.Closer // nil without files
	looks   func()    // ends what looks at links; nil without
	trouble *trouble  // with the store; nil if it is this process' own
	backend
}

// backend is what differs between a store of one process and one of many.
type backend struct {
	store   chat.Store
	bell    bell
	roster  roster
	limiter chat.Limiter
	where   string         // see Core
	check   time.Duration  // see hub.Config
	redis   rueidis.Client // nil without
	// alone does a job unless another node does it now; then it returns
	// errElsewhere. The job's context ends with ctx, and when another node may
	// begin with it.
	alone func(ctx context.Context, job string, do func(context.Context) error) error
	close func() error
}

type bell interface {
	chat.Bell
	Listen(chat.Ear)
}

type roster interface {
	hub.Presence
	Close()
}

var errElsewhere = errors.New("another node does it")

// OpenCore opens the data and the domain on it. Close must be called.
func OpenCore(ctx context.Context, cfg CoreConfig) (*Core, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	open := openEmbedded
	var t *trouble
	if cfg.InRedis() {
		open = openShared
		o := newOutage(cfg.Log.Handler())
		cfg.Log, t = slog.New(o), o.trouble
	}
	b, err := open(ctx, cfg)
	if err != nil {
		if t != nil {
			t.close()
		}
		return nil, err
	}
	if t != nil {
		t.opened(b.store.Ping)
	}
	service := chat.New(chat.Config{
		Store: b.store, Bell: b.bell, Presence: b.roster, Limiter: b.limiter,
		Hasher: identity.NewHasher(runtime.GOMAXPROCS(0), 5*time.Second),
		Names:  identity.Names{}, NewID: identity.NewID, NewToken: identity.NewToken,
		Log: cfg.Log, Limits: cfg.Limits, SignUp: cfg.SignUp, External: cfg.External,
		SessionIdle: cfg.SessionIdle, SessionMax: cfg.SessionMax, Retain: cfg.Retain,
		Version: Version(), Name: cfg.Name,
	})
	return &Core{Service: service, Where: b.where, Log: cfg.Log, place: cfg.Place, trouble: t,
		backend: *b}, nil
}

// openEmbedded opens data in a directory, which is this process' alone.
func openEmbedded(ctx context.Context, cfg CoreConfig) (*backend, error) {
	bell := hub.NewLocalBell()
	store, err := sqlite.Open(ctx, cfg.Data, sqlite.Options{Ring: bell.Ring, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	place, err := filepath.Abs(cfg.Data)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &backend{
		store: store, bell: bell, roster: hub.NewLocalPresence(bell), limiter: limit.New(time.Now),
		where: place,
		check: -1, // the bell inside a process loses nothing
		alone: func(ctx context.Context, _ string, do func(context.Context) error) error { return do(ctx) },
		close: store.Close,
	}, nil
}

// openShared opens data in Redis, which any number of processes share.
func openShared(ctx context.Context, cfg CoreConfig) (*backend, error) {
	data, err := cfg.OpenRedis(ctx, cfg.Log, cfg.Metrics)
	if err != nil {
		return nil, err
	}
	bell, err := redisstore.NewBell(data.Store, data.conn.Subscriber)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	locker, err := lock.New(data.conn.Client,
		lock.Options{Prefix: cfg.RedisPrefix + ":lock", Lease: jobLease})
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return &backend{
		store: data.Store, bell: bell,
		roster:  redisstore.NewPresence(data.Store, nodeName(), redisstore.PresenceOptions{}),
		limiter: redisstore.NewLimiter(data.Store), where: cfg.Reach(),
		redis: data.conn.Client,
		check: 3 * time.Second, // what is lost of Redis' pub/sub is told; this is for what is lost without
		alone: func(ctx context.Context, job string, do func(context.Context) error) error {
			l, err := locker.TryLock(ctx, job)
			if errors.Is(err, lock.ErrHeld) {
				return errElsewhere
			}
			if err != nil {
				return fmt.Errorf("lock %q: %w", job, err)
			}
			both, cancel := context.WithCancel(l.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			err = do(both)
			return errors.Join(err, l.Unlock(ctx))
		},
		close: func() error {
			locker.Close()
			bell.Close()
			return data.Close()
		},
	}, nil
}

// jobLease is how long a node that dies keeps others from its job.
const jobLease = 30 * time.Second

// nodeName is another one for each process.
func nodeName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), identity.NewID())
}

// Prepare has fill make what a server needs before people come, on one node
// after the other where several start together.
func (c *Core) Prepare(ctx context.Context, fill func(context.Context) error) error {
	for {
		err := c.alone(ctx, "prepare", fill)
		if !errors.Is(err, errElsewhere) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close closes the store, and before it the presence, the place for files and
// what looks at links.
func (c *Core) Close() error {
	if c.trouble != nil {
		c.trouble.close()
	}
	c.roster.Close()
	if c.looks != nil {
		c.looks()
	}
	var err error
	if c.files != nil {
		err = c.files.Close()
	}
	return errors.Join(err, c.close())
}

// Version is the module's, as the Go tool stamped it into the program.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	m := info.Main
	for _, d := range info.Deps { // of a program that this one is a part of
		if d.Path == "github.com/parley-chat/parley" {
			m = *d
		}
	}
	if m.Path != "github.com/parley-chat/parley" || m.Version == "" || m.Version == "(devel)" {
		return "devel"
	}
	return m.Version
}
