package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/backend"
)

func TestDriverByURL(t *testing.T) {
	for store, name := range map[string]string{
		"": "/data", "redis://h:1": "h:1", "rediss://h:1": "h:1", "unix:///run/r.sock": "/run/r.sock",
		"redis+sentinel://h:1/m": "h:1", "redis+cluster://h:1": "h:1", "rediss+cluster://h:1": "h:1",
	} {
		c := StoreConfig{Data: "/data", Store: store}
		d, err := Driver(c)
		if err != nil {
			t.Errorf("%q: %v", store, err)
			continue
		}
		if got := d.Name(c); !strings.Contains(got, name) {
			t.Errorf("%q is called %q", store, got)
		}
	}
	for _, store := range []string{"postgres://h", "mysql", "h:6379"} {
		if err := CheckStore(StoreConfig{Store: store}); !isWrong(err, "Store") {
			t.Errorf("%q: %v", store, err)
		}
	}
	if err := CheckStore(StoreConfig{Data: "/data", RedisWait: 1}); !isWrong(err, "RedisWait") {
		t.Errorf("waiting for replicas of a directory: %v", err)
	}
}

func isWrong(err error, setting string) bool {
	wrong, ok := errors.AsType[*backend.SettingError](err)
	return ok && wrong.Setting == setting
}
