package chat

import "time"

// An answer holds only what the scope of the caller's token may read. Most
// answers tell what was asked for; those that would tell more are cut here.

// readable returns an answer without what only [ScopeRead] may see.
func (c Caller) readable(output any) any {
	if c.May(ScopeRead) == nil {
		return output
	}
	switch v := output.(type) {
	case Message:
		if v.From != c.User.ID || v.Deleted() {
			return Message{Room: v.Room, No: v.No}
		}
		v.Reactions, v.Thread, v.PinnedAt, v.PinnedBy = nil, nil, time.Time{}, ""
		return v
	case RoomView:
		return RoomView{Room: v.Room, Role: v.Role, JoinedAt: v.JoinedAt, Mute: v.Mute, Notify: v.Notify}
	case ReadOutput:
		return ReadOutput{Read: v.Read}
	}
	return output
}
