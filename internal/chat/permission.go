package chat

import "context"

// The rules of who may do what. Every method of [Service] asks here, or for a
// [Right].

var roleRank = map[Role]int{RoleGuest: 1, RoleMember: 2, RoleAdmin: 3, RoleOwner: 4}

// atLeast reports whether r may do all that other may.
func (r Role) atLeast(other Role) bool { return roleRank[r] >= roleRank[other] }

func (r Role) valid() bool { return roleRank[r] > 0 }

func (r RoomRole) valid() bool { return r == RoomModerator || r == RoomMember }

// mayBrowse: guests see neither the directory nor people outside their rooms.
func mayBrowse(u User) bool { return u.Role.mayAlways(RightBrowse) }

// mayJoin: public rooms are open to everyone but guests; the others are joined
// by being added.
func mayJoin(u User, r Room) bool { return r.Kind == Public && u.Role.mayAlways(RightJoin) }

// mayModerate: a room's moderators, and in public rooms also admins and owners
// who are in it. Nobody moderates a direct room, and rank gives nobody a
// private one. In threads, as is the role in their room.
func mayModerate(u User, r Room, as RoomRole) bool {
	switch r.Kind {
	case Direct:
		return false
	case Public:
		return as == RoomModerator || u.Role.mayAlways(RightModerate)
	default:
		return as == RoomModerator
	}
}

// mayRetain: who moderates a room decides what is said of it; that its history
// goes is for admins and owners, and only in rooms that they moderate.
func mayRetain(u User) bool { return u.Role.mayAlways(RightRetain) }

// mayPin: everyone in the room but guests.
func mayPin(u User) bool { return u.Role.mayAlways(RightPin) }

// mayCallAll: guests cannot call a whole room, and members only if the owners
// let them. Programs can, as whoever let them into it decided.
func (s *Service) mayCallAll(ctx context.Context, u User) (bool, error) {
	if u.Bot {
		return true, nil
	}
	return s.may(ctx, u, RightCallAll)
}

// mayUseTokens: people have tokens if the owners let their role; programs have
// nothing else.
func (s *Service) mayUseTokens(ctx context.Context, u User) (bool, error) {
	if u.Bot {
		return true, nil
	}
	return s.may(ctx, u, RightTokens)
}

// mayLeave: General is where everyone but guests is found, and a direct room is
// for good.
func mayLeave(u User, r Room) bool {
	return r.Kind != Direct && (r.ID != GeneralID || u.Role == RoleGuest)
}

// mayInvite: one gives at most one's own role, and only admins and owners make
// others.
func mayInvite(u User, role Role) bool {
	return u.Role.atLeast(RoleAdmin) && u.Role.atLeast(role)
}

// mayManage: admins manage members and guests, owners everyone, nobody
// themselves, so that an owner always remains. To is the role the other would
// have then.
func mayManage(u, other User, to Role) bool {
	if u.ID == other.ID {
		return false
	}
	if u.Role == RoleOwner {
		return true
	}
	return u.Role.mayAlways(RightPeople) && !other.Role.atLeast(RoleAdmin) && !to.atLeast(RoleAdmin)
}
