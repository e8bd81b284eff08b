package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/files"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/oidc"
)

// CoreConfig says where the data is and what the domain allows.
type CoreConfig struct {
	Store                   StoreConfig
	Name                    string
	SignUp                  chat.SignUp
	External                *chat.External // another program logs people in; nil for none
	LogIn                   oidc.Settings  // providers at which people log in
	SessionIdle, SessionMax time.Duration
	Retain                  time.Duration
	Limits                  chat.Limits
	Log                     *slog.Logger          // nil for none
	Metrics                 prometheus.Registerer // may be nil
}

// Core is the domain on its store, without any handler.
type Core struct {
	Service *chat.Service
	Where   string       // the data's place, for people to read
	Shared  bool         // other nodes may serve the same data
	Log     *slog.Logger // that tells of the store's outages once

	id       string                                        // the data's, once it is prepared
	files    io.Closer                                     // nil without files
	blobs    files.Blobs                                   // their bytes; nil without
	backups  *backups                                      // nil without
	snapshot func(context.Context) (backend.Source, error) // for a backup, as the data are then
	doctor   func(context.Context) ([]backend.Finding, error)
	search   *openIndex
	previews func()  // closes what fetches link previews; nil without
	outage   *outage // nil if the store is this process' own
	*backend.Backend
}

// OpenCore opens the data and the domain on it. Close must be called.
func OpenCore(ctx context.Context, cfg CoreConfig) (*Core, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	driver, err := Driver(cfg.Store)
	if err != nil {
		return nil, err
	}
	log := cfg.Log
	var out *outage
	if driver.Shared { // an embedded store does not come back by itself
		h := newOutageLog(log.Handler())
		log, out = slog.New(h), h.outage
	}
	b, err := driver.Open(ctx, cfg.Store, backend.Env{Log: log, Metrics: cfg.Metrics})
	if err != nil {
		out.close()
		return nil, err
	}
	out.opened(ping(b))
	service := chat.New(chat.Config{
		Store: b.Store, Bell: b.Bell, Presence: b.Presence, Limiter: b.Limiter,
		Hasher: identity.NewHasher(runtime.GOMAXPROCS(0), 5*time.Second),
		Names:  identity.Names{}, NewID: identity.NewID, NewToken: identity.NewToken,
		Log: log, Limits: cfg.Limits, SignUp: cfg.SignUp, External: cfg.External,
		Providers: cfg.LogIn.Public(), NoPasswords: cfg.LogIn.Only,
		SessionIdle: cfg.SessionIdle, SessionMax: cfg.SessionMax, Retain: cfg.Retain,
		Version: Version(), Name: cfg.Name, Health: b.Health,
	})
	return &Core{Service: service, Where: driver.Name(cfg.Store), Shared: driver.Shared, Log: log,
		outage: out, Backend: b,
		snapshot: func(ctx context.Context) (backend.Source, error) {
			return driver.Snapshot(ctx, cfg.Store)
		},
		doctor: func(ctx context.Context) ([]backend.Finding, error) { return driver.Doctor(ctx, cfg.Store) },
	}, nil
}

// ping reports whether the whole backend works.
func ping(b *backend.Backend) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := b.Store.Ping(ctx); err != nil || b.Health == nil {
			return err
		}
		if parts := b.Health(ctx); len(parts) > 0 {
			return fmt.Errorf("%w: %v", chat.ErrUnavailable, parts)
		}
		return nil
	}
}

// Prepare runs fill, which makes what a server needs before people come. Where
// several nodes start together, they run it one after the other.
func (c *Core) Prepare(ctx context.Context, fill func(context.Context) error) error {
	for {
		err := c.Exclusive(ctx, "prepare", func(ctx context.Context) (err error) {
			if err = fill(ctx); err == nil {
				c.id, err = c.Service.ServerID(ctx)
			}
			return err
		})
		if !errors.Is(err, backend.ErrElsewhere) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close closes the presence, the link previews, the search index, the files,
// and then the store.
func (c *Core) Close() error {
	c.outage.close()
	c.Presence.Close()
	if c.previews != nil {
		c.previews()
	}
	err := c.search.Close()
	if c.backups != nil {
		err = errors.Join(err, c.backups.place.Close())
	}
	if c.files != nil {
		err = errors.Join(err, c.files.Close())
	}
	return errors.Join(err, c.Backend.Close())
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
