package redisstore

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestOpenClosesWhatItOpened: where a later part cannot be made, nothing stays
// open, the bell included.
func TestOpenClosesWhatItOpened(t *testing.T) {
	s := redistest.Start(t)
	before := goleak.IgnoreCurrent()
	c := backend.Config{Store: s.URL(), RedisPrefix: "parley"}
	env := backend.Env{Log: slog.New(slog.DiscardHandler)}
	if _, err := (driver{}).open(t.Context(), c, env, time.Nanosecond); err == nil ||
		!strings.Contains(err.Error(), "lease") {
		t.Errorf("a lease that is too short: %v", err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	b, err := driver{}.open(t.Context(), c, env, jobLease)
	if err != nil {
		t.Fatal(err)
	}
	b.Presence.Close()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
