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
	Direct     RoomKind = "direct"  // two people; one room per pair, for good
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
	Name      string    `json:"name,omitempty" doc:"Name; empty for direct rooms, which are shown by the other person's name"`
	Topic     string    `json:"topic,omitempty" doc:"What it is about"`
	Pair      []UserID  `json:"pair,omitempty" doc:"Direct rooms: the two people, sorted"`
	CreatedBy UserID    `json:"created_by,omitempty" doc:"Empty for the server itself"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	Parent    RoomID    `json:"parent,omitempty" doc:"Threads: the room of the message that it is under"`
	Root      int64     `json:"root,omitempty" doc:"Threads: number of that message"`
	Retain    int       `json:"retain,omitempty" doc:"Days after which messages are deleted; 0 as the server does, -1 never"`
}

// Member is one person's place in a room.
type Member struct {
	Room     RoomID    `json:"room" doc:"Room"`
	User     UserID    `json:"user" doc:"Person"`
	Role     RoomRole  `json:"role" enum:"moderator,member" doc:"Role in the room"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when"`
}

// Head is where a stream ends. No is the number of the newest message, 0 for none or for a
// stream that is not a room's.
type Head struct {
	Position
	No int64
}

// RoomView is a room as one member sees it, all of it at Position: applying the stream's later
// events to a view gives the view that a later fetch would show.
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
}

// Clone returns v with nothing shared.
func (v RoomView) Clone() RoomView {
	v.Pair, v.Deleted, v.Mentions, v.Last = slices.Clone(v.Pair), slices.Clone(v.Deleted), slices.Clone(v.Mentions), v.Last.Clone()
	return v
}

// Count makes v.Unread, v.Deleted and v.Mentions follow from the other fields, after those have changed.
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
