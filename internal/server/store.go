package server

import (
	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
)

// StoreConfig says where the data is.
type StoreConfig = backend.Config

// SettingError names a setting that is wrong, by its field.
type SettingError = backend.SettingError

// drivers are the stores. A further one needs a line here and nothing else.
var drivers = []backend.Driver{
	sqlite.Driver(),
	redisstore.Driver(),
}

// Driver returns the driver for the data.
func Driver(c StoreConfig) (backend.Driver, error) { return backend.Find(drivers, c) }

// CheckStore returns a joined [SettingError] for each setting that is wrong.
func CheckStore(c StoreConfig) error {
	d, err := Driver(c)
	if err != nil {
		return err
	}
	return d.Check(c)
}
