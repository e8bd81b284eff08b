package verify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Kind says what a Record tells.
type Kind string

const (
	// at the start: somebody is in a room: User, Room, Seq (of the newest event
	// that this is after)
	Member Kind = "member"
	Join   Kind = "join"  // a client asks to come into a room
	Leave  Kind = "leave" // a client asks to leave one

	Send   Kind = "send"   // a client sends: Client, Room, Key
	Ack    Kind = "ack"    // it has the answer: Client, Room, Key, No, ID
	Refuse Kind = "refuse" // it was refused for good: nothing was written
	// a client asks for a change of a message: Client, Room, No, Key, What (the
	// action), Text or Emoji
	ChangeSent    Kind = "mark"
	ChangeAcked   Kind = "marked"  // it has the answer: Key, and the message as that shows it
	ChangeRefused Kind = "spurned" // it was refused for good: Key
	// a client takes a room's state at a place: Client, Room, Seq, ID, No (the
	// newest message)
	Base Kind = "base"
	// an event came to a client: Client, Room, Seq, ID, Prev, What; for
	// messages as it shows them; for reactions No, Emoji and Member
	Got     Kind = "got"
	Fetched Kind = "fetched" // a client has fetched a message: Client, Room, and the message as it is shown
	Left    Kind = "left"    // a client forgets a room
	Resumed Kind = "resumed" // a stream was resumed
	Resync  Kind = "resync"  // a stream was not
	Dropped Kind = "dropped" // a client's connection ended

	Injected Kind = "fault" // a fault was injected or ended: What

	Stored Kind = "stored" // at the end: a message as history has it: Room, Key, User, and as it is shown
	// at the end: a room as a client has followed it: Client, Room, Seq, No,
	// Read, Unread, Members
	Holds Kind = "holds"
	Fresh Kind = "fresh" // at the end: the same room as it is fetched
)

// Record is one thing that happened.
type Record struct {
	At     time.Duration `json:"at"` // since the start, by a clock that never steps
	Kind   Kind          `json:"kind"`
	Client int           `json:"client"`
	User   string        `json:"user,omitempty"`
	Room   string        `json:"room,omitempty"`

	Key string `json:"key,omitempty"` // what makes a send the same send, and a change the same change

	Seq     int64  `json:"seq,omitempty"`
	ID      string `json:"id,omitempty"` // of the event
	Prev    string `json:"prev,omitempty"`
	What    string `json:"what,omitempty"`    // kind of the event
	Member  string `json:"member,omitempty"`  // whom it is about
	Message string `json:"message,omitempty"` // id of the message
	No      int64  `json:"no,omitempty"`

	// what names a message's text: the key of its sending, a point, and how
	// often it was edited
	Text      string `json:"text,omitempty"`
	Gone      bool   `json:"gone,omitempty"`      // only its place is left
	Reactions string `json:"reactions,omitempty"` // emoji:person, each with a space after it
	Emoji     string `json:"emoji,omitempty"`

	Read    int64 `json:"read,omitempty"`
	Trimmed int64 `json:"trimmed,omitempty"`
	Unread  int64 `json:"unread,omitempty"`
	Members int64 `json:"members,omitempty"`
}

// History is what happened, in the order of its recording.
type History []Record

// show has a record tell how a message is shown.
func (r *Record) show(m *chat.Message) {
	r.Message, r.No, r.Gone, r.Text = m.ID, m.No, m.Deleted(), nameOf(m.Text)
	var b strings.Builder
	for _, reacted := range m.Reactions {
		for _, u := range reacted.Users {
			b.WriteString(reaction(reacted.Emoji, string(u)))
		}
	}
	r.Reactions = b.String()
}

// reaction is one reaction in [Record].Reactions.
func reaction(emoji, user string) string { return emoji + ":" + user + " " }

// textOf is the text of the message that was sent with a key, after so many
// edits. It is about so many bytes longer than its name.
func textOf(key string, edits, size int) string {
	return fmt.Sprintf("message %s.%d%s", key, edits, strings.Repeat(" .", size/2))
}

// nameOf returns what names a text, which is all of it if it is not one of
// ours.
func nameOf(text string) string {
	if rest, ok := strings.CutPrefix(text, "message "); ok {
		name, _, _ := strings.Cut(rest, " ")
		return name
	}
	return text
}

// recorder records from many goroutines.
type recorder struct {
	start time.Time

	mu  sync.Mutex
	all History
}

func newRecorder() *recorder { return &recorder{start: time.Now()} }

func (r *recorder) add(rec Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec.At = time.Since(r.start) // under the lock: the order of the list is that of the times
	r.all = append(r.all, rec)
}

// Write writes a history as JSON lines.
func (h History) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	for i := range h {
		if err := e.Encode(&h[i]); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Read reads what Write wrote.
func Read(r io.Reader) (History, error) {
	var h History
	d := json.NewDecoder(r)
	for {
		var rec Record
		if err := d.Decode(&rec); err == io.EOF {
			return h, nil
		} else if err != nil {
			return nil, err
		}
		h = append(h, rec)
	}
}
