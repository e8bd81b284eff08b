// Package archive is Parley's format for a whole chat or a room of it: a
// sequence of records, with the bytes of files beside them.
//
// The packages below it read the exports of other chats as the same sequence of
// records, so that internal/importer has one thing to write.
package archive

import (
	"io"
	"iter"
	"time"
)

// Record is one line: just one of its fields is set. The order is: the header,
// people, emoji, rooms each with its members and messages. What a record names
// by its id comes before it, except for messages that a text links to.
type Record struct {
	Header  *Header  `json:"header,omitempty"`
	Person  *Person  `json:"person,omitempty"`
	Emoji   *Emoji   `json:"emoji,omitempty"`
	Room    *Room    `json:"room,omitempty"`
	Member  *Member  `json:"member,omitempty"`
	Message *Message `json:"message,omitempty"`

	// Skipped is something that a reader could not make a record of. It is
	// never written.
	Skipped *Skipped `json:"-"`
}

// Version is the version of the format.
const Version = 1

// Header says where the records come from. It is the first record.
type Header struct {
	Version int       `json:"version"`
	Source  string    `json:"source"`           // "parley", "slack" and so on
	Server  string    `json:"server,omitempty"` // id of the server or workspace, so that equal ids of two do not meet
	Name    string    `json:"name,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Room    string    `json:"room,omitempty"` // of the export of one room: its id
}

// Person is an account. Role is "owner", "admin", "member" or "guest"; empty is
// a member.
type Person struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      string    `json:"role,omitempty"`
	Bot       bool      `json:"bot,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
	Title     string    `json:"title,omitempty"`
	About     string    `json:"about,omitempty"`
	TimeZone  string    `json:"time_zone,omitempty"`
	Phone     string    `json:"phone,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// Emoji is a custom emoji. File is the path of its picture in the archive.
type Emoji struct {
	Name  string `json:"name"`
	Alias string `json:"alias,omitempty"`
	By    string `json:"by,omitempty"`
	File  string `json:"file,omitempty"`
}

// Room is a room. Kind is "public", "private" or "direct". A direct room names
// its people, and need not have members.
type Room struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	General   bool      `json:"general,omitempty"` // the one that everyone is in
	Name      string    `json:"name,omitempty"`
	Topic     string    `json:"topic,omitempty"`
	People    []string  `json:"people,omitempty"`
	By        string    `json:"by,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	Archived  bool      `json:"archived,omitempty"`
	Announce  bool      `json:"announce,omitempty"`
	Retain    int       `json:"retain,omitempty"` // days
	Slow      int       `json:"slow,omitempty"`   // seconds
}

// Member is someone in a room, or who follows the thread under a message.
type Member struct {
	Room      string    `json:"room"`
	Thread    string    `json:"thread,omitempty"` // id of the message
	Person    string    `json:"person"`
	Moderator bool      `json:"moderator,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// Message is a message, or with Thread a reply to the message with that id. In
// the text, which is markdown, each U+FFFC stands for one of Refs, in order.
type Message struct {
	Room   string    `json:"room"`
	ID     string    `json:"id"` // unique in the room
	Thread string    `json:"thread,omitempty"`
	From   string    `json:"from"`
	At     time.Time `json:"at"`
	Text   string    `json:"text,omitempty"`

	Refs      []Ref      `json:"refs,omitempty"`
	Mentions  []string   `json:"mentions,omitempty"` // beside those of refs; "*" is everyone
	Files     []File     `json:"files,omitempty"`
	Reactions []Reaction `json:"reactions,omitempty"`
	Edits     []Edit     `json:"edits,omitempty"` // earlier texts, oldest first
	EditedAt  time.Time  `json:"edited_at,omitzero"`
	PinnedAt  time.Time  `json:"pinned_at,omitzero"`
	PinnedBy  string     `json:"pinned_by,omitempty"`
	DeletedAt time.Time  `json:"deleted_at,omitzero"`

	Where string `json:"-"` // where it stands in the source, for reports
}

// Ref is what a U+FFFC in a text stands for: a person, a room, a message, or a
// message in a room. Text stands there if it is not imported.
type Ref struct {
	Person  string `json:"person,omitempty"`
	Room    string `json:"room,omitempty"`
	Message string `json:"message,omitempty"` // id of a message of Room
	Text    string `json:"text,omitempty"`
}

// Hole is the character that stands for a [Ref] in a text.
const Hole = "\uFFFC"

// File is a file of a message. Path is where its bytes are in the archive; it
// is empty if they are not there.
type File struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Path     string `json:"path,omitempty"`
	URL      string `json:"url,omitempty"` // where it was
	Alt      string `json:"alt,omitempty"`
	Voice    bool   `json:"voice,omitempty"`
	Duration int64  `json:"duration,omitempty"` // milliseconds, of a voice message
}

// Reaction is one emoji under a message, by its short code or as it is, and who
// reacted with it.
type Reaction struct {
	Emoji  string   `json:"emoji"`
	People []string `json:"people"`
}

// Edit is an earlier text of a message, and since when it stood there.
type Edit struct {
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Kind is a kind of thing that reports count.
type Kind string

const (
	People    Kind = "people"
	Bots      Kind = "bots"
	Emojis    Kind = "emoji"
	Rooms     Kind = "rooms"
	Members   Kind = "members"
	Messages  Kind = "messages"
	Replies   Kind = "replies"
	Reactions Kind = "reactions"
	Pins      Kind = "pins"
	Edits     Kind = "edits"
	Files     Kind = "files"
)

// Kinds are all kinds, in the order of a report.
var Kinds = []Kind{People, Bots, Emojis, Rooms, Members, Messages, Replies, Reactions, Pins, Edits, Files}

// Skipped is something that is left out, why, and where it stands. Count is how
// many they are; 0 is one.
type Skipped struct {
	Kind       Kind
	Why, Where string
	Count      int
}

// Source is an archive that is open.
type Source interface {
	// Records returns the records in order, and ends after an error.
	Records() iter.Seq2[Record, error]
	// Open opens the bytes of a file or of an emoji's picture by its path.
	Open(path string) (io.ReadCloser, error)
	Close() error
}
