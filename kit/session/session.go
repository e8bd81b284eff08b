package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// mergeTries bounds how often a save is tried against others that keep saving.
const mergeTries = 16

// A Session is one login as it was when it was read. It is for one goroutine at
// a time; each request has its own.
type Session[T any] struct {
	// Data is the caller's. Save writes it if its JSON differs from what was
	// read.
	Data T

	m                        *Manager[T]
	token                    token
	user                     string
	version                  int64
	base                     []byte // Data as it was read, encoded anew
	now, created, seen, ends time.Time
	untilClosed              bool // what the browser does with the cookie
	gone                     bool
}

// ID names the session. It is no secret, and stays the same when the token is
// renewed.
func (s *Session[T]) ID() string { return s.token.id }

// User is whom the session was created for; empty for an anonymous one.
func (s *Session[T]) User() string { return s.user }

// Token is the credential to hand to the client; whoever holds it is logged in.
// It is empty for a listed session, because no one but the client has it.
func (s *Session[T]) Token() string { return s.token.String() }

// Created is when the session was made, by the server's clock.
func (s *Session[T]) Created() time.Time { return s.created }

// LastSeen returns when the session was last used, as of reading it, to within
// Options.TouchInterval.
func (s *Session[T]) LastSeen() time.Time { return s.seen }

// ExpiresAt returns the end of the session's lifetime, by the server's clock.
func (s *Session[T]) ExpiresAt() time.Time { return s.ends }

// TTL returns how long the session could still live when it was read. Unlike
// ExpiresAt it does not depend on the clocks agreeing.
func (s *Session[T]) TTL() time.Duration { return s.ends.Sub(s.now) }

// Save writes Data if it changed, against the version that was read. It is
// ErrConflict when another save came first and the two cannot be joined, see
// Options.Merge, and ErrNotFound when the session is gone or its token was
// renewed; nothing is written then.
func (s *Session[T]) Save(ctx context.Context) error {
	encoded, err := json.Marshal(s.Data)
	if err != nil {
		return fmt.Errorf("session: encode: %w", err)
	}
	if bytes.Equal(encoded, s.base) {
		return nil
	}
	return s.write(ctx, encoded, s.token)
}

// Renew changes the session's token, and saves Data in the same atomic step.
// The old token is worthless from then on. Call it whenever what the session
// may do changes. The errors are those of Save.
//
// With the middleware use [Manager.Renew], which also sets the cookie.
func (s *Session[T]) Renew(ctx context.Context) error {
	encoded, err := json.Marshal(s.Data)
	if err != nil {
		return fmt.Errorf("session: encode: %w", err)
	}
	return s.write(ctx, encoded, token{id: s.token.id, secret: newSecret()})
}

// Reload reads the session again and drops unsaved changes.
func (s *Session[T]) Reload(ctx context.Context) error {
	if s.gone {
		return ErrNotFound
	}
	fresh, err := s.m.read(ctx, s.token)
	if err != nil {
		return err
	}
	*s = *fresh
	return nil
}

// Destroy ends the session and announces that. A session that is gone already
// is no error.
func (s *Session[T]) Destroy(ctx context.Context) error {
	err := s.m.destroyAll(ctx, s.user, []string{s.token.id}, nil)
	if err == nil || errors.Is(err, ErrUnannounced) {
		s.gone = true
	}
	return err
}

func (s *Session[T]) write(ctx context.Context, encoded []byte, next token) error {
	if s.gone || s.token.secret == "" {
		return ErrNotFound
	}
	ctx, cancel := s.m.bound(ctx)
	defer cancel()
	for range mergeTries {
		reply, err := exec.Script(ctx, s.m.save, s.m.client, []string{s.m.key(s.token.id)}, []string{
			s.token.hash(), next.hash(), strconv.FormatInt(s.version, 10), string(encoded),
			ms(s.m.opt.IdleTimeout), ms(s.m.opt.Lifetime),
		}).ToArray()
		if err != nil {
			return fmt.Errorf("session: save: %w", exec.Unavailable(ctx, err))
		}
		if len(reply) == 0 {
			return fmt.Errorf("session: save: the script replied nothing")
		}
		outcome, err := reply[0].ToString()
		if err != nil {
			return fmt.Errorf("session: save: %w", err)
		}
		if outcome == "gone" {
			s.gone = true
			return ErrNotFound
		}
		if len(reply) < 2 {
			return fmt.Errorf("session: save: the script replied %q and nothing else", outcome)
		}
		version, err := reply[1].AsInt64()
		if err != nil {
			return fmt.Errorf("session: save: %w", err)
		}
		if outcome == "saved" {
			s.version, s.base, s.token = version, encoded, next
			return nil
		}
		if len(reply) < 3 {
			return ErrConflict
		}
		data, err := reply[2].ToString()
		if err != nil {
			return fmt.Errorf("session: save: %w", err)
		}
		if encoded, err = s.merge(data); err != nil {
			return err
		}
		s.version = version
	}
	return ErrConflict
}

// merge joins Data with what is in Redis now, and takes the latter as the new
// base. Data is as it was where that fails.
func (s *Session[T]) merge(current string) ([]byte, error) {
	before, mine := s.base, s.Data
	if err := s.adopt(current); err != nil {
		return nil, err
	}
	merged, err := s.join(before, mine)
	if err != nil {
		s.Data, s.base = mine, before
		return nil, err
	}
	s.Data = merged
	encoded, err := json.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("session: encode: %w", err)
	}
	return encoded, nil
}

// join returns what the changes from before to mine and to the present Data
// come to.
func (s *Session[T]) join(before []byte, mine T) (merged T, err error) {
	if s.m.opt.Merge != nil {
		var base T
		if err := json.Unmarshal(before, &base); err != nil {
			return merged, fmt.Errorf("session: decode: %w", err)
		}
		if merged, err = s.m.opt.Merge(base, mine, s.Data); err != nil {
			return merged, fmt.Errorf("session: merge: %w", err)
		}
		return merged, nil
	}
	encoded, err := json.Marshal(mine)
	if err != nil {
		return merged, fmt.Errorf("session: encode: %w", err)
	}
	joined, err := mergeMembers(before, encoded, s.base)
	if err != nil {
		return merged, err
	}
	if err := json.Unmarshal(joined, &merged); err != nil {
		return merged, fmt.Errorf("session: decode: %w", err)
	}
	return merged, nil
}

// mergeMembers joins two changes of a JSON object by its top-level members.
func mergeMembers(base, mine, theirs []byte) ([]byte, error) {
	var b, m, t map[string]json.RawMessage
	for _, one := range []struct {
		text []byte
		into *map[string]json.RawMessage
	}{{base, &b}, {mine, &m}, {theirs, &t}} {
		if json.Unmarshal(one.text, one.into) != nil || *one.into == nil {
			return nil, ErrConflict // no object
		}
	}
	for name := range b {
		if _, ok := m[name]; !ok {
			m[name] = nil // was taken away
		}
	}
	for name, value := range m {
		switch {
		case bytes.Equal(value, b[name]), bytes.Equal(value, t[name]):
		case !bytes.Equal(t[name], b[name]):
			return nil, ErrConflict
		case value == nil:
			delete(t, name)
		default:
			t[name] = value
		}
	}
	return json.Marshal(t)
}

// adopt takes data as Redis has it. The base to compare with is encoded anew,
// so that a type that has gained or lost a field does not count as a change.
func (s *Session[T]) adopt(data string) error {
	var decoded T
	if err := json.Unmarshal([]byte(data), &decoded); err != nil {
		return fmt.Errorf("session: decode %s: %w", s.token.id, err)
	}
	base, err := json.Marshal(decoded)
	if err != nil {
		return fmt.Errorf("session: encode: %w", err)
	}
	s.Data, s.base = decoded, base
	return nil
}
