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

// annotation is what a message has besides its immutable entry. It is stored in
// the hash "marks" by the message's number.
type annotation struct {
	ID    string `json:"i,omitempty"` // of a deleted message, whose entry is gone: the fields of its place
	About string `json:"d,omitempty"`

	Text      *string        `json:"text,omitempty"` // once it differs from the entry's
	Mentions  []chat.UserID  `json:"mentions,omitempty"`
	Files     []chat.File    `json:"files,omitempty"`
	EditedAt  time.Time      `json:"edited_at,omitzero"`
	DeletedAt time.Time      `json:"deleted_at,omitzero"`
	PinnedAt  time.Time      `json:"pinned_at,omitzero"`
	PinnedBy  chat.UserID    `json:"pinned_by,omitempty"`
	Reactions []chat.Reacted `json:"reactions,omitempty"`
	Thread    *chat.Thread   `json:"thread,omitempty"`
	Edits     int64          `json:"edits,omitempty"` // number of the newest earlier text
}

// annotationOf returns the annotation of m.
func annotationOf(m *chat.Message) annotation {
	return annotation{Mentions: m.Mentions, Files: m.Files, EditedAt: m.EditedAt, DeletedAt: m.DeletedAt,
		PinnedAt: m.PinnedAt, PinnedBy: m.PinnedBy, Reactions: m.Reactions, Thread: m.Thread}
}

// empty reports whether there is nothing to store.
func (k *annotation) empty() bool {
	return len(k.Mentions) == 0 && len(k.Files) == 0 && k.EditedAt.IsZero() && k.DeletedAt.IsZero() &&
		k.PinnedAt.IsZero() && len(k.Reactions) == 0 && k.Thread == nil && k.Edits == 0
}

// show applies the annotation to m.
func (k *annotation) show(m *chat.Message) {
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

// scanAnnotation reads an annotation; none is nil.
func scanAnnotation(reply rueidis.RedisMessage) (*annotation, error) {
	if !reply.IsString() {
		return nil, nil
	}
	var k annotation
	err := reply.DecodeJSON(&k)
	return &k, err
}

// scanAnnotated reads entries of messages, and annotations as number,
// annotation, …; ascending by number.
func scanAnnotated(room chat.RoomID, rows, annotations rueidis.RedisMessage) ([]stored, error) {
	entries, err := rows.ToArray()
	if err != nil {
		return nil, err
	}
	kept, err := annotations.ToArray()
	if err != nil {
		return nil, err
	}
	all := make([]stored, 0, len(entries))
	at := make(map[int64]int, len(kept)/2) // with annotations only
	for _, row := range entries {
		m, err := scanRow(room, row)
		if err != nil {
			return nil, err
		}
		if len(kept) > 0 {
			at[m.No] = len(all)
		}
		all = append(all, m)
	}
	for i := 0; i+1 < len(kept); i += 2 {
		no, err := kept[i].AsInt64()
		if err != nil {
			return nil, err
		}
		k, err := scanAnnotation(kept[i+1])
		if err != nil {
			return nil, fmt.Errorf("annotation of message %d of %s: %w", no, room, err)
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

// place returns a deleted message, whose entry is gone.
func (k *annotation) place(room chat.RoomID, no int64) (stored, error) {
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

// find returns the members of the index "marked" for the message: "k no" if it
// has an annotation, "d no" if it is deleted, "p no" if it is pinned, and
// "@user no" for each user whom it mentions, with numbers of 16 digits.
func (k *annotation) find(no int64) []string {
	if k.empty() {
		return nil
	}
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

// showing are the kinds of events whose Message is an existing message.
var showing = []chat.Kind{chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned,
	chat.MessageUnpinned, chat.ThreadMoved}

// changedEntry is the log entry of a changed message: "<id> <at> <by> <kind>
// <no>". The message is shown as it is when that is read.
func changedEntry(id string, at time.Time, by chat.UserID, kind chat.Kind, no int64) string {
	return id + " " + num(at.UnixMilli()) + " " + string(by) + " " + string(kind) + " " + num(no)
}

// changed decodes a changedEntry. The event's message has only its number.
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

// reactionEntry is the log entry of a reaction: "<id> <at> <by> <kind> <no>
// <user> <emoji>".
func reactionEntry(id string, at time.Time, by chat.UserID, kind chat.Kind, r *chat.Reaction) string {
	return changedEntry(id, at, by, kind, r.No) + " " + string(r.User) + " " + r.Emoji
}

// reacted decodes a reactionEntry.
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

// scanEdit reads an earlier text.
func scanEdit(reply rueidis.RedisMessage) (e chat.Edit, err error) {
	text, err := reply.ToString()
	if err != nil {
		return e, err
	}
	err = json.Unmarshal([]byte(text), &e)
	return e, err
}
