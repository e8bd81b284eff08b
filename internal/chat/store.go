package chat

import (
	"context"
	"time"
)

// Change is one change to one stream. Kind says which fields count, as for
// [Event]; the store copies them into the event it appends and applies the
// change to its own tables.
//
//	RoomCreated     Room                  inserts the room; ErrConflict if the id exists
//	RoomUpdated     Room                  replaces name, topic, retain, archived and slow
//	MemberJoined    Member                inserts the member with their mute, read up to the room's newest message;
//	                                      no-op if already a member
//	MemberLeft      Member                deletes the member, whom the event shows as they were; no-op if not a member
//	MemberUpdated   Member, Mute          replaces the role, if it is not empty, and the mute, if Mute is given: the zero Mute takes
//	                                      it away; ErrNotFound if not a member
//	MessageCreated  Message (Text, From,  Message.Room follows from Stream; the store sets No and Seq, moves
//	                ClientID, Mentions,   the author's read position to No; duplicates see below: their event shows
//	                Files), Device        the message as it is now
//	MessageEdited   Message (No, Text,    replaces text and mentions and sets EditedAt to At; the text until then is kept as an [Edit],
//	                Mentions)             of which only the newest MaxEdits are; no-op if both are the same
//	MessageDeleted  Message (No)          takes away all but the message's place, its edits too; no-op if deleted
//	MessagePinned   Message (No)          sets PinnedAt and PinnedBy from At and By; no-op if pinned
//	MessageUnpinned Message (No)          no-op if not pinned
//	ReactionAdded   Reaction              no-op if there; also ReactionRemoved, if not there
//	ThreadMoved     Message (No, Thread)  sets Thread, also of a deleted message; no-op unless Replies grows or there was none
//	                                      these seven: ErrNotFound if there is no message of that number, or it is trimmed, or,
//	                                      where not said otherwise, deleted
//	MessagesTrimmed Trimmed               deletes the room's messages up to that number, or to the newest if that is less;
//	                                      no-op if they are gone already
//	RoomJoined      View.Room.ID          adds the room to the person's list and fills View: the room as that
//	                                      person sees it now, but for Last, which is shown as it is when the event is read; no-op
//	                                      if listed, ErrNotFound if not a member
//	RoomLeft        Left, Reason          takes the room off the person's list; no-op if not listed
//	ReadMoved       Read                  moves the read position forward; no-op if it is there already
//	NotifyChanged   Notify                sets the level of a room on the person's list, from which it goes with the room;
//	                                      no-op if it is that already, ErrNotFound if the room is not listed
//	SessionRevoked  Sessions              deletes them; an empty list deletes all of that person's. The event
//	                                      lists those that were there, sorted; no-op if none was and no Account is given,
//	                                      whose Password is then the new one
//	UserCreated     User, Account, Invite inserts the account; ErrConflict if NameKey is taken;
//	                                      uses up the invite if one is given, which is judged before the name
//	UserUpdated     User, Account,        replaces the account but for its password; ErrConflict if NameKey is taken, or
//	                WasUser               the person is not WasUser, if one is given
//
// A no-op appends no event. Changes to a room that is not there are
// ErrNotFound, and a Kind that does not go with its stream or lacks its field
// is ErrInvalid.
type Change struct {
	Stream Stream
	Kind   Kind
	ID     string    // id of the event to be; unique, and for MessageCreated also the message's id
	At     time.Time // UTC, to the millisecond
	By     UserID

	Message  *Message
	Reaction *Reaction
	Trimmed  int64
	Member   *Member
	Mute     *Mute
	Room     *Room
	View     *RoomView
	Left     RoomID
	Reason   string
	Read     *Read
	Notify   *Notify
	Sessions []SessionID
	User     *User
	Account  *Account // with SessionRevoked too: a new password

	// MustBeIn: if not empty, the change is refused with ErrNotFound unless
	// this person is a member of the stream's room at the moment of writing.
	MustBeIn UserID
	// MustSpeak: the change is refused with [ErrArchived] if the room is
	// archived, and, where MustBeIn says who speaks, with [Muted] if they are
	// muted at At. A message is refused with [TooSoon] as well, if the room is
	// slow and they, no moderator there, sent one with MustSpeak less than Slow
	// seconds before At while it was slow. A message that was sent already is
	// never refused so.
	MustSpeak bool
	// Unslowed: with MustSpeak, it does not matter that the room is slow.
	Unslowed bool
	// Device and Message.ClientID, with By, make a send idempotent: the same
	// three in the same room, within DedupeFor at least, give the event of the
	// first send again. MustBeIn is judged first.
	Device string
	// Was: with SessionRevoked and an Account, the change is refused with
	// ErrConflict unless the password kept is this one, if it is not empty.
	Was string
	// WasUser: with UserUpdated, the change is refused with ErrConflict unless
	// the person kept is this one, so that of two who change somebody at once
	// neither undoes what the other did. It is judged before the name.
	WasUser *User
	// Invite is the hash of the code to be used up; ErrNotFound if it is
	// unknown, used or expired at At. Nothing else is written then.
	Invite string
}

// DedupeFor is how long at least a store remembers the client ids of sends.
const DedupeFor = 24 * time.Hour

// Result is what became of one [Change].
type Result struct {
	// the event that was appended, its Message as the change left it, or that
	// of the first send if Duplicate
	Event     Event
	Duplicate bool // a repeated send: nothing was written
	NoOp      bool // nothing to change: nothing was written, Event is empty
}

// Store keeps everything. Implementations live in internal/sqlite and
// internal/redisstore and pass the suite in internal/chat/chattest.
//
// Every method returns within ctx's deadline. Not being there is ErrNotFound;
// an outcome that could not be confirmed is ErrUnavailable, and the same Change
// may be handed in again. Returned values are the caller's. Times are UTC, to
// the millisecond.
type Store interface {
	// Commit applies changes in order and returns one result each, when all are
	// durable. Changes to one stream are one atomic step with their events, and
	// the embedded store makes the whole call atomic. A store that cannot span
	// streams atomically keeps the order given, so that a crash leaves a
	// prefix; callers put first what makes sense alone. Any refusal stops
	// there, with the error; a refusal of the first change leaves nothing
	// written. After it is durable, each appended event is rung on the bell, in
	// order per stream.
	Commit(ctx context.Context, changes ...Change) ([]Result, error)

	// Heads returns where each stream ends. Streams of people and of the server
	// exist always; an unknown room has the zero Head.
	Heads(ctx context.Context, streams ...Stream) ([]Head, error)
	// Events returns up to limit events right after the position, ascending and
	// without holes, none if the position is the head. ErrResync if they cannot
	// be had: another epoch, a Seq beyond the head or older than the kept
	// window (at least Window events), or an event at Seq whose id is not
	// after.ID; also if the event at the position is the message.created of a
	// message that is gone, or one of those asked for has a Message that is
	// gone. ErrNotFound for an unknown room.
	Events(ctx context.Context, s Stream, after Position, limit int) ([]Event, error)
	// Messages returns a page of the room's messages, ascending by No.
	Messages(ctx context.Context, room RoomID, page Page) ([]Message, error)
	// Edits returns the earlier texts of a message that are kept, oldest first;
	// none if it was never edited, was deleted, or is not there. ErrNotFound
	// for an unknown room.
	Edits(ctx context.Context, room RoomID, no int64) ([]Edit, error)
	// Pinned returns the room's pinned messages, last pinned first, and of one
	// time the one with the higher number. ErrNotFound for an unknown room.
	Pinned(ctx context.Context, room RoomID) ([]Message, error)

	Room(ctx context.Context, id RoomID) (Room, error)
	// View returns the room as that member sees it; ErrNotFound if not a
	// member.
	View(ctx context.Context, id RoomID, user UserID) (RoomView, error)
	// Views returns all rooms on the person's list that they are a member of,
	// sorted by id, each at its position.
	Views(ctx context.Context, user UserID) ([]RoomView, error)
	// Rooms returns up to limit rooms of all kinds with id > after, sorted by
	// id.
	Rooms(ctx context.Context, after RoomID, limit int) ([]Room, error)
	// PublicRooms returns up to limit public rooms with id > after, sorted by
	// id.
	PublicRooms(ctx context.Context, after RoomID, limit int) ([]Room, error)
	// Member returns the person's place in the room; ErrNotFound if not a
	// member.
	Member(ctx context.Context, room RoomID, user UserID) (Member, error)
	// Members returns up to limit members with user id > after, sorted by user
	// id.
	Members(ctx context.Context, room RoomID, after UserID, limit int) ([]Member, error)
	// CountRooms returns how many rooms the person has created.
	CountRooms(ctx context.Context, createdBy UserID) (int, error)

	Account(ctx context.Context, id UserID) (Account, error)
	AccountByName(ctx context.Context, nameKey string) (Account, error)
	// Users returns up to limit people with id > after, sorted by id.
	Users(ctx context.Context, after UserID, limit int) ([]User, error)

	// CreateSession keeps a new session.
	CreateSession(ctx context.Context, s Session) error
	// Session returns the session of a token's hash together with its account,
	// also if it has expired.
	Session(ctx context.Context, tokenHash string) (Session, Account, error)
	// TouchSession sets SeenAt and ExpiresAt; ErrNotFound if the session is
	// gone: it never brings one back.
	TouchSession(ctx context.Context, id SessionID, user UserID, seen, expires time.Time) error
	// Sessions returns that person's sessions, newest first.
	Sessions(ctx context.Context, user UserID) ([]Session, error)

	CreateInvite(ctx context.Context, i Invite) error
	// Invite returns the unused invite of a code's hash, also if it has
	// expired.
	Invite(ctx context.Context, codeHash string) (Invite, error)
	// Invites returns unused invites, newest first, at most 1,000; expired ones
	// included.
	Invites(ctx context.Context) ([]Invite, error)
	// DeleteInvite forgets an invite; ErrNotFound if there is none.
	DeleteInvite(ctx context.Context, id string) error

	// PutRecord keeps a record if the one kept has version was (0: none is
	// kept), gives it the next and returns that; ErrConflict otherwise.
	PutRecord(ctx context.Context, kind, id string, was int64, value []byte) (version int64, err error)
	// DeleteRecord forgets a record; ErrNotFound if there is none.
	DeleteRecord(ctx context.Context, kind, id string) error
	Record(ctx context.Context, kind, id string) (Record, error)
	// Records returns up to limit records of a kind with id > after, sorted by
	// id.
	Records(ctx context.Context, kind, after string, limit int) ([]Record, error)

	// Prune forgets what is past its time at now: sessions and invites that
	// expired, client ids older than DedupeFor. Bounded work per call; more
	// reports that some is left.
	Prune(ctx context.Context, now time.Time) (more bool, err error)
	// Ping reports whether the store can serve now.
	Ping(ctx context.Context) error
	Close() error
}

// Record is a small document, at most 64 KiB, that the service keeps without
// the store knowing what it says. Kind is lower-case letters, ID at most 200
// bytes; few kinds have more than some thousands.
type Record struct {
	ID string
	// from 1, one more with each change; goes on from there when a deleted
	// record is made anew, or starts at 1
	Version int64
	Value   []byte
}

// MaxEdits is how many earlier texts of a message a store keeps.
const MaxEdits = 100

// Window is how many of a stream's newest events a store keeps at least, for
// resuming.
const Window = 1000

// Bell carries news between nodes, and inside one. It may drop, double and
// reorder.
type Bell interface {
	// Subscribe asks for the stream's rings and signals, and returns once they
	// are certain to arrive from now on. Calls nest: each needs its
	// Unsubscribe.
	Subscribe(ctx context.Context, s Stream) error
	Unsubscribe(s Stream)
	// Signal sends news that has no number. Losing it is no error.
	Signal(ctx context.Context, s Signal)
}

// Ear is what a [Bell] calls, from any goroutine. Neither method blocks, and
// neither keeps e or s after changing it: events are shared and read-only.
type Ear interface {
	// Ring says that the stream has reached e.
	Ring(e *Event)
	Signal(s Signal)
	// Deaf says that rings of the stream may have been lost until now.
	Deaf(s Stream)
}
