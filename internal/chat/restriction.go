package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Kinds of records with the id "<room>/<user>/<id>", of which the newest
// counts. They also hold while the person is not in the room. A record never
// changes, so an expired one can be deleted at any time.
const (
	banKind  = "ban"  // a Ban
	muteKind = "mute" // a Mute, as in the member's entry: leaving and joining again does not end it
)

const (
	maxBans        = 1000                 // in a room
	maxRestriction = 10 * 365 * 24 * 3600 // seconds of a mute or a ban
)

// restriction reads the newest record of a kind about a person in a room into
// value, which stays as it is if there is none, and returns the ids of all.
func (s *Service) restriction(ctx context.Context, kind string, room RoomID, user UserID,
	value any) (ids []string, err error) {
	var newest Record
	for r, err := range s.prefixed(ctx, kind, string(room)+"/"+string(user)+"/") {
		if err != nil {
			return nil, err
		}
		ids, newest = append(ids, r.ID), r
	}
	if len(ids) > 0 {
		err = json.Unmarshal(newest.Value, value)
	}
	return ids, err
}

// restrict records a restriction and deletes the earlier ones.
func (s *Service) restrict(ctx context.Context, kind string, room RoomID, user UserID, value any) error {
	var before json.RawMessage
	ids, err := s.restriction(ctx, kind, room, user, &before)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if _, err := s.Store.PutRecord(ctx, kind, string(room)+"/"+string(user)+"/"+s.NewID(), 0,
		text); err != nil {
		return err
	}
	return s.forgetRecords(ctx, kind, ids...)
}

// join adds a person to an existing room unless they are banned from it.
func (s *Service) join(ctx context.Context, who Caller, room RoomID, user UserID, as RoomRole) error {
	if err := s.notBanned(ctx, who, room, user); err != nil {
		return err
	}
	mute, err := s.muted(ctx, room, user)
	if err != nil {
		return err
	}
	changes := s.entering(who, room, Member{User: user, Role: as, Mute: mute})
	if _, err := s.Store.Commit(ctx, changes...); err != nil {
		return err
	}
	// Bans and mutes are recorded before they take effect. Someone who joined
	// in between is found here.
	ban, err := s.banned(ctx, room, user)
	if err != nil {
		return err
	}
	if !ban.At.IsZero() {
		if err := s.exit(ctx, who, room, user, ban.Reason); err != nil {
			return err
		}
		return ban.refusal(who)
	}
	later, err := s.muted(ctx, room, user)
	if err != nil || later == mute {
		return err
	}
	_, err = s.Store.Commit(ctx, s.muting(who, room, user, later))
	return err
}

// checkRestriction checks a mute or ban that a moderator asks for. It returns
// when the restriction ends; the zero time means never.
func (s *Service) checkRestriction(ctx context.Context, who Caller, id RoomID, user UserID, seconds int64,
	why string) (room Room, because string, until time.Time, err error) {
	view, err := s.moderated(ctx, who, id)
	if err != nil {
		return Room{}, "", time.Time{}, err
	}
	if because, err = reason(why); err != nil {
		return Room{}, "", time.Time{}, err
	}
	if seconds < 0 || seconds > maxRestriction {
		return Room{}, "", time.Time{}, invalid("seconds", "Give 1 to %d seconds.", maxRestriction)
	}
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return Room{}, "", time.Time{}, err
	}
	member, err := s.Store.Member(ctx, id, user)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Room{}, "", time.Time{}, err
	}
	if user == who.User.ID || mayModerate(account.User, view.Room, member.Role) {
		return Room{}, "", time.Time{},
			&Error{Code: CodeForbidden, Field: "user",
				Message: "Moderators of a room cannot be muted or banned there. Remove them as moderators first."}
	}
	if seconds > 0 {
		until = s.now().Add(time.Duration(seconds) * time.Second)
	}
	return view.Room, because, until, nil
}

// lasting returns a duration in words.
func lasting(seconds int64) string {
	if seconds == 0 {
		return "permanently"
	}
	return "for " + (time.Duration(seconds) * time.Second).String()
}

// pruneRestrictions deletes bans and mutes that have ended.
func (s *Service) pruneRestrictions(ctx context.Context) error {
	var all []error
	for _, kind := range []string{banKind, muteKind} {
		err := s.eachRecord(ctx, kind, func(r Record) error {
			var p struct{ Until time.Time }
			err := json.Unmarshal(r.Value, &p)
			if err == nil && !p.Until.IsZero() && !s.now().Before(p.Until) {
				err = s.forgetRecords(ctx, kind, r.ID)
			}
			return err
		})
		if err != nil {
			all = append(all, fmt.Errorf("forget every %s that has ended: %w", kind, err))
		}
	}
	return errors.Join(all...)
}
