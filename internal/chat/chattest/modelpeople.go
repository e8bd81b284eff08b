package chattest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func (m *Model) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Account{}, err
	}
	defer m.mu.Unlock()
	a, ok := m.accounts[id]
	if !ok {
		return chat.Account{}, chat.ErrNotFound
	}
	return a, nil
}

func (m *Model) AccountByName(ctx context.Context, nameKey string) (chat.Account, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Account{}, err
	}
	defer m.mu.Unlock()
	id, ok := m.names[nameKey]
	if !ok {
		return chat.Account{}, chat.ErrNotFound
	}
	return m.accounts[id], nil
}

func (m *Model) Users(ctx context.Context, after chat.UserID, limit int) ([]chat.User, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var users []chat.User
	for _, id := range slices.Sorted(maps.Keys(m.accounts)) {
		if id > after && len(users) < limit {
			users = append(users, m.accounts[id].User)
		}
	}
	return users, nil
}

func (m *Model) CreateSession(ctx context.Context, s chat.Session) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for id, other := range m.sessions {
		if id == s.ID || other.TokenHash == s.TokenHash {
			return chat.ErrConflict
		}
	}
	s.Current, s.Scopes = false, slices.Clone(s.Scopes)
	m.sessions[s.ID] = s
	return nil
}

func (m *Model) Session(ctx context.Context, tokenHash string) (chat.Session, chat.Account, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if a, ok := m.accounts[s.User]; ok && s.TokenHash == tokenHash {
			s.Scopes = slices.Clone(s.Scopes)
			return s, a, nil
		}
	}
	return chat.Session{}, chat.Account{}, chat.ErrNotFound
}

func (m *Model) TouchSession(ctx context.Context, id chat.SessionID, user chat.UserID, seen,
	expires time.Time) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || s.User != user {
		return chat.ErrNotFound
	}
	s.SeenAt, s.ExpiresAt = seen, expires
	m.sessions[id] = s
	return nil
}

func (m *Model) Sessions(ctx context.Context, user chat.UserID) ([]chat.Session, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var sessions []chat.Session
	for _, s := range m.sessions {
		if s.User == user {
			s.Scopes = slices.Clone(s.Scopes)
			sessions = append(sessions, s)
		}
	}
	slices.SortFunc(sessions, func(a, b chat.Session) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return sessions, nil
}

func (m *Model) CreateInvite(ctx context.Context, i chat.Invite) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for hash, other := range m.invites {
		if hash == i.CodeHash || other.ID == i.ID {
			return chat.ErrConflict
		}
	}
	m.invites[i.CodeHash] = i
	return nil
}

func (m *Model) Invite(ctx context.Context, codeHash string) (chat.Invite, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Invite{}, err
	}
	defer m.mu.Unlock()
	i, ok := m.invites[codeHash]
	if !ok {
		return chat.Invite{}, chat.ErrNotFound
	}
	return i, nil
}

func (m *Model) Invites(ctx context.Context) ([]chat.Invite, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	invites := slices.SortedFunc(maps.Values(m.invites), func(a, b chat.Invite) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return invites[:min(len(invites), 1000)], nil
}

func (m *Model) DeleteInvite(ctx context.Context, id string) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for hash, i := range m.invites {
		if i.ID == id {
			delete(m.invites, hash)
			return nil
		}
	}
	return chat.ErrNotFound
}
