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

// Page asks for messages of a room by number. Set at most one of Before, After and Around;
// none of them means the newest.
type Page struct {
	Before int64 // the newest Limit messages with No < Before
	After  int64 // the oldest Limit messages with No > After (use -1 for "from the start")
	Around int64 // Limit messages around this one
	Limit  int
}
