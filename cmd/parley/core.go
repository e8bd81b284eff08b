package main

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/limit"
	"github.com/parley-chat/parley/internal/sqlite"
)

// coreConfig says where the data is and what the domain allows.
type coreConfig struct {
	Data                    string
	Name                    string
	SignUp                  chat.SignUp
	SessionIdle, SessionMax time.Duration
	Limits                  chat.Limits
	Log                     *slog.Logger
}

// core is the domain on its store, without any door.
type core struct {
	service *chat.Service
	store   *sqlite.Store
	bell    *hub.LocalBell
	roster  *hub.LocalPresence
}

// openCore opens the data and the domain on it.
func openCore(ctx context.Context, cfg coreConfig) (*core, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	bell := hub.NewLocalBell()
	store, err := sqlite.Open(ctx, cfg.Data, sqlite.Options{Ring: bell.Ring, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	roster := hub.NewLocalPresence(bell)
	service := chat.New(chat.Config{
		Store: store, Bell: bell, Presence: roster,
		Limiter: limit.New(time.Now),
		Hasher:  identity.NewHasher(runtime.GOMAXPROCS(0), 5*time.Second),
		Names:   identity.Names{}, NewID: identity.NewID, NewToken: identity.NewToken,
		Log: cfg.Log, Limits: cfg.Limits, SignUp: cfg.SignUp,
		SessionIdle: cfg.SessionIdle, SessionMax: cfg.SessionMax,
		Version: version(), Name: cfg.Name,
	})
	return &core{service, store, bell, roster}, nil
}

// Close closes the store.
func (c *core) Close() error { return c.store.Close() }
