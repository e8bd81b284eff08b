package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/parley-chat/parley/internal/backup"
	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/chat"
)

// BackupConfig says where the server keeps the backups that it makes by itself.
type BackupConfig struct {
	Place      string // a directory, or a bucket like that of [FilesConfig]; empty for no backups
	Every      time.Duration
	Keep       int // the newest ones; older ones are deleted
	Recipients []age.Recipient
	S3Key      string
	S3Secret   string
}

const (
	// backupsLook is how often it is looked whether a backup is due.
	backupsLook = time.Minute
	// backupsAgain is when one that failed is tried again.
	backupsAgain = 15 * time.Minute
)

// SplitBackup splits the address of a backup, a path or that of an object in a
// bucket, into its place and its name there.
func SplitBackup(address string) (place, name string) {
	if !strings.Contains(address, "://") {
		return filepath.Split(address)
	}
	address, query, asked := strings.Cut(address, "?")
	place, name = path.Split(address)
	if asked {
		query = "?" + query
	}
	return place + query, name
}

// OpenBackups opens a place for backups: a directory, or a bucket
// (s3://HOST/BUCKET/PREFIX?region=R) with its keys.
func OpenBackups(ctx context.Context, place, key, secret string) (backup.Place, error) {
	c := FilesConfig{Files: place, FileSize: 1, S3Key: key, S3Secret: secret}
	bucket, err := c.bucket()
	if err == nil && bucket != nil {
		err = c.Check()
	}
	if e, ok := errors.AsType[*SettingError](err); ok {
		return nil, fmt.Errorf("%s: %w", place, e.Err)
	}
	if err != nil || bucket == nil {
		return backup.Folder(cmp.Or(place, ".")), err
	}
	bucket.Dots = true
	b, err := blob.OpenBucket(ctx, *bucket)
	if err != nil {
		return nil, err
	}
	return backup.Bucket{Bucket: b, Name: place}, nil
}

// backups makes backups now and then.
type backups struct {
	core  *Core
	cfg   BackupConfig
	place backup.Place
	now   func() time.Time
}

// OpenBackups opens the place of the backups that a server on this core makes.
func (c *Core) OpenBackups(ctx context.Context, cfg BackupConfig) error {
	if cfg.Place == "" {
		return nil
	}
	place, err := OpenBackups(ctx, cfg.Place, cfg.S3Key, cfg.S3Secret)
	if err != nil {
		return err
	}
	c.backups = &backups{c, cfg, place, time.Now}
	return nil
}

// scheduled are the names of backups by the schedule; no other is ever deleted.
var scheduled = regexp.MustCompile(`^parley-\d{8}T\d{6}Z\.parley$`)

// run makes a backup if one is due. One node does it.
func (b *backups) run(ctx context.Context) error {
	now := b.now().UTC()
	last, err := b.core.Service.LastBackup(ctx)
	if err != nil {
		return err
	}
	// What the record of a restored store says may be of elsewhere, and harms
	// for one interval at most.
	if now.Sub(last.At) < b.cfg.Every || now.Sub(last.FailedAt) < min(backupsAgain, b.cfg.Every) {
		return nil
	}
	made, err := b.make(ctx, now)
	if ctx.Err() != nil {
		return ctx.Err() // the next node, or start, makes it
	}
	if err != nil {
		last.FailedAt, last.Error = now, err.Error()
		return errors.Join(err, b.core.Service.KeepLastBackup(ctx, last))
	}
	b.core.Log.Info("backup", "place", b.place.String(), "name", made.Name, "bytes", made.Bytes,
		"took", time.Duration(made.TookMS)*time.Millisecond)
	return errors.Join(b.core.Service.KeepLastBackup(ctx, made), b.prune(ctx))
}

// make makes a backup.
func (b *backups) make(ctx context.Context, now time.Time) (made chat.LastBackup, err error) {
	made = chat.LastBackup{At: now, Name: now.Format("parley-20060102T150405Z.parley")}
	from, err := b.core.snapshot(ctx)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	var files backup.Files
	if b.core.blobs != nil {
		files = b.core.blobs
	}
	var m backup.Manifest
	err = b.place.Put(ctx, made.Name, func(w io.Writer) (err error) {
		counted := &counter{Writer: w}
		m, err = backup.Write(ctx, counted, from, files, backup.Options{
			Version: Version(), Recipients: b.cfg.Recipients, Now: b.now})
		made.Bytes = counted.n
		return err
	})
	made.TookMS = b.now().Sub(now).Milliseconds()
	if m.Missing > 0 {
		b.core.Log.Warn("files that messages name are not in the backup", "files", m.Missing)
	}
	return made, err
}

// counter counts what is written.
type counter struct {
	io.Writer
	n int64
}

func (c *counter) Write(data []byte) (int, error) {
	n, err := c.Writer.Write(data)
	c.n += int64(n)
	return n, err
}

// prune deletes the oldest of the schedule's backups, and what is left of those
// that were killed.
func (b *backups) prune(ctx context.Context) error {
	names, err := b.place.Names(ctx)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !scheduled.MatchString(name) })
	slices.Sort(names) // by time
	gone := slices.Clone(names[:max(0, len(names)-b.cfg.Keep)])
	left, err := b.place.Unfinished(ctx)
	for _, name := range left {
		if scheduled.MatchString(name) && !slices.Contains(names, name) {
			gone = append(gone, name)
		}
	}
	for _, name := range gone {
		if err := b.place.Delete(ctx, name); err != nil {
			return err
		}
		b.core.Log.Info("an old backup is deleted", "place", b.place.String(), "name", name)
	}
	return err
}
