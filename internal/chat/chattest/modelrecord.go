package chattest

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

// document names a record.
type document struct{ kind, id string }

func (m *Model) PutRecord(ctx context.Context, kind, id string, was int64, value []byte) (int64, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	at := document{kind, id}
	if m.records[at].Version != was {
		return 0, chat.ErrConflict
	}
	m.records[at] = chat.Record{ID: id, Version: was + 1, Value: bytes.Clone(value)}
	return was + 1, nil
}

func (m *Model) DeleteRecord(ctx context.Context, kind, id string) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := m.records[document{kind, id}]; !ok {
		return chat.ErrNotFound
	}
	delete(m.records, document{kind, id})
	return nil
}

func (m *Model) Record(ctx context.Context, kind, id string) (chat.Record, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Record{}, err
	}
	defer m.mu.Unlock()
	r, ok := m.records[document{kind, id}]
	if !ok {
		return chat.Record{}, chat.ErrNotFound
	}
	r.Value = bytes.Clone(r.Value)
	return r, nil
}

func (m *Model) Records(ctx context.Context, kind, after string, limit int) ([]chat.Record, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var all []chat.Record
	for at, r := range m.records {
		if at.kind == kind && at.id > after {
			r.Value = bytes.Clone(r.Value)
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b chat.Record) int { return strings.Compare(a.ID, b.ID) })
	return all[:min(len(all), max(limit, 0))], nil
}
