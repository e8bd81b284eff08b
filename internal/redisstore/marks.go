package redisstore

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// mark is what stands beside a message that is no longer plain, as marks.lua
// writes it.
type mark struct {
	ID    string `json:"i,omitempty"` // of a deleted message, whose entry is gone: the fields of its place
	About string `json:"d,omitempty"`

	Text      *string        `json:"text,omitempty"` // once edited
	Mentions  []chat.UserID  `json:"mentions,omitempty"`
	Files     []chat.File    `json:"files,omitempty"`
	EditedAt  time.Time      `json:"edited_at,omitzero"`
	DeletedAt time.Time      `json:"deleted_at,omitzero"`
	PinnedAt  time.Time      `json:"pinned_at,omitzero"`
	PinnedBy  chat.UserID    `json:"pinned_by,omitempty"`
	Reactions []chat.Reacted `json:"reactions,omitempty"`
	Thread    *chat.Thread   `json:"thread,omitempty"`
	Edits     int64          `json:"edits,omitempty"` // how many earlier texts there are
}

// show makes m what it has become.
func (k *mark) show(m *chat.Message) {
	if k.Text != nil {
		m.Text = *k.Text
	}
	if !k.DeletedAt.IsZero() {
		m.Text = ""
	}
	m.Mentions, m.Files, m.EditedAt, m.DeletedAt, m.PinnedAt, m.PinnedBy = k.Mentions, k.Files,
		k.EditedAt, k.DeletedAt, k.PinnedAt, k.PinnedBy
	m.Reactions, m.Thread = k.Reactions, k.Thread
}

// scanMark reads a mark; none is nil.
func scanMark(reply rueidis.RedisMessage) (*mark, error) {
	if !reply.IsString() {
		return nil, nil
	}
	var k mark
	err := reply.DecodeJSON(&k)
	return &k, err
}

// scanMarked reads entries of messages, and marks as no, mark, no, mark…;
// ascending by number.
func scanMarked(room chat.RoomID, rows, marks rueidis.RedisMessage) ([]stored, error) {
	entries, err := rows.ToArray()
	if err != nil {
		return nil, err
	}
	beside, err := marks.ToArray()
	if err != nil {
		return nil, err
	}
	all := make([]stored, 0, len(entries))
	at := make(map[int64]int, len(beside)/2) // with marks only
	for _, row := range entries {
		m, err := scanRow(room, row)
		if err != nil {
			return nil, err
		}
		if len(beside) > 0 {
			at[m.No] = len(all)
		}
		all = append(all, m)
	}
	for i := 0; i+1 < len(beside); i += 2 {
		no, err := beside[i].AsInt64()
		if err != nil {
			return nil, err
		}
		k, err := scanMark(beside[i+1])
		if err != nil {
			return nil, fmt.Errorf("mark of message %d of %s: %w", no, room, err)
		}
		j, there := at[no]
		if !there && k.ID == "" {
			continue // damage: the message is not there
		}
		if !there {
			m, err := k.place(room, no)
			if err != nil {
				return nil, err
			}
			j, all = len(all), append(all, m)
		}
		k.show(&all[j].Message)
		all[j].edits = k.Edits
	}
	slices.SortFunc(all, func(a, b stored) int { return cmp.Compare(a.No, b.No) })
	return all, nil
}

// place is what is left of a deleted message.
func (k *mark) place(room chat.RoomID, no int64) (stored, error) {
	return scanStored(room, no, [3]string{k.ID, k.About, ""})
}

// scanFind reads numbers from members of marked, which end with it.
func scanFind(reply rueidis.RedisMessage) (numbers []int64, err error) {
	members, err := reply.AsStrSlice()
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		_, digits, _ := strings.Cut(m, " ")
		no, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, no)
	}
	return numbers, nil
}

// find names what leads to a message with a mark, as marks.lua does.
func (k *mark) find(no int64) []string {
	pad := fmt.Sprintf("%016d", no)
	list := []string{"k " + pad}
	if !k.DeletedAt.IsZero() {
		list = append(list, "d "+pad)
	}
	if !k.PinnedAt.IsZero() {
		list = append(list, "p "+pad)
	}
	for _, user := range k.Mentions {
		list = append(list, "@"+string(user)+" "+pad)
	}
	return list
}

func words(users []chat.UserID) string {
	list := make([]string, len(users))
	for i, u := range users {
		list[i] = string(u)
	}
	return strings.Join(list, " ")
}

// becomes are the changes of a message that is there.
var becomes = map[chat.Kind]string{
	chat.MessageEdited: "edit", chat.MessageDeleted: "delete", chat.MessagePinned: "pin",
	chat.MessageUnpinned: "unpin",
	chat.ReactionAdded:   "react", chat.ReactionRemoved: "unreact", chat.ThreadMoved: "thread",
}

// becomeArgs is what marks.lua takes: number, short entry of the log, time, and
// up to three more.
func becomeArgs(c *chat.Change) []string {
	at := jsonTime(c.At)
	react := func(r chat.Reaction) []string {
		return []string{num(r.No), reactionEntry(c.ID, c.At, c.By, c.Kind(), &r), at, r.Emoji,
			string(r.User), ""}
	}
	no := c.Op.(chat.Annotation).Target()
	args := []string{num(no), changedEntry(c.ID, c.At, c.By, c.Kind(), no), at, "", "", ""}
	switch op := c.Op.(type) {
	case chat.AddReaction:
		return react(op.Reaction)
	case chat.RemoveReaction:
		return react(op.Reaction)
	case chat.EditMessage:
		args[3], args[4] = op.Text, words(op.Mentions)
	case chat.PinMessage:
		args[3] = string(c.By)
	case chat.MoveThread:
		args[3], args[4], args[5] = string(op.Thread.Room), num(op.Thread.Replies), jsonTime(op.Thread.LastAt)
	}
	return args
}

// changedEntry is how a log has what became of a message: "<id> <at> <by>
// <kind> <no>". The message is shown as it is when that is read.
func changedEntry(id string, at time.Time, by chat.UserID, kind chat.Kind, no int64) string {
	return id + " " + num(at.UnixMilli()) + " " + string(by) + " " + string(kind) + " " + num(no)
}

// changed reads what changedEntry wrote. The event has the message's number
// alone.
func (s *Store) changed(stream chat.Stream, seq int64, text string) (chat.Event, error) {
	f := strings.SplitN(text, " ", 5)
	if len(f) != 5 {
		return chat.Event{}, fmt.Errorf("event %d of %s: %q", seq, stream, text)
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return chat.Event{}, fmt.Errorf("event %d of %s: %w", seq, stream, err)
	}
	no, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil {
		return chat.Event{}, fmt.Errorf("event %d of %s: %w", seq, stream, err)
	}
	room, _ := stream.Room()
	return chat.Event{
		Stream: stream, Epoch: s.epoch, Seq: seq, ID: f[0], Kind: chat.Kind(f[3]), At: unmilli(at),
		By:      chat.UserID(f[2]),
		Message: &chat.Message{Room: room, No: no},
	}, nil
}

// reactionEntry is how a log has a reaction: "<id> <at> <by> <kind> <no> <user>
// <emoji>".
func reactionEntry(id string, at time.Time, by chat.UserID, kind chat.Kind, r *chat.Reaction) string {
	return changedEntry(id, at, by, kind, r.No) + " " + string(r.User) + " " + r.Emoji
}

// reacted reads what reactionEntry wrote.
func (s *Store) reacted(stream chat.Stream, seq int64, text string) (chat.Event, error) {
	f := strings.SplitN(text, " ", 7)
	if len(f) != 7 {
		return chat.Event{}, fmt.Errorf("event %d of %s: %q", seq, stream, text)
	}
	e, err := s.changed(stream, seq, strings.Join(f[:5], " "))
	if err != nil {
		return e, err
	}
	e.Reaction, e.Message = &chat.Reaction{No: e.Message.No, User: chat.UserID(f[5]), Emoji: f[6]}, nil
	return e, nil
}

func jsonTime(t time.Time) string { return milli(t).Format(time.RFC3339Nano) }

// scanEdit reads an earlier text.
func scanEdit(reply rueidis.RedisMessage) (e chat.Edit, err error) {
	text, err := reply.ToString()
	if err != nil {
		return e, err
	}
	err = json.Unmarshal([]byte(text), &e)
	return e, err
}
