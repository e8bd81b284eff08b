package chat

import (
	"context"
	"errors"
	"slices"
	"time"
)

// seenKind is the kind of record of when a person's last connection to a node
// ended, by their id. What a killed node did not write, their sessions still
// say, to some minutes.
const seenKind = "seen"

const maxSeen = 100 // people of one request

// SeenInput says of whom to tell.
type SeenInput struct {
	Users []UserID `json:"users" doc:"Ids of at most 100 people"`
}

// LastSeen is when a person was last online.
type LastSeen struct {
	User   UserID    `json:"user" doc:"Person"`
	Online bool      `json:"online,omitempty" doc:"They are online now"`
	At     time.Time `json:"at,omitzero" doc:"When they were last, to the minute; left out while they are"`
}

// SeenList is when people were last online.
type SeenList struct {
	Seen []LastSeen `json:"seen" doc:"Sorted by user id, without those of whom nothing is known or told"`
}

// ListSeen returns when people were last online. It leaves out bots, disabled
// people, and those who keep it to themselves; guests are told nothing.
func (s *Service) ListSeen(ctx context.Context, who Caller, in SeenInput) (SeenList, error) {
	out := SeenList{Seen: []LastSeen{}}
	users := slices.Compact(slices.Sorted(slices.Values(in.Users)))
	if len(users) > maxSeen {
		return out, invalid("users", "Ask for at most %d people.", maxSeen)
	}
	if err := s.limit(ctx, "seen:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return out, err
	}
	if !mayBrowse(who.User) || len(users) == 0 {
		return out, nil
	}
	online, err := s.Presence.Online(ctx, users)
	if err != nil {
		return out, err
	}
	for _, id := range users {
		account, err := s.Store.Account(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return SeenList{}, err
		}
		if account.Bot || account.HidesPresence || account.barred(s.now()) {
			continue
		}
		seen := LastSeen{User: id, Online: slices.Contains(online, id)}
		if !seen.Online {
			if seen.At, err = s.lastSeen(ctx, id); err != nil {
				return SeenList{}, err
			}
		}
		if seen.Online || !seen.At.IsZero() {
			out.Seen = append(out.Seen, seen)
		}
	}
	return out, nil
}

// lastSeen returns when a person was last here, to the minute; zero if it is
// not known.
func (s *Service) lastSeen(ctx context.Context, user UserID) (at time.Time, err error) {
	r, err := s.Store.Record(ctx, seenKind, string(user))
	if err == nil {
		err = at.UnmarshalText(r.Value)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return time.Time{}, err
	}
	sessions, err := s.Store.Sessions(ctx, user)
	for _, session := range sessions {
		if session.Name == "" && session.SeenAt.After(at) { // no program's
			at = session.SeenAt
		}
	}
	return at.Truncate(time.Minute), err
}

// RecordSeen records that a person's last connection to a node ended at that
// time.
func (s *Service) RecordSeen(ctx context.Context, user UserID, at time.Time) error {
	at = at.UTC().Truncate(time.Minute)
	value, err := at.MarshalText()
	if err != nil {
		return err
	}
	for {
		r, err := s.Store.Record(ctx, seenKind, string(user))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		var was time.Time
		if err == nil && was.UnmarshalText(r.Value) == nil && !at.After(was) {
			return nil
		}
		_, err = s.Store.PutRecord(ctx, seenKind, string(user), r.Version, value)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}
