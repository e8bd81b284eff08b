package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/migrate"
)

// FuzzDamagedSource moves a damaged store elsewhere: nothing panics or hangs,
// what is refused is refused with words, and what is taken for whole has
// arrived as it can be read.
func FuzzDamagedSource(f *testing.F) {
	killed, closed, _ := small(f)
	files := []string{"parley.db", "parley.db-wal"}
	for i := range files {
		for n, at := range []uint32{0, 17, 100, 4096, 8200, 20_000, 60_000} {
			f.Add(uint8(i), n%2 == 0, uint8(n), at, uint8(1)<<n)
		}
	}
	f.Fuzz(func(t *testing.T, file uint8, wasKilled bool, how uint8, at uint32, with uint8) {
		name, from := files[int(file)%len(files)], closed
		if wasKilled {
			from = killed
		}
		dir := t.TempDir()
		copyFiles(t, from, dir)
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			t.Skip() // a closed store has no log
		}
		if err := os.WriteFile(path, damaged(data, how, int(at)%len(data), with), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		source, err := OpenSource(dir)
		if err != nil {
			if len(err.Error()) < 10 {
				t.Fatalf("refused with %q", err)
			}
			return
		}
		defer source.Close()
		destination, err := OpenDestination(filepath.Join(t.TempDir(), "new"))
		if err != nil {
			t.Fatal(err)
		}
		defer destination.Close()
		now := func() time.Time { return benchTime }
		err = migrate.Copy(ctx, source, destination, migrate.Options{Now: now, Batch: 20})
		if ctx.Err() != nil {
			t.Fatalf("hangs: %v", err)
		}
		if err != nil {
			return
		}
		report, err := migrate.Verify(ctx, source, destination.Source(), migrate.Since(now()), nil)
		if ctx.Err() != nil {
			t.Fatalf("hangs: %v", err)
		}
		if err == nil && !report.OK() {
			t.Fatalf("%s (%d at %d, killed %v) was moved, and differs: %s", name, how%4,
				int(at)%len(data), wasKilled, strings.Join(report.Differences, "; "))
		}
	})
}
