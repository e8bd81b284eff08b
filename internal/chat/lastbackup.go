package chat

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// backupKind is the kind of the one record of what became of scheduled backups.
const (
	backupKind = "backup"
	backupID   = "last"
)

// LastBackup says what became of the backups that the server makes by itself.
type LastBackup struct {
	At     time.Time `json:"at,omitzero" doc:"When the newest one was begun; left out if there is none"`
	Name   string    `json:"name,omitempty" doc:"Its name"`
	Bytes  int64     `json:"bytes,omitempty" doc:"Its size in bytes"`
	TookMS int64     `json:"took_ms,omitempty" doc:"How long it took, in milliseconds"`

	FailedAt time.Time `json:"failed_at,omitzero" doc:"When the newest attempt failed; left out if it did not"`
	Error    string    `json:"error,omitempty" doc:"Why it failed"`
}

// LastBackup returns what was last kept of scheduled backups. It is zero if
// there was none. It is for the operator: callers must ask for permission.
func (s *Service) LastBackup(ctx context.Context) (b LastBackup, err error) {
	r, err := s.Store.Record(ctx, backupKind, backupID)
	if errors.Is(err, ErrNotFound) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(r.Value, &b)
}

// KeepLastBackup keeps what became of a scheduled backup, in place of what is
// there.
func (s *Service) KeepLastBackup(ctx context.Context, b LastBackup) error {
	value, err := json.Marshal(b)
	if err != nil {
		return err
	}
	r, err := s.Store.Record(ctx, backupKind, backupID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err = s.Store.PutRecord(ctx, backupKind, backupID, r.Version, value)
	return err
}
