package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/limit"
)

// Driver opens data in a directory, which one process at a time can use.
func Driver() backend.Driver {
	return backend.Driver{
		Schemes: []string{""},
		Check: func(c backend.Config) error {
			if c.RedisWait != 0 {
				return &backend.SettingError{Setting: "RedisWait", Err: errors.New("needs a store in Redis")}
			}
			return nil
		},
		Name: func(c backend.Config) string {
			dir, err := filepath.Abs(c.Data)
			if err != nil {
				return c.Data
			}
			return dir
		},
		Files: filesDir,
		Open:  openBackend,
		Doctor: func(_ context.Context, c backend.Config) ([]backend.Finding, error) {
			return doctor(c.Data)
		},
		Control: func(c backend.Config) string { return c.Data },
		Source: func(_ context.Context, c backend.Config, _ bool) (backend.Source, error) {
			return OpenSource(c.Data)
		},
		Destination: func(_ context.Context, c backend.Config) (backend.Destination, error) {
			return OpenDestination(c.Data)
		},
		Snapshot: func(_ context.Context, c backend.Config) (backend.Source, error) {
			return OpenSnapshot(c.Data)
		},
	}
}

func filesDir(c backend.Config) string { return filepath.Join(c.Data, "files") }

func openBackend(ctx context.Context, c backend.Config, env backend.Env) (*backend.Backend, error) {
	bell := hub.NewLocalBell()
	store, err := Open(ctx, c.Data, Options{Ring: bell.Ring, Log: env.Log})
	if err != nil {
		return nil, err
	}
	return &backend.Backend{
		Store: store, Bell: bell, Presence: hub.NewLocalPresence(bell), Limiter: limit.New(time.Now),
		Exclusive: func(ctx context.Context, _ string, do func(context.Context) error) error {
			return do(ctx)
		},
		Health: store.Health,
		Files:  filesDir(c),
		Search: c.Data,
		Check:  -1, // the bell inside a process loses nothing
		Close:  store.Close,
	}, nil
}
