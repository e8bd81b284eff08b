package redisstore

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

var noOp = chat.Result{NoOp: true}

// Commit implements [chat.Store]. Changes to one room, or to the server's
// stream, that follow each other are one atomic step, annotations of messages
// apart from the others; each change to a person's stream is one.
func (s *Store) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	for i := range changes {
		if err := changes[i].Check(); err != nil {
			return nil, err
		}
	}
	results := make([]chat.Result, 0, len(changes))
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].Stream == changes[0].Stream &&
			isAnnotation(&changes[n]) == isAnnotation(&changes[0]) {
			n++
		}
		some, err := s.commit(ctx, changes[:n])
		s.health.note("store", err)
		if err != nil {
			return nil, failed(fmt.Sprintf("%s in %s", changes[0].Kind(), changes[0].Stream), err)
		}
		results = append(results, some...)
		changes = changes[n:]
	}
	return results, nil
}

func isAnnotation(c *chat.Change) bool {
	_, ok := c.Op.(chat.Annotation)
	return ok
}

// commit makes changes to one stream.
func (s *Store) commit(ctx context.Context, changes []chat.Change) ([]chat.Result, error) {
	if room, ok := changes[0].Stream.Room(); ok {
		return s.commitRoom(ctx, room, changes)
	}
	if user, ok := changes[0].Stream.User(); ok {
		return s.commitUser(ctx, user, changes)
	}
	return s.commitServer(ctx, changes)
}
