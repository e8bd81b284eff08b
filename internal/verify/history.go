package verify

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Kind says what a Record tells.
type Kind string

const (
	Member Kind = "member" // at the start: somebody is in a room: User, Room, Seq (of the newest event that this is after)
	Join   Kind = "join"   // a client asks to come into a room
	Leave  Kind = "leave"  // a client asks to leave one

	Send    Kind = "send"    // a client sends: Client, Room, Key
	Ack     Kind = "ack"     // it has the answer: Client, Room, Key, No, ID
	Refuse  Kind = "refuse"  // it was refused for good: nothing was written
	Base    Kind = "base"    // a client takes a room's state at a place: Client, Room, Seq, ID, No (the newest message)
	Got     Kind = "got"     // an event came to a client: Client, Room, Seq, ID, Prev, What; for messages Message and No
	Fetched Kind = "fetched" // a client has fetched a message that it had missed: Client, Room, No, Message
	Left    Kind = "left"    // a client forgets a room
	Resumed Kind = "resumed" // a stream was resumed
	Resync  Kind = "resync"  // a stream was not
	Dropped Kind = "dropped" // a client's connection ended

	Struck Kind = "fault" // a fault was injected or ended: What

	Stored Kind = "stored" // at the end: a message as history has it: Room, No, Message, Key, User
	Holds  Kind = "holds"  // at the end: a room as a client has followed it: Client, Room, Seq, No, Read, Unread, Members
	Fresh  Kind = "fresh"  // at the end: the same room as it is fetched
)

// Record is one thing that happened.
type Record struct {
	At     time.Duration `json:"at"` // since the start, by a clock that never steps
	Kind   Kind          `json:"kind"`
	Client int           `json:"client"`
	User   string        `json:"user,omitempty"`
	Room   string        `json:"room,omitempty"`

	Key string `json:"key,omitempty"` // what makes a send the same send

	Seq     int64  `json:"seq,omitempty"`
	ID      string `json:"id,omitempty"` // of the event
	Prev    string `json:"prev,omitempty"`
	What    string `json:"what,omitempty"`    // kind of the event
	Member  string `json:"member,omitempty"`  // whom it is about
	Message string `json:"message,omitempty"` // id of the message
	No      int64  `json:"no,omitempty"`

	Read    int64 `json:"read,omitempty"`
	Trimmed int64 `json:"trimmed,omitempty"`
	Unread  int64 `json:"unread,omitempty"`
	Members int64 `json:"members,omitempty"`
}

// History is what happened, in the order of its recording.
type History []Record

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
