package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Kinds of records with the id "<room>/<user>/<id>", of which the newest
// counts. They hold also while that person is not in the room. A record is
// never changed, so that what is over can be forgotten at any time.
const (
	banKind  = "ban"  // a Ban
	muteKind = "mute" // a Mute, as the member has it: who leaves and comes back is still muted
)

const (
	maxBans    = 1000                 // in a room
	maxPenalty = 10 * 365 * 24 * 3600 // seconds of a mute or a ban
)

// Ban keeps a person out of a room.
type Ban struct {
	Room   RoomID    `json:"room" doc:"Room"`
	User   UserID    `json:"user" doc:"Who is kept out"`
	By     UserID    `json:"by" doc:"Who did it"`
	At     time.Time `json:"at" doc:"When"`
	Until  time.Time `json:"until,omitzero" doc:"When it is over; not there: never"`
	Reason string    `json:"reason,omitempty" doc:"Why"`
}

func (b Ban) holds(at time.Time) bool {
	return !b.At.IsZero() && (b.Until.IsZero() || at.Before(b.Until))
}

// refusal says to whoever would bring that person in why they cannot come.
func (b Ban) refusal(who Caller) *Error {
	text, because := "this person is", (*Because)(nil)
	if b.User == who.User.ID {
		text, because = "you are", &Because{Kind: IsBanned, Until: b.Until, Reason: b.Reason}
	}
	text += " banned from this room"
	if !b.Until.IsZero() {
		text += " until " + minute(b.Until)
	}
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	return &Error{Code: CodeForbidden, Message: text, Because: because}
}

// prefixed goes through the records of a kind whose id begins so.
func (s *Service) prefixed(ctx context.Context, kind, prefix string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for after := prefix; ; {
			page, err := s.Store.Records(ctx, kind, after, s.Limits.PageMax)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range page {
				if !strings.HasPrefix(r.ID, prefix) || !yield(r, nil) {
					return
				}
			}
			if len(page) < s.Limits.PageMax {
				return
			}
			after = page[len(page)-1].ID
		}
	}
}

// penalty reads the newest record of a kind about a person in a room into
// value, which stays as it is if there is none, and returns the ids of all.
func (s *Service) penalty(ctx context.Context, kind string, room RoomID, user UserID,
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

// punish records a penalty in the place of those before.
func (s *Service) punish(ctx context.Context, kind string, room RoomID, user UserID, value any) error {
	var before json.RawMessage
	ids, err := s.penalty(ctx, kind, room, user, &before)
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

func (s *Service) forgetRecords(ctx context.Context, kind string, ids ...string) error {
	for _, id := range ids {
		if err := s.Store.DeleteRecord(ctx, kind, id); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// banned returns the ban of a person from a room, the zero Ban if none holds.
func (s *Service) banned(ctx context.Context, room RoomID, user UserID) (b Ban, err error) {
	if _, err = s.penalty(ctx, banKind, room, user, &b); err != nil || !b.holds(s.now()) {
		return Ban{}, err
	}
	return b, nil
}

// notBanned returns nil if that person may come into a room.
func (s *Service) notBanned(ctx context.Context, who Caller, room RoomID, user UserID) error {
	ban, err := s.banned(ctx, room, user)
	if err == nil && !ban.At.IsZero() {
		err = ban.refusal(who)
	}
	return err
}

// muted returns the mute that waits for a person in a room, the zero Mute if
// none holds.
func (s *Service) muted(ctx context.Context, room RoomID, user UserID) (m Mute, err error) {
	if _, err = s.penalty(ctx, muteKind, room, user, &m); err != nil || !m.holds(s.now()) {
		return Mute{}, err
	}
	return m, nil
}

// admitTo puts a person into a room that is there, unless they are banned from
// it.
func (s *Service) admitTo(ctx context.Context, who Caller, room RoomID, user UserID, as RoomRole) error {
	if err := s.notBanned(ctx, who, room, user); err != nil {
		return err
	}
	mute, err := s.muted(ctx, room, user)
	if err != nil {
		return err
	}
	changes := s.entering(who, room, user, as)
	changes[0].Member.Mute = mute
	if _, err := s.Store.Commit(ctx, changes...); err != nil {
		return err
	}
	// Bans and mutes are recorded before they are carried out: who has come in
	// between the two is found here.
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

// punished checks what is to be done to a person by a moderator of a room, and
// says until when it is to hold: never is the zero time.
func (s *Service) punished(ctx context.Context, who Caller, id RoomID, user UserID, seconds int64,
	why string) (room Room, because string, until time.Time, err error) {
	view, err := s.moderated(ctx, who, id)
	if err != nil {
		return Room{}, "", time.Time{}, err
	}
	if because, err = reason(why); err != nil {
		return Room{}, "", time.Time{}, err
	}
	if seconds < 0 || seconds > maxPenalty {
		return Room{}, "", time.Time{}, invalid("seconds", "give 1 to %d seconds", maxPenalty)
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
				Message: "those who moderate a room cannot be muted or banned there: take that role from them first"}
	}
	if seconds > 0 {
		until = s.now().Add(time.Duration(seconds) * time.Second)
	}
	return view.Room, because, until, nil
}

// lasting says in words for how long something holds.
func lasting(seconds int64) string {
	if seconds == 0 {
		return "for good"
	}
	return "for " + (time.Duration(seconds) * time.Second).String()
}

func (s *Service) muting(who Caller, room RoomID, user UserID, m Mute) Change {
	return s.change(who, Change{Stream: RoomStream(room), Kind: MemberUpdated,
		Member: &Member{Room: room, User: user}, Mute: &m})
}

// MuteMember keeps a member of a room that the caller moderates from writing
// there for a time.
func (s *Service) MuteMember(ctx context.Context, who Caller, in MuteInput) (Member, error) {
	_, because, until, err := s.punished(ctx, who, in.Room, in.User, in.Seconds, in.Reason)
	if err != nil {
		return Member{}, err
	}
	if in.Seconds == 0 {
		return Member{}, invalid("seconds", "give 1 to %d seconds", maxPenalty)
	}
	if _, err := s.Store.Member(ctx, in.Room, in.User); err != nil {
		return Member{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.mute", User: in.User, Room: in.Room,
		Detail: lasting(in.Seconds), Reason: because}); err != nil {
		return Member{}, err
	}
	mute := Mute{Until: until, Reason: because, By: who.User.ID}
	if err := s.punish(ctx, muteKind, in.Room, in.User, mute); err != nil {
		return Member{}, err
	}
	return s.setMute(ctx, who, in.Room, in.User, mute)
}

// UnmuteMember lets a member write again.
func (s *Service) UnmuteMember(ctx context.Context, who Caller, in MemberInput) (Member, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return Member{}, err
	}
	member, err := s.Store.Member(ctx, in.Room, in.User)
	if err != nil {
		return Member{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.unmute", User: in.User,
		Room: in.Room}); err != nil {
		return Member{}, err
	}
	var mute Mute
	ids, err := s.penalty(ctx, muteKind, in.Room, in.User, &mute)
	if err == nil {
		err = s.forgetRecords(ctx, muteKind, ids...)
	}
	if err != nil {
		return Member{}, err
	}
	if member.Mute == (Mute{}) {
		return member, nil
	}
	return s.setMute(ctx, who, in.Room, in.User, Mute{})
}

func (s *Service) setMute(ctx context.Context, who Caller, room RoomID, user UserID, m Mute) (Member, error) {
	done, err := s.Store.Commit(ctx, s.muting(who, room, user, m))
	if err != nil {
		return Member{}, err
	}
	return *done[0].Event.Member, nil
}

// BanMember removes a person from a room that the caller moderates, and keeps
// them out for a time or for good.
func (s *Service) BanMember(ctx context.Context, who Caller, in BanInput) (Ban, error) {
	room, because, until, err := s.punished(ctx, who, in.Room, in.User, in.Seconds, in.Reason)
	if err != nil {
		return Ban{}, err
	}
	account, err := s.Store.Account(ctx, in.User)
	if err != nil {
		return Ban{}, err
	}
	if !mayLeave(account.User, room) {
		return Ban{}, errStays
	}
	bans, err := s.bans(ctx, in.Room)
	if err != nil {
		return Ban{}, err
	}
	if len(bans) >= maxBans && !slices.ContainsFunc(bans, func(b Ban) bool { return b.User == in.User }) {
		return Ban{}, &Error{Code: CodeConflict,
			Message: fmt.Sprintf("a room has at most %d bans: lift one first", maxBans)}
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.ban", User: in.User, Room: in.Room,
		Detail: lasting(in.Seconds), Reason: because}); err != nil {
		return Ban{}, err
	}
	ban := Ban{Room: in.Room, User: in.User, By: who.User.ID, At: s.now(), Until: until, Reason: because}
	if err := s.punish(ctx, banKind, in.Room, in.User, ban); err != nil {
		return Ban{}, err
	}
	return ban, s.exit(ctx, who, in.Room, in.User, ban.Reason)
}

// ListBans returns who is kept out of a room that the caller moderates.
func (s *Service) ListBans(ctx context.Context, who Caller, in RoomInput) (BanList, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return BanList{}, err
	}
	bans, err := s.bans(ctx, in.Room)
	return BanList{Bans: bans}, err
}

// bans returns the bans of a room that hold.
func (s *Service) bans(ctx context.Context, room RoomID) ([]Ban, error) {
	bans, now := []Ban{}, s.now()
	for r, err := range s.prefixed(ctx, banKind, string(room)+"/") {
		if err != nil {
			return nil, err
		}
		var b Ban
		if err := json.Unmarshal(r.Value, &b); err != nil {
			return nil, fmt.Errorf("ban %s: %w", r.ID, err)
		}
		if n := len(bans); n > 0 && bans[n-1].User == b.User {
			bans = bans[:n-1] // the newest counts
		}
		bans = append(bans, b)
	}
	return slices.DeleteFunc(bans, func(b Ban) bool { return !b.holds(now) }), nil
}

// LiftBan lets a person come back, who has to join or be added for it.
func (s *Service) LiftBan(ctx context.Context, who Caller, in MemberInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	var ban Ban
	ids, err := s.penalty(ctx, banKind, in.Room, in.User, &ban)
	if err != nil {
		return None{}, err
	}
	if len(ids) == 0 {
		return None{}, ErrNotFound
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "ban.lift", User: in.User, Room: in.Room}); err != nil {
		return None{}, err
	}
	return None{}, s.forgetRecords(ctx, banKind, ids...)
}

// tidyBans forgets bans and mutes that are over.
func (s *Service) tidyBans(ctx context.Context) error {
	for _, kind := range []string{banKind, muteKind} {
		for r, err := range s.prefixed(ctx, kind, "") {
			var p struct{ Until time.Time }
			if err == nil {
				err = json.Unmarshal(r.Value, &p)
			}
			if err == nil && !p.Until.IsZero() && !s.now().Before(p.Until) {
				err = s.forgetRecords(ctx, kind, r.ID)
			}
			if err != nil {
				return fmt.Errorf("forget every %s that is over: %w", kind, err)
			}
		}
	}
	return nil
}
