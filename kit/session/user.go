package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// pruneAfter is the age from which an index entry without a record is taken for
// a left-over rather than for a session that is just being created.
const pruneAfter = time.Minute

// List yields the user's sessions, newest first, without their tokens; those
// that are being revoked come last. It reads the ids in one round trip and then
// 100 sessions in each, as the loop gets to them, and removes index entries
// whose sessions have expired. An error is the last thing that it yields, with
// a nil session.
func (m *Manager[T]) List(ctx context.Context, user string) iter.Seq2[*Session[T], error] {
	const page = 100
	return func(yield func(*Session[T], error) bool) {
		if user == "" {
			return
		}
		ids, err := m.ids(ctx, user)
		if err != nil {
			yield(nil, err)
			return
		}
		for some := range slices.Chunk(ids, page) {
			sessions, err := m.loadPage(ctx, user, some)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, s := range sessions {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// ids reads the ids of the user's sessions, newest first.
func (m *Manager[T]) ids(ctx context.Context, user string) ([]string, error) {
	ctx, cancel := m.bound(ctx)
	defer cancel()
	ids, err := m.client.Do(ctx, m.client.B().Zrange().Key(m.userKey(user)).Min("0").Max(
		"-1").Rev().Build()).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("session: list: %w", exec.Unavailable(ctx, err))
	}
	return ids, nil
}

// loadPage reads sessions of the user in the order of their ids, without using
// them, and removes from the index those that have expired.
func (m *Manager[T]) loadPage(ctx context.Context, user string, ids []string) ([]*Session[T], error) {
	ctx, cancel := m.bound(ctx)
	defer cancel()
	const never = "-1" // looking at a session is not using it
	execs := make([]rueidis.LuaExec, len(ids))
	for i, id := range ids {
		execs[i] = rueidis.LuaExec{Keys: []string{m.key(id)},
			Args: []string{"", ms(m.opt.IdleTimeout), ms(m.opt.Lifetime), never}}
	}
	var sessions []*Session[T]
	stale := []string{ms(pruneAfter)}
	for i, resp := range m.loadAll.ExecMulti(ctx, m.client, execs...) {
		reply, err := resp.ToArray()
		if err != nil {
			return nil, fmt.Errorf("session: list: %w", exec.Unavailable(ctx, err))
		}
		s, err := m.decode(token{id: ids[i]}, reply)
		switch {
		case errors.Is(err, ErrNotFound):
			stale = append(stale, ids[i])
		case err != nil:
			return nil, err
		default:
			sessions = append(sessions, s)
		}
	}
	if len(stale) > 1 {
		if err := exec.Script(ctx, m.prune, m.client, []string{m.userKey(user)}, stale).Error(); err != nil {
			return nil, fmt.Errorf("session: list: prune: %w", exec.Unavailable(ctx, err))
		}
	}
	return sessions, nil
}

// Revoke ends one session of the user by its id. It is ErrNotFound when the
// user has no such session, whoever else may.
func (m *Manager[T]) Revoke(ctx context.Context, user, id string) error {
	ids, err := m.revoke(ctx, user, []string{"only", id})
	if err == nil && len(ids) == 0 {
		return ErrNotFound
	}
	return err
}

// RevokeAll ends all sessions of the user except those named, and returns the
// ids of those that it ended. A session that is being created at the same time
// ends as well, or begins after. After an error some may be left: call it
// again.
func (m *Manager[T]) RevokeAll(ctx context.Context, user string, except ...string) ([]string, error) {
	return m.revoke(ctx, user, append([]string{"except"}, except...))
}

func (m *Manager[T]) revoke(ctx context.Context, user string, which []string) ([]string, error) {
	if user == "" {
		return nil, nil
	}
	ctx, cancel := m.bound(ctx)
	defer cancel()
	ids, err := exec.Script(ctx, m.mark, m.client, []string{m.userKey(user)}, which).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("session: revoke: %w", exec.Unavailable(ctx, err))
	}
	var ended []string
	err = m.destroyAll(ctx, user, ids, &ended)
	return ended, err
}

// destroyAll deletes the user's records and then their index entries; the other
// way round, a crash would leave sessions that no list shows. It appends the
// ids of those that existed to ended, if that is not nil.
func (m *Manager[T]) destroyAll(ctx context.Context, user string, ids []string, ended *[]string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := m.bound(ctx)
	defer cancel()
	execs := make([]rueidis.LuaExec, len(ids))
	for i, id := range ids {
		execs[i] = rueidis.LuaExec{Keys: []string{m.key(id)}, Args: []string{user, m.channel(), id}}
	}
	var failures []error
	var done []string
	for i, resp := range m.destroy.ExecMulti(ctx, m.client, execs...) {
		reply, err := resp.ToArray()
		if err != nil {
			failures = append(failures,
				fmt.Errorf("session: revoke %s: %w", ids[i], exec.Unavailable(ctx, err)))
			continue
		}
		done = append(done, ids[i])
		if n, err := reply[0].AsInt64(); err == nil && n == 1 && ended != nil {
			*ended = append(*ended, ids[i])
		}
		if len(reply) > 1 {
			reason, _ := reply[1].ToString()
			failures = append(failures, fmt.Errorf("%w: %s: %s", ErrUnannounced, ids[i], reason))
		}
	}
	if user != "" && len(done) > 0 {
		// A failure here takes nothing back: the sessions are gone, and the
		// next list removes the entries.
		_ = m.client.Do(ctx, m.client.B().Zrem().Key(m.userKey(user)).Member(done...).Build()).Error()
	}
	return errors.Join(failures...)
}
