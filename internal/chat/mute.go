package chat

import (
	"context"
	"time"
)

// Mute keeps a member from writing for a time. The zero Mute means not muted.
type Mute struct {
	Until  time.Time `json:"until" doc:"When it ends"`
	Reason string    `json:"reason,omitempty" doc:"Why"`
	By     UserID    `json:"by" doc:"Who did it"`
}

// active reports whether the mute is in force at a time.
func (m Mute) active(at time.Time) bool { return at.Before(m.Until) }

// MuteInput mutes a member.
type MuteInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	User    UserID `json:"user" doc:"Id of the person"`
	Seconds int64  `json:"seconds" doc:"Duration from now"`
	Reason  string `json:"reason,omitempty" doc:"Reason; the member sees it"`
}

// muted returns a person's recorded mute in a room, the zero Mute if none is in
// force.
func (s *Service) muted(ctx context.Context, room RoomID, user UserID) (m Mute, err error) {
	if _, err = s.restriction(ctx, muteKind, room, user, &m); err != nil || !m.active(s.now()) {
		return Mute{}, err
	}
	return m, nil
}

func (s *Service) muting(who Caller, room RoomID, user UserID, m Mute) Change {
	return s.change(who, Change{Stream: RoomStream(room), Op: UpdateMember{User: user, Mute: &m}})
}

// MuteMember keeps a member of a room that the caller moderates from writing
// there for a time.
func (s *Service) MuteMember(ctx context.Context, who Caller, in MuteInput) (Member, error) {
	_, because, until, err := s.checkRestriction(ctx, who, in.Room, in.User, in.Seconds, in.Reason)
	if err != nil {
		return Member{}, err
	}
	if in.Seconds == 0 {
		return Member{}, invalid("seconds", "Give 1 to %d seconds.", maxRestriction)
	}
	if _, err := s.Store.Member(ctx, in.Room, in.User); err != nil {
		return Member{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.mute", User: in.User, Room: in.Room,
		Detail: lasting(in.Seconds), Reason: because}); err != nil {
		return Member{}, err
	}
	mute := Mute{Until: until, Reason: because, By: who.User.ID}
	if err := s.restrict(ctx, muteKind, in.Room, in.User, mute); err != nil {
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
	ids, err := s.restriction(ctx, muteKind, in.Room, in.User, &mute)
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
