package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Head is the end of a log. The zero Head is that of an empty one.
type Head struct {
	Seq int64
	ID  string
	// Event is the newest event, nil if it is a new message. The source's epoch
	// in it must be replaced by the destination's. Of its Message only the
	// number is used.
	Event *chat.Event
}

// Room is a room with the end of its log. No is the number of its newest
// message, 0 for none; messages up to Trimmed are gone.
type Room struct {
	Room    chat.Room
	Head    Head
	No      int64
	Trimmed int64
}

// Member is a person's membership in a room, with their read position.
type Member struct {
	chat.Member
	ReadNo int64
	// when they sent their last message while the room was slow, in
	// milliseconds since 1970; 0 for never
	Spoke int64
}

// Message is a message with the additional fields of its event.
type Message struct {
	chat.Message
	By   chat.UserID
	Prev string // id of the event before, empty if that is the message before, and it is there

	Edits []chat.Edit // earlier texts, oldest first
}

// Person is an account with its private data. Logs, lists and sessions without
// an account are not copied.
type Person struct {
	Account  chat.Account
	Head     Head
	Rooms    []Listed       // on their list, sorted by id
	Sessions []chat.Session // sorted by id; expired ones too
}

// Listed is a room on a person's list.
type Listed struct {
	Room   chat.RoomID
	Notify chat.NotifyLevel
}

// Send is a send that is kept for deduplication. All stores use
// [chat.Change.SendHash].
type Send struct {
	Room chat.RoomID
	No   int64 // of the message that it became
	Hash [16]byte
	At   time.Time // of that message
}

// Record is a record with its kind.
type Record struct {
	Kind string
	chat.Record
}

// Batch is what is written together. Its parts are in the order of the fields:
// a message's room is in it or in one before.
type Batch struct {
	Rooms    []Room
	Members  []Member
	Messages []Message
	Sends    []Send
	People   []Person
	Invites  []chat.Invite
	Records  []Record
	Server   *Head
}

// Source reads a store that no one changes at the same time. An empty page is
// the end. Results belong to the caller. It is used by one goroutine at a time.
type Source interface {
	// Epoch names these data.
	Epoch() string
	// Rooms returns rooms with id > after, by id.
	Rooms(ctx context.Context, after chat.RoomID, limit int) ([]Room, error)
	// Members returns members with user id > after, by user id.
	Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]Member, error)
	// Messages returns messages with a number > after, by number.
	Messages(ctx context.Context, room chat.RoomID, after int64, limit int) ([]Message, error)
	// Sends gives those that became messages at since or later, some at a time
	// and in any order; one may come twice.
	Sends(ctx context.Context, since time.Time, give func([]Send) error) error
	// People returns people with id > after, by id.
	People(ctx context.Context, after chat.UserID, limit int) ([]Person, error)
	// Invites returns unused invites, by time and id, after the given one; the
	// zero Invite is before the first.
	Invites(ctx context.Context, after chat.Invite, limit int) ([]chat.Invite, error)
	// Records returns records after the given one, by kind and id; the zero
	// Record is before the first.
	Records(ctx context.Context, after Record, limit int) ([]Record, error)
	// Server returns the end of the server's log.
	Server(ctx context.Context) (Head, error)
	// Forgotten returns how many of the sends are not known for deduplication.
	Forgotten(ctx context.Context, sends []Send) (int, error)
}

// Destination is the target of a migration. Until it is finished, the store
// cannot be opened otherwise.
type Destination interface {
	// Unfinished returns what was last kept of a migration that was begun here,
	// nil if the destination is empty. [ErrNotEmpty] if it holds anything else.
	Unfinished(ctx context.Context) ([]byte, error)
	// Begin keeps the state of a migration that is about to start.
	Begin(ctx context.Context, state []byte) error
	// Write writes a batch and keeps the state with it, or after it. What was
	// written since the state that is kept may be written again.
	Write(ctx context.Context, b *Batch, state []byte) error
	// Source reads what was written.
	Source() Source
	// Finish makes the store usable and forgets the migration.
	Finish(ctx context.Context) error
}

// ErrNotEmpty is returned for a destination with data other than an unfinished
// migration.
var ErrNotEmpty = errors.New("the destination already has data")
