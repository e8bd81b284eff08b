package main

import (
	"errors"
	"time"

	"github.com/parley-chat/parley/internal/server"
)

// backupFlags say where the server keeps the backups that it makes by itself.
type backupFlags struct {
	BackupDir       string        `help:"Make backups by itself, into this directory or bucket (s3://HOST/BUCKET/PREFIX). With several nodes, one of them does." placeholder:"PLACE"`
	BackupEvery     time.Duration `help:"How often, with --backup-dir." default:"24h"`
	BackupKeep      int           `help:"How many of these backups are kept. Older ones are deleted." default:"7"`
	BackupRecipient []string      `help:"Encrypt them for these age recipients (age1…)." placeholder:"AGE"`
}

// check returns an error that names each setting that is wrong.
func (f backupFlags) check() error {
	var bad []error
	if f.BackupEvery < time.Minute {
		bad = append(bad, errors.New("--backup-every: must be at least 1m"))
	}
	if f.BackupKeep < 1 {
		bad = append(bad, errors.New("--backup-keep: must be at least 1"))
	}
	if _, err := recipients("--backup-recipient", f.BackupRecipient); err != nil {
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

// ownFiles are the settings of the files, without keys that are those of the
// backups' bucket alone.
func (s serve) ownFiles() filesFlags {
	f := s.filesFlags
	if isBucket(s.BackupDir) && !isBucket(f.Files) {
		f.S3Key, f.S3Secret = "", ""
	}
	return f
}

// backups are the settings that were checked.
func (s serve) backups() server.BackupConfig {
	to, _ := recipients("--backup-recipient", s.BackupRecipient)
	return server.BackupConfig{Place: s.BackupDir, Every: s.BackupEvery, Keep: s.BackupKeep,
		Recipients: to, S3Key: s.S3Key, S3Secret: s.S3Secret}
}
