package redisstore

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// keptInvite is an invite as it stands in Redis. invite.lua reads it too.
type keptInvite struct {
	chat.Invite
	Code string `json:"code"` // hash of the code
}

func (k keptInvite) invite() chat.Invite {
	k.CodeHash = k.Code
	return k.Invite
}

func (s *Store) invites(ctx context.Context, args ...string) (int64, error) {
	k := s.keys.server
	reply, err := s.run(ctx, &inviteScript, []string{k("invites"), k("codes"), k("recent"), k("due")}, args)
	if err != nil {
		return 0, err
	}
	return reply.AsInt64()
}

// CreateInvite implements [chat.Store].
func (s *Store) CreateInvite(ctx context.Context, i chat.Invite) error {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	b, err := json.Marshal(keptInvite{i, i.CodeHash})
	if err != nil {
		return err
	}
	n, err := s.invites(ctx, "create", i.ID, i.CodeHash, num(i.CreatedAt.UnixMilli()),
		num(i.ExpiresAt.UnixMilli()), string(b))
	if err == nil && n == 0 {
		err = chat.ErrConflict
	}
	return failed("create an invite", err)
}

// DeleteInvite implements [chat.Store].
func (s *Store) DeleteInvite(ctx context.Context, id string) error {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	n, err := s.invites(ctx, "delete", id)
	if err == nil && n == 0 {
		err = chat.ErrNotFound
	}
	return failed("delete an invite", err)
}

// Invite implements [chat.Store].
func (s *Store) Invite(ctx context.Context, codeHash string) (chat.Invite, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Invite{}, err
	}
	defer cancel()
	place, err := s.client.Do(ctx,
		s.client.B().Hget().Key(s.keys.server("codes")).Field(codeHash).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Invite{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Invite{}, failed("invite", err)
	}
	_, id, _ := strings.Cut(place, " ")
	var k keptInvite
	err = s.client.Do(ctx, s.client.B().Hget().Key(s.keys.server("invites")).Field(id).Build()).DecodeJSON(&k)
	if rueidis.IsRedisNil(err) { // used between the two
		return chat.Invite{}, chat.ErrNotFound
	}
	return k.invite(), failed("invite", err)
}

// Invites implements [chat.Store].
func (s *Store) Invites(ctx context.Context) ([]chat.Invite, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	ids, err := s.client.Do(ctx, s.client.B().Zrevrange().Key(s.keys.server("recent")).Start(
		0).Stop(999).Build()).AsStrSlice()
	if err != nil || len(ids) == 0 {
		return nil, failed("invites", err)
	}
	data, err := s.client.Do(ctx, s.client.B().Hmget().Key(s.keys.server("invites")).Field(
		ids...).Build()).ToArray()
	if err != nil {
		return nil, failed("invites", err)
	}
	var invites []chat.Invite
	for _, m := range data {
		var k keptInvite
		if m.IsNil() {
			continue // used between the two
		}
		if err := m.DecodeJSON(&k); err != nil {
			return nil, failed("invites", err)
		}
		invites = append(invites, k.invite())
	}
	return invites, nil
}

// pruneStep is how many invites, and how many people's sessions, one call of
// Prune looks at.
const pruneStep = 200

// Prune implements [chat.Store]. Sends are forgotten by Redis itself.
func (s *Store) Prune(ctx context.Context, now time.Time) (bool, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	n, err := s.invites(ctx, "due", num(now.UnixMilli()), num(pruneStep))
	if err != nil {
		return false, failed("prune invites", err)
	}
	due := s.client.B().Zrange().Key(s.keys.server("sessions")).Min("-inf").Max(
		num(now.UnixMilli())).Byscore().Limit(0, pruneStep).Build()
	users, err := s.client.Do(ctx, due).AsStrSlice()
	if err != nil {
		return false, failed("prune sessions", err)
	}
	for _, user := range users {
		if err := s.pruneSessions(ctx, chat.UserID(user), now); err != nil {
			return false, failed("prune sessions", err)
		}
	}
	return n == pruneStep || len(users) == pruneStep, nil
}

// pruneSessions removes a person's sessions that have expired, and notes when
// to look again.
func (s *Store) pruneSessions(ctx context.Context, user chat.UserID, now time.Time) error {
	index, member := s.keys.server("sessions"), string(user)
	// First out of the index: one that is made from now on puts the person
	// there again.
	if err := s.client.Do(ctx, s.client.B().Zrem().Key(index).Member(member).Build()).Error(); err != nil {
		return err
	}
	reply, err := s.run(ctx, &sessionScript, []string{s.keys.user(user, "sessions")},
		[]string{"prune", num(now.UnixMilli())})
	if err != nil {
		return err
	}
	list, err := reply.ToArray()
	if err != nil {
		return err
	}
	next, err := list[0].AsInt64()
	if err != nil {
		return err
	}
	if next >= 0 {
		add := s.client.B().Zadd().Key(index).Lt().ScoreMember().ScoreMember(float64(next), member).Build()
		if err := s.client.Do(ctx, add).Error(); err != nil {
			return err
		}
	}
	for _, m := range list[1:] {
		if hash, err := m.ToString(); err == nil {
			s.forget(ctx, []string{hash})
		}
	}
	return nil
}
