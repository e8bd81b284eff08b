package redisstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// stub is the part of an event that is known before Redis numbers it.
type stub struct {
	Stream  chat.Stream `json:"stream"`
	Epoch   string      `json:"epoch"`
	ID      string      `json:"id"`
	Kind    chat.Kind   `json:"kind"`
	At      time.Time   `json:"at"`
	By      chat.UserID `json:"by,omitempty"`
	Message any         `json:"message,omitempty"` // a messageStub or a chat.Message

	Reaction *chat.Reaction `json:"reaction,omitempty"`
}

type messageStub struct {
	Room     chat.RoomID `json:"room"`
	ID       string      `json:"id"`
	From     chat.UserID `json:"from"`
	Text     string      `json:"text"`
	ClientID string      `json:"client_id,omitempty"`
	At       time.Time   `json:"at"`

	Mentions []chat.UserID `json:"mentions,omitempty"`
	Files    []chat.File   `json:"files,omitempty"`

	EditedAt  time.Time      `json:"edited_at,omitzero"`
	Reactions []chat.Reacted `json:"reactions,omitempty"`
}

// open returns the event as JSON without its end, for a script to go on.
func (s *Store) open(c *chat.Change) (string, error) {
	e := stub{Stream: c.Stream, Epoch: s.epoch, ID: c.ID, Kind: c.Kind(), At: milli(c.At), By: c.By}
	end := 1
	if op, isSend := c.Op.(chat.CreateMessage); isSend {
		room, _ := c.Stream.Room()
		e.Message = messageStub{Room: room, ID: c.ID, From: op.From, Text: op.Text,
			ClientID: op.ClientID, At: e.At, Mentions: op.Mentions, Files: op.Files,
			EditedAt: milli(op.EditedAt), Reactions: op.Reactions}
		end = 2
	}
	b, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	return string(b[:len(b)-end]), nil
}

// decode reads an event as a script has finished it.
func (s *Store) decode(text string) (chat.Event, error) {
	var e chat.Event
	if err := json.Unmarshal([]byte(renamed(text)), &e); err != nil {
		return chat.Event{}, err
	}
	e.Epoch = s.epoch
	return e, nil
}

// stored is a message as it stands in Redis.
type stored struct {
	chat.Message
	by   chat.UserID
	prev string // id of the event before, empty if that is the message before

	edits int64 // how many earlier texts there are
}

// scan reads the fields of a message's entry: i, its id; d, "<seq> <at> <from>
// <by or => <id of the event before it, unless that is the message before>
// <client id>"; t, its text.
func scan(room chat.RoomID, no int64, fields []rueidis.RedisMessage) (stored, error) {
	if len(fields) != 6 {
		return stored{}, fmt.Errorf("message %d of %s has %d fields", no, room, len(fields))
	}
	var v [3]string
	for i := range v {
		var err error
		if v[i], err = fields[2*i+1].ToString(); err != nil {
			return stored{}, err
		}
	}
	return scanStored(room, no, v)
}

// scanStored reads the values of a message's entry.
func scanStored(room chat.RoomID, no int64, v [3]string) (stored, error) {
	d := strings.SplitN(v[1], " ", 6)
	if len(d) != 6 {
		return stored{}, fmt.Errorf("message %d of %s: %q", no, room, v[1])
	}
	seq, err := strconv.ParseInt(d[0], 10, 64)
	if err != nil {
		return stored{}, err
	}
	at, err := strconv.ParseInt(d[1], 10, 64)
	if err != nil {
		return stored{}, err
	}
	if d[3] == "=" {
		d[3] = d[2]
	}
	return stored{
		Message: chat.Message{Room: room, No: no, ID: v[0], Seq: seq, From: chat.UserID(d[2]),
			Text: v[2], ClientID: d[5], At: unmilli(at)},
		by: chat.UserID(d[3]), prev: d[4],
	}, nil
}

// scanRow reads an entry of a stream of messages.
func scanRow(room chat.RoomID, row rueidis.RedisMessage) (stored, error) {
	no, fields, err := entry(row)
	if err != nil {
		return stored{}, err
	}
	return scan(room, no, fields)
}

// entry takes a stream's entry apart: the first half of its id, and its fields.
func entry(row rueidis.RedisMessage) (int64, []rueidis.RedisMessage, error) {
	pair, err := row.ToArray()
	if err != nil {
		return 0, nil, err
	}
	id, err := pair[0].ToString()
	if err != nil {
		return 0, nil, err
	}
	n, err := strconv.ParseInt(id[:max(len(id)-2, 0)], 10, 64) // <n>-0
	if err != nil {
		return 0, nil, err
	}
	fields, err := pair[1].ToArray()
	return n, fields, err
}

// event is the message's event.
func (s *Store) event(m stored, prev string) chat.Event {
	return chat.Event{
		Stream: chat.RoomStream(m.Room), Epoch: s.epoch, Seq: m.Seq, ID: m.ID, Prev: prev,
		Kind: chat.MessageCreated, At: m.At, By: m.by, Message: &m.Message,
	}
}

func milli(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
func unmilli(n int64) time.Time   { return time.UnixMilli(n).UTC() }
func num(n int64) string          { return strconv.FormatInt(n, 10) }
