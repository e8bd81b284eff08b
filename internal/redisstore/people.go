package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// account returns an account, and brings in one that is still arriving.
func (s *Store) account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	fields, err := s.client.Do(ctx, s.accountFields(id)).ToArray()
	if err != nil {
		return chat.Account{}, err
	}
	a, ok, err := scanAccount(fields)
	if err != nil || ok {
		return a, err
	}
	return s.arrive(ctx, id)
}

func (s *Store) accountFields(id chat.UserID) rueidis.Completed {
	return s.client.B().Hmget().Key(s.keys.user(id, "account")).Field("user", "key", "password",
		"look").Build()
}

func scanAccount(fields []rueidis.RedisMessage) (a chat.Account, ok bool, err error) {
	if len(fields) != 4 || fields[0].IsNil() {
		return chat.Account{}, false, nil
	}
	if err := fields[0].DecodeJSON(&a.User); err != nil {
		return chat.Account{}, false, fmt.Errorf("account: %w", err)
	}
	if a.NameKey, err = fields[1].ToString(); err != nil {
		return chat.Account{}, false, err
	}
	if a.Password, err = fields[2].ToString(); err != nil {
		return chat.Account{}, false, err
	}
	if a.LookKey, err = fields[3].ToString(); err != nil && !rueidis.IsRedisNil(err) {
		return chat.Account{}, false, err
	}
	return a, true, nil
}

// Account implements [chat.Store].
func (s *Store) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Account{}, err
	}
	defer cancel()
	a, err := s.account(ctx, id)
	return a, failed("account", err)
}

// AccountByName implements [chat.Store].
func (s *Store) AccountByName(ctx context.Context, nameKey string) (chat.Account, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Account{}, err
	}
	defer cancel()
	id, err := s.client.Do(ctx, s.client.B().Hget().Key(s.keys.server("names")).Field(
		nameKey).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Account{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Account{}, failed("account by name", err)
	}
	a, err := s.account(ctx, chat.UserID(id))
	return a, failed("account by name", err)
}

// Users implements [chat.Store].
func (s *Store) Users(ctx context.Context, after chat.UserID, limit int) ([]chat.User, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	_, data, err := s.page(ctx, []string{s.keys.server("order"), s.keys.server("users")},
		string(after), limit)
	if err != nil {
		return nil, failed("users", err)
	}
	users := make([]chat.User, len(data))
	for i, m := range data {
		if err := m.DecodeJSON(&users[i]); err != nil {
			return nil, failed("users", err)
		}
	}
	return users, nil
}

// page reads what page.lua gives: ids, and what stands under each.
func (s *Store) page(ctx context.Context, keys []string, after string, limit int) (ids []string,
	data []rueidis.RedisMessage, err error) {
	reply, err := s.run(ctx, &pageScript, keys, []string{after, num(int64(max(limit, 0)))})
	if err != nil {
		return nil, nil, err
	}
	lists, err := reply.ToArray()
	if err != nil || len(lists) == 0 {
		return nil, nil, err
	}
	if err := refusal(lists); err != nil {
		return nil, nil, err
	}
	if ids, err = lists[0].AsStrSlice(); err != nil {
		return nil, nil, err
	}
	data, err = lists[1].ToArray()
	return ids, data, err
}

// kept is a session as it stands in Redis; times in milliseconds. session.lua
// and user.lua read it too.
type kept struct {
	Token   string   `json:"token"` // hash of the token
	Name    string   `json:"name,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
	Agent   string   `json:"agent"`
	Addr    string   `json:"addr"`
	Created int64    `json:"created"`
	Seen    int64    `json:"seen"`
	Expires int64    `json:"expires"`
}

func keep(s chat.Session) kept {
	return kept{s.TokenHash, s.Name, s.Scopes, s.Agent, s.Addr, s.CreatedAt.UnixMilli(),
		s.SeenAt.UnixMilli(), s.ExpiresAt.UnixMilli()}
}

func (k kept) session(id chat.SessionID, user chat.UserID) chat.Session {
	return chat.Session{
		ID: id, User: user, TokenHash: k.Token, Name: k.Name, Scopes: k.Scopes, Agent: k.Agent, Addr: k.Addr,
		CreatedAt: unmilli(k.Created), SeenAt: unmilli(k.Seen), ExpiresAt: unmilli(k.Expires),
	}
}

// CreateSession implements [chat.Store]. What leads to the session is written
// before it.
func (s *Store) CreateSession(ctx context.Context, n chat.Session) error {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	return failed("create a session", s.createSession(ctx, n))
}

func (s *Store) createSession(ctx context.Context, n chat.Session) error {
	b, err := json.Marshal(keep(n))
	if err != nil {
		return err
	}
	token, place := s.keys.token(n.TokenHash), string(n.User)+" "+string(n.ID)
	old, err := s.client.Do(ctx, s.client.B().Set().Key(token).Value(place).Nx().Get().Build()).ToString()
	switch {
	case rueidis.IsRedisNil(err):
	case err != nil:
		return err
	default: // it may lead to a session that is gone
		user, id, _ := strings.Cut(old, " ")
		there, err := s.client.Do(ctx,
			s.client.B().Hexists().Key(s.keys.user(chat.UserID(user), "sessions")).Field(id).Build()).AsBool()
		if err != nil {
			return err
		}
		if there {
			return chat.ErrConflict
		}
		if err := s.client.Do(ctx, s.client.B().Set().Key(token).Value(place).Build()).Error(); err != nil {
			return err
		}
	}
	due := s.client.B().Zadd().Key(s.keys.server("sessions")).Lt().ScoreMember().ScoreMember(
		float64(n.ExpiresAt.UnixMilli()), string(n.User)).Build()
	if err := s.client.Do(ctx, due).Error(); err != nil {
		return err
	}
	fresh, err := s.client.Do(ctx,
		s.client.B().Hsetnx().Key(s.keys.user(n.User, "sessions")).Field(string(n.ID)).Value(
			string(b)).Build()).AsBool()
	if err == nil && !fresh {
		return chat.ErrConflict
	}
	return err
}

// Session implements [chat.Store].
func (s *Store) Session(ctx context.Context, tokenHash string) (chat.Session, chat.Account, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	defer cancel()
	session, a, err := s.session(ctx, tokenHash)
	return session, a, failed("session", err)
}

func (s *Store) session(ctx context.Context, tokenHash string) (chat.Session, chat.Account, error) {
	place, err := s.client.Do(ctx, s.client.B().Get().Key(s.keys.token(tokenHash)).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Session{}, chat.Account{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	owner, id, _ := strings.Cut(place, " ")
	user := chat.UserID(owner)
	replies := s.client.DoMulti(ctx,
		s.client.B().Hget().Key(s.keys.user(user, "sessions")).Field(id).Build(), s.accountFields(user))
	var k kept
	if err := replies[0].DecodeJSON(&k); rueidis.IsRedisNil(err) {
		return chat.Session{}, chat.Account{}, chat.ErrNotFound
	} else if err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	if k.Token != tokenHash {
		return chat.Session{}, chat.Account{}, chat.ErrNotFound
	}
	fields, err := replies[1].ToArray()
	if err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	a, ok, err := scanAccount(fields)
	if err == nil && !ok {
		a, err = s.arrive(ctx, user)
	}
	if err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	return k.session(chat.SessionID(id), user), a, nil
}

// TouchSession implements [chat.Store].
func (s *Store) TouchSession(ctx context.Context, id chat.SessionID, user chat.UserID, seen,
	expires time.Time) error {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	// What ends earlier than before is to be found earlier.
	due := s.client.B().Zadd().Key(s.keys.server("sessions")).Lt().ScoreMember().ScoreMember(
		float64(expires.UnixMilli()), string(user)).Build()
	if err := s.client.Do(ctx, due).Error(); err != nil {
		return failed("touch a session", err)
	}
	reply, err := s.run(ctx, &sessionScript, []string{s.keys.user(user, "sessions")},
		[]string{"touch", string(id), num(seen.UnixMilli()), num(expires.UnixMilli())})
	if err != nil {
		return failed("touch a session", err)
	}
	if n, err := reply.AsInt64(); err != nil || n == 1 {
		return failed("touch a session", err)
	}
	return chat.ErrNotFound
}

// Sessions implements [chat.Store].
func (s *Store) Sessions(ctx context.Context, user chat.UserID) ([]chat.Session, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	all, err := s.client.Do(ctx, s.client.B().Hgetall().Key(s.keys.user(user, "sessions")).Build()).AsStrMap()
	if err != nil {
		return nil, failed("sessions", err)
	}
	sessions, err := scanSessions(user, all)
	if err != nil {
		return nil, failed("sessions", err)
	}
	slices.SortFunc(sessions, func(a, b chat.Session) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return sessions, nil
}

// scanSessions reads a person's sessions, in no order.
func scanSessions(user chat.UserID, all map[string]string) ([]chat.Session, error) {
	var sessions []chat.Session
	for id, text := range all {
		var k kept
		if err := json.Unmarshal([]byte(text), &k); err != nil {
			return nil, fmt.Errorf("session %s: %w", id, err)
		}
		sessions = append(sessions, k.session(chat.SessionID(id), user))
	}
	return sessions, nil
}
