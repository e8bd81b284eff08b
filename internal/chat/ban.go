package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Ban keeps a person out of a room.
type Ban struct {
	Room   RoomID    `json:"room" doc:"Room"`
	User   UserID    `json:"user" doc:"The banned person"`
	By     UserID    `json:"by" doc:"Who did it"`
	At     time.Time `json:"at" doc:"When"`
	Until  time.Time `json:"until,omitzero" doc:"When it ends; absent for permanently"`
	Reason string    `json:"reason,omitempty" doc:"Why"`
}

func (b Ban) active(at time.Time) bool {
	return !b.At.IsZero() && (b.Until.IsZero() || at.Before(b.Until))
}

// refusal explains to the caller why the banned person cannot join.
func (b Ban) refusal(who Caller) *Error {
	text, details := "This person is", (*Details)(nil)
	if b.User == who.User.ID {
		text, details = "You are", &Details{Kind: IsBanned, Until: b.Until, Reason: b.Reason}
	}
	text += " banned from this room"
	if !b.Until.IsZero() {
		text += " until " + minute(b.Until)
	}
	if text += "."; b.Reason != "" {
		text += " Reason: " + b.Reason
	}
	return &Error{Code: CodeForbidden, Message: text, Details: details}
}

// banned returns a person's ban from a room, the zero Ban if none is in force.
func (s *Service) banned(ctx context.Context, room RoomID, user UserID) (b Ban, err error) {
	if _, err = s.restriction(ctx, banKind, room, user, &b); err != nil || !b.active(s.now()) {
		return Ban{}, err
	}
	return b, nil
}

// Banned says whether that person is banned from a room.
func (s *Service) Banned(ctx context.Context, room RoomID, user UserID) (bool, error) {
	ban, err := s.banned(ctx, room, user)
	return !ban.At.IsZero(), err
}

// notBanned returns an error if the person is banned from the room.
func (s *Service) notBanned(ctx context.Context, who Caller, room RoomID, user UserID) error {
	ban, err := s.banned(ctx, room, user)
	if err == nil && !ban.At.IsZero() {
		err = ban.refusal(who)
	}
	return err
}

// BanInput bans a person from a room.
type BanInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	User    UserID `json:"user" doc:"Id of the person"`
	Seconds int64  `json:"seconds,omitempty" doc:"Duration from now; 0 for permanently"`
	Reason  string `json:"reason,omitempty" doc:"Reason; the person sees it when they try to join"`
}

// BanMember removes a person from a room that the caller moderates, and bans
// them for a time or permanently.
func (s *Service) BanMember(ctx context.Context, who Caller, in BanInput) (Ban, error) {
	room, because, until, err := s.checkRestriction(ctx, who, in.Room, in.User, in.Seconds, in.Reason)
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
			Message: fmt.Sprintf("A room can have at most %d bans. Lift one first.", maxBans)}
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.ban", User: in.User, Room: in.Room,
		Detail: lasting(in.Seconds), Reason: because}); err != nil {
		return Ban{}, err
	}
	ban := Ban{Room: in.Room, User: in.User, By: who.User.ID, At: s.now(), Until: until, Reason: because}
	if err := s.restrict(ctx, banKind, in.Room, in.User, ban); err != nil {
		return Ban{}, err
	}
	return ban, s.exit(ctx, who, in.Room, in.User, ban.Reason)
}

// BanList lists the bans of a room.
type BanList struct {
	Bans []Ban `json:"bans" doc:"Sorted by user id"`
}

// ListBans returns the bans of a room that the caller moderates.
func (s *Service) ListBans(ctx context.Context, who Caller, in RoomInput) (BanList, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return BanList{}, err
	}
	bans, err := s.bans(ctx, in.Room)
	return BanList{Bans: bans}, err
}

// bans returns the bans of a room that are in force.
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
	return slices.DeleteFunc(bans, func(b Ban) bool { return !b.active(now) }), nil
}

// LiftBan ends a ban. The person can then join or be added again.
func (s *Service) LiftBan(ctx context.Context, who Caller, in MemberInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	var ban Ban
	ids, err := s.restriction(ctx, banKind, in.Room, in.User, &ban)
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
