package chat

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Message is one message. Within a room, No is dense from 1 in the order of the
// room's stream. A deleted message keeps Room, No, ID, Seq, From, ClientID, At
// and Thread; everything else is removed.
type Message struct {
	Room     RoomID    `json:"room" doc:"Room"`
	No       int64     `json:"no" doc:"Dense number in the room, from 1"`
	ID       string    `json:"id" doc:"Unique id"`
	Seq      int64     `json:"seq" doc:"Seq of its message.created event"`
	From     UserID    `json:"from" doc:"Author"`
	Text     string    `json:"text" doc:"Markdown"`
	ClientID string    `json:"client_id,omitempty" doc:"Id assigned by the author's client"`
	At       time.Time `json:"at" doc:"When it was accepted, by the server's clock"`

	Mentions  []UserID  `json:"mentions,omitempty" doc:"Ids of mentioned people, sorted; * means everyone in the room"`
	Files     []File    `json:"files,omitempty" doc:"Attached files"`
	EditedAt  time.Time `json:"edited_at,omitzero" doc:"When the text was last changed"`
	DeletedAt time.Time `json:"deleted_at,omitzero" doc:"When it was deleted; its content is gone"`
	PinnedAt  time.Time `json:"pinned_at,omitzero" doc:"When it was pinned"`
	PinnedBy  UserID    `json:"pinned_by,omitempty" doc:"By whom"`
	Reactions []Reacted `json:"reactions,omitempty" doc:"Sorted by emoji"`
	Thread    *Thread   `json:"thread,omitempty" doc:"The thread of replies"`
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

// Deleted reports whether the message was deleted.
func (m *Message) Deleted() bool { return !m.DeletedAt.IsZero() }

// Mentioning reports whether m mentions a person other than its author.
func (m *Message) Mentioning(u UserID) bool {
	return m.From != u && (slices.Contains(m.Mentions, u) || slices.Contains(m.Mentions, MentionAll))
}

// reactedByOthers reports whether anyone but m's author reacted to it.
func (m *Message) reactedByOthers() bool {
	return slices.ContainsFunc(m.Reactions, func(r Reacted) bool {
		return slices.ContainsFunc(r.Users, func(u UserID) bool { return u != m.From })
	})
}

// React adds or removes one person's reaction, and reports whether m changed.
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

// Reacted lists who reacted with one emoji.
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

// Thread summarizes the replies to a message, which are in a room of their own.
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
	At   time.Time `json:"at" doc:"When the message got this text"`
}

// Page asks for at most Limit messages of a room by number, ascending.
type Page struct {
	From  PageFrom
	No    int64 // with Before, After and Around
	Limit int
}

// PageFrom selects which messages a [Page] has.
type PageFrom int

const (
	Newest PageFrom = iota // the newest
	Before                 // the newest with a number below No
	After                  // the oldest with a number above No
	Around                 // up to Limit/2 below No, then No and what follows, up to Limit in all
)

// MessageListInput selects a page of messages.
type MessageListInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	Before int64  `json:"before,omitempty" doc:"The newest messages with a smaller no"`
	After  *int64 `json:"after,omitempty" doc:"The oldest messages with a greater no; 0 starts at the first message"`
	Around int64  `json:"around,omitempty" doc:"Messages around this no"`
	Limit  int    `json:"limit,omitempty" doc:"Most items to return; default 50"`
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
			"Give only one of before, after and around. None can be negative.")
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

// PinListInput asks for pinned messages of a room.
type PinListInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	After int64  `json:"after,omitempty" doc:"Only those pinned before this message: the last number of the answer before"`
}

// MessageList is some messages.
type MessageList struct {
	Messages []Message `json:"messages" doc:"Messages"`
	More     bool      `json:"more,omitempty" doc:"There are more after the last one"`
}

// EditInput is another text for a message.
type EditInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the message"`
	Text string `json:"text" doc:"Markdown"`
}

// EditListInput asks for the earlier texts of a message.
type EditListInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	After string `json:"after,omitempty" doc:"Only later ones: the last time (at) of the answer before"`
}

// EditList is the earlier texts of a message, of which [MaxEdits] are kept.
type EditList struct {
	Edits []Edit `json:"edits" doc:"Oldest first"`
	More  bool   `json:"more,omitempty" doc:"There are more after the last one"`
}

// ReactionInput is a reaction to a message.
type ReactionInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	Emoji string `json:"emoji" doc:"One emoji, or its short code, such as +1 or :tada:"`
}
