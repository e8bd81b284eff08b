package chat

import (
	"slices"
	"time"
)

// RoomKind says who may come in.
type RoomKind string

const (
	Public     RoomKind = "public"  // every member may find, read after joining, and join it
	Private    RoomKind = "private" // only those who were added know of it
	Direct     RoomKind = "direct"  // two to nine people; one room per set of people, for good
	ThreadRoom RoomKind = "thread"  // replies to one message; open to the members of the room that it is in
)

// RoomRole is what a member may do in one room.
type RoomRole string

const (
	RoomModerator RoomRole = "moderator" // rename, set the topic, add and remove people
	RoomMember    RoomRole = "member"
)

// Room is a room as every member sees it.
type Room struct {
	ID        RoomID    `json:"id" doc:"Id"`
	Kind      RoomKind  `json:"kind" enum:"public,private,direct,thread" doc:"Who may come in"`
	Name      string    `json:"name,omitempty" doc:"Name; empty for direct rooms, which are shown by the names of the others"`
	Topic     string    `json:"topic,omitempty" doc:"What it is about"`
	People    []UserID  `json:"people,omitempty" doc:"Direct rooms: those in it, sorted"`
	CreatedBy UserID    `json:"created_by,omitempty" doc:"Empty for the server itself"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	Parent    RoomID    `json:"parent,omitempty" doc:"Threads: the room of the message that it is under"`
	Root      int64     `json:"root,omitempty" doc:"Threads: number of that message"`
	Retain    int       `json:"retain,omitempty" doc:"Days after which messages are deleted; 0 as the server does, -1 never"`
	Archived  bool      `json:"archived,omitempty" doc:"Nobody can write in it or come in; it can be read and left"`
	Slow      int       `json:"slow,omitempty" doc:"Seconds from one message of a member to the next, for all but its moderators; 0 for none"`
}

// Clone returns r with nothing shared.
func (r Room) Clone() Room {
	r.People = slices.Clone(r.People)
	return r
}

// Member is one person's place in a room.
type Member struct {
	Room     RoomID    `json:"room" doc:"Room"`
	User     UserID    `json:"user" doc:"Person"`
	Role     RoomRole  `json:"role" enum:"moderator,member" doc:"Role in the room"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when"`
	Mute     Mute      `json:"mute,omitzero" doc:"They cannot write in the room until then; over when its time has come, also if it is still shown"`
}

// Mute keeps a member from writing for a time. The zero Mute is none.
type Mute struct {
	Until  time.Time `json:"until" doc:"When it is over"`
	Reason string    `json:"reason,omitempty" doc:"Why"`
	By     UserID    `json:"by" doc:"Who did it"`
}

// holds reports whether the mute is not over at a time.
func (m Mute) holds(at time.Time) bool { return at.Before(m.Until) }

// NotifyLevel says of which messages of a room a person wants to be told.
type NotifyLevel string

const (
	NotifyUsual    NotifyLevel = ""         // all in direct rooms, mentions in others
	NotifyAll      NotifyLevel = "all"      // every message
	NotifyMentions NotifyLevel = "mentions" // those that mention them
	NotifyNone     NotifyLevel = "none"
)

func (l NotifyLevel) valid() bool {
	return slices.Contains([]NotifyLevel{NotifyUsual, NotifyAll, NotifyMentions, NotifyNone}, l)
}

// Notify is a person's level for a room on their list.
type Notify struct {
	Room  RoomID      `json:"room" doc:"Room"`
	Level NotifyLevel `json:"level" enum:"all,mentions,none," doc:"Of which messages you want to be told; empty: as usual, which is all in direct rooms and mentions in others"`
}

// Head is where a stream ends. No is the number of the newest message, 0 for
// none or for a stream that is not a room's.
type Head struct {
	Position
	No int64
}

// RoomView is a room as one member sees it, all of it at Position: applying the
// stream's later events to a view gives the view that a later fetch would show.
type RoomView struct {
	Room
	Position Position  `json:"position" doc:"The place in the room's stream that this view shows"`
	HeadNo   int64     `json:"head_no" doc:"Number of the newest message, 0 for none"`
	ReadNo   int64     `json:"read_no" doc:"Number of the newest message that you have read"`
	Trimmed  int64     `json:"trimmed,omitempty" doc:"Messages up to this number are gone"`
	Unread   int64     `json:"unread" doc:"Messages after read_no and trimmed that are not deleted"`
	Deleted  []int64   `json:"deleted,omitempty" doc:"Numbers of the deleted messages after read_no and trimmed, ascending"`
	Mentions []int64   `json:"mentions,omitempty" doc:"Numbers of the messages after read_no and trimmed that mention you, or everyone, and are not your own, ascending"`
	Role     RoomRole  `json:"role" enum:"moderator,member" doc:"Your role in the room"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when you are in it"`
	Members  int64     `json:"members" doc:"How many people are in it"`
	Last     *Message  `json:"last,omitempty" doc:"Newest message"`

	Mute   Mute        `json:"mute,omitzero" doc:"You cannot write in the room until then; over when its time has come, also if it is still shown"`
	Notify NotifyLevel `json:"notify,omitempty" enum:"all,mentions,none" doc:"Of which messages you want to be told; not there: as usual, which is all in direct rooms and mentions in others"`
}

// Clone returns v with nothing shared.
func (v RoomView) Clone() RoomView {
	v.Room, v.Deleted, v.Mentions, v.Last = v.Room.Clone(), slices.Clone(v.Deleted),
		slices.Clone(v.Mentions), v.Last.Clone()
	return v
}

// Count makes v.Unread, v.Deleted and v.Mentions follow from the other fields,
// after those have changed.
func (v *RoomView) Count() {
	floor := max(v.ReadNo, v.Trimmed)
	seen := func(no int64) bool { return no <= floor }
	v.Deleted, v.Mentions = slices.DeleteFunc(v.Deleted, seen), slices.DeleteFunc(v.Mentions, seen)
	v.Unread = max(v.HeadNo-floor, 0) - int64(len(v.Deleted))
}

// Read says how far a person has read a room. It only moves forward.
type Read struct {
	Room RoomID `json:"room" doc:"Room"`
	No   int64  `json:"no" doc:"Number of the newest message read"`
}
