package chat

import "time"

// Message is one message. Within a room, No is dense from 1 in the order of the room's stream.
type Message struct {
	Room     RoomID    `json:"room" doc:"Room"`
	No       int64     `json:"no" doc:"Dense number in the room, from 1"`
	ID       string    `json:"id" doc:"Unique id"`
	Seq      int64     `json:"seq" doc:"Seq of its message.created event"`
	From     UserID    `json:"from" doc:"Author"`
	Text     string    `json:"text" doc:"Markdown"`
	ClientID string    `json:"client_id,omitempty" doc:"Id that the author's client gave it"`
	At       time.Time `json:"at" doc:"When it was accepted, by the server's clock"`
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
