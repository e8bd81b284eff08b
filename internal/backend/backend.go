// Package backend is what the rest of the program asks of a place where data
// can be: to open it, to examine it, and to move data from it and to it. Each
// store has a [Driver]; internal/server keeps the list of them and finds the
// one for a URL. A further store is one package with a Driver and one line in
// that list.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/preview"
)

// Config says where the data is.
type Config struct {
	Data  string // a directory, unless there is a Store
	Store string // the URL of a server; or "redis", for what the environment says of one

	// of a store in Redis
	RedisPrefix   string // beginning of every key
	RedisWait     int    // how many replicas must have a change before it is acknowledged
	RedisEviction bool   // start even if Redis is set to throw keys away when it is full
}

// SettingError names a setting that is wrong, by its field.
type SettingError struct {
	Setting string
	Err     error
}

func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the setting.
func (e *SettingError) Unwrap() error { return e.Err }

// Env is what a driver uses of the process that opens a backend.
type Env struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer // may be nil
}

// Driver is one kind of store. Files, Fsck and Control may be nil.
type Driver struct {
	// Schemes are those of the URLs that the driver opens. The empty one stands
	// for a directory.
	Schemes []string
	// Shared says that other processes may have the same data open.
	Shared bool
	// Check returns a joined [SettingError] for each setting that is wrong.
	Check func(Config) error
	// Name says for people where the data is, without secrets.
	Name func(Config) string
	// Files is the Files of the backend, without opening it; nil for nowhere.
	Files func(Config) string
	// Open opens the data, and makes it if there is none.
	Open func(context.Context, Config, Env) (*Backend, error)
	// Doctor examines the place without changing it.
	Doctor func(context.Context, Config) ([]Finding, error)
	// Fsck finds what a crash left half done. It is nil for a store that
	// changes everything in one step.
	Fsck func(context.Context, Config, Fsck) (found int, err error)
	// Control returns the directory in which a running server listens for the
	// operator's commands. It is nil where a command can open the data beside
	// a running server.
	Control func(Config) string
	// Source and Destination open the ends of a migration. No server may use
	// the data; force reads from a store that is in use.
	Source      func(ctx context.Context, c Config, force bool) (Source, error)
	Destination func(context.Context, Config) (Destination, error)
	// Snapshot opens the data for a backup, beside those who use them. What it
	// reads is one chat in itself: as it is now, or each room up to a message
	// that is no older.
	Snapshot func(context.Context, Config) (Source, error)
}

// Backend is an open store with everything beside it.
type Backend struct {
	Store    chat.Store
	Bell     Bell
	Presence Presence
	Limiter  chat.Limiter
	Previews preview.Cache // shared by all nodes; nil for each its own
	// Exclusive runs a job unless another node runs it now; then it returns
	// [ErrElsewhere]. The job's context ends with ctx, and when another node
	// may start the job.
	Exclusive func(ctx context.Context, job string, do func(context.Context) error) error
	// Health returns what does not work although the store can be read, by the
	// part. It is nil for a store that works as a whole or not at all.
	Health func(context.Context) map[string]string
	Files  string // where files are kept unless a setting says otherwise; empty for nowhere
	Search string // the directory of the search index unless a setting says otherwise; empty for none
	// Check is how often the hub compares its cursors, see hub.Config.
	Check time.Duration
	Close func() error // closes everything but the Presence
}

// ErrElsewhere says that another node runs a job.
var ErrElsewhere = errors.New("another node runs this job")

// Bell is a [chat.Bell] that someone can listen to.
type Bell interface {
	chat.Bell
	Listen(chat.Handler)
}

// Presence is a [hub.Presence] that is closed before the store.
type Presence interface {
	hub.Presence
	Close()
}

// Fsck says what to do about what a crash left half done.
type Fsck struct {
	Heal     bool
	Found    func(what string)       // is told each finding
	Progress func(rooms, people int) // is told how many were examined
}

// Source is where a migration reads.
type Source interface {
	migrate.Source
	Close() error
}

// Destination is where a migration writes.
type Destination interface {
	migrate.Destination
	Close() error
}

// Find returns the driver for the data. Unknown schemes are a [SettingError].
func Find(drivers []Driver, c Config) (Driver, error) {
	scheme, _, _ := strings.Cut(c.Store, "://")
	var known []string
	for _, d := range drivers {
		if slices.Contains(d.Schemes, scheme) {
			return d, nil
		}
		known = append(known, d.Schemes...)
	}
	known = slices.DeleteFunc(known, func(s string) bool { return s == "" })
	return Driver{}, &SettingError{"Store",
		fmt.Errorf("no store has URLs like this; it begins with %s://", strings.Join(known, "://, "))}
}
