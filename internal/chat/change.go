package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// Change is one change to one stream: the head that its event will have, the
// conditions that are checked at the moment of writing, and the operation.
//
// A store checks them in this order, and writes nothing if one fails: the
// operation and its stream match ([Change.Check]); the room exists; MustBeIn; a
// send with the same [Change.SendHash] returns the first one; MustSpeak; what
// the operation's type says. A change to a room that does not exist is
// ErrNotFound. A change that changes nothing is a no-op and appends no event.
type Change struct {
	Stream Stream
	ID     string    // of the event, unique; CreateMessage's message has it too
	At     time.Time // UTC, to the millisecond
	By     UserID

	// MustBeIn, if not empty, must be a member of the stream's room, or the
	// change is ErrNotFound.
	MustBeIn UserID
	// MustSpeak asks for [Change.MayWrite].
	MustSpeak bool
	// ByAdmin: an admin or owner makes it, who moderates public rooms by rank.
	ByAdmin bool

	Op Operation

	// OnQueued, if not nil, is called once the change has its place, long
	// before it is durable: what is handed to the store later for the same
	// stream is written later. It must not block. A store does not call it for
	// a change that it refuses before.
	OnQueued func()
}

// Operation is what a [Change] does. The set of operations is closed.
type Operation interface {
	// Kind is the kind of event that the operation appends.
	Kind() Kind
	// fits reports whether the operation belongs in that stream.
	fits(Stream) bool
}

type (
	roomOp   struct{} // operations in a room's stream
	userOp   struct{} // in a person's
	serverOp struct{} // in the server's
)

func (roomOp) fits(s Stream) bool   { _, ok := s.Room(); return ok }
func (userOp) fits(s Stream) bool   { _, ok := s.User(); return ok }
func (serverOp) fits(s Stream) bool { return s == ServerStream }

// CreateRoom inserts a room, whose ID is the stream's; ErrConflict if it
// exists.
type CreateRoom struct {
	Room Room
}

// UpdateRoom replaces a room's settings.
type UpdateRoom struct {
	roomOp
	Name, Topic string
	Retain      int
	Archived    bool
	Announce    bool
	Slow        int
}

// AddMember adds a member, who has read everything up to now; a no-op if they
// are one already. Member.Room follows from the stream.
type AddMember struct {
	roomOp
	Member Member
}

// RemoveMember removes a member, whom the event shows as they were; a no-op if
// they are not one.
type RemoveMember struct {
	roomOp
	User UserID
}

// UpdateMember sets a member's role, unless it is empty, and their mute, unless
// it is nil. The zero Mute ends a mute. ErrNotFound if they are not a member.
type UpdateMember struct {
	roomOp
	User UserID
	Role RoomRole
	Mute *Mute
}

// CreateMessage appends a message. The store gives it the next number and moves
// its author's read position there. Device and ClientID make it idempotent, see
// [Change.SendHash].
type CreateMessage struct {
	roomOp
	From     UserID
	Text     string
	Mentions []UserID
	Files    []File
	Device   string
	ClientID string
	// of a message that comes from elsewhere, see [Service.ImportMessages]
	EditedAt  time.Time
	Reactions []Reacted // sorted by emoji
}

// TrimMessages deletes the room's messages up to To, or up to the newest if
// that is less; a no-op if they are gone already.
type TrimMessages struct {
	roomOp
	To int64
}

// ListRoom adds a room to the person's list. The event's View is the room as
// they see it then; its Last is shown as it is when the event is read. A no-op
// if the room is listed, ErrNotFound if they are not a member.
type ListRoom struct {
	userOp
	Room RoomID
}

// UnlistRoom takes a room off the person's list, with its notification level; a
// no-op if it is not listed.
type UnlistRoom struct {
	userOp
	Room   RoomID
	Reason string // shown in the event
}

// MoveRead moves the person's read position forward; a no-op if it is there
// already, ErrNotFound if they are not a member.
type MoveRead struct {
	userOp
	Read Read
}

// SetNotify sets the notification level of a room on the person's list; a no-op
// if it is that already, ErrNotFound if the room is not listed.
type SetNotify struct {
	userOp
	Notify Notify
}

// RevokeSessions deletes the given sessions of the person, or all of them if
// none is given. The event lists those that existed, sorted; a no-op if none
// did and no password is set.
type RevokeSessions struct {
	userOp
	Sessions []SessionID
	// Password, if not empty, is the person's new password hash.
	Password string
	// Was, with Password and if not empty, is the expected current hash;
	// ErrConflict if it differs.
	Was string
}

// CreateUser inserts an account; ErrConflict if its ID or one of its keys is
// taken.
type CreateUser struct {
	serverOp
	Account Account
	// Invite, if not empty, is the hash of an invite's code. The invite is used
	// up. ErrNotFound, before the name is checked, if it is unknown, used, or
	// expired at the change's time.
	Invite string
}

// UpdateUser replaces an account except for its password; ErrConflict if one of
// its keys is taken.
type UpdateUser struct {
	serverOp
	Account Account
	// Was, if not nil, is the expected current user; ErrConflict, before the
	// name is checked, if they differ. So of two people who change an account
	// at once, neither undoes what the other did.
	Was *User
}

func (CreateRoom) Kind() Kind     { return RoomCreated }
func (UpdateRoom) Kind() Kind     { return RoomUpdated }
func (AddMember) Kind() Kind      { return MemberJoined }
func (RemoveMember) Kind() Kind   { return MemberLeft }
func (UpdateMember) Kind() Kind   { return MemberUpdated }
func (CreateMessage) Kind() Kind  { return MessageCreated }
func (TrimMessages) Kind() Kind   { return MessagesTrimmed }
func (ListRoom) Kind() Kind       { return RoomJoined }
func (UnlistRoom) Kind() Kind     { return RoomLeft }
func (MoveRead) Kind() Kind       { return ReadMoved }
func (SetNotify) Kind() Kind      { return NotifyChanged }
func (RevokeSessions) Kind() Kind { return SessionRevoked }
func (CreateUser) Kind() Kind     { return UserCreated }
func (UpdateUser) Kind() Kind     { return UserUpdated }

func (op CreateRoom) fits(s Stream) bool   { return s == RoomStream(op.Room.ID) }
func (op TrimMessages) fits(s Stream) bool { return op.To > 0 && op.roomOp.fits(s) }

// Kind is the kind of event that c appends, empty without an operation.
func (c *Change) Kind() Kind {
	if c.Op == nil {
		return ""
	}
	return c.Op.Kind()
}

// Check returns ErrInvalid for a change without an operation, or with one that
// does not belong in its stream.
func (c *Change) Check() error {
	if c.Op == nil || !c.Op.fits(c.Stream) {
		return fmt.Errorf("%w: there is no change %q in stream %q", ErrInvalid, c.Kind(), c.Stream)
	}
	return nil
}

// MayWrite judges MustSpeak: ErrArchived if the room is archived, [Muted] if
// the member is muted at c.At, and for a message ErrAnnounce if the room is for
// announcements, and [TooSoon] if it is in slow mode and they sent their last
// one, at spoke, less than Slow seconds ago. The last two do not hold for who
// moderates the room. The member is
// the one whom MustBeIn names, nil if it names no one.
func (c *Change) MayWrite(room *Room, member *Member, spoke time.Time) error {
	switch {
	case !c.MustSpeak:
		return nil
	case room.Archived:
		return ErrArchived
	case member == nil:
		return nil
	case member.Mute.active(c.At):
		return Muted(member.Mute.Until)
	}
	if !c.isPost() || c.ByAdmin && room.Kind == Public || member.Role == RoomModerator {
		return nil
	}
	if room.Announce {
		return ErrAnnounce
	}
	if room.Slow == 0 {
		return nil
	}
	if wait := spoke.Add(time.Duration(room.Slow) * time.Second).Sub(c.time()); wait > 0 {
		return TooSoon(wait)
	}
	return nil
}

// Slowed reports whether c is a message that begins a wait in slow mode: the
// store then remembers c.At as when the member spoke.
func (c *Change) Slowed(room *Room, member *Member) bool {
	return c.isPost() && room.Slow > 0 && member != nil
}

// isPost reports whether c is a new message of someone who must be allowed to
// write: announcements and slow mode are for these alone.
func (c *Change) isPost() bool {
	_, isMessage := c.Op.(CreateMessage)
	return isMessage && c.MustSpeak
}

// SendHash names a send, so that a repeated one is recognized: two messages
// with the same room, sender, device and client id are the same send, and a
// store returns the event of the first, as its message is now, for at least
// [DedupeFor]. The zero hash means that the send cannot be repeated, because
// the client gave no id.
func (c *Change) SendHash() (hash [16]byte) {
	op, isSend := c.Op.(CreateMessage)
	if !isSend || op.ClientID == "" {
		return hash
	}
	var b []byte
	for _, part := range []string{string(c.Stream), string(c.By), op.Device, op.ClientID} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// DedupeFor is how long at least a store remembers the client ids of sends.
const DedupeFor = 24 * time.Hour

// Event is the event of c, with the given payload. The store adds Epoch, Seq
// and Prev.
func (c *Change) Event(payload Event) Event {
	payload.Stream, payload.ID, payload.Kind = c.Stream, c.ID, c.Kind()
	payload.At, payload.By = c.time(), c.By
	return payload
}

// Message is the message that c, a [CreateMessage], makes. The store adds No
// and Seq.
func (c *Change) Message() *Message {
	op := c.Op.(CreateMessage)
	room, _ := c.Stream.Room()
	m := &Message{Room: room, ID: c.ID, From: op.From, Text: op.Text, ClientID: op.ClientID, At: c.time(),
		Mentions: op.Mentions, Files: op.Files,
		EditedAt: milli(op.EditedAt), Reactions: op.Reactions}
	return m.Clone()
}

// In is the new member of that room.
func (op AddMember) In(room RoomID) Member {
	m := op.Member
	m.Room, m.Mute.Until = room, milli(m.Mute.Until)
	return m
}

// Apply changes a member.
func (op UpdateMember) Apply(m *Member) {
	if op.Role != "" {
		m.Role = op.Role
	}
	if op.Mute != nil {
		m.Mute = *op.Mute
		m.Mute.Until = milli(m.Mute.Until)
	}
}

// Apply changes a room.
func (op UpdateRoom) Apply(r *Room) {
	r.Name, r.Topic, r.Retain, r.Archived, r.Announce, r.Slow = op.Name, op.Topic, op.Retain, op.Archived,
		op.Announce, op.Slow
}

func (c *Change) time() time.Time { return milli(c.At) }

func milli(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Result is what became of one [Change].
type Result struct {
	// the event that was appended, its Message as the change left it, or that
	// of the first send if Duplicate
	Event     Event
	Duplicate bool // a repeated send: nothing was written
	NoOp      bool // nothing to change: nothing was written, Event is empty
}
