package chat

import (
	"slices"
	"time"
)

// Kind says what an event tells, and which of its fields is set.
type Kind string

const (
	// In a room's stream.
	RoomCreated     Kind = "room.created"     // Room
	RoomUpdated     Kind = "room.updated"     // Room, as it is now
	MemberJoined    Kind = "member.joined"    // Member
	MemberLeft      Kind = "member.left"      // Member; By differs from Member.User when removed
	MemberUpdated   Kind = "member.updated"   // Member, as it is now (role, mute)
	MessageCreated  Kind = "message.created"  // Message
	MessageEdited   Kind = "message.edited"   // Message
	MessageDeleted  Kind = "message.deleted"  // Message, of which only its place is left
	MessagePinned   Kind = "message.pinned"   // Message
	MessageUnpinned Kind = "message.unpinned" // Message
	ThreadMoved     Kind = "thread.moved"     // Message, under which the thread is
	ReactionAdded   Kind = "reaction.added"   // Reaction
	ReactionRemoved Kind = "reaction.removed" // Reaction
	MessagesTrimmed Kind = "messages.trimmed" // Trimmed: the oldest messages, up to there, are gone

	// In a person's stream.
	RoomJoined     Kind = "room.joined"     // View: the room as this person first sees it
	RoomLeft       Kind = "room.left"       // Left, and Reason if somebody else did it and gave one
	ReadMoved      Kind = "read.moved"      // Read
	NotifyChanged  Kind = "notify.changed"  // Notify
	SessionRevoked Kind = "session.revoked" // Sessions

	// In the server's stream.
	UserCreated Kind = "user.created" // User
	UserUpdated Kind = "user.updated" // User, as it is now
)

// Position is a place in a stream: just after the event numbered Seq.
// The zero Seq is the place before the first event.
type Position struct {
	Epoch string `json:"epoch" doc:"Changes when the stream was rolled back; positions of different epochs cannot be compared"`
	Seq   int64  `json:"seq" doc:"Number of the last event seen, 0 for none"`
	ID    string `json:"id,omitempty" doc:"Id of that event, if known: lets the server notice a log that was rolled back"`
}

// Event is one change in a stream. Events are immutable; Message shows the
// message as it is when the event is read, so a replayed event may already
// carry a later text: what was edited away or deleted is nowhere in the log.
// Who takes Message for what it says, and applies reactions as to a set, ends
// at the same state.
type Event struct {
	Stream Stream    `json:"stream" doc:"Where it happened: room:<id>, user:<id> or server"`
	Epoch  string    `json:"epoch" doc:"Epoch of the stream"`
	Seq    int64     `json:"seq" doc:"Dense number in the stream, from 1"`
	ID     string    `json:"id" doc:"Unique id of the event"`
	Prev   string    `json:"prev,omitempty" doc:"Id of the event before it in the stream, empty for the first"`
	Kind   Kind      `json:"kind" doc:"What happened; says which of the following fields is set"`
	At     time.Time `json:"at" doc:"When, by the server's clock"`
	By     UserID    `json:"by,omitempty" doc:"Who did it, empty for the server itself"`

	Message  *Message    `json:"message,omitempty" doc:"message.created, edited, deleted, pinned, unpinned, thread.moved: the message as it is now"`
	Reaction *Reaction   `json:"reaction,omitempty" doc:"reaction.added, reaction.removed"`
	Trimmed  int64       `json:"trimmed,omitempty" doc:"messages.trimmed: messages up to this number are gone"`
	Member   *Member     `json:"member,omitempty" doc:"member.joined, member.left, member.updated"`
	Room     *Room       `json:"room,omitempty" doc:"room.created, room.updated"`
	View     *RoomView   `json:"view,omitempty" doc:"room.joined"`
	Left     RoomID      `json:"left,omitempty" doc:"room.left"`
	Reason   string      `json:"reason,omitempty" doc:"room.left: why somebody took you out of the room, if they said it"`
	Read     *Read       `json:"read,omitempty" doc:"read.moved"`
	Notify   *Notify     `json:"notify,omitempty" doc:"notify.changed"`
	Sessions []SessionID `json:"sessions,omitempty" doc:"session.revoked"`
	User     *User       `json:"user,omitempty" doc:"user.created, user.updated"`
}

// Position is the place just after e.
func (e *Event) Position() Position { return Position{Epoch: e.Epoch, Seq: e.Seq, ID: e.ID} }

// Clone returns e with nothing shared.
func (e Event) Clone() Event {
	e.Message, e.Reaction, e.Member, e.Read, e.User = e.Message.Clone(), copied(e.Reaction),
		copied(e.Member), copied(e.Read), copied(e.User)
	e.Sessions, e.Notify = slices.Clone(e.Sessions), copied(e.Notify)
	if e.Room = copied(e.Room); e.Room != nil {
		*e.Room = e.Room.Clone()
	}
	if e.View = copied(e.View); e.View != nil {
		*e.View = e.View.Clone()
	}
	return e
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Follows reports whether e comes right after p: the next number of the same
// epoch, with the same event before it (where p knows that event's id).
func (e *Event) Follows(p Position) bool {
	return e.Epoch == p.Epoch && e.Seq == p.Seq+1 && (p.ID == "" || e.Prev == p.ID)
}

// Signal is news that has no number and may be dropped: who types, who came and
// went, which document of a person changed.
type Signal struct {
	Stream Stream     `json:"stream" doc:"room:<id> for typing, server for presence, emoji, reports and server, user:<id> for document and schedule"`
	Kind   SignalKind `json:"kind" doc:"typing, presence, emoji, reports, server, document or schedule"`
	User   UserID     `json:"user" doc:"Who types, or came or went, or whose document or schedule it is; empty with emoji, reports and server"`
	Online bool       `json:"online,omitempty" doc:"With presence: came (true) or went (false)"`

	Document string `json:"document,omitempty" doc:"With document: name of the one that changed"`
	Version  int64  `json:"version,omitempty" doc:"With document: its version now; with emoji: their revision; with server: greater with each change"`
}

// SignalKind says what a [Signal] tells.
type SignalKind string

const (
	Typing   SignalKind = "typing"   // in a room's stream; holds for 5 seconds
	Presence SignalKind = "presence" // in the server's stream

	// In the server's stream, to everyone.
	EmojiChanged   SignalKind = "emoji"
	ReportsChanged SignalKind = "reports" // some report was made or closed
	ServerChanged  SignalKind = "server"  // its settings were changed: see server.info

	DocumentChanged SignalKind = "document" // in a person's stream
	ScheduleChanged SignalKind = "schedule" // in a person's stream
)
