package chat

import (
	"context"
	"errors"
	"strings"
)

// serverKind is the kind of the record that holds the server's id.
const serverKind = "server"

// ServerID returns the id of the server's data. It is made once, and is the
// same on all nodes.
func (s *Service) ServerID(ctx context.Context) (string, error) {
	if id := s.id.Load(); id != nil {
		return *id, nil
	}
	for {
		r, err := s.Store.Record(ctx, serverKind, "id")
		if err == nil {
			id := string(r.Value)
			s.id.Store(&id)
			return id, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return "", err
		}
		value := []byte(strings.ToLower(s.NewID()))
		if _, err := s.Store.PutRecord(ctx, serverKind, "id", 0, value); err != nil &&
			!errors.Is(err, ErrConflict) {
			return "", err
		}
	}
}
