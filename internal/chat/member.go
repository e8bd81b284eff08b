package chat

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Member is one person's membership in a room.
type Member struct {
	Room     RoomID    `json:"room" doc:"Room"`
	User     UserID    `json:"user" doc:"Person"`
	Role     RoomRole  `json:"role" enum:"moderator,member" doc:"Role in the room"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when"`
	Mute     Mute      `json:"mute,omitzero" doc:"They cannot write in the room until then; over when its time has come, also if it is still shown"`
}

// entering returns the changes that add a person to a room: first the room's
// side, then the person's list. Repeating them changes nothing and repairs what
// a crash left.
func (s *Service) entering(who Caller, room RoomID, m Member) []Change {
	m.JoinedAt = s.now()
	return []Change{
		// nobody comes into an archived room
		s.change(who, Change{Stream: RoomStream(room), MustSpeak: true,
			Op: AddMember{Member: m}}),
		s.change(who, Change{Stream: UserStream(m.User), Op: ListRoom{Room: room}}),
	}
}

func (s *Service) enter(ctx context.Context, who Caller, room RoomID, user UserID, as RoomRole) error {
	_, err := s.Store.Commit(ctx, s.entering(who, room, Member{User: user, Role: as})...)
	return err
}

// exit removes a person from a room and first from its threads. The person gets
// the reason, if there is one.
func (s *Service) exit(ctx context.Context, who Caller, room RoomID, user UserID, because string) error {
	if !IsThread(room) {
		if err := s.leaveThreads(ctx, who, room, user); err != nil {
			return err
		}
	}
	_, err := s.Store.Commit(ctx,
		s.change(who, Change{Stream: RoomStream(room), Op: RemoveMember{User: user}}),
		s.change(who, Change{Stream: UserStream(user), Op: UnlistRoom{Room: room, Reason: because}}))
	return err
}

// offList ends what a crash in the middle of exit left: a room that is on the
// list of a person who is not in it. It is ErrNotFound if there is nothing to
// end, as leaving a room is for who was not there.
func (s *Service) offList(ctx context.Context, who Caller, room RoomID, user UserID) error {
	done, err := s.Store.Commit(ctx,
		s.change(who, Change{Stream: UserStream(user), Op: UnlistRoom{Room: room}}))
	if err == nil && done[0].NoOp {
		return ErrNotFound
	}
	return err
}

// mayEnter returns nil if that person can be added to rooms.
func (s *Service) mayEnter(ctx context.Context, user UserID) error {
	account, err := s.Store.Account(ctx, user)
	if errors.Is(err, ErrNotFound) {
		return &Error{Code: CodeNotFound, Field: "user", Message: "There is no such person."}
	}
	if err == nil && account.barred(s.now()) {
		return &Error{Code: CodeConflict, Field: "user", Message: "This person's account is disabled."}
	}
	return err
}

// roomForOneMore returns nil if that person may be in one more room. Others
// than the person fill no more than half of their list, so that what others do
// never uses up what one may do oneself.
func (s *Service) roomForOneMore(ctx context.Context, who Caller, user UserID) error {
	most := s.Limits.RoomsJoined
	if user != who.User.ID && !who.Anonymous() {
		most /= 2
	}
	views, err := s.Store.Views(ctx, user)
	if err == nil && len(views) >= most {
		return &Error{Code: CodeForbidden, Field: "user",
			Message: "This person has reached the room limit."}
	}
	return err
}

// members goes through all members of a room, sorted by user id.
func (s *Service) members(ctx context.Context, room RoomID) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		for after := UserID(""); ; {
			page, err := s.Store.Members(ctx, room, after, s.Limits.PageMax)
			if err != nil {
				yield(Member{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
			if len(page) < s.Limits.PageMax {
				return
			}
			after = page[len(page)-1].User
		}
	}
}

// JoinRoom adds the caller to a public room.
func (s *Service) JoinRoom(ctx context.Context, who Caller, in RoomInput) (RoomView, error) {
	room, err := s.Store.Room(ctx, in.Room)
	if err != nil {
		return RoomView{}, err
	}
	view, err := s.Store.View(ctx, in.Room, who.User.ID)
	if err == nil { // and on their list, unless a crash was in between
		_, err = s.Store.Commit(ctx, s.entering(who, in.Room, Member{User: who.User.ID})[1])
	}
	if !errors.Is(err, ErrNotFound) {
		return view, err
	}
	if !mayJoin(who.User, room) {
		return RoomView{}, ErrNotFound
	}
	if err := s.roomForOneMore(ctx, who, who.User.ID); err != nil {
		return RoomView{}, err
	}
	if err := s.join(ctx, who, in.Room, who.User.ID, RoomMember); err != nil {
		return RoomView{}, err
	}
	return s.Store.View(ctx, in.Room, who.User.ID)
}

// LeaveRoom removes the caller from a room. A direct room is only closed: it
// leaves their list until someone writes in it or they open it.
func (s *Service) LeaveRoom(ctx context.Context, who Caller, in RoomInput) (None, error) {
	view, err := s.Store.View(ctx, in.Room, who.User.ID)
	if errors.Is(err, ErrNotFound) {
		return None{}, s.offList(ctx, who, in.Room, who.User.ID)
	}
	if err != nil {
		return None{}, err
	}
	if view.Kind == Direct {
		return None{}, s.closeDirect(ctx, who, view)
	}
	if !mayLeave(who.User, view.Room) {
		return None{}, &Error{Code: CodeForbidden, Message: "General cannot be left."}
	}
	if err := s.keepsModerator(ctx, view.Room, who.User.ID); err != nil {
		return None{}, err
	}
	return None{}, s.exit(ctx, who, in.Room, who.User.ID, "")
}

// keepsModerator returns nil if a private room without that person is empty or
// still has a moderator: nobody else could ever become one. Public rooms have
// the admins.
func (s *Service) keepsModerator(ctx context.Context, room Room, without UserID) error {
	if room.Kind != Private {
		return nil
	}
	others := false
	for m, err := range s.members(ctx, room.ID) {
		switch {
		case err != nil:
			return err
		case m.User == without && m.Role != RoomModerator:
			return nil
		case m.User == without:
		case m.Role == RoomModerator:
			return nil
		default:
			others = true
		}
	}
	if others {
		return &Error{Code: CodeConflict, Message: "Make someone else a moderator of this room first."}
	}
	return nil
}

// MemberPageInput asks for a page of a room's people.
type MemberPageInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	After UserID `json:"after,omitempty" doc:"Only people with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"Most items to return; default 100"`
}

// MemberPage is a page of a room's people.
type MemberPage struct {
	Members []Member `json:"members" doc:"Sorted by user id"`
	Next    UserID   `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
}

// ListMembers returns a page of the people in one of the caller's rooms.
func (s *Service) ListMembers(ctx context.Context, who Caller, in MemberPageInput) (MemberPage, error) {
	limit, err := s.pageLimit(in.Limit, 100)
	if err != nil {
		return MemberPage{}, err
	}
	if err := s.MayRead(ctx, who, RoomStream(in.Room)); err != nil {
		return MemberPage{}, err
	}
	members, err := s.Store.Members(ctx, in.Room, in.After, limit+1)
	if err != nil {
		return MemberPage{}, err
	}
	page := MemberPage{Members: append([]Member{}, members...)}
	if len(page.Members) > limit {
		page.Members = page.Members[:limit]
		page.Next = page.Members[limit-1].User
	}
	return page, nil
}

// MemberInput names a person in a room.
type MemberInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	User UserID `json:"user" doc:"Id of the person"`
}

// AddMember adds a person to a room that the caller moderates.
func (s *Service) AddMember(ctx context.Context, who Caller, in MemberInput) (Member, error) {
	view, err := s.moderated(ctx, who, in.Room)
	if err != nil {
		return Member{}, err
	}
	if err := s.mayEnter(ctx, in.User); err != nil {
		return Member{}, err
	}
	if _, err := s.Store.Member(ctx, in.Room, in.User); errors.Is(err, ErrNotFound) {
		if view.Archived {
			return Member{}, ErrArchived
		}
		if err := s.notBanned(ctx, who, in.Room, in.User); err != nil {
			return Member{}, err
		}
		if err := s.roomForOneMore(ctx, who, in.User); err != nil {
			return Member{}, err
		}
		if err := s.audit(ctx, who, AuditEntry{Action: "member.add", User: in.User,
			Room: in.Room}); err != nil {
			return Member{}, err
		}
	}
	if err := s.join(ctx, who, in.Room, in.User, RoomMember); err != nil {
		return Member{}, err
	}
	return s.Store.Member(ctx, in.Room, in.User)
}

// UpdateMemberInput changes a person's role in a room.
type UpdateMemberInput struct {
	Room RoomID   `json:"room" doc:"Id of the room"`
	User UserID   `json:"user" doc:"Id of the person"`
	Role RoomRole `json:"role" enum:"moderator,member" doc:"New role"`
}

// UpdateMember changes a person's role in a room that the caller moderates.
func (s *Service) UpdateMember(ctx context.Context, who Caller, in UpdateMemberInput) (Member, error) {
	view, err := s.moderated(ctx, who, in.Room)
	if err != nil {
		return Member{}, err
	}
	if !in.Role.valid() {
		return Member{}, invalid("role", "The role must be moderator or member.")
	}
	member, err := s.Store.Member(ctx, in.Room, in.User)
	if err != nil || member.Role == in.Role {
		return member, err
	}
	if err := s.keepsModerator(ctx, view.Room, in.User); err != nil && in.Role != RoomModerator {
		return Member{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.update", User: in.User, Room: in.Room,
		Detail: string(in.Role)}); err != nil {
		return Member{}, err
	}
	done, err := s.Store.Commit(ctx, s.change(who, Change{
		Stream: RoomStream(in.Room), MustBeIn: who.User.ID,
		Op: UpdateMember{User: in.User, Role: in.Role},
	}))
	if err != nil {
		return Member{}, err
	}
	return *done[0].Event.Member, nil
}

var errStays = &Error{Code: CodeForbidden,
	Message: "Only guests can be removed from General. Disable the account instead."}

// RemoveMemberInput removes a person from a room.
type RemoveMemberInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	User   UserID `json:"user" doc:"Id of the person"`
	Reason string `json:"reason,omitempty" doc:"Why; they see it, and it is kept in the record of what was done"`
}

// RemoveMember removes a person from a room that the caller moderates.
func (s *Service) RemoveMember(ctx context.Context, who Caller, in RemoveMemberInput) (None, error) {
	if in.User == who.User.ID {
		return s.LeaveRoom(ctx, who, RoomInput{Room: in.Room})
	}
	view, err := s.moderated(ctx, who, in.Room)
	if err != nil {
		return None{}, err
	}
	because, err := reason(in.Reason)
	if err != nil {
		return None{}, err
	}
	account, err := s.Store.Account(ctx, in.User)
	if err != nil {
		return None{}, err
	}
	if _, err := s.Store.Member(ctx, in.Room, in.User); errors.Is(err, ErrNotFound) {
		return None{}, s.offList(ctx, who, in.Room, in.User)
	} else if err != nil {
		return None{}, err
	}
	if !mayLeave(account.User, view.Room) {
		return None{}, errStays
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "member.remove", User: in.User, Room: in.Room,
		Reason: because}); err != nil {
		return None{}, err
	}
	return None{}, s.exit(ctx, who, in.Room, in.User, because)
}
