package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// A record is stored under "<kind> <id>" as "<version> <value>".
func recordName(kind, id string) string { return kind + " " + id }

func (s *Store) recordKeys() []string {
	return []string{s.keys.server("records"), s.keys.server("ids")}
}

// PutRecord implements [chat.Store].
func (s *Store) PutRecord(ctx context.Context, kind, id string, was int64, value []byte) (int64, error) {
	n, err := s.record(ctx, "put", recordName(kind, id), num(was), string(value))
	if err == nil && n == 0 {
		err = chat.ErrConflict
	}
	return n, failed("put a record", err)
}

// DeleteRecord implements [chat.Store].
func (s *Store) DeleteRecord(ctx context.Context, kind, id string) error {
	n, err := s.record(ctx, "delete", recordName(kind, id))
	if err == nil && n == 0 {
		err = chat.ErrNotFound
	}
	return failed("delete a record", err)
}

func (s *Store) record(ctx context.Context, args ...string) (int64, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	reply, err := s.run(ctx, &recordScript, s.recordKeys(), args)
	if err != nil {
		return 0, err
	}
	return reply.AsInt64()
}

// Record implements [chat.Store].
func (s *Store) Record(ctx context.Context, kind, id string) (chat.Record, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Record{}, err
	}
	defer cancel()
	text, err := s.client.Do(ctx, s.client.B().Hget().Key(s.keys.server("records")).Field(
		recordName(kind, id)).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Record{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Record{}, failed("record", err)
	}
	r, err := scanRecord(id, text)
	return r, failed("record", err)
}

// Records implements [chat.Store].
func (s *Store) Records(ctx context.Context, kind, after string, limit int) ([]chat.Record, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	_, records, err := s.records(ctx, "("+recordName(kind, after), "("+kind+"!", limit)
	return records, failed("records", err)
}

// records returns those whose names are in a range, with their names.
func (s *Store) records(ctx context.Context, from, to string, limit int) (names []string,
	records []chat.Record, err error) {
	reply, err := s.run(ctx, &recordsScript, s.recordKeys(), []string{from, to, strconv.Itoa(max(limit, 0))})
	if err != nil {
		return nil, nil, err
	}
	list, err := reply.AsStrSlice()
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i+1 < len(list); i += 2 {
		_, id, _ := strings.Cut(list[i], " ")
		r, err := scanRecord(id, list[i+1])
		if err != nil {
			return nil, nil, err
		}
		names, records = append(names, list[i]), append(records, r)
	}
	return names, records, nil
}

func scanRecord(id, text string) (chat.Record, error) {
	version, value, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return chat.Record{}, fmt.Errorf("record %s: %w", id, err)
	}
	return chat.Record{ID: id, Version: n, Value: []byte(value)}, nil
}
