package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/limit"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/lock"
)

// coreConfig says where the data is and what the domain allows.
type coreConfig struct {
	where
	Name                    string
	SignUp                  chat.SignUp
	SessionIdle, SessionMax time.Duration
	Retain                  time.Duration
	Limits                  chat.Limits
	Log                     *slog.Logger
	Metrics                 prometheus.Registerer // may be nil
}

// core is the domain on its store, without any door.
type core struct {
	service *chat.Service
	files   io.Closer // nil without files
	backend
}

// backend is what differs between a store of one process and one of many.
type backend struct {
	store   chat.Store
	bell    bell
	roster  roster
	limiter chat.Limiter
	place   string        // where the data is, for people to read
	check   time.Duration // see hub.Config
	// alone does a job unless another node does it now; then it returns errElsewhere.
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

// openCore opens the data and the domain on it.
func openCore(ctx context.Context, cfg coreConfig) (*core, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	open := openEmbedded
	if cfg.inRedis() {
		open = openShared
	}
	b, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	service := chat.New(chat.Config{
		Store: b.store, Bell: b.bell, Presence: b.roster, Limiter: b.limiter,
		Hasher: identity.NewHasher(runtime.GOMAXPROCS(0), 5*time.Second),
		Names:  identity.Names{}, NewID: identity.NewID, NewToken: identity.NewToken,
		Log: cfg.Log, Limits: cfg.Limits, SignUp: cfg.SignUp,
		SessionIdle: cfg.SessionIdle, SessionMax: cfg.SessionMax, Retain: cfg.Retain,
		Version: version(), Name: cfg.Name,
	})
	return &core{service: service, backend: *b}, nil
}

// openEmbedded opens data in a directory, which is this process' alone.
func openEmbedded(ctx context.Context, cfg coreConfig) (*backend, error) {
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
		store: store, bell: bell, roster: hub.NewLocalPresence(bell), limiter: limit.New(time.Now), place: place,
		check: -1, // the bell inside a process loses nothing
		alone: func(ctx context.Context, _ string, do func(context.Context) error) error { return do(ctx) },
		close: store.Close,
	}, nil
}

// openShared opens data in Redis, which any number of processes share.
func openShared(ctx context.Context, cfg coreConfig) (*backend, error) {
	data, err := cfg.openRedis(ctx, cfg.Log, cfg.Metrics)
	if err != nil {
		return nil, err
	}
	bell, err := redisstore.NewBell(data.Store, data.conn.Subscriber)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	locker, err := lock.New(data.conn.Client, lock.Options{Prefix: cfg.RedisPrefix + ":lock", Lease: jobLease})
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return &backend{
		store: data.Store, bell: bell, roster: redisstore.NewPresence(data.Store, nodeName(), redisstore.PresenceOptions{}),
		limiter: redisstore.NewLimiter(data.Store), place: cfg.reach(),
		check: 3 * time.Second, // what is lost of Redis' pub/sub is told; this is for what is lost without
		alone: func(ctx context.Context, job string, do func(context.Context) error) error {
			l, err := locker.TryLock(ctx, job)
			if errors.Is(err, lock.ErrHeld) {
				return errElsewhere
			}
			if err != nil {
				return fmt.Errorf("lock %q: %w", job, err)
			}
			err = do(l.Context())
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

// Close closes the store, and the presence and the place for files before it.
func (c *core) Close() error {
	c.roster.Close()
	var err error
	if c.files != nil {
		err = c.files.Close()
	}
	return errors.Join(err, c.close())
}
