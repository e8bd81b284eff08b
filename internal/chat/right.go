package chat

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Right is something on the server that a person's role lets them do or not.
// What is a matter of single rooms is not here: see [RoomRole].
type Right string

const (
	RightTokens   Right = "tokens"       // have API tokens of one's own
	RightBrowse   Right = "browse"       // find people and public rooms
	RightJoin     Right = "join"         // join public rooms
	RightPin      Right = "pin"          // pin messages in one's rooms
	RightDirect   Right = "direct"       // begin direct messages
	RightRooms    Right = "create_rooms" // create public and private rooms
	RightCallAll  Right = "mention_room" // mention a whole room
	RightInvite   Right = "invite"       // invite people
	RightEmoji    Right = "emoji"        // add custom emoji
	RightModerate Right = "moderate"     // moderate public rooms without being named
	RightRetain   Right = "retain"       // set how long a room keeps messages
	RightPeople   Right = "people"       // manage members and guests
	RightBots     Right = "bots"         // create bots
	RightAudit    Right = "audit"        // read the audit log
	RightServer   Right = "server"       // change the server's settings
)

// RightRule says who has a right: everyone from a role on upwards.
type RightRule struct {
	Right   Right  `json:"right" doc:"What it is about"`
	Least   Role   `json:"least" enum:"owner,admin,member,guest" doc:"The lowest role that may do it"`
	Choices []Role `json:"choices,omitempty" doc:"Roles that owners can choose from, lowest first; left out if it is fixed"`
}

// rights is who may do what where the owners have set nothing else, from what
// the most may do to what the fewest may.
var rights = []RightRule{
	{RightTokens, RoleGuest, []Role{RoleGuest, RoleMember, RoleAdmin}},
	{RightBrowse, RoleMember, nil},
	{RightJoin, RoleMember, nil},
	{RightPin, RoleMember, nil},
	{RightDirect, RoleMember, nil},
	{RightRooms, RoleMember, []Role{RoleMember, RoleAdmin}},
	{RightCallAll, RoleMember, []Role{RoleMember, RoleAdmin}},
	{RightInvite, RoleAdmin, []Role{RoleMember, RoleAdmin}},
	{RightEmoji, RoleAdmin, []Role{RoleMember, RoleAdmin}},
	{RightModerate, RoleAdmin, nil},
	{RightRetain, RoleAdmin, nil},
	{RightPeople, RoleAdmin, nil},
	{RightBots, RoleAdmin, nil},
	{RightAudit, RoleAdmin, nil},
	{RightServer, RoleOwner, nil},
}

func ruleOf(right Right) RightRule {
	return rights[slices.IndexFunc(rights, func(r RightRule) bool { return r.Right == right })]
}

// mayAlways reports whether the role has a right that nobody can change.
func (r Role) mayAlways(right Right) bool { return r.atLeast(ruleOf(right).Least) }

// may reports whether u has a right, as the owners have set it. It reads the
// settings only for those whom they concern.
func (s *Service) may(ctx context.Context, u User, right Right) (bool, error) {
	rule := ruleOf(right)
	if len(rule.Choices) == 0 {
		return u.Role.atLeast(rule.Least), nil
	}
	if u.Role.atLeast(slices.MaxFunc(rule.Choices, byRank)) {
		return true, nil
	}
	if !u.Role.atLeast(slices.MinFunc(rule.Choices, byRank)) {
		return false, nil
	}
	set, _, err := s.settings(ctx)
	return u.Role.atLeast(set.rule(rule).Least), err
}

func byRank(a, b Role) int { return roleRank[a] - roleRank[b] }

// demand returns ErrForbidden for who does not have a right.
func (s *Service) demand(ctx context.Context, u User, right Right) error {
	may, err := s.may(ctx, u, right)
	if err == nil && !may {
		err = ErrForbidden
	}
	return err
}

// rule returns a rule as the owners have set it.
func (set *serverSettings) rule(r RightRule) RightRule {
	if least := set.Rights[r.Right]; slices.Contains(r.Choices, least) {
		r.Least = least
	}
	return r
}

// rules returns all rules as the owners have set them.
func (set *serverSettings) rules() []RightRule {
	all := slices.Clone(rights)
	for i, r := range all {
		all[i] = set.rule(r)
	}
	return all
}

// give sets who has which rights, and says it in words for the audit log.
func (set *serverSettings) give(to map[Right]Role) (what []string, err error) {
	given := maps.Clone(set.Rights)
	if given == nil {
		given = map[Right]Role{}
	}
	for _, right := range slices.Sorted(maps.Keys(to)) {
		i := slices.IndexFunc(rights, func(r RightRule) bool { return r.Right == right })
		if i < 0 || !slices.Contains(rights[i].Choices, to[right]) {
			return nil, invalid("rights", "server.info says which rights can be changed, and to which roles.")
		}
		given[right] = to[right]
		what = append(what, fmt.Sprintf("%s from %s on", right, to[right]))
	}
	set.Rights = given
	return what, nil
}
