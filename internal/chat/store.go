package chat

import (
	"context"
	"time"
)

// Store stores everything. Implementations live in internal/sqlite and
// internal/redisstore and pass the suite in internal/chat/chattest.
//
// Every method returns within ctx's deadline. Missing items are ErrNotFound. An
// unknown outcome is ErrUnavailable, and the same Change may be committed
// again. Returned values belong to the caller. Times are UTC, to the
// millisecond.
type Store interface {
	// Commit applies changes in order and returns one result each, when all are
	// durable. Changes to one stream that follow each other are one atomic step
	// with their events, annotations apart from other changes; the embedded
	// store makes the whole call atomic. Other stores keep the order, so that a
	// crash leaves a prefix; callers order changes accordingly. Any refusal
	// stops there, with the error; a refusal of the first change leaves nothing
	// written. After it is durable, each appended event is rung on the bell, in
	// order per stream.
	Commit(ctx context.Context, changes ...Change) ([]Result, error)

	// Heads returns where each stream ends. Streams of people and of the server
	// exist always; an unknown room has the zero Head.
	Heads(ctx context.Context, streams ...Stream) ([]Head, error)
	// Events returns up to limit events right after the position, ascending and
	// without holes, none if the position is the head. ErrResync if they are
	// not available: another epoch, a Seq beyond the head or older than the
	// kept window (at least Window events), or an event at Seq whose id is not
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
	// ListedRooms returns the ids of the rooms on the person's list, threads
	// included, in no order. They may have left some of them a moment ago.
	ListedRooms(ctx context.Context, user UserID) ([]RoomID, error)
	// Rooms returns up to limit rooms of all kinds with id > after, sorted by
	// id.
	Rooms(ctx context.Context, after RoomID, limit int) ([]Room, error)
	// PublicRooms returns up to limit public rooms with id > after, sorted by
	// id.
	PublicRooms(ctx context.Context, after RoomID, limit int) ([]Room, error)
	// Member returns the person's membership; ErrNotFound if not a member.
	Member(ctx context.Context, room RoomID, user UserID) (Member, error)
	// Members returns up to limit members with user id > after, sorted by user
	// id.
	Members(ctx context.Context, room RoomID, after UserID, limit int) ([]Member, error)
	// ReadPositions returns up to limit members with user id > after, sorted by
	// user id, with how far each has read. ErrNotFound for an unknown room.
	ReadPositions(ctx context.Context, room RoomID, after UserID, limit int) ([]ReadPosition, error)
	// CountRooms returns how many rooms the person has created.
	CountRooms(ctx context.Context, createdBy UserID) (int, error)

	Account(ctx context.Context, id UserID) (Account, error)
	// AccountByName finds an account by its NameKey or its LookKey.
	AccountByName(ctx context.Context, key string) (Account, error)
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

// Record is a small document, at most 64 KiB, whose content only the service
// knows. Kind is lower-case letters, ID at most 200 bytes; few kinds have more
// than some thousands.
type Record struct {
	ID string
	// from 1, one more with each change; goes on from there when a deleted
	// record is made anew, or starts at 1
	Version int64
	Value   []byte
}

// MaxEdits is how many earlier versions of a message a store keeps.
const MaxEdits = 100

// Window is how many of a stream's newest events a store keeps at least, for
// resuming.
const Window = 1000

// Bell announces new events to the nodes. It may drop, repeat and reorder them.
type Bell interface {
	// Subscribe asks for a stream's events and signals. It returns once the
	// subscription is active. Calls are counted: each needs its own
	// Unsubscribe.
	Subscribe(ctx context.Context, s Stream) error
	Unsubscribe(s Stream)
	// Signal sends a signal, which may be lost.
	Signal(ctx context.Context, s Signal)
}

// Handler receives what a [Bell] announces, from any goroutine. Its methods
// must not block. Events are shared and must not be changed.
type Handler interface {
	// Event announces e as an event of its stream.
	Event(e *Event)
	Signal(s Signal)
	// Gap announces that events of the stream may have been missed.
	Gap(s Stream)
}
