package chat

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Message is one message. Within a room, No is dense from 1 in the order of the
// room's stream. A deleted message keeps its place: Room, No, ID, Seq, From,
// ClientID, At and Thread stay, all else is gone.
type Message struct {
	Room     RoomID    `json:"room" doc:"Room"`
	No       int64     `json:"no" doc:"Dense number in the room, from 1"`
	ID       string    `json:"id" doc:"Unique id"`
	Seq      int64     `json:"seq" doc:"Seq of its message.created event"`
	From     UserID    `json:"from" doc:"Author"`
	Text     string    `json:"text" doc:"Markdown"`
	ClientID string    `json:"client_id,omitempty" doc:"Id that the author's client gave it"`
	At       time.Time `json:"at" doc:"When it was accepted, by the server's clock"`

	Mentions  []UserID  `json:"mentions,omitempty" doc:"People whom the text calls by @name, sorted; * is everyone in the room"`
	Files     []File    `json:"files,omitempty" doc:"What was sent with it"`
	EditedAt  time.Time `json:"edited_at,omitzero" doc:"When the text was last changed"`
	DeletedAt time.Time `json:"deleted_at,omitzero" doc:"When it was deleted; only its place is left"`
	PinnedAt  time.Time `json:"pinned_at,omitzero" doc:"When it was pinned"`
	PinnedBy  UserID    `json:"pinned_by,omitempty" doc:"By whom"`
	Reactions []Reacted `json:"reactions,omitempty" doc:"Sorted by emoji"`
	Thread    *Thread   `json:"thread,omitempty" doc:"The thread under it"`
}

// Clone returns m with nothing shared, nil for nil.
func (m *Message) Clone() *Message {
	m = copied(m)
	if m == nil {
		return nil
	}
	m.Mentions, m.Files, m.Thread, m.Reactions = slices.Clone(m.Mentions), slices.Clone(m.Files),
		copied(m.Thread), slices.Clone(m.Reactions)
	for i := range m.Reactions {
		m.Reactions[i].Users = slices.Clone(m.Reactions[i].Users)
	}
	return m
}

// Deleted reports whether only the message's place is left.
func (m *Message) Deleted() bool { return !m.DeletedAt.IsZero() }

// Mentioning reports whether m calls that person, who did not write it.
func (m *Message) Mentioning(u UserID) bool {
	return m.From != u && (slices.Contains(m.Mentions, u) || slices.Contains(m.Mentions, MentionAll))
}

// React adds or takes away one person's reaction, and reports whether that
// changed anything.
func (m *Message) React(r Reaction, add bool) bool {
	i, found := slices.BinarySearchFunc(m.Reactions, r.Emoji,
		func(g Reacted, emoji string) int { return strings.Compare(g.Emoji, emoji) })
	if !found {
		if add {
			m.Reactions = slices.Insert(m.Reactions, i, Reacted{Emoji: r.Emoji, Users: []UserID{r.User}})
		}
		return add
	}
	users := m.Reactions[i].Users
	j, there := slices.BinarySearch(users, r.User)
	switch {
	case there == add:
		return false
	case add:
		users = slices.Insert(users, j, r.User)
	default:
		users = slices.Delete(users, j, j+1)
	}
	if m.Reactions[i].Users = users; len(users) == 0 {
		m.Reactions = slices.Delete(m.Reactions, i, i+1)
	}
	return true
}

// MentionAll in [Message].Mentions is everyone in the room.
const MentionAll UserID = "*"

// Reacted is who reacted with one emoji.
type Reacted struct {
	Emoji string   `json:"emoji" doc:"The emoji"`
	Users []UserID `json:"users" doc:"Who, sorted"`
}

// Reaction is one person's reaction to a message.
type Reaction struct {
	No    int64  `json:"no" doc:"Number of the message"`
	Emoji string `json:"emoji" doc:"The emoji"`
	User  UserID `json:"user" doc:"Who"`
}

// Thread is what a message shows of the thread under it, which is a room of its
// own.
type Thread struct {
	Room    RoomID    `json:"room" doc:"Room of the thread"`
	Replies int64     `json:"replies" doc:"How many replies there are, without deleted ones"`
	Deleted int64     `json:"deleted,omitempty" doc:"How many replies were deleted; with replies, the number of the newest one"`
	LastAt  time.Time `json:"last_at" doc:"When the newest reply was sent"`
}

// Newest is the number of the newest reply, deleted or not.
func (t Thread) Newest() int64 { return t.Replies + t.Deleted }

// Edit is an earlier text of a message.
type Edit struct {
	Text string    `json:"text" doc:"Markdown"`
	At   time.Time `json:"at" doc:"Since when the message had this text"`
}

// Page asks for at most Limit messages of a room by number, ascending.
type Page struct {
	From  PageFrom
	No    int64 // with Before, After and Around
	Limit int
}

// PageFrom says where a [Page] lies.
type PageFrom int

const (
	Newest PageFrom = iota // the newest
	Before                 // the newest with a number below No
	After                  // the oldest with a number above No
	Around                 // up to Limit/2 below No, then No and what follows, up to Limit in all
)

// MessageListInput asks for messages.
type MessageListInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	Before int64  `json:"before,omitempty" doc:"Only messages with a smaller no, the newest of them"`
	After  *int64 `json:"after,omitempty" doc:"Only messages with a greater no, the oldest of them; 0 starts at the first"`
	Around int64  `json:"around,omitempty" doc:"Messages around this no"`
	Limit  int    `json:"limit,omitempty" doc:"At most so many; default 50"`
}

// MessagePage is a page of messages. No runs without holes, so first and last
// are the cursors. It has fewer messages than were asked for if they are long.
type MessagePage struct {
	Messages  []Message `json:"messages" doc:"Ascending by no"`
	MoreOlder bool      `json:"more_older" doc:"There are messages before the first"`
	MoreNewer bool      `json:"more_newer" doc:"There are messages after the last"`
}

// ListMessages returns a page of a room's messages.
func (s *Service) ListMessages(ctx context.Context, who Caller, in MessageListInput) (MessagePage, error) {
	limit, err := s.pageLimit(in.Limit, 50)
	if err != nil {
		return MessagePage{}, err
	}
	page := Page{From: Newest, Limit: limit}
	asked := 0
	if in.Before != 0 {
		page.From, page.No, asked = Before, in.Before, asked+1
	}
	if in.After != nil {
		page.From, page.No, asked = After, *in.After, asked+1
	}
	if in.Around != 0 {
		page.From, page.No, asked = Around, in.Around, asked+1
	}
	if asked > 1 || page.No < 0 {
		return MessagePage{}, invalid("before",
			"give one of before, after and around, and no negative number")
	}
	view, err := s.view(ctx, who, in.Room)
	if err != nil {
		return MessagePage{}, err
	}
	messages, err := s.Store.Messages(ctx, in.Room, page)
	if err != nil {
		return MessagePage{}, err
	}
	start := len(messages)
	switch page.From {
	case After:
		start = 0
	case Around:
		start, _ = slices.BinarySearchFunc(messages, page.No,
			func(m Message, no int64) int { return cmp.Compare(m.No, no) })
	}
	messages = bounded(messages, start, (*Message).size)
	out := MessagePage{Messages: append([]Message{}, messages...)}
	if n := len(messages); n > 0 {
		out.MoreOlder, out.MoreNewer = messages[0].No > view.Trimmed+1, messages[n-1].No < view.HeadNo
	} else {
		out.MoreOlder, out.MoreNewer = page.From == After && view.HeadNo > view.Trimmed,
			page.From == Before && view.HeadNo > view.Trimmed
	}
	return out, nil
}

// MessageInput names a message.
type MessageInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the message"`
}

// GetMessage returns one message of a room.
func (s *Service) GetMessage(ctx context.Context, who Caller, in MessageInput) (Message, error) {
	if err := s.MayRead(ctx, who, RoomStream(in.Room)); err != nil {
		return Message{}, err
	}
	return s.messageAt(ctx, in)
}

// MessageList is some messages.
type MessageList struct {
	Messages []Message `json:"messages" doc:"Messages"`
}

// EditInput is another text for a message.
type EditInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the message"`
	Text string `json:"text" doc:"Markdown"`
}

// EditList is the earlier texts of a message, of which [MaxEdits] are kept.
type EditList struct {
	Edits []Edit `json:"edits" doc:"Oldest first"`
}

// ReactionInput is a reaction to a message.
type ReactionInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	Emoji string `json:"emoji" doc:"One emoji"`
}
