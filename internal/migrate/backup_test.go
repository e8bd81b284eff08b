package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/parley-chat/parley/internal/backup"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

// archive is a backup, which is only read.
type archive []byte

func (a archive) String() string { return "backup" }

func (a archive) store(testing.TB) chat.Store { panic("a backup is no store") }
func (a archive) destination(testing.TB) (migrate.Destination, func()) {
	panic("a backup is written once")
}
func (a archive) source(t testing.TB) (migrate.Source, func()) {
	f, err := backup.Open(bytes.NewReader(a))
	s := must(t, f, err).Source()
	return s, closer(t, s.Close)
}

// backedUp writes a backup of a source.
func backedUp(t testing.TB, from migrate.Source, batch int, to ...age.Recipient) archive {
	t.Helper()
	var out bytes.Buffer
	if _, err := backup.Write(t.Context(), &out, from, nil,
		backup.Options{Now: time.Now, Batch: batch, Recipients: to}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBackup restores backups of a random chat, whose batches are small and
// large, into a directory and into Redis: both read as the chat did, and go on.
func TestBackup(t *testing.T) {
	client := redistest.Start(t).Client(t)
	for seed, batch := range []int{9, 37, 4000} {
		first := dir(t.TempDir())
		s := first.store(t)
		w := fill(t, s, uint64(seed), 1000)
		want := w.read(s)
		snapshot, err := sqlite.OpenSnapshot(string(first))
		if err != nil {
			t.Fatal(err)
		}
		// What comes after the snapshot is not in the backup.
		late := chat.Change{Stream: chat.RoomStream("general"), ID: "late", At: time.Now(),
			Op: chat.CreateMessage{From: w.users[0], Text: "too late"}}
		if _, err := s.Commit(t.Context(), late); err != nil {
			t.Fatal(err)
		}
		made := backedUp(t, snapshot, batch)
		closed(t, s)
		if err := snapshot.Close(); err != nil {
			t.Fatal(err)
		}
		for _, to := range []endpoint{dir(t.TempDir()), newPrefix(client)} {
			move(t, made, to, migrate.Options{Batch: 4000 / batch})
			s := to.store(t)
			if d := cmp.Diff(want, w.read(s), same); d != "" {
				t.Fatalf("%s from batches of %d (-want +got):\n%s", to, batch, d)
			}
			w.goesOn(s)
			closed(t, s)
		}
	}
}

// TestRestoreGoesOn stops a restore after each batch: the next run goes on, but
// not with another backup.
func TestRestoreGoesOn(t *testing.T) {
	first, to := dir(t.TempDir()), dir(t.TempDir())
	s := first.store(t)
	fill(t, s, 3, 300)
	closed(t, s)
	source, closeSource := first.source(t)
	made, other := backedUp(t, source, 23), backedUp(t, source, 23)
	closeSource()
	r := rand.New(rand.NewPCG(5, 6))
	for runs := 0; ; runs++ {
		from, closeFrom := made.source(t)
		destination, closeDestination := to.destination(t)
		ctx, stop := context.WithCancel(t.Context())
		err := migrate.Copy(ctx, from, &interrupted{Destination: destination, r: r, stop: stop,
			fuse: 2 + r.IntN(4)}, migrate.Options{Batch: 8})
		stop()
		if runs == 1 {
			wrong, closeWrong := other.source(t)
			if err := migrate.Copy(t.Context(), wrong, destination,
				migrate.Options{}); !errors.Is(err, migrate.ErrOther) {
				t.Fatalf("another backup: %v", err)
			}
			closeWrong()
		}
		if err == nil {
			verified(t, from, destination)
		}
		closeDestination()
		closeFrom()
		switch {
		case err == nil && runs < 3:
			t.Fatalf("it was stopped %d times only", runs)
		case err == nil:
			return
		case !errors.Is(err, errKilled) && !errors.Is(err, context.Canceled):
			t.Fatal(err)
		}
	}
}

// unpacked returns the archive in a plain backup, and anything else as it is.
func unpacked(data []byte) []byte {
	r, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		return data
	}
	defer r.Close()
	archive, err := io.ReadAll(r)
	if err != nil {
		return data
	}
	return archive
}

// TestDamagedBackups: no backup that was cut off or changed passes for a whole
// one, and no reader panics. Some bits of zstd mean nothing: of those, all that
// was packed is as it was.
func TestDamagedBackups(t *testing.T) {
	first := dir(t.TempDir())
	s := first.store(t)
	fill(t, s, 4, 60)
	closed(t, s)
	source, closeSource := first.source(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	plain, sealed := backedUp(t, source, 0), backedUp(t, source, 0, key.Recipient())
	closeSource()
	verify := func(data []byte, keys ...age.Identity) error {
		f, err := backup.Open(bytes.NewReader(data), keys...)
		if err == nil {
			_, err = f.Verify(t.Context(), nil)
		}
		return err
	}
	if err := errors.Join(verify(plain), verify(sealed, other, key)); err != nil {
		t.Fatal(err)
	}
	for want, err := range map[error]error{
		backup.ErrEncrypted: verify(sealed),
		backup.ErrKey:       verify(sealed, other),
		backup.ErrOther:     verify([]byte("SQLite format 3\x00 and more of it")),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	for _, data := range [][]byte{plain, sealed} {
		for i := 0; i < len(data); i += 1 + len(data)/60 {
			if err := verify(data[:i], key); err == nil {
				t.Fatalf("the first %d of %d bytes pass for a backup", i, len(data))
			}
			flipped := slices.Clone(data)
			flipped[i] ^= 0x10
			if err := verify(flipped, key); err == nil && !bytes.Equal(unpacked(flipped), unpacked(data)) {
				t.Fatalf("with byte %d of %d flipped, it passes for a whole backup", i, len(data))
			}
		}
	}
}
