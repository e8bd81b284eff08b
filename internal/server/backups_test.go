package server

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/parley-chat/parley/internal/backup"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/kit/redistest"
)

// scheduledBackups opens a core that makes a backup each hour and keeps two, at
// a time that the test sets.
func scheduledBackups(t *testing.T, store StoreConfig, cfg BackupConfig) (*backups, *time.Time) {
	c, err := OpenCore(t.Context(), CoreConfig{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := c.Service.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Every, cfg.Keep = time.Hour, 2
	if err := c.OpenBackups(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	c.backups.now = func() time.Time { return now }
	return c.backups, &now
}

// check reads a backup to its end.
func (b *backups) check(t *testing.T, name string) {
	t.Helper()
	r, err := b.place.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := backup.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Verify(t.Context(), nil)
	if err != nil || m.Kinds["rooms"].Count != 1 {
		t.Errorf("%s: %+v, %v", name, m, err)
	}
}

// TestBackups: a backup is made when one is due, of either store and into
// either place, and the newest are kept.
func TestBackups(t *testing.T) {
	objects := s3mem.New()
	if err := objects.CreateBucket("kept"); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(gofakes3.New(objects, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(web.Close)
	bucket := strings.Replace(web.URL, "http://", "s3+http://", 1) + "/kept/chat?region=r"
	for name, c := range map[string]struct {
		store StoreConfig
		cfg   BackupConfig
	}{
		"embedded, directory": {StoreConfig{Data: t.TempDir()},
			BackupConfig{Place: filepath.Join(t.TempDir(), "made", "here")}},
		"redis, bucket": {StoreConfig{Store: redistest.Start(t).URL(), RedisPrefix: "parley"},
			BackupConfig{Place: bucket, S3Key: "key", S3Secret: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, now := scheduledBackups(t, c.store, c.cfg)
			for range 9 { // each 20 minutes: at 10, 11 and 12 o'clock
				if err := b.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				*now = now.Add(20 * time.Minute)
			}
			names, err := b.place.Names(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			want := []string{"parley-20261201T110000Z.parley", "parley-20261201T120000Z.parley"}
			if !slices.Equal(names, want) {
				t.Fatalf("kept are %v, want %v", names, want)
			}
			for _, name := range names {
				b.check(t, name)
			}
			last, err := b.core.Service.LastBackup(t.Context())
			if err != nil || last.Name != want[1] || last.Bytes == 0 || !last.At.Equal(now.Add(-time.Hour)) ||
				last.Error != "" {
				t.Errorf("the last one is said to be %+v, %v", last, err)
			}
		})
	}
}

// TestBackupsThatFail: it is kept why, and tried again after a while; what was
// killed is tidied away, and nothing of others.
func TestBackupsThatFail(t *testing.T) {
	dir := t.TempDir()
	place := filepath.Join(dir, "place")
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(place) // where a directory should be
	b, now := scheduledBackups(t, StoreConfig{Data: t.TempDir()}, BackupConfig{Place: place})
	last := func() chat.LastBackup {
		t.Helper()
		l, err := b.core.Service.LastBackup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if err := b.run(t.Context()); err == nil || !last().FailedAt.Equal(*now) || last().Error == "" {
		t.Fatalf("%v, kept as %+v", err, last())
	}
	*now = now.Add(backupsAgain - time.Second)
	if err := b.run(t.Context()); err != nil {
		t.Errorf("too early: %v", err)
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	killed, mine := "parley-20261130T100000Z.parley.partial", "parley-mine.parley"
	write(filepath.Join(place, killed))
	write(filepath.Join(place, mine))
	*now = now.Add(time.Second)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := b.run(stopped); err == nil || !last().At.IsZero() {
		t.Errorf("a server that stops: %v, kept as %+v", err, last())
	}
	if err := b.run(t.Context()); err != nil || last().Error != "" || !last().At.Equal(*now) {
		t.Errorf("%v, kept as %+v", err, last())
	}
	entries, err := os.ReadDir(place)
	if err != nil || len(entries) != 2 || entries[0].Name() != last().Name || entries[1].Name() != mine {
		t.Errorf("there is %v, %v", entries, err)
	}
}

// TestSplitBackup: where a backup is, and what it is called there.
func TestSplitBackup(t *testing.T) {
	for address, want := range map[string][2]string{
		"chat.parley":                   {"", "chat.parley"},
		"/var/b/chat":                   {"/var/b/", "chat"},
		"dir/":                          {"dir/", ""},
		"s3://h:9000/b/chat.parley":     {"s3://h:9000/b/", "chat.parley"},
		"s3://h/b/p/q/chat?region=eu/1": {"s3://h/b/p/q/?region=eu/1", "chat"},
		"s3://h/b/":                     {"s3://h/b/", ""},
	} {
		if place, name := SplitBackup(address); place != want[0] || name != want[1] {
			t.Errorf("%s is %q in %q", address, name, place)
		}
	}
}
