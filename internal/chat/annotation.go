package chat

import (
	"slices"
	"time"
)

// Annotation is an operation on one message that exists. All of them are
// ErrNotFound if there is no message of that number or it is trimmed, and,
// except for DeleteMessage and MoveThread, if it is deleted.
type Annotation interface {
	Operation
	// Target is the number of the message.
	Target() int64
	// apply changes m, and reports whether that changed anything.
	apply(m *Message, c *Change) bool
}

// EditMessage replaces text and mentions. What the message said before becomes
// an [Edit], of which the newest MaxEdits are kept. A no-op if both stay the
// same.
type EditMessage struct {
	roomOp
	No       int64
	Text     string
	Mentions []UserID
}

// DeleteMessage takes away everything but the message's place, earlier texts
// included; a no-op if it is deleted.
type DeleteMessage struct {
	roomOp
	No int64
}

// PinMessage pins; a no-op if the message is pinned.
type PinMessage struct {
	roomOp
	No int64
}

// UnpinMessage takes the pin off; a no-op if the message is not pinned.
type UnpinMessage struct {
	roomOp
	No int64
}

// MoveThread updates what the message shows of the thread under it. Updates may
// come in any order: of the newest reply and of the deleted ones, the greater
// numbers count. A no-op if neither grows.
type MoveThread struct {
	roomOp
	No     int64
	Thread Thread
}

// AddReaction adds one person's reaction; a no-op if it is there.
type AddReaction struct {
	roomOp
	Reaction Reaction
}

// RemoveReaction removes one person's reaction; a no-op if it is not there.
type RemoveReaction struct {
	roomOp
	Reaction Reaction
}

func (EditMessage) Kind() Kind    { return MessageEdited }
func (DeleteMessage) Kind() Kind  { return MessageDeleted }
func (PinMessage) Kind() Kind     { return MessagePinned }
func (UnpinMessage) Kind() Kind   { return MessageUnpinned }
func (MoveThread) Kind() Kind     { return ThreadMoved }
func (AddReaction) Kind() Kind    { return ReactionAdded }
func (RemoveReaction) Kind() Kind { return ReactionRemoved }

func (op EditMessage) Target() int64    { return op.No }
func (op DeleteMessage) Target() int64  { return op.No }
func (op PinMessage) Target() int64     { return op.No }
func (op UnpinMessage) Target() int64   { return op.No }
func (op MoveThread) Target() int64     { return op.No }
func (op AddReaction) Target() int64    { return op.Reaction.No }
func (op RemoveReaction) Target() int64 { return op.Reaction.No }

func (op EditMessage) apply(m *Message, c *Change) bool {
	if m.Text == op.Text && slices.Equal(m.Mentions, op.Mentions) {
		return false
	}
	m.Text, m.Mentions, m.EditedAt = op.Text, slices.Clone(op.Mentions), c.time()
	return true
}

func (op DeleteMessage) apply(m *Message, c *Change) bool {
	if m.Deleted() {
		return false
	}
	*m = Message{Room: m.Room, No: m.No, ID: m.ID, Seq: m.Seq, From: m.From, ClientID: m.ClientID,
		At: m.At, Thread: m.Thread, DeletedAt: c.time()}
	return true
}

func (op PinMessage) apply(m *Message, c *Change) bool {
	if !m.PinnedAt.IsZero() {
		return false
	}
	m.PinnedAt, m.PinnedBy = c.time(), c.By
	return true
}

func (op UnpinMessage) apply(m *Message, _ *Change) bool {
	if m.PinnedAt.IsZero() {
		return false
	}
	m.PinnedAt, m.PinnedBy = time.Time{}, ""
	return true
}

func (op MoveThread) apply(m *Message, _ *Change) bool {
	t, newest := op.Thread, op.Thread.Newest()
	t.LastAt = milli(t.LastAt)
	if old := m.Thread; old != nil {
		if newest <= old.Newest() {
			if t.Deleted <= old.Deleted {
				return false
			}
			newest, t.LastAt = old.Newest(), old.LastAt
		}
		t.Deleted = max(t.Deleted, old.Deleted)
		t.Replies = newest - t.Deleted
	}
	m.Thread = &t
	return true
}

func (op AddReaction) apply(m *Message, _ *Change) bool { return m.React(op.Reaction, true) }

func (op RemoveReaction) apply(m *Message, _ *Change) bool { return m.React(op.Reaction, false) }

// Annotate applies c's operation, an [Annotation], to the message as it is
// stored. It returns the payload of the event; changed is false for a no-op.
func (c *Change) Annotate(m *Message) (payload Event, changed bool, err error) {
	op := c.Op.(Annotation)
	switch op.(type) {
	case DeleteMessage, MoveThread:
	default:
		if m.Deleted() {
			return Event{}, false, ErrNotFound
		}
	}
	if !op.apply(m, c) {
		return Event{}, false, nil
	}
	switch op := op.(type) {
	case AddReaction:
		return Event{Reaction: &op.Reaction}, true, nil
	case RemoveReaction:
		return Event{Reaction: &op.Reaction}, true, nil
	}
	return Event{Message: m}, true, nil
}

// AsEdit is the text of m as an earlier text, once m gets another.
func (m *Message) AsEdit() Edit {
	if m.EditedAt.IsZero() {
		return Edit{Text: m.Text, At: m.At}
	}
	return Edit{Text: m.Text, At: m.EditedAt}
}
