package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// annotate applies annotations of one room in order. It reads the messages, the
// members and the room, applies the rules of package chat, and writes the
// result if none of these has changed; otherwise it starts again. All
// annotations that wait on this node go together, so only nodes contend. If
// they are independent, errs has their errors; otherwise one error fails all.
func (s *Store) annotate(ctx context.Context, room chat.RoomID, changes []chat.Change,
	each bool) (results []chat.Result, errs []error, err error) {
	for {
		b, err := s.readTargets(ctx, room, changes)
		if err != nil {
			return nil, nil, err
		}
		results, errs = make([]chat.Result, len(changes)), make([]error, len(changes))
		for i := range changes {
			results[i], errs[i] = b.apply(&changes[i])
			if errs[i] != nil && !each {
				return nil, nil, errs[i]
			}
		}
		done, err := s.writeTargets(ctx, b, results)
		if err != nil || done {
			return results, errs, err
		}
	}
}

// annotations is a batch in progress: what was read, and the changed messages.
type annotations struct {
	room    chat.Room // as far as the gate tells
	exists  bool
	newest  int64
	trimmed int64
	gate    string
	floor   string // trimmed, as it was read
	places  map[chat.UserID]string
	targets map[int64]*target
	order   []int64 // of targets
	writes  [][]string
}

// target is a message that is being annotated.
type target struct {
	stored
	exists bool
	text   string     // of its entry
	about  string     // the second field of its entry
	read   string     // its annotation as it was read, "" for none
	was    annotation // the same, decoded
	gone   bool       // its entry is being deleted
}

func (s *Store) annotateKeys(room chat.RoomID) []string {
	var keys []string
	for _, what := range []string{"head", "log", "messages", "members", "marks", "marked", "edits"} {
		keys = append(keys, s.keys.room(room, what))
	}
	return keys
}

// Indexes in annotateKeys, as annotate.lua takes them.
const (
	headKey     = "1"
	messagesKey = "3"
	membersKey  = "4"
	marksKey    = "5"
	markedKey   = "6"
	editsKey    = "7"
)

// readTargets reads what the changes are checked against.
func (s *Store) readTargets(ctx context.Context, room chat.RoomID,
	changes []chat.Change) (*annotations, error) {
	b := &annotations{places: map[chat.UserID]string{}, targets: map[int64]*target{}}
	var users, numbers []string
	for i := range changes {
		c := &changes[i]
		if _, known := b.places[c.MustBeIn]; c.MustBeIn != "" && !known {
			b.places[c.MustBeIn] = ""
			users = append(users, string(c.MustBeIn))
		}
		no := c.Op.(chat.Annotation).Target()
		if b.targets[no] == nil {
			b.targets[no] = &target{}
			b.order, numbers = append(b.order, no), append(numbers, num(max(no, 0)))
		}
	}
	keys := s.annotateKeys(room)
	reply, err := s.run(ctx, &targetScript, []string{keys[0], keys[2], keys[3], keys[4]},
		slices.Concat([]string{strconv.Itoa(len(users))}, users, numbers))
	if err != nil {
		return nil, err
	}
	r, err := reply.ToArray()
	if err != nil || len(r) == 0 {
		return b, err
	}
	if err := b.scan(room, users, r); err != nil {
		return nil, fmt.Errorf("answer of target.lua: %w", err)
	}
	return b, nil
}

func (b *annotations) scan(room chat.RoomID, users []string, r []rueidis.RedisMessage) (err error) {
	if len(r) != 6 {
		return fmt.Errorf("%d parts", len(r))
	}
	b.exists, b.room.ID, b.gate, b.floor = true, room, textOf(r[0]), textOf(r[1])
	if b.newest, err = r[2].AsInt64(); err != nil {
		return err
	}
	if shut, slow, ok := strings.Cut(b.gate, " "); ok {
		b.room.Archived, b.room.Announce = shut == "1" || shut == "3", shut > "1"
		if b.room.Slow, err = strconv.Atoi(slow); err != nil {
			return err
		}
	}
	if no, _, ok := strings.Cut(b.floor, " "); ok {
		if b.trimmed, err = strconv.ParseInt(no, 10, 64); err != nil {
			return err
		}
	}
	var lists [3][]rueidis.RedisMessage
	for i := range lists {
		if lists[i], err = r[3+i].ToArray(); err != nil {
			return err
		}
	}
	for i, user := range users {
		b.places[chat.UserID(user)] = textOf(lists[0][i])
	}
	for i, no := range b.order {
		if no <= b.trimmed || no > b.newest {
			continue
		}
		if err := b.targets[no].scan(room, no, lists[1][i], lists[2][i]); err != nil {
			return err
		}
	}
	return nil
}

// textOf is a bulk string, "" for nil.
func textOf(m rueidis.RedisMessage) string {
	text, err := m.ToString()
	if err != nil {
		return ""
	}
	return text
}

func (t *target) scan(room chat.RoomID, no int64, row, kept rueidis.RedisMessage) (err error) {
	if t.read = textOf(kept); t.read != "" {
		if err := json.Unmarshal([]byte(t.read), &t.was); err != nil {
			return fmt.Errorf("annotation of message %d: %w", no, err)
		}
	}
	switch {
	case !row.IsNil():
		_, fields, err := entry(row)
		if err != nil {
			return err
		}
		if t.stored, err = scan(room, no, fields); err != nil {
			return err
		}
		t.about, t.text = textOf(fields[3]), t.Text
	case t.was.ID != "":
		if t.stored, err = t.was.place(room, no); err != nil {
			return err
		}
	default:
		return fmt.Errorf("message %d of %s is not there: the data are damaged", no, room)
	}
	t.exists = true
	t.was.show(&t.Message)
	t.edits = t.was.Edits
	return nil
}

// apply checks and applies one change. writeTargets adds the event's position
// to the result.
func (b *annotations) apply(c *chat.Change) (chat.Result, error) {
	if !b.exists {
		return chat.Result{}, chat.ErrNotFound
	}
	var speaker *chat.Member
	var spoke int64
	if c.MustBeIn != "" {
		place := b.places[c.MustBeIn]
		if place == "" {
			return chat.Result{}, chat.ErrNotFound
		}
		m, ms, err := scanMember(b.room.ID, c.MustBeIn, place)
		if err != nil {
			return chat.Result{}, err
		}
		speaker, spoke = &m, ms
	}
	if err := c.MayWrite(&b.room, speaker, unmilli(spoke)); err != nil {
		return chat.Result{}, err
	}
	t := b.targets[c.Op.(chat.Annotation).Target()]
	if !t.exists {
		return chat.Result{}, chat.ErrNotFound
	}
	before := t.Message.Clone()
	payload, changed, err := c.Annotate(&t.Message)
	if err != nil || !changed {
		return chat.Result{NoOp: err == nil}, err
	}
	if err := b.write(t, c, before); err != nil {
		return chat.Result{}, err
	}
	return chat.Result{Event: c.Event(payload).Clone()}, nil
}

// write adds what a change writes besides the annotation.
func (b *annotations) write(t *target, c *chat.Change, before *chat.Message) error {
	no := num(t.No)
	switch c.Op.(type) {
	case chat.EditMessage:
		text, err := json.Marshal(before.AsEdit())
		if err != nil {
			return err
		}
		t.edits++
		b.do("HSET", editsKey, editField(t.No, t.edits), string(text))
		if t.edits > chat.MaxEdits {
			b.do("HDEL", editsKey, editField(t.No, t.edits-chat.MaxEdits))
		}
	case chat.DeleteMessage:
		for n := max(1, t.edits-chat.MaxEdits+1); n <= t.edits; n++ {
			b.do("HDEL", editsKey, editField(t.No, n))
		}
		t.edits, t.gone = 0, true
		b.do("XDEL", messagesKey, no+"-0")
	}
	return nil
}

func (b *annotations) do(command, key string, args ...string) {
	b.writes = append(b.writes, append([]string{command, key}, args...))
}

// annotation returns the annotation of the message as it is now.
func (t *target) annotation() annotation {
	k := annotationOf(&t.Message)
	k.Edits = t.edits
	if k.DeletedAt.IsZero() && t.Text != t.text {
		k.Text = &t.Text
	}
	if k.ID, k.About = t.was.ID, t.was.About; t.gone {
		k.ID, k.About = t.ID, t.about
	}
	return k
}

// keep adds the annotation of t and its index entries.
func (b *annotations) keep(t *target) error {
	now := t.annotation()
	if now.empty() {
		b.do("HDEL", marksKey, num(t.No))
	} else {
		text, err := json.Marshal(now)
		if err != nil {
			return err
		}
		b.do("HSET", marksKey, num(t.No), string(text))
	}
	old, found := t.was.find(t.No), now.find(t.No)
	for _, name := range old {
		if !slices.Contains(found, name) {
			b.do("ZREM", markedKey, name)
		}
	}
	for _, name := range found {
		if !slices.Contains(old, name) {
			b.do("ZADD", markedKey, "0", name)
		}
	}
	return nil
}

// writeTargets writes the changes and completes their results. It reports false
// if something has changed since it was read.
func (s *Store) writeTargets(ctx context.Context, b *annotations, results []chat.Result) (bool, error) {
	events, numbers, at, err := s.logEntries(results)
	if err != nil || len(at) == 0 {
		return true, err
	}
	var read, values []string
	for _, no := range b.order {
		t := b.targets[no]
		if numbers[no] {
			if err := b.keep(t); err != nil {
				return false, err
			}
			read, values = append(read, num(no)), append(values, t.read)
		}
	}
	args := []string{s.keys.channel(chat.RoomStream(b.room.ID)), window,
		headKey, "2", "gate", "trimmed", b.gate, b.floor,
		marksKey, strconv.Itoa(len(read))}
	args = append(append(args, read...), values...)
	if len(b.places) > 0 {
		args = append(args, membersKey, strconv.Itoa(len(b.places)))
		var places []string
		for user, place := range b.places {
			args, places = append(args, string(user)), append(places, place)
		}
		args = append(args, places...)
	}
	args = append(args, "write")
	for _, w := range b.writes {
		args = append(append(args, strconv.Itoa(len(w))), w...)
	}
	args = append(append(args, "append"), events...)
	reply, err := s.run(ctx, &annotateScript, s.annotateKeys(b.room.ID), args)
	if err != nil {
		return false, err
	}
	replies, err := reply.ToArray()
	if err != nil || len(replies) == 0 {
		return false, err
	}
	if len(replies) != len(at) {
		return false, fmt.Errorf("annotate.lua gave %d answers to %d events", len(replies), len(at))
	}
	for i, r := range replies {
		pair, err := r.ToArray()
		if err != nil || len(pair) != 2 {
			return false, errors.Join(err, fmt.Errorf("answer of annotate.lua: %d parts", len(pair)))
		}
		e := &results[at[i]].Event
		if e.Seq, err = pair[0].AsInt64(); err != nil {
			return false, err
		}
		e.Epoch, e.Prev = s.epoch, textOf(pair[1])
	}
	return true, nil
}

// logEntries are the events among results as annotate.lua takes them: id, JSON
// without its end, type and entry. It returns which messages they change, and
// the index of each event's result.
func (s *Store) logEntries(results []chat.Result) (events []string, numbers map[int64]bool, at []int,
	err error) {
	numbers = map[int64]bool{}
	for i := range results {
		e := results[i].Event
		if e.ID == "" {
			continue // refused, or nothing to change
		}
		open := stub{Stream: e.Stream, Epoch: s.epoch, ID: e.ID, Kind: e.Kind, At: e.At, By: e.By,
			Reaction: e.Reaction}
		if e.Message != nil {
			open.Message = e.Message
		}
		b, err := json.Marshal(open)
		if err != nil {
			return nil, nil, nil, err
		}
		kind, entry, no := "c", "", int64(0)
		if r := e.Reaction; r != nil {
			kind, entry, no = "x", reactionEntry(e.ID, e.At, e.By, e.Kind, r), r.No
		} else {
			no = e.Message.No
			entry = changedEntry(e.ID, e.At, e.By, e.Kind, no)
		}
		events = append(events, e.ID, string(b[:len(b)-1]), kind, entry)
		numbers[no], at = true, append(at, i)
	}
	return events, numbers, at, nil
}
