package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"filippo.io/age"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/backup"
	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/files"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/server"
)

// filesPlace says where uploaded files are.
type filesPlace struct {
	Files    string `help:"Where the uploaded files are kept, as for serve: a directory, off, or a bucket (s3://HOST/BUCKET/PREFIX). Default: the folder files in --data; with --store, off." placeholder:"PLACE"`
	S3Key    string `help:"Access key id for buckets." placeholder:"ID"`
	S3Secret string `help:"Secret access key for buckets. Other users of this machine can see a flag, but not a variable." placeholder:"SECRET"`
}

func (p filesPlace) config() server.FilesConfig {
	return server.FilesConfig{Files: p.Files, FileSize: 1, S3Key: p.S3Key, S3Secret: p.S3Secret}
}

// openPlace opens the place of a backup, and says what it is called there.
func (p filesPlace) openPlace(ctx context.Context, file string) (backup.Place, string, error) {
	where, name := server.SplitBackup(file)
	if name == "" {
		return nil, "", fmt.Errorf("%s is no name of a file: say what the backup is called there", file)
	}
	place, err := server.OpenBackups(ctx, where, p.S3Key, p.S3Secret)
	if errors.Is(err, server.ErrNoKey) {
		err = fmt.Errorf("%w: --s3-key and --s3-secret, best as PARLEY_S3_KEY and PARLEY_S3_SECRET", err)
	}
	return place, name, err
}

func isBucket(place string) bool { return strings.Contains(place, "://") }

// place opens the store's driver and the place for its files, nil if there is
// none.
func place(ctx context.Context, s storeFlags, p filesPlace,
	file string) (backend.Driver, files.Blobs, error) {
	if isBucket(file) && !isBucket(p.Files) { // the keys are those of the backup's bucket
		p.S3Key, p.S3Secret = "", ""
	}
	driver, err := server.Driver(s.config())
	if err = errors.Join(flagged(err), s.check(), flagged(p.config().Check())); err != nil {
		return driver, nil, err
	}
	folder := ""
	if driver.Files != nil {
		folder = driver.Files(s.config())
	}
	blobs, _, err := p.config().Open(ctx, folder)
	return driver, blobs, flagged(err)
}

// backupCommand writes everything into one file.
type backupCommand struct {
	File string `arg:"" help:"File to write, which must not exist; - for standard output; or an object in a bucket: s3://HOST/BUCKET/NAME."`
	storeFlags
	filesPlace
	Recipient []string `help:"Encrypt for these age recipients (age1…). Only who has the identity of one can read the backup." placeholder:"AGE"`
}

// Run writes the backup.
func (b backupCommand) Run(ctx context.Context, c console) (err error) {
	to, err := recipients("--recipient", b.Recipient)
	if err != nil {
		return err
	}
	if b.File == "-" {
		return b.write(ctx, c, c.out, to)
	}
	kept, name, err := b.openPlace(ctx, b.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	return kept.Put(ctx, name, func(w io.Writer) error { return b.write(ctx, c, w, to) })
}

func recipients(flag string, texts []string) (to []age.Recipient, err error) {
	for _, text := range texts {
		parsed, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no age recipient, which begins with age1 (age-keygen makes one)", flag, text)
		}
		to = append(to, parsed...)
	}
	return to, nil
}

func (b backupCommand) write(ctx context.Context, c console, w io.Writer, to []age.Recipient) (err error) {
	driver, blobs, err := place(ctx, b.storeFlags, b.filesPlace, b.File)
	if err != nil {
		return err
	}
	if blobs != nil {
		defer func() { err = errors.Join(err, blobs.Close()) }()
	}
	from, err := driver.Snapshot(ctx, b.storeFlags.config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	show, began := newMeter(c.err), time.Now()
	var kept backup.Files
	if blobs != nil {
		kept = blobs
	}
	m, err := backup.Write(ctx, w, from, kept, backup.Options{Version: server.Version(), Recipients: to,
		Now: time.Now, Records: show.copied,
		File: func(n, bytes int64) { show.counted("files", countOf(n, bytes)) }})
	show.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%s: %s, in %s\n", b.File, summary(m), time.Since(began).Round(time.Millisecond))
	if m.Missing > 0 {
		fmt.Fprintf(c.err, "%s files that messages name are not in it: they were not in --files, or were deleted during the backup\n", grouped(m.Missing))
	}
	return nil
}

func countOf(n, bytes int64) string {
	return fmt.Sprintf("%s files, %.1f MB", grouped(n), float64(bytes)/1e6)
}

// summary says in a line what a backup holds.
func summary(m backup.Manifest) string {
	k := m.Kinds
	return fmt.Sprintf("%s rooms, %s messages, %s people, %s", grouped(k["rooms"].Count),
		grouped(k["messages"].Count), grouped(k["people"].Count), countOf(k["files"].Count, k["files"].Bytes))
}

// backupFile is a backup that is read.
type backupFile struct {
	File     string `arg:"" help:"The backup; - for standard input; or an object in a bucket: s3://HOST/BUCKET/NAME."`
	Identity string `help:"File with the age identity (AGE-SECRET-KEY-1…) that opens an encrypted backup." placeholder:"FILE"`
}

// open opens the backup. The function it returns closes it.
func (f backupFile) open(ctx context.Context, c console,
	keysOf filesPlace) (*backup.File, func() error, error) {
	var keys []age.Identity
	if f.Identity != "" {
		text, err := os.Open(f.Identity)
		if err != nil {
			return nil, nil, fmt.Errorf("--identity: %w", err)
		}
		keys, err = age.ParseIdentities(text)
		text.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("--identity: %s has no age identity, a line that begins with AGE-SECRET-KEY-1", f.Identity)
		}
	}
	data, remove, err := f.data(ctx, c, keysOf)
	if err != nil {
		return nil, nil, err
	}
	closed := func() error { return errors.Join(data.Close(), remove()) }
	b, err := backup.Open(data, keys...)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", f.File, err), closed())
	}
	return b, closed, nil
}

// data opens the file. Standard input is kept in one, as a backup is read more
// than once.
func (f backupFile) data(ctx context.Context, c console,
	keysOf filesPlace) (r io.ReadSeekCloser, remove func() error, err error) {
	if f.File != "-" {
		place, name, err := keysOf.openPlace(ctx, f.File)
		if err != nil {
			return nil, nil, err
		}
		r, err := place.Open(ctx, name)
		if err != nil {
			return nil, nil, errors.Join(err, place.Close())
		}
		return r, place.Close, nil
	}
	data, err := os.CreateTemp("", "parley-backup-*")
	if err != nil {
		return nil, nil, err
	}
	remove = func() error { return os.Remove(data.Name()) }
	if _, err = io.Copy(data, c.in); err != nil {
		return nil, nil, errors.Join(err, data.Close(), remove())
	}
	return data, remove, nil
}

// check reads the backup to its end.
func (f backupFile) check(ctx context.Context, b *backup.File, show *meter) (backup.Manifest, error) {
	m, err := b.Verify(ctx, func(bytes int64) {
		show.counted("checking", fmt.Sprintf("%.1f MB", float64(bytes)/1e6))
	})
	show.end()
	if err != nil {
		return m, fmt.Errorf("%s: %w", f.File, err)
	}
	return m, nil
}

// verifyBackup checks a backup.
type verifyBackup struct {
	backupFile
	S3Key    string `help:"Access key id for the backup's bucket." placeholder:"ID"`
	S3Secret string `help:"Secret access key for the backup's bucket. Other users of this machine can see a flag, but not a variable." placeholder:"SECRET"`
}

// Run prints what the backup holds.
func (v verifyBackup) Run(ctx context.Context, c console) (err error) {
	b, closed, err := v.open(ctx, c, filesPlace{S3Key: v.S3Key, S3Secret: v.S3Secret})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	m, err := v.check(ctx, b, newMeter(c.err))
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	var kinds []string
	for kind := range m.Kinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		k := m.Kinds[kind]
		fmt.Fprintf(w, "%s\t%s\t%s bytes\t%.16s\n", kind, grouped(k.Count), grouped(k.Bytes), k.SHA256)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if m.Missing > 0 {
		fmt.Fprintf(c.out, "%s files that messages name were missing when it was made.\n", grouped(m.Missing))
	}
	_, err = fmt.Fprintf(c.out, "The backup is whole. It was made on %s by Parley %s.\n",
		b.Header.Made.Format("2006-01-02 at 15:04:05 MST"), b.Header.By)
	return err
}

// restore brings a backup into an empty store.
type restore struct {
	backupFile
	storeFlags
	filesPlace
}

// Run checks the backup before it writes anything.
func (r restore) Run(ctx context.Context, c console) (err error) {
	err = r.run(ctx, c)
	if ctx.Err() != nil {
		return errors.New("stopped: the same command goes on from here")
	}
	return err
}

func (r restore) run(ctx context.Context, c console) (err error) {
	b, closed, err := r.open(ctx, c, r.filesPlace)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	show := newMeter(c.err)
	m, err := r.backupFile.check(ctx, b, show)
	if err != nil {
		return err
	}
	driver, blobs, err := place(ctx, r.storeFlags, r.filesPlace, r.File)
	if err != nil {
		return err
	}
	if blobs != nil {
		defer func() { err = errors.Join(err, blobs.Close()) }()
	} else if m.Kinds["files"].Count > 0 && r.Files != "off" {
		return fmt.Errorf("the backup has %s files: say with --files where the servers will look for them, or --files off to leave them out",
			grouped(m.Kinds["files"].Count))
	}
	to, err := driver.Destination(ctx, r.storeFlags.config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	from := b.Source()
	defer func() { err = errors.Join(err, from.Close()) }()
	err = transfer(ctx, c, show, from, to, func() error { return r.files(ctx, b, blobs, show) })
	if errors.Is(err, migrate.ErrNotEmpty) {
		return fmt.Errorf("%s holds data already, and nothing was written: restore into an empty place, or move these data away first", driver.Name(r.storeFlags.config()))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "The backup of %s is restored: %s. Start the servers on it; open clients notice, and fetch anew.\n",
		b.Header.Made.Format("2006-01-02 15:04 MST"), summary(m))
	return nil
}

// files puts all files into their place.
func (r restore) files(ctx context.Context, b *backup.File, to files.Blobs, show *meter) error {
	if to == nil {
		return nil
	}
	var count, bytes int64
	err := b.EachFile(ctx, func(id string, size int64, data io.Reader) error {
		n, err := to.Put(ctx, id, data, size)
		if errors.Is(err, blob.ErrID) {
			err = fmt.Errorf("%w (it has a file %q)", backup.ErrDamaged, id)
		}
		count, bytes = count+1, bytes+n
		show.counted("files", countOf(count, bytes))
		return err
	})
	show.end()
	return err
}
